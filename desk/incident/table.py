"""`[[severity]]`, `[incident]`, `[contacts.NAME]`, `[[escalation]]` and `[[message]]` of a profile: their keys, and the
scheme that they make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from desk.condition import parse_duration
from desk.incident.places import KNOWN as FIELDS
from desk.incident.places import placeholders
from desk.incident.scheme import DAY, HOUR, LEVELS, OURS, TEMPLATES, Contact, Level, Rung, Scheme, Template
from desk.profile_faults import Findings, guess
from probes.base import SafeText, Shape

TABLES: Final = ("severity", "incident", "contacts", "escalation", "message")
"""What a profile says about incidents."""

_M = TypeVar("_M", bound=BaseModel)

_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
_ONCALL: Final = re.compile(r"^pagerduty:[\w-]{1,60}$")


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _address(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("must be an address that begins with https://")
    return text


def _oncall(text: str) -> str:
    if text and not _ONCALL.match(text):
        raise ValueError('must be "pagerduty:SCHEDULE", with the id of a schedule')
    return text


Duration = Annotated[str, AfterValidator(_duration)]
Address = Annotated[str, Field(max_length=300), AfterValidator(_address)]
_Word = Annotated[str, Field(min_length=1, max_length=60)]
_Words = Annotated[tuple[_Word, ...], Field(max_length=20)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SeverityTable(_Table):
    """`[[severity]]`: one grade of incidents, the worst first."""

    name: _Word = Field(description='As people say it: "P1", "SEV 2".')
    about: str = Field("", max_length=200, description="When it is so: a complete outage, data loss.")
    respond: Duration | None = Field(None, description='Within which somebody must be at it: "15m".')
    internal: Duration | None = Field(None, description='Our own people are told so often: "30m".')
    public: Duration | None = Field(None, description='Customers are told so often: "15m".')
    watch: Duration | None = Field(None, description='How long it is watched after the fix: "30m".')
    notify: _Words = Field((), description="Contacts that are told at once, by name.")
    page: _Words = Field((), description="[notify.NAME]s of kind pagerduty that call somebody at once.")


class IncidentTable(_Table):
    """`[incident]`: what holds for every severity; of two times the stricter counts."""

    respond: Duration | None = Field(None, description="Within which somebody must be at it.")
    internal: Duration | None = Field(None, description="Our own people are told so often.")
    public: Duration | None = Field(None, description="Customers are told so often.")
    watch: Duration | None = Field(None, description="How long it is watched after the fix at least.")
    meeting: Duration = Field("48h", description="A day for the post-mortem is set within this time.")
    writing: Duration = Field("7d", description="Without such a day the post-mortem is written within this time.")
    flags: _Words = Field(("data loss",), description="What may be so of an incident, for the ladder to ask.")
    status_page: Address = Field("", description="Address of the status page.")
    manager: Address = Field("", description="Address of the incident manager.")
    chat: str = Field(
        "incident-{date}-{time}", min_length=1, max_length=80, description="Name of an incident's chat channel."
    )
    post_mortem: str = Field("", max_length=500, description="A Markdown file with places to fill in: {timeline}.")


class ContactTable(_Table):
    """`[contacts.NAME]`: somebody to call, or a place to go to."""

    role: str = Field("", max_length=80, description='"engineering lead"; absent: the name of the table.')
    name: str = Field("", max_length=80, description="The person.")
    phone: str = Field("", max_length=60, description="A number to call.")
    email: str = Field("", max_length=120, description="An address to write to.")
    slack: str = Field("", max_length=80, description="A channel or a person there: #ops, @ann.")
    link: Address = Field("", description="An address to open: the support of a provider.")
    ways: _Words = Field((), description="Other ways to reach them.")
    oncall: Annotated[str, AfterValidator(_oncall)] = Field(
        "", description='Who that is now is asked: "pagerduty:SCHEDULE".'
    )


class EscalationTable(_Table):
    """`[[escalation]]`: one rung of the ladder, the first first."""

    name: str = Field("", max_length=40, description="Absent: its number.")
    contact: _Word = Field(description="A contact of the profile by its name, or who it is in words.")
    after: Duration | None = Field(None, description='Their turn comes after "15m"; "0s": at once. Absent: by a flag.')
    since: Literal["declared", "unacknowledged", "called"] = Field(
        "declared",
        description="From when that counts. declared: the declaration, while it lasts. unacknowledged: until somebody "
        "is at it. called: the call of the rung before, until that one answers.",
    )
    severity: _Words = Field((), description="Only for these severities; absent: for all.")
    flags: _Words = Field((), description='Their turn comes at once when one of these is so: "data loss".')
    say: str = Field("", max_length=300, description="What to tell them.")


class MessageTable(_Table):
    """`[[message]]`: a text with places to fill in."""

    name: Annotated[str, Shape(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$", "one word: letters, digits, - and _")] = Field(
        description="One word; internal, public, update and resolved replace ours."
    )
    audience: Literal["internal", "public"] = Field("internal", description="For whom it is: our people or customers.")
    text: str = Field(min_length=1, max_length=4000, description="The text; places to fill in stand in { }: {impact}.")
    channels: _Words = Field((), description="[notify.NAME]s through which it is sent; absent: it is copied.")


def scheme(
    data: Mapping[str, Any], findings: Findings, channels: Iterable[str], folder: Path, pagers: Iterable[str] = ()
) -> Scheme:
    """What the tables of a profile say; what they leave open is ours. Faults are noted in `findings`.

    `channels`: names of its `[notify.NAME]`s that take messages; `pagers`: of those that call somebody. `folder`: where
    its file lies.
    """
    return _Reader(data, findings, list(channels), folder, list(pagers)).scheme()


def schemas() -> dict[str, Any]:
    """The JSON Schema of each table, as a property of the profile's."""
    return {
        "severity": {"type": "array", "items": SeverityTable.model_json_schema()},
        "incident": IncidentTable.model_json_schema(),
        "contacts": {"type": "object", "additionalProperties": ContactTable.model_json_schema()},
        "escalation": {"type": "array", "items": EscalationTable.model_json_schema()},
        "message": {"type": "array", "items": MessageTable.model_json_schema()},
    }


