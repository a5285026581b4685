"""One act: what would be done, confirmed by a person who has seen it, then how it goes.

Nothing is confirmed unseen: a key counts only when it was pressed some time after the picture stood still, pasted text
and clicks never do, and what does not fit on the screen has to be read to its end first.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from textual import events

from desk.deed import Deed
from desk.guard import FRESH, Confirmation, agreed_of, digest_of
from desk.second import Matter
from probes.base import Plan, ProbeError, Request
from tui.room import Room
from tui.screens.act_evidence import Guarded
from tui.screens.act_fields import NAME, REASON
from widgets.act import told
from widgets.failure import sorry
from widgets.lines import line

_TICK: Final = 0.1


class Act(Guarded):
    """Look, confirm, follow. It may be left at any time: an act under way goes on."""

    def __init__(self, room: Room, target: str, request: Request, warning: str = "", deed: Deed | None = None) -> None:
        """`warning`: what the command that led here would have done wrong. `deed`: one that is under way already."""
        super().__init__(room, target, request, warning, deed)
        self._work: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Look."""
        super().on_mount()
        self.set_interval(_TICK, self._tick)
        self.app.app_resume_signal.subscribe(self, self._woke)
        if self._deed is None:
            self._go_and_look()

    def on_unmount(self) -> None:
        """Nobody waits for the look any more, and no second person is asked; an act goes on."""
        if self._deed is None:
            self._withdraw()
        if self._work is not None:
            self._work.cancel()

    # looking

    def _go_and_look(self) -> None:
        self._plan, self._problem, self._focus, self._live_from = None, [], "cancel", None
        self._work = asyncio.create_task(self._look())
        self.draw()

    async def _look(self, before: Plan | None = None) -> None:
        if self._runner is None:
            self._problem = [line("  the session is not armed: nothing can be done from here")]
        else:
            try:
                plan = await self._runner.plan(self._target, self._request)
            except ProbeError as error:
                self._problem = sorry(error)
            else:
                self._take(plan, before)
        self.settle_in()
        if self._missed and self._asked_for.asked:
            self.say(f"what was typed before this stood here is not taken: {self._plea}")

    def _take(self, plan: Plan, before: Plan | None) -> None:
        taken = {one.key for one in before.chosen if one.taken_in} if before is not None else set()
        self._plan = plan.taking_in(taken)
        if before is None or _essence(self._plan) == _essence(before):
            return
        self._focus = "cancel"
        self._warning = "it has changed since you looked; this is how it is now"

    def _woke(self, _app: object) -> None:
        """The process slept: what was on the screen is no longer how it is."""
        if self._deed is None and self._plan is not None and not self._waiting:
            self._go_and_look()

    # keys

    def on_key(self, event: events.Key) -> None:
        """Letters go where something must be typed; the key that chooses is judged by when it was pressed."""
        if self._focus in self._asked_for.asked and self._asked_for.write(self._focus, event):
            self._missed = False
            self.draw()
        elif self._asked_for.takes(event) or self._early(event):
            self._typed_elsewhere(event)
        elif event.key in self._keys("act.choose"):
            self._chosen(event.time)
        else:
            return
        event.stop()
        event.prevent_default()

    def _early(self, event: events.Key) -> bool:
        """True for a letter that comes while nobody has looked yet: it may be meant for what will be asked."""
        looking = self._deed is None and self._plan is None and not self._problem
        letter = event.character is not None and event.character.isalnum()
        return looking and letter and event.key not in self._keys("room.leave", "everywhere")

    def _typed_elsewhere(self, event: events.Key) -> None:
        """A letter while one does not stand in a field: it goes there, once the picture has stood."""
        if self._live_from is None or event.time < self._live_from:
            self._missed = True
            if self._asked_for.asked:
                self.say(f"not taken, this has only just come up: {self._plea}")
            return
        self._missed = False
        self._focus = self._asked_for.lacking
        self._asked_for.write(self._focus, event)
        self.settle_in()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text confirms nothing."""
        event.stop()
        event.prevent_default()
        self.say("pasted text is not taken here: type it")

    def _keys(self, name: str, where: str = "act") -> list[str]:
        return next((key.keys.split(",") for key in self.room.keymap.of(where) if key.id == name), [])

    def _stops(self) -> list[str]:
        """What Tab goes through."""
        stops = ["cancel", *self._asked_for.asked]
        stops += [button.name for button in self._buttons() if button.name != "cancel"]
        return stops + [f"spared:{group[0].key}" for group in self._sparing]

    def _turn(self, steps: int) -> None:
        stops = self._stops()
        at = stops.index(self._focus) if self._focus in stops else 0
        self._focus = stops[(at + steps) % len(stops)]
        if self._focus == "go":
            self._view.scroll_lines(len(self._view.lines) if self._read else 0)
        self.settle_in()

    def action_next(self) -> None:
        """The next thing to choose or to type into."""
        self._turn(1)

    def action_previous(self) -> None:
        """The one before."""
        self._turn(-1)

    def action_take(self) -> None:
        """Take in what would be left out."""
        if self._asking and self._plan is not None and self._focus.startswith("spared:"):
            key = self._focus.removeprefix("spared:")
            self._plan = self._plan.taking_in(
                one.key for group in self._sparing if group[0].key == key for one in group
            )
            self._focus = "cancel"
            self.settle_in()

    def action_page_down(self) -> None:
        """Read on."""
        self._view.scroll_lines(max(1, self._view.size.height - 1))
        self.draw()

    def action_page_up(self) -> None:
        """Back."""
        self._view.scroll_lines(-max(1, self._view.size.height - 1))
        self.draw()

    def action_down(self) -> None:
        """A line down."""
        self._view.scroll_lines(1)
        self.draw()

    def action_up(self) -> None:
        """A line up."""
        self._view.scroll_lines(-1)
        self.draw()

    def action_choose(self) -> None:
        """What the cursor stands on, if that harms nobody: from here nothing is confirmed."""
        if self._focus != "go":
            self._chosen(0.0)

    def _chosen(self, pressed: float) -> None:
        """The choosing key, pressed at that time."""
        if not self.on_top:
            return
        if self._focus == "cancel" and self._waiting:
            if self._live_from is not None and pressed >= self._live_from:
                self.clear()
        elif self._focus == "cancel" and self._typing and (self._missed or self._asked_for.half):
            self._missed = False
            self.say(self._plea)
        elif self._focus == "cancel":
            self._leave()
        elif self._focus in self._asked_for.asked and self._asked_for.lacks(self._focus):
            self.say(self._plea)
        elif self._focus in self._asked_for.asked:
            self._turn(1)
        elif self._focus.startswith("spared:"):
            self.action_take()
        elif self._focus == "stop" and self._deed is not None:
            self._deed.stop()
            self._focus = "cancel"
            self.draw()
        elif self._focus == "again":
            self._look_again()
        elif self._focus == "gather":
            self._gather()
        elif self._focus == "evidence":
            self._ask_override()
        elif self._asked_for.lacking:
            self._focus = self._asked_for.lacking
            self.settle_in()
            self.say(self._plea)
        elif self._live_from is not None and pressed >= self._live_from and self._read:
            self._confirmed()

    def _leave(self) -> None:
        going = self._deed is not None and not self._deed.over
        self.leave()
        if going:
            self.room.note(f"{self._request.action} goes on; its result will be said here")

    # doing it

    def _confirmed(self) -> None:
        """The person has seen it and said yes; what is old by now is looked at once more first."""
        if self._overriding:
            self._override()
            return
        if self._plan is None or (self._work is not None and not self._work.done()):
            return
        if self._age(self._plan) > FRESH / 2:
            self._work = asyncio.create_task(self._look_then_begin(self._plan))
        else:
            self._begin(self._plan)

    async def _look_then_begin(self, seen: Plan) -> None:
        self.say("looking once more …")
        await self._look(before=seen)
        if self._plan is not None and not self._problem and _essence(self._plan) == _essence(seen):
            self._begin(self._plan)

    def _begin(self, plan: Plan, agreed: str = "") -> None:
        """Do it; where a second person must agree, ask them first. `agreed`: id of what they approved."""
        hands, need = self.room.hands, self._needs
        if hands is None or hands.runner is None:
            self._problem = [line("  the session is disarmed by now: nothing was done")]
            self.draw()
            return
        if need is not None and need.second and not agreed:
            self._ask_second(plan)
            return
        given = Confirmation(
            digest_of(plan, hands.runner.setting(self._target)),
            self._asked_for[REASON] or hands.reason,
            self._asked_for[NAME],
            agreed,
        )
        self._deed = hands.runner.begin(plan, given)
        self._deed.bell = self._rang
        self.room.remember(self._deed)
        self._focus = "cancel"
        self.settle_in()

    def _approved(self, matter: Matter) -> None:
        """A second person has agreed: look once more, and do it if it is still what both have seen."""
        if self._plan is not None:
            self._work = asyncio.create_task(self._look_then_use(self._plan, matter))

    async def _look_then_use(self, seen: Plan, matter: Matter) -> None:
        self.say(f"approved by {matter.answer.by.name if matter.answer is not None else '?'}: looking once more …")
        await self._look(before=seen)
        plan, runner = self._plan, self._runner
        same = plan is not None and runner is not None and not self._problem
        if same and plan is not None and runner is not None:
            same = agreed_of(plan, runner.setting(self._target)) == matter.proposal.digest
            self._warning = "" if same else "it has changed since it was approved: nothing was done; ask anew"
        if same and plan is not None:
            self._begin(plan, matter.proposal.id)
        else:
            self._withdraw()
            self._asked = ""
        self.settle_in()

    def _rang(self) -> None:
        """Something happened to the deed; who has left is told of its end."""
        deed = self._deed
        if deed is None:
            return
        if self.is_attached:
            self.draw()
        elif deed.over:
            self.room.note(told(deed))

    def _look_again(self) -> None:
        """Look at what became of it; never do it again."""
        if self._deed is None:
            self._asked = ""
            self._go_and_look()
            return
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._probe(self._deed))

    async def _probe(self, deed: Deed) -> None:
        runner = self._runner
        if runner is None:
            self.say("the session is disarmed by now")
            return
        self.say("looking again …")
        now = self.room.engine.clock.monotonic()
        for step in deed.steps:
            if step.sent and not step.well:
                step.verdict = await runner.look(deed.plan, step, now - (step.answered or now))
        with suppress(ProbeError):
            self.room.engine.read_now(self._target)
        self.draw()

    def line_under_cursor(self) -> str:
        """What `y` copies: the whole picture."""
        return "\n".join(one.text.rstrip() for one in self._view.lines)


def _essence(plan: Plan) -> tuple[object, ...]:
    """What must not differ between what was seen and what is done."""
    return (plan.pin, plan.danger, plan.requires, tuple((one.key, one.identity, one.spared) for one in plan.subjects))
