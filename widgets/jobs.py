"""Draws a scheduler: its jobs with their intervals, what is late or failed, and what the application can be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import age, count, plural, span
from probes.base import Danger, Severity
from probes.http.jobs.facts import Execution, Job, JobsFacts, Own
from widgets.lines import Line, Part, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_SICK: Final = 5
"""Jobs in trouble that get a line each on the overview."""
_DANGERS: Final = {
    Danger.READ: "", Danger.REVERSIBLE: "can be taken back", Danger.DISRUPTIVE: "disruptive",
    Danger.DESTRUCTIVE: "DESTRUCTIVE",
}  # fmt: skip


def _ago(one: Job) -> str:
    return f"{age(one.last_age)} ago" if one.last_age is not None else _GONE


def _every(one: Job) -> str:
    return span(one.every) if one.every is not None else str(one.schedule) or _GONE


def _is_late(one: Job) -> bool:
    return (one.late or 0.0) > 2.0


def _state(one: Job) -> str:
    if one.paused:
        return "paused"
    return str(one.state) or ("active" if one.paused is False else _GONE)


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment is not None else _GONE


def _trouble(one: Job) -> str:
    words = [f"last run {one.last_status}"] if one.failed else []
    words += [f"ran {_ago(one)}, every {_every(one)}"] if _is_late(one) else []
    return ", ".join(words)


def _severity(view: View[JobsFacts], one: Job) -> Severity | None:
    said = view.severity(job=str(one.name))
    return Severity.NOTICE if said is None and ((one.failed and not one.rests) or _is_late(one)) else said


def _row(view: View[JobsFacts], one: Job, width: int) -> Line:
    severity = _severity(view, one)
    name = name_column(width) + 4
    words = fit(_trouble(one) or _ago(one), max(0, width - name - 5)).text.rstrip()
    return line(
        "  ", sign(severity), " ", fit(one.name, name), " ", toned(words, severity), key=one.key, severity=severity
    )


def _job_tone(one: Job) -> Tone:
    if one.failed:
        return Tone.WARNING
    return Tone.DIM if one.paused else Tone.WARNING if _is_late(one) else Tone.PLAIN


def _job_detail(one: Job) -> Sequence[Line]:
    return [
        line(dim(f"{'job':<10}"), one.name),
        line(dim(f"{'id':<10}"), one.id),
        line(dim(f"{'of':<10}"), one.group or _GONE),
        line(dim(f"{'every':<10}"), _every(one)),
        line(dim(f"{'state':<10}"), _state(one)),
        line(dim(f"{'last run':<10}"), _when(one.last_run), f"  {one.last_status}"),
        line(dim(f"{'next run':<10}"), _when(one.next_run)),
    ]


_JOBS: Final[Table[JobsFacts, Job]] = Table(
    name="jobs",
    title="jobs",
    rows=lambda facts: sorted(facts.jobs, key=lambda one: (not one.failed, not _is_late(one))),
    key=lambda one: one.key,
    label=lambda one: one.name,
    columns=(
        Column("job", lambda one: one.name, 30),
        Column("of", lambda one: one.group or _GONE, 14, least=80),
        Column("every", _every, 9, lambda one: one.every, True),
        Column("state", _state, 10),
        Column("last run", _ago, 12, lambda one: one.last_age, True, 70, True),
        Column("next run", lambda one: _when(one.next_run), 20, least=130),
        Column("it ended", lambda one: one.last_status or _GONE),
    ),
    empty="the scheduler has no job",
    tone=_job_tone,
    detail=_job_detail,
    looks=("executions",),
)

_EXECUTIONS: Final[Table[JobsFacts, Execution]] = Table(
    name="executions",
    title="executions",
    rows=lambda facts: facts.executions,
    key=lambda one: one.key,
    columns=(
        Column("at", lambda one: _when(one.at), 20),
        Column("status", lambda one: one.status, 16),
        Column("job", lambda one: one.job, 28),
        Column(
            "took", lambda one: span(one.took) if one.took is not None else _GONE, 8, lambda one: one.took, True, 90
        ),
        Column("message", lambda one: one.message or _GONE),
    ),
    empty="no execution was read",
    tone=lambda one: Tone.WARNING if one.failed else Tone.PLAIN,
)

_ACTIONS: Final[Table[JobsFacts, Own]] = Table(
    name="actions",
    title="actions",
    rows=lambda facts: facts.own,
    key=lambda one: one.key,
    label=lambda one: one.title,
    columns=(
        Column("action", lambda one: one.title, 24),
        Column("is so", lambda one: _GONE if one.true is None else "yes" if one.true else "no", 6),
        Column("costs", lambda one: _DANGERS[one.danger], 18, least=80),
        Column("request", lambda one: one.line, 34, least=110),
        Column("what it does", lambda one: one.what),
    ),
    empty="the profile describes no action of its own",
    tone=lambda one: Tone.STRONG if one.true else Tone.PLAIN,
    detail=lambda one: [
        line(dim(f"{'action':<10}"), one.title),
        line(dim(f"{'does':<10}"), one.what),
        line(dim(f"{'request':<10}"), one.line),
        line(dim(f"{'check':<10}"), one.words or _GONE),
    ],
)


class JobsPanel(Panel[JobsFacts]):
    """One scheduler."""

    title = "JOBS"
    help = (
        "late: it has not run for twice its interval; a paused job is not late. it ended: the status of its last run.\n"
        "rate limited: a vendor was asked too often; a longer interval or a pause helps, for a while or for good.\n"
        "Which field means what, and which request does what, stands in the profile. A change is sent once, to the\n"
        "configured place only, after the job was read again; the old value is kept and can be set again.\n"
        "executions: of one list, or of a few jobs in turn. actions: requests that the profile names."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_JOBS, _EXECUTIONS, _ACTIONS)

    def headline(self, view: View[JobsFacts]) -> Sequence[Part]:
        """How many, and how many in trouble."""
        facts = view.facts
        if not facts.lists:
            return (plural(len(facts.own), "action"),)
        parts: list[Part] = [plural(len(facts.jobs), "job")]
        for number, words, gauge in (
            (sum(one.paused is True for one in facts.jobs), "paused", ""),
            (sum(_is_late(one) for one in facts.jobs), "late", "job_late_ratio"),
            (sum(one.failed and not one.rests for one in facts.jobs), "failed", "job_failed"),
        ):
            if number:
                severity = (view.severity(gauge) or Severity.NOTICE) if gauge else None
                parts.append(toned(f"{count(number)} {words}", severity))
        return tuple(parts)

    def brief(self, view: View[JobsFacts], width: int) -> Sequence[Line]:
        """A line for the scheduler, one for each job in trouble, one for each own action that is in force."""
        facts = view.facts
        sick = sorted((one for one in facts.jobs if _trouble(one)), key=lambda one: -(_severity(view, one) or 0))
        worst = max((severity for one in sick if (severity := _severity(view, one))), default=view.severity())
        name = name_column(width)
        said = "  ".join(getattr(part, "text", str(part)) for part in self.headline(view))
        told = fit(said, max(0, width - name - 3)).text.rstrip()
        lines = [line(sign(worst), " ", fit(strong(view.name), name), " ", told, severity=worst)]
        lines += [_row(view, one, width) for one in sick[:_SICK]]
        if len(sick) > _SICK:
            lines.append(line(dim(f"    and {plural(len(sick) - _SICK, 'more job')} in trouble")))
        return lines

    def head(self, view: View[JobsFacts], width: int) -> Sequence[Line]:
        """Where it is, how its runs ended."""
        facts = view.facts
        lines = [line(*(part for pair in zip(self.headline(view), ["  "] * 9, strict=False) for part in pair))]
        lines.append(line(dim(fit(facts.url, width).text.rstrip())))
        if facts.counted:
            told = ", ".join(f"{count(number)} {status}" for status, number in facts.counted)
            lines.append(line(fit(f"executions: {told}", width).text.rstrip()))
        if facts.more:
            lines.append(
                line(dim(fit(f"{count(facts.more)} jobs without an id of their own are left out", width).text.rstrip()))
            )
        return lines
