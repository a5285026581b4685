"""What the acts on a scheduler are, and what each would mean for a job as it is now. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote

from probes.base import Action, Danger, Identity, Number, Request, SafeText, Subject, Word, lasted
from probes.http.jobs.facts import JOB, Job, Own
from probes.http.jobs.settings import UNITS

FOREVER: Final = "forever"
"""The word for what has no end."""
_TIME: Final = r"[1-9]\d{0,4}m|" + FOREVER
_BACK: Final = re.compile(r"back((?: [^\s=]{1,600}=\d{1,9}(?:\.\d{1,6})?){1,2000})")
TIMES: Final = ("60m", "240m", "720m", "1440m")
MOST: Final = 525_600
SUBJECTS: Final = 200
"""Jobs in one plan."""

INTERVAL: Final = Action(
    "interval", "set interval", Danger.REVERSIBLE, number=Number("units between two runs", 1, MOST),
    word=Word("time", f"{_TIME}|{_BACK.pattern}"), rolling=True,
    what="Sets the time between two runs, for a while or for good; the old one is kept so that it can be set back.",
    noun="job",
)  # fmt: skip
PAUSE: Final = Action(
    "pause", "pause", Danger.REVERSIBLE, word=Word("time", _TIME), rolling=True,
    what="Keeps a job from being run, for a while or for good; a run under way goes on.",
    noun="job",
)  # fmt: skip
RESUME: Final = Action(
    "resume", "resume", Danger.REVERSIBLE, rolling=True, what="Lets a paused job run again.", noun="job"
)
RUN: Final = Action(
    "run", "run now", Danger.DISRUPTIVE, what="Asks for one run now, beside those of its schedule.", noun="job"
)
DO: Final = Action(
    "do", "do", Danger.REVERSIBLE, many=False, what="Sends the request that the profile describes, once."
)
ACTIONS: Final = (INTERVAL, PAUSE, RESUME, RUN, DO)


def figure(number: float) -> str:
    """A number as it is written, whole or with its decimals.

    >>> figure(2592000.0), figure(0.5)
    ('2592000', '0.5')
    """
    return f"{number:.6f}".rstrip("0").rstrip(".")


def back_word(old: Mapping[str, float]) -> str:
    """The word that sets each job's own interval again.

    >>> back_word({"a b": 15, "7": 0.5})
    'back a%20b=15 7=0.5'
    """
    return "back" + "".join(f" {quote(id, safe='')}={figure(number)}" for id, number in old.items())


def read_back(word: str) -> dict[str, float] | None:
    """Each job's own interval out of such a word; None for any other.

    >>> read_back("back a%20b=15"), read_back("60m")
    ({'a b': 15.0}, None)
    """
    found = _BACK.fullmatch(word)
    if found is None:
        return None
    pairs = (pair.partition("=") for pair in found[1].split())
    return {unquote(id): float(number) for id, _, number in pairs}


def is_time(word: str) -> bool:
    """True for a word that says how long."""
    return re.fullmatch(_TIME, word) is not None


def identity(job: Job, etag: str = "") -> Identity:
    """What of a job must still be so when it is acted on."""
    return (
        ("id", job.id),
        ("name", str(job.name)),
        ("interval", "not told" if job.interval is None else figure(job.interval)),
        ("paused", told(job.paused)),
        ("last run", job.last_run.isoformat() if job.last_run is not None else "not told"),
    )


def changed(planned: Identity, now: Identity, action: str) -> str:
    """How a job differs from the planned one, as "from -> to"; empty when it doesn't.

    That it ran meanwhile matters only to one who asks for a run: two people may do so at once.
    """
    current = dict(now)
    for name, then in planned:
        if name == "last run" and action != RUN.name:
            continue
        if current.get(name) != then:
            return f"{name} {then} -> {current.get(name)}"
    return ""


def told(paused: bool | None) -> str:
    """A job's state in a word."""
    return "not told" if paused is None else "paused" if paused else "active"


def every(number: float | None, unit: str) -> str:
    """An interval for a person.

    >>> every(120, "minutes"), every(None, "minutes")
    ('every 120 minutes (2h00m)', 'at an interval that is not told')
    """
    if number is None:
        return "at an interval that is not told"
    seconds = number * UNITS[unit]
    plain = f"every {number:g} {unit if number != 1 else unit[:-1]}"
    return f"{plain} ({lasted(seconds)})" if seconds >= 3600 else plain


