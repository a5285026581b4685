"""The room without a screen: reads everything once or twice and says how it is, for cron, monitoring and scripts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from desk.alert import Alert, worst_first
from desk.board import Freshness, Slot
from desk.engine import Engine
from desk.inbox.book import quieted_by
from desk.inbox.case import Silence
from desk.inbox.record import Record
from desk.inbox.until import until
from desk.profile import Profile
from desk.rules import NO_ANSWER
from desk.words import span
from probes.base import Failure, Severity, State, finite

NAGIOS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""Words and exit codes of the monitoring plug-in convention (https://nagios-plugins.org/doc/guidelines.html)."""

_SPOKEN: Final = 5
"""Alerts that the line for monitoring has words for."""

_WELL: Final = ("nothing needs attention", "nothing else needs attention")
"""The words for no alert, and for none but silenced ones."""

_APART: Final = 1.0
"""Seconds between the two readings that a rate needs."""


@dataclass(frozen=True, slots=True)
class Report:
    """The board at one moment."""

    profile: Profile
    slots: tuple[Slot, ...]
    alerts: tuple[Alert, ...]
    now: float
    at: str
    silenced: tuple[tuple[Alert, str], ...] = ()
    """What is held back, with until when, by whom and why; it counts for nothing."""

    @property
    def unread(self) -> list[Slot]:
        """Targets without a fresh reading."""
        return [slot for slot in self.slots if slot.freshness(self.now) is not Freshness.FRESH]

    @property
    def worst(self) -> Severity | None:
        """The worst alert."""
        return max((alert.severity for alert in self.alerts), default=None)

    @property
    def code(self) -> int:
        """0 all well, 1 something is bad, 3 nothing could be read though it may later."""
        if len(self.unread) == len(self.slots):
            return 3
        return 1 if self.worst is not None and self.worst >= Severity.WARNING else 0

    @property
    def nagios(self) -> int:
        """0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."""
        if len(self.unread) == len(self.slots):
            return 3
        return {None: 0, Severity.NOTICE: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}[self.worst]


