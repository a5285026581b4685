"""The policies under contrib/aws for databases, caches and backups allow what is asked for, and nothing else."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from botocore import xform_name
from botocore.session import get_session

from probes.aws.elasticache import act as elasticache_act
from probes.aws.rds import act as rds_act
from probes.aws.s3.probe import RIGHTS

ROOT: Final = Path(__file__).resolve().parents[2]
AWS: Final = ROOT / "probes" / "aws"
SERVICES: Final = {"rds": ("rds", "ec2"), "elasticache": ("elasticache",), "s3": ("s3",)}
ACTING: Final = {"rds": ("act", "sight"), "elasticache": ("act", "sight", "policies")}
"""Modules that acting uses, beside the events it reads and the metric it asks for."""
ACTS: Final = pytest.mark.parametrize("kind", ACTING)
MARKING: Final = "rds:AddTagsToResource"
"""Not called: tags go with what is made."""


@cache
def operations(kind: str) -> dict[str, str]:
    """What the library calls an operation -> its name in IAM."""
    session = get_session()
    return {
        xform_name(name): f"{service}:{name}"
        for service in SERVICES[kind]
        for name in session.get_service_model(service).operation_names
    }


def called(kind: str, paths: Iterable[Path]) -> set[str]:
    """Every operation of the kind's services that is written in a text."""
    known = operations(kind)
    texts = {
        node.value
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {RIGHTS[text] if kind == "s3" else known[text] for text in texts & known.keys()}


def listed(kind: str, purpose: str, effect: str = "Allow") -> set[str]:
    policy: Any = json.loads((ROOT / "contrib" / "aws" / f"{kind}-{purpose}.json").read_text("utf-8"))
    assert policy["Version"] == "2012-10-17"
    assert len({one["Sid"] for one in policy["Statement"]}) == len(policy["Statement"])
    actions = [one["Action"] for one in policy["Statement"] if one["Effect"] == effect]
    return {name for one in actions for name in (one if isinstance(one, list) else [one])}


def modules(kind: str) -> list[Path]:
    return sorted((AWS / kind).glob("*.py"))


@pytest.mark.parametrize("kind", SERVICES)
def test_looking_is_allowed_what_it_asks_for_and_no_more(kind: str) -> None:
    metrics = {"cloudwatch:GetMetricData"} if kind != "s3" else set()
    looking = [path for path in modules(kind) if not path.stem.startswith("act") and path.stem != "policies"]
    assert listed(kind, "read") == called(kind, looking) | metrics
    assert all("*" not in name for name in listed(kind, "read"))


@ACTS
def test_acting_is_allowed_what_it_asks_for_and_no_more(kind: str) -> None:
    asked = called(kind, [AWS / kind / f"{name}.py" for name in ACTING[kind]])
    asked |= {f"{kind}:DescribeEvents", "cloudwatch:GetMetricData"} | ({MARKING} if kind == "rds" else set())
    assert listed(kind, "act") == asked
    assert not listed(kind, "act") & listed(kind, "act", "Deny")
    assert all("*" not in name for name in listed(kind, "act"))


@ACTS
def test_the_doctor_asks_for_the_rights_that_change_something(kind: str) -> None:
    needed = (rds_act if kind == "rds" else elasticache_act)._NEEDED
    changing = {
        name for name in listed(kind, "act") if not name.partition(":")[2].startswith(("Describe", "Get", "List"))
    }
    assert set(needed) == changing


@pytest.mark.parametrize("kind", SERVICES)
def test_only_the_module_that_acts_names_an_operation_that_changes_something(kind: str) -> None:
    reading = ("describe_", "list_", "get_", "head_", "download_")
    for path in modules(kind):
        if path.stem != "act":
            asked = called_if_known(kind, path)
            names = {name for name, iam in operations(kind).items() if iam in asked}
            assert all(name.startswith(reading) for name in names), path


def called_if_known(kind: str, path: Path) -> set[str]:
    known = operations(kind)
    texts = {
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {known[text] for text in texts & known.keys()}


@ACTS
def test_nothing_that_deletes_or_stops_is_ever_allowed(kind: str) -> None:
    words = ("Delete", "Stop", "Purge", "Terminate")
    assert not [name for name in listed(kind, "act") if name.partition(":")[2].startswith(words)]
    assert [name for name in listed(kind, "act", "Deny") if name.partition(":")[2].startswith("Delete")]
