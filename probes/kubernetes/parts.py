"""The parts of a reading: which sorts of objects are listed, how often, and what their absence means.

A part that fails costs itself: the others go on, and the reading says what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from probes.base import Cause, Gap, ProbeError, SafeText
from probes.kubernetes.api import MOST, KubeApi, Resource
from probes.kubernetes.complaints import Throttled
from probes.kubernetes.events import certificate, event
from probes.kubernetes.facts import Pod
from probes.kubernetes.network import endpoint_addresses, ingress, service, slice_addresses
from probes.kubernetes.nodes import node, node_use, pod_use
from probes.kubernetes.parse import Row
from probes.kubernetes.pods import pod
from probes.kubernetes.scaling import autoscaler, budget
from probes.kubernetes.workloads import cronjob, daemonset, deployment, job, statefulset

SELDOM: Final = 6
"""What changes slowly, and what we may not read, is read each so many readings; the first always."""
_FIRST: Final = 0.7
"""Seconds of the first reading that go to the pages of a long list: something must be seen soon."""
_PATIENCE: Final = 0.6
"""Share of a reading's time a part may take that is not essential."""


@dataclass(frozen=True, slots=True)
class Part:
    """One sort of object."""

    name: str
    """As `discovery` names it."""
    said: str
    """What is missing without it, in a person's words."""
    keep: Callable[[Row], Any]
    seldom: bool = False
    selected: bool = False
    """The profile's label selector narrows it."""
    query: Mapping[str, str] = field(default_factory=dict)
    absent: str = ""
    """What is not installed when the cluster does not serve it."""
    most: int = MOST
    long: bool = False
    """It may have very many pages: the first reading takes some of them."""


PARTS: Final = (
    Part("nodes", "nodes", node),
    Part("deployments", "deployments", deployment, selected=True),
    Part("statefulsets", "statefulsets", statefulset, selected=True),
    Part("daemonsets", "daemonsets", daemonset, selected=True),
    Part("horizontalpodautoscalers", "autoscalers", autoscaler),
    Part("nodemetrics", "cpu and memory of nodes", node_use, seldom=True, absent="metrics-server"),
    Part("podmetrics", "cpu and memory of pods", pod_use, seldom=True, absent="metrics-server", long=True),
    Part("poddisruptionbudgets", "disruption budgets", budget, seldom=True),
    Part("jobs", "jobs", job, seldom=True, selected=True),
    Part("cronjobs", "cron jobs", cronjob, seldom=True, selected=True),
    Part("services", "services", service, seldom=True),
    Part("endpointslices", "what answers behind services", slice_addresses, seldom=True),
    Part("ingresses", "ingresses", ingress, seldom=True),
    Part("events", "events", event, seldom=True, query={"fieldSelector": "type!=Normal"}, most=3000),
    Part("certificates", "certificates", certificate, seldom=True, absent="cert-manager"),
)
"""All but the pods, which are essential."""


@dataclass(slots=True)
class Kept:
    """What the newest reading of each part gave."""

    found: dict[str, list[Any]] = field(default_factory=dict)
    gaps: dict[str, Gap] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    pods: dict[str, Pod] = field(default_factory=dict)
    """By uid."""


