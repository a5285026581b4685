"""What a profile says of commands: argument lists with names, and what each needs, may do and must answer.

Only an argument list is taken. A shell may be one, with a text that stands in the profile; what a person types never
gets into such a text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from probes.base import Danger, Requirement, Secret, Settings
from probes.exec import template
from probes.exec.template import SHELLS, program_name

NAME: Final = r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"
_PARAMETER: Final = r"^[a-z][a-z0-9_]{0,29}$"
_NEED: Final = re.compile(
    r"\s*(?P<target>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?)\s+(?P<gauge>[a-z][a-z0-9_]*)(?:\{(?P<labels>[^{}]*)\})?"
    r"\s*(?P<op><=|>=)\s*(?P<limit>\d+(?:\.\d+)?)\s*"
)
_LABEL: Final = re.compile(r"\s*([a-z][a-z0-9_]*)=\"([^\"]*)\"\s*")

DANGERS: Final[Mapping[str, Danger]] = {
    "reversible": Danger.REVERSIBLE,
    "disruptive": Danger.DISRUPTIVE,
    "destructive": Danger.DESTRUCTIVE,
}


class Run(BaseModel):
    """`[commands.app.run.migrate]`: one command."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    argv: tuple[str, ...] = Field(
        min_length=1, max_length=100, description='Program and arguments; "{name}" stands for a parameter.'
    )
    what: str = Field("", max_length=200, description="One sentence: what it does.")
    danger: Literal["reversible", "disruptive", "destructive"] = Field(
        "destructive", description="The worst it can do; what nobody has judged is destructive."
    )
    timeout: float = Field(600.0, gt=0, le=86400, description="Seconds after which it is ended.")
    cwd: str = Field("", max_length=500, description="Folder it is started in, absolute or from ~ on.")
    env: dict[str, Secret] = Field({}, description='Its environment besides, by reference: {TOKEN = "env:TOKEN"}.')
    parameters: dict[str, str] = Field(
        {}, max_length=8, description='What is typed for it, and the pattern of each: {tenant = "[a-z0-9-]{1,40}"}.'
    )
    needs: dict[str, str] = Field(
        {},
        max_length=8,
        description='What must be so elsewhere: {backup = "backups.nightly newest_good_age_seconds <= 3600"}.',
    )
    reads: bool = Field(False, description="true: it only reads, and is offered as a look, without arming.")
    ok: tuple[int, ...] = Field((0,), min_length=1, max_length=20, description="Exit codes that mean success.")
    expect: str = Field("", max_length=500, description="Regular expression that its output must match somewhere.")
    production: bool = Field(True, description="false: never in production, such as a load test.")
    undo: str = Field("", max_length=200, description="How it is taken back, in words.")
    preview: str = Field("", description="Name of a command that reads; what it says is shown before this one is run.")

    @field_validator("argv")
    @classmethod
    def _whole(cls, argv: tuple[str, ...]) -> tuple[str, ...]:
        if not argv[0].strip():
            raise ValueError("names no program")
        if any("\0" in one or len(one) > 8000 for one in argv):
            raise ValueError("holds an argument that no program can be given")
        return argv

    @field_validator("parameters")
    @classmethod
    def _typed(cls, parameters: dict[str, str]) -> dict[str, str]:
        for name, pattern in parameters.items():
            if not re.fullmatch(_PARAMETER, name):
                raise ValueError(f"{name} is no good name of a parameter: small letters, digits and _")
            _compiled(pattern)
        return parameters

    @field_validator("expect")
    @classmethod
    def _matches(cls, expect: str) -> str:
        _compiled(expect)
        return expect

    @field_validator("needs")
    @classmethod
    def _readable(cls, needs: dict[str, str]) -> dict[str, str]:
        for name, text in needs.items():
            requirement(name, text)
        return needs

    @model_validator(mode="after")
    def _sound(self) -> Self:
        template.check(self.argv, list(self.parameters))
        if self.reads and (self.parameters or self.needs or not self.production):
            raise ValueError("what only reads takes no parameters, needs nothing and may run in production")
        return self


class CommandsSettings(Settings):
    """Commands of one system, each with a name."""

    runs_programs: ClassVar[bool] = True

    run: dict[str, Run] = Field(
        min_length=1, max_length=400, description="The commands by name: [commands.app.run.NAME]."
    )

    @field_validator("run")
    @classmethod
    def _named(cls, run: dict[str, Run]) -> dict[str, Run]:
        for name, one in run.items():
            if not re.fullmatch(NAME, name):
                raise ValueError(f"{name} is no good name of a command: letters, digits, - and _")
            if one.preview and not (one.preview in run and run[one.preview].reads):
                raise ValueError(f"the preview of {name} must be a command with reads = true")
        return run


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise ValueError("holds a pattern that is no regular expression") from None


def shell_text(argv: Sequence[str]) -> str:
    """The text that a shell among the arguments runs; empty when there is none.

    >>> shell_text(["docker", "exec", "app", "sh", "-c", "rm -f /tmp/x"]), shell_text(["make", "all"])
    ('rm -f /tmp/x', '')
    """
    for at, word in enumerate(argv[:-2]):
        if program_name(word) in SHELLS:
            options = list(argv[at + 1 :])
            for number, option in enumerate(options[:-1]):
                if re.fullmatch(r"-[A-Za-z]*c[A-Za-z]*", option):
                    return options[number + 1]
                if not option.startswith(("-", "+")):
                    break
    return ""


def _length(seconds: float) -> str:
    """A limit as one says it."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def requirement(name: str, text: str) -> Requirement:
    """One of `needs`. Raises ValueError.

    >>> requirement("backup", "backups.nightly newest_good_age_seconds <= 3600").words
    'a backup younger than 1 h'
    """
    found = _NEED.fullmatch(text)
    if found is None:
        raise ValueError(
            f'{name} is written as "KIND.TARGET gauge <= number", such as '
            '"backups.nightly newest_good_age_seconds <= 3600"'
        )
    labels = []
    for pair in filter(None, (part.strip() for part in (found["labels"] or "").split(","))):
        label = _LABEL.fullmatch(pair)
        if label is None:
            raise ValueError(f'{name}: labels are written as gauge{{name="value"}}')
        labels.append((label[1], label[2]))
    limit, most = float(found["limit"]), found["op"] == "<="
    if most and found["gauge"].endswith("age_seconds"):
        words = f"a {name} younger than {_length(limit)}"
    else:
        words = f"{name}: {found['gauge']} of {found['target']} {'at most' if most else 'at least'} {limit:g}"
    return Requirement(
        found["target"],
        found["gauge"],
        tuple(sorted(labels)),
        limit if most else None,
        None if most else limit,
        words,
    )
