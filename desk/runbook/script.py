"""A shell step as it is run: the author's text to the letter, and what was filled in as arguments of its own.

    kill -9 <pid>            ->  kill -9 "${1}"          and the pid as the first argument
    curl -d '{"id": "<id>"}' ->  curl -d '{"id": "'"${1}"'"}'

Nothing that a person types, and nothing that was discovered, becomes a part of that text. Where the text itself hands
an argument to another shell (`ssh`, `sh -c`, `eval`), it is read there once more; so a value may hold nothing that
means something to a shell: `PLAIN`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from desk.runbook.book import Command, Parameter
from desk.runbook.placeholders import secret

_HERE: Final = re.compile(r"<<-?\s*(?P<quote>['\"\\]?)(?P<word>\w+)")
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
PLAIN: Final = r"[\w@%+=:,./?-]{1,500}"
"""What may be filled in."""
ANY: Final = r"(?s)[^\x00]{0,1000}"
"""What a variable may hold that an earlier step has set."""
MOST: Final = 8
"""Parameters that one step may take."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is run."""

    text: str
    """For `bash -c`; parameters are its arguments."""
    parameters: tuple[str, ...] = ()
    """Their names in the order of the arguments."""
    carried: tuple[str, ...] = ()
    """Those of them that an earlier step has set."""
    refused: str = ""
    """Why it can't be run safely, in words; empty: it can."""


def script(command: Command, parameters: Sequence[Parameter], carried: Sequence[str] = ()) -> Script:
    """How a command is run. `carried`: variables that an earlier step has set, which come as arguments too."""
    if command.asked:
        return Script(
            command.text, refused=f"{command.asked[0]} is filled in by its act, or typed where the line is run"
        )
    known = {written: one.name for one in parameters for written in one.written}
    holes = sorted(command.placeholders, key=len, reverse=True)
    if any(not known.get(written) for written in holes):
        return Script(command.text, refused="a placeholder of it has no name")
    names = list(dict.fromkeys(known[written] for written in command.placeholders))
    wanted = [name for name in dict.fromkeys(carried) if name in command.uses]
    if why := _secret(command, [one for one in parameters if one.name in names]):
        return Script(command.text, refused=why)
    order = [*names, *(name for name in wanted if name not in names)]
    if len(order) > MOST:
        return Script(command.text, refused=f"it takes {len(order)} parameters, and {MOST} are the most")
    places = {name: place for place, name in enumerate(order, 1)}
    text, refused = _filled(command.text, {written: places[known[written]] for written in holes})
    before = "".join(f'export {name}="${{{places[name]}}}"\n' for name in wanted)
    before += "".join(
        f'export {found[1]}="${{{places[known[written]]}}}"\n'
        for written in holes
        if (found := _VARIABLE.fullmatch(written)) is not None
    )
    return Script(before + text, tuple(order), tuple(wanted), refused)


def _secret(command: Command, parameters: Sequence[Parameter]) -> str:
    """Why a secret of it keeps it from being run: what is run stands in the list of processes and in the audit."""
    held = [one.name for one in parameters if one.secret]
    held += [name for name in (*command.sets, *command.uses) if secret(name)]
    if held:
        return f"it takes or sets a secret ({held[0]}), which would be seen in the list of processes"
    return "what it sets may be a secret" if command.reveals and command.sets else ""


def _filled(text: str, holes: dict[str, int]) -> tuple[str, str]:
    """(the text with its holes as arguments, why that can't be done). Variables are set before it, and stay."""
    if not holes:
        return text, ""
    here = _HERE.search(text)
    body = text.find("\n", here.end()) if here is not None else -1
    found = re.compile("|".join(_alone(one) for one in holes))
    made: list[str] = []
    quote, at, begins = "", 0, True
    while at < len(text):
        letter = text[at]
        inside = here is not None and 0 <= body < at
        hole = found.match(text, at)
        if hole is not None:
            if inside and here is not None and here["quote"]:
                return text, f"{hole[0]} stands in a here-document that takes no variables"
            variable = _VARIABLE.fullmatch(hole[0]) is not None
            if variable and quote == "'" and not inside:
                return text, f"{hole[0]} stands in single quotes, where it is filled in by nobody"
            made.append(hole[0] if variable else _argument(holes[hole[0]], "" if inside else quote, inside))
            at, begins = hole.end(), False
            continue
        if letter == "#" and begins and not quote and not inside:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            made.append(text[at:end])
            at = end
            continue
        if letter == "\\" and quote != "'" and at + 1 < len(text):
            made.append(text[at : at + 2])
            at, begins = at + 2, False
            continue
        if letter in "'\"" and quote in ("", letter) and not inside:
            quote = "" if quote else letter
        made.append(letter)
        at, begins = at + 1, letter in " \t\n;&|("
    return "".join(made), ""


def _argument(place: int, quote: str, inside: bool) -> str:
    argument = f"${{{place}}}"
    if quote == "'":
        return f"'\"{argument}\"'"
    return argument if quote == '"' or inside else f'"{argument}"'


def _alone(written: str) -> str:
    before = r"(?<!\w)" if written[0].isalnum() else ""
    after = r"(?!\w)" if written[-1].isalnum() else ""
    return before + re.escape(written) + after


def name_of(command: Command) -> str:
    """What a step is called among the commands that may be run: its line, its program, and which text it is."""
    words = "-".join(re.findall(r"[A-Za-z][\w-]*", command.text, re.ASCII)[:2])[:20].rstrip("-_")
    return f"L{command.line}-{words}-{sha256(command.text.encode()).hexdigest()[:8]}"
