"""What can be done to a cache, and why it can't be: actions, policies, and words shared by plan and act."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from probes.base import Action, Danger, Number, SafeText, Word
from probes.redis.facts import EVICTS

if TYPE_CHECKING:
    from probes.redis.interlock import Queues
    from probes.redis.sight import Here

POLICIES: Final = {
    "noeviction": "writes are refused when memory is full; what queues need",
    "allkeys-lru": "drops the keys used longest ago",
    "allkeys-lfu": "drops the keys used least",
    "allkeys-random": "drops any keys",
    "volatile-lru": "drops, of the keys with a lifetime, those used longest ago",
    "volatile-lfu": "drops, of the keys with a lifetime, those used least",
    "volatile-random": "drops any keys that have a lifetime",
    "volatile-ttl": "drops the keys that would expire first",
}
"""https://redis.io/docs/latest/develop/reference/eviction/"""

MIB: Final = 1 << 20

CLEAR: Final = Action(
    "clear", "clear keys", Danger.DESTRUCTIVE,
    "Removes the keys that match a pattern, some at a time (SCAN and UNLINK); keys of queues are never among them.",
    word=Word("pattern", r"\S(?:.{0,198}\S)?"), many=False, stops=True,
)  # fmt: skip
FLUSH: Final = Action(
    "flush", "flush database", Danger.DESTRUCTIVE,
    "Removes every key of one database (FLUSHDB ASYNC); refused while queues live in it, other databases stay.",
    many=False,
)  # fmt: skip
POLICY: Final = Action(
    "policy", "set eviction policy", Danger.DISRUPTIVE,
    "Sets what happens when memory is full (CONFIG SET maxmemory-policy), until the next restart.",
    word=Word("policy", "|".join(POLICIES), listed=True), many=False,
)  # fmt: skip
MEMORY: Final = Action(
    "memory", "set memory limit", Danger.DISRUPTIVE,
    "Sets how much memory the data may take (CONFIG SET maxmemory), until the next restart.",
    number=Number("MiB of memory", 1, 1 << 24), many=False,
)  # fmt: skip
SLOWLOG: Final = Action(
    "slowlog-reset", "reset slow log", Danger.DISRUPTIVE,
    "Empties the slow log (SLOWLOG RESET); what is slow from now on is kept as before.", many=False,
)  # fmt: skip
ACTIONS: Final = (CLEAR, FLUSH, POLICY, MEMORY, SLOWLOG)

NO_REPLICA: Final = "it is a replica and takes no writes: act on its master"
NO_CLUSTER: Final = "it is one node of a cluster: its keys are a part only, and no part is cleared alone"
COLD: Final = SafeText("the application finds nothing there and asks its database instead until the cache is warm")


def pattern_fault(pattern: str) -> str:
    r"""Why a pattern is not to be cleared; empty when it may be.

    >>> pattern_fault("cache:*"), pattern_fault("*")
    ('', 'the pattern matches every key: that is a flush, an act of its own')
    >>> pattern_fault("[abc")
    'the pattern has a [ that is never closed'
    """
    bare = re.sub(r"\\(.)", "x", pattern)
    if "[" in re.sub(r"\[[^\]]*\]", "", bare):
        return "the pattern has a [ that is never closed"
    if not re.sub(r"\[\^?[^\]]*\]|[*?]", "", bare):
        return "the pattern matches every key: that is a flush, an act of its own"
    if str(SafeText(pattern)) != pattern:
        return "the pattern has characters that can't be shown"
    return ""


def database_of(subject: str) -> int | None:
    """The number in `db3`; None for anything else."""
    return int(subject[2:]) if re.fullmatch(r"db\d{1,6}", subject) else None


def amount(count: float | None, what: str = "key") -> str:
    """A counted noun, or that the count is unknown.

    >>> amount(1), amount(12000), amount(None)
    ('1 key', '12,000 keys', 'an unknown number of keys')
    """
    return f"an unknown number of {what}s" if count is None else f"{count:,.0f} {what}{'' if count == 1 else 's'}"


def size(value: float | None) -> str:
    """Bytes for a person."""
    if value is None:
        return "unknown"
    return f"{value / MIB:,.0f} MiB" if value >= MIB else f"{value / 1024:,.0f} KiB"


def lasting(here: Here) -> SafeText:
    """Whether a changed setting outlives a restart."""
    if not here.info.get("config_file"):
        return SafeText("it holds until the next restart only: the server was started without a configuration file")
    return SafeText(
        "it holds until the next restart: to keep it, CONFIG REWRITE writes the running settings into the server's file"
    )


NEARLY: Final = 0.9
"""Share of the limit from which memory may be full by the time that somebody has confirmed: it swings while a server
works. What is planned from there on is planned as if it were."""


def drops_at_once(policy: str, here: Here) -> str:
    """What a policy takes away as soon as it is set; empty when nothing."""
    return "memory is full: keys are dropped at once" if _full(here) and policy != "noeviction" else ""


def drops_soon(policy: str, here: Here) -> str:
    """The same, or what it takes away with the next writes."""
    if policy == "noeviction" or not _full(here, NEARLY):
        return ""
    soon = f"memory is all but full, {size(here.used)} of {size(here.limit)}: keys are dropped with the next writes"
    return drops_at_once(policy, here) or soon


def _full(here: Here, share: float = 1.0) -> bool:
    return bool(here.limit) and (here.used or 0.0) >= share * (here.limit or 0.0)


def policy_fault(policy: str, queues: Queues) -> str:
    """Why a policy must not be set while queues may be there; empty when it may."""
    if policy == "noeviction":
        return ""
    if queues.counts:
        said = "drop their jobs" if policy in EVICTS else "drop those of their keys that have a lifetime"
        return f"queues live here ({queues.words}): with {policy} a full memory would {said}; they need noeviction"
    if not queues.complete:
        return "it is too large to be sure in time that no queue lives in it"
    return ""
