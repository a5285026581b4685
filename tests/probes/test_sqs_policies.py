"""The policies under contrib/aws for queues and secrets allow what is asked for, and nothing else."""

from __future__ import annotations

import ast
import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from botocore import xform_name
from botocore.session import get_session

from probes.aws.secrets.act import RIGHTS as SECRETS
from probes.aws.sqs.act import RIGHTS as SQS

ROOT: Final = Path(__file__).resolve().parents[2]
AWS: Final = ROOT / "probes" / "aws"
BATCHES: Final = {"ChangeMessageVisibilityBatch", "SendMessageBatch", "DeleteMessageBatch"}
"""Operations that IAM knows by the name of the one without Batch."""
ACTING: Final = {"sqs": ("act", "act_by_hand", "sight", "moves", "catalogue"), "secrets": ("act",)}
"""Modules that acting uses."""
SERVICES: Final = {"sqs": "sqs", "secrets": "secretsmanager"}
KINDS: Final = pytest.mark.parametrize("kind", SERVICES)


def called(paths: list[Path]) -> set[str]:
    """Every (service, operation) that is written as two texts side by side in a call, as IAM names it."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            texts = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
            for service, operation in pairwise(texts):
                known = service in (*SERVICES.values(), "cloudwatch")
                if known and isinstance(operation, str) and "-" not in operation:  # with one it is a word of a line
                    found.add(_as_iam(str(service), operation))
    return found


def _as_iam(service: str, operation: str) -> str:
    names = {xform_name(one): one for one in get_session().get_service_model(service).operation_names}
    name = names[operation]
    return f"{service}:{name.removesuffix('Batch') if name in BATCHES else name}"


def listed(kind: str, purpose: str, effect: str = "Allow") -> set[str]:
    policy: Any = json.loads((ROOT / "contrib" / "aws" / f"{kind}-{purpose}.json").read_text("utf-8"))
    assert policy["Version"] == "2012-10-17"
    assert len({one["Sid"] for one in policy["Statement"]}) == len(policy["Statement"])
    actions = [one["Action"] for one in policy["Statement"] if one["Effect"] == effect]
    return {name for one in actions for name in (one if isinstance(one, list) else [one])}


@KINDS
def test_looking_is_allowed_what_it_asks_for_and_no_more(kind: str) -> None:
    paths = [path for path in (AWS / kind).glob("*.py") if not path.stem.startswith("act")]
    paths += [AWS / "metrics.py"] if kind == "sqs" else []
    assert listed(kind, "read") == called(paths)
    taking = {"sqs:ReceiveMessage", "secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"}
    assert not listed(kind, "read") & taking


@KINDS
def test_acting_is_allowed_what_it_asks_for_and_no_more(kind: str) -> None:
    keys = {"kms:Decrypt", "kms:GenerateDataKey"}
    assert listed(kind, "act") - keys == called([AWS / kind / f"{name}.py" for name in ACTING[kind]])
    assert not listed(kind, "act") & listed(kind, "act", "Deny")
    assert all("*" not in name for name in listed(kind, "act"))


@KINDS
def test_the_doctor_asks_for_the_rights_that_acting_has_beyond_looking(kind: str) -> None:
    keys = {"kms:Decrypt", "kms:GenerateDataKey"}
    assert set(SQS if kind == "sqs" else SECRETS) == listed(kind, "act") - listed(kind, "read") - keys


@KINDS
def test_only_the_modules_that_act_name_an_operation_that_changes_something(kind: str) -> None:
    reading = ("Describe", "List", "Get")
    for path in (AWS / kind).glob("*.py"):
        changing = {one for one in called([path]) if not one.partition(":")[2].startswith(reading)}
        assert not changing or path.stem.startswith("act"), f"{path.name}: {changing}"