class _Reader:
    """Goes through the tables once and gathers what is wrong."""

    def __init__(
        self, data: Mapping[str, Any], findings: Findings, channels: list[str], folder: Path, pagers: list[str]
    ) -> None:
        self._data, self._findings, self._folder = data, findings, folder
        self._channels, self._pagers = channels, pagers

    def scheme(self) -> Scheme:
        levels = self._levels()
        contacts = self._contacts()
        names = [one.name for one in levels or LEVELS]
        ladder = self._ladder(contacts, names)
        templates = self._templates()
        self._notified(contacts)
        said = self._findings.check(IncidentTable, self._data.get("incident", {}), ("incident",)) or IncidentTable()
        if wrong := sorted(set(placeholders(said.chat)) - {"date", "time", "id"}):
            self._findings.wrong(("incident", "chat"), f"has no {{{wrong[0]}}} to fill in: date, time and id are there")
        return Scheme(
            levels=tuple(levels) or LEVELS,
            contacts=tuple(contacts),
            ladder=tuple(ladder),
            templates=(*templates, *(one for one in TEMPLATES if one.name not in {each.name for each in templates})),
            respond=_seconds(said.respond),
            internal=_seconds(said.internal),
            public=_seconds(said.public),
            watch=_seconds(said.watch),
            meeting=_seconds(said.meeting) or 48 * HOUR,
            writing=_seconds(said.writing) or 7 * DAY,
            flags=said.flags,
            status_page=said.status_page,
            manager=said.manager,
            chat=said.chat,
            post_mortem=self._post_mortem(said.post_mortem),
            levels_by="profile" if levels else OURS.levels_by,
        )

    def _post_mortem(self, said: str) -> Path | None:
        try:
            return self._folder / Path(said).expanduser() if said else None
        except RuntimeError:
            self._findings.wrong(("incident", "post_mortem"), "there is no such person, or no home of theirs")
            return None

    def _rows(self, key: str, model: type[_M]) -> Iterable[tuple[int, _M]]:
        tables = self._data.get(key, [])
        if not isinstance(tables, list):
            self._findings.wrong((key,), f"must be written as [[{key}]]")
            return
        for number, table in enumerate(tables):
            found = self._findings.check(model, table, (key, number))
            if found is not None:
                yield number, found

    def _levels(self) -> list[Level]:
        found: dict[str, Level] = {}
        for number, one in self._rows("severity", SeverityTable):
            if one.name.casefold() in found:
                self._findings.wrong(("severity", number, "name"), "stands there twice")
            for wanted in one.page:
                if wanted not in self._pagers:
                    said = f"names {SafeText(wanted, 60)}, which is no [notify.NAME] of kind pagerduty"
                    self._findings.wrong(("severity", number, "page"), said + guess(wanted, self._pagers))
            found[one.name.casefold()] = Level(
                _text(one.name), _text(one.about), _seconds(one.respond), _seconds(one.internal), _seconds(one.public),
                _seconds(one.watch), one.notify, one.page,
            )  # fmt: skip
        return list(found.values())

    def _notified(self, contacts: Iterable[Contact]) -> None:
        names = [one.name for one in contacts]
        for number, one in self._rows("severity", SeverityTable) if not self._findings.problems else ():
            for wanted in one.notify:
                if wanted not in names:
                    said = f"names {SafeText(wanted, 60)}, which is not a contact of this profile"
                    self._findings.wrong(("severity", number, "notify"), said + guess(wanted, names))

    def _contacts(self) -> list[Contact]:
        tables = self._data.get("contacts", {})
        if not isinstance(tables, dict):
            self._findings.wrong(("contacts",), "must hold named tables, such as [contacts.lead]")
            return []
        found = []
        for name, table in tables.items():
            if not _NAME.match(name):
                self._findings.wrong(("contacts", name), "is not a good name: letters, digits, - and _, at most 40")
                continue
            one = self._findings.check(ContactTable, table, ("contacts", name))
            if one is None:
                continue
            ways = tuple(_text(way) for way in (one.phone, one.email, one.slack, one.link, *one.ways) if way)
            if not ways and not one.oncall:
                self._findings.wrong(("contacts", name), "says no way to reach them: phone, email, slack, link or ways")
            found.append(Contact(name, _text(one.role), _text(one.name), ways, one.oncall))
        return found

    def _ladder(self, contacts: Iterable[Contact], levels: list[str]) -> list[Rung]:
        names = [name for one in contacts for name in (one.name, one.role) if name]
        found: dict[str, Rung] = {}
        for number, one in self._rows("escalation", EscalationTable):
            name = _text(one.name) or str(number + 1)
            if name in found:
                self._findings.wrong(("escalation", number, "name"), "stands there twice")
            if near := guess(one.contact, names) if one.contact not in names else "":
                self._findings.wrong(("escalation", number, "contact"), "is not a contact of this profile" + near)
            if one.after is None and not one.flags:
                self._findings.wrong(("escalation", number), "needs after or flags: nothing brings their turn")
            if one.since == "called" and not found:
                self._findings.wrong(("escalation", number, "since"), "there is no rung before this one")
            for level in one.severity:
                if level not in levels:
                    said = f"names {SafeText(level, 60)}, which is not a severity of this profile"
                    self._findings.wrong(("escalation", number, "severity"), said + guess(level, levels))
            found[name] = Rung(
                name, _text(one.contact), _seconds(one.after), one.since, one.severity, one.flags, _text(one.say)
            )
        return list(found.values())

    def _templates(self) -> list[Template]:
        found: dict[str, Template] = {}
        for number, one in self._rows("message", MessageTable):
            if one.name in found:
                self._findings.wrong(("message", number, "name"), "stands there twice")
            for wrong in sorted(set(placeholders(one.text)) - set(FIELDS)):
                said = f"has {{{SafeText(wrong, 60)}}}, which nothing fills in" + guess(wrong, FIELDS)
                self._findings.wrong(("message", number, "text"), said)
            for channel in one.channels:
                if channel not in self._channels:
                    said = f"names {SafeText(channel, 60)}, which is no [notify.NAME] of kind slack, webhook or email"
                    self._findings.wrong(("message", number, "channels"), said + guess(channel, self._channels))
            found[one.name] = Template(one.name, one.audience, one.text, one.channels)
        return list(found.values())


def _seconds(said: str | None) -> float | None:
    return parse_duration(said) if said is not None else None


def _text(said: str) -> str:
    return str(SafeText(said, 300))
