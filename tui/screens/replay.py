"""What was done around a moment of a recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from desk.tape.tape import Mark
from probes.base import SafeText
from tui.room import Room
from tui.screens.sheet import Sheet
from widgets.folding import folded
from widgets.lines import Line, dim, line, strong


def acts_sheet(room: Room, marks: Sequence[Mark], go: Callable[[datetime], None]) -> Sheet:
    """The acts of a day before and after; Enter goes to the moment."""

    def lines(width: int) -> list[Line]:
        if not marks:
            return [line(dim("nothing was done in the day before and after this moment"))]
        made: list[Line] = []
        for number, mark in enumerate(marks):
            body = mark.body
            said = " ".join(
                str(SafeText(str(body[name]), 300)) for name in ("truth", "words", "reason", "note") if body.get(name)
            )
            what = str(body.get("what", "")).removeprefix("act.").replace("intent", "begun")
            lead = (dim(f"{mark.at:%m-%d %H:%M:%S} UTC  "), strong(SafeText(str(body.get("title", "")), 100)))
            more = (
                f"  {SafeText(mark.target)}  {SafeText(what, 20)} by {SafeText(str(body.get('who', '')), 60)}  {said}"
            )
            made += folded(line(*lead, dim(more), key=str(number)), width, 20)
        return made

    def choose(key: str) -> None:
        sheet.leave()
        go(marks[int(key)].at)

    sheet = Sheet(room, "What was done, a day before and after", lines, choose)
    return sheet
