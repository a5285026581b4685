"""The simulated cluster's API over HTTP: discovery, lists, objects, logs, metrics, patches, evictions, deletions.

As https://kubernetes.io/docs/reference/using-api/ describes it, as far as somebody who watches and acts needs it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from systems.social_live.documents import NODE_CPU, SERVED
from systems.social_live.kubelet import Kubelet, Life
from systems.social_live.store import NAMESPACE, Conflict, Doc, Store, matches, selected, stamp
from systems.web import PLAIN, Answer, Asked, told

_CORE: Final = (
    "pods",
    "nodes",
    "services",
    "events",
    "configmaps",
    "namespaces",
    "endpoints",
    "replicationcontrollers",
)
_GROUPS: Final = "APIGroupDiscoveryList"
_BEAT: Final = 0.2
"""Seconds between two looks for new lines of a log that is followed."""
_NODE_BYTES: Final = 900 << 20
"""Memory of a node before any pod."""


class ApiServer:
    """Answers for one cluster."""

    def __init__(self, store: Store, kubelet: Kubelet) -> None:
        self._store = store
        self._kubelet = kubelet
        self._began = time.monotonic()

    async def answer(self, request: Asked) -> Answer:
        """What the API says to one request."""
        words = request.path.strip("/").split("/")
        if words == ["version"]:
            return told({"major": "1", "minor": "32", "gitVersion": "v1.32.1-simulated"})
        if words == ["apis"]:
            return told(_discovery(_GROUPS in request.headers.get("accept", "")))
        if words[0] == "apis" and len(words) == 3:
            names = SERVED.get(words[1], {}).get(words[2])
            return (
                told({"resources": [{"name": one} for one in names]})
                if names
                else _no(404, "NotFound", "no such group")
            )
        if words[-1] == "selfsubjectaccessreviews":
            return told({"kind": "SelfSubjectAccessReview", "status": {"allowed": _may(request.document())}}, 201)
        group, rest = ("", words[2:]) if words[0] == "api" else (words[1], words[3:]) if len(words) > 3 else ("", [])
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        if not rest or not self._serves(group, words, rest[0]):
            return _no(404, "NotFound", "the server could not find the requested resource")
        if len(rest) == 1:
            return self._list(group, rest[0], namespace, request)
        return self._one(group, rest, namespace, request)

    @staticmethod
    def _serves(group: str, words: list[str], plural: str) -> bool:
        return plural in (_CORE if not group else SERVED.get(group, {}).get(words[2], ()))

    # reading

    def _list(self, group: str, plural: str, namespace: str, request: Asked) -> Answer:
        found = self._docs(group, plural)
        if namespace:
            found = [doc for doc in found if doc["metadata"].get("namespace") == namespace]
        found = _with_fields(selected(found, request.query.get("labelSelector", "")), request.query)
        begin = int(request.query.get("continue") or 0)
        limit = int(request.query.get("limit") or 0) or len(found) + 1
        page, left = found[begin : begin + limit], len(found) - begin - limit
        if "PartialObjectMetadata" in request.headers.get("accept", ""):
            page = [{"metadata": doc["metadata"]} for doc in page]
        more = {"continue": str(begin + limit), "remainingItemCount": left} if left > 0 else {}
        return told({"kind": "List", "metadata": {"resourceVersion": "1", **more}, "items": page})

    def _docs(self, group: str, plural: str) -> list[Doc]:
        made: dict[tuple[str, str], Callable[[], list[Doc]]] = {
            ("metrics.k8s.io", "pods"): self._pod_metrics,
            ("metrics.k8s.io", "nodes"): self._node_metrics,
            ("discovery.k8s.io", "endpointslices"): self._slices,
            ("policy", "poddisruptionbudgets"): self._budgets,
        }
        make = made.get((group, plural))
        return make() if make is not None else self._store.all(plural)

    def _pod_metrics(self) -> list[Doc]:
        return [
            {
                "metadata": {"name": life.name, "namespace": NAMESPACE},
                "containers": [{"name": life.app, "usage": _usage(life.cpu, life.memory)}],
            }
            for life in self._kubelet.lives.values()
            if life.runs
        ]

    def _node_metrics(self) -> list[Doc]:
        found = []
        for node in self._store.all("nodes"):
            name = node["metadata"]["name"]
            lives = [life for life in self._kubelet.lives.values() if life.doc["spec"].get("nodeName") == name]
            cpu = min(NODE_CPU, 0.2 + sum(life.cpu for life in lives))
            memory = _NODE_BYTES + sum(life.memory for life in lives)
            found.append({"metadata": {"name": name}, "usage": _usage(cpu, memory)})
        return found

    def _slices(self) -> list[Doc]:
        found = []
        for service in self._store.all("services"):
            name = service["metadata"]["name"]
            behind = self._kubelet.of(service["spec"]["selector"]["app"])
            endpoints = [
                {"addresses": [life.doc["status"]["podIP"]], "conditions": {"ready": life.serves}}
                for life in behind
                if "podIP" in life.doc["status"]
            ]
            labels = {"kubernetes.io/service-name": name}
            found.append(
                {"metadata": {"name": f"{name}-1", "namespace": NAMESPACE, "labels": labels}, "endpoints": endpoints}
            )
        return found

    def _budgets(self) -> list[Doc]:
        for budget in self._store.all("poddisruptionbudgets"):
            behind = self._behind(budget)
            healthy, least = sum(life.serves for life in behind), budget["spec"]["minAvailable"]
            budget["status"] = {
                "currentHealthy": healthy,
                "desiredHealthy": least,
                "expectedPods": len(behind),
                "disruptionsAllowed": max(0, healthy - least),
            }
        return self._store.all("poddisruptionbudgets")

    def _behind(self, budget: Doc) -> list[Life]:
        labels = budget["spec"]["selector"]["matchLabels"]
        return [life for life in self._kubelet.lives.values() if matches(labels, life.doc) and life.ending is None]

    # one object

    def _one(self, group: str, rest: list[str], namespace: str, request: Asked) -> Answer:
        plural, name, *part = rest
        if part == ["proxy", "stats", "summary"]:
            return self._summary(name)
        doc = next(
            (
                one
                for one in self._docs(group, plural)
                if one["metadata"]["name"] == name and one["metadata"].get("namespace", "") == namespace
            ),
            None,
        )
        if doc is None:
            return _no(404, "NotFound", f'{plural} "{name}" not found', name=name)
        if part == ["log"]:
            return self._log(doc, request)
        try:
            match request.method, part:
                case "GET", []:
                    return told(doc)
                case "PATCH", [] | ["scale"]:
                    self._store.patch(doc, request.document(), "strategic" in request.headers.get("content-type", ""))
                    return told(doc)
                case "POST", ["eviction"]:
                    return self._evict(doc, request.document())
                case "DELETE", [] if plural == "pods":
                    return self._end(doc, request.document())
        except Conflict as error:
            return _no(409, "Conflict", str(error), name=name)
        return _no(405, "MethodNotAllowed", "this cluster is simulated and can't do that", name=name)

    def _log(self, doc: Doc, request: Asked) -> Answer:
        life = self._kubelet.lives.get(doc["metadata"]["uid"])
        if life is None or not life.runs or request.query.get("previous") == "true":
            why = "previous terminated container not found" if life and life.runs else "container is waiting to start"
            return _no(400, "BadRequest", why)
        tail = int(request.query.get("tailLines") or len(life.lines))
        kept = list(life.lines)[-tail:] if tail else []
        if request.query.get("follow") == "true":
            return Answer(kind=PLAIN, stream=_followed(life, kept))
        return Answer(200, b"".join(kept), PLAIN)

    def _summary(self, name: str) -> Answer:
        passed = time.monotonic() - self._began
        sent = [life for life in self._kubelet.lives.values() if life.doc["spec"].get("nodeName") == name]
        bytes_ = int((passed + 3600) * 120_000 * (1 + len(sent)))
        network = {
            "time": stamp(),
            "name": "eth0",
            "rxBytes": bytes_ // 3,
            "txBytes": bytes_,
            "rxErrors": 0,
            "txErrors": 0,
        }
        return told({"node": {"nodeName": name, "network": network}})

    def _evict(self, doc: Doc, asked: Any) -> Answer:
        for budget in self._budgets():
            if matches(budget["spec"]["selector"]["matchLabels"], doc) and budget["status"]["disruptionsAllowed"] < 1:
                life = self._kubelet.lives.get(doc["metadata"]["uid"])
                if life is not None and not life.serves:
                    continue  # what serves nobody is not missed
                about = budget["metadata"]["name"]
                said = f"The disruption budget {about} needs {budget['spec']['minAvailable']} healthy pods"
                cause = [{"reason": "DisruptionBudget", "message": said}]
                return _no(429, "TooManyRequests", "Cannot evict pod as it would violate the budget", causes=cause)
        return self._end(doc, asked.get("deleteOptions", {}) if isinstance(asked, dict) else {}, 201)

    def _end(self, doc: Doc, options: Any, status: int = 200) -> Answer:
        wanted = options.get("preconditions", {}).get("uid") if isinstance(options, dict) else None
        if wanted not in (None, doc["metadata"]["uid"]):
            raise Conflict(f"the pod's uid is {doc['metadata']['uid']} now")
        self._kubelet.end(doc)
        return told({"kind": "Status", "status": "Success", "metadata": {}}, status)


async def _followed(life: Life, kept: list[bytes]) -> AsyncGenerator[bytes, None]:
    """The lines there are, then those that come, until the pod is gone."""
    said = life.said
    if kept:
        yield b"".join(kept)
    while life.ending is None or time.monotonic() - life.ending < 1:
        await asyncio.sleep(_BEAT)
        fresh, said = min(life.said - said, len(life.lines)), life.said
        yield b"".join(list(life.lines)[-fresh:] if fresh else [])


def _usage(cpu: float, memory: float) -> Doc:
    return {"cpu": f"{cpu * 1e9:.0f}n", "memory": f"{memory / 1024:.0f}Ki"}


def _with_fields(found: list[Doc], query: Any) -> list[Doc]:
    """As a field selector says: of events what they are about; that a type is not normal holds for all there are."""
    pairs = [
        pair.split("=", 1) for pair in query.get("fieldSelector", "").split(",") if "=" in pair and "!" not in pair
    ]
    about = {key.removeprefix("involvedObject."): value for key, value in pairs if key.startswith("involvedObject.")}
    return [doc for doc in found if about.items() <= doc.get("involvedObject", {}).items()]


def _may(review: Any) -> bool:
    """Everything but reading secrets, running programs in pods and deleting deployments."""
    wanted = review.get("spec", {}).get("resourceAttributes", {})
    refused = {("get", "secrets", ""), ("create", "pods", "exec"), ("delete", "deployments", "")}
    return (wanted.get("verb"), wanted.get("resource"), wanted.get("subresource", "")) not in refused


def _discovery(whole: bool) -> Doc:
    if not whole:
        groups = [{"name": name, "versions": [{"version": one} for one in those]} for name, those in SERVED.items()]
        return {"kind": "APIGroupList", "groups": groups}
    items = [
        {
            "metadata": {"name": name},
            "versions": [
                {"version": version, "resources": [{"resource": plural} for plural in plurals]}
                for version, plurals in those.items()
            ],
        }
        for name, those in SERVED.items()
    ]
    return {"kind": _GROUPS, "items": items}


def _no(code: int, reason: str, message: str, name: str = "", causes: list[Doc] | None = None) -> Answer:
    details: Doc = ({"name": name} if name else {}) | ({"causes": causes} if causes else {})
    body = {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }
    return told(body, code)
