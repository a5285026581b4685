"""How an act of care ends: what keeps it from beginning, what the server's word means, what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.base import Outcome, Plan, Result, SafeText, Subject, Truth, Verdict
from probes.postgres.care import plans, truth
from probes.postgres.care.locks import in_the_way
from probes.postgres.care.sight import CARER, CareSight, Relation, names_leftover
from probes.postgres.link import Link

if TYPE_CHECKING:
    import psycopg


def all_of(done: int, total: int, after: float, ended: str) -> Verdict:
    """What is true of the tables of a database, so many of them done."""
    words = f"{done:,} of {total:,} tables done"
    if ended in ("", "done") and done >= total:
        return Verdict(Truth.CONFIRMED, SafeText(words))
    if ended == "done" and after >= truth.STALE:
        return Verdict(
            Truth.CONFIRMED if done else Truth.REFUTED, SafeText(f"{words}; the others were locked, or not ours")
        )
    if after < truth.STALE:
        return Verdict(Truth.PENDING, SafeText(words))
    return Verdict(Truth.REFUTED, SafeText(f"{ended or 'its session is gone'}: {words}"))


def difference(plan: Plan, subject: Subject, one: Relation | None, sight: CareSight) -> Outcome | None:
    """REFUSED with what has changed or is in the way now; None when it can be done."""
    if sight.pin != plan.pin:
        was, now = dict(plan.pin), dict(sight.pin)
        what = next((name for name in was if was[name] != now.get(name)), "server")
        words = f"changed since you looked: {what.replace('_', ' ')} {was.get(what)} -> {now.get(what)}"
        return Outcome(Result.REFUSED, SafeText(words))
    planned = dict(subject.identity)
    if "oid" not in planned:
        return None
    if one is None:
        again = sight.found(planned["name"])
        now_is = f"another one has that name now (oid {again[0].oid})" if again else "it is not there any more"
        return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {planned['name']} -> {now_is}"))
    fresh = dict(plans.identity_of(plan.action.name, one))
    for name in plans.COMPARED:
        if name in planned and name in fresh and planned[name] != fresh[name]:
            words = f"changed since you looked: {name} {planned[name]} -> {fresh[name]}"
            return Outcome(Result.REFUSED, SafeText(words, 400))
    check = plan.action.name
    if check == "create-index" and sight.found(planned["index"]):
        return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {planned['index']} is there now"))
    if check == "drop-index" and one.valid and one.scans:
        return Outcome(
            Result.REFUSED, SafeText(f"changed since you looked: queries have used it {one.scans:.0f} times")
        )
    if way := in_the_way(check, one, sight):
        return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {way}"))
    return None


def said_of(error: psycopg.Error) -> str:
    """What the server's error means for an act, in our words."""
    state = error.sqlstate or ""
    known = {
        "55P03": "a lock was not to be had in time, so it was given up",
        "57014": "it was cancelled, or took longer than care_within",
        "23505": "two rows are alike where the index is to be unique",
        "23503": "a row is still referred to from another table",
        "42501": "our role has no right to do this",
        "40P01": "it and another session waited for each other, and it was given up",
        "53100": "the disk of the server is full",
        "57P01": "its session was ended",
        "OR001": "another table has that name now",
        "55006": "somebody uses it",
    }
    return known.get(state, f"the server gave it up (SQLSTATE {state})")


def deleted(link: Link) -> float | None:
    """Rows that batches have deleted, as the session itself has told; None when it told nothing."""
    done = link.told("application_name").removeprefix(CARER).partition(" of ")
    return float(done[0]) if done[1] and done[0].isdigit() else None


def leftover(plan: Plan, subject: Subject, sight: CareSight) -> str:
    """The name of an invalid index that a failed act has left; empty when there is none."""
    planned = dict(subject.identity)
    if plan.action.name == "create-index":
        found = next((one for one in sight.found(planned["index"]) if one.is_index and not one.valid), None)
        return found.key if found is not None and found.table_oid == planned["oid"] else ""
    if plan.action.name == "reindex":
        tables = [one for key in (planned["name"], planned["table"]) for one in sight.found(key)]
        return ", ".join(
            dict.fromkeys(
                one.key for table in tables for one in table.indexes if not one.valid and names_leftover(one.key)
            )
        )
    if plan.action.name == "drop-index":
        one = sight.by_oid(planned["oid"])
        return one.key if one is not None and not one.valid else ""
    return ""
