"""What is seen of an act: what would be done or how it goes, what must be typed for it, what can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import ClassVar, Final

from textual.app import ComposeResult

from desk.actions import Runner
from desk.deed import Deed
from desk.guard import Needs, hindrance, needs
from probes.base import Danger, Plan, Request, Subject, Truth
from tui.concerned import looked
from tui.keys import shown
from tui.room import Room
from tui.screens.act_fields import NAME, REASON, Fields
from tui.screens.base import RoomScreen
from widgets.act import BESIDE, LEAST, Button, aim, button_lines, deed_lines, headed, plan_lines, spared
from widgets.folding import folded
from widgets.lines import Line, Span, Tone, line
from widgets.lineview import LineView

SEEN: Final = 0.4
"""Seconds a picture must have stood before a key may confirm it."""

_SERVED: Final = 4
"""Targets behind the rows that are told."""


class Picture(RoomScreen):
    """What is seen of an act, from the plan or from the deed."""

    where: ClassVar[str] = "act"

    DEFAULT_CSS = """
    Picture #what { height: 1fr; }
    Picture #fields { height: auto; }
    Picture #choice { height: auto; }
    """

    def __init__(self, room: Room, target: str, request: Request, warning: str = "", deed: Deed | None = None) -> None:
        """`warning`: what the command that led here would have done wrong. `deed`: one that is under way already."""
        super().__init__(room)
        self._target = target
        self._request = request
        self._called = room.named(target, request.subjects)
        self._warning = warning
        self._view = LineView(id="what")
        self._fields = LineView(id="fields")
        self._choice = LineView(id="choice")
        self._plan: Plan | None = deed.plan if deed is not None else None
        self._deed = deed
        self._problem: list[Line] = []
        self._focus = "cancel"
        self._asked_for = Fields()
        self._missed = False
        """True when letters came too early to be taken, and nothing was typed since."""
        self._live_from: float | None = None
        """When a key may confirm, monotonic seconds; None: the picture does not stand yet."""
        self._read = False
        """True once the last line has been on the screen."""

    def body(self) -> ComposeResult:
        """What would be done, what must be typed, what can be chosen."""
        yield self._view
        yield self._fields
        yield self._choice

    @property
    def _runner(self) -> Runner | None:
        return self.room.hands.runner if self.room.hands is not None else None

    @property
    def _needs(self) -> Needs | None:
        if self._plan is None or self._runner is None:
            return None
        return needs(self._plan, self._runner.setting(self._target))

    @property
    def _alone(self) -> str:
        """Why no second person can be asked, in case one is needed; empty: one can be."""
        return ""

    @property
    def _refused(self) -> str:
        """Why the plan can't be done whoever confirms it; empty: nothing stands in its way."""
        plan, runner, need = self._plan, self._runner, self._needs
        if plan is None or runner is None or need is None:
            return ""
        barred = hindrance(plan, runner.setting(self._target), runner.findings(plan))
        return barred or runner.barred(plan) or _left_out(plan) or (self._alone if need.second else "")

    def settle_in(self) -> None:
        """The picture is new: it must stand for a while before a key may confirm it."""
        self._live_from = None
        self.draw()
        self.call_after_refresh(self._stands)

    def _stands(self) -> None:
        self._live_from = monotonic() + SEEN

    def _tick(self) -> None:
        if self._deed is not None or self._plan is not None:
            self.draw()

    def on_resize(self) -> None:
        """Another size: it has to be read anew."""
        self._read = False
        self.settle_in()

    def draw(self) -> None:
        """Everything, from the plan or from the deed."""
        if not self.is_mounted:
            return
        width = self.size.width
        self._show_fields()
        self.draw_frame()
        if self._deed is not None:
            self._view.show(deed_lines(self._deed, self.room.engine.clock.monotonic(), width))
        elif self._problem:
            self._view.show(self._sorry(width))
        elif self._plan is None:
            self._view.show([*headed(self._sought, Span(""), width), line("  looking at it …")])
        else:
            self._view.show(self._proposal(self._plan, width))
            self._read = self._read or self._view.top + self._view.size.height >= len(self._view.lines)
        self._show_in(self._choice, button_lines(self._buttons(), self._focus, width))

    @property
    def _sought(self) -> str:
        """What was asked for, before anybody has looked."""
        name = self._request.action
        title = self._runner.title(self._target, name) if self._runner is not None else name
        return f"{title} {self._called}"

    def _proposal(self, plan: Plan, width: int) -> list[Line]:
        if not self._fits:
            room = f"{LEAST[0]}x{LEAST[1]}"
            return folded(line("  the terminal is too small to show what would be done whole: at least ", room), width)
        runner, need = self._runner, self._needs
        if runner is None or need is None:
            return folded(line("  the session is disarmed by now: nothing can be done from here"), width)
        reason = self.room.hands.reason if self.room.hands is not None else ""
        setting, found = runner.setting(self._target), runner.findings(plan)
        drawn = partial(
            plan_lines, plan, setting, need, self._age(plan), width, self._focus, reason, found, self._refused,
            self._warning,
        )  # fmt: skip
        made = drawn(self._served(plan))
        if len(made) > self._view.size.height:
            made = drawn()
        if len(made) > self._view.size.height:
            made = [one for one in made if one.spans]
        return made

    def _served(self, plan: Plan) -> list[str]:
        """Targets that live by these rows, by the profile: who is cut off. Nothing where the act interrupts nobody."""
        if max(plan.danger, plan.action.danger) < Danger.DISRUPTIVE:
            return []
        rows = {f"{self._target}/{subject}" for subject in plan.request.subjects}
        there = [slot.target for slot in self.room.engine.board.slots() if slot.target.name != self._target]
        return [looked(self.room, (one.name, "")).told for one in there if one.settings.served_by in rows][:_SERVED]

    def _sorry(self, width: int) -> list[Line]:
        lead = headed(self._sought, Span("nothing is done", Tone.WARNING), width)
        return [*lead, *(part for one in self._problem for part in folded(one, width))]

    def _show_fields(self) -> None:
        need, hands = self._needs, self.room.hands
        if need is None or self._plan is None or not self._plan.chosen or not self._asking:
            self._asked_for.ask(False, "")
        else:
            self._asked_for.ask(need.reason and hands is not None and not hands.reason, need.typed)
        if self._focus in (REASON, NAME) and self._focus not in self._asked_for.asked:
            self._focus = "cancel"
        self._show_in(self._fields, self._under(self.size.width))

    def _under(self, width: int) -> list[Line]:
        """What stands under the plan: what is to be typed."""
        return self._asked_for.lines(self._focus, width)

    @staticmethod
    def _show_in(view: LineView, lines: list[Line]) -> None:
        """Lines in a view that is as high as they are many."""
        if view.styles.height is None or view.size.height != len(lines):
            view.styles.height = len(lines)
        view.display = bool(lines)
        view.show(lines)

    def hints(self) -> Sequence[tuple[str, str]]:
        """Where one types, letters are no keys: the foot names none."""
        hints = super().hints()
        if not self._asked_for.asked:
            return hints
        return [*((key, what) for key, what in hints if len(key) > 1), (self._back, "leave")]

    @property
    def _back(self) -> str:
        """The key that leaves, as a person calls it."""
        return next(shown(key.keys) for key in self.room.keymap.of("everywhere") if key.id == "room.step_back")

    @property
    def _plea(self) -> str:
        return self._asked_for.plea(self._back)

    def _buttons(self) -> list[Button]:
        if self._deed is not None:
            over = self._deed.over
            again = [Button("again", "look again")] if over and self._deed.result is not Truth.CONFIRMED else []
            parts = len(self._deed.steps) > 1 or self._deed.plan.action.stops
            stop = [Button("stop", "stop the rest")] if parts and not over and not self._deed.stopping else []
            return [Button("cancel", "close" if over else "leave it going"), *again, *stop]
        if self._plan is None or not self._fits or self._runner is None:
            retry = [Button("again", "look again")] if self._problem else []
            return [Button("cancel", "Cancel"), *retry]
        if self._refused:
            return [Button("cancel", "Cancel"), Button("again", "look again")]
        text = aim(self._plan, self.size.width - BESIDE) if self._read else "read on first: PgDn"
        go = Button("go", text, self._ripeness) if self._plan.chosen else Button("again", "look again")
        return [Button("cancel", "Cancel"), *([go] if self._plan.chosen or not self._sparing else [])]

    @property
    def _fits(self) -> bool:
        return self.size.width >= LEAST[0] and self.size.height >= LEAST[1]

    @property
    def _asking(self) -> bool:
        """True while there is something to confirm: what is refused asks nothing."""
        return self._deed is None and self._plan is not None and self._fits and not self._refused

    @property
    def _typing(self) -> bool:
        """True while there is something to type."""
        return self._asking and bool(self._asked_for.asked)

    @property
    def _ripeness(self) -> float:
        """Share of the time that has passed until a key may confirm."""
        if self._live_from is None:
            return 0.0
        return max(0.0, min(1.0, 1 - (self._live_from - monotonic()) / SEEN))

    def _age(self, plan: Plan) -> float:
        return (self.room.engine.clock.now() - plan.looked_at).total_seconds()

    @property
    def _sparing(self) -> list[tuple[Subject, ...]]:
        """What can be taken in."""
        return [group for group in spared(self._plan) if not group[0].barred] if self._plan and self._asking else []


def _left_out(plan: Plan) -> str:
    """Why nothing of a plan can be done, when all of it is barred; empty: something can, or could be taken in."""
    if plan.chosen or not all(one.barred for one in plan.subjects):
        return ""
    return "; ".join(dict.fromkeys(str(one.spared) for one in plan.subjects))
