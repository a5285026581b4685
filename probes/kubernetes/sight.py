"""What an act rests on: one object as it is now, with what bounds it. Only reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.kubernetes.api import KubeApi, Resource
from probes.kubernetes.complaints import Asked
from probes.kubernetes.facts import Autoscaler, Budget, Pod, Workload
from probes.kubernetes.parse import Row, raw, rows, table, whole
from probes.kubernetes.pods import pod
from probes.kubernetes.rollouts import PLURALS
from probes.kubernetes.scaling import autoscaler, budget
from probes.kubernetes.workloads import daemonset, deployment, statefulset

_BUILD: Final[Mapping[str, Callable[[Row], Workload | None]]] = {
    "deployment": deployment,
    "statefulset": statefulset,
    "daemonset": daemonset,
}


@dataclass(frozen=True, slots=True)
class Named:
    """A row taken apart: "deployment/shop/web"."""

    kind: str
    namespace: str
    name: str

    @property
    def row(self) -> str:
        """The row again."""
        return f"{self.kind}/{self.namespace}/{self.name}"


def named(row: str) -> Named:
    """The object a row means. Raises `ProbeError` for rows that nothing is done to."""
    kind, _, rest = row.partition("/")
    namespace, _, name = rest.partition("/")
    if kind not in (*_BUILD, "pod", "hpa") or not namespace or not name:
        raise ProbeError(Cause.MISSING, f"nothing can be done to {SafeText(row, 100)}")
    return Named(kind, namespace, name)


@dataclass(frozen=True, slots=True)
class Seen:
    """A workload as it is now."""

    one: Workload
    item: Row
    """As it came."""
    resource: Resource
    scaler: Autoscaler | None = None
    """What owns the number of its pods."""
    scaler_unseen: bool = False
    """True when whether there is one may not be read."""

    @property
    def generation(self) -> int:
        """Number of the newest change of its specification."""
        number = table(self.item.get("metadata")).get("generation")
        return number if isinstance(number, int) else 0

    @property
    def template(self) -> Row:
        """The template of its pods."""
        return table(table(self.item.get("spec")).get("template"))

    @property
    def digest(self) -> str:
        """What tells this template from any other."""
        return hashlib.sha256(json.dumps(self.template, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def kept(self) -> int:
        """Pods of a StatefulSet that a rollout leaves as they are: those below its partition."""
        rolling = table(table(table(self.item.get("spec")).get("updateStrategy")).get("rollingUpdate"))
        return min(self.one.desired, whole(rolling.get("partition"))) if self.one.kind == "statefulset" else 0


class Sight:
    """Looks at single objects of a cluster."""

    def __init__(self, api: KubeApi, served: Mapping[str, Resource]) -> None:
        self.api = api
        self.served = served

    async def workload(self, one: Named) -> Seen:
        """A workload and its autoscaler. `ProbeError(Cause.GONE)` when it is not there any more."""
        resource = self.resource(PLURALS[one.kind])
        item = await self._object(resource, one)
        built = _BUILD[one.kind](item)
        if built is None:
            raise ProbeError(Cause.GARBAGE, f"{one.row} has no name or uid")
        try:
            return Seen(built, item, resource, await self._scaler_of(one))
        except ProbeError as error:
            if error.cause is not Cause.DENIED:
                raise
            return Seen(built, item, resource, scaler_unseen=True)

    async def scaler(self, one: Named) -> tuple[Autoscaler, Row, Resource]:
        """An autoscaler: by its own row, or by that of what it scales."""
        resource = self.resource("horizontalpodautoscalers")
        if one.kind != "hpa":
            found = await self._scaler_of(one)
            if found is None:
                raise ProbeError(Cause.MISSING, f"{one.name} has no autoscaler")
            one = Named("hpa", one.namespace, str(found.name))
        item = await self._object(resource, one)
        built = autoscaler(item)
        if built is None:
            raise ProbeError(Cause.GARBAGE, f"{one.row} has no name or uid")
        return built, item, resource

    async def pod(self, one: Named) -> tuple[Pod, Row]:
        """A pod. `ProbeError(Cause.GONE)` when it is not there any more."""
        item = await self._object(self.resource("pods"), one)
        built = pod(item)
        if built is None:
            raise ProbeError(Cause.GARBAGE, f"{one.row} has no name or uid")
        return built, item

    async def if_pod(self, one: Named) -> Pod | None:
        """A pod, or None when there is none of that name."""
        try:
            return (await self.pod(one))[0]
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return None
            raise

    async def siblings(self, namespace: str, controller: str) -> list[Pod]:
        """The pods that one controller, named by its uid, has made."""

        def keep(item: Row) -> Pod | None:
            return pod(item) if controller_of(item) == controller else None

        return (await self.api.listed(self.resource("pods"), keep, namespace)).items

    async def budgets(self, item: Row, namespace: str) -> list[Budget]:
        """The disruption budgets that protect a pod, by their labels."""
        resource = self.served.get("poddisruptionbudgets")
        if resource is None:
            return []
        labels = table(table(item.get("metadata")).get("labels"))

        def keep(budget_item: Row) -> Budget | None:
            wanted = table(table(budget_item.get("spec")).get("selector"))
            return budget(budget_item) if _selects(wanted, labels) else None

        return (await self.api.listed(resource, keep, namespace)).items

    def resource(self, name: str) -> Resource:
        """A sort of object. `ProbeError(Cause.MISSING)` when this cluster does not serve it."""
        found = self.served.get(name)
        if found is None:
            raise ProbeError(Cause.MISSING, f"this cluster does not serve {name}")
        return found

    async def _object(self, resource: Resource, one: Named) -> Row:
        asked = Asked("get", resource.name, one.namespace, one.name)
        return table(await self.api.get(resource.path(one.namespace, one.name), asked))

    async def _scaler_of(self, one: Named) -> Autoscaler | None:
        resource = self.served.get("horizontalpodautoscalers")
        if resource is None or one.kind == "daemonset":
            return None

        def keep(item: Row) -> Autoscaler | None:
            found = autoscaler(item)
            return found if found is not None and found.target == one.row else None

        found = (await self.api.listed(resource, keep, one.namespace)).items
        return found[0] if found else None


def controller_of(item: Row) -> str:
    """Uid of what made an object; empty when nothing did."""
    owners = rows(table(item.get("metadata")).get("ownerReferences"))
    return next((raw(one.get("uid"), 64) for one in owners if one.get("controller") is True), "")


def _selects(selector: Row, labels: Row) -> bool:
    """Whether a label selector means an object with these labels; an empty one means all of them
    (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)."""
    if any(labels.get(key) != value for key, value in table(selector.get("matchLabels")).items()):
        return False
    return all(_holds(one, labels) for one in rows(selector.get("matchExpressions")))


def _holds(expression: Row, labels: Row) -> bool:
    key, values = raw(expression.get("key")), expression.get("values")
    among = labels.get(key) in (values if isinstance(values, list) else [])
    known: dict[Any, bool] = {
        "In": among,
        "NotIn": not among,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return known.get(expression.get("operator"), True)
