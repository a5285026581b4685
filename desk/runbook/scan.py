"""Where a command that stands on several lines ends: quotes, here-documents, blocks, continuations."""

from __future__ import annotations

import re
from typing import Final

_HERE: Final = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_][\w.-]*)\1")
_WORD: Final = re.compile(r"[^\s;&|()<>'\"`$\\{}]+")
_OPENS: Final = {"if": "fi", "case": "esac", "for": "done", "while": "done", "until": "done", "select": "done"}
_AFTER: Final = frozenset(("then", "do", "else", "elif", "if", "while", "until", "!", "time", "sudo"))
_CONTINUES: Final = re.compile(r"(?:\||&&)\s*$")


class Scanner:
    """Reads a command line by line and says whether it is complete. Linear, never raises."""

    def __init__(self, *, powershell: bool = False) -> None:
        self._stack: list[str] = []
        self._pending: list[str] = []
        self._here: list[str] = []
        self._continued = False
        self._start = True
        self._naming = False
        """True after the word `function`."""
        self._named = False
        """True after a function's name."""
        self._powershell = powershell

    @property
    def open(self) -> bool:
        """Whether the command goes on in the next line."""
        return bool(self._stack or self._here or self._continued)

    @property
    def quoted(self) -> bool:
        """Whether it goes on for a quote, bracket or block, which may never be closed."""
        return bool(self._stack or self._here)

    @property
    def here(self) -> bool:
        """Whether it is within a here-document."""
        return bool(self._here)

    def feed(self, line: str) -> None:
        """The next line."""
        if self._here:
            mark = self._here[0]
            if line.strip() == mark or re.match(rf"{re.escape(mark)}\s*(?:\||>|&&)", line):  # as it was meant
                self._here.pop(0)
            return
        self._continued = False
        code = self._plain(line) if self._powershell else self._shell(line)
        self._here, self._pending = self._pending, []
        if not self._continued and (not self._stack or self._stack[-1] not in "'\""):
            self._continued = not self._stack and _CONTINUES.search(code) is not None
            self._start = True

    def _plain(self, line: str) -> str:
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
        bare = re.sub(r"(?<!\S)#.*", "", bare)
        for letter in bare:
            if letter in "({[":
                self._stack.append(letter)
            elif letter in ")}]" and self._stack:
                self._stack.pop()
        self._continued = bare.rstrip().endswith(("`", "|", ","))
        return bare

    def _shell(self, line: str) -> str:
        position, end = 0, len(line)
        while position < end:
            top = self._stack[-1] if self._stack else ""
            letter = line[position]
            if top == "'":
                close = line.find("'", position)
                if close < 0:
                    return ""
                self._stack.pop()
                position = close + 1
            elif letter == "\\":
                rest = line[position + 1 :].lstrip()
                if not rest or (rest.startswith("#") and line[position + 1].isspace()):
                    self._continued = True
                    return ""
                position += 2
            elif top == '"':
                position = self._in_quotes(line, position)
            elif letter == "#" and (position == 0 or line[position - 1] in " \t;&|("):
                return line[:position]
            else:
                position = self._code(line, position, letter, top)
        return line

    def _in_quotes(self, line: str, position: int) -> int:
        letter = line[position]
        if letter == '"':
            self._stack.pop()
        elif line.startswith("$(", position):
            self._stack.append("(")
            self._start = True
            return position + 2
        return position + 1

    def _code(self, line: str, position: int, letter: str, top: str) -> int:
        if letter in "'\"":
            self._stack.append(letter)
            self._start = False
        elif line.startswith("${", position):
            self._stack.append("${")
            return position + 2
        elif letter == "(":
            self._stack.append("(")
            self._start = True
        elif letter == ")":
            if top == "(":
                self._stack.pop()
            self._start = top != "("
            if position and line[position - 1] == "(":  # a function's name
                self._start = True
        elif letter == "}":
            if top in ("${", "{"):
                self._stack.pop()
        elif letter == "{":
            if (self._start or self._named) and line[position + 1 : position + 2] in ("", " ", "\t"):
                self._stack.append("{")
        elif letter == "<" and not line.startswith("<<<", position) and (found := _HERE.match(line, position)):
            if "((" not in line[:position]:
                self._pending.append(found[2])
            return found.end()
        elif line.startswith("<<<", position):
            return position + 3
        elif letter in ";&|":
            self._start = True
        elif letter not in " \t<>$`" and (word := _WORD.match(line, position)):
            self._word(word[0], top)
            return word.end()
        return position + 1

    def _word(self, word: str, top: str) -> None:
        if self._start and word in _OPENS:
            self._stack.append(_OPENS[word])
        elif self._start and self._stack and word == top and word in ("fi", "esac", "done"):
            self._stack.pop()
        self._named = self._naming
        self._naming = self._start and word == "function"
        self._start = self._start and word in _AFTER
