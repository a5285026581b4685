"""Draws SQS queues: what waits, where it is going, what died. Counts are approximate and carry a tilde."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from desk.words import age, count, plural, span
from probes.aws.sqs.facts import Move, Outlook, Queue, SqsFacts
from probes.base import SafeText, Severity
from widgets.aws import seat_line
from widgets.draw.marks import spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, sign, strong, toned, width_of
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_ROWS: Final = 40
"""Lines of an overview that are made at most."""
_OLD: Final = 60.0
"""Seconds from which the age of a row's value is said on the overview."""
_NAME: Final = 30


def _about(value: int | None) -> str:
    """An approximate count."""
    return _GONE if value is None else f"~{count(value)}"


def _or_gone(value: float | None, said: Callable[[float], str]) -> str:
    return _GONE if value is None else said(value)


def _net(value: float | None) -> str:
    """Growth a minute with its sign."""
    if value is None:
        return _GONE
    return "0/min" if abs(value) < 0.5 else f"{value:+,.0f}/min"


def outlook(queue: Queue) -> str:
    """Where a queue is going, in words."""
    seen = queue.seen
    if seen.outlook is Outlook.DRAINS and seen.empty_in is not None:
        return f"drains: {age(seen.empty_in)}"
    return {
        Outlook.DRAINED: "drained",
        Outlook.ZERO: "~0, not sure yet",
        Outlook.STEADY: "keeps pace",
        Outlook.GROWS: "drains: never",
    }.get(seen.outlook, f"drains: {_GONE}")


def _state(queue: Queue) -> Part:
    """What there is to say of a queue, the most telling first."""
    seen = queue.seen
    if seen.trouble:
        return seen.trouble
    if queue.age is None:
        return "not read yet"
    moving = queue.moving
    if moving is not None:
        return f"moving: {_share(moving)}"
    if queue.dead_of:
        return SafeText(f"dead letters of {', '.join(map(str, queue.dead_of))}", 200)
    return outlook(queue)


def _share(move: Move) -> str:
    return f"{_about(move.moved)} of {_about(move.to_move)}"


def _row(view: View[SqsFacts], queue: Queue, width: int, name: int) -> Line:
    """Sign, name, what is visible and in flight, and where it goes."""
    seen, counts = queue.seen, queue.seen.counts
    severity = view.severity(queue=str(queue.name))
    if severity is None and seen.trouble:
        severity = Severity.NOTICE
    parts: list[Part] = [sign(severity), " ", fit(strong(queue.name), name), " "]
    if not seen.trouble and queue.age is not None:
        parts += [toned(fit(_about(counts.visible), 9, right=True).text, severity), dim(" visible ")]
        parts += [fit(_about(counts.in_flight), 6, right=True), dim(" in flight  ")]
    parts.append(_state(queue))
    more = [dim(f"oldest {age(queue.oldest)}")] if queue.oldest is not None else []
    more += [dim(_net(seen.net))] if seen.net is not None and abs(seen.net) >= 0.5 else []
    more += [Span(f"{_about(queue.dead)} dead", Tone.WARNING)] if queue.dead else []
    more += [dim(f"read {age(queue.age)} ago")] if queue.age is not None and queue.age >= _OLD else []
    for word in more:
        if width_of(joined(parts, "")) + width_of((word,)) + 2 <= width:
            parts += ["  ", word]
    return _cut(line(*parts, key=str(queue.name), severity=severity), width)


def _cut(drawn: Line, width: int) -> Line:
    """A line that fits; what is over is cut at its last span."""
    spans, room = [], width
    for one in drawn.spans:
        if room <= 0:
            break
        size = width_of((one,))
        spans.append(one if size <= room else fit(one, room))
        room -= size
    return Line(tuple(spans), drawn.key, drawn.severity)


def _tone(queue: Queue) -> Tone:
    if queue.seen.missing or queue.seen.trouble or (queue.is_dead_letter and queue.seen.counts.visible):
        return Tone.WARNING
    return Tone.DIM if queue.age is None else Tone.PLAIN


def _detail(queue: Queue) -> Sequence[Line]:
    """All that is known of a queue."""
    seen, counts, policy = queue.seen, queue.seen.counts, queue.seen.policy
    made = _GONE if policy.created_at is None else f"{policy.created_at:%Y-%m-%d %H:%M:%S} UTC"
    ends = policy.dead_arn.rpartition(":")[2]
    tries = "–" if policy.max_receives is None else f"after {plural(policy.max_receives, 'receive')}"
    none = "none: what always fails is tried until its retention ends" if policy.arn else _GONE
    pairs: list[tuple[str, Part]] = [
        ("visible", _about(counts.visible)),
        ("in flight", _about(counts.in_flight)),
        ("delayed", _about(counts.delayed)),
        ("net", f"{_net(seen.net)}, {outlook(queue)}"),
        ("oldest message", _or_gone(queue.oldest, age)),
        ("none taken for", _or_gone(seen.stuck, age)),
        ("retention", _or_gone(policy.retention, span)),
        ("visibility", _or_gone(policy.visibility, span)),
        ("delay", _or_gone(policy.delay, span)),
        ("dead letters to", SafeText(f"{ends}, {tries}, {_about(queue.dead)} there", 200) if ends else none),
        ("dead letters of", SafeText(", ".join(map(str, queue.dead_of)) or _GONE, 300)),
        ("order", "FIFO" if policy.fifo else "standard"),
        ("encrypted", policy.encrypted or (_GONE if not policy.arn else "no")),
        ("created", made),
        ("address", SafeText(seen.url or _GONE, 300)),
        ("read", "not yet" if queue.age is None else f"{age(queue.age)} ago"),
        *(("move", _move(move)) for move in queue.moves[:3]),
    ]
    if seen.trouble:
        pairs.insert(0, ("remark", seen.trouble))
    return [line(dim(f"{name:<16}"), words) for name, words in pairs]


