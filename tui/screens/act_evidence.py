"""The part of an act's dialog that keeps evidence: it is gathered before an act takes it away, and in security mode
such an act is refused until a person says why."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from desk.guard import digest_of
from desk.incident.evidence import TYPED, loss, secured
from desk.incident.incident import Incident
from desk.incident.incidents import IncidentError
from tui.screens.act_fields import NAME, REASON, Fields
from tui.screens.act_second import Seconded
from widgets.act import Button

RECENT: Final = timedelta(minutes=15)
"""How long evidence that was gathered counts as gathered for another act."""


class Guarded(Seconded):
    """Refuses what security mode bars. It is let through for this one plan, for a short while, and written down."""

    _own: Fields | None = None
    """What the act itself asks for, while the override is asked for in its place."""

    @property
    def _overridable(self) -> bool:
        """True when nothing but evidence stands in the way."""
        plan, runner = self._plan, self._runner
        if self._deed is not None or plan is None or runner is None or self.room.incidents is None or not self._fits:
            return False
        barred = runner.barred(plan)
        return bool(barred) and self._refused == barred

    @property
    def _overriding(self) -> bool:
        return self._own is not None and self._overridable

    @property
    def _asking(self) -> bool:
        return self._overriding or super()._asking

    @property
    def _ungathered(self) -> Incident | None:
        """The incident whose evidence this act takes away before it was gathered; None: there is none."""
        plan, desk = self._plan, self.room.incidents
        if self._deed is not None or plan is None or desk is None or not self._fits or self._overriding:
            return None
        one = desk.foremost
        if one is None or desk.evidence.going or not loss(plan) or self.room.undecided_because:
            return None
        gathered = desk.evidence.since(one.id)
        return one if gathered is None or desk.now - gathered > RECENT else None

    def _gather(self) -> None:
        """Gather the evidence now; the act waits for nothing, and nothing is confirmed by it."""
        one, desk = self._ungathered, self.room.incidents
        if one is not None and desk is not None:
            evidence = desk.evidence
            evidence.begin(one, desk.entries(one.id), evidence.folder_of(one, desk.now), self.room.note)
            self.say("evidence is being gathered: its end is said here", 8.0)
        self._focus = "cancel"
        self.settle_in()

    def _ask_override(self) -> None:
        """Ask why, and for the word."""
        if self._own is None:
            self._own, self._asked_for = self._asked_for, Fields()
        self._asked_for.ask(True, TYPED)
        self._focus = REASON
        self.settle_in()

    def _override(self) -> None:
        """Let this one plan through. What the act itself takes is asked for as ever."""
        plan, runner, desk = self._plan, self._runner, self.room.incidents
        if plan is None or runner is None or desk is None:
            return
        digest = digest_of(plan, runner.setting(self._target))
        try:
            for one in secured(desk.incidents.all()):
                desk.incidents.override(one.id, digest, self._asked_for[REASON], self._asked_for[NAME])
        except IncidentError as error:
            self.say(str(error))
            return
        self._end_override()
        self.say("let through, and written down; now confirm the act itself", 8.0)

    def _end_override(self) -> None:
        if self._own is not None:
            self._asked_for, self._own = self._own, None
        self._focus = "cancel"
        self.settle_in()

    def _show_fields(self) -> None:
        if self._own is not None and not self._overridable:  # somebody else has lifted it, or the plan is another one
            self._asked_for, self._own = self._own, None
        if self._overriding:
            self._show_in(self._fields, self._asked_for.lines(self._focus, self.size.width))
        else:
            super()._show_fields()

    def _buttons(self) -> list[Button]:
        gather = [Button("gather", "gather evidence first")] if self._ungathered is not None else []
        if not self._overridable:
            return [*super()._buttons(), *gather]
        if self._overriding:
            return [Button("cancel", "Cancel"), Button("override", "let it through", self._ripeness)]
        return [
            Button("cancel", "Cancel"),
            Button("again", "look again"),
            Button("evidence", "override, with a reason"),
            *gather,
        ]
