"""A command line as a dialect sees it: words, not text. Parsing is the desk's work; this is what comes out of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_PLAIN: Final = re.compile(r"[\w@%+=:,./{}$-]*")
_FREE: Final = re.compile(r"<([^<>]*)>|\$\{?(\w+)[^{}]*\}|\$(\w+)|\{\{?\s*([\w. ]+)\}?\}")
_COUNTED: Final = re.compile(
    r"n|num\w*|(?:\w*[_ -])?(?:count|number|replicas|pid|days|port|revision|version|size)s?", re.I
)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One simple command, its wrappers (sudo, env, time, nohup ...) taken off; or one SQL statement."""

    words: tuple[str, ...] = ()
    """The program and its arguments, quotes resolved. Empty for bare SQL."""
    sql: str = ""
    """A bare SQL statement, without its semicolon."""
    stdin: str = ""
    """A here-document or here-string given to it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Assignments before it: `PGHOST=db psql`."""
    through: tuple[str, ...] = ()
    """The wrappers that were taken off, outermost first."""
    piped: tuple[tuple[str, ...], ...] = ()
    """Commands its output goes through."""
    fed: tuple[str, ...] = ()
    """The command whose output it reads: `cat dump.sql` in `cat dump.sql | psql shop`."""
    reads: str = ""
    """The file it reads: `psql shop < dump.sql`."""
    writes: tuple[str, ...] = ()
    """Files its output goes to, as they are written."""
    appends: tuple[str, ...] = ()
    """Those of them that keep what they hold: `>> file`."""

    @property
    def program(self) -> str:
        """The program's name without its folder; empty for bare SQL."""
        return self.words[0].rpartition("/")[2] if self.words else ""


def after_options(words: Iterable[str], valued: str, long: Collection[str] = ()) -> tuple[str, ...]:
    """The words behind a command's options. `valued`: letters of its options that take a value; `long`: long ones.

    >>> after_options(["-n", "-u", "app", "systemctl", "-q"], "u")
    ('systemctl', '-q')
    """
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option == "--":
            break
        takes = option in long if option.startswith("--") else option[-1] in valued
        if takes and rest:
            rest.pop(0)
    return tuple(rest)


_INERT: Final = re.compile(r"""(?:[A-Za-z0-9_.:@=/,+%^ -]|'[^']*'|"'")+""")
"""A line in which no shell finds anything but words."""


def said_over_ssh(line: CommandLine, destination: str) -> tuple[str, ...] | None:
    """The words that `ssh` makes the other machine run, when a command is nothing but that; None for any other.

    The shell there reads its line once more, so a quoted command and its words alone are the same.

    >>> said_over_ssh(CommandLine(("ssh", "web-1", "sudo systemctl restart x")), "web-1")
    ('sudo', 'systemctl', 'restart', 'x')
    >>> said_over_ssh(CommandLine(("ssh", "web-1", "reboot; uptime")), "web-1")
    """
    words = line.words
    if line.through or line.environment or line.program != "ssh" or len(words) < 3 or words[1] != destination:
        return None
    told = " ".join(words[2:])
    return tuple(shlex.split(told)) if _INERT.fullmatch(told) and not told.startswith("-") else None


def quoted(words: Iterable[str]) -> str:
    """Words as one line for a shell.

    >>> quoted(["systemctl", "restart", "web@1.service"]), quoted(["echo", "a b"])
    ('systemctl restart web@1.service', "echo 'a b'")
    """
    return shlex.join(words)


def shown(words: Iterable[str]) -> str:
    """Words as a line to be read by a person: placeholders stay as they were written.

    >>> shown(["docker", "restart", "<a name>", "$X"]), shown(["echo", "a b", "*"])
    ('docker restart <a name> $X', "echo 'a b' '*'")
    """
    return " ".join(word if _PLAIN.fullmatch(word) or _FREE.fullmatch(word) else shlex.quote(word) for word in words)


def instead(line: CommandLine, words: Iterable[str]) -> str:
    """What stands in for a line, with what its output goes through; empty where the output goes to a file.

    >>> instead(CommandLine(("netstat", "-t"), piped=(("wc", "-l"),)), ["ss", "-t"])
    'ss -t | wc -l'
    """
    return "" if line.writes else " | ".join(map(shown, (words, *line.piped)))


def exchanged(words: Sequence[str], word: str, *others: str) -> list[str]:
    """Words with others in the place of one; none when that doesn't stand there exactly once.

    >>> exchanged(["systemctl", "-H", "db1", "try-restart", "web"], "try-restart", "restart")
    ['systemctl', '-H', 'db1', 'restart', 'web']
    """
    if list(words).count(word) != 1:
        return []
    at = list(words).index(word)
    return [*words[:at], *others, *words[at + 1 :]]


def named(text: str) -> frozenset[str]:
    """Names that stand in a text, apart by blanks."""
    return frozenset(text.split())


def filled(words: Iterable[str]) -> tuple[str, ...]:
    """Words with something in the place of each that is still to be filled in, for a reader that takes none such.

    >>> filled(["restart", "<service>", "--replicas=$COUNT"])
    ('restart', 'name', '--replicas=1')
    """

    def given(found: re.Match[str]) -> str:
        return "1" if _COUNTED.fullmatch(next(filter(None, found.groups()), "")) else "name"

    return tuple(_FREE.sub(given, word) for word in words)
