"""The application: hosts the engine, shows a screen, draws what changed at most ten times a second.

It decides nothing about the system it shows, and nothing here takes a target from a string that came from outside.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events
from textual.app import App
from textual.binding import BindingType

from desk import words
from tui.garbage import Garbage
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.overview import Overview
from tui.secrets import Secrets
from tui.terminal import EXIT_INTERRUPT, EXIT_OK, Lifelines
from tui.themes import THEMES
from tui.wiring import references

if TYPE_CHECKING:
    from desk.hands import Hands
    from tui.handover import Terminal

BEAT: Final = 0.1
"""Seconds between two pictures at most."""

_FIRST_PICTURE: Final = 0.02
"""Seconds the first picture gets before drivers are loaded."""

_PARTING: Final = 1.0
"""Seconds that the shared store gets, before the process is stopped, to hear which locks are let go."""

_AGAIN: Final = 5.0
"""Seconds in which leaving once more leaves what is being done unfinished."""

SLOWEST: Final = 8.0
"""Factor to which a person may slow the room down."""


class OpsroomApp(Lifelines, App[int], inherit_bindings=False):
    """The room on a terminal."""

    TITLE = "opsroom"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = "Screen { layers: base; }"
    ESCAPE_TO_MINIMIZE = False
    ALLOW_SELECT = False  # the terminal selects; the framework stumbles over a click on what was just taken away

    def __init__(
        self,
        room: Room,
        secrets: Secrets,
        theme: str,
        arming: tuple[str, float | None] | None = None,
        hands: Callable[[], Hands] | None = None,
        terminal: Terminal | None = None,
    ) -> None:
        """`arming`: (reason, minutes) for which the session is armed from the start; `hands` makes what acts.

        `terminal` can be handed over to other programs.
        """
        super().__init__()
        self._terminal = terminal
        if terminal is not None:
            terminal.belongs_to(self)
        self.arming = arming
        self._make_hands = hands
        self.animation_level = "none"
        self.room = room
        self.secrets = secrets
        self._wanted_theme = theme
        self._garbage = Garbage()
        self._due: asyncio.TimerHandle | None = None
        self._unshared = False
        """True while something is not shared that should be."""
        self._warned = -math.inf
        """When it was said that something would be left unfinished, monotonic seconds."""
        self._drawn = 0.0
        """When the last picture was drawn, in the loop's time."""
        for one in THEMES:
            self.register_theme(one)
        for binding in (*room.keymap.bindings("everywhere"), *(room.keymap.bindings("demo") if room.demo else ())):
            self._bindings.bind(binding.key, binding.action, binding.description, show=False, priority=False)

    # life

    def on_mount(self) -> None:
        """Show the overview and begin to read."""
        self.theme = self._wanted_theme
        self.room.note = self._say
        self.push_screen(self.first_screen())
        asyncio.get_running_loop().call_later(_FIRST_PICTURE, self._open)

    def first_screen(self) -> RoomScreen:
        """What is seen first, and left last."""
        return Overview(self.room)

    def _open(self) -> None:
        self._garbage.begin(asyncio.get_running_loop().time())
        self.room.engine.board.bell = self._ring
        self._starting = asyncio.create_task(self._start())
        self._starting.add_done_callback(self._started)
        self.set_interval(1.0, self._second)

    def _started(self, starting: asyncio.Task[None]) -> None:
        """A fault while starting is a crash like any other, not a room in which nothing happens."""
        if not starting.cancelled() and starting.exception() is not None:
            self.call_later(starting.result)

    async def _start(self) -> None:
        await self.secrets.prepare(references(self.room.profile))
        if self.room.sharing is not None:
            self.room.sharing.start()
        if self.room.keep is not None:
            self.room.journal = self.room.keep()
            self.room.journal.start(self.room.engine.inbox)
        if self.room.record is not None:
            self.room.scribe = self.room.record()
        if self.room.scribe is not None:
            self.room.scribe.begin()
        if self.room.make_historian is not None:
            self.room.historian = self.room.make_historian()
        if self.room.historian is not None:
            self.room.engine.heard.append(self.room.historian.take)
            self.room.historian.start()
        if self.room.dispatch is not None:
            self.room.dispatch.start()
        self.room.engine.start()
        if self.room.make_procedures is not None:
            self.room.procedures = self.room.make_procedures()
            self.room.procedures.start(self._ring)
        if self.room.make_checklists is not None:
            self.room.checklists = self.room.make_checklists()
            self.room.checklists.start(self._ring)
        if self.room.make_incidents is not None:
            self.room.incidents = self.room.make_incidents()
            self.room.incidents.start(self._ring)
        if self._make_hands is not None:
            self.room.hands = self._make_hands()
            if self.room.scribe is not None:
                self.room.scribe.follow(self.room.hands.trail)
        if self.room.hands is not None:
            if self.room.hands.second is not None:
                self.room.hands.second.begin(self._ring)
            await self._take_hold(self.room.hands)
        elif self.room.onlooker is not None:
            self.room.onlooker.begin(self._ring)

    async def _take_hold(self, hands: Hands) -> None:
        """Arm as the profile or the command line says, and ask about what earlier sessions left open."""
        from desk.audit import Unrecorded
        from tui.screens.unfinished import unfinished_sheet

        if self.arming is not None:
            try:
                await hands.arm(*self.arming)
            except Unrecorded as error:
                self._say(f"not armed: {error}")
        sheet = await unfinished_sheet(self.room, hands)
        if sheet is not None:
            await self.push_screen(sheet)

    def _ring(self) -> None:
        """A reading came in: a picture within a beat, one for all that come until then."""
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_at(max(loop.time(), self._drawn + BEAT), self._beat)

    def _beat(self) -> None:
        self._due = None
        self._drawn = asyncio.get_running_loop().time()
        self.room.engine.board.drain()
        if self.room.still is None:
            self._draw()

    async def _second(self) -> None:
        """Once a second: what is shown grows older, and what was allowed may be over."""
        self.room.engine.tick()
        self._share()
        if self.room.dispatch is not None:
            self.room.dispatch.tick(self._say)
        if self.room.procedures is not None:
            self.room.procedures.tick(self._say)
        if self.room.incidents is not None:
            self.room.incidents.tick(self._say)
        hands = self.room.hands
        if hands is not None and hands.second is not None:
            hands.second.tick()
        if hands is not None and await hands.fall_back():
            self._say("time is up: the session is disarmed")
        if hands is not None and hands.next_due is not None:
            self.room.later(self._take_back(hands))
        self._draw()
        self._garbage.tidy(asyncio.get_running_loop().time())

    def _share(self) -> None:
        """Tell the shared store what is looked at, and the person when it is lost and when it is back."""
        sharing = self.room.sharing
        if sharing is None:
            return
        sharing.show(self._looked_at(), self.room.works_on, self.room.mode()[1])
        words = sharing.standing.words(self.room.engine.clock.monotonic())
        if bool(words) != self._unshared:
            self._say(words or "the store is back: all is merged")
        self._unshared = bool(words)

    def _looked_at(self) -> str:
        """The target or the screen that is looked at."""
        screen = self._above
        return (screen.pointed[0] or screen.where) if screen is not None else ""

    @property
    def _above(self) -> RoomScreen | None:
        """The room's screen that is seen; None: none of it is, or the room is being left and has no screen any more."""
        above = self.screen_stack[-1:]
        return above[0] if above and isinstance(above[0], RoomScreen) else None

    async def _take_back(self, hands: Hands) -> None:
        """End a temporary measure whose time is up."""
        deed = await hands.take_back()
        if deed is not None:
            self.room.remember(deed)
            self._say(f"time is up: {deed.plan.action.title}, to take a measure back; E shows it")

    def _draw(self) -> None:
        if (screen := self._above) is not None:
            screen.draw()

    def _say(self, text: str) -> None:
        if (screen := self._above) is not None:
            screen.say(text)

    async def on_unmount(self) -> None:
        """Let go of every backend, in a moment even when all of them hang."""
        self.room.engine.board.bell = lambda: None
        self._garbage.end()
        if self._due is not None:
            self._due.cancel()
        if self._terminal is not None:
            await self._terminal.end()
        if self.room.hands is not None:
            await self.room.hands.close()
        if self.room.onlooker is not None:
            await self.room.onlooker.close()
        if self.room.scribe is not None:
            self.room.scribe.end()
        await self.room.engine.close()
        if self.room.historian is not None:
            self.room.historian.close()
        if self.room.scribe is not None:
            self.room.scribe.recorder.close()
        if self.room.journal is not None:
            self.room.journal.close()
        if self.room.procedures is not None:
            self.room.procedures.close()
        if self.room.checklists is not None:
            self.room.checklists.close()
        if self.room.incidents is not None:
            self.room.incidents.close()
        if self.room.dispatch is not None:
            await self.room.dispatch.close()
        if self.room.sharing is not None:
            self.room.sharing.close()

    def stand_aside(self) -> None:
        """The process is stopped next: another session says what begins and ends, and tells people."""
        if self.room.journal is not None:
            self.room.journal.stand_aside()
        if self.room.dispatch is not None:
            self.room.dispatch.stand_aside()
        if self.room.sharing is not None:
            self.room.sharing.locks.settle(_PARTING)

    def go_on(self) -> None:
        """The process goes on: it takes over again where nobody does it by now."""
        if self.room.journal is not None:
            self.room.journal.go_on()

    async def on_event(self, event: events.Event) -> None:
        """Every key comes through here first."""
        if isinstance(event, events.Key):
            self._garbage.keyed(asyncio.get_running_loop().time())
        await super().on_event(event)

    def on_key(self, event: events.Key) -> None:
        """Letters that were on their way to a screen when a line to type into opened were meant for that line."""
        above = self.screen_stack[-1:]  # while the room opens or is left there may be none
        if above and isinstance(above[0], RoomScreen) and above[0].take(event):
            event.stop()
            event.prevent_default()

    def on_app_focus(self) -> None:
        """The terminal is looked at again: what could be confirmed has to be seen again first."""
        from tui.screens.act import Act

        above = self.screen_stack[-1:]
        if above and isinstance(above[0], Act):
            above[0].settle_in()

    def ring(self, sequence: str) -> bool:
        """Send the terminal a bell or a notice; False while another program has it."""
        driver = self._driver
        if driver is None or getattr(driver, "lent", False):
            return False
        driver.write(sequence)
        return True

    def redact(self, text: str) -> str:
        """An exception's message, fit for the crash report."""
        return self.secrets.redact(text)

    # what a person does everywhere

    async def action_leave(self) -> None:
        """One level back; from the overview, out."""
        if len(self.screen_stack) > 2:
            self.pop_screen()
            return
        now, half = monotonic(), self.room.incidents.evidence.words if self.room.incidents is not None else ""
        if half and now - self._warned > _AGAIN:
            self._warned = now
            self._say(f"once more leaves it unfinished: {half}")
        else:
            self.exit(return_code=EXIT_OK)

    def action_interrupt(self) -> None:
        """Out at once."""
        self.exit(return_code=EXIT_INTERRUPT)

    async def action_step_back(self) -> None:
        """Take back a filter, else go one level back; never out."""
        clear = getattr(self.screen, "clear", None)
        if callable(clear) and clear():
            return
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def action_read_now(self) -> None:
        """Read everything at once."""
        self.room.engine.read_now()
        self._say("reading now")

    def action_freeze(self) -> None:
        """Hold the picture still, or let it go."""
        frozen = self.room.freeze()
        self._draw()
        self._say("the picture stands still; reading and alerts go on; f lets it go" if frozen else "live again")

    def action_slower(self) -> None:
        """Twice the interval."""
        self._pace(min(SLOWEST, self.room.engine.pace * 2))

    def action_faster(self) -> None:
        """Half the interval, down to the configured one."""
        self._pace(max(1.0, self.room.engine.pace / 2))

    def _pace(self, factor: float) -> None:
        self.room.engine.pace = factor
        self._say("intervals as configured" if factor == 1 else f"every interval x{factor:g}")

    def action_copy(self) -> None:
        """Copy the line under the cursor."""
        screen = self.screen
        text = screen.line_under_cursor() if isinstance(screen, RoomScreen) else ""
        if not text:
            self._say("nothing to copy here")
            return
        self._say(f"copied {words.plural(text.count(chr(10)) + 1, 'line')}, {words.size(len(text.encode()))}")
        self.copy_to_clipboard(text)

    def notify(self, message: str, **more: Any) -> None:
        """Words in passing go to the foot of the screen; nothing floats over the room."""
        self._say(message)

    def action_theme(self) -> None:
        """The next look."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self._draw()
        self._say(f"theme {self.theme}")

    def action_redraw(self) -> None:
        """Paint everything anew, over what another program wrote."""
        from tui.driver import QuietDriver

        if isinstance(self._driver, QuietDriver):
            self._driver.paint_afresh()
        self.refresh()

    def action_arm(self) -> None:
        """Allow acts for some minutes, or end that."""
        from desk.guard import Mode
        from tui.acting import ask_to_arm, once_armed

        hands, screen = self.room.hands, self.screen
        if not isinstance(screen, RoomScreen):
            return
        if hands is not None and hands.mode is Mode.DISARMED:
            ask_to_arm(screen, hands)
        elif hands is not None and hands.mode is Mode.ARMED:
            self.room.later(self._disarm(hands))
        else:
            once_armed(screen, lambda: None)

    async def _disarm(self, hands: Hands) -> None:
        await hands.disarm("by hand")
        self._draw()
        self._say("disarmed: nothing can be done from here")

    def action_acts(self) -> None:
        """What was done in this session."""
        from tui.screens.unfinished import acts_sheet

        self.push_screen(acts_sheet(self.room))

    def action_approvals(self) -> None:
        """What others ask a second person for."""
        from tui.screens.approvals import approvals_sheet

        sheet = approvals_sheet(self.room)
        if isinstance(sheet, str):
            self._say(sheet)
        else:
            self.push_screen(sheet)

    def action_incident(self) -> None:
        """The incident that goes on; of several which; where none does, declare one."""
        from tui.screens.incidents import open_incident

        if isinstance(self.screen, RoomScreen):
            open_incident(self.screen)

    def action_incidents(self) -> None:
        """Every incident, open and past."""
        from tui.screens.incidents import open_incidents

        if isinstance(self.screen, RoomScreen):
            open_incidents(self.screen)

    def action_help(self) -> None:
        """Keys and meanings of this screen."""
        from tui.screens.sheet import help_sheet

        screen = self.screen
        if isinstance(screen, RoomScreen):
            self.push_screen(help_sheet(self.room, screen, screen.about()))

    def action_palette(self) -> None:
        """Everything by name."""
        from tui.screens.palette import palette

        screen = self.screen
        if isinstance(screen, RoomScreen):
            self.push_screen(palette(self.room, screen))

    def action_faults(self) -> None:
        """The demonstration's faults."""
        from tui.screens.faults import faults_sheet

        if self.room.stage is not None:
            self.push_screen(faults_sheet(self.room, self.room.stage))
