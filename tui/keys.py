"""The one table of keys. Footer, palette, help, documentation and the bindings themselves are read from it.

Keys are those people know from less, vim, htop and k9s. Enter opens and never harms; capitals are kept for acts.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a person can do, and the keys for it."""

    id: str
    """Stable name, for remapping: "table.sort"; its last part is the name of the action."""
    keys: str
    """Textual's names of the keys, separated by commas; the first is the one shown."""
    what: str
    """Two or three words."""
    where: str
    """everywhere, overview, detail, log, sheet or demo."""
    hint: int = 0
    """Rank in the footer; 0 is not shown there."""
    more: str = ""
    """A sentence for the help."""

    @property
    def action(self) -> str:
        """The screen's or app's method: `action_<this>`."""
        return self.id.rpartition(".")[2]


KEYS: Final = (
    Key("room.help", "question_mark", "help", "everywhere", 11, "Keys of this screen and what its numbers mean."),
    Key("room.palette", "colon,ctrl+p", "commands", "everywhere", 28, "Everything by name; type to narrow it down."),
    Key("room.leave", "q", "quit", "everywhere", 22, "Back to where you came from; from the overview, out."),
    Key("room.step_back", "escape", "back", "everywhere", 0, "One level back; always safe."),
    Key("room.interrupt", "ctrl+c", "quit at once", "everywhere"),
    Key("room.read_now", "r", "read now", "everywhere", 0, "Reads at once instead of at the next beat."),
    Key("room.freeze", "f", "freeze", "everywhere", 50, "Holds the picture still; reading and alerts go on."),
    Key("room.slower", "minus", "slower", "everywhere", 0, "Doubles every interval."),
    Key(
        "room.faster",
        "plus,equals_sign",
        "faster",
        "everywhere",
        0,
        "Halves every interval, down to the configured one.",
    ),
    Key("room.copy", "y", "copy", "everywhere", 0, "Copies the line under the cursor through the terminal (OSC 52)."),
    Key("room.theme", "T", "next theme", "everywhere"),
    Key("room.suspend_process", "ctrl+z", "suspend", "everywhere", 0, "Stops Opsroom; the shell's fg brings it back."),
    Key("room.redraw", "ctrl+l", "redraw", "everywhere", 0, "Paints the whole screen anew if something wrote over it."),
    Key("over.open", "enter", "open", "overview", 20, "Opens the target under the cursor."),
    Key("over.panel", "1,2,3,4,5,6,7,8,9", "panel", "overview", 10, "Opens the block with that number."),
    Key("over.attend", "o", "open alert", "overview", 15, "Opens what the attention line speaks of."),
    Key("over.down", "j,down", "down", "overview"),
    Key("over.up", "k,up", "up", "overview"),
    Key("over.first", "g,home", "first", "overview"),
    Key("over.last", "G,end", "last", "overview"),
    Key("over.column", "tab,left,right", "other column", "overview"),
    Key("over.zoom", "z", "zoom", "overview", 40, "Gives the whole screen to the block under the cursor, and back."),
    Key("over.filter", "slash", "filter", "overview", 30, "Shows only lines that hold a text; Esc shows all."),
    Key("over.logs", "l", "log", "overview", 35, "Follows the log of the service under the cursor."),
    Key("over.alerts", "A", "alerts", "overview", 0, "Every alert with its age and its number."),
    Key("table.describe", "enter,d", "details", "detail", 20, "Everything known about the row under the cursor."),
    Key("table.next_table", "tab", "next table", "detail", 15),
    Key("table.previous_table", "shift+tab", "table before", "detail"),
    Key("table.next_target", "right_square_bracket", "next target", "detail"),
    Key("table.previous_target", "left_square_bracket", "target before", "detail"),
    Key("table.down", "j,down", "down", "detail"),
    Key("table.up", "k,up", "up", "detail"),
    Key("table.page_down", "pagedown,ctrl+f", "page down", "detail"),
    Key("table.page_up", "pageup", "page up", "detail"),
    Key("table.first", "g,home", "first row", "detail"),
    Key("table.last", "G,end", "last row", "detail"),
    Key("table.sort", "s", "sort", "detail", 35, "Orders by the next column."),
    Key("table.invert", "i", "turn order", "detail", 0, "Turns the order around."),
    Key("table.filter", "slash", "filter", "detail", 30, "Shows only rows that hold a text; Esc shows all."),
    Key("table.mark", "space", "mark", "detail", 45, "Marks the row; marks stay with their rows."),
    Key("table.logs", "l", "log", "detail", 40, "Follows the log of the row under the cursor."),
    Key("table.looks", "v", "look closer", "detail", 0, "The closer looks this target offers."),
    Key("table.zoom", "z", "zoom", "detail", 0, "Gives the whole screen to the table, and back."),
    Key("log.down", "j,down", "down", "log"),
    Key("log.up", "k,up", "up", "log"),
    Key("log.page_down", "pagedown,space,ctrl+f", "page down", "log"),
    Key("log.page_up", "pageup", "page up", "log"),
    Key("log.first", "g,home", "oldest", "log"),
    Key("log.last", "G,end", "newest", "log", 20, "Goes to the newest line and follows again."),
    Key("log.filter", "slash", "search", "log", 30, "Finds a text; n and N go to the next and the one before."),
    Key("log.next_match", "n", "next match", "log", 32),
    Key("log.previous_match", "N", "match before", "log"),
    Key("sheet.down", "j,down", "down", "sheet"),
    Key("sheet.up", "k,up", "up", "sheet"),
    Key("sheet.page_down", "pagedown,space,ctrl+f", "page down", "sheet"),
    Key("sheet.page_up", "pageup", "page up", "sheet"),
    Key("sheet.first", "g,home", "first line", "sheet"),
    Key("sheet.last", "G,end", "last line", "sheet"),
    Key("sheet.choose", "enter", "choose", "sheet"),
    Key("demo.faults", "F", "demo faults", "demo", 12, "Starts or heals a fault of the demonstration."),
)

