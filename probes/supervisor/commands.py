"""The command line of supervisord's world: supervisorctl, both ways."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.base import BadUrl, CommandLine, Endpoint, Recognised, Request, SafeText, parse_url, quoted

ACTIONS: Final = ("start", "stop", "restart")
_SCHEMES: Final = frozenset({"unix", "http", "https"})
_VALUED: Final = {
    "-c": "file", "--configuration": "file", "-s": "url", "--serverurl": "url", "-u": "", "--username": "",
    "-p": "", "--password": "", "-r": "", "--history_file": "",
}  # fmt: skip
"""Options that take a value. Who logs in is the profile's business, not the line's."""
_NAME: Final = re.compile(r"(?!-)[^\s:*/]+(?::(?:\*|[^\s:*/]+)?)?")
_SCALE: Final = re.compile(rf"({_NAME.pattern})=([1-9][0-9]{{0,2}})")
_OURS: Final = "supervisorctl itself has no scale; here so many processes of the service are started or stopped."
_PYTHON: Final = re.compile(r"python[0-9.]*")
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")


def render(request: Request, where: Endpoint | None) -> str:
    """The line for it; `where` is left out when the profile only refers to an address."""
    words = ["supervisorctl"]
    if where is not None:
        words += ["-s", _url(where)]
    if request.number is not None:
        return quoted([*words, request.action, f"{_written(request.subjects[0])}={request.number}"])
    return quoted([*words, request.action, *(map(_written, request.subjects) if request.subjects else ("all",))])


def recognise(line: CommandLine, where: Endpoint | None) -> Recognised | None:
    """The request a supervisorctl line means at a supervisord."""
    words = _after_program(line)
    if words is None:
        return None
    given: dict[str, str] = {}
    while words and words[0].startswith("-"):
        taken = _option(words)
        if taken is None:
            return None
        name, value, words = taken
        if name in given:
            return None
        given[name] = value
    if "url" in given and not _same(given["url"], where):
        return None
    if len(words) == 2 and words[0] == "scale" and (scaled := _SCALE.fullmatch(words[1])):
        return Recognised(Request("scale", (_meant(scaled[1]),), int(scaled[2])), _OURS)
    if not words or words[0] not in ACTIONS or not words[1:]:
        return None
    action, names = words[0], words[1:]
    if "all" in names:
        return Recognised(Request(action), _warning(action, True, given)) if set(names) == {"all"} else None
    if not all(_NAME.fullmatch(name) and name.isprintable() for name in names):
        return None
    subjects = tuple(dict.fromkeys(map(_meant, names)))
    several = len(subjects) > 1 or any(":" not in one for one in subjects)
    return Recognised(Request(action, subjects), _warning(action, several, given))


def _after_program(line: CommandLine) -> Sequence[str] | None:
    """What stands behind supervisorctl, however it was called."""
    words = line.words
    if line.program == "supervisorctl":
        return words[1:]
    if _PYTHON.fullmatch(line.program) and words[1:3] == ("-m", "supervisor.supervisorctl"):
        return words[3:]
    return None


def _option(words: Sequence[str]) -> tuple[str, str, Sequence[str]] | None:
    """(what it says, its value, the words after it) of the first option; None when we don't know it."""
    name, mark, value = words[0].partition("=")
    if not name.startswith("--"):
        name, value, mark = words[0][:2], words[0][2:], words[0][2:]
    if name not in _VALUED:
        return None
    if mark:
        return _VALUED[name] or name, value, words[1:]
    return (_VALUED[name] or name, words[1], words[2:]) if len(words) > 1 else None


def _warning(action: str, several: bool, given: dict[str, str]) -> str:
    if "file" in given and "url" not in given:
        return f"{SafeText(given['file'], 80)} is not read here: this is done at the supervisord of the profile."
    if action == "restart" and several:
        return "supervisorctl stops all of them before it starts the first; here one is restarted after the other."
    return ""


def _written(subject: str) -> str:
    """A subject as supervisorctl takes it: a service is its group with a star."""
    group, mark, name = subject.partition(":")
    if not mark:
        return f"{subject}:*"
    return group if group == name and group != "all" else subject


def _meant(name: str) -> str:
    """The subject of a name: without a group it is a process in a group of its own."""
    group, mark, rest = name.partition(":")
    if not mark:
        return f"{name}:{name}"
    return group if rest in ("", "*") else name


def _url(where: Endpoint) -> str:
    return f"unix://{where.path}" if where.scheme == "unix" else f"{where.scheme}://{where.where}"


def _same(url: str, where: Endpoint | None) -> bool:
    """True when an address on the line is that of the profile."""
    try:
        other = parse_url(url, _SCHEMES, 9001)
    except BadUrl:
        return False
    return where is not None and _place(other) == _place(where)


def _place(end: Endpoint) -> tuple[object, ...]:
    if end.scheme == "unix":
        return ("unix", end.path)
    return (end.scheme, "here" if end.host in _LOCAL else end.host, end.port)
