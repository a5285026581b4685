"""The text of INFO as facts. A field that is missing or makes no sense is None.

Fields: https://redis.io/docs/latest/commands/info/
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from probes.base import SafeText
from probes.redis.facts import Keyspace, Memory, Persistence, Replica, Replication

Info = Mapping[str, str]

_LINES: Final = 5000
_DATABASES: Final = 64
_REPLICAS: Final = 50


def fields(raw: bytes) -> dict[str, str]:
    """The `name:value` lines.

    >>> fields(b"# Server\\r\\nredis_version:7.0.15\\r\\ndb0:keys=1\\r\\n")
    {'redis_version': '7.0.15', 'db0': 'keys=1'}
    """
    found: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").splitlines()[:_LINES]:
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            found[name.strip()] = value.strip()
    return found


def number(text: str | bytes | int | None) -> float | None:
    """A number that is finite and not negative.

    >>> number("12"), number(b"0.5"), number("-1"), number("nan"), number("no"), number(None)
    (12.0, 0.5, None, None, None, None)
    """
    if text is None:
        return None
    try:
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and value >= 0 else None


def flag(text: str | None) -> bool | None:
    """A yes or no given as 1 or 0."""
    return {"1": True, "0": False}.get(text or "")


def server_now(info: Info, otherwise: datetime) -> float:
    """The server's clock in seconds since the epoch; ours when it does not tell."""
    micros = number(info.get("server_time_usec"))
    return micros / 1e6 if micros else otherwise.timestamp()


def memory(info: Info) -> Memory:
    """The section `memory`."""
    return Memory(
        used=number(info.get("used_memory")),
        rss=number(info.get("used_memory_rss")),
        peak=number(info.get("used_memory_peak")),
        limit=number(info.get("maxmemory")),
        policy=str(SafeText(info.get("maxmemory_policy"), 40)),
        fragmentation=number(info.get("mem_fragmentation_ratio")),
    )


_STATUSES: Final = (
    ("rdb_last_bgsave_status", "snapshot"),
    ("aof_last_write_status", "append-only file"),
    ("aof_last_bgrewrite_status", "rewrite of the append-only file"),
)


def persistence(info: Info, now: float) -> Persistence:
    """The section `persistence`; a last save in the future is no honest age."""
    saved = number(info.get("rdb_last_save_time"))
    return Persistence(
        loading=flag(info.get("loading")),
        aof=flag(info.get("aof_enabled")),
        last_save_age=now - saved if saved and now >= saved - 2 else None,
        changes=number(info.get("rdb_changes_since_last_save")),
        failed=tuple(word for name, word in _STATUSES if info.get(name) == "err"),
    )


def replication(info: Info) -> Replication:
    """The section `replication`."""
    role = {"master": "master", "slave": "replica"}.get(info.get("role", ""), "")
    offset = number(info.get("master_repl_offset"))
    host, port = info.get("master_host"), info.get("master_port")
    replicas = [_replica(info[key], offset) for key in (f"slave{place}" for place in range(_REPLICAS)) if key in info]
    return Replication(
        role=role,
        master=SafeText(f"{host}:{port}", 100) if host else SafeText(),
        link_up={"up": True, "down": False}.get(info.get("master_link_status", "")),
        silent=number(info.get("master_last_io_seconds_ago")),
        replicas=tuple(replicas),
    )


def _replica(text: str, offset: float | None) -> Replica:
    parts = _pairs(text)
    acknowledged = number(parts.get("offset"))
    behind = None if offset is None or acknowledged is None else max(0.0, offset - acknowledged)
    return Replica(
        address=SafeText(f"{parts.get('ip', '?')}:{parts.get('port', '?')}", 100),
        state=SafeText(parts.get("state"), 30),
        lag=number(parts.get("lag")),
        behind=behind,
    )


def databases(info: Info) -> tuple[Keyspace, ...]:
    """The section `keyspace`."""
    found = []
    for key, text in info.items():
        if key.startswith("db") and key[2:].isdecimal() and text.startswith("keys="):
            parts = _pairs(text)
            ttl = number(parts.get("avg_ttl"))
            average = ttl / 1000 if ttl else None
            found.append(Keyspace(int(key[2:6]), number(parts.get("keys")), number(parts.get("expires")), average))
    return tuple(sorted(found, key=lambda one: one.number)[:_DATABASES])


def errors(info: Info) -> dict[str, float]:
    """Error replies by their first word (errorstats, since 6.2)."""
    found = {}
    for key, text in info.items():
        if key.startswith("errorstat_"):
            count = number(_pairs(text).get("count"))
            if count is not None:
                found[str(SafeText(key[10:], 30))] = count
    return found


def _pairs(text: str) -> dict[str, str]:
    return {name: value for name, mark, value in (part.partition("=") for part in text.split(",")) if mark}
