"""Messages about an incident: texts with places to fill in, and the way they are sent.

A place that nothing is known for is named and the text refused: nobody is told half a sentence. What is sent is
recorded word by word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from desk.incident.incident import Incident
from desk.incident.places import KNOWN, PLACE, placeholders
from desk.incident.record import PAGE, PAGES, Role, Sent
from desk.incident.scheme import Audience, Scheme, Template
from desk.incident.timers import Kind, timers
from desk.notices.wording import System
from desk.words import span
from probes.base import Delivery, Fate, Notice, SafeText, Severity


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is sent."""

    template: Template
    text: str
    """With what is known filled in; other places stand as they are."""
    missing: tuple[str, ...] = ()
    """Places that nothing is known for; with any of them it is not sent."""
    secret: bool = False
    """True when a secret that the session knows stood in it: it is not sent."""

    @property
    def refused(self) -> str:
        """Why it is not sent as it is, in words; empty: it may be."""
        if self.secret:
            return "a secret stands in it"
        said = [f"{name} ({KNOWN[name]})" if name in KNOWN else name for name in self.missing]
        return f"not filled in: {', '.join(said)}" if said else ""


class Outgoing(Protocol):
    """Sends a message through a channel of the profile; what the room is handed."""

    def channels(self) -> Sequence[str]:
        """Names of the channels that lead out of this machine."""
        ...

    async def send(self, channel: str, notice: Notice) -> Delivery:
        """Try once, in bounded time. Raises `LookupError` for a channel that is not there."""
        ...

    async def page(self, channel: str, notice: Notice) -> Delivery:
        """Call whoever is on duty, or no longer, the same; however often the notice of one case is sent, they are
        called once."""
        ...


def draft(
    template: Template,
    incident: Incident,
    scheme: Scheme,
    system: System,
    now: datetime,
    given: Mapping[str, str] | None = None,
    mask: Callable[[str], str] = str,
) -> Draft:
    """A template filled from the incident; `given` fills places too, and wins. `mask` takes secrets out."""
    known = {**fields(incident, scheme, system, now, template.audience), **(given or {})}
    missing = [name for name in placeholders(template.text) if not known.get(name, "").strip()]
    text = PLACE.sub(lambda found: known.get(found[1], "").strip() or found[0], template.text)
    masked = mask(text)
    return Draft(template, masked, tuple(missing), masked != text)


def fields(incident: Incident, scheme: Scheme, system: System, now: datetime, audience: Audience) -> dict[str, str]:
    """What is known of an incident, by the name of its place; what is not known is empty."""
    end = incident.resolved or incident.mitigated or now
    began = incident.began or incident.detected
    minutes = (end - began).total_seconds() // 60
    kind = Kind.PUBLIC if audience == "public" else Kind.INTERNAL
    every = scheme.cadence(incident.level, audience)
    due = next((one.due for one in timers(incident, scheme, now) if one.kind is kind), None)
    if due is not None and every is not None and incident.open:  # this message is the one that is due
        due = datetime.fromtimestamp(now.timestamp() + every, UTC)
    return {
        "severity": incident.level,
        "title": incident.title,
        "system": system.name,
        "environment": system.environment,
        "stage": incident.stage.value,
        "since": _clock(incident.at, now),
        "began": _clock(began, now),
        "mitigated": _clock(incident.mitigated or incident.resolved, now),
        "resolved": _clock(incident.resolved, now),
        "duration": span(minutes * 60) if minutes >= 1 else "less than a minute",
        "impact": incident.impact,
        "cause": incident.cause,
        "eta": _clock(incident.eta, now),
        "next": _clock(due, now) if incident.open else "",
        "commander": incident.commander,
        "scribe": incident.roles.get(Role.SCRIBE, ""),
        "operator": incident.roles.get(Role.OPERATOR, ""),
        "status_page": scheme.status_page,
        "chat": chat(incident, scheme),
        "id": incident.short,
    }


def chat(incident: Incident, scheme: Scheme) -> str:
    """The name of the incident's chat channel: "incident-2026-03-01-031241"."""
    at = incident.at.astimezone(UTC)
    made = {"date": f"{at:%Y-%m-%d}", "time": f"{at:%H%M%S}", "id": incident.short}
    return PLACE.sub(lambda found: made.get(found[1], found[0]), scheme.chat)


