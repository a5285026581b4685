"""What a person types before an act: it goes where it belongs, and nothing typed is lost without a word."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events

from probes.base import Plan, Request
from tests.toyhands import ToyActuator, Toybox
from tests.toys import Thing, ToyFacts
from tests.tui.test_acting import acting, confirm, seen


async def test_a_name_typed_while_cancel_has_the_focus_goes_into_its_field(tmp_path: Path) -> None:
    async with acting(tmp_path, protected=True) as (person, box):
        await person.press("R")
        await person.sees("▸[ Cancel ]", "type it to go on")
        await seen(person)
        await person.press("i")
        await person.sees("▸type it to go on: i_")
        await person.press("t")
        await person.sees("to go on: it_  ok")
        await confirm(person)
        await person.sees("CONFIRMED")
        assert len(box.requests) == 1


async def test_letters_that_are_keys_elsewhere_are_letters_where_a_name_must_be_typed(tmp_path: Path) -> None:
    async with acting(tmp_path, protected=True) as (person, _):
        await person.press("R")
        await person.sees("type it to go on", "Esc leave")
        await seen(person)
        assert "q back" not in person.screen()
        assert "f freeze" not in person.screen()
        await person.press("q", "f", "E")
        await person.sees("to go on: qfE_")


async def test_enter_with_half_a_name_keeps_the_plan_and_says_what_to_do(tmp_path: Path) -> None:
    async with acting(tmp_path, protected=True) as (person, box):
        await person.press("R")
        await person.sees("type it to go on")
        await seen(person)
        await person.press("i", "enter")
        await person.sees("type it to go on, Esc to leave", "to go on: i_", "restart kite")
        await person.press("shift+tab")
        await person.sees("▸[ Cancel ]")
        await person.press("enter")
        await person.sees("type it to go on, Esc to leave", "to go on: i", "restart kite")
        await person.press("escape")
        await person.sees("TOYS")
        assert box.requests == []


async def test_cancel_is_still_what_enter_does_when_nothing_was_typed(tmp_path: Path) -> None:
    async with acting(tmp_path, protected=True) as (person, box):
        await person.press("R")
        await person.sees("type it to go on")
        await seen(person)
        await person.press("enter")
        await person.sees("TOYS")
        assert box.requests == []


async def test_letters_typed_before_the_picture_stood_are_not_taken_and_that_is_said(tmp_path: Path) -> None:
    async with acting(tmp_path, protected=True) as (person, box):
        await person.press("R")
        await person.sees("▸[ Cancel ]")
        early = events.Key("i", "i")
        early.time -= 60
        person.app.screen.post_message(early)
        await person.sees("not taken, this has only just come up: type it to go on, Esc to leave")
        assert "to go on: i_" not in person.screen()
        await seen(person)
        await person.press("enter")
        await person.sees("restart kite", "type it to go on, Esc to leave")
        await person.press("enter")
        await person.sees("TOYS")
        assert box.requests == []


async def test_letters_typed_while_it_is_still_looked_at_are_not_taken_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = asyncio.Event()
    plan = ToyActuator.plan

    async def slow(self: ToyActuator, request: Request) -> Plan:
        await may.wait()
        return await plan(self, request)

    monkeypatch.setattr(ToyActuator, "plan", slow)
    async with acting(tmp_path, protected=True) as (person, _):
        await person.press("R")
        await person.sees("restart kite", "looking at it …")
        await person.press("i", "t")
        may.set()
        await person.sees("what was typed before this stood here is not taken: type it to go on", "▸[ Cancel ]")
        assert "to go on: it" not in person.screen()


async def test_of_what_leaves_nothing_to_do_nothing_is_asked(tmp_path: Path) -> None:
    box = Toybox(spared=frozenset({"kite"}))
    async with acting(tmp_path, box, protected=True) as (person, _):
        await person.press("R")
        await person.sees("? nothing would be done: all is left out", "Space takes it in")
        assert "type it" not in person.screen()
        assert "takes the name" not in person.screen()
        await person.press("tab", "space")
        await person.sees("taken in", "type it to go on")
        assert "nothing would be done" not in person.screen()


async def test_what_can_not_be_taken_in_at_all_is_refused_first(tmp_path: Path) -> None:
    box = Toybox(made={"ball": 1, "kite": 1, "bear": 1}, spared=frozenset({"bear"}))
    async with acting(tmp_path, box, protected=True) as (person, _):
        person.toy("it").answers = ToyFacts((Thing("bear", 2048),))
        await person.sees("bear is 2 KiB")
        await person.press("R")
        await person.sees("✕ it can't be done: somebody plays with it", "[ look again ]")
        assert "type it" not in person.screen()
        assert "Space" not in person.screen()
