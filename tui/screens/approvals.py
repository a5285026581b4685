"""What others ask a second person for: the list, and one request as a whole, which is approved or refused."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import ClassVar

from textual import events
from textual.app import ComposeResult

from desk.audit import Unrecorded
from desk.second import Proposal, State, Unfit, Unreachable
from desk.second.agreements import Agreements, Draft
from desk.second.onlooker import Onlooker
from tui.keys import shown
from tui.room import Room
from tui.screens.act_picture import SEEN
from tui.screens.base import RoomScreen
from tui.screens.sheet import Sheet
from widgets import second as drawn
from widgets.folding import folded, wrapped
from widgets.lines import Line, Span, Tone, dim, line
from widgets.lineview import LineView

_WEAKEN = "weaken"


def approvals_sheet(room: Room) -> Sheet | str:
    """Every request that waits for a second person; a text where there can be none."""
    second = room.second
    if second is None:
        why = room.read_only_because or "this session has no way to a second person"
        return f"{why}; opsroom approve answers without a screen"

    def lines(width: int) -> list[Line]:
        now = room.engine.clock.now()
        waiting = second.pending()
        made = drawn.listed(waiting, now, width)
        if not made:
            made = wrapped(
                "nothing waits for you; what is asked with your own account is answered by somebody else", width
            )
        if isinstance(second, Agreements):
            made += drawn.barred(second.barred(), width)
            made += [line(), *_rule(second, width)]
        else:
            made += [line(), *folded(line(dim(f"{room.read_only_because}: it is answered elsewhere")), width)]
        return made

    def choose(key: str) -> None:
        one = next((one for one in second.pending() if one.id == key), None)
        if key == _WEAKEN and isinstance(second, Agreements):
            _weaken(sheet, second)
        elif one is not None:
            sheet.app.push_screen(Consent(room, second, one))

    sheet = Sheet(room, "What waits for a second person; Enter opens one", lines, choose)
    return sheet


def _rule(second: Agreements, width: int) -> list[Line]:
    """What is in force, and whether the profile asks for less."""
    hold = second.hold
    made = folded(line(dim("a second person must agree to: "), hold.in_force.words), width, 2)
    if second.alone and hold.in_force:
        made += folded(line(Span(second.alone, Tone.WARNING)), width, 2)
    if hold.weakened:
        said = f"the profile asks for less ({hold.said.words}): the rule stays until two agree; Enter asks for that"
        made += folded(line(Span(said, Tone.WARNING), key=_WEAKEN), width, 2)
    return made


def _weaken(sheet: Sheet, second: Agreements) -> None:
    """Ask somebody else to agree that the profile's weaker rule is in force from now on."""

    def asked(reason: str) -> None:
        if reason.strip():
            sheet.room.later(_propose(sheet, second, reason.strip()))
        else:
            sheet.say("without a reason nobody is asked")

    sheet.ask("why should less need a second person? Esc asks nobody", "", lambda text: None, asked, lambda: None)


async def _propose(sheet: Sheet, second: Agreements, reason: str) -> None:
    hold = second.hold
    draft = Draft(
        digest=hold.digest,
        what="weaken the rule of the second person",
        where=f"the profile {sheet.room.profile.file or sheet.room.profile.system}",
        danger="DISRUPTIVE",
        changes=(f"needs a second person: {hold.in_force.words} → {hold.said.words}",),
        reason=reason,
        typed=sheet.room.profile.system,
        undo="the profile can ask for more at any time",
    )
    try:
        matter = await second.propose(draft)
    except (Unreachable, Unrecorded) as error:
        sheet.say(f"nobody was asked: {error}", 8.0)
        return
    if sheet.is_attached:
        sheet.app.push_screen(Change(sheet.room, second, matter.proposal))


