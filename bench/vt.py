"""The terminal that a measured program talks to: what a person would see, and the answers to what a program asks.

Only complete, presented frames count: output inside a synchronized update (mode 2026) shows when the update ends.
It must never guess: a frame counts as changed only when a visible cell did.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any, Final

import pyte

PAINTED_CHARACTERS: Final = 20
"""Visible characters that make a first paint."""

MUST_RESET: Final = frozenset({"47", "1047", "1049", "1000", "1002", "1003", "1004", "1006", "2004", "2026"})
"""Private modes a program must switch off before it leaves."""

_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]P_^X][^\x07\x1b]*\x1b?|[ -/]*)?\Z", re.DOTALL)
_UNKNOWN_TO_PYTE = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    r"|\x1b[P_^X][^\x1b]*\x1b\\"  # DCS, APC, PM, SOS
    r"|\x1b\[[<=>][0-?]*[ -/]*[@-~]"  # private CSI: kitty keys, DA2
    r"|\x1b\[[0-?]*[ -/]+[@-~]"  # CSI with intermediates: DECSCUSR, DECRQM
    r"|\x1b\[\?[0-9;]*[^0-9;hl]"  # private CSI other than set and reset
    r"|\x1b[=>]"  # keypad modes
)
_MODE = re.compile(r"\x1b\[\?([0-9;]+)([hl])")
_COLON_COLOURS = re.compile(r"\x1b\[([0-9;]*:[0-9;:]*)m")
_SYNC = re.compile(r"(\x1b\[\?2026[hl])")
_ALTERNATE = frozenset({"47", "1047", "1049"})
_PASSED_ON = frozenset({"6", "7", "25"})


def _one_colour(part: str) -> str | None:
    """One SGR parameter with sub-parameters, as pyte understands it; None where it has no use for it."""
    subs = part.split(":")
    if len(subs) == 1:
        return part
    if subs[0] in ("38", "48"):
        return ";".join([subs[0], "2", *subs[-3:]] if subs[1] == "2" else [subs[0], "5", subs[-1]])
    if subs[0] == "4":
        return "24" if subs[1] == "0" else "4"
    return None


def _plain_colours(match: re.Match[str]) -> str:
    parts = [made for part in match[1].split(";") if (made := _one_colour(part)) is not None]
    return f"\x1b[{';'.join(parts)}m" if parts else ""


class _Screen(pyte.Screen):
    """pyte's screen with REP, SU and SD, which curses programs use."""

    _last = " "

    def draw(self, data: str) -> None:
        if data:
            self._last = data[-1]
        super().draw(data)

    def repeat(self, count: int = 1, **_: Any) -> None:
        self.draw(self._last * (count or 1))

    def scroll_up(self, count: int = 1, **_: Any) -> None:
        self._scroll(count or 1, up=True)

    def scroll_down(self, count: int = 1, **_: Any) -> None:
        self._scroll(count or 1, up=False)

    def _scroll(self, count: int, *, up: bool) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        saved = self.cursor.x, self.cursor.y
        for _ in range(min(count, self.lines)):
            self.cursor.y = bottom if up else top
            (self.index if up else self.reverse_index)()
        self.cursor.x, self.cursor.y = saved

    def report_device_attributes(self, *_: Any, **__: Any) -> None:
        """Answered by Responder, from the bytes."""

    def report_device_status(self, *_: Any, **__: Any) -> None:
        """Answered by Responder, from the bytes."""


class _Stream(pyte.Stream):
    csi = {**pyte.Stream.csi, "b": "repeat", "S": "scroll_up", "T": "scroll_down"}  # noqa: RUF012
    events = frozenset([*pyte.Stream.events, "repeat", "scroll_up", "scroll_down"])


class VtScreen:
    """What a person would see: complete frames only."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._screen = _Screen(columns, rows)
        self._stream = _Stream(self._screen, strict=False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail = ""
        self._syncing = False
        self._shown: list[tuple[Any, ...]] = [()] * rows
        self.lines: list[str] = [""] * rows
        self.modes: set[str] = set()
        self._screen.dirty.update(range(rows))
        self._present(None)

    def feed(self, data: bytes, watch: range | None = None) -> bool:
        """Take output; True when a visible change was presented (in the rows `watch`, where given)."""
        changed = False
        for part in _SYNC.split(self._whole(self._decoder.decode(data))):
            if part in ("\x1b[?2026h", "\x1b[?2026l"):
                self._syncing = part.endswith("h")
            elif part:
                self._stream.feed(self._clean(part))
            if not self._syncing:
                changed |= self._present(watch)
        return changed

    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 1."""
        return self._screen.cursor.y + 1, self._screen.cursor.x + 1

    def text(self) -> str:
        """The lines on the screen."""
        return "\n".join(self.lines)

    def painted(self) -> bool:
        """True when there is something to look at."""
        return sum(len(line) - line.count(" ") for line in self.lines) >= PAINTED_CHARACTERS

    def _whole(self, text: str) -> str:
        """What came, up to the last complete sequence; the rest waits."""
        text, self._tail = self._tail + text, ""
        cut = _UNFINISHED.search(text)
        if cut is not None and len(text) - cut.start() < 4096:
            text, self._tail = text[: cut.start()], text[cut.start() :]
        return text

    def _clean(self, text: str) -> str:
        if "\x1b" not in text:
            return text
        text = _COLON_COLOURS.sub(_plain_colours, _UNKNOWN_TO_PYTE.sub("", text))
        return _MODE.sub(self._mode, text).replace("\x1b[s", "\x1b7").replace("\x1b[u", "\x1b8")

    def _mode(self, match: re.Match[str]) -> str:
        out = ""
        for mode in match[1].split(";"):
            (self.modes.add if match[2] == "h" else self.modes.discard)(mode)
            if mode in _ALTERNATE:
                out += "\x1b[2J\x1b[H"
            elif mode in _PASSED_ON:
                out += f"\x1b[?{mode}{match[2]}"
        return out

    def _present(self, watch: range | None) -> bool:
        changed = False
        for y in sorted(row for row in self._screen.dirty if row < self.rows):
            line = self._screen.buffer[y]
            row = tuple(line[x] for x in range(self.columns))
            if row != self._shown[y]:
                self._shown[y] = row
                self.lines[y] = "".join(cell.data for cell in row).rstrip()
                changed |= watch is None or y in watch
        self._screen.dirty.clear()
        return changed


