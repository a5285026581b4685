"""The TOML file that describes one system, checked as a whole: every error at once, with file, line, key and a guess.

The kinds and their settings come from outside (the roof's table of kinds), so that the desk knows none by name.
Secrets never stand in it: only references do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from desk import toml_lines
from desk.checklist.box import Checklist
from desk.checklist.table import Checklists, ChecklistTable
from desk.incident import table as incidents
from desk.incident.scheme import OURS, Scheme
from desk.kindtable import KindFacts, KindTable
from desk.notices import channel as channels
from desk.notices.channel import Channel
from desk.profile_faults import Findings, Problem, ProfileError, explain, guess
from desk.profile_file import LARGEST, parse_toml, read, read_text
from desk.profile_rules import Rules
from desk.rules import NO_ANSWER, RuleChange
from desk.ruletable import RuleTable
from desk.second.rule import CLASSES, GRAVE, NOTHING, USUAL, Rule
from desk.standing import StandingRule
from desk.theirs import Theirs
from probes.base import (
    BadUrl,
    Probe,
    Referring,
    SafeText,
    Settings,
    Shape,
    Target,
    in_clear,
    parse_url,
    references,
)

_M = TypeVar("_M", bound=BaseModel)

_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")


Acts = Literal["never", "ask", "armed"]
_File = Annotated[str, Field(min_length=1, max_length=500), Shape(r"^[^\x00-\x1f]+$", "the path of a file")]
_Class = Annotated[str, Shape(r"^[a-z][a-z0-9-]{0,39}$", "a class of acts, or the name of an action")]
_Approver = Annotated[str, Shape(r"^@?[A-Za-z_][A-Za-z0-9_.-]{0,63}$", "the name of a user, or @group")]
_STORES: Final = frozenset({"postgresql", "postgres"})
_BESIDE: Final = ("rule", "notify", "checklist", *incidents.TABLES)
"""Tables that stand beside those of the kinds."""


class Head(BaseModel):
    """What stands above the tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str = Field(min_length=1, max_length=60, description="The system's name, shown in the header.")
    environment: str = Field("", max_length=30, description="production, staging ...; shown beside the name.")
    production: bool = Field(False, description="true marks every screen and asks for more before every act.")
    description: str = Field("", max_length=300, description="One sentence about the system.")
    acts: Acts = Field(
        "ask",
        description="never: the session only looks. ask: a person arms it with a reason, for some minutes. "
        "armed: it may act from the start; not in production.",
    )
    arm_minutes: float = Field(10.0, ge=1, le=120, description="For how long a reason arms the session.")
    second_person: bool | Annotated[tuple[_Class, ...], Field(max_length=50)] = Field(
        False,
        description="What a second person must agree to: classes of acts ("
        + "; ".join(f"{name}: {what}" for name, what in CLASSES.items())
        + ') or names of actions, such as ["destructive", "scale"]. true: ["grave"].',
    )
    approvers: Annotated[tuple[_Approver, ...], Field(max_length=200)] = Field(
        (), description="Who may be the second person: names of users, or @group. Absent: everybody but who asks."
    )
    approval_folder: _File = Field(
        str(USUAL),
        description="Folder of this machine in which people meet to agree: root's, sticky, writable for those who may. "
        "Who they are is told by the kernel.",
    )
    history_mib: int = Field(
        256, ge=0, le=65536, description="MiB that thirty days of every gauge may take on disk; 0: nothing is kept."
    )

    record_mib: int = Field(
        512, ge=0, le=65536, description="MiB that the black box may take on disk; 0: nothing is recorded."
    )
    record_days: float = Field(30.0, ge=0.1, le=3660, description="Days after which the black box forgets.")
    store: Annotated[Referring, Field(max_length=500)] = Field(
        "",
        description="Where people on this system meet: postgresql://user@host/database, or a reference to it such as "
        '"env:OPSROOM_STORE". Empty: everybody keeps what they know to themselves.',
    )
    runbook: _File | Annotated[tuple[_File, ...], Field(max_length=20)] = Field(
        (), description='The Markdown runbook of the system, or several: "RUNBOOK.md", beside this file.'
    )

    @field_validator("store")
    @classmethod
    def _store_is_an_address(cls, store: str) -> str:
        if store and not store.startswith(("env:", "file:", "command:")):
            try:
                parse_url(store, _STORES)
            except BadUrl as error:
                raise ValueError(f"the address {error}") from None
        return store

    @field_validator("acts")
    @classmethod
    def _armed_by_a_person(cls, acts: Acts, info: ValidationInfo) -> Acts:
        if acts == "armed" and info.data.get("production"):
            raise ValueError('must be "ask" or "never" in production')
        return acts


