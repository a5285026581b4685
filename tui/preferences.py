"""A person's own settings, apart from any system: theme and keys. `preferences.toml` in the configuration folder."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from desk import toml_lines
from desk.profile import Problem, ProfileError, explain, parse_toml, read_text
from tui.keys import KeyClash, Keymap
from tui.themes import THEMES


class Preferences(BaseModel):
    """What a person may set for themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    theme: str = Field(THEMES[0].name, description="night, day, safe (red-green blindness) or plain.")
    mouse: bool | None = Field(None, description="Use the mouse; unset: on, except over SSH.")
    ascii: bool | None = Field(None, description="Draw with ASCII only; unset: as the locale says.")
    notices: bool = Field(True, description="false: no bell and no desktop notice, whatever a profile says.")
    keys: dict[str, str] = Field(default_factory=dict, description='Key names to keys: "table.sort" = "o".')


def load(path: Path) -> Preferences:
    """Read them; a missing file means defaults. Raises `ProfileError` naming file, line and key."""
    if not os.path.lexists(path):
        return Preferences.model_validate({})
    text = read_text(path)
    lines = toml_lines.index(text)
    try:
        found = Preferences.model_validate(parse_toml(text, str(path)))
    except ValidationError as error:
        raise ProfileError(
            _problem(path, lines, one["loc"], explain(Preferences, one["type"], one["msg"], str(one["loc"][-1])))
            for one in error.errors(include_url=False, include_input=False)
        ) from None
    problems = _mistaken(found, path, lines)
    if problems:
        raise ProfileError(problems)
    return found


def _problem(path: Path, lines: dict[toml_lines.Path, int], key: toml_lines.Path, message: str) -> Problem:
    return Problem(str(path), toml_lines.line_of(lines, key), ".".join(map(str, key)), message)


def _mistaken(found: Preferences, path: Path, lines: dict[toml_lines.Path, int]) -> list[Problem]:
    """What is well formed and still can't be: a theme nobody made, keys that clash."""
    problems = []
    if found.theme not in {theme.name for theme in THEMES}:
        names = ", ".join(theme.name for theme in THEMES)
        problems.append(_problem(path, lines, ("theme",), f"must be one of {names}"))
    try:
        Keymap(found.keys)
    except KeyClash as error:
        problems += [_problem(path, lines, ("keys", name), said) for name, said in error.faults]
    return problems
