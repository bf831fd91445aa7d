"""Training by several processes, on MXNet's parameter server."""

from vae_gluon.distributed.cluster import LOOPBACK, ROLES, run_cluster
from vae_gluon.distributed.server import serve
from vae_gluon.distributed.workers import (
    TIMEOUT,
    TO_JOIN,
    Watch,
    check_agreement,
    join,
    leave,
    shard,
    share_weights,
    total,
)