@dataclass(frozen=True, slots=True)
class Profile:
    """One system: its name, its targets, and what its rules say differently."""

    system: str
    environment: str
    production: bool
    description: str
    targets: tuple[Target, ...]
    changes: tuple[RuleChange, ...] = ()
    standing: tuple[StandingRule, ...] = ()
    """Its rules over any gauges, each for the targets it is about."""
    off: tuple[StandingRule, ...] = ()
    """Those of them that are switched off."""
    theirs: tuple[Theirs, ...] = ()
    """What it says about the alerts of other systems."""
    channels: tuple[Channel, ...] = ()
    """Where people are told of alerts."""
    file: str = ""
    """Where it was read from; empty when it was discovered."""
    acts: Acts = "ask"
    arm_minutes: float = 10.0
    second: Rule = NOTHING
    """What a second person must agree to."""
    approval_folder: str = str(USUAL)
    """Where people of this machine meet to agree."""
    history_mib: int = 256
    """MiB that the history on disk may take; 0: none is kept."""
    record_mib: int = 512
    """MiB that the black box may take; 0: nothing is recorded."""
    record_days: float = 30.0
    """Days after which it forgets."""
    store: str = ""
    """Where people on this system meet, or a reference to that; empty: nowhere."""
    runbooks: tuple[Path, ...] = ()
    """Its runbooks, in the order of the profile; whether they are there is seen when they are read."""
    checklists: tuple[Checklist, ...] = ()
    """What a shift goes through; those with `source` still lack the boxes of their runbook."""
    incidents: Scheme = OURS
    """How its incidents are handled."""


def load(path: Path, kinds: KindTable) -> Profile:
    """Read a profile file. Raises `ProfileError` with everything that is wrong with it."""
    text, doubt = read(path)
    return parse(text, kinds, str(path), doubt)


def parse(text: str, kinds: KindTable, file: str = "profile", doubt: str = "") -> Profile:
    """A profile from its text. Raises `ProfileError` with everything that is wrong with it.

    `doubt` says why no program that the text names may be run; empty: it may.
    """
    return _Reader(parse_toml(text, file), text, kinds, file, doubt).profile()


class _Reader:
    """Goes through a parsed profile once and gathers problems instead of stopping at the first."""

    def __init__(self, data: dict[str, Any], text: str, kinds: KindTable, file: str, doubt: str) -> None:
        self._data = data
        self._findings = Findings(file, text)
        self._wrong, self._check = self._findings.wrong, self._findings.check
        self._kinds = kinds
        self._names = list(kinds.names())
        self._file = file
        self._doubt = doubt

    def profile(self) -> Profile:
        head = self._head()
        targets = self._targets()
        rules = Rules(self._kinds, self._findings)
        rules.read(self._data.get("rule", []), targets)
        notified = self._channels(targets, list(rules.names))
        checklists = Checklists(self._kinds, self._findings)
        runbooks = self._runbooks(head)
        checklists.read(self._data.get("checklist", []), targets, head is None or bool(runbooks))
        ways = [one.name for one in notified if isinstance(one.settings, channels.MESSAGES)]
        pagers = [one.name for one in notified if isinstance(one.settings, channels.PagerDutySettings)]
        scheme = incidents.scheme(self._data, self._findings, ways, Path(self._file).parent, pagers)
        self._serving(targets)
        if not targets and not self._findings.problems:
            self._wrong((), "describes no target: add a table such as [host.local]")
        if self._findings.problems or head is None:
            raise ProfileError(self._findings.problems)
        return Profile(
            system=str(SafeText(head.system)),
            environment=str(SafeText(head.environment or ("production" if head.production else ""))),
            production=head.production,
            description=str(SafeText(head.description)),
            acts=head.acts,
            arm_minutes=head.arm_minutes,
            second=_rule(head, targets),
            approval_folder=head.approval_folder,
            history_mib=head.history_mib,
            record_mib=head.record_mib,
            record_days=head.record_days,
            store=head.store,
            targets=tuple(targets),
            changes=tuple(rules.changes),
            standing=tuple(rules.standing),
            off=tuple(rules.off),
            theirs=tuple(rules.theirs),
            channels=tuple(notified),
            file=self._file,
            runbooks=runbooks,
            checklists=tuple(checklists.found),
            incidents=scheme,
        )

    def _runbooks(self, head: Head | None) -> tuple[Path, ...]:
        """Where they lie: what is no whole path is meant from the profile's own folder."""
        if head is None:
            return ()
        said = [head.runbook] if isinstance(head.runbook, str) else head.runbook
        found = []
        for one in dict.fromkeys(said):
            try:
                found.append(Path(self._file).parent / Path(one).expanduser())
            except RuntimeError:
                self._wrong(("runbook",), f"{SafeText(one, 60)}: there is no such person, or no home of theirs")
        return tuple(found)

    def _head(self) -> Head | None:
        known = {*self._names, *_BESIDE}
        tops = {key: value for key, value in self._data.items() if key not in known}
        strange = [key for key in tops if key not in Head.model_fields]
        for key in strange:
            names = [*Head.model_fields, *self._names, *_BESIDE]
            word = "kind" if isinstance(tops[key], dict) else "key"
            self._wrong((key,), f"is not a known {word}" + guess(key, names))
        return self._table(Head, {key: tops[key] for key in tops if key not in strange}, ())

    def _targets(self) -> list[Target]:
        targets: list[Target] = []
        taken: dict[str, str] = {}
        for kind in [key for key in self._data if key in self._names]:
            tables = self._data[kind]
            if not isinstance(tables, dict):
                self._wrong((kind,), f"must hold named tables, such as [{kind}.main]")
                continue
            for name, table in tables.items():
                if self._named(kind, name, table, taken):
                    settings = self._settings(kind, name, table)
                    if settings is not None:
                        targets.append(Target(name, kind, settings))
        return targets

    def _channels(self, targets: list[Target], rules: list[str]) -> list[Channel]:
        """Where people are told. `rules`: names of the profile's own."""
        tables = self._data.get("notify", {})
        if not isinstance(tables, dict):
            self._wrong(("notify",), "must hold named tables, such as [notify.team]")
            return []
        kinds = {target.kind: self._kinds.facts(target.kind) for target in targets}
        known = [NO_ANSWER, *rules, *(rule.name for facts in kinds.values() for rule in facts.rules)]
        theirs = any(getattr(facts, "raised", None) not in (None, Probe.raised) for facts in kinds.values())
        found = []
        for name, table in tables.items():
            if not self._named("notify", name, table, {}):
                continue
            model = channels.KINDS.get(kind := str(table.get("kind", "")))
            if model is None:
                said = f"must be one of {', '.join(channels.KINDS)}" if kind else "is required"
                self._wrong(("notify", name, "kind"), said + guess(kind, channels.KINDS))
                continue
            settings = self._table(model, table, ("notify", name))
            if settings is None:
                continue
            found.append(Channel(name, settings))
            for key, said in channels.unknown(settings, [one.name for one in targets], known, theirs, guess):
                self._wrong(("notify", name, key), said)
        return found

    def _serving(self, targets: list[Target]) -> None:
        """The services that targets are served by must be there."""
        names = [target.name for target in targets]
        for target in targets:
            server = (target.settings.served_by or "").partition("/")[0]
            if server and server not in names:
                said = f"names {server}, which is not a target of this profile" + guess(server, names)
                self._wrong((target.kind, target.name, "served_by"), said)

    def _settings(self, kind: str, name: str, table: dict[str, Any]) -> Settings | None:
        settings = self._table(self._kinds.facts(kind).settings_type, table, (kind, name))
        if settings is not None and self._doubt and settings.runs_programs:
            self._wrong((kind, name), f"says what is run, and {self._doubt}")
        return settings

    def _table(self, model: type[_M], table: dict[str, Any], path: toml_lines.Path) -> _M | None:
        """What a table says; no secret stands in it, and a doubtful file has no program run."""
        for place, words in in_clear(model, table):
            self._wrong((*path, *place), words)
        settings = self._check(model, table, path)
        if settings is not None and self._doubt:
            for place, reference in references(settings):
                if reference.startswith("command:"):
                    self._wrong((*path, *place), f"runs a program, and {self._doubt}")
        return settings

    def _named(self, kind: str, name: str, table: object, taken: dict[str, str]) -> bool:
        if not isinstance(table, dict):
            self._wrong((kind, name), f"must be a table; write [{kind}.NAME] above its keys")
        elif not _NAME.match(name):
            self._wrong((kind, name), "is not a good name: letters, digits, - and _, at most 40")
        elif name in taken:
            self._wrong((kind, name), f"is already the name of a target of kind {taken[name]}; names are unique")
        else:
            taken[name] = kind
            return True
        return False


