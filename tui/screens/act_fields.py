"""What a person types before an act: a reason, a name letter by letter. Nothing typed is lost without a word."""

from __future__ import annotations

from typing import Final

from textual import events

from widgets.act import field_lines
from widgets.lines import Line

REASON: Final = "reason"
NAME: Final = "typed"
"""Names of the two fields; the second takes what must be typed letter by letter."""
_LONGEST: Final = 120
"""Characters of a reason."""


class Fields:
    """The fields of a dialog, and what stands in them. Which are asked for may change with the plan."""

    def __init__(self) -> None:
        self._typed = {REASON: "", NAME: ""}
        self.asked: tuple[str, ...] = ()
        """Names of the fields that are asked for now, in order."""
        self._wanted = ""

    def ask(self, reason: bool, name: str) -> None:
        """Ask for these: a reason; a name to be typed, if there is one."""
        self._wanted = name
        self.asked = (*((REASON,) if reason else ()), *((NAME,) if name else ()))

    def __getitem__(self, field: str) -> str:
        """What was typed there."""
        return self._typed[field]

    def lacks(self, field: str) -> bool:
        """True while what stands there does not do."""
        return self._typed[field] != self._wanted if field == NAME else not self._typed[field].strip()

    @property
    def lacking(self) -> str:
        """The first field that is not done; empty: all are."""
        return next((field for field in self.asked if self.lacks(field)), "")

    @property
    def half(self) -> bool:
        """True when something was typed, but not all."""
        return bool(self.lacking) and any(self._typed[field] for field in self.asked)

    def plea(self, back: str) -> str:
        """What to do now; `back` is the key that leaves."""
        what = {REASON: "type a reason", NAME: f"type {self._wanted}"}.get(self.lacking, "Tab, then Enter")
        return f"{what} to go on, {back} to leave"

    def write(self, field: str, event: events.Key) -> bool:
        """True when the key was meant for the field."""
        text = self._typed[field]
        if event.key == "backspace":
            self._typed[field] = text[:-1]
        elif event.key == "ctrl+u":
            self._typed[field] = ""
        elif event.character is not None and event.is_printable:
            self._typed[field] = (text + event.character)[:_LONGEST]
        else:
            return False
        return True

    def takes(self, event: events.Key) -> bool:
        """True when a key that is pressed elsewhere begins or goes on with what must be typed."""
        if not self.lacking or event.character is None or not event.is_printable:
            return False
        return event.character.isalnum() or bool(self._typed[self.lacking] and event.character != " ")

    def lines(self, focus: str, width: int) -> list[Line]:
        """All of them."""
        labels = {REASON: ("reason", ""), NAME: (f"type {self._wanted} to go on", self._wanted)}
        return [
            part
            for field in self.asked
            for part in field_lines(labels[field][0], self._typed[field], focus == field, width, labels[field][1])
        ]
