"""Redis and Valkey: a server as a cache (kind `redis`), and the queues that live in one (kind `queues`)."""

from probes.redis.address import RedisSettings
from probes.redis.cache import RedisProbe
from probes.redis.facts import (
    Keyspace,
    Memory,
    Persistence,
    RedisFacts,
    Replica,
    Replication,
    Slow,
    Traffic,
)
from probes.redis.queues import (
    FailedJob,
    Group,
    Outlook,
    Queue,
    QueuesFacts,
    QueuesProbe,
    QueuesSettings,
    Total,
    Worker,
)

__all__ = [
    "FailedJob",
    "Group",
    "Keyspace",
    "Memory",
    "Outlook",
    "Persistence",
    "Queue",
    "QueuesFacts",
    "QueuesProbe",
    "QueuesSettings",
    "RedisFacts",
    "RedisProbe",
    "RedisSettings",
    "Replica",
    "Replication",
    "Slow",
    "Total",
    "Traffic",
    "Worker",
]