class Change(RoomScreen):
    """Waits until somebody else agrees to a weaker rule. Leaving withdraws it."""

    where: ClassVar[str] = "sheet"

    def __init__(self, room: Room, second: Agreements, proposal: Proposal) -> None:
        super().__init__(room)
        self._second, self._proposal = second, proposal
        self._view = LineView(id="what")
        self._done = ""
        """What came of it once it was approved."""

    def body(self) -> ComposeResult:
        """What is asked, and where it stands."""
        yield self._view

    def draw(self) -> None:
        """The request and its countdown."""
        if not self.is_mounted:
            return
        self.draw_frame()
        matter, now = self._second.matter(self._proposal.id), self.room.engine.clock.now()
        width = self.size.width
        made = drawn.whole(self._proposal, now, width, matter.state is State.PENDING)
        if matter.state is State.PENDING:
            made += [
                line(),
                *folded(line(" opsroom approve ", drawn.short(self._proposal), dim("; Esc withdraws")), width),
            ]
        else:
            made += [line(), *drawn.ended(matter, width)]
        self._view.show([*made, *folded(line(" ", Span(self._done, Tone.NOTICE)), width)])
        if matter.state is State.APPROVED and not self._done:
            self._done = "putting it in force …"
            self.room.later(self._use())

    async def _use(self) -> None:
        try:
            await self._second.weaken(self._proposal.id, self._proposal.digest)
            self._done = "it is in force"
        except (Unfit, Unreachable, Unrecorded, OSError) as error:
            self._done = f"the rule stays as it was: {error}"
        self.draw()

    def on_unmount(self) -> None:
        """Nobody is asked any more."""
        self.room.later(_withdrawn(self._second, self._proposal.id))


async def _withdrawn(second: Agreements, id_: str) -> None:
    try:
        await second.withdraw(id_)
    except Unfit:
        return