FORBIDDEN: Final = frozenset({"ctrl+a", "ctrl+b", "ctrl+d", "ctrl+k", "ctrl+m", "ctrl+q", "ctrl+s", "ctrl+z"})
"""Keys of tmux, screen, flow control and the shell; a remapping to one of them is refused."""

_SHOWN: Final[Mapping[str, str]] = {
    "question_mark": "?", "colon": ":", "slash": "/", "minus": "-", "plus": "+", "equals_sign": "=", "enter": "Enter",
    "escape": "Esc", "space": "Space", "tab": "Tab", "shift+tab": "Shift+Tab", "right_square_bracket": "]",
    "left_square_bracket": "[", "pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End", "up": "↑",
    "down": "↓", "left": "←", "right": "→",
}  # fmt: skip


_MODIFIERS: Final = ("ctrl", "alt", "shift")


class KeyClash(ValueError):
    """Two things on one key, an unknown name, or a key that must stay free."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        """`faults` are (id of the key, what is wrong with it)."""
        self.faults = sorted(set(faults))
        super().__init__("; ".join(dict.fromkeys(said for _, said in self.faults)))


def shown(keys: str) -> str:
    """The first key as a person calls it.

    >>> shown("question_mark"), shown("1,2,3"), shown("ctrl+p")
    ('?', '1-3', 'Ctrl+P')
    """
    names = keys.split(",")
    if len(names) > 2 and all(name.isdigit() for name in names):
        return f"{names[0]}-{names[-1]}"
    first = names[0]
    return _SHOWN.get(first, first if len(first) == 1 else "+".join(part.capitalize() for part in first.split("+")))


class Keymap:
    """The table with a person's changes."""

    def __init__(self, changes: Mapping[str, str] | None = None, keys: Iterable[Key] = KEYS) -> None:
        """`changes` maps ids to keys. Raises `KeyClash` with every clash named."""
        self._keys = {key.id: key for key in keys}
        self._changes = changes or {}
        faults = [fault for name, pressed in self._changes.items() for fault in self._change(name, pressed)]
        faults += self._clashes()
        if faults:
            raise KeyClash(faults)

    def _change(self, name: str, pressed: str) -> list[tuple[str, str]]:
        """Put a thing on other keys; what is wrong with that."""
        if name not in self._keys:
            return [(name, f"there is no {name}{_guess(name, self._keys)}")]
        known = self._keys[name]
        try:
            spelled = ",".join(dict.fromkeys(_spelled(one) for one in pressed.split(",") if one.strip()))
        except LookupError as error:
            return [(name, f"{name}: {error.args[0]}")]
        self._keys[name] = replace(known, keys=spelled or known.keys)
        return []

    def of(self, where: str) -> list[Key]:
        """The keys of one place, without those of everywhere."""
        return [key for key in self._keys.values() if key.where == where]

    def live(self, where: str, demo: bool = False) -> list[Key]:
        """Every key that does something in a place: its own, those of everywhere, those of a demonstration."""
        return [*self.of(where), *self.of("everywhere"), *(self.of("demo") if demo else ())]

    def bindings(self, where: str) -> list[Binding]:
        """What a screen or the app binds."""
        return [
            Binding(one, f"panel('{number}')" if key.action == "panel" else key.action, key.what, show=False)
            for key in self.of(where)
            for number, one in enumerate(key.keys.split(","), 1)
        ]

    def hints(self, where: str, demo: bool = False) -> list[tuple[str, str]]:
        """(key, words) for the footer, the most useful first."""
        keys = sorted((key for key in self.live(where, demo) if key.hint), key=lambda key: key.hint)
        back = where not in ("overview", "everywhere")
        return [(shown(key.keys), "back" if back and key.action == "leave" else key.what) for key in keys]

    def _clashes(self) -> list[tuple[str, str]]:
        """What can't be told apart where it is pressed; the demonstration's keys are live on every screen."""
        faults = []
        for where in {key.where for key in self._keys.values()} - {"everywhere", "demo"} or {"everywhere"}:
            taken: dict[str, str] = {}
            for key in (*self.of("everywhere"), *self.of("demo"), *self.of(where)):
                for one in key.keys.split(","):
                    if one in FORBIDDEN and key.id in self._changes:
                        faults.append((key.id, f"{key.id}: {one} belongs to the terminal"))
                    elif one in taken and taken[one] != key.id:
                        blamed = key.id if key.id in self._changes else taken[one]
                        faults.append((blamed, f"{one} is bound to both {taken[one]} and {key.id}"))
                    taken[one] = key.id
        return faults


def _spelled(key: str) -> str:
    """Textual's name of a key a person wrote: "?" is question_mark, "Ctrl+P" is ctrl+p, "Space" is space.

    LookupError for a key that nobody has.
    """
    wanted = key.strip()
    if len(wanted) == 1:
        return _of_character(wanted)
    faces = {face.lower(): known for known, face in _SHOWN.items()}
    *modifiers, last = faces.get(wanted.lower(), wanted.lower()).split("+")
    plain = _of_character(last) if len(last) == 1 else faces.get(last, last)
    if plain not in _NAMED or any(one not in _MODIFIERS for one in modifiers):
        raise LookupError(f"there is no key {wanted}; write it as o, O, ?, space, f5 or ctrl+o")
    return plain.upper() if modifiers == ["shift"] and len(plain) == 1 else "+".join([*modifiers, plain])


def _of_character(character: str) -> str:
    """How Textual names the key of one character: letters and digits as they are, others by their Unicode name."""
    if character.isalnum():
        return character
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


_NAMED: Final = frozenset(
    [key.value for key in Keys if len(key.value) > 1 and not key.value.startswith("<")]
    + [_of_character(chr(code)) for code in range(33, 127)]
)
"""Textual's names of the keys a person can press."""


def _guess(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""