_QUERY = re.compile(
    rb"\x1b\[(?P<csi>[?>=<]?[0-9;]*\$?[cnpqtu])"
    rb"|\x1b\](?P<osc>1[0-2]|4;[0-9]+);\?(?:\x07|\x1b\\)"
    rb"|\x1bP\+q(?P<capability>[0-9A-Fa-f;]*)\x1b\\"
)
_QUERY_TAIL = re.compile(rb"\x1b(?:\[[0-?]{0,16}\$?|[\]P][^\x07\x1b]{0,64}\x1b?)?\Z")
_KNOWN_MODES = frozenset({"25", "1004", "1006", "2004", "2026"})


class Responder:
    """Answers what programs ask of a terminal, so that none waits for a reply that never comes."""

    def __init__(self, columns: int, rows: int) -> None:
        self._fixed = {
            "c": "\x1b[?62;22c",
            "0c": "\x1b[?62;22c",
            ">c": "\x1b[>1;4000;0c",
            ">0c": "\x1b[>1;4000;0c",
            "5n": "\x1b[0n",
            ">q": "\x1bP>|bench(1)\x1b\\",
            ">0q": "\x1bP>|bench(1)\x1b\\",
            "18t": f"\x1b[8;{rows};{columns}t",
            "14t": f"\x1b[4;{rows * 16};{columns * 8}t",
            "16t": "\x1b[6;16;8t",
        }
        self.key_flags: list[int] = []
        """The kitty keyboard's flags, pushed and popped."""
        self._tail = b""

    def answer(self, data: bytes, cursor: Callable[[], tuple[int, int]]) -> bytes:
        """The replies to all questions in a piece of output."""
        data, self._tail = self._tail + data, b""
        cut = _QUERY_TAIL.search(data)
        if cut is not None:
            data, self._tail = data[: cut.start()], data[cut.start() :]
        if b"\x1b" not in data:
            return b""
        return b"".join(self._one(match, cursor) for match in _QUERY.finditer(data))

    def _one(self, match: re.Match[bytes], cursor: Callable[[], tuple[int, int]]) -> bytes:
        if (osc := match["osc"]) is not None:
            colour = b"0000/0000/0000" if osc == b"11" else b"ffff/ffff/ffff"
            return b"\x1b]" + osc + b";rgb:" + colour + b"\x1b\\"
        if match["capability"] is not None:
            return b"\x1bP0+r\x1b\\"
        csi = match["csi"].decode()
        if csi in ("6n", "?6n"):
            return "\x1b[{}{};{}R".format("?" if csi[0] == "?" else "", *cursor()).encode()
        return self._keyboard(csi) if csi.endswith("u") else self._mode_or_fixed(csi)

    def _keyboard(self, csi: str) -> bytes:
        if csi == "?u":
            return f"\x1b[?{self.key_flags[-1] if self.key_flags else 0}u".encode()
        if csi.startswith(">"):
            self.key_flags.append(int(csi[1:-1] or 0))
        elif csi.startswith("<"):
            del self.key_flags[-int(csi[1:-1] or 1) :]
        return b""

    def _mode_or_fixed(self, csi: str) -> bytes:
        if csi.startswith("?") and csi.endswith("$p"):
            mode = csi[1:-2]
            return f"\x1b[?{mode};{2 if mode in _KNOWN_MODES else 0}$y".encode()
        return self._fixed.get(csi, "").encode()


_KEYS = {
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    "enter": b"\r",
    "tab": b"\t",
    "space": b" ",
    "escape": b"\x1b",
}


def encode_key(name: str, *, key_flags: int, application: bool) -> bytes:
    """The bytes a terminal sends for a key, in the mode the program asked for."""
    if key_flags & 1 and name == "escape":
        return b"\x1b[27u"
    if name.startswith("ctrl+") and len(name) == 6:
        return f"\x1b[{ord(name[5])};5u".encode() if key_flags & 1 else bytes([ord(name[5]) & 0x1F])
    if application and name in ("up", "down", "left", "right", "home", "end"):
        return _KEYS[name].replace(b"[", b"O")
    return _KEYS.get(name, name.encode())
