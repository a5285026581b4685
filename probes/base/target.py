"""What a profile says about one thing to watch: its name, kind and settings, and where secrets come from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field

from probes.base.url import carries_password

SECRETIVE: Final = re.compile(r"(?i)auth|cookie|token|secret|passw|api.?key")
"""Names of headers and settings whose value is nobody's business."""

_REFERENCE: Final = ("env:", "file:", "command:")


@dataclass(frozen=True, slots=True)
class Referable:
    """Marks a setting as one that takes a reference; in any other, text is only text and nothing is looked up."""


Referring = Annotated[str, Referable()]
"""Text, an address say, in whose place a reference may stand: env:NAME, file:/path or command:program args."""

Secret = Annotated[
    str,
    Field(
        pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|command:.+)$",
        description="A reference to a secret, never the secret: env:NAME, file:/path or command:program args.",
    ),
    Referable(),
]


class Settings(BaseModel):
    """Settings every kind has. Each kind adds its own; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: float = Field(default=2.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=5.0, gt=0, le=60, description="Seconds a reading may take in all.")
    protected: bool = Field(default=False, description="Ask for the name to be typed before any act on it.")


def references(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
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
