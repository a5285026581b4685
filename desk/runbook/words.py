"""Words of a command: its wrappers taken off, and lines that no grammar takes split by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from probes.base import after_options

_WRAPPERS: Final = {
    "sudo": "ugpCDRTh",
    "doas": "uC",
    "env": "uCS",
    "nohup": "",
    "time": "fo",
    "command": "",
    "builtin": "",
    "exec": "a",
    "nice": "n",
    "ionice": "cnp",
    "chrt": "",
    "setsid": "",
    "stdbuf": "ioe",
    "timeout": "ks",
    "unbuffer": "",
    "winpty": "",
    "caffeinate": "t",
}
"""Programs that run another one, with the letters of their options that take a value."""
_LONG: Final = frozenset(
    ("--user", "--group", "--chdir", "--unset", "--signal", "--kill-after", "--adjustment", "--prompt", "--host")
)
"""Long options of theirs that take a value."""
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_KEYWORDS: Final = frozenset(
    ("if", "then", "else", "elif", "fi", "while", "until", "do", "done", "esac", "!", "{", "}", "function", "case")
)
_CUTS: Final = re.compile(r"&&|\|\||\|&|;;|[;|\n()`]|(?<![<>&\d])&(?![>&])|\$\(")
_REDIRECT: Final = re.compile(r"^(?:\d|&)?(>>?\|?|<)(?!<|\()(.*)$")


def names(text: str) -> frozenset[str]:
    """The words of a text as a set, for tables.

    >>> sorted(names("ssh docker"))
    ['docker', 'ssh']
    """
    return frozenset(text.split())


def unwrapped(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
    """(the command itself, its wrappers, assignments given to them) of a command's words.

    >>> unwrapped(("sudo", "-u", "postgres", "timeout", "5", "psql", "shop"))
    (('psql', 'shop'), ('sudo', 'timeout'), {})
    """
    through: list[str] = []
    given: dict[str, str] = {}
    while len(words) > 1 and (name := words[0].rpartition("/")[2]) in _WRAPPERS:
        rest = after_options(words[1:], _WRAPPERS[name], _LONG)
        found: dict[str, str] = {}
        while name in ("env", "sudo", "doas") and rest and (pair := _ASSIGNMENT.fullmatch(rest[0])):
            found[pair[1]] = pair[2]
            rest = rest[1:]
        if name == "timeout":
            rest = rest[1:]
        if not rest or (name == "command" and words[1].startswith(("-v", "-V"))):
            break
        through.append(name)
        given |= found
        words = rest
    return words, tuple(through), given


def lines_of(text: str) -> list[str]:
    """Lines with their continuations joined, comments and empty ones left out.

    >>> lines_of("a \\\\\\n b\\n# c\\nd")
    ['a   b', 'd']
    """
    joined = re.sub(r"\\\n", " ", text)
    return [line for line in joined.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def apart(line: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """(words, files written, file read) of the commands of a line, split by hand.

    A quote that is never closed is read both ways, as the beginning of a word and as a letter: rather a command too
    many than one unseen.

    >>> [words for words, _, _ in apart("echo don't && rm -rf x")]
    [('echo', 'dont && rm -rf x'), ('echo', "don't"), ('rm', '-rf', 'x')]
    """
    seen: set[tuple[str, ...]] = set()
    for quoting in (True, False):
        closed = True
        for segment, open_quote in _segments(line, quoting=quoting):
            closed = closed and not open_quote
            words = _split(segment, quoting=quoting)
            while words and words[0] in _KEYWORDS:
                words = words[1:]
            kept, writes, reads = _redirects(words)
            while kept and _ASSIGNMENT.fullmatch(kept[0]):
                kept = kept[1:]
            if writes and not kept:
                kept = (":",)
            if kept and kept not in seen:
                seen.add(kept)
                yield kept, writes, reads
        if closed:
            return


def _segments(line: str, *, quoting: bool) -> Iterator[tuple[str, bool]]:
    """(text between two operators, whether it ends within a quote)."""
    start = position = 0
    quote = ""
    while position < len(line):
        letter = line[position]
        if letter == "\\" and quote != "'":
            position += 2
            continue
        if quoting and letter in "'\"":
            quote = "" if quote == letter else quote or letter
        elif not quote and (found := _CUTS.match(line, position)):
            yield line[start:position], False
            start = position = found.end()
            continue
        position += 1
    yield line[start:], bool(quote)


def _split(segment: str, *, quoting: bool) -> tuple[str, ...]:
    words: list[str] = []
    word = ""
    quote = ""
    inside = False
    for letter in segment:
        if quote:
            if letter == quote:
                quote = ""
            else:
                word += letter
        elif quoting and letter in "'\"":
            quote = letter
            inside = True
        elif letter.isspace():
            if word or inside:
                words.append(word)
            word, inside = "", False
        elif letter != "\\":
            word += letter
    if word or inside:
        words.append(word)
    return tuple(words)


def _redirects(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    kept: list[str] = []
    writes: list[str] = []
    reads = ""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        found = _REDIRECT.match(word)
        if found is None or re.match(r"<[^<>]+>", word):
            kept.append(word)
            continue
        target = found[2] or (rest.pop(0) if rest else "")
        if not target or target.startswith("&") or target == "/dev/null":
            continue
        if found[1] == "<":
            reads = target
        else:
            writes.append(target)
    return tuple(kept), tuple(writes), reads
