"""The TOML file that describes one system, checked as a whole: every error at once, with file, line, key and a guess.

The kinds and their settings come from outside (the roof's table of kinds), so that the desk knows none by name.
Secrets never stand in it: only references do.
"""

from __future__ import annotations

import ast
import difflib
import os
import re
import shlex
import stat
import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from desk import toml_lines
from desk.rules import RuleChange, placeholders
from probes.base import GaugeSpec, Missing, Rule, SafeText, Settings, Severity, Target, in_clear, references

LARGEST: Final = 1 << 20
"""Bytes a profile may have."""

_M = TypeVar("_M", bound=BaseModel)

_LABELS: Final = frozenset({"backend", "database", "process", "state", "why"})
"""Labels that some gauges carry and no kind's own rule speaks of; those that one does are known from it."""

_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")


class KindFacts(Protocol):
    """What the desk needs to know of a kind to check a profile."""

    @property
    def settings_type(self) -> type[Settings]:
        """The schema of a target's table."""
        ...

    @property
    def gauges(self) -> tuple[GaugeSpec, ...]:
        """The gauges its rules may ask for."""
        ...

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Its default rules."""
        ...


class KindTable(Protocol):
    """The table of kinds, injected by the roof."""

    def names(self) -> Iterable[str]:
        """All kinds, in the order of the overview."""
        ...

    def facts(self, kind: str) -> KindFacts:
        """One kind's schema; loads its probe module, never its driver. KeyError for an unknown kind."""
        ...


class RuleTable(BaseModel):
    """`[[rule]]`: a rule of one's own, another limit for a known one, or one switched off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="The rule's name; a kind's own rule of that name is changed, any other is new.")
    kind: str | None = Field(None, description="Only for targets of this kind.")
    target: str | None = Field(None, description="Only for this target.")
    enabled: bool = Field(True, description="false switches the rule off.")
    gauge: str | None = Field(None, description="The gauge it looks at.")
    op: Literal[">", ">=", "<", "<=", "==", "!="] | None = Field(None, description="How the gauge is compared.")
    threshold: float | None = Field(None, allow_inf_nan=False, description="The limit, in the gauge's base unit.")
    severity: Literal["notice", "warning", "critical"] | None = Field(None, description="How much it matters.")
    say: str | None = Field(None, description="The sentence; {value}, {limit}, labels and other gauges are filled in.")
    hold: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Seconds it must be true before it is raised."
    )
    consecutive: int | None = Field(None, ge=1, description="Readings in a row that must say so.")
    clear: float | None = Field(None, allow_inf_nan=False, description="It clears only at or beyond this value.")
    missing: Literal["keep", "clear"] | None = Field(None, description="What a missing value does.")
    samples: str | None = Field(None, description="Gauge that counts the samples behind this one.")
    min_samples: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="No alert from fewer samples than this."
    )


class Head(BaseModel):
    """What stands above the tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str = Field(min_length=1, max_length=60, description="The system's name, shown in the header.")
    environment: str = Field("", max_length=30, description="production, staging ...; shown beside the name.")
    production: bool = Field(False, description="true marks every screen and asks for more before every act.")
    description: str = Field("", max_length=300, description="One sentence about the system.")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a profile."""

    file: str
    line: int | None
    key: str
    """Dotted path of the key; empty for the file as a whole."""
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ProfileError(Exception):
    """A profile can't be used; `problems` holds every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.key)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Profile:
    """One system: its name, its targets, and what its rules say differently."""

    system: str
    environment: str
    production: bool
    description: str
    targets: tuple[Target, ...]
    changes: tuple[RuleChange, ...] = ()
    file: str = ""
    """Where it was read from; empty when it was discovered."""


def load(path: Path, kinds: KindTable) -> Profile:
    """Read a profile file. Raises `ProfileError` with everything that is wrong with it."""
    text, doubt = _read(path)
    return parse(text, kinds, str(path), doubt)


def parse(text: str, kinds: KindTable, file: str = "profile", doubt: str = "") -> Profile:
    """A profile from its text. Raises `ProfileError` with everything that is wrong with it.

    `doubt` says why no program that the text names may be run; empty: it may.
    """
    return _Reader(parse_toml(text, file), text, kinds, file, doubt).profile()


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises `ProfileError` naming the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([_syntax(file, text, error)]) from None
    except RecursionError:
        raise ProfileError([Problem(file, None, "", "is nested too deeply")]) from None


