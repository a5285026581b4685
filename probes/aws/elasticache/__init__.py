"""The `elasticache` kind: managed caches and their nodes, read from Amazon ElastiCache; only `act` changes them."""

from probes.aws.elasticache.facts import CacheEvent, CacheGroup, CacheNode, ElastiCacheFacts, Policy, Shard
from probes.aws.elasticache.probe import ElastiCacheProbe
from probes.aws.elasticache.settings import ElastiCacheSettings

__all__ = [
    "CacheEvent",
    "CacheGroup",
    "CacheNode",
    "ElastiCacheFacts",
    "ElastiCacheProbe",
    "ElastiCacheSettings",
    "Policy",
    "Shard",
]
