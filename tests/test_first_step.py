"""The first step of somebody new: `make demo` installs what the demonstration is made of and no tool of ours."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import import_module, metadata
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from systems.stage import known
from tests.missing import missing

ROOT: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = {"tui", "widgets", "desk", "probes", "systems"}
TOOLS: Final = ("pip", "opsroom", "ruff", "mypy", "lint-imports")
DEMO: Final = "pip install --quiet --editable .[demo]"
DEV: Final = "pip install --quiet --editable .[dev]"


class Tree:
    """A fresh tree whose programs write down that they were called, and do nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._called = folder, folder / "called"
        (folder / "bin").mkdir()
        (folder / ".venv").mkdir()
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
        for name in TOOLS:
            (folder / "bin" / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {self._called}\n')
            (folder / "bin" / name).chmod(0o755)

    def make(self, target: str) -> list[str]:
        """Every program that one target called, with its arguments."""
        self._called.write_text("")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        command = ["make", target, "BIN=bin", "PYTHON=true"]
        done = subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return self._called.read_text().splitlines()

    def grow_old(self) -> None:
        """As if all that is installed had been so before the project's file changed."""
        for stamp in (self.folder / ".venv").iterdir():
            os.utime(stamp, (0, 0))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    if shutil.which("make") is None:
        missing("make is not installed")
    return Tree(tmp_path)


def test_the_demonstration_installs_itself_once_and_no_tool_of_ours(tree: Tree) -> None:
    assert tree.make("demo") == [DEMO, "opsroom demo"]
    assert tree.make("demo") == ["opsroom demo"]
    tree.grow_old()
    assert tree.make("demo") == [DEMO, "opsroom demo"]


def test_our_tools_come_with_the_first_target_that_needs_them(tree: Tree) -> None:
    tree.make("demo")
    assert tree.make("static")[0] == DEV
    assert DEV not in tree.make("static")
    assert tree.make("demo") == ["opsroom demo"]


def test_whoever_has_our_tools_waits_for_no_demonstration(tree: Tree) -> None:
    assert tree.make("static")[0] == DEV
    assert tree.make("demo") == ["opsroom demo"]


def imported() -> set[str]:
    """Packages of others that the worlds import, and those without which they say they can't be."""
    names = {name for system in known() for name in import_module(f"systems.{system}").NEEDS}
    for path in (ROOT / "systems").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - ROOMS


def applies(one: Requirement, extras: Iterable[str] = ()) -> bool:
    """Is it wanted on this machine, by whoever was asked for with these extras?"""
    return one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def installed() -> set[str]:
    """Distributions that come with what the demonstration installs, theirs included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (*project["dependencies"], *project["optional-dependencies"]["demo"])
    wanted = [one for one in map(Requirement, lines) if applies(one)]
    found: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        one = wanted.pop()
        this = (canonicalize_name(one.name), frozenset(one.extras))
        if this not in found:
            found.add(this)
            deeper = map(Requirement, metadata.requires(one.name) or ())
            wanted += [other for other in deeper if applies(other, one.extras)]
    return {name for name, _ in found}


def test_every_package_that_a_world_imports_comes_with_the_demonstration() -> None:
    owners, there = metadata.packages_distributions(), installed()
    asked = imported()
    assert {"supervisor", "bullmq", "psycopg"} <= asked
    assert {name for name in asked if not {canonicalize_name(one) for one in owners[name]} & there} == set()
