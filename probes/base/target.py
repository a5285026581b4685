"""What a profile says about one thing to watch: its name, kind and settings, and where secrets come from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from probes.base.url import carries_password

SECRETIVE: Final = re.compile(r"(?i)auth|cookie|token|secret|passw|api.?key")
"""Names of headers and settings whose value is nobody's business."""

_REFERENCE: Final = ("env:", "file:", "command:")


@dataclass(frozen=True, slots=True)
class Referable:
    """Marks a setting as one that takes a reference; in any other, text is only text and nothing is looked up."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text in a profile must look like. Who gets it wrong reads `wanted`, never the pattern."""

    pattern: str
    """Matches all of it; the same in Python and in JSON Schema, so with ^ and $."""
    wanted: str
    """What it must be, with an example: 'a region, such as "eu-west-1"'."""

    def fitting(self, text: str) -> str:
        """The text. Raises ValueError for one of another shape."""
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(f"must be {self.wanted}")
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.fitting, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}


WholePath = Annotated[str, Shape(r"^/[^\x00-\x1f]*$", 'a whole path that begins with /, such as "/var/backups"')]
"""A path on this machine that does not depend on where Opsroom was started."""

Referring = Annotated[str, Referable()]
"""Text, an address say, in whose place a reference may stand: env:NAME, file:/path or command:program args."""

Secret = Annotated[
    str,
    Shape(
        r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|command:.+)$",
        "a reference to a secret: env:NAME, file:/path or command:program",
    ),
    Field(description="A reference to a secret, never the secret: env:NAME, file:/path or command:program args."),
    Referable(),
]


class Settings(BaseModel):
    """Settings every kind has. Each kind adds its own; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs_programs: ClassVar[bool] = False
    """True when what stands in them is run: such settings are taken only from a file that nobody else may write."""

    every: float = Field(default=2.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=5.0, gt=0, le=60, description="Seconds a reading may take in all.")
    protected: bool = Field(default=False, description="Ask for the name to be typed before any act on it.")
    simulated: bool = Field(
        default=False, description="What answers there only plays the real thing: the screen says SIMULATED."
    )
    served_by: Annotated[str, Shape(r"^[A-Za-z0-9_-]+/.+$", 'TARGET/ROW, such as "app/worker"')] | None = Field(
        default=None,
        max_length=200,
        description='The service behind it, as TARGET/ROW, such as "app/worker": its acts are offered here too.',
    )


def references(settings: BaseModel) -> Iterator[tuple[tuple[str, ...], str]]:
    """(where it stands, the reference) for each reference in settings that take one."""
    for place, text in _referable(type(settings), settings.model_dump()):
        if text.startswith(_REFERENCE):
            yield place, text


def in_clear(model: type[BaseModel], table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """(where it stands, what to do) for each secret that is written out where a reference could stand."""
    remedy = 'make the whole address a reference, such as "env:NAME"'
    if "password" in model.model_fields:
        remedy = f'take it out and set password = "env:NAME", or {remedy}'
    for place, text in _referable(model, table):
        if text.startswith(_REFERENCE):
            continue
        if carries_password(text):
            yield place, f"holds a password in clear; {remedy}"
        elif text and len(place) > 1 and SECRETIVE.search(place[-1]):
            yield place, "holds a secret in clear; write a reference to it: env:NAME, file:/path or command:program"


def _referable(model: type[BaseModel], table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, field in model.model_fields.items():
        if any(_takes_reference(hint) for hint in (*field.metadata, field.annotation)):
            yield from _texts((name,), table.get(name))
        else:
            yield from _inner((name,), field.annotation, table.get(name))


def _inner(place: tuple[str, ...], hint: Any, value: object) -> Iterator[tuple[tuple[str, ...], str]]:
    """The same of the tables inside a setting."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        if isinstance(value, Mapping):
            yield from (((*place, *where), text) for where, text in _referable(hint, value))
    elif (kinds := get_args(hint)) and isinstance(value, Mapping):
        for key, one in value.items():
            yield from _inner((*place, str(key)), kinds[-1], one)
    elif kinds and isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _inner((*place, str(number)), kinds[0], one)


def _takes_reference(hint: object) -> bool:
    return isinstance(hint, Referable) or any(_takes_reference(part) for part in get_args(hint))


def _texts(place: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts((*place, str(key)), one)


@dataclass(frozen=True, slots=True)
class Target:
    """One configured thing of a kind."""

    name: str
    """Unique within the profile: "main"."""
    kind: str
    settings: Settings


class SecretSource(Protocol):
    """Resolves references to secrets; the desk owns it, the roof injects it."""

    def resolve(self, reference: str) -> str:
        """The secret behind `env:`, `file:` or `command:`; raises LookupError with a message free of secrets."""
        ...
