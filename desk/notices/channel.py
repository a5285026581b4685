"""`[notify.NAME]` of a profile: where people are told, of what, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from desk.condition import parse_duration
from desk.inbox.case import Change, What
from probes.base import Referring, SafeText, Secret, Severity, Shape, parse_url

OPENING: Final = frozenset({What.RAISED, What.WORSE, What.LATE, What.ESCALATED, What.SPEAKS_AGAIN})
"""Changes that ask for somebody. The others only follow up on what was told before."""

PAUSED: Final = frozenset({What.RAISED, What.WORSE, What.BETTER, What.SPEAKS_AGAIN})
"""Changes that an alert which comes and goes makes over and over: each waits out the pause."""

Event = Literal[
    "raised", "worse", "better", "acknowledged", "released", "silenced", "speaks-again", "late", "escalated", "cleared"
]
Grade = Literal["notice", "warning", "critical"]

NAMES: Final[Mapping[What, Event]] = {
    What.RAISED: "raised",
    What.WORSE: "worse",
    What.BETTER: "better",
    What.ACKNOWLEDGED: "acknowledged",
    What.RELEASED: "released",
    What.SILENCED: "silenced",
    What.SPEAKS_AGAIN: "speaks-again",
    What.LATE: "late",
    What.ESCALATED: "escalated",
    What.CLEARED: "cleared",
}
"""Each change as a profile and a webhook call it."""

_GLOB: Final = frozenset("*?[")


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _patterns(given: tuple[str, ...]) -> tuple[str, ...]:
    if any(not one.removeprefix("!") for one in given):
        raise ValueError('holds an empty name; write "*" for all')
    return given


Duration = Annotated[str, AfterValidator(_duration)]
Mailbox = Annotated[
    str, Shape(r"^[A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9.-]{1,253}$", "an address, such as ops@example.org"),
]  # fmt: skip
Patterns = Annotated[tuple[str, ...], AfterValidator(_patterns)]

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def web(url: str, plain: bool = False) -> str:
    """An address that starts with https:// (with `plain` also http://), or a reference. Raises ValueError."""
    if url.startswith(("env:", "file:", "command:")):
        return url
    place = parse_url(url, {"http", "https"})
    if place.scheme == "http" and not plain and place.host not in _LOOPBACK:
        raise ValueError("must begin with https://: what is told there is nobody else's business")
    return url


_SEVERITY: Final = "Tell of alerts that are at least so severe; an escalation by a person is told always."


class ChannelSettings(BaseModel):
    """What every channel has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outside: ClassVar[bool] = True
    """False for the terminal in front of the person: nothing is kept for it."""

    enabled: bool = Field(True, description="false: nobody is told through it.")
    severity: Grade = Field("warning", description=_SEVERITY)
    environments: Patterns = Field((), description='Only in these environments; names or globs, "!name" leaves out.')
    targets: Patterns = Field((), description='Only of these targets; names or globs, "!name" leaves out.')
    rules: Patterns = Field((), description='Only of these rules; names or globs, "!name" leaves out.')
    changes: tuple[Event, ...] = Field(
        ("raised", "worse", "acknowledged", "released", "speaks-again", "late", "escalated", "cleared"),
        description="Which changes of an alert are told.",
    )

    @property
    def least(self) -> Severity:
        """The least severity that is told."""
        return Severity[self.severity.upper()]


class _Outside(ChannelSettings):
    """What every channel has that leads out of this machine."""

    timeout: float = Field(10.0, gt=0, le=60, description="Seconds one try may take in all.")
    pause: Duration = Field("5m", description="A change of one alert is told again only after this time.")
    give_up: Duration = Field("1d", description="What could not be told for so long is given up, and said so.")
    passed: Literal["tell", "skip"] = Field(
        "tell", description="skip: what came and went while the channel was out of reach is not told."
    )
    summary: int = Field(
        10, ge=0, le=1000, description="More notices than this, late after an outage, are told as one; 0: never."
    )

    @property
    def pause_seconds(self) -> float:
        """`pause` in seconds."""
        return parse_duration(self.pause)

    @property
    def give_up_seconds(self) -> float:
        """`give_up` in seconds."""
        return parse_duration(self.give_up)


class _Web(_Outside):
    """What is told over HTTP."""

    proxy: Referring | None = Field(
        None, description="An HTTP proxy to go through, or a reference to it: env:HTTPS_PROXY."
    )

    _web_proxy = field_validator("proxy")(lambda url: url if url is None else web(url, plain=True))


class WebhookSettings(_Web):
    """`kind = "webhook"`: a POST of JSON."""

    kind: Literal["webhook"]
    url: Referring = Field(description="Where to POST, or a reference to it.")
    secret: Secret | None = Field(
        None, description="A reference to the secret that signs: webhook-signature, HMAC-SHA256 (standardwebhooks.com)."
    )
    headers: dict[str, Referring] = Field(
        default_factory=dict, description="Headers to send; secret ones as references, env:NAME."
    )
    ca: str | None = Field(None, description="PEM file of the authorities to trust instead of the machine's.")

    _web = field_validator("url")(lambda url: web(url, plain=True))


class SlackSettings(_Web):
    """`kind = "slack"`: an incoming webhook of Slack, or of what speaks like it."""

    kind: Literal["slack"]
    url: Secret = Field(description="A reference to the incoming webhook's address, which is a secret.")


class EmailSettings(_Outside):
    """`kind = "email"`: SMTP."""

    kind: Literal["email"]
    host: str = Field(min_length=1, max_length=253, description="The SMTP server.")
    port: int = Field(587, ge=1, le=65535, description='465 with tls = "tls".')
    tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls: begins in the clear and must go over to TLS; none: on this machine only."
    )
    sender: Mailbox = Field(description="Who it is from: an address.")
    to: tuple[Mailbox, ...] = Field(min_length=1, max_length=50, description="Who is written to: addresses.")
    user: str = Field("", max_length=200, description="Who logs in; absent: nobody does.")
    password: Secret | None = Field(None, description="A reference to the password of that login.")
    ca: str | None = Field(None, description="PEM file of the authorities to trust instead of the machine's.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password go together")
        if self.tls == "none" and self.host not in _LOOPBACK:
            raise ValueError('tls = "none" is for this machine only: what is told there is nobody else\'s business')
        return self


class PagerDutySettings(_Web):
    """`kind = "pagerduty"`: the Events API v2."""

    kind: Literal["pagerduty"]
    routing_key: Secret = Field(description="A reference to the integration key of the service.")
    url: str = Field(
        "https://events.pagerduty.com/v2/enqueue",
        description="Where events go; https://events.eu.pagerduty.com/v2/enqueue in the EU.",
    )
    severities: dict[Grade, Literal["critical", "error", "warning", "info"]] = Field(
        default_factory=dict, description='What our severities are called there: { warning = "error" }.'
    )
    severity: Grade = Field("critical", description=_SEVERITY)
    changes: tuple[Event, ...] = Field(
        ("raised", "worse", "acknowledged", "silenced", "speaks-again", "escalated", "cleared"),
        description="Which changes of an alert are told.",
    )
    summary: int = Field(0, ge=0, le=0, description="Always 0: each incident there is opened and closed by itself.")

    _web = field_validator("url")(web)


class DesktopSettings(ChannelSettings):
    """`kind = "desktop"`: the bell and notices of the person's own terminal."""

    kind: Literal["desktop"] = "desktop"
    outside: ClassVar[bool] = False
    severity: Grade = Field("critical", description=_SEVERITY)
    changes: tuple[Event, ...] = Field(
        ("raised", "worse", "speaks-again", "late", "escalated"), description="Which changes of an alert are told."
    )
    bell: bool = Field(True, description="Ring the terminal's bell.")
    osc9: bool = Field(True, description="Show a notice by OSC 9: iTerm2, WezTerm, Ghostty, Windows Terminal, foot.")
    osc777: bool = Field(False, description="Show a notice by OSC 777: urxvt, foot, WezTerm, VTE with a patch.")
    every: float = Field(10.0, ge=1, le=3600, description="Seconds between two of them at least.")


