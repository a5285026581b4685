"""Whether what was wanted of a cache is so: by a fresh look at keys and settings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from probes.base import Outcome, Result, SafeText, Truth, Verdict
from probes.redis.act_plans import amount
from probes.redis.connection import Link
from probes.redis.interlock import Interlock
from probes.redis.sight import Here, asked, flushes, pages

_LOOKING: Final = 3.0
"""Seconds for one look at what is left."""


@dataclass
class Left:
    """How far a look at what is left has come; it may take several."""

    cursor: bytes = b"0"
    keys: int = 0
    done: bool = False


def ended(outcome: Outcome | None) -> Outcome:
    """How a clearing ended that was under way when it was answered; None: in another session."""
    return outcome or Outcome(Result.UNKNOWN, SafeText("the session that cleared has ended"))


async def cleared(
    link: Link, left: Left, told: dict[str, str], outcome: Outcome, here: Here, followed: bool = False
) -> Verdict:
    """What still matches, going on where the look before left off. Raises `ProbeError`.

    `followed`: the outcome is known to nobody yet. Only a clearing that was answered to its end is taken for what made
    the keys go: they may expire, or somebody else remove them.
    """
    if left.done:  # a new look
        left.cursor, left.keys, left.done = b"0", 0, False
    ends, interlock = time.monotonic() + _LOOKING, Interlock(link)
    async for cursor, keys in pages(link, told["pattern"], left.cursor):
        left.keys += len(keys) - len(await interlock.of(keys))
        left.cursor, left.done = cursor, cursor == b"0"
        if time.monotonic() > ends:
            break
    said = f"{outcome.words}: " if followed else ""
    if not left.done:
        words = f"{said}looking through all keys, {amount(left.keys)} that match so far"
        return Verdict(Truth.PENDING, SafeText(words, 400))
    removed, others = dict(outcome.facts).get("removed"), f"database {here.db} holds {amount(here.keys(here.db).keys)}"
    done = outcome.result is Result.DONE
    if left.keys == 0 and done:
        return Verdict(
            Truth.CONFIRMED, SafeText(f"{amount(float(removed or 0))} removed, none matches any more; {others}"), 1.0
        )
    if left.keys == 0:
        words = f"{said}none matches any more; whether all that by us is not known; {others}"
        return Verdict(Truth.UNKNOWN, SafeText(words, 400), final=True)
    if done:  # a whole SCAN met all that was there: these came since
        words = f"{amount(float(removed or 0))} removed; {left.keys:,} more came since; {others}"
        return Verdict(Truth.CONFIRMED, SafeText(words), 1.0)
    gone = sum(int(dict(outcome.facts).get(name, "0")) for name in ("removed", "unanswered"))
    share = gone / (gone + left.keys) if gone else None
    return Verdict(Truth.REFUTED, SafeText(f"{said}{amount(left.keys)} match still; {others}", 400), share)


def flushed(told: dict[str, str], outcome: Outcome, here: Here) -> Verdict:
    """Whether the database was emptied, by what it holds.

    Without an answer it is never taken for our doing: others flush as well. The server counts flushes of all databases
    and by whomever (INFO commandstats), so its count shows only that there was none.
    """
    held, before = here.keys(here.db).keys, int(told["flushes"])
    now = flushes(here)
    if outcome.result is Result.DONE:
        words = "is empty" if not held else f"was flushed; {amount(held)} were written since"
        return Verdict(Truth.CONFIRMED, SafeText(f"database {here.db} {words}"))
    if now == before and held:
        return Verdict(Truth.REFUTED, SafeText(f"nothing was flushed: database {here.db} holds {amount(held)}"))
    state = f"database {here.db} {f'holds {amount(held)}' if held else 'is empty'} now"
    if now == before:
        words = f"{state}, though the server counts no FLUSHDB since the look: not by us"
        return Verdict(Truth.UNKNOWN, SafeText(words), final=True)
    count = f"the server counts {amount(now - before, 'FLUSHDB')} since the look" if now > before else (
        "the server's counters were reset"
    )  # fmt: skip
    return Verdict(Truth.UNKNOWN, SafeText(f"{state}; {count}: whether by us is not known"), final=True)


def is_set(now: object, wanted: object, words: str) -> Verdict:
    """Whether a setting is as it should be."""
    return Verdict(Truth.CONFIRMED if now == wanted else Truth.REFUTED, SafeText(words))


async def slow(link: Link) -> tuple[int, int]:
    """(entries of the slow log, id of the newest; -1 when there is none). Raises `ProbeError`."""
    count, rows = await asked(link, [("SLOWLOG", "LEN"), ("SLOWLOG", "GET", 1)])
    newest = rows[0][0] if isinstance(rows, list) and rows and isinstance(rows[0], list) and rows[0] else -1
    return count if isinstance(count, int) else 0, newest if isinstance(newest, int) else -1


async def emptied(link: Link, told: dict[str, str], outcome: Outcome) -> Verdict:
    """Whether the old entries of the slow log are gone. Raises `ProbeError`."""
    (rows,) = await asked(link, [("SLOWLOG", "GET", 1000)])
    ids = [row[0] for row in rows if isinstance(row, list) and row and isinstance(row[0], int)]
    old = sum(id <= int(told["newest"]) for id in ids)
    if old:
        return Verdict(Truth.REFUTED, SafeText(f"{old} of the old entries are there still"))
    words = f"empty but for {len(ids)} new" if ids else "it is empty"
    if outcome.result is not Result.DONE:
        return Verdict(Truth.UNKNOWN, SafeText(f"{words}; whether by us is not known"), final=True)
    return Verdict(Truth.CONFIRMED, SafeText(words))
