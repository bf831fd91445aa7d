"""Training by several processes, on MXNet's parameter server."""

from vae_gluon.distributed.cluster import LOOPBACK, ROLES, run_cluster
from vae_gluon.distributed.workers import (
    TIMEOUT,
    Watch,
    check_agreement,
    shard,
    share_weights,
    total,
)
