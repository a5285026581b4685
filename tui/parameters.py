"""What a procedure's commands need, asked once for the run: offered where it is known, never filled in by itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from desk.runbook.book import Parameter
from desk.runs.filling import LONGEST, bare, fits, names
from probes.base import SafeText
from probes.base.log import masked
from tui.concerned import places, told_rows

if TYPE_CHECKING:
    from tui.room import Room
    from tui.screens.procedure_run import RunScreen

_OFFERS: Final = 200
"""Values that are offered."""

_COUNTS: Final = re.compile(
    r"(?:.*[\W_])?(?:n|num|number|count|workers|replicas|instances|size|seconds|minutes|hours|days|lines|percent|port)",
    re.IGNORECASE,
)
"""Names of numbers: they are typed, and no row is one."""

_RANDOM: Final = re.compile(r"://.*(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{20,}", re.DOTALL)
"""A long word of letters and digits in an address: who has the address of a webhook may use it."""

Offer = tuple[str, str]
"""(value, where it comes from)."""


def hides(screen: RunScreen, value: str) -> bool:
    """True for a value that holds a secret, whatever its name is: a password in an address, a token, one known here."""
    there = screen.room.procedures
    known = there is not None and there.runs.hides(value)
    return known or masked(value) != value or _RANDOM.search(value) is not None


def offers(screen: RunScreen, parameter: Parameter) -> list[Offer]:
    """Values a parameter may have: of the alert's labels, of the environment, of the rows its steps are about.

    None of them holds a secret.
    """
    found: dict[str, str] = {}
    occasion = screen.occasion
    wanted = _plainly(parameter.name)
    labels = list(occasion.labels) if occasion is not None else []
    counted = _COUNTS.fullmatch(parameter.name.strip()) is not None
    others: dict[str, str] = {}
    """What the alert names otherwise, offered last."""
    for name, text in labels:
        if not counted or text.isdecimal():
            alike = name.lower() in wanted or wanted in name.lower()
            (found if alike else others).setdefault(text, f"{name} of the alert")
    for written in parameter.written:
        for one in dict.fromkeys((bare(written), bare(written).upper())):
            if value := os.environ.get(one):
                found.setdefault(value, f"${one} of this session")
    own, rest = dict[str, str](), dict[str, str]()
    for step in screen.steps if not counted else ():
        if step.command is None or parameter.name not in names(step.command, screen.parameters):
            continue
        for target, _ in places(screen.room, step.command, occasion.target if occasion is not None else ""):
            for subject, said in _worst_first(screen.room, target):
                value = _called(wanted, subject)
                (rest if value is None else own).setdefault(
                    value or subject, f"{said}  " * bool(said) + f"row of {target}"
                )
    for more in (own or rest, others):  # what is of the sort that is asked for, or else all there is
        found |= {value: why for value, why in more.items() if value not in found}
    found = {value: why for value, why in found.items() if value.isdecimal()} if wanted.endswith("pid") else found
    return [
        (value, why) for value, why in islice(found.items(), _OFFERS) if not fits(value) and not hides(screen, value)
    ]


def _worst_first(room: Room, target: str) -> list[tuple[str, str]]:
    """The rows of a target and what each says, those of which there is an alert before the others, the worst first."""
    worst: dict[str, int] = {}
    for one in room.alerts(target):
        worst[one.row] = max(worst.get(one.row, 0), one.severity)
    return sorted(islice(told_rows(room, target), _OFFERS), key=lambda row: -worst.get(row[0], 0))


def _plainly(name: str) -> str:
    """A parameter's name without what people put between its words."""
    return re.sub(r"[_ -]", "", name.lower())


def _called(wanted: str, subject: str) -> str | None:
    """What a command calls a row that is of the sort that a parameter asks for; None for a row of another sort.

    >>> _called("pod", "pod/shop/web-1"), _called("podname", "pod/shop/web-1"), _called("pid", "77 2026-03-01 03:12")
    ('web-1', 'web-1', '77')
    >>> _called("queue", "mail"), _called("pod", "deployment/shop/web"), _called("pid", "public.posts")
    (None, None, None)
    """
    sort, slash, rest = subject.partition("/")
    if slash and sort in wanted:
        return rest.rpartition("/")[2]
    number = subject.partition(" ")[0]
    return number if wanted.endswith("pid") and number.isdecimal() else None


def ask(screen: RunScreen, parameter: Parameter, then: Callable[[], None]) -> None:
    """Ask for one; `then` goes on once it is filled in."""
    name = SafeText(parameter.name, 60)
    found = offers(screen, parameter)
    if not found:
        screen.ask(
            f"{name}? it is asked once for the whole run; Esc leaves it",
            "",
            lambda text: None,
            lambda text: _given(screen, parameter, text, then),
            lambda: None,
            LONGEST,
        )
        return
    from tui.screens.sheet import Menu

    def typed(text: str) -> Sequence[tuple[str, str, str]]:
        text = text.strip()
        wrong = _plainly(parameter.name).endswith("pid") and not text.isdecimal()  # it narrows down, and is none itself
        new = not fits(text) and not wrong and text not in {value for value, _ in found}
        return [(text, str(SafeText(text, 80)), "as typed")] if new else ()

    def choose(value: str) -> None:
        sheet.leave()
        _given(screen, parameter, value, then)

    items = [(value, str(SafeText(value, 80)), str(SafeText(why, 120))) for value, why in found]
    sheet = Menu(screen.room, f"{name}: which? it is asked once for the whole run", items, choose, typed)
    screen.app.push_screen(sheet)


def ask_all(screen: RunScreen, missing: Sequence[str], then: Callable[[], None]) -> None:
    """Ask for all that is missing, one after the other."""
    known = {one.name: one for one in screen.parameters}
    name, *others = missing
    parameter = known.get(name) or Parameter(name, (name,), ())
    ask(screen, parameter, (lambda: ask_all(screen, others, then)) if others else then)


def menu(screen: RunScreen) -> None:
    """Everything that is to be filled in, to be changed too."""
    from tui.screens.sheet import Menu

    there = {one.name: one for one in screen.parameters}
    if not there:
        screen.say("nothing is to be filled in")
        return
    values = screen.values

    def said(one: Parameter) -> str:
        given = values.get(one.name)
        if one.secret:
            return "a secret: it is typed where the line is run"
        return "not filled in" if given is None else given.value

    def choose(name: str) -> None:
        if there[name].secret:
            sheet.say(said(there[name]))
            return
        sheet.leave()
        screen.call_after_refresh(ask, screen, there[name], lambda: screen.say(f"{SafeText(name, 60)} is filled in"))

    items = [(name, str(SafeText(name, 60)), str(SafeText(said(one), 200))) for name, one in there.items()]
    sheet = Menu(screen.room, "What the commands need", items, choose)
    screen.app.push_screen(sheet)


def _given(screen: RunScreen, parameter: Parameter, text: str, then: Callable[[], None]) -> None:
    text = text.strip()
    if why := fits(text):
        screen.say(f"{SafeText(parameter.name, 60)}: {why}, nothing is filled in")
        return
    if hides(screen, text):
        screen.say(
            f"{SafeText(parameter.name, 60)}: it holds a secret, which is typed where the line is run (y copies it)"
        )
        return
    if screen.give(parameter, text):
        screen.draw()
        screen.call_after_refresh(then)
