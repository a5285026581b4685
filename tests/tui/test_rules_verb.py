"""`opsroom config rules`: every rule with its limit and where that comes from, without opening anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from desk.profile import parse
from tui.kinds import Kinds
from tui.verbs_rules import listed, table

PROFILE = """system = "shop"
[host.web]
[postgres.main]
[metrics.app]
url = "http://127.0.0.1:1/metrics"
[[metrics.app.tile]]
name = "users"
from = "shop_users"
warning = 10
[[rule]]
name = "disk"
kind = "host"
threshold = 0.7
"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(PROFILE)
    return path


def test_each_limit_is_told_with_where_it_comes_from() -> None:
    found = {
        (one.target, one.rule): (one.when, one.handling.origin)
        for one in listed(parse(PROFILE, Kinds(), "shop.toml"), Kinds())
    }
    assert found["web", "disk"] == ("disk_used_ratio > 70 %, clears at 69 %", "shop.toml:10")
    assert found["web", "inodes"] == ("inodes_used_ratio > 90 %, clears at 89 %", "Opsroom's default")
    assert found["main", "cache-hit"][0].endswith("needs block_reads >= 1,000")
    assert found["app", "users-warning"] == ("tile_users > 10", "its table in the profile")


def test_nothing_in_force_is_said() -> None:
    assert table([]) == "no rule is in force"


def call(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tui", "config", "rules", *words]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=environ)


def test_the_verb_tells_of_one_target_and_of_what_is_ours(profile: Path) -> None:
    told = json.loads(call("web", "--json", "-P", str(profile)).stdout)
    assert {one["target"] for one in told} == {"web"}
    assert {one["from"] for one in told} == {"Opsroom's default", "shop.toml:10"}
    ours = call("web", "--ours", "-P", str(profile)).stdout.splitlines()
    assert len(ours) == len(told) - 1
    assert all(line.endswith("Opsroom's default") for line in ours)


def test_a_target_that_is_not_there_is_refused_with_a_guess(profile: Path) -> None:
    found = call("wep", "-P", str(profile))
    assert (found.returncode, found.stderr) == (
        2, "opsroom: wep is not a target of this profile; did you mean web?\n",
    )  # fmt: skip
