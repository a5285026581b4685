"""The part of an act's dialog in which a second person is asked, waited for, and heard."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from desk import words
from desk.audit import Unrecorded
from desk.guard import agreed_of
from desk.second import Matter, State, Unfit, Unreachable
from desk.second.agreements import Agreements, Draft
from probes.base import Danger, Plan
from tui.screens.act_fields import REASON
from tui.screens.act_picture import Picture
from widgets.act import Button, aim
from widgets.folding import folded
from widgets.lines import Line, Span, Tone, dim, line, strong
from widgets.second import ended, short

_DANGERS = {
    Danger.READ: "changes nothing",
    Danger.REVERSIBLE: "can be taken back",
    Danger.DISRUPTIVE: "DISRUPTIVE",
    Danger.DESTRUCTIVE: "DESTRUCTIVE",
}
_NO_UNDO = {
    Danger.READ: "there is nothing to take back",
    Danger.REVERSIBLE: "how to take it back is not said",
}


class Seconded(Picture):
    """Asks a second person for what needs one. While they are waited for the dialog stays; leaving it withdraws."""

    _asked: str = ""
    """Id of what was asked; empty: nothing was, or it is done with."""
    _asking_them: asyncio.Task[None] | None = None
    _heard: State = State.PENDING
    """The last state that was acted on."""

    @property
    def _second(self) -> Agreements | None:
        return self.room.hands.second if self.room.hands is not None else None

    @property
    def _matter(self) -> Matter | None:
        """What was asked of a second person, and where it stands; None: nothing was."""
        if self._second is None or not self._asked:
            return None
        with suppress(Unfit):
            return self._second.matter(self._asked)
        return None

    @property
    def _waiting(self) -> bool:
        """True while a second person is being asked or waited for."""
        matter = self._matter
        return self._asking_them is not None or (matter is not None and matter.state is State.PENDING)

    def _ask_second(self, plan: Plan) -> None:
        """Ask a second person about what this one has confirmed."""
        if self._asking_them is None:
            self._focus = "cancel"
            self._asking_them = asyncio.create_task(self._propose(plan))
            self.settle_in()

    async def _propose(self, plan: Plan) -> None:
        second, runner, need = self._second, self._runner, self._needs
        try:
            if second is None or runner is None or need is None:
                self.say("the session is disarmed by now: nobody was asked")
                return
            reason = self._asked_for[REASON] or (self.room.hands.reason if self.room.hands is not None else "")
            digest = agreed_of(plan, runner.setting(self._target))
            matter = await second.propose(draft_of(plan, digest, reason.strip(), need.typed))
            self._asked, self._heard = matter.proposal.id, State.PENDING
            if not self.is_attached:  # who has left meanwhile wants nobody to be asked
                self._withdraw()
        except (Unreachable, Unrecorded) as error:
            self.say(f"nobody was asked: {error}", 8.0)
        finally:
            self._asking_them = None
            if self.is_attached:
                self.settle_in()

    def _withdraw(self) -> None:
        """Nobody is asked any more."""
        second, asked = self._second, self._asked
        if second is not None and asked:
            self.room.later(_withdrawn(second, asked))

    def clear(self) -> bool:
        """Esc: take back what is asked of a second person, and stay to see that."""
        if not self._waiting or self._asking_them is not None:
            return self._waiting
        self._withdraw()
        return True

    def _tick(self) -> None:
        self._listen()
        super()._tick()

    def _listen(self) -> None:
        """See what became of what was asked; each state is acted on once."""
        matter = self._matter
        if matter is None or matter.state is self._heard:
            return
        self._heard = matter.state
        if matter.state is State.APPROVED:
            self._approved(matter)
        else:
            if self._focus not in {button.name for button in self._buttons()}:
                self._focus = "cancel"
            self.settle_in()

    def _approved(self, matter: Matter) -> None:
        """A second person has agreed; what follows is the dialog's."""
        raise NotImplementedError

    # what is seen

    @property
    def _alone(self) -> str:
        if self._second is None:
            return "a second person must agree, and this session has no way to ask one"
        return "" if self._matter is not None or self._asking_them is not None else self._second.alone

    @property
    def _asking(self) -> bool:
        return super()._asking and self._matter is None and self._asking_them is None

    def _buttons(self) -> list[Button]:
        matter = self._matter
        if self._deed is not None or (matter is None and self._asking_them is None):
            return super()._buttons()
        if self._waiting:
            return [Button("cancel", "withdraw the request", self._ripeness)]
        if matter is not None and matter.state in (State.APPROVED, State.USED):
            return [Button("cancel", "Cancel", self._ripeness)]
        return [Button("cancel", "close"), Button("again", "look again, to ask anew")]

    def _under(self, width: int) -> list[Line]:
        """While a second person is asked, where that stands."""
        asked = self._deed is None and (self._matter is not None or self._asking_them is not None)
        return self._standing(width) if asked else super()._under(width)

    def _standing(self, width: int) -> list[Line]:
        """Whom it waits for and how long, or what came of it."""
        matter, second = self._matter, self._second
        if matter is None or second is None:
            return [line(" ", Span("asking for a second person …", Tone.NOTICE))]
        if matter.state is not State.PENDING:
            return ended(matter, width)
        left = matter.deadline - self.room.engine.clock.monotonic()
        head = line(" ", Span("waits for a second person: ", Tone.NOTICE), strong(words.span(max(0.0, left))), " left")
        proposal = matter.proposal
        nobody = "nobody among the approvers but you" if proposal.approvers else "anybody but you"
        who = ", ".join(sorted(proposal.approvers - {proposal.by.name})) or nobody
        how = f"{who}, on {second.reached or 'no way now'}: in their room, or opsroom approve {short(proposal)}"
        return [head, *folded(line(" ", dim(how)), width, 1)]


def draft_of(plan: Plan, digest: str, reason: str, typed: str) -> Draft:
    """A plan as a second person is asked about it: all that is on the first one's screen."""
    changes = []
    for one in plan.chosen:
        told = ", ".join(f"{name} {value}" for name, value in one.identity)
        taken = "  TAKEN IN" if one.taken_in else ""
        changes.append(f"{one.name}: {one.before} → {one.after}{taken}" + (f"  ({told})" if told else ""))
    felt = [f"{one.name}: {text}" for one in plan.chosen for text in one.felt]
    return Draft(
        digest=digest,
        what=aim(plan),
        where=f"{plan.target} ({plan.kind}), {plan.place}",
        danger=_DANGERS[max(plan.danger, plan.action.danger)],
        changes=tuple(changes),
        reason=reason,
        typed=typed,
        felt=(*map(str, plan.felt), *felt, *map(str, plan.notes)),
        command=plan.command,
        undo=str(plan.undo) or _NO_UNDO.get(max(plan.danger, plan.action.danger), "it can't be taken back"),
    )


async def _withdrawn(second: Agreements, asked: str) -> None:
    with suppress(Unfit):
        await second.withdraw(asked)
