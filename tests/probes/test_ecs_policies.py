"""The policies under contrib/aws allow what the kinds `ecs` and `alb` ask for, and nothing else."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any, Final

from botocore import xform_name
from botocore.session import get_session

from probes.aws.ecs.act import NEEDED

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "probes" / "aws"
IAM: Final = {
    "ecs": "ecs", "elbv2": "elasticloadbalancing", "application-autoscaling": "application-autoscaling",
    "logs": "logs", "cloudwatch": "cloudwatch",
}  # fmt: skip
ACTING: Final = ("act", "history")
"""Modules of ECS that only acting uses."""
LOOKED_AT: Final = {
    "ecs:DescribeServices", "ecs:ListTasks", "ecs:DescribeTasks", "ecs:DescribeTaskDefinition",
    "elasticloadbalancing:DescribeTargetHealth", "application-autoscaling:DescribeScalableTargets",
}  # fmt: skip
"""What acting asks through modules that it shares with looking."""
SHARED: Final = (FOLDER / "metrics.py", FOLDER / "cloudwatch_logs" / "events.py")
"""What ECS reads figures and lines of logs with."""
CHANGING: Final = {"ecs:UpdateService", "ecs:StopTask", "application-autoscaling:RegisterScalableTarget"}


def operations() -> dict[str, str]:
    """Operations as boto3 names them -> as IAM does."""
    session = get_session()
    return {
        xform_name(name): f"{iam}:{name}"
        for service, iam in IAM.items()
        for name in session.get_service_model(service).operation_names
    }


def asked(*paths: Path) -> set[str]:
    """Every operation that stands in these modules."""
    known = operations()
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {known[text] for text in texts & known.keys()}


def listed(name: str, effect: str = "Allow") -> set[str]:
    policy: Any = json.loads((ROOT / "contrib" / "aws" / f"{name}.json").read_text("utf-8"))
    assert policy["Version"] == "2012-10-17"
    actions = [one["Action"] for one in policy["Statement"] if one["Effect"] == effect]
    return {name for one in actions for name in (one if isinstance(one, list) else [one])}


def modules(kind: str, acting: bool) -> list[Path]:
    return [path for path in (FOLDER / kind).glob("*.py") if (path.stem in ACTING) is acting]


def test_looking_at_services_is_allowed_what_it_asks_for_and_no_more() -> None:
    assert listed("ecs-read") == asked(*modules("ecs", acting=False), *SHARED)


def test_looking_at_load_balancers_is_allowed_what_it_asks_for_and_no_more() -> None:
    assert listed("alb-read") == asked(*modules("alb", acting=False), FOLDER / "metrics.py")


def test_acting_is_allowed_what_it_asks_for_and_no_more() -> None:
    own = asked(*modules("ecs", acting=True))
    assert own >= CHANGING
    assert listed("ecs-act") == own | LOOKED_AT
    assert listed("ecs-act", "Deny") & listed("ecs-act") == {"ecs:UpdateService"}, "only where it would open a shell"


def test_looking_changes_nothing() -> None:
    for name in ("ecs-read", "alb-read"):
        verbs = {action.partition(":")[2] for action in listed(name)}
        assert all(verb.startswith(("Describe", "List", "Get", "Filter")) for verb in verbs)


def test_the_doctor_asks_for_what_acting_needs() -> None:
    assert CHANGING <= set(NEEDED) <= listed("ecs-act")
