"""Getting the other tools: each into a virtual environment of its own under bench/out/peers, or from the system.

Nothing here touches the project's environment. A tool that cannot be had is a line in the results with its reason,
never a failed run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
PEERS: Final = HERE / "out" / "peers"
ROOMS: Final = ("tui", "widgets", "desk", "probes", "systems")
PATIENCE: Final = 240.0
"""Seconds one installation may take."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a tool comes from."""

    binary: str
    """The program's name, on PATH or in its own environment."""
    pip: str | None = None
    """A requirement, with its version."""
    apt: str | None = None
    """A Debian package."""


class NotInstalled(Exception):
    """The tool is not here; the text says why."""


def obtain(source: Source, *, install: bool) -> Path:
    """The program's path, after installing it where that is possible and allowed."""
    own = _environment(source) / "bin" / source.binary
    if not source.pip and (found := shutil.which(source.binary)):
        return Path(found)
    if not own.exists() and not install:
        raise NotInstalled("run without --no-install to get it")
    if source.pip:
        return own if own.exists() else _from_pip(source, own)
    return _from_apt(source)


def obtain_own() -> Path:
    """Opsroom as a person installs it: a wheel of this tree in an environment of its own, without our tools."""
    folder = PEERS / "opsroom"
    own = folder / "bin" / "opsroom"
    if not own.exists():
        _run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory(prefix="opsroom-tree-") as copy:
        _copy_tree(Path(copy))
        _run([*pip, copy])
    return own


def _copy_tree(to: Path) -> None:
    """What the wheel is made of, aside: building it here would leave traces."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HERE.parent / name, to / name)
    for room in ROOMS:
        shutil.copytree(HERE.parent / room, to / room, ignore=shutil.ignore_patterns("__pycache__"))


def _environment(source: Source) -> Path:
    return PEERS / re.sub(r"[^a-z0-9.]+", "-", (source.pip or source.binary).lower())


def _from_pip(source: Source, own: Path) -> Path:
    folder = _environment(source)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", str(source.pip)])
    if not own.exists():
        raise NotInstalled(f"{source.pip} has no program {source.binary}")
    return own


def _from_apt(source: Source) -> Path:
    if source.apt is None or shutil.which("apt-get") is None:
        raise NotInstalled("not on PATH")
    if os.getuid() != 0:
        raise NotInstalled(f"not on PATH; as root: apt-get install {source.apt}")
    _run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=60", "install", "--yes", "--no-install-recommends", source.apt],
        {"DEBIAN_FRONTEND": "noninteractive"},
    )
    found = shutil.which(source.binary)
    if found is None:
        raise NotInstalled(f"{source.apt} has no program {source.binary}")
    return Path(found)


def _run(command: list[str], extra: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command, env=os.environ | (extra or {}), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{Path(command[0]).name} took longer than {PATIENCE:.0f} s") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise NotInstalled(f"{Path(command[0]).name}: {last[:160]}")


def version_of(path: Path, flag: str) -> str:
    """The first version number the program prints; "?" where it prints none."""
    try:
        done = subprocess.run([str(path), flag], capture_output=True, text=True, timeout=20, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return "?"
    match = re.search(r"\d+\.\d+(?:\.\d+)*", done.stdout + done.stderr)
    return match[0] if match else "?"
