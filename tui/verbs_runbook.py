"""`opsroom runbook`: `show` says what is in a Markdown file, `lint` what is worth mending, `approve` lets it be run.

What a file says, and its name, become SafeText before they are printed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from desk.words import plural
from probes.base import SafeText
from tui import verb

if TYPE_CHECKING:
    from desk.runbook.book import Procedure, Runbook, Step

_NAMES: Final = (".md", ".markdown", ".mdx", ".erb")
"""Ends of the names that `lint` reads in a folder."""


@click.group(cls=verb.Verbs)
def runbook() -> None:
    """Read a Markdown runbook: it is never changed."""


@runbook.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("procedure", required=False)
def show(file: Path, procedure: str | None) -> None:
    """What is in a runbook: its procedures and their steps, or the steps of those whose title has these words."""
    book, _ = _read(file)
    if procedure is None:
        verb.say("\n".join(_outline(book)))
        return
    found = [one for one in book.procedures if procedure.casefold() in one.title.casefold()]
    if not found:
        verb.refuse(f"opsroom: {_safe(file.name)} has no procedure with “{_safe(procedure)}” in its title")
    verb.say("\n\n".join("\n".join(_steps(one)) for one in found))


@runbook.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Without asking: somebody has read it.")
@click.option("--withdraw", is_flag=True, help="Approve it no longer.")
def approve(file: Path, yes: bool, withdraw: bool) -> None:
    """Let the shell steps of a runbook be run from the room: these very bytes, by you, on this machine."""
    from datetime import UTC, datetime

    from desk.actor import who
    from tui import steps

    kept = steps.approvals(verb.whereabouts())
    if withdraw:
        verb.say(f"{_safe(file)}: {plural(kept.withdraw(file), 'approval')} forgotten")
        return
    why = steps.exposed(file)
    if why:
        verb.refuse(f"opsroom: {_safe(why)}; nothing is run from it")
    book, data = _read(file)
    found, refused = steps.steps(book)
    total = plural(sum(one.is_command for one in book.commands), "command")
    verb.say(f"{_safe(file)}: {len(found)} of its {total} may be run as shell steps then:")
    for name, entry in found.items():
        verb.say(f"  {_safe(name)}  {entry['run']['danger']}")
        verb.say("\n".join(f"      {_safe(row)}" for row in entry["text"].split("\n")))
    for one in refused:
        verb.say(f"  never: {_safe(one)}")
    if not yes and not click.confirm("You have read it, and approve these bytes?"):
        verb.refuse("opsroom: nothing was approved")
    try:
        made = kept.approve(file, data, who(os.environ).name, datetime.now(UTC), found)
    except OSError as error:
        verb.refuse(f"opsroom: the approval cannot be kept: {error.strerror or error}")
    verb.say(f"approved {made.sha256[:16]}; any change to the file is asked about anew")


@runbook.command()
@click.argument("places", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE|FOLDER...")
@click.option("--json", "as_json", is_flag=True, help="What we make of each file, one object a line; leaves with 0.")
@click.option("--strict", is_flag=True, help="With --json too: leave with 1 when there is something to mend.")
@click.pass_context
def lint(context: click.Context, places: tuple[Path, ...], as_json: bool, strict: bool) -> None:
    """What in a runbook, or a folder of them, does not do what it says. Leaves with 1 when there is something."""
    from desk.runbook import lint as rules
    from desk.runbook.text import decoded

    bad = 0
    for file in _files(places):
        book, data = _read(file)
        found = rules.findings(book, decoded(data)[0])
        bad += len(found)
        if as_json:
            told = {**rules.form(book), "findings": [{"line": one.line, "what": one.what} for one in found]}
            verb.say(json.dumps(told))  # in ASCII: what could steer a terminal is written as \\u....
            continue
        for one in found:
            verb.say(f"{_safe(file)}:{one.line}: {_safe(one.what)}")
        ours = sum(one.is_command and one.sort is not None and one.sort.value != "shell" for one in book.commands)
        verb.say(
            f"{_safe(file)}: {plural(len(book.procedures), 'procedure')}, {plural(len(book.commands), 'command')} "
            f"({ours} of them ours), {plural(len(found), 'finding')}"
        )
    if bad and (strict or not as_json):
        context.exit(1)


def _files(places: tuple[Path, ...]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from sorted(one for one in place.rglob("*") if one.suffix in _NAMES and one.is_file())
        else:
            yield place


def _read(file: Path) -> tuple[Runbook, bytes]:
    """The runbook and its bytes; leaves with 2 where the file can't be read."""
    from desk.runbook import assemble
    from tui.dialects import dialects

    try:
        data = file.read_bytes()
    except OSError as error:
        verb.refuse(f"opsroom: {_safe(file)}: {(error.strerror or type(error).__name__).lower()}")
    return assemble.read(str(file), data, dialects(), whole=True), data


def _outline(book: Runbook) -> Iterator[str]:
    commands = [one for one in book.commands if one.is_command]
    ours = sum(one.sort is not None and one.sort.value != "shell" for one in commands)
    alerts = sum(one.alert for one in book.thresholds)
    boxes = sum(len(one.boxes) for one in book.checklists)
    yield _safe(book.title or book.path)
    lists = plural(len(book.checklists), "checklist")
    yield (
        f"{plural(len(book.procedures), 'procedure')} · {plural(len(commands), 'command')}, {ours} of them ours · "
        f"{plural(alerts, 'alert limit')} · {plural(boxes, 'box', 'boxes')} in {lists} · "
        f"{plural(len(book.contacts), 'contact')}"
    )
    for repair in book.repairs:
        yield f"! line {repair.line}: {_safe(repair.what)}"
    for one in book.procedures:
        yield ""
        yield from _steps(one)


def _steps(one: Procedure) -> Iterator[str]:
    what = " · a sheet of commands, in no order" if one.menu else ""
    yield f"{one.line:>5}  {' › '.join(map(_safe, (*one.path[1:], one.title)))}{what}"
    for part in one.parts:
        yield f"{part.line:>5}    {_safe(part.title or part.phase.value)}"
        for step in part.steps:
            yield from _step(step)


def _step(step: Step) -> Iterator[str]:
    choice = f"[{_safe(step.choice)}] " if step.choice else ""
    yield f"{step.line:>5}      {step.kind.value:<9} {choice}{_safe(step.title)}"
    command = step.command
    if command is None:
        return
    first, *rest = command.text.split("\n")
    danger = f"  ({command.danger.name.lower()})" if command.danger else ""
    yield f"{'':>17}$ {_safe(first)}{' …' if rest else ''}{danger}"
    if command.placeholders:
        yield f"{'':>17}to fill in: {', '.join(map(_safe, command.placeholders))}"
    if command.asked:
        yield f"{'':>17}filled in by its act: {', '.join(map(_safe, command.asked))}"
    if command.warning:
        yield f"{'':>17}! {_safe(command.warning)}"


def _safe(text: str | Path) -> str:
    """A line from outside as it may be printed: nothing of it is cut, since a person approves what stands here."""
    told = str(text)
    return str(SafeText(told, max(1, len(told))))