def _rule(head: Head, targets: Sequence[Target]) -> Rule:
    """What needs a second person; nothing of it matters where nothing does."""
    classes = GRAVE.classes if head.second_person is True else frozenset(head.second_person or ())
    if not classes:
        return NOTHING
    protected = frozenset(target.name for target in targets if target.settings.protected)
    return Rule(classes, frozenset(head.approvers), head.production, protected)


def schema(kinds: KindTable) -> Mapping[str, Any]:
    """The JSON Schema of a profile, for editors: https://json-schema.org/draft/2020-12/schema."""
    top = Head.model_json_schema()
    definitions: dict[str, Any] = {"rule": RuleTable.model_json_schema()}
    of_checklist = ChecklistTable.model_json_schema()
    definitions |= {**of_checklist.pop("$defs", {}), "checklist": of_checklist}
    for kind in kinds.names():
        definitions[kind] = kinds.facts(kind).settings_type.model_json_schema()
        top["properties"][kind] = {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{kind}"}}
    of_channels = channels.schemas()
    top["properties"]["notify"] = {
        "type": "object",
        "additionalProperties": {"oneOf": [{"$ref": f"#/$defs/notify-{kind}"} for kind in of_channels]},
    }
    definitions |= {f"notify-{kind}": made for kind, made in of_channels.items()}
    top["properties"]["checklist"] = {"type": "array", "items": {"$ref": "#/$defs/checklist"}}
    top["properties"]["rule"] = {"type": "array", "items": {"$ref": "#/$defs/rule"}}
    top["properties"] |= incidents.schemas()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "Opsroom profile",
        "$defs": definitions,
    }


__all__ = [
    "LARGEST",
    "Acts",
    "Head",
    "KindFacts",
    "KindTable",
    "Problem",
    "Profile",
    "ProfileError",
    "explain",
    "load",
    "parse",
    "parse_toml",
    "read_text",
    "schema",
]