AnySettings = WebhookSettings | SlackSettings | EmailSettings | PagerDutySettings | DesktopSettings

KINDS: Final[Mapping[str, type[AnySettings]]] = {
    "webhook": WebhookSettings,
    "slack": SlackSettings,
    "email": EmailSettings,
    "pagerduty": PagerDutySettings,
    "desktop": DesktopSettings,
}

MESSAGES: Final = (WebhookSettings, SlackSettings, EmailSettings)
"""Kinds that take a message which people wrote, such as those about an incident."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to tell people."""

    name: str
    settings: AnySettings

    def wants(self, change: Change, environment: str, told: bool) -> bool:
        """True when this change is to be told through it. `told`: something of the case was, or will be."""
        alert, settings = change.case.alert, self.settings
        if not settings.enabled or change.quiet or NAMES[change.what] not in settings.changes:
            return False
        if change.what not in OPENING:
            return told
        return (
            (alert.severity >= settings.least or change.what is What.ESCALATED)
            and suits(settings.environments, (environment,))
            and suits(settings.targets, (alert.target,))
            and suits(settings.rules, (alert.rule, *alert.handling.aliases))
        )


def suits(patterns: Sequence[str], names: Iterable[str]) -> bool:
    """True when a thing of these names is meant: one of them is named, or none is, and none is left out.

    >>> suits(("db-*", "!db-test"), ["db-main"]), suits(("db-*", "!db-test"), ["db-test"]), suits((), ["api"])
    (True, False, True)
    """
    names = [*names]
    wanted = [one for one in patterns if not one.startswith("!")]
    unwanted = [one[1:] for one in patterns if one.startswith("!")]
    return (not wanted or _any(wanted, names)) and not _any(unwanted, names)


def _any(patterns: Iterable[str], names: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def unknown(
    settings: ChannelSettings,
    targets: Sequence[str],
    rules: Sequence[str],
    theirs: bool,
    guess: Callable[[str, Iterable[str]], str],
) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) for each target and rule that is named outright and not there.

    `theirs`: other systems tell of alerts too, whose names nobody knows; then only what looks misspelt is wrong.
    """
    for key, word, known in (("targets", "a target", targets), ("rules", "a rule", rules)):
        for one in (pattern.removeprefix("!") for pattern in getattr(settings, key)):
            near = guess(one, known)
            if one in known or _GLOB & set(one) or (theirs and key == "rules" and not near):
                continue
            yield key, f"names {SafeText(one, 60)}, which is not {word} of this profile{near}"


def schemas() -> dict[str, Any]:
    """The JSON Schema of a channel's table, by its kind."""
    return {kind: model.model_json_schema() for kind, model in KINDS.items()}
