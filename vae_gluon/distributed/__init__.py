"""Training by several processes, on MXNet's parameter server."""

from vae_gluon.distributed.cluster import LOOPBACK, ROLES, run_cluster
from vae_gluon.distributed.workers import (
    TIMEOUT,
    Watch,
    begin_together,
    check_agreement,
    shard,
    total,
)

__all__ = [
    "LOOPBACK",
    "ROLES",
    "TIMEOUT",
    "Watch",
    "begin_together",
    "check_agreement",
    "run_cluster",
    "shard",
    "total",
]
