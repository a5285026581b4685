"""What acting needs to know of a library: what a failed job is by, how it is set going again, and what became of it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final

from probes.base import Identity, Outcome, Result, SafeText
from probes.redis.connection import Refusal, complaint
from probes.redis.queues.dialect import Ask, rows, whole
from probes.redis.queues.facts import Queue

MOST: Final = 1000
"""Failed jobs that one request sets going at most."""
TOLD: Final = 200
"""Jobs whose ids are kept to follow them."""
_BEFORE: Final = frozenset(
    {"OOM", "READONLY", "MISCONF", "NOREPLICAS", "BUSY", "LOADING", "MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN",
     "MASTERDOWN", "NOAUTH", "NOPERM"}
)  # fmt: skip
"""First words of errors after which nothing was done: they come before the first write of a script."""

PRELUDE: Final = """
local function forbidden(wanted)
  for _, command in ipairs(redis.acl_check_cmd and wanted or {}) do
    if not redis.acl_check_cmd(unpack(command)) then return command[1] end
  end
end
local function misplaced(kinds)
  for key, kind in pairs(kinds) do
    local found = redis.call('TYPE', key).ok
    if found ~= 'none' and found ~= kind then return key end
  end
end
"""
"""Lua that looks before anything is written: a script that fails halfway is not taken back."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script that does it, with its keys and arguments."""

    text: str
    keys: tuple[str, ...]
    args: tuple[str | bytes | int, ...]


@dataclass(frozen=True, slots=True)
class FailedOne:
    """A failed job, as it is now."""

    id: str
    identity: Identity
    age: float | None
    """Seconds since it failed."""
    attempts: int | None
    reason: SafeText
    tries: str = ""
    """What its attempts mean for it now: "its 3 attempts are used up, so this is one more"."""
    hindrance: str = ""
    """Why it can't be set going again; empty: it can."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """A queue, as it is now."""

    queue: Queue
    identity: Identity
    """With ("up to", mark): the newest of its failed jobs."""
    asleep: str = ""
    """Why nobody takes anything although workers may be there."""
    hindrance: str = ""
    """Why it can't be acted on; empty: it can."""


class Phase(Enum):
    """Where a job is."""

    FAILED = "failed"
    LATER = "later"
    """It failed once more and is tried again by itself."""
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    GONE = "gone"
    """Nothing is kept of it: done, or removed."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a job."""

    phase: Phase
    failed_at: str = ""
    """The mark of its failure, as in its identity; only when it failed."""
    reason: SafeText = SafeText()
    before_it: int | None = None
    """Jobs that are taken first; only when it waits and that can be told."""


class Library(ABC):
    """One library's way to keep jobs. Reads through `ask`; the scripts it makes are run by the actuator alone."""

    name: ClassVar[str]
    title: ClassVar[str]
    pauses: ClassVar[bool] = False
    """True when one of its queues can be paused."""
    note: ClassVar[str]
    """What the line people type would do wrong, in one sentence."""

    @abstractmethod
    def failed_key(self, queue: str) -> str:
        """The sorted set that holds the ids of failed jobs."""

    @abstractmethod
    async def crowd(self, ask: Ask, name: str) -> Crowd | None:
        """A queue; None when there is none."""

    @abstractmethod
    async def failed(self, ask: Ask, queue: str, id: str) -> FailedOne | None:
        """A job among the failed ones; None when it is not one of them."""

    @abstractmethod
    async def fates(self, ask: Ask, queue: str, ids: Sequence[str]) -> list[Fate]:
        """What became of jobs, in order."""

    @abstractmethod
    async def left(self, ask: Ask, queue: str, mark: str) -> int | None:
        """Failed jobs of a queue up to a mark."""

    @abstractmethod
    async def retry(self, ask: Ask, identity: Identity) -> Script:
        """What sets one failed job going, if it is still the one of this identity."""

    @abstractmethod
    async def retry_all(self, ask: Ask, identity: Identity) -> Script:
        """What sets going the failed jobs of a queue up to the mark, `MOST` at most."""

    def pause(self, identity: Identity, verb: str) -> Script:
        """What pauses or resumes a queue."""
        raise NotImplementedError(f"{self.name} can't {verb} a queue")

    @abstractmethod
    def newer(self, mark: str, than: str) -> bool:
        """True when a mark is of a later failure."""


# what a script answers


def answer(reply: Any, where: str) -> Outcome:
    """The outcome that a script's reply means: ["done", moved, left, skipped, id ...] or a reason."""
    if isinstance(reply, Refusal):
        return _refused(reply, where)
    words = [part.decode("utf-8", "replace") if isinstance(part, bytes) else part for part in rows(reply)]
    match words:
        case ["done", int(moved), int(left), int(skipped), *ids]:
            return _done(moved, left, skipped, [str(id) for id in ids])
        case ["changed", str(what)]:
            return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {what}", 300))
        case ["denied", str(command)]:
            hint = "the ACL of our user forbids a command this takes"
            return Outcome(Result.FAILED, SafeText(f"our user may not do this: {command} ({hint})", 300))
        case ["odd", str(what)]:
            return Outcome(Result.FAILED, SafeText(f"nothing was done: {what}", 300))
    return Outcome(Result.UNKNOWN, SafeText("the script answered with something it never answers"))


def _refused(refusal: Refusal, where: str) -> Outcome:
    """An error reply: nothing was done when it came before the first write, else nobody knows."""
    inside = refusal.code == "NOPERM" and "script:" in refusal.text
    if (refusal.code in _BEFORE and not inside) or refusal.unknown:
        return Outcome(Result.FAILED, complaint(refusal, where).message)
    words = f"the script ended with an error: {SafeText(refusal.text, 120)}"
    return Outcome(Result.UNKNOWN, SafeText(words, 300))


def _done(moved: int, left: int, skipped: int, ids: Sequence[str]) -> Outcome:
    facts = (("moved", str(moved)), ("left", str(left)), ("skipped", str(skipped)), ("jobs", json.dumps(list(ids))))
    if not moved and not skipped:
        return Outcome(Result.REFUSED, SafeText("changed since you looked: none of them is failed any more"), facts)
    kept = f", of which {skipped} can't be" if skipped else ""
    if moved == 0:
        return Outcome(Result.FAILED, SafeText("nothing was done: the data is gone, or may not be touched"), facts)
    if left:
        return Outcome(Result.PARTIAL, SafeText(f"{moved} set going, {left} left{kept}"), facts)
    return Outcome(Result.DONE, SafeText(f"{moved} set going"), facts)


def followed(outcome: Outcome) -> list[str]:
    """The ids of the jobs that a script set going, as far as they were told."""
    try:
        ids = json.loads(dict(outcome.facts).get("jobs", "[]"))
    except ValueError:
        return []
    return [id for id in ids if isinstance(id, str)] if isinstance(ids, list) else []


# reading


def plain(raw: Any) -> str:
    """Text that must come back as it was; empty when it is none."""
    try:
        return raw.decode() if isinstance(raw, bytes) else ""
    except UnicodeDecodeError:
        return ""


def position(reply: Any, length: Any) -> int | None:
    """How many are taken before the job at this place of a list that is taken from the end."""
    at, size = whole(reply), whole(length)
    return None if at is None or size is None else max(0, int(size - 1 - at))


def chunks(replies: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Replies in groups of a size."""
    for start in range(0, len(replies), size):
        yield replies[start : start + size]
