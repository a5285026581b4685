"""What we may do in a cluster, as the API server itself says: one SelfSubjectAccessReview for each right.

A review is posted and keeps nothing (https://kubernetes.io/docs/reference/access-authn-authz/authorization/).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from probes.base import Cause, Grant, ProbeError, Right, SafeText
from probes.kubernetes.act_once import ActingApi
from probes.kubernetes.complaints import Asked, status_of
from probes.kubernetes.parse import table

_NEEDED: Final = (
    ("read pods and workloads", "list", "", "pods", ""),
    ("read the logs of pods", "get", "", "pods", "log"),
    ("restart, roll back and set images of deployments", "patch", "apps", "deployments", ""),
    ("scale deployments", "patch", "apps", "deployments", "scale"),
    ("scale stateful sets", "patch", "apps", "statefulsets", "scale"),
    ("raise the minimum of autoscalers", "patch", "autoscaling", "horizontalpodautoscalers", ""),
    ("evict pods", "create", "", "pods", "eviction"),
)
"""(what it lets one do, verb, group, resource, subresource)."""
_TOO_MUCH: Final = (
    ("read secrets", "get", "", "secrets", ""),
    ("run programs in pods", "create", "", "pods", "exec"),
    ("delete deployments", "delete", "apps", "deployments", ""),
)


async def found(api: ActingApi, namespaces: Sequence[str]) -> list[Right]:
    """Each right our acts need, then what is more than they need."""
    namespace = namespaces[0] if namespaces else ""
    held = await asyncio.gather(*(_may(api, namespace, *right[1:]) for right in (*_NEEDED, *_TOO_MUCH)))
    rights = []
    for (what, verb, _, resource, part), may in zip((*_NEEDED, *_TOO_MUCH), held, strict=True):
        wanted = (what, verb, _, resource, part) in _NEEDED
        named = f"verb {verb} on {resource}{f'/{part}' if part else ''}"
        if may is None:
            rights.append(Right(what, Grant.UNKNOWN))
        elif wanted:
            remedy = "" if may else f"a Role with {named} in namespace {namespace or '(all)'}"
            rights.append(Right(what, Grant.HELD if may else Grant.MISSING, SafeText(remedy)))
        elif may:
            rights.append(Right(what, Grant.EXCESS, SafeText(f"take {named} away")))
    return rights


async def _may(api: ActingApi, namespace: str, verb: str, group: str, resource: str, part: str) -> bool | None:
    wanted = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": part}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": wanted},
    }

    async def nothing() -> None:
        """A review changes nothing: there is nothing to keep."""

    asked = Asked("create", "selfsubjectaccessreviews")
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    try:
        _, answer, refused = await api.send("POST", path, review, "application/json", asked, nothing, 5.0)
    except ProbeError as error:
        if error.cause is Cause.MISSING:
            return None
        raise
    allowed = table(status_of(answer).get("status")).get("allowed")
    return allowed if refused is None and isinstance(allowed, bool) else None