class Consent(RoomScreen):
    """One request as a whole. It is approved by typing what the act takes, once all of it was on the screen.

    An onlooker reads it, and can't answer.
    """

    where: ClassVar[str] = "consent"

    def __init__(self, room: Room, second: Agreements | Onlooker, proposal: Proposal) -> None:
        super().__init__(room)
        self._second, self._proposal = second, proposal
        self._view = LineView(id="what")
        self._live_from: float | None = None
        """When a key may begin to answer, monotonic seconds; None: the picture does not stand yet."""
        self._read = False
        """True once the last line has been on the screen."""
        self._said = ""
        """What came of the answer; empty: none was given."""
        self._unclear = ""
        """Why nobody knows what came of it; it may be given again."""
        self._answering = False

    def body(self) -> ComposeResult:
        """The request."""
        yield self._view

    def on_mount(self) -> None:
        """The picture must stand before it can be answered."""
        super().on_mount()
        self._settle_in()

    def on_resize(self) -> None:
        """Another size: it has to be read anew."""
        self._read = False
        self._settle_in()

    def _settle_in(self) -> None:
        self._live_from = None
        self.draw()
        self.call_after_refresh(self._stands)

    def _stands(self) -> None:
        self._live_from = monotonic() + SEEN
        self.draw()

    @property
    def _waits(self) -> bool:
        return any(map(self._proposal.same, self._second.pending()))

    def draw(self) -> None:
        """All of the request, and how long it waits on."""
        if not self.is_mounted:
            return
        self.draw_frame()
        now, width = self.room.engine.clock.now(), self.size.width
        made = drawn.whole(self._proposal, now, width, self._waits and not self._said)
        over = self._said or ("" if self._waits else "it is over: it was withdrawn, answered, or has expired")
        over = "your answer is on its way …" if self._answering else over
        if over or self._unclear:
            made += [line(), *folded(line(" ", Span(over or self._unclear, Tone.NOTICE)), width, 1)]
        if not over:
            keys = f"{self._key('approve')} approves it, {self._key('refuse')} refuses it"
            made += [line(), *folded(line(" ", dim(self._barred or keys)), width, 1)]
        self._view.show(made)
        self._read = self._read or self._view.top + self._view.size.height >= len(self._view.lines)

    def hints(self) -> Sequence[tuple[str, str]]:
        """Those that answer only while there is something to answer, and it can be answered from here."""
        if not self._said and self._waits and not self._answering and not self._barred:
            return super().hints()
        gone = {self._key("approve"), self._key("refuse")}
        return [(key, what) for key, what in super().hints() if key not in gone]

    def _key(self, action: str) -> str:
        return next((shown(key.keys) for key in self.room.keymap.of(self.where) if key.action == action), "")

    def on_key(self, event: events.Key) -> None:
        """The keys that answer count by when they were pressed."""
        for key in self.room.keymap.of(self.where):
            if key.action in ("approve", "refuse") and event.key in key.keys.split(","):
                event.stop()
                event.prevent_default()
                if self._prompt is None:
                    self._pressed(key.action, event.time)

    def _pressed(self, action: str, at: float) -> None:
        barred = self._barred
        if self._answering:
            self.say("your answer is on its way")
        elif self._said or not self._waits:
            self.say("there is nothing to answer any more")
        elif barred:
            self.say(barred)
        elif self._live_from is None or at < self._live_from:
            self.say("not taken, this has only just come up")
        elif not self._read:
            self.say("read on first: PgDn")
        elif action == "approve":
            wanted = self._proposal.typed or "y"
            self.ask(f"type {wanted} to approve; Esc leaves it", "", _unheard, partial(self._typed, wanted), _nothing)
        else:
            self.ask("why is it refused? Esc leaves it", "", _unheard, self._refused, _nothing)

    def _typed(self, wanted: str, text: str) -> None:
        if text.strip() == wanted:
            self.room.later(self._answer(True, ""))
        else:
            self.say(f"not approved: {wanted} was not typed")

    def _refused(self, text: str) -> None:
        if text.strip():
            self.room.later(self._answer(False, text.strip()))
        else:
            self.say("not refused: without words who asks would not know why")

    @property
    def _barred(self) -> str:
        """Why nothing is answered from here; empty: it can be."""
        looks = not isinstance(self._second, Agreements)
        return self.room.undecided_because or (self.room.read_only_because if looks else "")

    async def _answer(self, granted: bool, words: str) -> None:
        assert isinstance(self._second, Agreements)
        self._answering, self._unclear = True, ""
        self.draw()
        try:
            await self._second.answer(self._proposal, granted, words)
            self._said = "you have approved it" if granted else "you have refused it"
        except Unreachable as error:
            self._unclear = f"{error}; while it waits it can be answered again"
        except (Unfit, Unrecorded) as error:
            self._said = f"your answer does not count: {error}"
        finally:
            self._answering = False
        self.room.note(self._said or self._unclear)
        self.draw()

    # by a command, or a click: they only say which key it is

    def action_approve(self) -> None:
        """Approve it."""
        self.say(f"press {self._key('approve')}")

    def action_refuse(self) -> None:
        """Refuse it."""
        self.say(f"press {self._key('refuse')}")

    def action_down(self) -> None:
        """A line down."""
        self._scroll(1)

    def action_up(self) -> None:
        """A line up."""
        self._scroll(-1)

    def action_page_down(self) -> None:
        """Read on."""
        self._scroll(max(1, self._view.size.height - 1))

    def action_page_up(self) -> None:
        """Back."""
        self._scroll(-max(1, self._view.size.height - 1))

    def _scroll(self, lines: int) -> None:
        self._view.scroll_lines(lines)
        self.draw()

    def line_under_cursor(self) -> str:
        """What `y` copies: the whole request."""
        return "\n".join(one.text.rstrip() for one in self._view.lines)


def _unheard(text: str) -> None:
    """What is being typed changes nothing yet."""


def _nothing() -> None:
    """Esc: nothing happens."""


__all__ = ["Change", "Consent", "approvals_sheet"]
