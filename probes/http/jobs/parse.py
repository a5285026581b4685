"""Jobs, executions and checks out of JSON, by the paths that the profile names. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from probes.base import SafeText, at_path, finite, parse_path
from probes.http.body import Parsed, moment_of, path_verdict
from probes.http.jobs.api import id_of
from probes.http.jobs.facts import Execution, Job, Own
from probes.http.jobs.settings import UNITS, ActionSettings, JobsSettings

_PAUSED: Final = frozenset({"paused", "disabled", "inactive", "suspended", "stopped", "off"})
_KEPT: Final = 300
"""Executions that are kept."""


def job_of(told: Mapping[str, Any], settings: JobsSettings, now: datetime) -> Job | None:
    """One job; None for an object without an id."""
    fields, id = settings.of_job, id_of(told, settings)
    if not id:
        return None
    interval, last_run = at(told, fields.interval), moment_of(at(told, fields.last_run))
    number = finite(interval)
    number = number if number is not None and number > 0 else None
    status = _word(at(told, fields.last_status))
    return Job(
        id=id,
        name=SafeText(_text(at(told, fields.name)) or id, 120),
        group=SafeText(_text(at(told, fields.group)), 60),
        interval=number,
        schedule=SafeText(_text(interval), 60) if number is None else SafeText(),
        every=number * UNITS[settings.unit] if number is not None else None,
        paused=paused_of(told, settings),
        state=SafeText(_text(at(told, fields.state)), 40),
        last_run=last_run,
        last_age=max(0.0, (now - last_run).total_seconds()) if last_run is not None else None,
        last_status=SafeText(_text(at(told, fields.last_status)), 40),
        failed=status in set(map(_word, settings.failed)) and bool(status),
        limited=status in set(map(_word, settings.limited)) and bool(status),
        next_run=moment_of(at(told, fields.next_run)),
    )


def jobs_of(listed: Iterable[Mapping[str, Any]], settings: JobsSettings, now: datetime) -> tuple[tuple[Job, ...], int]:
    """(jobs, each id once; objects without a usable id, and those whose id another one has)."""
    found: dict[str, Job] = {}
    odd = 0
    for told in listed:
        one = job_of(told, settings, now)
        if one is None or one.id in found:
            odd += 1
        else:
            found[one.id] = one
    return tuple(found.values()), odd


def paused_of(told: Mapping[str, Any], settings: JobsSettings) -> bool | None:
    """Whether a job is paused, by whichever field tells; None: none does."""
    fields = settings.of_job
    for path, turned in ((fields.paused, False), (fields.enabled, True)):
        found = at(told, path)
        if isinstance(found, bool):
            return found is not turned
    state = at(told, fields.state)
    return _word(state) in _PAUSED if isinstance(state, str) else None


def executions_of(
    listed: Sequence[Mapping[str, Any]], job: Job | None, settings: JobsSettings, names: Mapping[str, SafeText]
) -> list[Execution]:
    """Runs out of a list, of `job` or of whichever each of them names."""
    fields = settings.of_run
    failed = set(map(_word, settings.failed))
    found = []
    for number, told in enumerate(listed[:_KEPT]):
        status, of = _text(at(told, fields.status)), _text(at(told, fields.job))
        id = _text(at(told, fields.id)) or str(number)
        found.append(
            Execution(
                key=str(SafeText(f"{job.id if job is not None else of}/{id}", 200)),
                job=job.name if job is not None else names.get(of, SafeText(of or "–", 80)),
                status=SafeText(status or "not told", 40),
                at=moment_of(at(told, fields.at)),
                took=finite(at(told, fields.took)),
                message=SafeText(_text(at(told, fields.message)), 300),
                failed=_word(status) in failed,
            )
        )
    return found


def with_runs(job: Job, runs: Sequence[Execution], settings: JobsSettings, now: datetime) -> Job:
    """A job whose list does not tell how it ended last, told by its runs."""
    last = next(iter(newest(runs)), None)
    if last is None or settings.of_job.last_status is not None:
        return job
    began = job.last_run or last.at
    return replace(
        job,
        last_run=began,
        last_age=max(0.0, (now - began).total_seconds()) if began is not None else None,
        last_status=last.status,
        failed=last.failed,
        limited=_word(str(last.status)) in set(map(_word, settings.limited)),
    )


def newest(found: Iterable[Execution]) -> tuple[Execution, ...]:
    """Newest first, each once; those without a time last."""
    once = {one.key: one for one in found}
    ordered = sorted(once.values(), key=lambda one: one.at.timestamp() if one.at is not None else 0.0, reverse=True)
    return tuple(ordered[:_KEPT])


def counted(found: Iterable[Execution]) -> tuple[tuple[SafeText, int], ...]:
    """How many have each status, the commonest first."""
    return tuple(Counter(one.status for one in found).most_common(20))


def own_of(name: str, one: ActionSettings, parsed: Parsed | None, path: str) -> Own:
    """An own action with what its check says; `parsed` is None when there was no answer."""
    true, words = None, SafeText()
    if one.check is not None and parsed is not None:
        verdicts = [path_verdict(where, wanted, parsed) for where, wanted in one.check.expect.items()]
        true = all(verdict.ok for verdict in verdicts)
        words = next((verdict.words for verdict in verdicts if not verdict.ok), verdicts[0].words)
    return Own(
        name=name,
        title=one.title or name.replace("-", " "),
        what=one.what or f"Sends {one.method} {one.path}.",
        danger=one.grade,
        line=SafeText(f"{one.method} {path}", 200),
        true=true,
        words=words,
    )


def at(told: Mapping[str, Any], path: str | None) -> Any:
    """What stands at a path; None when there is none."""
    return at_path(told, parse_path(path))[1] if path is not None else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _word(value: Any) -> str:
    return _text(value).strip().lower().replace("-", "_").replace(" ", "_")
