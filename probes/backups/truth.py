"""Whether an act on backups has come true, by what is there now and what its job has told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.backups import ledger
from probes.backups.facts import Work
from probes.backups.server import Scene
from probes.base import Identity, Outcome, Result, SafeText, Subject, Truth, Verdict
from probes.exec.job import Standing, State


def said(truth: Truth, words: object, share: float | None = None) -> Verdict:
    """A verdict."""
    return Verdict(truth, words if isinstance(words, SafeText) else SafeText(str(words), 400), share)


def of_job(work: Work | None, standing: Standing | None, outcome: Outcome) -> Verdict | None:
    """What a job that is not done has to say; None: it says that it is done, which is to be looked at."""
    if work is None or standing is None:
        if outcome.result is Result.UNKNOWN:
            return said(Truth.REFUTED, "no job was begun for it: nothing was done")
        return said(Truth.UNKNOWN, "nothing is remembered of its job on this machine")
    if work.state == "under way":
        words = f"{work.words}, {work.share:.0%}" if work.share is not None else f"{work.words}"
        return said(Truth.PENDING, words, work.share)
    if work.state == "done":
        return None
    if standing.state is State.LOST and standing.began is None and work.state not in ("failed", "stopped"):
        return said(Truth.REFUTED, "its job never began: nothing was done")
    left = f"; left behind: {work.left}" if work.left else ""
    return said(Truth.REFUTED, f"{work.words}{left}")


def after_dump(told: ledger.Told, now: Identity | None, how: str = "taken") -> Verdict:
    """The file must be there, and be the one that was read back whole."""
    done = told.done or {}
    wanted = tuple((str(key), str(value)) for key, value in done.get("identity", ()))
    if now is None:
        return said(Truth.REFUTED, f"it was {how} and is gone again")
    return (
        said(Truth.CONFIRMED, done.get("words", "")) if now == wanted else said(Truth.UNKNOWN, "it has changed since")
    )


def after_copy(told: ledger.Told, size: float | None) -> Verdict:
    """The copy must be there with the size that was compared."""
    done: Mapping[str, Any] = told.done or {}
    if size is None:
        return said(Truth.REFUTED, "the copy was made and is gone again")
    if size != done.get("size"):
        return said(Truth.REFUTED, f"the copy has {size:,.0f} bytes now, the backup {done.get('size')}")
    return said(Truth.CONFIRMED, done.get("words", ""))


def after_verify(told: ledger.Told, made: ledger.Made | None) -> Verdict:
    """It was restored and asked; and the scratch database must be gone."""
    words = str((told.done or {}).get("words", ""))
    if made is not None and not made.gone:
        return said(Truth.CONFIRMED, f"{words}; but its database {made.name} is left behind: clean it up")
    return said(Truth.CONFIRMED, f"{words}; the scratch database is dropped again")


def after_restore(told: ledger.Told, made: ledger.Made | None, scene: Scene) -> Verdict:
    """The new database must be there, and be the one that was made."""
    if made is None:
        return said(Truth.UNKNOWN, "it is not remembered which database was made")
    there = next((one for one in scene.databases.values() if one.oid == made.oid), None)
    if there is None:
        return said(Truth.REFUTED, f"{made.name} was restored and is gone again")
    renamed = f"; it is called {there.name} now" if there.name != made.name else ""
    return said(Truth.CONFIRMED, f"{(told.done or {}).get('words', '')}{renamed}")


def after_switch(subject: Subject, scene: Scene) -> Verdict:
    """The names must belong to the databases as planned."""
    told = dict(subject.identity)
    names = {str(one.oid): one.name for one in scene.databases.values()}
    live, restored = names.get(told["live oid"]), names.get(told["restored oid"])
    if live == told["aside"] and restored == told["live"]:
        return said(Truth.CONFIRMED, f"{told['live']} is the restored database; the old one is {live}")
    if live == told["live"] and restored == told["restored"]:
        return said(Truth.REFUTED, f"{live} and {restored} have their old names")
    return said(Truth.UNKNOWN, f"they are called {live or '(gone)'} and {restored or '(gone)'} now")


def after_prune(subject: Subject, now: Identity | None) -> Verdict:
    """The file must be gone."""
    then = tuple(pair for pair in subject.identity if pair[0] != "name")
    if now is None:
        return said(Truth.CONFIRMED, "it is gone")
    if now == then:
        return said(Truth.REFUTED, "it is still there")
    return said(Truth.CONFIRMED, "it is gone; another file has its name now")


def alike(now: Identity, then: Identity) -> bool:
    """The same but for the names that are made from the time of the look."""
    return _steady(now) == _steady(then)


def _steady(identity: Identity) -> Identity:
    return tuple(pair for pair in identity if pair[0] not in ("file", "aside"))


def differing(then: Identity, now: Identity) -> str:
    """What is another one now."""
    old = dict(then)
    return ", ".join(f"{name} {old.get(name) or '–'} -> {new or '–'}" for name, new in now if old.get(name) != new)
