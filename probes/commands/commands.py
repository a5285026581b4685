"""The dialect of commands: the very lines of the profile, with their parameters filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from probes.base import CommandLine, ProbeError, Recognised, Request, quoted
from probes.commands.parameters import bound, filled, values_in, word_of
from probes.commands.settings import Run

RUN, STOP = "run", "stop"
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
"""What `env` and `sudo` are told to put into the environment."""


def render(request: Request, runs: Mapping[str, Run]) -> str:
    """The line as a person would type it; `kill %NAME` ends what runs, as a shell would say it."""
    name = request.subjects[0] if request.subjects else ""
    if request.action == STOP:
        return quoted(["kill", f"%{name}"])
    run = runs.get(name)
    if run is None:
        return quoted([name])
    try:
        return quoted(filled(run, bound(run, request.word)))
    except ProbeError:
        return quoted(run.argv)


def recognise(line: CommandLine, runs: Mapping[str, Run]) -> Recognised | None:
    """The command of the profile that a line is, letter by letter; the program may be written with its folder."""
    if line.stdin or line.reads or line.piped or line.sql:
        return None
    if line.program == "kill":
        name = line.words[-1].removeprefix("%")
        options = {"-TERM", "-15", "-s", "TERM", "SIGTERM", "-SIGTERM"}
        if line.words[-1].startswith("%") and name in runs and set(line.words[1:-1]) <= options:
            return Recognised(Request(STOP, (name,)))
    for name, run in runs.items():
        if run.reads:
            continue
        values = _values(line, run)
        if values is not None:
            return Recognised(Request(RUN, (name,), word=word_of(run, values) if run.parameters else ""))
    return None


def _values(line: CommandLine, run: Run) -> dict[str, str] | None:
    """What a line gives for the parameters; None when it is another line.

    The desk takes wrappers such as sudo off a line; they must be those of the profile.
    """
    words = line.words
    if not words:
        return None
    wrapped = len(run.argv) - len(words)
    if wrapped < 0:
        return None
    before, template = run.argv[:wrapped], run.argv[wrapped:]
    if [one.rpartition("/")[2] for one in before[:1]] != list(line.through[:1]):
        return None
    given = (_ASSIGNMENT.fullmatch(one) for one in before[1:])
    if dict(line.environment) != {one[1]: one[2] for one in given if one is not None}:
        return None
    if _is_place(template[0]) or words[0] == template[0]:
        first: Sequence[str] = words
    elif words[0].rpartition("/")[2] == template[0].rpartition("/")[2] and "/" not in template[0]:
        first = (template[0], *words[1:])
    else:
        return None
    return values_in(run, (*before, *first))


def _is_place(word: str) -> bool:
    return word.startswith("{") and word.endswith("}")
