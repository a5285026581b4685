"""The shell steps of approved runbooks, as commands of a target called `runbook`: through the same door as the rest.

What may be run was made of the file's bytes when a person approved them, and is kept with the approval. When a room
is opened, a file that has changed since, or that somebody else could change, has no steps; a room that is open goes on
with what was approved then. Every step goes through the dialog and the guard, also one that only looks: nobody can tell
that for certain of a text for a shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from desk.approval import Approval, Approvals, Approved
from desk.profile import Profile
from desk.runbook.book import Command, Runbook
from desk.runbook.script import ANY, PLAIN, Script, name_of, script
from probes.base import Danger, ProbeError, Target
from probes.exec import pin
from tui.places import Places

NAME: Final = "runbook"
"""Of the target; with a number behind it where the profile has one of that name."""
FOLDER: Final = "folder"
"""The parameter by which a step gets its folder: the runbook's, or where an earlier step went."""
_MOST: Final = 400
"""Steps of one system that may be run."""
_WITHIN: Final = 900.0
"""Seconds after which a step is ended."""
_ENDLESS: Final = 60.0
"""The same for one that never ends by itself."""
_DANGERS: Final = {
    Danger.READ: "reversible",
    Danger.REVERSIBLE: "reversible",
    Danger.DISRUPTIVE: "disruptive",
    Danger.DESTRUCTIVE: "destructive",
}


def approvals(places: Places) -> Approvals:
    """What this person has approved."""
    return Approvals(places.state / "approved")


def exposed(path: Path) -> str:
    """Why a file is not to be trusted: somebody else could change it, or it can't be read. Empty: it is ours."""
    try:
        pin.file(path)
    except ProbeError as error:
        return str(error.message)
    return ""


def steps(book: Runbook) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """(what can be run of a runbook, by name: the command as a profile has it and what each parameter is called in the
    runbook; why some of it can't be run)."""
    from probes.commands.settings import Run

    found: dict[str, dict[str, Any]] = {}
    refused: list[str] = []
    carried: list[str] = []
    for one in book.commands:
        if one.is_command and not one.interactive and not one.folder:
            made = script(one, book.parameters, carried)
            why = made.refused or (f"{_MOST} are the most" if len(found) >= _MOST else "")
            entry = _entry(one, made)
            try:
                Run.model_validate(entry["run"])
            except ValidationError as error:
                why = why or str(error.errors()[0]["msg"])
            if why:
                refused.append(f"line {one.line}: {why}")
            else:
                found.setdefault(name_of(one), entry)
        carried += one.sets
    return found, refused


def _entry(one: Command, made: Script) -> dict[str, Any]:
    asked = [*made.parameters, FOLDER]
    names = [_parameter(name, place) for place, name in enumerate(asked)]
    lines = ["opsroom_left=$PWD/left", f'cd -- "${{{len(asked)}}}" || exit', made.text]
    if one.sets:
        values = " ".join(f'"${{{name}-}}"' for name in one.sets)
        lines += ["opsroom_code=$?", "[ $opsroom_code = 0 ] || exit $opsroom_code"]
        lines += [f"printf '%s\\0' {values} > \"$opsroom_left\""]
    else:
        del lines[0]
    free_text = {*made.carried, FOLDER}
    run = {
        "argv": ["bash", "--noprofile", "--norc", "-c", "\n".join(lines), "step", *(f"{{{name}}}" for name in names)],
        "what": (one.comment or one.text.strip().splitlines()[0])[:200],
        "danger": _DANGERS[one.danger],
        "timeout": _ENDLESS if one.endless else _WITHIN,
        "parameters": {name: ANY if called in free_text else PLAIN for name, called in zip(names, asked, strict=True)},
    }
    return {"run": run, "asks": dict(zip(names, asked, strict=True)), "text": one.text}


def _parameter(name: str, place: int) -> str:
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower()).strip("_")
    return f"{plain[:26]}_{place + 1}" if plain[:1].isalpha() else f"p{place + 1}"


@dataclass(frozen=True, slots=True)
class Runnable:
    """The shell steps that may be run in this session."""

    target: str = ""
    """The target that runs them; empty: there is none."""
    files: Mapping[str, str] = field(default_factory=dict)
    """sha256 of each approved runbook, by its path."""
    asks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What each parameter of a step is called in the runbook, by the step's name."""
    doubts: Mapping[str, str] = field(default_factory=dict)
    """Why nothing is run from a runbook, by its path."""


def with_steps(profile: Profile, places: Places) -> tuple[Profile, Runnable]:
    """The profile with a target for the steps of its approved runbooks, and what may be run of them."""
    entries: dict[str, Any] = {}
    files: dict[str, str] = {}
    doubts: dict[str, str] = {}
    for path in profile.runbooks:
        found = _approved(path, places)
        if isinstance(found, str):
            doubts[str(path)] = found
        else:
            files[str(path)] = found.sha256
            clash = [name for name, entry in found.steps.items() if entries.get(name, entry) != entry]
            entries = {**found.steps, **entries}
            for name in clash:  # two files, one line and text, but other parameters: neither is run
                del entries[name]
    entries = dict(list(entries.items())[:_MOST])
    if not entries:
        return profile, Runnable(doubts=doubts)
    from probes.commands.settings import CommandsSettings

    try:
        settings = CommandsSettings(run={name: entry["run"] for name, entry in entries.items()})
    except (ValidationError, KeyError, TypeError):
        again = "approved by another version of Opsroom: approve it again"
        return profile, Runnable(doubts=doubts | dict.fromkeys(files, again))
    target = Target(free(profile.targets), "commands", settings)
    asks = {name: entry["asks"] for name, entry in entries.items()}
    return replace(profile, targets=(*profile.targets, target)), Runnable(target.name, files, asks, doubts)


def free(targets: Iterable[Target]) -> str:
    """The name of the target for steps."""
    taken = {one.name for one in targets}
    return next(name for name in (NAME, *(f"{NAME}-{number}" for number in range(2, 99))) if name not in taken)


def _approved(path: Path, places: Places) -> Approval | str:
    """The approval of a runbook as it is now, or why nothing is run from it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    found = approvals(places).standing(path, data)
    if found.approved is not Approved.YES or found.last is None:
        return f"{found.approved.value}: opsroom runbook approve {path.name}, then open the room again"
    return exposed(path) or found.last