async def settle(engine: Engine, seconds: float) -> None:
    """Read until every target answered twice (rates need two readings) or the time is over."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    seen: dict[str, int] = {}

    def ring() -> None:
        for name in engine.board.drain():
            slot = engine.board.slot(name)
            if name not in seen:
                loop.call_later(_APART, engine.read_now, name)
            seen[name] = seen.get(name, 0) + (2 if slot.failure is not None else 1)
        if len(seen) == len(engine) and min(seen.values()) >= 2:
            done.set()

    engine.board.bell = ring
    engine.start()
    if not len(engine):
        done.set()
    try:
        async with asyncio.timeout(seconds):
            await done.wait()
    except TimeoutError:
        pass


async def take(engine: Engine, profile: Profile, seconds: float, silences: Iterable[Silence] = ()) -> Report:
    """How everything is, after a look or two; the engine is closed then.

    The engine must judge at once (`wiring.build(..., at_once=True)`): a rule that waits would never speak here.
    `silences`: those in force in the inbox of the system.
    """
    await settle(engine, seconds)
    now, at = engine.clock.monotonic(), engine.clock.now()
    slots = engine.board.slots()
    engine.inbox.take([Record(one.id, one.at, silence=one) for one in silences], live=False)
    alerts = worst_first([*engine.alerts(), *_silent(slots, now, at, seconds)])
    held = [(alert, _held(engine, alert, at)) for alert in alerts]
    await engine.close()
    return Report(
        profile,
        slots,
        tuple(alert for alert, why in held if not why),
        now,
        at.isoformat(timespec="seconds"),
        tuple((alert, why) for alert, why in held if why),
    )


def _held(engine: Engine, alert: Alert, at: datetime) -> str:
    """Until when and why an alert is silenced; empty: it is not."""
    one = engine.inbox.silence_of(alert)
    end = f"until {until(one.until, at)} UTC, " if one is not None else ""
    return end + quieted_by(alert, one)


def _silent(slots: Iterable[Slot], now: float, at: datetime, seconds: float) -> Iterable[Alert]:
    """An alert for each target that has said nothing, not even why: silence is not health."""
    for slot in slots:
        if slot.failure is None and slot.freshness(now) is not Freshness.FRESH:
            age = slot.age(now)
            words = f"no answer within {seconds:g} s" if age is None else f"no answer for {span(age)}"
            yield Alert(slot.target.name, NO_ANSWER, Severity.CRITICAL, "", (), words, slot.since, at)


def as_text(report: Report) -> str:
    """A line for each target, then what is wrong."""
    lines = [f"{report.profile.system}  {report.profile.environment}  {report.at}"]
    silent = {alert.target: f"  {alert.words}" for alert in report.alerts if alert.rule == NO_ANSWER}
    for slot in report.slots:
        said = silent.get(slot.target.name, "") if slot.failure is None else f"  {_why(slot.failure)}"
        lines.append(f"{slot.state(report.now).value:<12} {slot.target.name} ({slot.target.kind}){said}")
    told = (alert for alert in report.alerts if alert.rule != NO_ANSWER)
    lines += [f"{alert.severity.name:<12} {alert.target}: {alert.words}" for alert in told]
    lines += [f"{'silenced':<12} {alert.target}: {alert.words}  {why}" for alert, why in report.silenced]
    if not report.alerts and not report.unread:
        lines.append(_WELL[bool(report.silenced)])
    return "\n".join(lines)


def _why(failure: Failure) -> str:
    hint = f"; {failure.hint}" if str(failure.hint) else ""
    return f"{failure.cause.value}: {failure.message}{hint}"


def as_nagios(report: Report) -> str:
    """One line: the state, what is wrong, and performance data."""
    word = NAGIOS[report.nagios]
    said = (
        "; ".join(f"{alert.target}: {alert.words}" for alert in report.alerts[:_SPOKEN]) or _WELL[bool(report.silenced)]
    )
    said += f"; +{more} more" if (more := len(report.alerts) - _SPOKEN) > 0 else ""
    said += f"; {held} silenced" if (held := len(report.silenced)) else ""
    live = sum(slot.state(report.now) in (State.LIVE, State.PARTIAL) for slot in report.slots)
    return f"{word} - {said.replace('|', '/')} | live={live};;;0;{len(report.slots)} alerts={len(report.alerts)};;;0"


def as_json(report: Report) -> str:
    """Everything, for scripts, in ASCII; `version` grows when the form changes."""
    body: dict[str, Any] = {
        "version": 1,
        "system": report.profile.system,
        "environment": report.profile.environment,
        "production": report.profile.production,
        "at": report.at,
        "targets": [_target(slot, report.now) for slot in report.slots],
        "alerts": [_alert(alert) for alert in report.alerts],
        "silenced": [{**_alert(alert), "because": why} for alert, why in report.silenced],
    }
    return json.dumps(body, indent=2, allow_nan=False)


def _target(slot: Slot, now: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": slot.target.name,
        "kind": slot.target.kind,
        "state": slot.state(now).value,
        "age_seconds": None if (age := slot.age(now)) is None else round(age, 3),
        "failure": None,
        "gaps": [],
        "gauges": {},
        "facts": None,
    }
    if slot.failure is not None:
        found["failure"] = {
            "cause": slot.failure.cause.value,
            "message": str(slot.failure.message),
            "hint": str(slot.failure.hint),
        }
    if slot.snapshot is not None:
        found["gaps"] = [{"part": gap.part, "cause": gap.cause.value} for gap in slot.snapshot.gaps]
        found["gauges"] = {str(key): value for key, value in slot.snapshot.gauges.items()}
        found["facts"] = as_plain(slot.snapshot.facts)
    return found


def as_plain(value: Any) -> Any:
    """Facts as JSON can hold them: records by field name, text as it would be shown, numbers that are none as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: as_plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(one) for one in value]
    if isinstance(value, Enum):
        return as_plain(value.value)
    if isinstance(value, bool | int | str) or value is None:
        return value
    return finite(value) if isinstance(value, float) else str(value)


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "target": alert.target,
        "rule": alert.rule,
        "severity": alert.severity.name.lower(),
        "gauge": alert.gauge or None,
        "labels": dict(alert.labels),
        "words": alert.words,
        "since": alert.at.isoformat(timespec="seconds"),
        "value": alert.value,
    }
