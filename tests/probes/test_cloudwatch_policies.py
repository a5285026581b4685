"""The policies under contrib/aws allow what the kinds of CloudWatch ask for, and nothing else."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any, Final

import pytest
from botocore import xform_name
from botocore.session import get_session

from probes.aws.cloudwatch.act import NEEDED as ALARM_RIGHTS
from probes.aws.cloudwatch_logs.act import NEEDED as LOG_RIGHTS

ROOT: Final = Path(__file__).resolve().parents[2]
LOOKING_BEFORE: Final = {
    "cloudwatch": {"cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"},
    "cloudwatch_logs": {"logs:DescribeLogGroups", "logs:DescribeLogStreams"},
}
"""What acting looks at, by the modules it shares with looking."""
KINDS: Final = pytest.mark.parametrize(("kind", "service"), [("cloudwatch", "cloudwatch"), ("cloudwatch_logs", "logs")])


def asked(kind: str, service: str, acting: bool) -> set[str]:
    """Every operation of the service that stands in the modules that look, or in those that act."""
    names = {xform_name(one): one for one in get_session().get_service_model(service).operation_names}
    folder = ROOT / "probes" / "aws"
    paths = [path for path in (folder / kind).glob("*.py") if path.stem.startswith("act") is acting]
    if any("from probes.aws.metrics import" in path.read_text("utf-8") for path in paths):
        paths.append(folder / "metrics.py")
    texts = {
        node.value
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {f"{service}:{names[text]}" for text in texts & names.keys()}


def listed(kind: str, purpose: str, effect: str = "Allow") -> set[str]:
    policy: Any = json.loads((ROOT / "contrib" / "aws" / f"{kind}-{purpose}.json").read_text("utf-8"))
    assert policy["Version"] == "2012-10-17"
    actions = [one["Action"] for one in policy["Statement"] if one["Effect"] == effect]
    return {name for one in actions for name in (one if isinstance(one, list) else [one])}


@KINDS
def test_looking_is_allowed_what_it_asks_for_and_no_more(kind: str, service: str) -> None:
    assert listed(kind, "read") == asked(kind, service, acting=False)


@KINDS
def test_acting_is_allowed_what_it_asks_for_and_no_more(kind: str, service: str) -> None:
    assert listed(kind, "act") == asked(kind, service, acting=True) | LOOKING_BEFORE[kind]
    assert not listed(kind, "act") & listed(kind, "act", "Deny")
    assert "*" not in json.dumps(sorted(listed(kind, "act")))


@KINDS
def test_the_doctor_asks_for_the_rights_that_change_something(kind: str, service: str) -> None:
    needed = {"cloudwatch": ALARM_RIGHTS, "cloudwatch_logs": LOG_RIGHTS}[kind]
    assert set(needed) == listed(kind, "act") - LOOKING_BEFORE[kind]
    changing = asked(kind, service, acting=True) - {f"{service}:DescribeLogStreams"}
    assert changing == set(needed)