def read_text(path: Path) -> str:
    """The text of a settings file, at most `LARGEST` bytes. Raises `ProfileError`; a pipe never holds it up."""
    return _read(path)[0]


def _read(path: Path) -> tuple[str, str]:
    """(the text, why somebody else may have written it)."""

    def no(message: str) -> ProfileError:
        return ProfileError([Problem(str(path), None, "", message)])

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise no(f"cannot be read: {(error.strerror or type(error).__name__).lower()}") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise no("is not a regular file")
    with os.fdopen(handle, "rb") as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise no("is larger than 1 MiB")
    try:
        return raw.decode("utf-8-sig"), _doubt(path, status)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ProfileError([Problem(str(path), line, "", "is not UTF-8 text")]) from None


def _doubt(path: Path, status: os.stat_result) -> str:
    if status.st_uid not in (os.geteuid(), 0):
        return (
            f"this file belongs to somebody else: look through it, then chown {os.geteuid()} {shlex.quote(str(path))}"
        )
    if status.st_mode & 0o022:
        return f"others may write this file: look through it, then chmod go-w {shlex.quote(str(path))}"
    return ""


def _syntax(file: str, text: str, error: tomllib.TOMLDecodeError) -> Problem:
    found = re.search(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", str(error), re.DOTALL)
    message = str(SafeText(_in_words(found[1] if found else str(error)), 200))
    line = int(found[2]) if found and found[2] else text.rstrip().count("\n") + 1
    return Problem(file, line, "", f"is not valid TOML: {message}")


def _in_words(said: str) -> str:
    """What the TOML parser says, without its own names for things.

    >>> _in_words("Cannot declare ('host', 'a') twice"), _in_words("Unclosed array")
    ('[host.a] stands here twice', 'unclosed array')
    """
    if found := re.fullmatch(
        r"Cannot (declare|mutate immutable namespace|redefine namespace) (\(.*\))(?: twice)?", said
    ):
        where = "stands here twice" if found[1] == "declare" else "is already written in another place"
        return f"[{'.'.join(ast.literal_eval(found[2]))}] {where}"
    if said.startswith(("Cannot overwrite a value", "Duplicate inline table key")):
        return "this key stands here twice"
    return said[:1].lower() + said[1:]


class _Reader:
    """Goes through a parsed profile once and gathers problems instead of stopping at the first."""

    def __init__(self, data: dict[str, Any], text: str, kinds: KindTable, file: str, doubt: str) -> None:
        self._data = data
        self._lines = toml_lines.index(text)
        self._kinds = kinds
        self._names = list(kinds.names())
        self._file = file
        self._doubt = doubt
        self._problems: list[Problem] = []

    def profile(self) -> Profile:
        head = self._head()
        targets = self._targets()
        changes = self._rules(targets)
        if not targets and not self._problems:
            self._wrong((), "describes no target: add a table such as [host.local]")
        if self._problems or head is None:
            raise ProfileError(self._problems)
        return Profile(
            system=str(SafeText(head.system)),
            environment=str(SafeText(head.environment or ("production" if head.production else ""))),
            production=head.production,
            description=str(SafeText(head.description)),
            targets=tuple(targets),
            changes=tuple(changes),
            file=self._file,
        )

    def _wrong(self, path: toml_lines.Path, message: str) -> None:
        key = ".".join(str(SafeText(str(part), 60)) for part in path)
        self._problems.append(Problem(self._file, toml_lines.line_of(self._lines, path), key, message))

    def _check(self, model: type[_M], data: object, path: toml_lines.Path) -> _M | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            said: dict[toml_lines.Path, list[str]] = {}
            for one in error.errors(include_url=False, include_input=False):
                where = _keys(data, one["loc"], one["type"] == "missing")
                key = str(one["loc"][-1]) if one["loc"] else ""
                said.setdefault(where, []).append(explain(model, one["type"], one["msg"], key))
            for where, faults in said.items():
                if not any(len(deeper) > len(where) and deeper[: len(where)] == where for deeper in said):
                    self._wrong((*path, *where), _either(faults))
            return None

    def _head(self) -> Head | None:
        known = set(self._names) | {"rule"}
        tops = {key: value for key, value in self._data.items() if key not in known}
        strange = [key for key in tops if key not in Head.model_fields]
        for key in strange:
            names = [*Head.model_fields, *self._names, "rule"]
            word = "kind" if isinstance(tops[key], dict) else "key"
            self._wrong((key,), f"is not a known {word}" + _guess(key, names))
        return self._check(Head, {key: tops[key] for key in tops if key not in strange}, ())

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

    def _settings(self, kind: str, name: str, table: dict[str, Any]) -> Settings | None:
        model = self._kinds.facts(kind).settings_type
        for place, words in in_clear(model, table):
            self._wrong((kind, name, *place), words)
        settings = self._check(model, table, (kind, name))
        if settings is not None and self._doubt:
            for place, reference in references(settings):
                if reference.startswith("command:"):
                    self._wrong((kind, name, *place), f"runs a program, and {self._doubt}")
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

    def _rules(self, targets: list[Target]) -> list[RuleChange]:
        tables = self._data.get("rule", [])
        if not isinstance(tables, list):
            self._wrong(("rule",), "must be written as [[rule]]")
            return []
        changes = []
        for number, table in enumerate(tables):
            entry = self._check(RuleTable, table, ("rule", number))
            if entry is not None and self._suits(entry, number, targets):
                changes.append(_change(entry))
        return changes

    def _suits(self, entry: RuleTable, number: int, targets: list[Target]) -> bool:
        """True when the entry names things that exist and makes a complete rule for each target it is for."""
        before = len(self._problems)
        if entry.kind is not None and entry.kind not in self._names:
            self._wrong(("rule", number, "kind"), "is not a known kind" + _guess(entry.kind, self._names))
        names = [target.name for target in targets]
        if entry.target is not None and entry.target not in names:
            self._wrong(("rule", number, "target"), "is not a target of this profile" + _guess(entry.target, names))
        change = _change(entry)
        kinds = {target.kind for target in targets if change.suits(target.kind, target.name)}
        if len(self._problems) == before:
            for kind in sorted(kinds):
                self._complete(entry, change, kind, number)
        return len(self._problems) == before

    def _complete(self, entry: RuleTable, change: RuleChange, kind: str, number: int) -> None:
        facts = self._kinds.facts(kind)
        rules = {rule.name: rule for rule in facts.rules}
        if entry.name not in rules and not entry.enabled:
            self._wrong(("rule", number, "name"), f"{kind} has no rule of that name" + _guess(entry.name, rules))
            return
        try:
            change.apply(rules)
        except TypeError:
            guess = _guess(entry.name, [rule.name for rule in facts.rules])
            self._wrong(("rule", number), f"a new rule for {kind} needs gauge, op, threshold, severity and say{guess}")
            return
        if entry.enabled:
            self._gauges(rules[entry.name], facts, kind, number)

    def _gauges(self, rule: Rule, facts: KindFacts, kind: str, number: int) -> None:
        gauges = [spec.name for spec in facts.gauges]
        for key, name in (("gauge", rule.gauge), ("samples", rule.samples)):
            if name is not None and name not in gauges:
                self._wrong(("rule", number, key), f"{kind} has no gauge of that name" + _guess(name, gauges))
        try:
            asked = _fields(rule.say)
        except ValueError:
            self._wrong(("rule", number, "say"), "has an unpaired brace; write {{ or }} for a brace itself")
            return
        known = _sayable(facts)
        for name in sorted(asked - known):
            said = f"{kind} has no gauge or label for {{{SafeText(name, 60)}}}" if name else "has { } around nothing"
            self._wrong(("rule", number, "say"), said + _guess(name, sorted(known)))


def _fields(sentence: str) -> set[str]:
    """What stands between the braces of a sentence, as far as it must be a name. ValueError for a single brace."""
    parts = string.Formatter().parse(sentence)
    return {f"{name}!{how}" if how else name for _, name, _, how in parts if name is not None}


def _sayable(facts: KindFacts) -> set[str]:
    """Every name that a sentence about a kind may ask for."""
    labels = set[str]().union(*(placeholders(rule.say) for rule in facts.rules))
    return {"value", "limit", *(spec.name for spec in facts.gauges), *labels, *_LABELS}


def _keys(data: object, place: Iterable[str | int], missing: bool) -> toml_lines.Path:
    """The keys in a fault's place: pydantic also names the types that it tried."""
    found: list[str | int] = []
    parts = list(place)
    for number, part in enumerate(parts, 1):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part] if part < len(data) else None
        elif not (missing and number == len(parts)):
            continue
        found.append(part)
    return tuple(found)


