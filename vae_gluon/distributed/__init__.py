"""Training in several processes, with MXNet's parameter server."""

from vae_gluon.distributed.callbacks import Workers
from vae_gluon.distributed.cluster import LOOPBACK, ROLES, run_cluster
from vae_gluon.distributed.server import serve
from vae_gluon.distributed.workers import TIMEOUT, Watchdog, check_agreement, join, leave, shard