def notice(incident: Incident, message: str, text: str, audience: Audience, system: System, at: datetime) -> Notice:
    """A message as a channel takes it; `message` is its id, the same however often it is sent.

    Customers are told the text and nothing else of the incident.
    """
    inside = {"incident": incident.short, "level": incident.level, "title": incident.title}
    inside = {name: str(SafeText(one, 200)) for name, one in inside.items()} if audience == "internal" else {}
    return Notice(
        id=message,
        event="incident",
        at=at.isoformat(timespec="milliseconds"),
        system=str(SafeText(system.name, 200)),
        environment=str(SafeText(system.environment, 200)),
        production=system.production,
        case=incident.id,
        severity=Severity.CRITICAL,
        target=str(SafeText(system.name if audience == "public" else f"{incident.level} {incident.title}", 200)),
        rule="",
        words="\n".join(str(SafeText.line(one)) for one in text.splitlines()),
        since=(incident.began or incident.detected).isoformat(timespec="milliseconds"),
        more={"audience": audience, "status": incident.stage.value, **inside},
    )


def page(incident: Incident, message: str, system: System, at: datetime, over: bool = False) -> Notice:
    """What calls whoever is on duty, or (`over`) says that nobody is called any more; `message` is its id.

    All pages of an incident are one case.
    """
    return Notice(
        id=message,
        event="cleared" if over else "raised",
        at=at.isoformat(timespec="milliseconds"),
        system=str(SafeText(system.name, 200)),
        environment=str(SafeText(system.environment, 200)),
        production=system.production,
        by=str(SafeText(incident.by, 200)),
        case=incident.id,
        severity=Severity.CRITICAL,
        target=f"incident {incident.short}",
        rule="incident",
        words=str(SafeText(f"{incident.level} {incident.title}", 500)),
        since=(incident.began or incident.detected).isoformat(timespec="milliseconds"),
        more={"incident": incident.short, "level": str(SafeText(incident.level, 60))},
    )


UNDER_WAY: Final = timedelta(minutes=2)
"""How long a page may be under way; the session of one that is so longer was killed, and nobody knows whether it went
out. To page once more calls nobody twice."""


def unpaged(incident: Incident, channels: Sequence[str], now: datetime) -> list[str]:
    """Those of these channels that are not known to call somebody yet; none once it is over."""
    calling = _calling(incident, _TAKEN, frozenset(Sent) - _NEVER, now)
    return [name for name in channels if incident.open and not calling.get(name, False)]


def unended(incident: Incident, now: datetime) -> list[str]:
    """The channels that may still call somebody for an incident that is over."""
    calling = _calling(incident, frozenset(Sent) - _NEVER, _TAKEN, now)
    return [name for name, so in calling.items() if so and not incident.open]


_NEVER: Final = frozenset({Sent.REFUSED, Sent.UNSENT})
_TAKEN: Final = frozenset({Sent.SENT, Sent.SENDING})


def _calling(incident: Incident, begun: Set[Sent], ended: Set[Sent], now: datetime) -> dict[str, bool]:
    """By channel whether somebody is called. `begun`, `ended`: what must have become of a page, and of its end, to
    count."""
    found: dict[str, bool] = {}
    for told in incident.messages:
        if told.message.template in PAGES:
            begins = told.message.template == PAGE
            lost = told.sent is Sent.SENDING and abs(now - told.at) > UNDER_WAY
            if (Sent.UNANSWERED if lost else told.sent) in (begun if begins else ended):
                found[told.message.channel] = begins
    return found


FATES: Final[Mapping[Fate, Sent]] = {
    Fate.TOLD: Sent.SENT,
    Fate.REFUSED: Sent.REFUSED,
    Fate.UNSENT: Sent.UNSENT,
    Fate.UNANSWERED: Sent.UNANSWERED,
}
"""What became of a message, by what became of the try to send it."""


def _clock(at: datetime | None, now: datetime) -> str:
    """A moment, with its day where that is another; empty where it is not known."""
    if at is None:
        return ""
    told = at.astimezone(UTC)
    day = "" if told.date() == now.astimezone(UTC).date() else f"{told:%Y-%m-%d} "
    return f"{day}{told:%H:%M} UTC"
