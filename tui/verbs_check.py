"""`opsroom check`: the board once, or one checklist, without a screen; for cron, monitoring and build servers."""

from __future__ import annotations

import asyncio
import difflib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from tui import terminal, verb, wiring
from tui.kinds import Kinds
from tui.secrets import Secrets

if TYPE_CHECKING:
    from desk.checklist.paper import Looked
    from desk.profile import Profile

LONGEST: Final = 600.0
"""Seconds it may be told to wait."""

_ROOM: Final = ("json", "nagios")
"""Forms that the board has."""


def _seconds(_context: click.Context, _option: click.Parameter, value: float) -> float:
    if not value <= LONGEST:
        raise click.BadParameter(f"must be at most {LONGEST:g}.")
    return value


@click.command()
@verb.PROFILE
@click.argument("checklist", required=False)
@click.option("--json", "form", flag_value="json", help="Everything, as JSON.")
@click.option(
    "--nagios", "form", flag_value="nagios", help="One line and the exit codes 0/1/2/3 of monitoring plug-ins."
)
@click.option("--junit", "form", flag_value="junit", help="A checklist as JUnit XML, for a build server.")
@click.option("--markdown", "form", flag_value="markdown", help="A checklist as a Markdown table.")
@click.option(
    "--list", "as_list", is_flag=True, help="The checklists there are, how they stand, and when they are due."
)
@click.option("--record", is_flag=True, help="Keep what was found as a run of the checklist.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    callback=_seconds,
    default=10.0,
    show_default=True,
    help="Longest time to wait for answers.",
)
def check(
    profile: str | None, checklist: str | None, form: str | None, as_list: bool, record: bool, seconds: float
) -> None:
    """The board once, or the boxes of one CHECKLIST, without a screen; the exit code tells.

    0: all is well. 1: something is not. 3: nothing could be reached. Boxes that a person has to sign are “not done” and
    make it no worse.
    """
    found = verb.profile_of(profile)
    if as_list:
        _list(found)
    elif checklist is not None:
        _one(found, checklist, form, record, seconds)
    elif form not in (None, *_ROOM) or record:
        verb.refuse(f"opsroom: --{'record' if record else form} is for a checklist: name one; --list shows them")
    else:
        _board(found, form, seconds)


def _board(found: Profile, form: str | None, seconds: float) -> None:
    from tui import check as once

    secrets = Secrets(os.environ)
    silences = wiring.silences(found, verb.whereabouts())

    async def run() -> once.Report:
        await secrets.prepare(wiring.references(found))
        engine = wiring.build(found, Kinds(), secrets, verb.whereabouts(), at_once=True)
        return await once.take(engine, found, seconds, silences)

    report = asyncio.run(run())
    text = {"json": once.as_json, "nagios": once.as_nagios}.get(form or "", once.as_text)(report)
    verb.say(secrets.redact(text), code=terminal.EXIT_RETRY if form == "nagios" else terminal.EXIT_USAGE)
    terminal.leave(report.nagios if form == "nagios" else report.code)


def _list(found: Profile) -> None:
    from desk.checklist import paper
    from tui import checklists

    there, troubles = checklists.gathered(found)
    for trouble in troubles:
        verb.complain(f"opsroom: {trouble}")
    try:
        book = checklists.book_of(checklists.file_of(found, verb.whereabouts()))
    except checklists.StoreError as error:
        verb.refuse(f"opsroom: {error}")
    verb.say(paper.as_list(checklists.listed(there, book, datetime.now(UTC))))


def _one(found: Profile, name: str, form: str | None, record: bool, seconds: float) -> None:
    from desk.actor import who
    from desk.checklist import paper
    from desk.checklist.judge import Sight
    from tui import check as once
    from tui import checklists

    wanted, troubles = next((one for one in found.checklists if one.name == name), None), list[str]()
    if wanted is None or wanted.source:
        there, troubles = checklists.gathered(found)
        wanted = next((one for one in there if one.name == name), None)
        if wanted is None:
            names = [one.name for one in there]
            near = difflib.get_close_matches(name, names, 1, 0.6)
            known = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}"
            verb.refuse(f"opsroom: there is no checklist {name}; {known}")
    for trouble in troubles:
        verb.complain(f"opsroom: {trouble}")
    if not wanted.boxes:
        verb.refuse(f"opsroom: the checklist {name} has no box")
    places, secrets = verb.whereabouts(), Secrets(os.environ)
    path = checklists.file_of(found, places)
    chosen, narrow = wanted, checklists.narrowed(found, wanted)

    async def run() -> Looked:
        await secrets.prepare(wiring.references(narrow))
        engine = wiring.build(narrow, Kinds(), secrets, places, at_once=True)
        await once.settle(engine, seconds)
        now, at = engine.clock.monotonic(), engine.clock.now()
        specs = checklists.specs_of(engine, narrow)
        sight = Sight(engine.board, engine.alerts(), now, checklists.kinds_of(narrow), specs)
        made = checklists.looked(narrow, chosen, checklists.book_of(path), sight, at)
        await engine.close()
        return made

    try:
        looked = asyncio.run(run())
        if record:
            checklists.recorded(path, looked, f"check by {who(os.environ).name}", secrets.redact)
    except checklists.StoreError as error:
        verb.refuse(f"opsroom: {error}")
    made = {"json": paper.as_json, "nagios": paper.as_nagios, "junit": paper.as_junit, "markdown": paper.as_markdown}
    text = made.get(form or "", paper.as_text)(looked)
    verb.say(secrets.redact(text), code=terminal.EXIT_RETRY if form == "nagios" else terminal.EXIT_USAGE)
    terminal.leave(looked.nagios if form == "nagios" else looked.code)
