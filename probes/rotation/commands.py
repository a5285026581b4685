"""The command lines of rotation, both ways: logrotate, journalctl's vacuum, and find that removes old logs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from probes.base import CommandLine, Recognised, Request, quoted
from probes.rotation.journal import bytes_of, seconds_of

ROTATE: Final = "rotate"
BY_TIME: Final = "vacuum-time"
BY_SIZE: Final = "vacuum-size"
DELETE: Final = "delete"
JOURNAL: Final = "journal"
"""The row of the journal."""
STATUS: Final = "/var/lib/logrotate/status"
_FORCE: Final = frozenset({"-f", "--force"})
_TELLING: Final = frozenset({"-v", "--verbose"})
_MAIN: Final = "This rotates everything that the file includes, whether it is time or not."
_FIND: Final = (
    "find removes by name and age alone, the log that is written to as well; here only rotated files that no process "
    "has open go, each as it was looked at."
)
_VACUUM: Final = "Whole files go, so some newer lines go with the old ones, and nobody can bring them back."


@dataclass(frozen=True, slots=True)
class Here:
    """Which logs and programs a dialect speaks of."""

    patterns: Mapping[str, str] = field(default_factory=dict)
    """Name of each log: the pattern of its files."""
    main: str = "/etc/logrotate.conf"
    status: str = STATUS
    prefix: tuple[str, ...] = ()
    sudo: bool = False


def rotating(path: str, here: Here) -> list[str]:
    """logrotate for one configuration."""
    state = [] if here.status == STATUS else ["--state", here.status]
    return ["logrotate", "--force", *state, path]


def vacuuming(action: str, word: str) -> list[str]:
    """journalctl that gives up old files."""
    return ["journalctl", f"--{action}={word}"]


def render(request: Request, here: Here) -> str:
    """The line, or lines, for a request."""
    sudo = ["sudo"] if here.sudo else []
    if request.action == ROTATE:
        return "\n".join(quoted([*sudo, *rotating(path, here)]) for path in request.subjects)
    if request.action in (BY_TIME, BY_SIZE):
        return quoted([*here.prefix, *sudo, *vacuuming(request.action, request.word)])
    return "\n".join(quoted(_finding(here.patterns.get(name, "/"), request.number or 1)) for name in request.subjects)


def _finding(pattern: str, days: int) -> list[str]:
    """find counts whole days, and +29 means more than 29 of them: 30 and older."""
    folder, _, name = pattern.rpartition("/")
    age = ["-mtime", f"+{days - 1}"]
    return ["find", folder or "/", "-maxdepth", "1", "-type", "f", "-name", f"{name}*", *age, "-delete"]


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request one line means here."""
    words = list(line.words)
    if here.prefix and tuple(words[: len(here.prefix)]) == here.prefix:
        words = words[len(here.prefix) :]
        words = words[1:] if words[:1] == ["sudo"] else words
    elif line.through and here.prefix and _ends_with(here.prefix, words):
        words = words[len(_ends_with(here.prefix, words)) :]
    program = words[0].rpartition("/")[2] if words else ""
    if program == "logrotate":
        return _logrotate(words[1:], here)
    if program == "journalctl":
        return _journalctl(words[1:])
    return _find(words[1:], line.piped, here) if program == "find" else None


def _ends_with(prefix: Sequence[str], words: Sequence[str]) -> Sequence[str]:
    """The end of a prefix that a line begins with: sudo and its like are off it already."""
    for start in range(1, len(prefix)):
        if list(words[: len(prefix) - start]) == list(prefix[start:]):
            return prefix[start:]
    return ()


def _logrotate(words: Sequence[str], here: Here) -> Recognised | None:
    paths: list[str] = []
    status, force = STATUS, False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word in _FORCE or re.fullmatch(r"-[vf]*f[vf]*", word):
            force = True
        elif name in ("-s", "--state") and (equals or rest):
            status = value if equals else rest.pop(0)
        elif word not in _TELLING:
            if word.startswith("-"):
                return None
            paths.append(word)
    if not force or status != here.status or not paths or not all(path.startswith("/") for path in paths):
        return None
    warning = _MAIN if here.main in paths else ""
    return Recognised(Request(ROTATE, tuple(dict.fromkeys(paths))), warning)


def _journalctl(words: Sequence[str]) -> Recognised | None:
    found: list[tuple[str, str]] = []
    rest = list(words)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in (f"--{BY_TIME}", f"--{BY_SIZE}") and (equals or rest):
            found.append((name[2:], value if equals else rest.pop(0)))
        elif name not in ("-q", "--quiet", "--no-pager", "--system"):
            return None
    if len(found) != 1:
        return None
    ((action, word),) = found
    word = re.sub(r"(\d)\s*days?$", r"\1d", word)
    if (seconds_of(word) if action == BY_TIME else bytes_of(word)) is None:
        return None
    return Recognised(Request(action, (JOURNAL,), word=word), _VACUUM)


def _find(words: Sequence[str], piped: Sequence[Sequence[str]], here: Here) -> Recognised | None:
    """`find DIR -name '*.log.*' -mtime +30 -delete`, and the older ways to remove what was found."""
    rest = list(words)
    folders = []
    while rest and not rest[0].startswith(("-", "(", "!")):
        folders.append(rest.pop(0).rstrip("/") or "/")
    name, days, removes = "*", None, False
    while rest:
        word = rest.pop(0)
        if word in ("-maxdepth", "-mindepth", "-type", "-name", "-mtime") and rest:
            value = rest.pop(0)
            if word == "-name":
                name = value
            elif word == "-mtime":
                older = re.fullmatch(r"\+(\d{1,4})", value)
                if older is None:
                    return None
                days = int(older[1]) + 1
            elif word == "-type" and value != "f":
                return None
        elif word == "-delete":
            removes = True
        elif word == "-exec":
            end = next((at for at, one in enumerate(rest) if one in (";", "+")), None)
            if end is None or [one for one in rest[:end] if one not in ("-f", "--")] != ["rm", "{}"]:
                return None
            rest, removes = rest[end + 1 :], True
        elif word not in ("-print", "-print0"):
            return None
    if piped:
        if len(piped) != 1 or not _is_removal(piped[0]):
            return None
        removes = True
    if not removes or days is None or len(folders) != 1:
        return None
    log = _log(folders[0], name, here)
    return None if log is None else Recognised(Request(DELETE, (log,), number=days), _FIND)


def _is_removal(words: Sequence[str]) -> bool:
    return bool(words) and words[0] == "xargs" and [one for one in words[1:] if not one.startswith("-")] == ["rm"]


def _log(folder: str, name: str, here: Here) -> str | None:
    """The log whose files a name means: the one it was rendered from, else the only one of the folder it fits."""
    there = {log: pattern for log, pattern in here.patterns.items() if (pattern.rpartition("/")[0] or "/") == folder}
    exact = [log for log, pattern in there.items() if f"{pattern.rpartition('/')[2]}*" == name]
    if exact:
        return exact[0]
    fitting = [log for log, pattern in there.items() if _fits(name, pattern.rpartition("/")[2])]
    return fitting[0] if len(fitting) == 1 else None


def _fits(name: str, pattern: str) -> bool:
    """True when a rotated file of a log would have such a name."""
    sample = pattern.replace("*", "x").replace("?", "x")
    return any(fnmatchcase(one, name) for one in (f"{sample}.1", f"{sample}.2.gz", f"{sample}-20260301", sample))
