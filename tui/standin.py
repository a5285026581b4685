"""What a line of another world may mean here: the same thing by the same name, on a target that the profile does have.

A runbook restarts the worker with Compose, and here supervisord keeps it. Such a stand-in is offered by name, with its
target, and never taken without being picked.
"""

from __future__ import annotations

import re
from typing import Final

from desk.runbook.book import Command
from probes.base import Recognised, Request, Verb
from tui.acting import chances
from tui.concerned import named, subjects_of
from tui.room import Room

_ACTIONS: Final = {Verb.RESTART: "restart", Verb.START: "start", Verb.STOP: "stop", Verb.SCALE: "scale"}
_NUMBER: Final = re.compile(r"(?:--scale[ =]\S+?=|--replicas[ =]|--desired-count[ =]|\bscale\s+\S+=)(\d{1,4})\b")


def acts(room: Room, command: Command, text: str) -> list[tuple[str, Recognised]]:
    """(target, what the line could be there) for each target that has all of its names and can do the like."""
    action, names = _ACTIONS.get(command.verb), named(command)
    slots = list(room.board.slots())
    if action is None or not names or command.place or any(slot.target.kind == command.kind for slot in slots):
        return []  # one of its own kind is there and has declined it, or it runs elsewhere
    counts = _NUMBER.findall(text) if command.verb is Verb.SCALE else []
    if command.verb is Verb.SCALE and (len(counts) != 1 or len(names) > 1 or not int(counts[0])):
        return []
    found = []
    for slot in slots:
        subjects = subjects_of(room, slot.target.name, names)
        offered = chances(room, slot.target.name, subjects) if subjects else []
        if subjects and any(one.action.name == action and one.target == slot.target.name for one in offered):
            request = Request(action, subjects, int(counts[0]) if counts else None)
            words = (
                f"the line speaks of {command.system}, which is not in this profile: here {slot.target.kind} does it"
            )
            found.append((slot.target.name, Recognised(request, words)))
    return found
