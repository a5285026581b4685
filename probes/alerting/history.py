"""What fired since last evening, from the changes of state that Grafana keeps as annotations. Pure.

Interface: https://grafana.com/docs/grafana/latest/developers/http_api/annotations/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from probes.alerting.facts import Fired
from probes.alerting.parse import rows
from probes.base import SafeText, finite

_STATE: Final = re.compile(r"(?i)alerting|error|no_?data")
_NORMAL: Final = re.compile(r"(?i)normal|ok\b")


def fired(value: Any) -> tuple[Fired, ...]:
    """Each alert that began to fire, with when it was normal again, the newest first."""
    told = [one for one in rows(value, "annotations") if _at(one) is not None]
    ended: dict[str, datetime] = {}
    found: list[Fired] = []
    for one in sorted(told, key=lambda one: _at(one) or datetime.max.replace(tzinfo=UTC), reverse=True):
        at, subject = _at(one), _subject(one)
        if at is None:
            continue
        if _NORMAL.match(_text(one, "newState")):
            ended[subject] = at
        elif _STATE.match(_text(one, "newState")) and not _STATE.match(_text(one, "prevState")):
            found.append(_fired(one, at, ended.pop(subject, None)))
    return tuple(found)


def _fired(one: Mapping[str, Any], at: datetime, until: datetime | None) -> Fired:
    text = _text(one, "text")
    name = _text(one, "alertName") or text.partition(" {")[0] or "(no name)"
    rest = text[len(name) :].strip() if text.startswith(name) else text
    return Fired(
        key=str(SafeText(f"{one.get('id', '')} {one.get('time', '')} {_subject(one)}", 300)),
        at=at,
        until=until,
        name=SafeText(name, 200),
        state=SafeText(_text(one, "newState"), 40),
        text=SafeText(rest, 300),
    )


def _subject(one: Mapping[str, Any]) -> str:
    """What a change of state is about: the rule and the labels, without the values that follow them."""
    return f"{one.get('alertId', '')} {_text(one, 'text').rpartition('} - ')[0]}"


def _text(one: Mapping[str, Any], name: str) -> str:
    found = one.get(name)
    return found if isinstance(found, str) else ""


def _at(one: Mapping[str, Any]) -> datetime | None:
    milliseconds = finite(one.get("time"))
    if milliseconds is None or not 0 < milliseconds < 4e12:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
