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

NAME: Final = r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"
_PARAMETER: Final = r"^[a-z][a-z0-9_]{0,29}$"
SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "fish"})
_INTERPRETERS: Final = SHELLS | {
    "python", "node", "nodejs", "bun", "perl", "ruby", "php", "lua", "Rscript", "pwsh", "psql", "mysql", "mariadb",
    "mongo", "mongosh", "clickhouse-client", "su", "runuser", "script",
}  # fmt: skip
"""Programs that run a text given after -c, -e and the like."""
_CODE: Final = re.compile(r"-[A-Za-z]*[cer]|-[Cc]ommand|--(?:eval|command|execute|exec|print|query)")
_REMOTE: Final = frozenset({"ssh", "rsh", "mosh", "pdsh", "parallel", "eval", "watch", "sqlite", "duckdb"})
"""Programs that put their arguments together again into a text for a shell, or take any of them for a program."""
_HOLE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
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
        for name in self.parameters:
            if "{" + name + "}" not in self.argv:
                raise ValueError(f"parameter {name} is not used: an argument must be exactly {{{name}}}")
        for at, word in enumerate(self.argv):
            for name in _HOLE.findall(word):
                self._hole(at, word, name)
        if self.reads and (self.parameters or self.needs or not self.production):
            raise ValueError("what only reads takes no parameters, needs nothing and may run in production")
        return self

    def _hole(self, at: int, word: str, name: str) -> None:
        """A place for a parameter must be an argument of its own, and never a text that something runs."""
        if name not in self.parameters:
            if word == "{" + name + "}":
                raise ValueError(f"{word} stands for a parameter that is not among parameters")
            return
        if word != "{" + name + "}":
            raise ValueError(f"{{{name}}} must be an argument of its own, not a part of one")
        before = [program_name(one) for one in self.argv[:at]]
        if at == 0:
            raise ValueError("the program itself can be no parameter")
        if any(one in _REMOTE for one in before):
            raise ValueError(f"{{{name}}} would get into a text that is run: {' '.join(before)}")
        if _INTERPRETERS & set(before) and _CODE.fullmatch(self.argv[at - 1]):
            raise ValueError(f"{{{name}}} would be run as a program text after {self.argv[at - 1]}")


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


def program_name(word: str) -> str:
    """A program's name without folder and version.

    >>> program_name("/usr/bin/python3.11"), program_name("bash")
    ('python', 'bash')
    """
    return re.sub(r"[\d.]+$", "", word.rpartition("/")[2])


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
