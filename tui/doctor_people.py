"""What `opsroom doctor` looks at where people work together: what needs two of them, where they meet, the store."""

from __future__ import annotations

import asyncio
import difflib
import grp
import os
import pwd
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from desk import toml_lines
from desk.profile import Profile
from desk.second.meeting import doubtful
from desk.second.rule import CLASSES
from probes.base import Grant, ProbeError, SafeText
from tui import wiring
from tui.kinds import Kinds
from tui.secrets import Secrets

Found = tuple[str, str, Grant, str]
"""Where, what, how it stands, what would mend it."""

_HERE: Final = "this machine"
_SURE: Final = "add ?sslmode=verify-full&sslrootcert=FILE to its address"


def misspelt(profile: Profile, kinds: Kinds) -> list[str]:
    """Words of the profile's `second_person` that are no class of acts and no action of any kind: file, line, a guess.

    Nothing is ever asked of a second person because of such a word. What acts is loaded only where a word is no class.
    """
    from desk.actions import CONSOLE

    words = profile.second.classes - CLASSES.keys() - {CONSOLE}
    if not words:
        return []
    actions = wiring.actions(kinds)
    place = _place(profile.file)
    return [f"{place}: second_person: {_strange(word, actions)}" for word in sorted(words - actions)]


def _strange(word: str, actions: set[str]) -> str:
    near = difflib.get_close_matches(word, [*CLASSES, *sorted(actions)], 1)
    guess = f"; did you mean {near[0]}?" if near else ""
    return f"{SafeText(word, 60)} is no class of acts and no action{guess}"


def _place(file: str) -> str:
    """The file, with the line of the key where that can be told."""
    try:
        line = toml_lines.index(Path(file).read_text("utf-8")).get(("second_person",))
    except (OSError, UnicodeError):
        return file or "the profile"
    return file if line is None else f"{file}:{line}"


async def examine(profile: Profile, kinds: Kinds, secrets: Secrets, environ: Mapping[str, str]) -> list[Found]:
    """Look at all of it. Changes nothing."""
    unclear = await asyncio.to_thread(misspelt, profile, kinds)
    found = [("the profile", "second_person is understood", Grant.MISSING, words) for words in unclear]
    if profile.second:
        found += [await asyncio.to_thread(_meeting, profile), *await asyncio.to_thread(_approvers, profile)]
    if profile.store:
        found += await asyncio.to_thread(_store, profile, secrets, environ)
    return found


def _meeting(profile: Profile) -> Found:
    """Whether people of this machine can meet; nothing is missing where the store is another way."""
    folder = Path(os.path.expanduser(profile.approval_folder))
    try:
        doubt = doubtful(folder)
    except OSError as error:
        doubt = (error.strerror or str(error)).lower()
    if not doubt:
        return (_HERE, f"two people can agree in {folder}", Grant.HELD, "")
    remedy = f"{doubt}; as root: install -d -o root -g GROUP -m 1770 {folder}"
    return (
        _HERE, f"two people can agree in {folder}", Grant.UNKNOWN if profile.store else Grant.MISSING, remedy,
    )  # fmt: skip


def _approvers(profile: Profile) -> list[Found]:
    """Names that nobody on this machine has; of logins of the store only that knows."""
    nobody = sorted(name for name in profile.second.approvers if not _is_known(name))
    grant = Grant.UNKNOWN if profile.store else Grant.MISSING
    named = f"{_place(profile.file)}: approvers: "
    return [
        ("the profile", "approvers are people of this machine", grant, f"{named}{SafeText(name, 60)} is none")
        for name in nobody
    ]


def _is_known(name: str) -> bool:
    try:
        if name.startswith("@"):
            grp.getgrnam(name[1:])
        else:
            pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _store(profile: Profile, secrets: Secrets, environ: Mapping[str, str]) -> list[Found]:
    from tui.sharing import line_to

    line = line_to(profile.store, secrets, environ, f"opsroom/{os.getpid()}")
    try:
        line.open()
        protection, safe = line.protection, line.is_protected
        line.close()
    except ProbeError as error:
        hint = f": {error.hint}" if error.hint else ""
        return [("the store", "can be used", Grant.MISSING, f"{error.cause.value}, {error.message}{hint}")]
    return [
        ("the store", f"can be used, at {line.where}", Grant.HELD, ""),
        ("the store", f"what goes there is kept from others: {protection}", Grant.HELD if safe else Grant.UNKNOWN,
         "" if safe else _SURE),
    ]  # fmt: skip