def _either(faults: Iterable[str]) -> str:
    """Faults of one key as one: each way in which it could have been right.

    >>> _either(["must be a whole number, without quotes", "must be a list, in [ ]"])
    'must be a whole number or a list, in [ ]'
    """
    if len(ways := list(dict.fromkeys(faults))) > 1:
        ways = [re.sub(", (without|in) quotes", "", way) for way in ways]
    return " or ".join([*ways[:1], *(way.removeprefix("must be ") for way in ways[1:])])


def _change(entry: RuleTable) -> RuleChange:
    fields = ("gauge", "op", "threshold", "say", "hold", "consecutive", "clear", "samples", "min_samples")
    values: dict[str, Any] = {name: getattr(entry, name) for name in fields if getattr(entry, name) is not None}
    if entry.severity is not None:
        values["severity"] = Severity[entry.severity.upper()]
    if entry.missing is not None:
        values["missing"] = Missing(entry.missing)
    return RuleChange(entry.name, entry.kind, entry.target, entry.enabled, values)


def explain(model: type[BaseModel], fault: str, message: str, key: str) -> str:
    """A fault that pydantic found, in words; `key` is the key it found it at. Never the value itself."""
    if fault == "extra_forbidden":
        return "is not a known key" + _guess(key, model.model_fields)
    if fault == "missing":
        return "is required"
    if fault == "string_pattern_mismatch" and "env:" in message:
        return "must be a reference to a secret: env:NAME, file:/path or command:program"
    if fault in _FAULTS:
        return f"must be {_FAULTS[fault]}"
    text = re.sub(r"^\w+ should (?=be|have)", "must ", message.removeprefix("Value error, "))
    for theirs, ours in _PLAINER:
        text = re.sub(theirs, ours, text)
    return text[:1].lower() + text[1:]


