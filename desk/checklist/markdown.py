"""Checklists that a Markdown runbook has, as ours: what a panel of ours answers does so, the rest is signed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from desk.checklist.box import Box, Checklist
from desk.checklist.table import MOST
from desk.runbook.book import BoxList, Command, Phase, Runbook
from probes.base import SafeText, Sort

_SAY: Final = 200
"""Characters of a box."""

_NAME: Final = 40

_MARKS: Final = re.compile(r"[`*_]{1,3}")

_CODE_OR_MARKS: Final = re.compile(r"(`+)(?P<code>.+?)\1(?!`)|`{1,3}|\*{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)")
"""A code span, which is kept letter by letter, or marks: an underscore within a word is none."""

_ELSEWHERE: Final = re.compile(
    r"://"
    r"|(?:^|\s)--(?:[\w-]+-)?(?:host|machine|context|profile|region|cluster|namespace|identifier|id|url|uri|server"
    r"|endpoint|project-name)(?![\w-])"
    r"|(?:^|[\s'\"])(?:PGHOST(?:ADDR)?|host(?:addr)?)\s*="
    r"|(?:^|\s)(?:DOCKER_HOST|DOCKER_CONTEXT|KUBECONFIG|AWS_PROFILE|AWS_REGION|AWS_DEFAULT_REGION)="
    r"|\$\{?\w*(?:URL|URI|HOST|DSN)\b"
    r"|\b(?:psql|pg_\w+|vacuumdb|reindexdb|redis-cli)\b[^|;&]*?\s-[hpu]"
    r"|\b(?:docker|docker-compose|systemctl|journalctl)\b[^|;&]*?\s-[HM]"
    r"|\b(?:docker\s+compose|docker-compose)\s+(?:-\S+\s+)*-p\b"
    r"|\bdocker\s+-c\b"
    r"|\bkubectl\b[^|;&]*?\s-n"
)
"""What names a server, an account or a part of one: the profile's only target may be another."""

_ADDRESSED: Final = frozenset({"http", "net", "certificates"})
"""Kinds of which a command says by an address what it looks at."""


def found_in(runbook: Runbook, kinds: Mapping[str, str], taken: Iterable[str] = ()) -> list[Checklist]:
    """The checklists of a runbook, each by itself and when somebody does it. `kinds`: target to kind.

    Boxes that are a phase of a procedure are gone through with that. `taken`: names that others have.
    """
    names = set(taken)
    found = []
    for one in runbook.checklists:
        if _in_procedure(one, runbook):
            continue
        boxes = boxes_of(one, kinds, _file(runbook))
        if boxes:
            name = _free(_slug(one.title), names)
            names.add(name)
            title = str(SafeText(_plain(one.title), 80)) or name
            found.append(Checklist(name, title, boxes, source=one.title, origin=f"{_file(runbook)}:{one.line}"))
    return found


def filled(checklist: Checklist, runbooks: Sequence[Runbook], kinds: Mapping[str, str]) -> Checklist:
    """A checklist with the boxes of the heading it names; its own with the same words say what answers them.

    Raises LookupError where no runbook has such a checklist; the message names those that there are.
    """
    lists = [(runbook, one) for runbook in runbooks for one in runbook.checklists if one.boxes]
    wanted = same(checklist.source)
    there = [pair for pair in lists if same(pair[1].title) == wanted]
    there = there or [pair for pair in lists if wanted and wanted in same(pair[1].title)]
    if not there:
        names = ", ".join(f"“{SafeText(one.title, 60)}”" for _, one in lists[:8]) or "none"
        raise LookupError(f"no runbook has a checklist “{checklist.source}”; there are: {names}")
    runbook, one = there[0]
    own = {same(box.say): box for box in checklist.boxes}
    boxes = []
    for box in boxes_of(one, kinds, _file(runbook)):
        mine = own.pop(same(box.say), None)
        boxes.append(box if mine is None else _merged(box, mine))
    return replace(checklist, boxes=(*boxes, *own.values())[:MOST], source=one.title, unread=False)


def _merged(box: Box, mine: Box) -> Box:
    """A runbook's box with what the profile says of it; what that leaves open stays as the runbook has it."""
    made = replace(mine, key=box.key, say=box.say, command=box.command)
    if mine.test is not None or mine.reading:
        return made
    made = replace(made, action=mine.action or box.action, see=mine.see or box.see)
    return made if mine.by_hand else replace(made, reading=box.reading)


def boxes_of(one: BoxList, kinds: Mapping[str, str], file: str) -> tuple[Box, ...]:
    """Its boxes. A command that reads something of which the profile has one target is answered by that target.

    One that says by itself where it looks, at a server, an account or an address, is left to a person: nothing here
    tells whether the target is the same.
    """
    found: list[Box] = []
    taken: set[str] = set()
    for item in one.boxes[:MOST]:
        say = str(SafeText(_plain(item.text), _SAY)).strip()
        if not say:
            continue
        key = _free(say, taken)
        taken.add(key)
        command = item.command
        box = Box(key, say, origin=f"{file}:{item.line}", command=str(SafeText(command.text, 400)) if command else "")
        if command is not None and command.is_command and command.kind:
            place = _place(command, kinds)
            if place and command.sort is Sort.READING:
                box = replace(box, reading=place)
            elif place and command.sort is Sort.ACTION:
                box = replace(box, action=place)
            elif place:
                box = replace(box, see=place)
        found.append(box)
    return tuple(found)


def _in_procedure(one: BoxList, runbook: Runbook) -> bool:
    for procedure in runbook.procedures:
        if procedure.line <= one.line <= procedure.end_line:
            above = [part for part in procedure.parts if part.line <= one.line]
            if above and above[-1].phase not in (Phase.OTHER, Phase.PREVENTION):
                return True
    return False


def _place(command: Command, kinds: Mapping[str, str]) -> str:
    """The one target that a command can mean; empty where there are several and it names none, or names another."""
    of_kind = [name for name, known in kinds.items() if known == command.kind]
    if command.target in of_kind:
        return command.target
    return of_kind[0] if len(of_kind) == 1 and not _elsewhere(command) else ""


def _elsewhere(command: Command) -> bool:
    """True when it says where it looks: only the profile's author knows whether a target of ours is that."""
    addressed = command.kind in _ADDRESSED and bool(command.target)
    return addressed or command.place.startswith("host ") or _ELSEWHERE.search(command.text) is not None


def _file(runbook: Runbook) -> str:
    return str(SafeText(runbook.path.rpartition("/")[2], 60))


def _plain(text: str) -> str:
    """Without marks; what stands in code is as it was written."""
    return " ".join(_CODE_OR_MARKS.sub(lambda found: found["code"] or "", text).split())


def same(text: str) -> str:
    """A text as it is compared: numbers before it, marks and case aside."""
    bare = " ".join(_MARKS.sub("", text).split())
    return re.sub(r"^[\d.)\s]+|[:.\s]+$", "", bare).casefold()


def _slug(text: str) -> str:
    made = re.sub(r"[^a-z0-9]+", "-", _plain(text).lower()).strip("-")
    told = made if re.search("[a-z]", made) else f"checklist-{made}"
    return told[:_NAME].strip("-")


def _free(wanted: str, taken: set[str]) -> str:
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted} {number}" if " " in wanted else f"{wanted}-{number}"
    return name
