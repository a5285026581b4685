"""Options of a command line as a dialect reads them: leniently, so that a word it does not know disturbs nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

NUMBER: Final = "-#"
"""The name under which a number as an option is kept: `tail -50`, `kill -9`."""
_NUMBER: Final = re.compile(r"-(\d+)")
_SYSTEM: Final = re.compile(
    r"/(?:$|(?:etc|usr|s?bin|lib(?:32|64)?|boot|proc|sys|dev(?!/(?:null|std\w+|tty|shm|fd)(?:/|$))|var/spool)(?:/|$))"
)


@dataclass(slots=True)
class Options:
    """What stands behind a program: options by name, and the words that are none."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    """(name, value) of each option in order; the value is empty for an option that takes none."""
    plain: list[str] = field(default_factory=list)
    """Every other word, in order."""

    def has(self, *names: str) -> bool:
        """Whether any of these spellings stands there."""
        return any(name in names for name, _ in self.pairs)

    def values(self, *names: str) -> list[str]:
        """Every value given to these spellings of one option, in order."""
        return [value for name, value in self.pairs if name in names]

    def value(self, *names: str) -> str:
        """The last value given to these spellings; empty when there is none."""
        return next(reversed(self.values(*names)), "")


def options(
    words: Sequence[str], valued: Collection[str] = (), *, first: bool = False, dashed: bool = False
) -> Options:
    """Options anywhere among words, their values glued or apart.

    `valued` are the spellings that take a value. With `first` everything from the first plain word on is plain: it
    belongs to a command inside. With `dashed` one dash begins a whole name (`-connect`), not letters.

    >>> options(["-itu", "root", "db", "ls", "-l"], {"-u"}, first=True)
    Options(pairs=[('-i', ''), ('-t', ''), ('-u', 'root')], plain=['db', 'ls', '-l'])
    >>> options(["api", "--tail=20", "-n5", "-f"], {"-n", "--tail"})
    Options(pairs=[('--tail', '20'), ('-n', '5'), ('-f', '')], plain=['api'])
    """
    found, rest = Options(), iter(words)
    for word in rest:
        if word == "--":
            found.plain += rest
        elif not word.startswith("-") or word == "-":
            found.plain.append(word)
            if first:
                found.plain += rest
        elif number := _NUMBER.fullmatch(word):
            found.pairs.append((NUMBER, number[1]))
        elif dashed or word.startswith("--"):
            name, mark, value = word.partition("=")
            _keep(found, name, value if mark else None, valued, rest)
        else:
            _letters(found, word, valued, rest)
    return found


def _letters(found: Options, word: str, valued: Collection[str], rest: Iterator[str]) -> None:
    """Short options written together; the first that takes a value takes what is left of the word."""
    for at in range(1, len(word)):
        name = f"-{word[at]}"
        if name in valued:
            _keep(found, name, word[at + 1 :].removeprefix("=") or None, valued, rest)
            return
        found.pairs.append((name, ""))


def _keep(found: Options, name: str, value: str | None, valued: Collection[str], rest: Iterator[str]) -> None:
    if value is None:
        value = next(rest, "") if name in valued else ""
    found.pairs.append((name, value))


def plain_words(words: Iterable[str], valued: Collection[str]) -> list[str]:
    """The words that are no options and no values of one; what begins like an option is never a value.

    >>> plain_words(["-U", "root", "-q", "shop", "-"], {"-U"})
    ['shop', '-']
    """
    found: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not _is_option(word):
            found.append(word)
        elif word in valued and rest and not _is_option(rest[0]):
            rest.pop(0)
    return found


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def is_of_the_system(path: str) -> bool:
    """Whether a file to be written stands where a machine keeps its settings, programs and devices.

    >>> [is_of_the_system(path) for path in ("/etc/cron.d/x", "/", "/dev/null", "/backups/x", "etc/x")]
    [True, True, False, False, False]
    """
    return _SYSTEM.match(path) is not None


def value_of(words: Sequence[str], short: str, long: str) -> str:
    """The value of one option, glued or apart, wherever it stands; empty when it is not there.

    >>> value_of(["-Ft", "--dbname=shop"], "-d", "--dbname"), value_of(["-dshop"], "-d", "--dbname")
    ('shop', 'shop')
    """
    for at, word in enumerate(words):
        if word in (short, long):
            return words[at + 1] if at + 1 < len(words) else ""
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
        if word.startswith(short) and not word.startswith("--") and len(word) > 2:
            return word[2:]
    return ""
