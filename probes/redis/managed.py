"""Managed services: they speak Redis and keep CONFIG to themselves. Known by their addresses, or by what INFO says.

ElastiCache lists CONFIG among its restricted commands:
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/RestrictedCommands.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_HOSTS: Final = (
    (".cache.amazonaws.com", "Amazon ElastiCache", "change it in the parameter group"),
    (".memorydb.", "Amazon MemoryDB", "change it in the parameter group"),
    (".redis.cache.windows.net", "Azure Cache for Redis", "change it under its advanced settings"),
    (".redis.azure.net", "Azure Managed Redis", "change it under its advanced settings"),
    (".redislabs.com", "Redis Cloud", "change it in its console"),
    (".redis-cloud.com", "Redis Cloud", "change it in its console"),
    (".redns.redis-cloud.com", "Redis Cloud", "change it in its console"),
    (".upstash.io", "Upstash", "change it in its console"),
    (".aivencloud.com", "Aiven", "change it in its console"),
    (".ondigitalocean.com", "DigitalOcean", "change it in its console or by its API"),
)
"""(part of a host's name, the service, what to do instead)."""
_SYSTEMS: Final = (("elasticache", "Amazon ElastiCache", "change it in the parameter group"),)
"""(part of what INFO calls the operating system, the service, what to do instead)."""

UNKNOWN: Final = "this server has no CONFIG, as managed ones have not: change it where the service is administered"


def without_config(host: str, info: Mapping[str, str] | None = None) -> str:
    """Why CONFIG is not to be had from this server, in one line; empty when it may be.

    >>> without_config("shop.abc123.0001.euw1.cache.amazonaws.com")
    'Amazon ElastiCache has no CONFIG: change it in the parameter group'
    >>> without_config("127.0.0.1"), without_config("r", {"os": "Amazon ElastiCache"})[:18]
    ('', 'Amazon ElastiCache')
    """
    name = host.lower().rstrip(".")
    system = (info or {}).get("os", "").lower()
    for mark, service, instead in (*_SYSTEMS, *_HOSTS):
        known = mark in system if (mark, service, instead) in _SYSTEMS else mark in name
        if known:
            return f"{service} has no CONFIG: {instead}"
    return ""
