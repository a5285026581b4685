"""Draws secrets: how old, how rotated, which versions. There is no value to draw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import count, plural, span
from probes.aws.secrets.facts import OneSecret, SecretsFacts
from probes.base import SafeText, Severity
from widgets.aws import seat_line
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, width_of
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_ROWS: Final = 30
"""Lines of an overview that are made at most."""
_NAME: Final = 44


def _day(moment: datetime | None) -> str:
    return _GONE if moment is None else f"{moment:%Y-%m-%d}"


def _time(moment: datetime | None) -> str:
    return _GONE if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _short(id: str) -> str:
    return id if len(id) < 16 else f"{id[:8]}…{id[-4:]}"


def _state(one: OneSecret) -> Part:
    """What there is to say of a secret, the most telling first."""
    if one.trouble:
        return one.trouble
    if one.deleted is not None:
        return f"marked for deletion, {_day(one.deleted)}"
    if one.pending is not None:
        return f"a rotation has not ended for {span(one.pending)}"
    if one.overdue is not None:
        return f"rotation {span(one.overdue)} late"
    return "rotates" if one.rotates else "not rotated"


def _tone(one: OneSecret) -> Tone:
    if one.deleted is not None or one.missing:
        return Tone.CRITICAL
    return Tone.WARNING if one.trouble or one.pending is not None or one.overdue is not None else Tone.PLAIN


def _stage(one: OneSecret, stage: str) -> str:
    version = one.at(stage)
    if version is None:
        return _GONE
    return _short(version.id) if version.created is None else f"{_short(version.id)} of {_time(version.created)}"


def _detail(one: OneSecret) -> Sequence[Line]:
    """All that is told of a secret."""
    pairs: list[tuple[str, Part]] = [
        ("name", one.name),
        ("state", _state(one)),
        ("description", one.description or SafeText(_GONE)),
        ("changed", _time(one.changed)),
        ("read last", _day(one.accessed)),
        ("rotated", _time(one.rotated)),
        ("next rotation", _day(one.next_rotation) if one.rotates else "none: it is not rotated"),
        ("created", _time(one.created)),
        *((stage, _stage(one, stage)) for stage in ("AWSCURRENT", "AWSPREVIOUS", "AWSPENDING")),
        ("owned by", one.owner or SafeText(_GONE)),
        ("tags", count(one.tags)),
        ("ARN", SafeText(one.arn or _GONE, 300)),
    ]
    return [line(dim(f"{name:<14}"), words) for name, words in pairs]


_SECRETS: Final[Table[SecretsFacts, OneSecret]] = Table(
    name="secrets",
    title="secrets",
    rows=lambda facts: facts.secrets,
    key=lambda one: str(one.name),
    columns=(
        Column("secret", lambda one: one.name, _NAME),
        Column("changed", lambda one: _day(one.changed), 10, lambda one: one.changed, False, 70, True),
        Column("read last", lambda one: _day(one.accessed), 10, lambda one: one.accessed, False, 100, True),
        Column("rotated", lambda one: _day(one.rotated), 10, lambda one: one.rotated, False, 112, True),
        Column("next", lambda one: _day(one.next_rotation), 10, lambda one: one.next_rotation, False, 124),
        Column("current", lambda one: _current(one), 13, None, False, 140),
        Column("state", _state),
    ),
    empty="there is no secret here",
    tone=_tone,
    detail=_detail,
)


def _current(one: OneSecret) -> str:
    version = one.at("AWSCURRENT")
    return _GONE if version is None else _short(version.id)


class SecretsPanel(Panel[SecretsFacts]):
    """The secrets of one account and region."""

    title = "SECRETS"
    help = (
        "Values are never read to be shown: not here, not in a plan, not in the record. A change reads one in memory.\n"
        "changed: anything about the secret was last changed. read last: the day somebody last fetched its value.\n"
        "AWSCURRENT is what is handed out; AWSPREVIOUS is what it was before, and can be made current again.\n"
        "A rotation that has not ended: a version is AWSPENDING that is not current; it runs, or it failed.\n"
        "marked for deletion: nobody can read it any more, and it is gone for good when its time is up.\n"
        "What runs keeps the value it read when it started, until it is deployed or restarted anew."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_SECRETS,)

    def headline(self, view: View[SecretsFacts]) -> Sequence[Part]:
        """How many there are, and how many are in trouble."""
        secrets = view.facts.secrets
        bad = sum(1 for one in secrets if _tone(one) is not Tone.PLAIN)
        parts: list[Part] = [plural(len(secrets), "secret")]
        return [*parts, Span(f"{bad} to look at", Tone.WARNING)] if bad else parts

    def brief(self, view: View[SecretsFacts], width: int) -> Sequence[Line]:
        """A line for each in trouble, the others together."""
        facts = view.facts
        bad = [one for one in facts.secrets if _tone(one) is not Tone.PLAIN]
        lines = [self._row(view, one, width) for one in bad[:_ROWS]]
        fine = len(facts.secrets) - len(bad)
        if len(bad) > _ROWS:
            lines.append(line(dim(fit(f"  and {len(bad) - _ROWS} more to look at", width).text)))
        if fine:
            rotated = sum(1 for one in facts.secrets if one.rotates)
            words = (
                f"{plural(fine, 'secret')} without a remark, {count(rotated)} of {count(len(facts.secrets))} rotated"
            )
            lines.append(line(sign(None), " ", fit(words, max(0, width - 2)).text.rstrip()))
        if not facts.secrets:
            words = "the list is being read" if facts.listing else "there is no secret here"
            lines.append(line(dim(fit(words, width).text.rstrip())))
        return lines

    def _row(self, view: View[SecretsFacts], one: OneSecret, width: int) -> Line:
        severity = view.severity(secret=str(one.name)) or Severity.NOTICE
        name = max(8, min(_NAME, width - 34, width_of((Span(str(one.name)),))))
        room = max(0, width - name - 4)
        state = fit(str(_state(one)), room).text.rstrip()
        return line(sign(severity), " ", fit(strong(one.name), name), "  ", state, key=str(one.name), severity=severity)

    def head(self, view: View[SecretsFacts], width: int) -> Sequence[Line]:
        """What is not known yet, and from where it is looked at."""
        facts = view.facts
        lines = list(self.brief(view, width))[:8]
        if facts.listing:
            words = f"the list is being read: {count(len(facts.secrets))} so far"
            lines.append(line(dim(fit(words, width).text.rstrip())))
        return (*lines, seat_line(facts.seat))
