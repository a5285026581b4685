"""Which of the rights an act needs the login has, as far as IAM tells: nothing is tried to find out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from probes.aws.calls import Calls
from probes.base import Cause, Grant, ProbeError, Right, SafeText

_ASSUMED: Final = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([^/]+)/.*")
_SILENT: Final = frozenset({Cause.DENIED, Cause.MISSING, Cause.GARBAGE, Cause.OVERLOADED, Cause.GONE, Cause.INTERNAL})
"""What IAM, or a place that only resembles it, answers where it can't be asked."""


async def rights(calls: Calls, needed: Mapping[str, str]) -> Sequence[Right]:
    """A right for each of `needed`: IAM's name ("sqs:PurgeQueue") -> what it lets one do ("purge a queue").

    Asks iam:SimulatePrincipalPolicy once; where that may not be asked, nobody can tell. What it tells leaves out
    policies of the resources and of the organisation
    (https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html).
    """
    whose = await calls.whose()
    try:
        answer = await calls.read(
            "iam", "simulate_principal_policy", PolicySourceArn=principal(str(whose.arn)), ActionNames=[*needed]
        )
    except ProbeError as error:
        if error.cause not in _SILENT:
            raise
        remedy = SafeText("allow iam:SimulatePrincipalPolicy on the login itself, to tell")
        return [Right(what, Grant.UNKNOWN, remedy) for what in needed.values()]
    told = {str(one.get("EvalActionName")): one.get("EvalDecision") for one in answer.get("EvaluationResults") or ()}
    return [_right(name, what, told.get(name)) for name, what in needed.items()]


def principal(arn: str) -> str:
    """The user or role behind a login; a role that was assumed is asked about as the role.

    >>> principal("arn:aws:sts::123456789012:assumed-role/ops/alice")
    'arn:aws:iam::123456789012:role/ops'
    """
    found = _ASSUMED.fullmatch(arn)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else arn


def _right(name: str, what: str, decision: object) -> Right:
    if decision == "allowed":
        return Right(what, Grant.HELD)
    if decision is None:
        return Right(what, Grant.UNKNOWN)
    return Right(what, Grant.MISSING, SafeText(f"allow {name} in the login's IAM policy"))
