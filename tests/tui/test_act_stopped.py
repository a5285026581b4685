"""An act that takes many requests is stopped from its screen: what is done by then stays, the rest is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from probes.base import Outcome, Plan, Subject
from tests import toyhands
from tests.toyhands import Toybox
from tests.tui.test_acting import acting, confirm


@pytest.mark.parametrize("stops", [True, False])
async def test_only_what_can_be_stopped_offers_it_and_it_reaches_what_acts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    box = Toybox(patience=10**6, settles=60)
    told: list[str] = []

    def leave_off(_: object, plan: Plan, subject: Subject, outcome: Outcome) -> None:
        told.append(subject.key)
        box.patience = 0

    action = replace(toyhands.RESTART, stops=stops)
    others = tuple(one for one in toyhands.ToyActuator.actions if one.name != action.name)
    monkeypatch.setattr(toyhands.ToyActuator, "actions", (action, *others))
    monkeypatch.setattr(toyhands.ToyActuator, "leave_off", leave_off)
    async with acting(tmp_path, box) as (person, _):
        await person.press("R")
        await person.sees("▸[ Cancel ]")
        await confirm(person)
        await person.sees("leave it going")
        if not stops:
            assert "stop the rest" not in person.screen()
            await person.press("escape")
            return
        await person.sees("stop the rest")
        await person.press("tab")
        await person.press("enter")
        await person.sees("CONFIRMED", "▸[ close ]")
        assert set(told) == {"kite"}
