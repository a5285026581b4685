"""Draws queues: how many wait, whether anybody takes them, and when they will be done. Worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from desk.words import age, amount, count, plural, ratio, span, when
from probes.base import SafeText, Severity, Unit
from probes.redis.queues.facts import FailedJob, Group, Outlook, Queue, QueuesFacts, Total, Worker
from widgets.draw.marks import spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, sign, strong, toned, width_of
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_NAME: Final = 28
_FIXED: Final = 54
"""Cells of a line besides the name, when it shows failed jobs too."""
_SPARK: Final = 24
_NEWEST: Final = 5
"""Failures shown where there is room."""
_LABELS: Final[Mapping[str, str]] = {"list": "list", "stream": "stream", "": "unknown"}


def _count(value: float | None) -> str:
    return _GONE if value is None else count(value)


def _rate(value: float | None) -> str:
    return _GONE if value is None else amount(value, Unit.PER_SECOND)


def _span(value: float | None) -> str:
    return _GONE if value is None else age(value)


def _signed(value: float | None) -> str:
    """Growth with its sign; what rounds to nothing is nothing."""
    if value is None:
        return _GONE
    if abs(value) < 0.05:
        return "0/s"
    return f"{'+' if value > 0 else '-'}{amount(abs(value), Unit.PER_SECOND)}"


def outlook(queue: Queue) -> str:
    """When it will be empty, in words."""
    if queue.outlook is Outlook.DRAINS and queue.empty_in is not None:
        return f"drains: {age(queue.empty_in)}"
    return {
        Outlook.EMPTY: "empty",
        Outlook.STEADY: "keeps pace",
        Outlook.NEVER: "drains: never",
        Outlook.PAUSED: "paused",
    }.get(queue.outlook, f"drains: {_GONE}")


def _severity(view: View[QueuesFacts], queue: Queue) -> Severity | None:
    """What the rules say; a queue with something odd about it is never drawn as well."""
    said = view.severity(queue=str(queue.name))
    return Severity.NOTICE if said is None and queue.trouble else said


def _workers(queue: Queue) -> str:
    if queue.workers is None:
        return ""
    return "no worker" if queue.workers == 0 else plural(queue.workers, "worker")


def _cell(value: str, word: str, width: int, severity: Severity | None = None) -> tuple[Span, Span]:
    """A number and its word, as a column."""
    return toned(fit(value, width, right=True).text, severity), dim(" " + word)


def _row(view: View[QueuesFacts], queue: Queue, width: int, name: int) -> Line:
    """Sign, name, what waits, runs and failed, and where it is going."""
    severity = _severity(view, queue)
    parts: list[Part] = [sign(severity), " ", fit(strong(queue.name), name), " "]
    if queue.missing or (queue.trouble and queue.waiting is None):
        room = max(0, width - width_of(joined(parts, "")))
        return line(*parts, toned(_cut(str(queue.trouble), room), severity), key=str(queue.name), severity=severity)
    parts += [*_cell(_count(queue.waiting), "wait", 7, severity), " ", *_cell(_count(queue.active), "active", 4)]
    if name + _FIXED <= width and queue.failed is not None:
        parts += [" ", *_cell(_count(queue.failed), "failed", 4, view.severity("failing_ratio", queue=str(queue.name)))]
    more = [toned(outlook(queue), severity), *_extras(view, queue, width)]
    room = width - width_of(joined(parts, ""))
    return line(*parts, *_as_fit(more, room), key=str(queue.name), severity=severity)


def _extras(view: View[QueuesFacts], queue: Queue, width: int) -> list[Span]:
    """What else there is to say, the most telling first."""
    words: list[Span] = []
    if queue.unserved or queue.workers:
        words.append(toned(_workers(queue), Severity.CRITICAL if queue.unserved else None))
    if queue.trouble:
        words.append(Span(str(queue.trouble), Tone.NOTICE))
    if queue.growth is not None and abs(queue.growth) >= 0.05:
        words.append(Span(f"growing {_rate(queue.growth)}" if queue.growth > 0 else f"falling {_rate(-queue.growth)}"))
    if queue.arrived is not None and queue.drained is not None:
        words.append(dim(f"in {_rate(queue.arrived)} out {_rate(queue.drained)}"))
    if queue.waiting and queue.oldest_waiting is not None:
        words.append(dim(f"oldest {age(queue.oldest_waiting)}"))
    if queue.stalled:
        words.append(Span(f"{count(queue.stalled)} stalled", Tone.WARNING))
    return words


def _as_fit(words: Sequence[Span], room: int) -> list[Span]:
    """As many of the words as there is room for, each after a gap."""
    shown: list[Span] = []
    for word in words:
        size = width_of((word,)) + 2
        if size > room:
            break
        shown += [Span("  "), word]
        room -= size
    return shown


def _cut(text: str, room: int) -> str:
    return text if width_of((Span(text),)) <= room else fit(text, room).text


def _name_width(queues: Sequence[Queue], width: int) -> int:
    longest = max((width_of([Span(str(queue.name))]) for queue in queues), default=8)
    return max(8, min(longest, _NAME, max(8, width - 42)))


def _ranked(view: View[QueuesFacts]) -> list[Queue]:
    """Worst first, then in the order given."""
    return sorted(view.facts.queues, key=lambda queue: -(_severity(view, queue) or 0))


def _tone(queue: Queue) -> Tone:
    if queue.unserved:
        return Tone.CRITICAL
    if queue.missing or queue.trouble:
        return Tone.WARNING
    return Tone.NOTICE if queue.paused else Tone.PLAIN


def _about(queue: Queue) -> Sequence[Line]:
    """All that is known of a queue."""
    pairs = [
        ("kept by", _LABELS.get(queue.dialect, queue.dialect)),
        ("remark", str(queue.trouble) or _GONE),
        *((f"in {state}", _count(depth)) for state, depth in queue.depths.items()),
        ("paused", "yes" if queue.paused else "no"),
        ("workers", _count(queue.workers) if queue.workers is not None else "unknown: the queue does not tell"),
        ("added", _rate(queue.arrived)),
        ("taken", _rate(queue.drained)),
        ("growth", _signed(queue.growth)),
        ("empty", outlook(queue)),
        ("oldest waiting", _span(queue.oldest_waiting if queue.waiting else None)),
        ("longest running", _span(queue.oldest_active)),
        ("none taken for", _span(queue.stuck)),
        ("a job takes", took_words(queue)),
        ("stalled", _count(queue.stalled)),
        ("failed lately", f"{_count(queue.failed_minute)} in the last minute, {_share(queue)} of what ended"),
    ]
    across = max(18, max(len(name) for name, _ in pairs) + 2)
    return [line(dim(f"{name:<{across}}"), words) for name, words in pairs]


def took_words(queue: Queue) -> str:
    """How long its jobs take, and of how many that is known."""
    took = queue.took
    if took is None:
        return "unknown: the queue does not tell"
    measured = f"{plural(took.jobs, 'completed job')} of the last 15 min"
    if took.median is None:
        few = "too few to tell" if took.jobs else "removeOnComplete may keep none"
        return f"unknown: {measured} {'is' if took.jobs == 1 else 'are'} kept, {few}"
    return f"{_fine(took.median)} in the middle, 95 % within {_fine(took.p95)}, {_fine(took.most)} at most: {measured}"


def _fine(value: float | None) -> str:
    """A length of time, below a second too."""
    return _GONE if value is None else span(value)


def _share(queue: Queue) -> str:
    return _GONE if queue.failing_ratio is None else ratio(queue.failing_ratio)


def _about_job(job: FailedJob) -> Sequence[Line]:
    """Why a job failed, in its own words."""
    pairs: list[tuple[str, Part]] = [
        ("job", f"{job.id}  {job.name}"),
        ("queue", job.queue),
        ("failed", _GONE if job.age is None else f"{age(job.age)} ago, after {_attempts(job)}"),
        ("reason", job.reason or SafeText(_GONE)),
    ]
    lines = [line(dim(f"{name:<9}"), words) for name, words in pairs]
    return [
        *lines,
        *(line(dim("stack    ") if number == 0 else "         ", one) for number, one in enumerate(job.stack)),
    ]


def _attempts(job: FailedJob) -> str:
    return "an unknown number of attempts" if job.attempts is None else plural(job.attempts, "attempt")


def _job_key(job: FailedJob) -> str:
    return f"{job.queue}/{job.id}"


def _reason(job: FailedJob) -> Part:
    return job.reason or SafeText(_GONE)


_QUEUES: Final[Table[QueuesFacts, Queue]] = Table(
    name="queues",
    title="queues",
    rows=lambda facts: facts.queues,
    beyond=lambda facts: facts.more,
    key=lambda queue: str(queue.name),
    columns=(
        Column("queue", lambda queue: queue.name, 26),
        Column("wait", lambda queue: _count(queue.waiting), 8, lambda queue: queue.waiting, True, 0, True),
        Column("active", lambda queue: _count(queue.active), 6, lambda queue: queue.active, True, 0, True),
        Column("failed", lambda queue: _count(queue.failed), 6, lambda queue: queue.failed, True, 72, True),
        Column("delayed", lambda queue: _count(queue.depths.get("delayed")), 7, None, True, 110),
        Column("workers", lambda queue: _count(queue.workers), 7, lambda queue: queue.workers, True, 66),
        Column("in", lambda queue: _rate(queue.arrived), 8, lambda queue: queue.arrived, True, 96, True),
        Column("out", lambda queue: _rate(queue.drained), 8, lambda queue: queue.drained, True, 96, True),
        Column("growth", lambda queue: _signed(queue.growth), 8, lambda queue: queue.growth, True, 84, True),
        Column("p95", lambda queue: _fine(queue.took.p95 if queue.took else None), 7,
               lambda queue: queue.took.p95 if queue.took else None, True, 132, True),
        Column("oldest", lambda queue: _span(queue.oldest_waiting if queue.waiting else None), 7,
               lambda queue: queue.oldest_waiting, True, 120, True),
        Column("outlook", lambda queue: queue.trouble if queue.trouble else outlook(queue)),
    ),
    empty="no queue was found here",
    tone=_tone,
    detail=_about,
)  # fmt: skip

_FAILED: Final[Table[QueuesFacts, FailedJob]] = Table(
    name="failed",
    title="failed jobs",
    rows=lambda facts: facts.failed,
    key=_job_key,
    columns=(
        Column("ago", lambda job: _span(job.age), 7, lambda job: job.age, True),
        Column("queue", lambda job: job.queue, 20, least=70),
        Column("job", lambda job: job.id, 12),
        Column("name", lambda job: job.name, 18, least=100),
        Column("tries", lambda job: _count(job.attempts), 5, lambda job: job.attempts, True, 86),
        Column("reason", _reason),
    ),
    empty="no failed job is kept",
    detail=_about_job,
)

_WORKERS: Final[Table[QueuesFacts, Worker]] = Table(
    name="workers",
    title="workers",
    rows=lambda facts: facts.workers,
    key=lambda worker: f"{worker.id}",
    columns=(
        Column("worker", lambda worker: worker.name, 24),
        Column("since", lambda worker: _span(worker.since), 7, lambda worker: worker.since, True),
        Column("silent", lambda worker: _span(worker.silent), 7, lambda worker: worker.silent, True, 60, True),
        Column("queues", lambda worker: ", ".join(map(str, worker.queues)) or _GONE, 26, least=80),
        Column("at", lambda worker: worker.id, 22, least=110),
        Column("state", lambda worker: f"{worker.state}  {worker.job}".strip() or _GONE),
    ),
    empty="no worker is known; for Celery and plain lists Redis can't tell",
)

_GROUPS: Final[Table[QueuesFacts, Group]] = Table(
    name="groups",
    title="stream groups",
    rows=lambda facts: facts.groups,
    key=lambda group: f"{group.stream}/{group.name}",
    columns=(
        Column("stream", lambda group: group.stream, 20),
        Column("lag", lambda group: _count(group.lag), 9, lambda group: group.lag, True, 0, True),
        Column("pending", lambda group: _count(group.pending), 8, lambda group: group.pending, True, 0, True),
        Column("oldest pending", lambda group: _span(group.oldest_pending), 14, None, True, 80),
        Column("consumers", lambda group: _count(group.consumers), 9, lambda group: group.consumers, True, 90),
        Column("group", lambda group: group.name),
    ),
    empty="no stream is read here",
)

_TOTALS: Final[Table[QueuesFacts, Total]] = Table(
    name="totals",
    title="all queues together",
    rows=lambda facts: facts.totals,
    key=lambda total: total.name,
    columns=(
        Column("jobs", lambda total: _count(total.value), 12, lambda total: total.value, True, 0, True),
        Column("oldest", lambda total: _span(total.age), 8, lambda total: total.age, True, 60, True),
        Column("what", lambda total: total.title),
    ),
    empty="the queues here share no numbers",
)


class QueuesPanel(Panel[QueuesFacts]):
    """The queues of one Redis."""

    title = "QUEUES"
    help = (
        "wait: jobs a worker could take now (BullMQ: wait, paused, prioritized). failed: failed jobs kept.\n"
        "in, out: jobs added and taken per second, from the queue's own counter; –: this library keeps none.\n"
        "drains: time until it is empty at the rate of the last seconds; never: it grows, or nothing is taken.\n"
        "keeps pace: about as many are taken as come. wait of a stream: the group's lag; – when Redis can't tell.\n"
        "workers: connections named by BullMQ, live hashes of RQ and Sidekiq; Celery, streams and lists keep none.\n"
        "p95: time that 95 of 100 of the completed jobs of 15 min took that are kept (BullMQ); –: fewer than ten are.\n"
        "stalled: active, but its worker's lock has run out; such a job runs again.\n"
        "A queue that isn't there is said to be missing, never to be empty. Nothing here touches a job."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_QUEUES, _FAILED, _WORKERS, _GROUPS, _TOTALS)

    def headline(self, view: View[QueuesFacts]) -> Sequence[Part]:
        """All that waits; failed jobs; the number of queues when there are many."""
        queues = view.facts.queues
        if not queues:
            return ["searching" if view.facts.searching else "no queue"]
        waiting = [queue.waiting for queue in queues if queue.waiting is not None]
        parts: list[Part] = [f"{count(sum(waiting))} waiting"] if waiting else []
        failing = [queue.failed_minute for queue in queues if queue.failed_minute]
        if failing:
            parts.append(f"{count(sum(failing))} failed in the last minute")
        if any(queue.unserved for queue in queues):
            parts.append(toned("no worker", view.severity() or Severity.NOTICE))
        return parts

    def brief(self, view: View[QueuesFacts], width: int) -> Sequence[Line]:
        """A line for each queue, then what all share."""
        queues = _ranked(view)
        name = _name_width(queues, width)
        lines = [_row(view, queue, width, name) for queue in queues]
        shared = [total for total in view.facts.totals if total.value and total.name != "processed"]
        if shared:
            words = ", ".join(f"{count(total.value or 0)} {total.title}" for total in shared)
            lines.append(line(dim(_cut("  " + words, width))))
        if view.facts.more:
            lines.append(line(dim(_cut(f"  and {plural(view.facts.more, 'more queue')}", width))))
        if not queues:
            words = "looking for queues" if view.facts.searching else "no queue was found; name them in the profile"
            lines.append(line(dim(_cut(words, width))))
        return lines

    def more(self, view: View[QueuesFacts], width: int) -> Sequence[Line]:
        """How the worst queues have moved, then the newest failures."""
        moved = [_course(view, queue, width) for queue in _ranked(view)[:7] if not queue.missing]
        return [*moved, *_failures(view, width)]

    def head(self, view: View[QueuesFacts], width: int) -> Sequence[Line]:
        """How the worst queues have moved, and the newest failure."""
        lines = [_history(view, queue, width) for queue in _ranked(view)[:7] if not queue.missing]
        lines += _failures(view, width)[:1]
        if view.facts.totals:
            words = ", ".join(f"{_count(total.value)} {total.title}" for total in view.facts.totals)
            lines.append(line(dim(_cut(words, width))))
        return lines


def _course(view: View[QueuesFacts], queue: Queue, width: int) -> Line:
    """What waited in a queue over time, and the most of it."""
    name = _name_width(view.facts.queues, width)
    waited = view.history("waiting", queue=str(queue.name))
    most = max((value for value in waited if value is not None), default=None)
    room = max(0, min(_SPARK * 2, width - name - 26))
    chart = Span(spark(waited, room), Tone.CHART)
    return line(fit(queue.name, name), " ", chart, dim(f"  at most {_count(most)} waiting"), key=str(queue.name))


def _failures(view: View[QueuesFacts], width: int) -> list[Line]:
    """The newest failures, one a line."""
    lines = []
    read = view.snapshot.taken_at
    for job in view.facts.failed[:_NEWEST]:
        # not how long ago: what is drawn stands as it is until the next reading
        at = "" if job.age is None else f" {when(_before(read, job.age), read)} UTC"
        lines.append(line(dim(_cut(f"failed{at}: {job.queue} {job.id}  {job.reason}", width))))
    return lines


def _before(moment: datetime, seconds: float) -> datetime:
    """So many seconds before a moment, as far as there are years to name it by."""
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _history(view: View[QueuesFacts], queue: Queue, width: int) -> Line:
    """A queue's depth over time, and its rates."""
    severity = _severity(view, queue)
    name = _name_width(view.facts.queues, min(width, 80))
    room = max(0, min(_SPARK * 2, width - name - 40))
    trend = spark(view.history("waiting", queue=str(queue.name)), room)
    parts: list[Part] = [sign(severity), " ", fit(strong(queue.name), name), " "]
    parts += [Span(trend, Tone.CHART), " ", *_cell(_count(queue.waiting), "wait", 7, severity)]
    more = [toned(outlook(queue), severity), *_extras(view, queue, width)]
    left = width - width_of(joined(parts, ""))
    return line(*parts, *_as_fit(more, left), key=str(queue.name), severity=severity)
