"""Whether an act of care came true: told by catalogue and statistics, and while it runs by the server's progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from probes.base import Outcome, Plan, SafeText, Subject, Truth, Verdict, lasted
from probes.postgres.care.plans import count, size, spoken
from probes.postgres.care.sight import CareSight, Relation, Share, names_leftover

STALE: Final = 3.0
"""Seconds statistics may be behind the statement that changed them, before PostgreSQL 15 above all."""
_PHASES: Final = {
    "initializing": (0.0, 0.01), "scanning heap": (0.01, 0.7), "vacuuming indexes": (0.7, 0.85),
    "vacuuming heap": (0.85, 0.95), "cleaning up indexes": (0.95, 0.97), "truncating heap": (0.97, 0.99),
    "seq scanning heap": (0.01, 0.6), "index scanning heap": (0.01, 0.6), "sorting tuples": (0.6, 0.65),
    "writing new heap": (0.65, 0.7), "swapping relation files": (0.7, 0.72), "rebuilding index": (0.72, 0.97),
    "building index": (0.02, 0.6), "waiting for writers before build": (0.0, 0.02),
    "waiting for writers before validation": (0.6, 0.62), "index validation: scanning index": (0.62, 0.7),
    "index validation: sorting tuples": (0.7, 0.72), "index validation: scanning table": (0.72, 0.95),
    "waiting for old snapshots": (0.95, 0.97), "waiting for readers before marking dead": (0.97, 0.98),
    "waiting for readers before dropping": (0.98, 0.99), "performing final cleanup": (0.99, 1.0),
}  # fmt: skip
"""What part of the whole each phase is taken to be: a guess of ours, only so that a bar moves forward."""


def part_of(found: Share) -> float | None:
    """The share of the whole, out of phase and share of the phase.

    >>> part_of(Share("VACUUM", "scanning heap", 0.5))
    0.355
    """
    known = _PHASES.get(found.phase.partition(" (")[0]) or _PHASES.get(found.phase.partition(": ")[0])
    if known is None:
        return found.share
    return round(known[0] + (known[1] - known[0]) * (found.share or 0.0), 3)


def elsewhere(plan: Plan, sight: CareSight) -> Verdict | None:
    """UNKNOWN when it is no longer the server or database that was acted on."""
    was, now = dict(plan.pin), dict(sight.pin)
    for name in ("system_identifier", "standby", "database"):
        if name in was and name in now and was[name] != now[name]:
            return Verdict(Truth.UNKNOWN, SafeText("another server answers there now"))
    return None


def under_way(outcome: Outcome, after: float, sight: CareSight) -> Verdict | None:
    """PENDING while the session that does it still works; None when it has ended, or it is not known which it was."""
    facts = dict(outcome.facts)
    pid = int(facts.get("pid", "0"))
    if not pid:  # no answer came, so nobody knows which session it was
        at_work = next((one for one in sight.carers if one.state == "active"), None)
        if at_work is None:
            return None
        return Verdict(Truth.PENDING, SafeText(f"no answer came; a session of care is at work, pid {at_work.pid}"))
    carer = sight.carer(pid, facts.get("backend_start", ""))
    if carer is None or carer.state != "active":
        return None
    found = sight.progress.get(pid)
    said = f"under way for {lasted(carer.age if carer.age is not None else after)}, pid {pid}"
    if found is not None:
        said += f": {found.phase}"
    elif carer.wait.startswith("Lock"):
        said += ": waits for a lock or an older transaction"
    done = carer.application.rpartition("/")[2].split(" of ")
    share = part_of(found) if found is not None else None
    if len(done) == 2 and done[0].isdigit() and done[1].isdigit():
        said = f"{said}: {count(float(done[0]))} rows deleted so far"
        share = min(float(done[0]) / float(done[1]), 1.0) if int(done[1]) else None
    return Verdict(Truth.PENDING, SafeText(said), share)


def on_relation(plan: Plan, subject: Subject, after: float, sight: CareSight, ended: str) -> Verdict:
    """What the catalogue says of one relation; `ended` is how the statement ended, when that is known."""
    planned = dict(subject.identity)
    one = sight.by_oid(planned["oid"])
    named = next(iter(sight.found(planned["name"])), None)
    action = plan.action.name
    if action == "drop-index":
        return _dropped(one, named, ended)
    if action == "reindex":
        return _rebuilt(planned, sight, ended)
    if action == "create-index":
        return _created(planned, sight, ended)
    if one is None:
        return Verdict(Truth.UNKNOWN, SafeText(f"{planned['name']} is not there any more"))
    if action == "vacuum-full":
        if one.file != planned["file"]:
            now = (one.bytes or 0) + (one.index_bytes or 0)
            return Verdict(Truth.CONFIRMED, SafeText(f"written anew: {size(float(planned['bytes']))} -> {size(now)}"))
        return _not_yet("the table is as it was", after, ended)
    field = "analysed" if action == "analyze" else "vacuumed"
    when = one.analysed if action == "analyze" else one.vacuumed
    if when and when != planned[field]:
        left = f", {count(one.dead)} dead rows left" if action == "vacuum" and one.dead is not None else ""
        return Verdict(Truth.CONFIRMED, SafeText(f"done {when}{left}"))
    return _not_yet("the server's statistics do not show it", after, ended)


def _ending(ended: str) -> str:
    """How a statement ended, for a person."""
    return "it ended" if ended == "done" else ended or "its session is gone"


def _not_yet(words: str, after: float, ended: str) -> Verdict:
    if ended and ended != "done":
        return Verdict(Truth.REFUTED, SafeText(f"{ended}: {words}"))
    if after < STALE:
        return Verdict(Truth.PENDING, SafeText(f"{words} yet"))
    return Verdict(Truth.REFUTED, SafeText(f"its session is gone and {words}"))


def _dropped(one: Relation | None, named: Relation | None, ended: str) -> Verdict:
    if one is None:
        again = "; another index has its name now" if named is not None else ""
        return Verdict(Truth.CONFIRMED, SafeText(f"the index is gone{again}"))
    state = "is there as before" if one.valid else "is INVALID now and still there: drop it once more"
    return Verdict(Truth.REFUTED, SafeText(f"{_ending(ended)}: the index {state}"))


def _rebuilt(planned: Mapping[str, str], sight: CareSight, ended: str) -> Verdict:
    found = next(iter(sight.found(planned["name"])), None)
    if found is None:
        return Verdict(Truth.UNKNOWN, SafeText(f"{planned['name']} is not there any more"))
    old = set(planned["indexes"].split(",")) - {""}
    if found.is_index:
        stands = {found.oid} if found.valid else set()
        now = found.bytes
    else:
        stands = {one.oid for one in found.indexes if one.valid}
        now = found.index_bytes
    left = [one.key for one in found.indexes if not one.valid and names_leftover(one.key)]
    told = f"; {', '.join(left)} is left INVALID: drop index {left[0]}" if left else ""
    kept = old & stands
    if not kept and stands:
        sizes = f"{size(float(planned['bytes']))} -> {size(now)}"
        return Verdict(Truth.CONFIRMED, SafeText(f"built anew and valid, {sizes}{told}"))
    some = f"{len(old) - len(kept)} of {len(old)} are built anew" if len(old) > 1 else "the old index stands"
    return Verdict(Truth.REFUTED, SafeText(f"{_ending(ended)}: {some}{told}"))


def _created(planned: Mapping[str, str], sight: CareSight, ended: str) -> Verdict:
    found = next((one for one in sight.found(planned["index"]) if one.is_index), None)
    if found is None or found.table_oid != planned["oid"]:
        return Verdict(Truth.REFUTED, SafeText(f"{_ending(ended)}: there is no such index"))
    if found.valid:
        return Verdict(Truth.CONFIRMED, SafeText(f"{found.key} is valid, {size(found.bytes)}"))
    words = f"{found.key} is left INVALID: it costs every write and serves no query; drop index {found.key}"
    return Verdict(Truth.REFUTED, SafeText(f"{_ending(ended)}: {words}"))


def on_threshold(plan: Plan, subject: Subject, value: str, source: str, wanted: int | None, after: float) -> Verdict:
    """What a new session has, and where from."""
    now = f"a new session has: {spoken(value)}, from the {source}"
    planned = dict(subject.identity)
    overridden = source in ("user", "database user", "command line") or (
        source == "database" and planned.get("how") == "system"
    )
    if overridden and wanted is not None and value != str(wanted):
        return Verdict(Truth.REFUTED, SafeText(f"{now}, which wins over what was set"))
    if value == str(wanted) or (wanted is None and source != "database"):
        return Verdict(Truth.CONFIRMED, SafeText(now))
    if after < STALE:
        return Verdict(Truth.PENDING, SafeText(now))
    return Verdict(Truth.REFUTED, SafeText(now))
