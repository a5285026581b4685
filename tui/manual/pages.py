"""The pages of the manual by their names, and writing them all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from tui.kinds import Kinds
from tui.manual.keysheet import keys_page
from tui.manual.kind import kind_page
from tui.manual.profile import profile_page
from tui.manual.usage import man_page, usage_page

MAN: Final = "opsroom.1"
"""The file name of the man page."""

_OWN: Final = {"profile": "everything that may stand in one", "keys": "every key", "usage": "the command line"}


def titles(kinds: Kinds) -> dict[str, str]:
    """Every page by its name, with a few words on it."""
    return _OWN | {one.name: one.summary for one in kinds}


def page(name: str, kinds: Kinds, main: click.Group) -> str:
    """A page, Markdown. Raises `LookupError` when there is none of that name."""
    match name:
        case "profile":
            return profile_page(kinds)
        case "keys":
            return keys_page()
        case "usage":
            return usage_page(main)
    if name not in kinds.names():
        raise LookupError(name)
    return kind_page(kinds.kind(name), kinds)


def write(folder: Path, kinds: Kinds, main: click.Group, version: str) -> list[Path]:
    """Write every page and the man page into a folder; their paths. Raises `OSError`."""
    texts = {Path("README.md"): _contents(kinds), Path(MAN): man_page(main, version)}
    for name in titles(kinds):
        texts[Path(f"{name}.md") if name in _OWN else Path("kinds", f"{name}.md")] = page(name, kinds, main)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return [folder / path for path in texts]


def _contents(kinds: Kinds) -> str:
    lines = ["# Manual", ""]
    lines += [
        "Made out of the code by `opsroom manual --write`; `opsroom manual NAME` shows the same in a terminal.",
        "",
    ]
    lines += [f"- [{name}]({name}.md): {about}" for name, about in _OWN.items()]
    lines += ["", "A page for each kind of system:", ""]
    lines += [f"- [{one.name}](kinds/{one.name}.md): {one.summary}" for one in kinds]
    return "\n".join(lines) + "\n"
