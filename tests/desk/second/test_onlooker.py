"""A session that only looks: it hears what others ask, and answers nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from desk.second.onlooker import Onlooker
from tests.desk.seconds import BOB, Beside, proposal


async def test_what_is_asked_on_two_ways_in_the_same_second_stands_once_and_the_oldest_first() -> None:
    machine, store = Beside(), Beside()
    onlooker = Onlooker([machine, store])
    onlooker.begin()
    first = proposal()
    second = replace(proposal(), asked=first.asked)
    by_the_store = replace(first, by=BOB, expires=first.expires + timedelta(seconds=2))
    machine.waiting, store.waiting = [second, first], [by_the_store]
    oldest = sorted((first.id, second.id))
    assert [one.id for one in onlooker.pending()] == oldest
    machine.waiting = []
    assert onlooker.pending() == [by_the_store]
    store.waiting = []
    assert onlooker.pending() == []
    await onlooker.close()
