"""What people are told about alerts, and what became of telling them: the contract of desk and channels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Final, Protocol

from probes.base.rule import Severity
from probes.base.text import SafeText

FORM: Final = 1
"""Version of the JSON that a webhook gets; raised when an older reader would misread it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell through one channel. Its texts are armoured already, and hold no secret that we know."""

    SUMMARY: ClassVar[str] = "summary"
    """Event of a notice that stands for many, after a channel was out of reach."""
    TEST: ClassVar[str] = "test"
    """Event of a notice that a person asked for, to see whether a channel works."""

    id: str
    """The same however often it is sent: who gets it twice can tell by it."""
    event: str
    """What happened: "raised", "worse", "cleared" ...; or "summary", "test"."""
    at: str
    """When, ISO 8601 with zone."""
    system: str
    environment: str = ""
    production: bool = False
    by: str = ""
    """Who did it; empty: nobody, it happened."""
    case: str = ""
    """Id of the case; the same from its first notice to its last."""
    severity: Severity = Severity.NOTICE
    target: str = ""
    rule: str = ""
    words: str = ""
    """One sentence, with the number that proves it."""
    since: str = ""
    """When the alert was raised, ISO 8601 with zone."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else is known, as JSON values: labels, value, limit, procedure ..."""
    parts: tuple[Notice, ...] = ()
    """What a summary stands for, oldest first."""

    @property
    def headline(self) -> str:
        """The one line that says it."""
        if self.event == self.SUMMARY:
            return f"{self.place}: {len(self.parts)} notices that could not be told in time"
        if self.event == self.TEST:
            return f"TEST, nothing is wrong: {self.place}: {self.words}"
        what = self.severity.name if self.event in ("raised", "worse") else self.event.upper()
        return f"{what} {self.place}: {self.target}: {self.words}"

    @property
    def place(self) -> str:
        """The system and its environment."""
        return f"{self.system} {self.environment}".strip()

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; what a webhook gets."""
        made: dict[str, Any] = {
            "version": FORM,
            "id": self.id,
            "event": self.event,
            "at": self.at,
            "system": self.system,
            "environment": self.environment,
            "production": self.production,
            "by": self.by,
            "headline": self.headline,
        }
        if self.event == self.SUMMARY:
            made["notices"] = [part.as_dict() for part in self.parts]
            return made
        alert = {"severity": self.severity.name.lower(), "target": self.target, "rule": self.rule, "words": self.words}
        made["case"] = {"id": self.case, **alert, "since": self.since, **self.more}
        return made

    def as_json(self) -> str:
        """The same text for the same notice, always."""
        return json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def read_notice(text: str) -> Notice:
    """A notice (no summary) out of its JSON. Raises ValueError for another form."""
    try:
        found = json.loads(text)
        case = dict(found["case"])
        return Notice(
            id=found["id"],
            event=found["event"],
            at=found["at"],
            system=found["system"],
            environment=found["environment"],
            production=found["production"],
            by=found["by"],
            case=case.pop("id"),
            severity=Severity[case.pop("severity").upper()],
            target=case.pop("target"),
            rule=case.pop("rule"),
            words=case.pop("words"),
            since=case.pop("since"),
            more=case,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no notice: {type(error).__name__}") from None


class Fate(Enum):
    """What became of one try to tell."""

    TOLD = "told"
    UNSENT = "not sent"
    """Nothing has left this machine, or no one was there to take it: it is safe to send again."""
    REFUSED = "refused"
    """They answered and did not take it."""
    UNANSWERED = "sent, no answer"
    """It may have been taken."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to tell."""

    fate: Fate
    words: SafeText
    """In one line, without a secret."""
    wait: float | None = None
    """Seconds they asked us to wait; None: they did not say."""
    alone: bool = False
    """True when it is about this notice alone, so that others may be told meanwhile."""


class Teller(Protocol):
    """Tells through one channel: one request for each call, never repeated by itself."""

    async def tell(self, notice: Notice) -> Delivery:
        """Try once, in bounded time."""
        ...

    async def reach(self) -> Delivery:
        """Is it configured well and, where that does no harm, does its server answer? Tells nobody anything."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...
