"""Argument lists with places for values: where a value may stand so that nothing ever runs it as a program's text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

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


def check(argv: Sequence[str], names: Sequence[str], called: str = "parameter") -> None:
    """Every name has a place, every place is an argument of its own, and none of them is run. Raises ValueError."""
    for name in names:
        if "{" + name + "}" not in argv:
            raise ValueError(f"{called} {name} is not used: an argument must be exactly {{{name}}}")
    for at, word in enumerate(argv):
        for name in _HOLE.findall(word):
            _hole(argv, at, name, names, called)


def _hole(argv: Sequence[str], at: int, name: str, names: Sequence[str], called: str) -> None:
    word = argv[at]
    if name not in names:
        if word == "{" + name + "}":
            raise ValueError(f"{word} stands for a {called} that is not among {called}s")
        return
    if word != "{" + name + "}":
        raise ValueError(f"{{{name}}} must be an argument of its own, not a part of one")
    before = [program_name(one) for one in argv[:at]]
    if at == 0:
        raise ValueError(f"the program itself can be no {called}")
    if any(one in _REMOTE for one in before):
        raise ValueError(f"{{{name}}} would get into a text that is run: {' '.join(before)}")
    if _INTERPRETERS & set(before) and _CODE.fullmatch(argv[at - 1]):
        raise ValueError(f"{{{name}}} would be run as a program text after {argv[at - 1]}")


def program_name(word: str) -> str:
    """A program's name without folder and version.

    >>> program_name("/usr/bin/python3.11"), program_name("bash")
    ('python', 'bash')
    """
    return re.sub(r"[\d.]+$", "", word.rpartition("/")[2])
