"""What is typed for a command: checked against its pattern, and put in as arguments of their own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from probes.base import Cause, ProbeError, SafeText, Word
from probes.commands.settings import Run

_PLAIN: Final = re.compile(r"[\w.:/@+-]{1,60}(?:\|[\w.:/@+-]{1,60})+")
_DASH: Final = re.compile(r"\^?[(?:]*\\?-")
"""How a pattern begins that says itself that a value may begin with a dash."""


def asked(run: Run) -> Word | None:
    """What a person is asked for; None: nothing."""
    if not run.parameters:
        return None
    if len(run.parameters) == 1:
        ((name, pattern),) = run.parameters.items()
        return Word(name, pattern, listed=bool(listed(run)))
    return Word(" ".join(f"{name}=…" for name in run.parameters), r".{1,2000}")


def listed(run: Run) -> Sequence[str]:
    """The values there are, where the only parameter is one of some plain words: "daily|weekly"."""
    patterns = list(run.parameters.values())
    return patterns[0].split("|") if len(patterns) == 1 and _PLAIN.fullmatch(patterns[0]) else ()


def bound(run: Run, word: str) -> dict[str, str]:
    """The value of each parameter in what was typed. Raises `ProbeError` in a person's words."""
    names = list(run.parameters)
    if not names:
        if word:
            raise ProbeError(Cause.MISSING, "it takes no parameter")
        return {}
    values = {names[0]: word} if len(names) == 1 else _pairs(names, word)
    for name, value in values.items():
        _check(name, value, run.parameters[name])
    return values


def _pairs(names: Sequence[str], word: str) -> dict[str, str]:
    form = " ".join(f"{name}=…" for name in names)
    try:
        parts = shlex.split(word)
    except ValueError:
        raise ProbeError(Cause.MISSING, f"a quote is not closed; write {form}") from None
    values = dict(part.partition("=")[::2] for part in parts)
    if set(values) != set(names) or len(parts) != len(names):
        raise ProbeError(Cause.MISSING, f"it takes {form}")
    return {name: values[name] for name in names}


def _check(name: str, value: str, pattern: str) -> None:
    if "\0" in value or len(value) > 1000 or not re.fullmatch(pattern, value):
        raise ProbeError(Cause.MISSING, SafeText(f"{name}: {value[:60]!r} does not match {pattern}", 300))
    if value.startswith("-") and not _DASH.match(pattern):
        raise ProbeError(Cause.MISSING, f"{name} begins with a dash, so that it would be taken for an option")


def word_of(run: Run, values: Mapping[str, str]) -> str:
    """The values as one word: the value itself of a single parameter, else name=value for each."""
    if len(run.parameters) == 1:
        return next(iter(values.values()))
    return shlex.join(f"{name}={values[name]}" for name in run.parameters)


def filled(run: Run, values: Mapping[str, str]) -> tuple[str, ...]:
    """The argument list with the values in their places."""
    return tuple(values[one[1:-1]] if one[1:-1] in values and one == f"{{{one[1:-1]}}}" else one for one in run.argv)


def values_in(run: Run, argv: Sequence[str]) -> dict[str, str] | None:
    """The values that make this argument list of the command; None when none do."""
    if len(argv) != len(run.argv):
        return None
    values: dict[str, str] = {}
    for template, word in zip(run.argv, argv, strict=True):
        name = template[1:-1] if template.startswith("{") and template.endswith("}") else ""
        if name in run.parameters:
            if values.setdefault(name, word) != word:
                return None
        elif template != word:
            return None
    try:
        return bound(run, word_of(run, values))
    except ProbeError:
        return None
