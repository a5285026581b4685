"""A deed: one confirmed plan on its way, subject by subject. Changed by the action runner only; screens read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from desk.ids import new_id
from probes.base import Outcome, Plan, Result, Subject, Truth, Verdict


class Stage(Enum):
    """Where one subject is."""

    WAITING = "waiting"
    SENDING = "asking"
    """The intent is on disk; the request is on its way."""
    VERIFYING = "looking"
    """It was answered; whether it is true is being looked at."""
    SETTLED = "settled"
    LEFT = "left out"
    """It was never reached: an earlier one failed, or a person stopped."""


@dataclass
class Step:
    """One subject of a deed."""

    subject: Subject
    act: str = field(default_factory=new_id)
    """Id of this one act; at most one request goes out under it."""
    stage: Stage = Stage.WAITING
    asked: float | None = None
    """When the request left, monotonic seconds; None: it did not."""
    answered: float | None = None
    settled: float | None = None
    outcome: Outcome | None = None
    verdict: Verdict | None = None

    @property
    def sent(self) -> bool:
        """True when the request may have reached the system."""
        return self.asked is not None

    @property
    def truth(self) -> Truth | None:
        """What is known to be true now; None before anybody looked."""
        return self.verdict.truth if self.verdict is not None else None

    @property
    def well(self) -> bool:
        """True when it was asked for, not refused, and is true."""
        return self.truth is Truth.CONFIRMED


@dataclass
class Deed:
    """One confirmed plan."""

    plan: Plan
    reason: str
    began: float
    """Monotonic seconds."""
    id: str = field(default_factory=new_id)
    steps: list[Step] = field(default_factory=list)
    confirmed: datetime | None = None
    """When it was confirmed, aware UTC; None: that was not looked at yet."""
    agreed: Mapping[str, Any] = field(default_factory=dict)
    """What a second person approved, and who that is, for the record; empty: none was needed."""
    refused: str = ""
    """Why none of it was done; empty: it went on."""
    over: bool = False
    stopping: bool = False
    """A person asked to leave the rest."""
    unrecorded: str = ""
    """Why a later record could not be kept, although the intent was; empty: all is kept."""
    unlocked: str = ""
    """Whom its lock did not keep from acting at the same time, in words; empty: everybody it should."""
    bell: Callable[[], None] = field(default=lambda: None, repr=False)

    def __post_init__(self) -> None:
        self.steps = self.steps or [Step(subject) for subject in self.plan.chosen]

    def stop(self) -> None:
        """Leave what was not begun yet."""
        self.stopping = True

    @property
    def result(self) -> Result | Truth | None:
        """What became of it as a whole; None while it goes on."""
        if self.refused:
            return Result.REFUSED
        if not self.over:
            return None
        if all(step.well for step in self.steps):
            return Truth.CONFIRMED
        results = {step.outcome.result for step in self.steps if step.outcome is not None}
        if len(self.steps) == 1 and results & {Result.REFUSED, Result.FAILED}:
            return next(iter(results))
        if any(step.truth is Truth.UNKNOWN or _unknown(step) for step in self.steps):
            return Truth.UNKNOWN
        return Result.PARTIAL if any(step.well for step in self.steps) else Truth.REFUTED


def _unknown(step: Step) -> bool:
    return step.truth in (None, Truth.PENDING) and step.outcome is not None and step.outcome.result is Result.UNKNOWN
