"""What is wrong with a settings file, gathered, in words for who wrote it: file, line, key and a guess."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from desk import toml_lines
from probes.base import SafeText

_M = TypeVar("_M", bound=BaseModel)


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


class Findings:
    """Gathers everything that is wrong with one text, instead of stopping at the first."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._lines = toml_lines.index(text)
        self.problems: list[Problem] = []

    def wrong(self, path: toml_lines.Path, message: str) -> None:
        """Note what is wrong with a key."""
        key = ".".join(str(SafeText(str(part), 60)) for part in path)
        self.problems.append(Problem(self.file, self.line(path), key, message))

    def line(self, path: toml_lines.Path) -> int | None:
        """The line of a key, or of the nearest table around it."""
        return toml_lines.line_of(self._lines, path)

    def check(self, model: type[_M], data: object, path: toml_lines.Path) -> _M | None:
        """A table as its model; None when it is noted what is wrong with it."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            said: dict[toml_lines.Path, list[str]] = {}
            for one in error.errors(include_url=False, include_input=False):
                where = _keys(data, one["loc"], one["type"] == "missing")
                key = str(one["loc"][-1]) if one["loc"] else ""
                words = explain(model, one["type"], one["msg"], key)
                if one["type"] == "missing" and len(one["loc"]) == 1:
                    words += _meant(model, key)
                said.setdefault(where, []).append(words)
            for where, faults in said.items():
                if not any(len(deeper) > len(where) and deeper[: len(where)] == where for deeper in said):
                    self.wrong((*path, *where), _either(faults))
            return None


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


def _meant(model: type[BaseModel], key: str) -> str:
    """What a setting is for, to be said behind its name; empty when its description is too long for that."""
    found = (model.model_fields[key].description or "").rstrip(".")
    return f": {found[:1].lower() if found[1:2].islower() else found[:1]}{found[1:]}" if 0 < len(found) <= 120 else ""


def _either(faults: Iterable[str]) -> str:
    """Faults of one key as one: each way in which it could have been right.

    >>> _either(["must be a whole number, without quotes", "must be a list, in [ ]"])
    'must be a whole number or a list, in [ ]'
    """
    if len(ways := list(dict.fromkeys(faults))) > 1:
        ways = [re.sub(", (without|in) quotes", "", way) for way in ways]
    return " or ".join([*ways[:1], *(way.removeprefix("must be ") for way in ways[1:])])


def explain(model: type[BaseModel], fault: str, message: str, key: str) -> str:
    """A fault that pydantic found, in words; `key` is the key it found it at. Never the value itself."""
    if fault == "extra_forbidden":
        return "is not a known key" + guess(key, (field.alias or name for name, field in model.model_fields.items()))
    if fault == "missing":
        return "is required"
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
    ("have at least 1 (?:character|item)$", "not be empty"),
    ("have at least 1 item after validation, not .*", "not be empty"),
    (r"\bitems?\b", "entries"),
    (r" after validation, not .*", ""),
)


def guess(word: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" of the known word that is nearest; empty when none is near."""
    near = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""
