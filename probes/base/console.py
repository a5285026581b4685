"""A console: a program that a person is handed the terminal for. What is typed there is out of our sight."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from probes.base.act import Danger, Identity
from probes.base.text import SafeText


@dataclass(frozen=True, slots=True)
class Console:
    """A program that takes the terminal over until it ends: psql, a shell in a container. It can change anything."""

    name: str
    """Stable name, unique for a row: "psql"."""
    title: str
    """For a person: "psql, reading only"."""
    argv: tuple[str, ...]
    """The whole command; a secret never stands in it."""
    place: SafeText
    """Where it leads, as whom: "PostgreSQL at db1:5432, database shop, as app"."""
    identity: Identity = ()
    """What must still be so when it begins, as (name, value): (("container", "4f0c..."),)."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What its environment gets besides, in clear."""
    secrets: Callable[[], Mapping[str, str]] = field(default=dict, repr=False, compare=False)
    """Gives the secrets for its environment, asked in a thread when it begins. Raises `ProbeError`."""
    files: Callable[[], Mapping[str, str]] = field(default=dict, repr=False, compare=False)
    """Gives texts to be had as private files, by the variable that is to name the file: {"PGPASSFILE": ...}."""
    again: Callable[[], Awaitable[str]] | None = field(default=None, repr=False, compare=False)
    """Looks directly before it begins whether it still leads there, and says what is another now; empty: nothing.

    None: its command line names what it leads to so that nothing else can be met. Raises `ProbeError`.
    """
    prompted: Callable[[str], tuple[str, ...]] | None = field(default=None, repr=False, compare=False)
    """The same command with a prompt that begins with such words: where one is. Given letters, digits, blanks, . and -
    only. None: its prompt can't be set, or says enough."""
    danger: Danger = Danger.DESTRUCTIVE
    """The worst that can be done in it."""
    note: str = ""
    """What a person should know before."""
    refused: str = ""
    """Why it can't be opened now, in a few words; empty: it can."""
