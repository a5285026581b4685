"""What the last look at a queue's messages showed. In memory only, for a few minutes, secrets covered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from probes.aws.sqs.parse import number
from probes.base import SECRETIVE, SafeText

KEPT: Final = 600.0
"""Seconds that messages are kept."""
QUEUES: Final = 20
"""Queues whose messages are kept."""
_BODY: Final = 4096
"""Characters shown of one body."""
_LINES: Final = 40
"""Lines shown of one body."""
_COVER: Final = "***"
_PAIR: Final = re.compile(
    r"""(?ix) ( ["']? [\w.-]* (?:authorization|cookie|token|secret|passw|api.?key) [\w.-]* ["']? \s* [:=] \s* )
    ( "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | (?:bearer\s+|basic\s+)? [^\s,;&}"']+ )"""
)
_LOGIN: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)")


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a person may see it."""

    id: SafeText
    sent: datetime | None
    receives: int | None
    """How often it was given out, this time included."""
    group: SafeText
    """Its group, in a FIFO queue."""
    attributes: tuple[tuple[SafeText, SafeText], ...]
    body: tuple[SafeText, ...]


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look showed."""

    at: datetime
    messages: tuple[Message, ...]
    max_receives: int | None


class Keeper:
    """Holds the last glance at each queue of this process: the hands look, the panel shows."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Glance]] = {}

    def keep(self, url: str, glance: Glance, monotonic: Callable[[], float]) -> None:
        """Remember a glance; the oldest ones go."""
        self._kept.pop(url, None)
        self._kept[url] = (monotonic(), glance)
        while len(self._kept) > QUEUES:
            del self._kept[next(iter(self._kept))]

    def of(self, url: str, monotonic: Callable[[], float]) -> Glance | None:
        """The last glance at a queue, unless it is too old."""
        kept = self._kept.get(url)
        if kept is not None and monotonic() - kept[0] > KEPT:
            del self._kept[url]
            return None
        return None if kept is None else kept[1]


PEEKED: Final = Keeper()


def message(raw: Mapping[str, Any]) -> Message:
    """A message of ReceiveMessage, made safe, secrets covered."""
    told: Mapping[str, Any] = raw.get("Attributes") or {}
    stamp = number(told.get("SentTimestamp"))
    attributes = raw.get("MessageAttributes") or {}
    return Message(
        id=SafeText(str(raw.get("MessageId", "")), 100),
        sent=_time(stamp),
        receives=number(told.get("ApproximateReceiveCount")),
        group=SafeText(str(told.get("MessageGroupId") or ""), 128),
        attributes=tuple(_attribute(str(name), value) for name, value in list(attributes.items())[:10]),
        body=_body(str(raw.get("Body", ""))),
    )


def _time(stamp: int | None) -> datetime | None:
    try:
        return None if stamp is None else datetime.fromtimestamp(stamp / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _attribute(name: str, value: Any) -> tuple[SafeText, SafeText]:
    text = str(value.get("StringValue", "(binary)")) if isinstance(value, Mapping) else ""
    return SafeText(name, 60), SafeText(_COVER if SECRETIVE.search(name) else covered(text), 200)


def _body(text: str) -> tuple[SafeText, ...]:
    """The body in lines; JSON is laid out."""
    try:
        found = json.loads(text) if text[:1] in "{[" and len(text) <= 1 << 18 else None
        text = json.dumps(_covered(found), indent=2, ensure_ascii=False) if found is not None else covered(text)
    except (ValueError, RecursionError):
        text = covered(text)
    cut = text[:_BODY] + ("…" if len(text) > _BODY else "")
    lines = cut.splitlines()
    more = [f"… {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
    return tuple(SafeText.line(one) for one in (*lines[:_LINES], *more))


def _covered(value: Any) -> Any:
    """JSON with the values of secretive names covered."""
    if isinstance(value, dict):
        return {key: _COVER if SECRETIVE.search(str(key)) else _covered(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_covered(one) for one in value]
    return covered(value) if isinstance(value, str) else value


def covered(text: str) -> str:
    """Plain text with what looks like a secret covered.

    >>> covered("password=hunter2 to postgres://app:pw@db/x")
    'password=*** to postgres://app:***@db/x'
    """
    return _LOGIN.sub(rf"\1{_COVER}", _PAIR.sub(rf"\1{_COVER}", text))


def sheet(glance: Glance | None) -> Sequence[SafeText]:
    """The glance in lines."""
    if glance is None:
        return (
            SafeText("no message was looked at in the last ten minutes"),
            SafeText("to look at some, act: look at messages (a receive, which is counted)"),
        )
    lines = [SafeText(f"looked at {glance.at:%H:%M:%S} UTC: {len(glance.messages)} messages; secrets are covered")]
    for one in glance.messages:
        lines += (SafeText(), *_told(one, glance.max_receives))
    return lines


def _told(one: Message, most: int | None) -> Sequence[SafeText]:
    sent = f"{one.sent:%Y-%m-%d %H:%M:%S} UTC" if one.sent is not None else "–"
    count = "–" if one.receives is None else f"{one.receives}{f' of {most}' if most else ''}"
    last = one.receives is not None and most is not None and one.receives >= most
    warn = "  the next receive makes it a dead letter" if last else ""
    group = f"  group {one.group}" if one.group else ""
    head = SafeText(f"{one.id}  sent {sent}  received {count}{warn}{group}")
    return (head, *(SafeText(f"  {name}: {value}") for name, value in one.attributes), *one.body)