def refusal(action: str, job: Job, number: float | None = None) -> str:
    """Why an act makes no sense for a job; empty when it does."""
    if action == PAUSE.name and job.paused:
        return "it is paused already"
    if action == RESUME.name and job.paused is False:
        return "it is not paused"
    if action == INTERVAL.name and number is not None and job.interval == number:
        return f"its interval is {number:g} already"
    if action == RUN.name and str(job.state).lower() in ("running", "in progress", "in_progress"):
        return "it runs now"
    return ""


def subject(action: str, job: Job, number: float | None, unit: str, now: datetime) -> Subject:
    """One job as it is and as it will be."""
    refused = refusal(action, job, number)
    if action == INTERVAL.name and job.interval is None:
        refused = "its interval is no number: it could not be set back"
    before, after, felt = _meaning(action, job, number, unit)
    return Subject(
        key=job.key,
        name=job.name,
        identity=identity(job),
        before=SafeText(before),
        after=SafeText(after),
        felt=tuple(SafeText(one, 200) for one in felt),
        spared=SafeText(refused),
        barred=bool(refused),
    )


def _meaning(action: str, job: Job, number: float | None, unit: str) -> tuple[str, str, list[str]]:
    how = every(job.interval, unit)
    if action == INTERVAL.name:
        return how, every(number, unit), _felt(job, number)
    if action == PAUSE.name:
        return f"{told(job.paused)}, {how}", "paused", ["what it does is not done meanwhile"]
    if action == RESUME.name:
        return told(job.paused), f"active, {how}", ["runs that were missed may be made up at once"]
    ago = f"ran {lasted(job.last_age)} ago" if job.last_age is not None else "when it ran last is not told"
    limited = ["a vendor asked it for less: one more run may be refused too"] if job.limited else []
    return ago, "one more run, now", limited + (["it is paused: a run may be refused"] if job.paused else [])


def _felt(job: Job, number: float | None) -> list[str]:
    if job.interval is None or number is None or number <= 0:
        return []
    share = job.interval / number
    if share > 1:
        return [f"{share:.3g} times as many calls as now"]
    return [f"its data is up to {number / job.interval:.3g} times as old as now"] if share < 1 else []


def undo_words(action: Action, before: Mapping[str, float], unit: str, there: Collection[str]) -> str:
    """How an act is taken back: `before` are the old intervals, `there` the actions the profile describes."""
    if action.name == INTERVAL.name:
        old = sorted(set(before.values()))
        if len(old) == 1:
            return f"set the interval to {figure(old[0])} {unit} again"
        each = ", ".join(f"{id} {figure(number)}" for id, number in list(before.items())[:8])
        more = f" and {len(before) - 8} more" if len(before) > 8 else ""
        return f"set each interval again: {each}{more}"
    if action.name == PAUSE.name:
        return "resume it" if RESUME.name in there else ""
    return "pause it again" if action.name == RESUME.name and PAUSE.name in there else ""


def reversing(action: Action, subjects: Sequence[Subject], before: Mapping[str, float]) -> Request | None:
    """What takes a temporary measure back, each job to what it was."""
    rows = tuple(one.key for one in subjects if not one.barred)
    if action.name == PAUSE.name:
        return Request(RESUME.name, rows)
    old = {row.removeprefix(JOB): before[row.removeprefix(JOB)] for row in rows}
    return Request(INTERVAL.name, rows, max(1, int(next(iter(old.values())))), back_word(old)) if old else None


def own_subject(one: Own) -> Subject:
    """An own action as a subject: what its check says, before and after."""
    before = "not told" if one.true is None else "so already" if one.true else f"not so: {one.words}"
    return Subject(
        key=one.key,
        name=SafeText(one.title, 60),
        identity=(("action", one.name), ("request", str(one.line))),
        before=SafeText(before, 200),
        after=SafeText("so, by its check" if one.true is not None else "asked for; nothing tells whether it is so"),
        spared=SafeText("it is so already" if one.true else ""),
    )
