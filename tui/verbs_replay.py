"""`opsroom replay`: what the whole board looked like at a moment, also when everything that measured it is gone."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from desk import moment as when
from desk.profile import ProfileError
from desk.tape.tape import Tape, TapeError
from tui import wiring
from tui.kinds import Kinds
from tui.places import Places
from tui.verb import PROFILE, THEME, chosen, complain, refuse, say, whereabouts

if TYPE_CHECKING:
    from desk.replay.player import Player
    from tui.replay import ReplayApp, ReplayKinds

_SIZE: Final = "160x48"


@click.command()
@PROFILE
@click.option("--at", "moment", metavar="WHEN", default="now", show_default=True,
              help='03:12, "yesterday 03:12", 2026-03-01T03:12:41, -2h; UTC, or with "local" behind it.')  # fmt: skip
@click.option("--span", metavar="LENGTH", default="", help="30m, 2h: how far it plays, or how much is exported.")
@click.option("--file", type=click.Path(path_type=Path), help="A recording elsewhere, a copied one say.")
@click.option("--export", type=click.Path(path_type=Path), help="Write NAME.svg or NAME.json instead of opening it.")
@click.option("--size", metavar="COLUMNSxLINES", default=_SIZE, show_default=True, help="Of the exported picture.")
@THEME
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def replay(
    profile: str | None, moment: str, span: str, file: Path | None, export: Path | None, size: str,
    theme: str | None, ascii_only: bool,
) -> None:  # fmt: skip
    """What the board looked like at a moment, on the same screens; nothing can be done in it.

    Every session keeps what it sees in a black box beside its other records, within a stated size.
    """
    try:
        at = when.moment(moment, datetime.now(UTC))
        lasts = when.length(span) if span else None
    except ValueError as error:
        refuse(f"opsroom: {error}")
    if export is not None and export.suffix not in (".svg", ".json"):
        refuse(f"opsroom: {export}: the name must end in .svg or .json")
    path = file or _found(chosen(profile), whereabouts())
    try:
        if export is not None and export.suffix == ".json":
            _export(path, export, at, lasts)
        elif export is not None:
            _draw(path, export, at, _size(size), theme)
        else:
            sys.exit(_open(path, at, lasts, theme, ascii_only))
    except TapeError as error:
        refuse(f"opsroom: {error}" + ("; what can still be read of it is not shown" if error.damaged else ""))
    except OSError as error:
        refuse(f"opsroom: {export or path} can't be written: {(error.strerror or str(error)).lower()}")


def _found(given: str | None, places: Places) -> Path:
    """The recording of a profile; by its name where the profile is gone, and the only one where none is named."""
    doubt = ""
    try:
        profile = wiring.open_profile(given, Kinds(), os.environ, places)
        path = places.system(profile.system, profile.environment) / "tape.db"
        if path.exists():
            return path
        doubt = f"of {profile.system} {profile.environment}".rstrip() + " nothing is recorded"
    except ProfileError as error:
        doubt = str(error)
    except wiring.Choose as error:
        doubt = str(error)
    there = {path: _named(path) for path in sorted(places.state.glob("systems/*/tape.db"))}
    fitting = [path for path, names in there.items() if given is None or given in names]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(names[0] for names in there.values()) or "none"
    return refuse(f"opsroom: {doubt}; recordings: {known}")


def _named(path: Path) -> tuple[str, ...]:
    """What the system of a recording is called."""
    try:
        tape = Tape.read(path)
        try:
            last = tape.last_mark("session", datetime.now(UTC) + timedelta(days=1))
            while last is not None and "system" not in last[1].body:
                before = tape.previous_mark("session", last[1].at)
                last = None if before is None else (0, before)
        finally:
            tape.close()
    except TapeError:
        return (path.parent.name,)
    body = {} if last is None else last[1].body
    system, environment = str(body.get("system", "")), str(body.get("environment", ""))
    stem = Path(str(body.get("profile", ""))).stem
    return tuple(name for name in (f"{system} {environment}".strip(), system, stem, path.parent.name) if name)


def _player(path: Path, at: datetime, lasts: timedelta | None = None) -> tuple[Player, ReplayKinds]:
    from desk.replay.player import Player
    from tui.replay import ReplayKinds

    kinds = ReplayKinds()
    player = Player(path, kinds.facts_type, at)
    if lasts is not None:
        player.until(at + lasts)
    return player, kinds


def _app(player: Player, kinds: ReplayKinds, theme: str | None) -> ReplayApp:
    from tui import preferences
    from tui.keys import Keymap
    from tui.replay import ReplayApp, ReplayRoom
    from tui.themes import THEMES

    try:
        wishes = preferences.load(whereabouts().preferences)
    except ProfileError as error:
        refuse(str(error))
    look = theme or os.environ.get("OPSROOM_THEME") or wishes.theme
    if look not in {one.name for one in THEMES}:
        refuse(f"opsroom: no theme named {look}; there are {', '.join(one.name for one in THEMES)}")
    return ReplayApp(ReplayRoom(player, kinds, Keymap(wishes.keys)), look)


def _open(path: Path, at: datetime, lasts: timedelta | None, theme: str | None, ascii_only: bool) -> int:
    from tui.session import on_screen

    player, kinds = _player(path, at, lasts)
    if at < player.edges[0]:
        complain(f"opsroom: the recording begins at {player.edges[0]:%Y-%m-%d %H:%M:%S} UTC")
    return on_screen(lambda: _app(player, kinds, theme), os.environ, whereabouts(), ascii_only)


def _export(path: Path, export: Path, at: datetime, lasts: timedelta | None) -> None:
    from desk.replay import evidence
    from desk.replay.recording import Recording

    recording = Recording.open(path, lambda kind: None)
    try:
        evidence.write(recording, export, at, None if lasts is None else at + lasts)
    finally:
        recording.close()
    say(f"wrote {export}; at {at:%Y-%m-%d %H:%M:%S} UTC, {when.here(at)}")


def _draw(path: Path, export: Path, at: datetime, size: tuple[int, int], theme: str | None) -> None:
    from desk.replay import evidence
    from tui.replay import picture

    async def draw() -> str:
        player, kinds = _player(path, at)
        app = _app(player, kinds, theme)
        async with app.run_test(size=size) as pilot:
            await player.filled()
            app._draw()
            await pilot.pause()
            return picture(app, player)

    evidence.write_new(export, asyncio.run(draw()))
    say(f"wrote {export}; at {at:%Y-%m-%d %H:%M:%S} UTC, {when.here(at)}")


def _size(text: str) -> tuple[int, int]:
    columns, _, lines = text.partition("x")
    if columns.isdigit() and lines.isdigit() and 40 <= int(columns) <= 400 and 10 <= int(lines) <= 200:
        return int(columns), int(lines)
    return refuse("opsroom: --size is COLUMNSxLINES, such as 120x36")