class Parts:
    """Reads the parts that are due and remembers the others."""

    def __init__(self, api: KubeApi, namespaces: Sequence[str], selector: str, timeout: float) -> None:
        """`timeout` in seconds for a whole reading."""
        self._api = api
        self._namespaces = namespaces
        self._selector = selector
        self._timeout = timeout
        self._readings = 0
        self._served: Mapping[str, Resource] = {}
        self.kept = Kept()
        self.moved = False
        """The cluster does not know something that it said it serves: it was changed, and wants to be met anew."""

    async def read(self, served: Mapping[str, Resource], everything: bool) -> None:
        """Read what is due; `everything` when somebody looks at it closely. Raises `ProbeError`."""
        turn = self._readings % SELDOM == 0
        renewed, self._served, self.moved = served != self._served, served, False
        wanted = (self._served_instead(one, served) for one in PARTS)
        due = [one for one in wanted if self._is_due(one, everything, turn, renewed)]
        reading = asyncio.gather(*(self._part(one, served.get(one.name)) for one in due))
        try:
            pods: list[Pod] | ProbeError = await self._pods(served["pods"])
        except ProbeError as error:
            pods = error
        except asyncio.CancelledError:
            reading.cancel()
            raise
        results = await reading
        self._fail_if_essential(pods, results, due)
        for one, result in zip(due, results, strict=True):
            self._take(one, result)
        if isinstance(pods, ProbeError):
            self.kept.gaps["pods"] = Gap("pods", pods.cause, pods.hint)
            self.kept.pods = {}
        self.kept.absent = tuple(dict.fromkeys(one.absent for one in PARTS if one.absent and one.name not in served))
        self._readings += 1

    def _is_due(self, part: Part, everything: bool, turn: bool, renewed: bool) -> bool:
        gap = self.kept.gaps.get(part.name)
        begun = self._readings == 1 and f"more {part.name}" in self.kept.gaps
        if turn or begun or (part.name not in self.kept.found and gap is None):
            return True
        if renewed and gap is not None and gap.cause is Cause.MISSING:
            return True
        if gap is not None and gap.cause.state.value in ("DENIED", "UNSUPPORTED"):
            return False
        return everything or not part.seldom or gap is not None

    @staticmethod
    def _served_instead(part: Part, served: Mapping[str, Resource]) -> Part:
        """Endpoints where there are no slices of them."""
        if part.name != "endpointslices" or part.name in served:
            return part
        return Part("endpoints", part.said, endpoint_addresses, seldom=True)

    def _fail_if_essential(
        self, pods: list[Pod] | ProbeError, others: Iterable[list[Any] | ProbeError], due: Sequence[Part]
    ) -> None:
        """A reading without pods is one only when it is a matter of rights, and something else may be read."""
        if not isinstance(pods, ProbeError):
            return
        if pods.cause is not Cause.DENIED:
            raise pods
        often = [one for part, one in zip(due, others, strict=True) if not part.seldom]
        if all(isinstance(one, ProbeError) for one in often):
            raise pods

    def _take(self, part: Part, result: list[Any] | ProbeError) -> None:
        if isinstance(result, ProbeError):
            if result.cause in (Cause.AUTH, Cause.CLOCK):
                raise result
            self.kept.found.pop(part.name, None)
            self.moved = self.moved or (result.cause is Cause.MISSING and part.name in self._served)
            hint = result.message if isinstance(result, Throttled) else result.hint or result.message
            self.kept.gaps[part.name] = Gap(part.said, result.cause, hint)
        else:
            self.kept.gaps.pop(part.name, None)
            self.kept.found[part.name] = result

    async def _part(self, part: Part, resource: Resource | None) -> list[Any] | ProbeError:
        if resource is None:
            words = f"{part.absent} is not installed" if part.absent else "this cluster does not serve them"
            return ProbeError(Cause.MISSING, words, words)
        try:
            async with asyncio.timeout(self._timeout * _PATIENCE):
                return await self._listed(part, resource)
        except ProbeError as error:
            return error
        except TimeoutError:
            return ProbeError(Cause.TIMEOUT_READ, f"no answer in {self._timeout * _PATIENCE:g} s")

    async def _listed(self, part: Part, resource: Resource) -> list[Any]:
        query = dict(part.query)
        if part.selected and self._selector:
            query["labelSelector"] = self._selector
        places = self._namespaces if resource.namespaced else ("",)
        lists = await asyncio.gather(
            *(
                self._api.listed(
                    resource, part.keep, place, query, most=part.most, within=self._within if part.long else None
                )
                for place in places
            )
        )
        if left := sum(one.left for one in lists):
            self.kept.gaps[f"more {part.name}"] = self._more(part.said, left)
        else:
            self.kept.gaps.pop(f"more {part.name}", None)
        return [item for one in lists for item in one.items]

    async def _pods(self, resource: Resource) -> list[Pod]:
        known = self.kept.pods
        query = {"labelSelector": self._selector} if self._selector else {}
        lists = await asyncio.gather(
            *(
                self._api.listed(resource, lambda item: pod(item, known), place, query, most=MOST, within=self._within)
                for place in self._namespaces
            )
        )
        found = [item for one in lists for item in one.items]
        self.kept.pods = {one.uid: one for one in found}
        self.kept.gaps.pop("pods", None)
        self.kept.gaps.pop("more pods", None)
        if left := sum(one.left for one in lists):
            self.kept.gaps["more pods"] = self._more("pods", left)
        return found

    @property
    def _within(self) -> float | None:
        """Seconds for the pages of a long list in this reading."""
        return None if self._readings else _FIRST

    def _more(self, said: str, left: int) -> Gap:
        hint = "name namespaces or a selector" if self._readings else "follow soon"
        return Gap(f"{left} or more further {said}", Cause.TOO_BIG, SafeText(hint))