_TABLE: Final = "a table: a [header] above its keys, or { } around them"
_FAULTS: Final[Mapping[str, str]] = {
    "string_type": "text, in quotes",
    "bool_type": "true or false, without quotes",
    "bool_parsing": "true or false, without quotes",
    "float_type": "a number, without quotes",
    "float_parsing": "a number, without quotes",
    "int_type": "a whole number, without quotes",
    "int_parsing": "a whole number, without quotes",
    "int_parsing_size": "a smaller number",
    "int_from_float": "a whole number",
    "finite_number": "a number that is neither nan nor infinite",
    "list_type": "a list, in [ ]",
    "tuple_type": "a list, in [ ]",
    "dict_type": _TABLE,
    "model_type": _TABLE,
}
"""What a value must be, by the fault that pydantic found."""

_PLAINER: Final = (
    ("be greater than or equal to", "be at least"),
    ("be less than or equal to", "be at most"),
    ("be greater than", "be more than"),
    ("have at least 1 character$", "not be empty"),
    (r"\bitems?\b", "entries"),
    (r" after validation, not .*", ""),
)


def _guess(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""


def schema(kinds: KindTable) -> Mapping[str, Any]:
    """The JSON Schema of a profile, for editors: https://json-schema.org/draft/2020-12/schema."""
    top = Head.model_json_schema()
    definitions: dict[str, Any] = {"rule": RuleTable.model_json_schema()}
    for kind in kinds.names():
        definitions[kind] = kinds.facts(kind).settings_type.model_json_schema()
        top["properties"][kind] = {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{kind}"}}
    top["properties"]["rule"] = {"type": "array", "items": {"$ref": "#/$defs/rule"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "Opsroom profile",
        "$defs": definitions,
    }
