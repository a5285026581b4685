"""The files that stand in a world's package, as one run of it needs them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from systems.engines import postgres_programs


def filled(system: str, name: str, folder: Path, ports: Mapping[str, int]) -> str:
    """A file with this run's values for what stands in braces.

    These are `{folder}`, the ports (`{web_port}`), `{python}`, and `{programs}`, the folder of PostgreSQL's own.
    """
    text = files(f"systems.{system}").joinpath(name).read_text(encoding="utf-8")
    values = {"folder": folder, "python": sys.executable, "programs": postgres_programs() or "/usr/bin"}
    for word, value in {**values, **{f"{name}_port": port for name, port in ports.items()}}.items():
        text = text.replace("{" + word + "}", str(value))
    return text
