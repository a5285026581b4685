"""What would be done to alerts and silences, in words and with identities. Pure: it looks at nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from probes.alerting.facts import Alert, Silence
from probes.alerting.parse import listed
from probes.base import Action, Danger, Identity, Number, SafeText, Subject, lasted

LEAST: Final = 1
MOST: Final = 1440
"""Minutes a silence may last: one that is forgotten hides the next outage."""
LONG: Final = 240
"""Minutes beyond which a silence is said to be long."""

SILENCE: Final = Action(
    "silence", "silence", Danger.DISRUPTIVE, number=Number("minutes", LEAST, MOST),
    what="Holds back what would be told of exactly these labels, until a set time; it ends by itself.",
    noun="alert",
)  # fmt: skip
UNSILENCE: Final = Action(
    "unsilence",
    "end the silence",
    Danger.REVERSIBLE,
    what="Ends silences now; what still fires is told again.",
    noun="silence",
)
ACTIONS: Final = (SILENCE, UNSILENCE)

NO_ACKNOWLEDGE: Final = (
    "Grafana has no acknowledge: its alert interface never had one. Acknowledge it where people are paged from, "
    "or silence the alert for a set time"
)


def no_silence(alerts: Sequence[Alert]) -> str:
    """Why these can't be silenced; empty when one of them can."""
    return "it is silenced already" if alerts and all(one.silenced_by for one in alerts) else ""


def no_end(silence: Silence) -> str:
    """Why a silence can't be ended; empty when it can."""
    return "it has ended already" if silence.state == "expired" else ""


def matched_identity(alerts: Sequence[Alert]) -> Identity:
    """Which alerts a silence would hold back now: one by its own id and start, several by all of theirs."""
    if len(alerts) == 1:
        return (("alert", alerts[0].fingerprint), ("since", _stamp(alerts[0].since)))
    told = "\n".join(sorted(f"{one.fingerprint} {_stamp(one.since)}" for one in alerts))
    return (("alerts", str(len(alerts))), ("set", hashlib.sha256(told.encode()).hexdigest()[:16]))


def differs(planned: Identity, alerts: Sequence[Alert]) -> str:
    """How the alerts differ from the planned ones, as "from -> to"; empty when they don't."""
    if matched_identity(alerts) == planned:
        return ""
    then = dict(planned)
    count = int(then.get("alerts", "1"))
    if not alerts:
        return "firing -> no such alert fires any more"
    if len(alerts) != count:
        return f"{_alerts(count)} -> {_alerts(len(alerts))} with these labels"
    if count == 1 and alerts[0].fingerprint == then.get("alert"):
        return f"firing since {then.get('since', '')[:19]} -> ended, and again since {_stamp(alerts[0].since)[:19]}"
    return f"{_alerts(count)} -> as many, but others"


def silencing(key: str, alerts: Sequence[Alert], silences: Sequence[Silence], end: datetime) -> Subject:
    """One silence that would be made: `key` is what it matches, `alerts` what that is now."""
    refused = no_silence(alerts)
    if refused:
        refused = f"{refused}, {_by(alerts, silences)}"
    first = alerts[0]
    several = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    return Subject(
        key=key,
        name=SafeText(f"{first.name} {first.where}".strip() + several, 200),
        identity=matched_identity(alerts),
        before=SafeText(_before(alerts)),
        after=SafeText(f"silent until {until(end)}"),
        felt=tuple(map(SafeText, _felt(alerts))),
        spared=SafeText(refused),
        barred=bool(refused),
    )


def ending(silence: Silence, updated: str, alerts: Sequence[Alert]) -> Subject:
    """One silence that would be ended; `alerts` are those it holds back now."""
    loud = [one for one in alerts if set(one.silenced_by) == {silence.id} and not one.inhibited_by]
    felt = (
        [f"{_alerts(len(loud))} told again: {listed(map(_called, loud))}"] if loud else ["no alert is told again by it"]
    )
    refused = no_end(silence)
    return Subject(
        key=silence.id,
        name=SafeText(", ".join(map(str, silence.matchers)) or silence.id, 200),
        identity=(("silence", silence.id), ("updated", updated), ("state", silence.state)),
        before=SafeText(_standing(silence)),
        after=SafeText("ended"),
        felt=tuple(SafeText(one, 400) for one in felt),
        spared=SafeText(refused),
        barred=bool(refused),
    )  # fmt: skip


def _standing(silence: Silence) -> str:
    left = "" if silence.state == "expired" else f", ends in {_left(silence)}"
    return f"{silence.state}, by {silence.author or 'nobody named'}{left}: {silence.comment}"


def silence_notes(minutes: int, end: datetime, skew: float | None) -> Iterable[str]:
    """What a person should know who makes a silence."""
    yield "a silence hides every alert with these labels: one that ends and fires again stays silent too"
    yield f"it ends by itself at {end:%H:%M} UTC: nothing has to be taken back, and nobody is told that it ended"
    if minutes > LONG:
        yield f"{lasted(minutes * 60)} is long: whoever takes over must know of it"
    if skew is not None:
        yield f"the server's clock is {skew:+.0f} s from ours; the end is set by the server's"


def until(end: datetime) -> str:
    """A time in UTC and by this machine's zone."""
    here = end.astimezone()
    local = f" ({here:%H:%M %Z})" if here.utcoffset() else ""
    return f"{end:%Y-%m-%d %H:%M:%S} UTC{local}"


def _before(alerts: Sequence[Alert]) -> str:
    first = alerts[0]
    age = lasted(first.age)
    if len(alerts) > 1:
        quiet = sum(bool(one.silenced_by) for one in alerts)
        return f"{_alerts(len(alerts))}, the worst for {age}" + (f"; {quiet} silenced already" if quiet else "")
    held = ", held back by another alert" if first.inhibited_by else ""
    return f"firing for {age}, {first.word or 'no severity'}{held}: {first.summary}".rstrip(": ")


def _felt(alerts: Sequence[Alert]) -> Iterable[str]:
    receivers = sorted({str(name) for one in alerts for name in one.receivers})
    if receivers:
        yield f"nothing more goes to {listed(receivers)}"
    yield f"matches {_alerts(len(alerts))} now: {listed(map(_called, alerts))}"


def _called(one: Alert) -> str:
    return f"{one.name} {one.where}".strip()


def _by(alerts: Sequence[Alert], silences: Sequence[Silence]) -> str:
    ids = {id for one in alerts for id in one.silenced_by}
    known = [one for one in silences if one.id in ids and one.ends is not None]
    if not known:
        return f"by {listed(sorted(ids), 2)}"
    last = max(known, key=lambda one: one.ends.timestamp() if one.ends else 0.0)
    return f"by {last.author or 'nobody named'} until {last.ends:%Y-%m-%d %H:%M} UTC"


def _left(silence: Silence) -> str:
    return lasted(max(0.0, silence.left) if silence.left is not None else None)


def _stamp(moment: datetime | None) -> str:
    return moment.isoformat(timespec="milliseconds") if moment else "unknown"


def _alerts(number: int) -> str:
    return "1 alert" if number == 1 else f"{number} alerts"
