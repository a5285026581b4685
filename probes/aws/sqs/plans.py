"""What an act on a queue would do, in words. Pure: everything it judges by was looked at before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.aws.sqs.actions import BY_HAND, EACH, HIDDEN_FOR, LOOKED_AT, PURGING
from probes.aws.sqs.facts import Move
from probes.aws.sqs.parse import name_of
from probes.aws.sqs.sight import One, said
from probes.base import Cause, ProbeError, SafeText, Subject

BATCH: Final = 10
"""Messages that are moved together where the place knows no move task."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The parts of a plan that differ from act to act."""

    subject: Subject
    felt: tuple[SafeText, ...] = ()
    undo: SafeText = SafeText()
    notes: tuple[SafeText, ...] = ()
    answers: float = 10.0
    settles: float = 30.0


def purge(one: One, until: datetime | None, is_dead_letter: bool) -> Drawn:
    """`until`: when a purge of ours that is still under way ends."""
    notes = [
        SafeText("it takes up to 60 s and takes what is in flight too; a message sent within that time may go as well"),
        SafeText("pause what sends to it first, or new messages are lost with the old"),
    ]
    if is_dead_letter:
        notes.append(SafeText("these are dead letters: redrive puts them back to work instead"))
    spared = SafeText("" if until is None else f"a purge is under way until {until:%H:%M:%S} UTC")
    subject = Subject(
        one.name, SafeText(one.name), one.identity, one.before, SafeText("~0 visible, ~0 in flight, ~0 delayed"),
        spared=spared, barred=bool(spared),
    )  # fmt: skip
    felt = (SafeText("consumers lose what they work on: a message in flight is deleted under them"),)
    return Drawn(subject, felt if one.counts.in_flight != 0 else (), notes=tuple(notes), settles=PURGING * 2.5)


def peek(one: One) -> Drawn:
    """A look at messages."""
    most = one.policy.max_receives
    notes = [SafeText(f"if they can't be given back they stay hidden for {HIDDEN_FOR} s, no longer")]
    if most is not None:
        dead = SafeText(name_of(one.policy.dead_arn), 100)
        notes.insert(
            0,
            SafeText(
                f"a message that was received {most} times goes to {dead} at its next receive; this counts as one"
            ),
        )
    if most == 1:
        notes.insert(0, SafeText("every message is given out once only here: after this look none is worked on"))
    if one.policy.fifo:
        notes.append(SafeText("while a message of a group is hidden, nobody gets another one of its group"))
    subject = Subject(
        one.name, SafeText(one.name), one.identity, one.before,
        SafeText(f"up to {LOOKED_AT} of them received once more, and visible again"),
    )  # fmt: skip
    felt = (SafeText("its consumers don't see these messages for a moment"),)
    return Drawn(subject, felt, notes=tuple(notes), answers=20.0, settles=HIDDEN_FOR + 5.0)


@dataclass(frozen=True, slots=True)
class Way:
    """How dead letters would go back."""

    destination: str
    """ARN; `EACH`: each to the queue it came from."""
    sources: tuple[str, ...]
    """ARNs of the queues whose dead letters are here."""
    task: bool
    """True when the place knows move tasks; else they are received, sent and deleted by us."""
    to: One | None = None
    """The destination, where it is one queue."""
    rate: int | None = None


def way(one: One, word: str, sources: Sequence[str], task: bool, rate: int | None) -> Way:
    """The destination that a word means. Raises `ProbeError` for one that is none."""
    shown = SafeText(one.name, 100)
    if not sources:
        raise ProbeError(Cause.MISSING, f"no queue sends its dead letters to {shown}: there is nowhere to move them")
    if word in ("", EACH):
        if len(sources) == 1:
            return Way(sources[0], tuple(sources), task, rate=rate)
        names = ", ".join(map(name_of, sources))
        if not task or not word:
            raise ProbeError(Cause.MISSING, SafeText(f"{shown} has several sources, choose one of: {names}", 300))
        return Way(EACH, tuple(sources), task, rate=rate)
    arn = next((source for source in sources if word in (source, name_of(source))), "")
    if not arn:
        listed = SafeText(", ".join(map(name_of, sources)), 200)
        raise ProbeError(Cause.MISSING, f"{SafeText(word, 100)} is no source of {shown}: choose one of: {listed}")
    return Way(arn, tuple(sources), task, rate=rate)


def redrive(one: One, how: Way, running: Move | None) -> Drawn:
    """Dead letters going back."""
    many = one.counts.visible or 0
    to = "the queues they came from" if how.destination == EACH else name_of(how.destination)
    moved = many if how.task else min(many, BY_HAND)
    spared = ""
    if running is not None:
        spared = f"a move is under way: ~{running.moved or 0:,} of ~{running.to_move or 0:,} moved"
    elif not many:
        spared = "no message is visible there"
    identity = (
        *one.identity, ("destination", how.destination), ("sources", " ".join(how.sources)),
        ("destination created", how.to.policy.created if how.to is not None else ""),
        ("by", "task" if how.task else "hand"),
    )  # fmt: skip
    pace = f"at most {how.rate} a second" if how.rate is not None else "as fast as the service sees fit"
    notes = [SafeText(f"{pace}; what is in flight there stays")]
    if how.destination != EACH and len(how.sources) > 1:
        others = ", ".join(name_of(arn) for arn in how.sources if arn != how.destination)
        notes.append(SafeText(f"dead letters of {others} go to {to} as well: nobody tells them apart", 300))
    if not how.task:
        notes.append(
            SafeText(
                f"this endpoint has no move task: ~{moved:,} messages are received, sent and deleted by us, {BATCH} at "
                f"a time; if it is cut, up to {BATCH} may be delivered twice",
                300,
            )
        )
        if many > BY_HAND:
            notes.append(SafeText(f"{BY_HAND} at most; do it again for the rest"))
    if how.to is not None and how.to.policy.max_receives is not None:
        notes.append(SafeText(f"what fails {how.to.policy.max_receives} times again comes back here"))
    after = SafeText(f"~{many - moved:,} visible here, ~{moved:,} more in {to}")
    subject = Subject(
        one.name, SafeText(one.name), identity, one.before, after, spared=SafeText(spared), barred=bool(spared)
    )
    felt = [SafeText(f"the consumers of {to} get them again: what was done before they failed may be done twice")]
    if how.to is not None:
        felt.append(SafeText(f"{to}: {said(how.to.counts)}"))
    long = 60.0 + moved / (how.rate or 100)
    return Drawn(
        subject, tuple(felt), SafeText("cancel-move stops the rest; what was moved stays" if how.task else ""),
        tuple(notes), 10.0 if how.task else 60.0, min(600.0, long) if how.task else 30.0,
    )  # fmt: skip


def cancel(one: One, running: Move) -> Drawn:
    """A move stopped."""
    task = (("task", running.handle), ("started", str(running.started or "")))
    left = max(0, (running.to_move or 0) - (running.moved or 0))
    subject = Subject(
        one.name, SafeText(one.name), (*one.identity, *task),
        SafeText(f"moving, ~{running.moved or 0:,} of ~{running.to_move or 0:,} moved"),
        SafeText(f"stopped, ~{left:,} stay here"),
    )  # fmt: skip
    return Drawn(subject, undo=SafeText("redrive moves the rest"))
