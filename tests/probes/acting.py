"""Drives an actuator as the room's action runner does, without the room: look, do it once, look until it is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from desk.commandline import recognised
from probes.base import Actuator, Outcome, Plan, ProbeError, Request, Result, SafeText, Subject, Truth, Verdict

ACT = "019a0000-0000-7000-8000-000000000001"
"""The id of every act in these tests."""


@dataclass
class Performed:
    """What came of a request, subject by subject in the plan's order."""

    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    """Keys of the subjects whose request was about to leave."""


async def carried_out(actuator: Actuator[Any], plan: Plan, subject: Subject, sent: list[str]) -> Outcome:
    """The outcome for one subject, as the runner takes it: an exception is FAILED before sending, UNKNOWN after."""

    async def sending() -> None:
        assert subject.key not in sent, "sending was announced twice"
        sent.append(subject.key)

    try:
        async with asyncio.timeout(plan.answers):
            return await actuator.carry_out(plan, subject, ACT, sending)
    except ProbeError as error:
        return Outcome(Result.UNKNOWN if subject.key in sent else Result.FAILED, error.message)
    except TimeoutError:
        actuator.abort()
        return Outcome(Result.UNKNOWN if subject.key in sent else Result.FAILED, SafeText("no answer in time"))


async def settled(actuator: Actuator[Any], plan: Plan, subject: Subject, outcome: Outcome) -> Verdict:
    """The verdict once it is no longer PENDING, or the last one when time is up."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        after = loop.time() - began
        verdict = await actuator.verify(plan, subject, outcome, after)
        if verdict.truth is not Truth.PENDING or after > plan.settles:
            return verdict
        await asyncio.sleep(0.1)


async def perform(
    actuator: Actuator[Any], request: Request, between: Callable[[Plan], object] = lambda plan: None
) -> Performed:
    """Plan and carry out a request; `between` is called when the plan is made and nothing is done yet."""
    plan = await actuator.plan(request)
    between(plan)
    done = Performed(plan)
    for subject in plan.chosen:
        outcome = await carried_out(actuator, plan, subject, done.sent)
        done.outcomes.append(outcome)
        if outcome.result in (Result.DONE, Result.UNKNOWN, Result.PARTIAL):
            done.verdicts.append(await settled(actuator, plan, subject, outcome))
    return done


def comes_back(actuator: Actuator[Any], request: Request) -> bool:
    """True when the request's own command line means the same request."""
    found = recognised(actuator.render(request), actuator)
    return found is not None and found.request == request
