"""A change of a case as a notice: everything a person or a program elsewhere needs to know, and no secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from desk.alert import Alert
from desk.inbox.case import Change
from desk.notices.channel import NAMES
from desk.words import amount
from probes.base import Notice, SafeText, Severity

_LONG: Final = 1000
"""Characters of a sentence."""
_SHORT: Final = 200
"""Characters of a name."""
_LABELS: Final = 20
"""Labels that are told."""


@dataclass(frozen=True, slots=True)
class System:
    """What is told of."""

    name: str
    environment: str = ""
    production: bool = False


def notice(system: System, change: Change, redact: Callable[[str], str] = str) -> Notice:
    """What there is to tell of a change."""
    case, alert = change.case, change.case.alert

    def text(said: str, most: int = _LONG) -> str:
        return str(SafeText(redact(said), most))

    return Notice(
        id=change.id,
        event=NAMES[change.what],
        at=_moment(change.at) or "",
        system=text(system.name, _SHORT),
        environment=text(system.environment, _SHORT),
        production=system.production,
        by=text(change.by, _SHORT),
        case=case.id,
        severity=alert.severity,
        target=text(alert.target, _SHORT),
        rule=text(alert.rule, _SHORT),
        words=text(alert.words),
        since=_moment(alert.at) or "",
        more={key: one for key, one in _more(change, alert, text).items() if one not in (None, "", {})},
    )


def _more(change: Change, alert: Alert, text: Callable[..., str]) -> Mapping[str, Any]:
    case = change.case
    return {
        "standing": case.standing.value,
        "kind": text(case.kind, _SHORT),
        "gauge": text(alert.gauge, _SHORT),
        "labels": {text(key, _SHORT): text(value, _SHORT) for key, value in alert.labels[:_LABELS]},
        "value": alert.value,
        "limit": alert.limit,
        "unit": alert.unit.value if alert.value is not None else "",
        "value_text": amount(alert.value, alert.unit) if alert.value is not None else "",
        "limit_text": amount(alert.limit, alert.unit) if alert.limit is not None else "",
        "note": text(change.note),
        "procedure": text(alert.handling.procedure or (alert.theirs.procedure if alert.theirs else "")),
        "suggest": text(alert.handling.suggest),
        "link": text(alert.theirs.link) if alert.theirs is not None else "",
        "acknowledged_by": text(case.handed, _SHORT),
        "due": _moment(case.due),
        "silenced_until": _moment(case.silenced_until),
        "silenced_by": text(case.silenced_by),
        "cleared": _moment(case.cleared),
        "flaps": case.flaps or None,
    }


def trial(system: System, at: datetime, id: str, by: str) -> Notice:
    """A notice that says that it is a test, and that nothing is wrong."""
    words = "a test notice, sent by hand to see whether this channel works"
    return Notice(
        id=id,
        event=Notice.TEST,
        at=_moment(at) or "",
        system=system.name,
        environment=system.environment,
        production=system.production,
        by=by,
        case=f"opsroom-test-{id}",
        severity=Severity.NOTICE,
        target="opsroom",
        rule="test",
        words=words,
        since=_moment(at) or "",
    )


def summary(batch: str, parts: Sequence[Notice]) -> Notice:
    """One notice that stands for many."""
    last = parts[-1]
    return Notice(
        id=batch,
        event=Notice.SUMMARY,
        at=last.at,
        system=last.system,
        environment=last.environment,
        production=last.production,
        severity=max(part.severity for part in parts),
        parts=tuple(parts),
    )


def _moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at is not None else None
