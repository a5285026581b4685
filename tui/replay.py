"""A replay on the room's own screens: the same board, unmistakably not now, and nothing that could act."""

from __future__ import annotations

import asyncio
import html
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from textual.app import App

from desk import moment as when
from desk import words
from desk.profile import Profile
from desk.replay import evidence
from desk.replay.player import SPEEDS, Player
from desk.replay.recording import Recording, Unread, stamp
from desk.tape.tape import Mark, TapeError
from probes.base import Probe, ProbeError, SafeText
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import KINDS, Kind, Kinds
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.secrets import Secrets
from widgets.lines import Line, Part, dim, line
from widgets.overview import Heading
from widgets.panel import Panel, View
from widgets.replay import moment_told, replay_banner

_TICK: Final = 0.1
"""Seconds between two steps of playing."""

_MOST: Final = 12
"""Gauges that an overview shows of a kind that is not known."""

READ_ONLY: Final = "read-only: this is a recording, and nothing can be done in it"


class UnknownPanel(Panel[Unread]):
    """A kind that this version does not know: its gauges, for these need nobody who knows it."""

    title = "NOT KNOWN HERE"
    help = """Another version of Opsroom recorded targets of a kind that this one does not know.
What is shown are their numbers by the names they were recorded under; the version that recorded them shows all."""

    def headline(self, view: View[Unread]) -> Sequence[Part]:
        """The kind."""
        return (f"kind {view.facts.kind}",)

    def brief(self, view: View[Unread], width: int) -> Sequence[Line]:
        """That it is not known, and its first numbers."""
        found = [line(dim(f"this version does not know the kind {view.facts.kind}; its numbers:"))]
        gauges = list(view.snapshot.gauges.items())
        found += [line(f"{key} ", dim(f"{value:g}")) for key, value in gauges[:_MOST]]
        return [*found, line(dim(f"and {len(gauges) - _MOST} more"))] if len(gauges) > _MOST else found


class ReplayKinds(Kinds):
    """The table of kinds, and a stand-in for those that only the recording knows."""

    def __init__(self, kinds: Iterable[Kind] = KINDS) -> None:
        super().__init__(kinds)
        self._strange: set[str] = set()

    def know(self, names: Iterable[str]) -> None:
        """Have a line for each of these."""
        for name in names:
            if name not in self._kinds:
                self._strange.add(name)
                self._kinds[name] = Kind(name, "", "", UnknownPanel.title, "a kind that this version does not know")

    def facts_type(self, kind: str) -> Any:
        """The type of a kind's facts; None for one that is not known."""
        if kind in self._strange or kind not in self._kinds:
            return None
        return facts_of(self.facts(kind))

    def panel(self, kind: str) -> Panel[Any]:
        """The presenter of a kind."""
        return UnknownPanel() if kind in self._strange else super().panel(kind)


def facts_of(probe: type[Probe[Any]]) -> Any:
    """The type that stands in a probe's `Probe[...]`."""
    for one in probe.__mro__:
        for base in getattr(one, "__orig_bases__", ()):
            if getattr(base, "__origin__", None) is Probe:
                return base.__args__[0]
    raise TypeError(f"{probe.__name__} does not say what its facts are")


class ReplayRoom(Room):
    """A room whose engine is a player."""

    def __init__(self, player: Player, kinds: ReplayKinds, keymap: Keymap) -> None:
        super().__init__(player, _profile(player), kinds, keymap.for_replay(), read_only_because=READ_ONLY)
        self.undecided_because = READ_ONLY
        self.player = player
        player.recalled = self._redraw
        self.history = player.recording.path.with_name("history.db")
        self._strange = kinds
        kinds.know(kind for _, kind, _ in player.header.targets)

    def _redraw(self, name: str) -> None:
        self._sketches.pop(name, None)

    def followed(self) -> None:
        """The player went somewhere: another session may have other targets."""
        self._strange.know(kind for _, kind, _ in self.player.header.targets)
        self.profile = _profile(self.player)

    def heading(self) -> Heading:
        """What the top line says."""
        made = super().heading()
        silence = self.player.silence
        said = "" if silence is None else "NOBODY WATCHED" if silence.ended else "NOT RECORDED"
        return Heading(made.system, made.environment, made.production, "replay", made.alerts, made.worst, note=said)

    def top(self, width: int) -> Line:
        """The top line."""
        return replay_banner(self.heading(), moment_told(self.player.at, self.player.speed), width)

    def aside(self) -> str:
        """That nothing was recorded at this moment."""
        silence = self.player.silence
        if silence is None:
            return ""
        return silence.told + ("; e skips it" if silence.until is not None else "")


