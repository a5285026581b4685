"""From the server's JSON to facts: bounded, typed, every text made safe. Pure.

Documents: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from probes.alerting.api import SKEW, moment
from probes.alerting.facts import Alert, Silence, key_of
from probes.base import Cause, ProbeError, SafeText, severity_told

MOST_ALERTS: Final = 1000
"""Alerts kept as rows; all are counted."""
MOST_SILENCES: Final = 500
LATELY: Final = 16 * 3600.0
"""Seconds an ended silence is still shown."""
_MOST_LABELS: Final = 60
_TEXT: Final = 500
_OPERATORS: Final = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}
"""How a matcher compares, by isRegex and isEqual."""


@dataclass(frozen=True, slots=True)
class Held:
    """Alerts as they were read: the rows that are kept, and what all of them come to."""

    alerts: tuple[Alert, ...]
    everything: tuple[Alert, ...]
    by_silence: Mapping[str, int]


def rows(value: Any, what: str) -> list[Mapping[str, Any]]:
    """A JSON list of objects. Raises `ProbeError(Cause.GARBAGE)`."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ProbeError(Cause.GARBAGE, f"{what} do not come as a list: is it an Alertmanager?")
    return value


def table(value: Any) -> Mapping[str, Any]:
    """A JSON object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> dict[str, str]:
    """Names and texts of a JSON object; what is no text is left out."""
    return {str(name): text for name, text in table(value).items() if isinstance(text, str)}


def ids(value: Any) -> tuple[str, ...]:
    """Ids in a JSON list, made safe."""
    found = value if isinstance(value, list) else []
    return tuple(str(SafeText(one, 80)) for one in found[:100] if isinstance(one, str))


def held(value: Any, severity: str, now: datetime) -> Held:
    """The alerts of a server; `severity` is the label that says how bad one is, `now` by the server's clock."""
    everything = sorted((_alert(one, severity, now) for one in rows(value, "alerts")), key=_rank)
    by_silence = Counter(id for one in everything for id in one.silenced_by)
    kept = tuple({one.key: one for one in everything}.values())[:MOST_ALERTS]
    return Held(kept, tuple(everything), by_silence)


def _rank(one: Alert) -> tuple[bool, int, float]:
    return (not one.active, -(one.severity or 0), -(one.age or 0.0))


def _alert(told: Mapping[str, Any], severity: str, now: datetime) -> Alert:
    labels, annotations, status = texts(told.get("labels")), texts(told.get("annotations")), table(told.get("status"))
    since = moment(told.get("startsAt"))
    state = status.get("state")
    summary = annotations.get("summary") or annotations.get("description") or annotations.get("message") or ""
    receivers = told.get("receivers")
    word = labels.get(severity, "")
    return Alert(
        key=key_of(labels),
        fingerprint=str(SafeText(str(told.get("fingerprint", "")), 40)),
        name=SafeText(labels.get("alertname") or "(no name)", 200),
        severity=severity_told(word),
        word=SafeText(word, 40),
        state=state if state in ("active", "suppressed", "unprocessed") else "",
        since=since,
        age=max(0.0, (now - since).total_seconds()) if since else None,
        summary=SafeText(summary, _TEXT),
        labels=_pairs(labels),
        annotations=_pairs(annotations),
        receivers=tuple(
            SafeText(str(table(one).get("name", "")), 80) for one in (receivers if isinstance(receivers, list) else [])
        ),
        silenced_by=ids(status.get("silencedBy")),
        inhibited_by=ids(status.get("inhibitedBy")),
        source=SafeText(str(told.get("generatorURL") or ""), 2000),
    )


def _pairs(found: Mapping[str, str]) -> tuple[tuple[SafeText, SafeText], ...]:
    ordered = sorted(found.items())[:_MOST_LABELS]
    return tuple((SafeText(name, 80), SafeText(text, _TEXT)) for name, text in ordered)


def silences(value: Any, by_silence: Mapping[str, int], now: datetime) -> tuple[Silence, ...]:
    """The silences that count, and those that ended lately; `now` by the server's clock. Not bounded yet."""
    found = [silence_of(one, by_silence, now) for one in rows(value, "silences")]
    kept = [one for one in found if one.state != "expired" or one.left is None or one.left > -LATELY]
    return tuple(sorted(kept, key=_next))


def _next(one: Silence) -> tuple[bool, float]:
    left = one.left or 0.0
    return (True, -left) if one.state == "expired" else (False, left)


def silence_of(told: Mapping[str, Any], by_silence: Mapping[str, int], now: datetime) -> Silence:
    """One silence; `by_silence` counts the alerts that each holds back."""
    ends = moment(told.get("endsAt"))
    state = table(told.get("status")).get("state")
    id = str(SafeText(str(told.get("id", "")), 80))
    return Silence(
        id=id,
        state=state if state in ("active", "pending", "expired") else "",
        matchers=matchers(told.get("matchers")),
        author=SafeText(str(told.get("createdBy") or ""), 80),
        comment=SafeText(str(told.get("comment") or ""), _TEXT),
        starts=moment(told.get("startsAt")),
        ends=ends,
        left=(ends - now).total_seconds() if ends else None,
        silences=by_silence.get(id, 0),
    )


def matchers(value: Any) -> tuple[SafeText, ...]:
    """Matchers as people write them: name="value", name=~"a.*"."""
    found = value if isinstance(value, list) else []
    return tuple(_matcher(table(one)) for one in found[:_MOST_LABELS])


def _matcher(one: Mapping[str, Any]) -> SafeText:
    sign = _OPERATORS[bool(one.get("isRegex")), bool(one.get("isEqual", True))]
    return SafeText(f'{one.get("name", "")}{sign}"{one.get("value", "")}"', 200)


def exact(value: Any) -> dict[str, str] | None:
    """The labels that matchers ask for, when every one asks for exactly one value; else None."""
    found = value if isinstance(value, list) else []
    labels: dict[str, str] = {}
    for one in map(table, found):
        name, text = one.get("name"), one.get("value")
        if one.get("isRegex", False) or not one.get("isEqual", True) or not isinstance(name, str):
            return None
        if not isinstance(text, str) or not name or not text or name in labels:
            return None
        labels[name] = text
    return labels or None


def matchers_of(labels: Mapping[str, str]) -> list[dict[str, object]]:
    """Matchers that ask for exactly these labels."""
    return [{"name": name, "value": text, "isRegex": False, "isEqual": True} for name, text in labels.items()]


def stamp(moment: datetime) -> str:
    """A time in UTC as the interface wants it, in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def filters(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """The query that lists the alerts with these labels."""
    return [("filter", matching(name, text)) for name, text in labels.items()]


def matching(name: str, text: str) -> str:
    """One label as Alertmanager's own matcher syntax has it (docs/alerting/latest/configuration/#matcher)."""
    named = name if name.replace("_", "a").isalnum() and name.isascii() and not name[:1].isdigit() else _quoted(name)
    return f"{named}={_quoted(text)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def worth_saying(skew: float | None) -> float | None:
    """A difference of clocks, when it is more than HTTP's whole seconds and the way explain."""
    return skew if skew is not None and abs(skew) > SKEW else None


def listed(names: Iterable[object], most: int = 5) -> str:
    """A few names, and how many more there are."""
    found: Sequence[object] = list(names)
    shown = ", ".join(str(one) for one in found[:most])
    return shown if len(found) <= most else f"{shown} and {len(found) - most} more"