def _move(move: Move) -> SafeText:
    to = f" to {move.destination}" if move.destination else " back to where they came from"
    why = f": {move.reason}" if move.reason else ""
    return SafeText(f"{move.status.lower()}, {_share(move)} moved{to}{why}", 300)


_QUEUES: Final[Table[SqsFacts, Queue]] = Table(
    name="queues",
    title="queues",
    rows=lambda facts: facts.queues,
    key=lambda queue: str(queue.name),
    columns=(
        Column("queue", lambda queue: queue.name, _NAME),
        Column("visible", lambda queue: _about(queue.seen.counts.visible), 9,
               lambda queue: queue.seen.counts.visible, True, 0, True),
        Column("in flight", lambda queue: _about(queue.seen.counts.in_flight), 9,
               lambda queue: queue.seen.counts.in_flight, True, 64, True),
        Column("delayed", lambda queue: _about(queue.seen.counts.delayed), 8,
               lambda queue: queue.seen.counts.delayed, True, 110, True),
        Column("net", lambda queue: _net(queue.seen.net), 9, lambda queue: queue.seen.net, True, 84, True),
        Column("oldest", lambda queue: _or_gone(queue.oldest, age), 7, lambda queue: queue.oldest, True, 92, True),
        Column("dead", lambda queue: _about(queue.dead), 8, lambda queue: queue.dead, True, 100, True),
        Column("read", lambda queue: _or_gone(queue.age, age), 7, lambda queue: queue.age, True, 72, True),
        Column("outlook", _state),
    ),
    empty="there is no queue here",
    tone=_tone,
    detail=_detail,
    looks=("messages",),
)  # fmt: skip


class SqsPanel(Panel[SqsFacts]):
    """The queues of one account and region."""

    title = "QUEUES"
    help = (
        "All counts are approximate (~) and may lag by a minute; visible, in flight and delayed never overlap.\n"
        "net: visible messages more a minute, over 30 to 60 s of our own samples; –: too few samples.\n"
        "drained: nothing visible, in flight or delayed in several samples over a minute; one zero proves nothing.\n"
        "oldest: age of the oldest message, a metric of CloudWatch; asked for the worst queues only (ages).\n"
        "dead: visible messages in the queue's own dead-letter queue. read: how old the row's numbers are;\n"
        "of many queues the named and the fullest are read at every reading, the others in turn.\n"
        "l: the messages of the last look at them, kept ten minutes in memory; nothing is received to show them."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_QUEUES,)

    def headline(self, view: View[SqsFacts]) -> Sequence[Part]:
        """All that is visible, and what died."""
        read = [queue for queue in view.facts.queues if queue.seen.counts.visible is not None]
        if not read:
            return [plural(len(view.facts.queues), "queue")]
        waiting = sum(queue.seen.counts.visible or 0 for queue in read if not queue.is_dead_letter)
        dead = sum(queue.seen.counts.visible or 0 for queue in read if queue.is_dead_letter)
        parts: list[Part] = [f"{_about(waiting)} visible"]
        if dead:
            parts.append(toned(f"{_about(dead)} dead letters", view.severity("dead_letters") or Severity.NOTICE))
        return parts

    def brief(self, view: View[SqsFacts], width: int) -> Sequence[Line]:
        """A line for each queue, the worst first."""
        queues = view.facts.queues
        ranked = sorted(queues[:_ROWS], key=lambda queue: -(view.severity(queue=str(queue.name)) or 0))
        longest = max((width_of((Span(str(queue.name)),)) for queue in ranked), default=8)
        name = max(8, min(longest, _NAME, width - 32))
        lines = [_row(view, queue, width, name) for queue in ranked]
        if len(queues) > _ROWS:
            lines.append(_cut(line(dim(f"  and {plural(len(queues) - _ROWS, 'more queue')}")), width))
        if not queues:
            lines.append(_cut(line(dim("there is no queue here")), width))
        return lines

    def head(self, view: View[SqsFacts], width: int) -> Sequence[Line]:
        """How the worst queues have moved, what is not known, and from where it is looked at."""
        facts = view.facts
        room = max(8, min(60, width - 46))
        lines = []
        for queue in facts.queues[:6]:
            if queue.seen.counts.visible is None:
                continue
            past = view.history("depth", queue=str(queue.name), state="visible")
            parts: list[Part] = [fit(dim(queue.name), 26), " ", Span(spark(past, room), Tone.CHART), "  "]
            parts.append(f"{_about(queue.seen.counts.visible)} visible")
            lines.append(_cut(line(*parts), width))
        if facts.unread:
            words = f"{plural(facts.unread, 'queue')} of {count(len(facts.queues))} not read yet: in turn"
            lines.append(_cut(line(dim(words)), width))
        return (*lines, _cut(seat_line(facts.seat), width))