def _profile(player: Player) -> Profile:
    header = player.header
    targets = tuple(slot.target for slot in player.board.slots())
    return Profile(header.system, header.environment, header.production, header.description, targets, acts="never")


class ReplayApp(OpsroomApp):
    """The room on a recording."""

    def __init__(self, room: ReplayRoom, theme: str) -> None:
        super().__init__(room, Secrets({}), theme)
        self._replay = room
        self._player = room.player
        self._going: asyncio.Task[None] | None = None
        self._last: float | None = None
        for binding in room.keymap.bindings("replay"):
            self._bindings.bind(binding.key, binding.action, binding.description, show=False, priority=False)

    def _open(self) -> None:
        super()._open()
        self.set_interval(_TICK, self._tick)

    # playing

    def _tick(self) -> None:
        now = asyncio.get_running_loop().time()
        last, self._last = self._last, now
        player = self._player
        if not player.speed or last is None:
            return
        if player.at >= player.end:
            player.speed = 0
            self._draw()
            self.room.later(self._ended())
        elif not self._busy:
            self._go(player.play(now - last))
        else:
            self._last = last  # the time that reading takes is not lost

    async def _ended(self) -> None:
        try:
            await self._player.look_again()
        except (TapeError, ProbeError) as error:
            self._say(f"not shown: {error}")
            return
        if self._player.at < self._player.end:
            self._player.speed = SPEEDS[0]
        else:
            self._say("the recording ends here" if self._player.end == self._player.edges[1] else "the span ends here")

    @property
    def _busy(self) -> bool:
        return self._going is not None and not self._going.done()

    def _go(self, moving: Awaitable[object], done: Callable[[], None] = lambda: None) -> None:
        self._going = asyncio.ensure_future(self._moved(moving, done))

    async def _moved(self, moving: Awaitable[object], done: Callable[[], None]) -> None:
        try:
            found = await moving
        except (TapeError, ProbeError) as error:
            self._player.speed = 0
            self._say(f"not shown: {error}")
            return
        self._replay.followed()
        self._draw()
        if found is False:
            self._say("there is nothing further that way")
        else:
            done()

    def _move(self, move: Callable[[], Awaitable[object]], done: Callable[[], None] = lambda: None) -> None:
        """Go somewhere because of a key; one that is held goes on when it is there."""
        if not self._busy:
            self._player.speed = 0
            self._go(move(), done)

    def action_play(self) -> None:
        """Play, or hold."""
        self._player.speed = 0 if self._player.speed else SPEEDS[0]
        self._last = None
        self._draw()

    def action_quicker(self) -> None:
        """The next speed."""
        at = SPEEDS.index(self._player.speed) + 1 if self._player.speed else 0
        self._player.speed = SPEEDS[min(at, len(SPEEDS) - 1)]
        self._draw()

    def action_calmer(self) -> None:
        """The speed before; below the slowest it holds."""
        at = SPEEDS.index(self._player.speed) if self._player.speed else 0
        self._player.speed = SPEEDS[at - 1] if at else 0
        self._draw()

    def action_reading_on(self) -> None:
        """The next reading."""
        self._move(lambda: self._player.step(True))

    def action_reading_back(self) -> None:
        """The reading before."""
        self._move(lambda: self._player.step(False))

    def action_minute_on(self) -> None:
        """A minute on."""
        self._move(lambda: self._player.move_on(60.0))

    def action_minute_back(self) -> None:
        """A minute back."""
        self._move(lambda: self._player.jump(self._player.at - timedelta(minutes=1)))

    def action_alert_on(self) -> None:
        """The next alert."""
        self._to_mark(Recording.alert_after, "no alert came after this")

    def action_alert_back(self) -> None:
        """The alert before."""
        self._to_mark(Recording.alert_before, "no alert came before this")

    def action_act_on(self) -> None:
        """The next act."""
        self._to_mark(Recording.act_after, "nothing was done after this")

    def action_act_back(self) -> None:
        """The act before."""
        self._to_mark(Recording.act_before, "nothing was done before this")

    def _to_mark(self, look: Callable[[Recording, datetime], Mark | None], none: str) -> None:
        said: list[str] = []

        async def go() -> None:
            mark = await self._player.find(look)
            if mark is None:
                said.append(none)
                return
            await self._player.jump(mark.at)
            said.append(told(mark))

        self._move(go, lambda: self._say(said[0]))

    def action_skip(self) -> None:
        """To the end of a time in which nothing was recorded."""
        silence = self._player.silence
        if silence is None:
            self._say("there is no gap here")
        elif silence.until is None:
            self._say("nothing was recorded after this")
        else:
            end = silence.until
            self._move(lambda: self._player.jump(end))

    def action_go_to(self) -> None:
        """A moment that is typed."""
        screen = self.screen
        if not isinstance(screen, RoomScreen):
            return

        def done(text: str) -> None:
            if not text.strip():
                return
            try:
                there = when.moment(text, self._player.at, forward=True)
            except ValueError as error:
                screen.say(str(error))
                return
            self._move(lambda: self._player.jump(there), lambda: self._say(f"{stamp(there)}, {when.here(there)}"))

        screen.ask("go to: 03:12, yesterday 03:12, -10m, +1h, 2026-03-01T03:12; UTC", "", lambda text: None, done)

    def action_export(self) -> None:
        """What is shown, into a file."""
        screen = self.screen
        if isinstance(screen, RoomScreen):
            name = f"replay-{self._player.at:%Y%m%dT%H%M%SZ}.svg"
            screen.ask("write into: NAME.svg a picture, NAME.json all of it", name, lambda text: None, self._export)

    def _export(self, text: str) -> None:
        path = Path(os.path.expanduser(text.strip()))
        if path.suffix not in (".svg", ".json"):
            self._say("the name must end in .svg or .json")
            return
        drawn = picture(self, self._player) if path.suffix == ".svg" else ""

        async def write() -> None:
            try:
                if drawn:
                    await self._player.find(lambda recording, at: evidence.write_new(path, drawn))
                else:
                    await self._player.find(lambda recording, at: evidence.write(recording, path, at))
            except (OSError, ValueError, TapeError, ProbeError) as error:
                self._say(f"not written: {SafeText(getattr(error, 'strerror', None) or str(error), 200)}")
            else:
                self._say(f"written: {SafeText(str(path), 200)}")

        self.room.later(write())

    # what a recording does not do

    def action_read_now(self) -> None:
        """Nothing is read."""
        self._say("this is a recording: nothing is read now")

    def action_freeze(self) -> None:
        """It holds."""
        self._player.speed = 0
        self._draw()
        self._say("it stands still; space lets it go on")

    def action_arm(self) -> None:
        """Never."""
        self._say(READ_ONLY)

    def action_acts(self) -> None:
        """What was done in the hours around this moment."""
        self.room.later(self._acts())

    async def _acts(self) -> None:
        from tui.screens.replay import acts_sheet

        try:
            marks = await self._player.find(Recording.acts)
        except (TapeError, ProbeError) as error:
            self._say(f"not shown: {error}")
            return
        await self.push_screen(acts_sheet(self._replay, marks, self._to_act))

    def _to_act(self, at: datetime) -> None:
        self._move(lambda: self._player.jump(at))


def told(mark: Mark) -> str:
    """What a mark says, in a line."""
    body = mark.body
    if mark.sort == "act":
        said = f"{body.get('title', '')} by {body.get('who', '')}"
        return f"{words.clock(mark.at)} UTC  {SafeText(mark.target)}: {SafeText(said, 200)}"
    first = next((str(one.get("words", "")) for one in body.get("came", ()) if isinstance(one, dict)), "")
    return f"{words.clock(mark.at)} UTC  {SafeText(mark.target)}: {SafeText(first, 200)}"


def picture(app: App[Any], player: Player) -> str:
    """What is on the screen as SVG, without fonts from other people's servers."""
    title = f"opsroom replay: {player.header.system} {player.header.environment} at {stamp(player.at)}"
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", app.export_screenshot(title=title), flags=re.DOTALL)
    plain = re.sub("-(?=-)", "- ", html.escape(title))  # https://www.w3.org/TR/xml/#sec-comments
    made = f"<!-- {plain}; made {stamp(datetime.now(UTC))} -->"
    head, mark, rest = drawn.partition(">")
    return f'{head} xml:space="preserve"{mark}\n{made}{rest}'
