"""The demonstration's faults: start one, see it named, heal it."""

from __future__ import annotations

from typing import Final

from tui.room import FaultSwitch, Room
from tui.screens.sheet import Sheet
from widgets.folding import folded
from widgets.lines import Line, Span, Tone, dim, fit, line, strong

_HOW: Final = "Enter starts a fault, or heals one that is on. Then look for it on the overview, and remedy it yourself."


def faults_sheet(room: Room, stage: FaultSwitch) -> Sheet:
    """Every fault; Enter starts it, or heals it when it is on."""

    def lines(width: int) -> list[Line]:
        active = set(stage.active())
        named = max((len(fault.title) for fault in stage.faults()), default=0)
        made: list[Line] = [
            *folded(line(dim(_HOW)), width, 0),
            line(),
        ]
        for fault in stage.faults():
            on = fault.name in active
            state = Span("on ", Tone.CRITICAL) if on else Span("off", Tone.DIM)
            title = fit(strong(fault.title), named)
            made += folded(line(state, "  ", title, "  ", dim(fault.what), key=fault.name), width, named + 7)
        return made

    def choose(name: str) -> None:
        if name in set(stage.active()):
            stage.heal(name)
            sheet.say(f"healing: {name}")
        else:
            stage.fault(name)
            sheet.say(f"started: {name}; it will be named within seconds")
        sheet.draw()

    sheet = Sheet(room, "Faults of the demonstration", lines, choose)
    return sheet
