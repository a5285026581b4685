"""What is known of a cluster after one reading, typed and safe to draw. Missing is None, never zero.

Moments are absolute; how long ago something was is told against `KubernetesFacts.at`, which is the API server's time
where it can be told. What did not change between two readings is the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from probes.base import SafeText

RECENT: Final = 600.0
"""Seconds for which a kill for lack of memory, a restart or an eviction is recent."""

LOOP: Final = 3
"""Restarts from which a pod that was just restarted is in a loop."""

_BACKOFF: Final = 360.0
"""Seconds, a little more than the kubelet waits at most before it starts a container that crashed again."""

LATELY: Final = 6 * 3600.0
"""Seconds for which a failed job is worth words."""


class Trouble(Enum):
    """What keeps a pod from being ready, as a kind of trouble; the value is said to a person."""

    NONE = ""
    COMING = "starting"
    NOT_READY = "not ready"
    UNSCHEDULED = "not scheduled"
    CRASH = "crash-looping"
    IMAGE = "image not pulled"
    CONFIG = "not configured"
    FAILED = "failed"
    EVICTED = "evicted"
    LEAVING = "terminating"


@dataclass(frozen=True, slots=True)
class Use:
    """What something uses now, by metrics-server."""

    cpu: float | None = None
    """Cores."""
    memory: float | None = None
    """Bytes of the working set."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod."""

    name: SafeText
    image: SafeText
    word: SafeText = SafeText()
    """Its state as kubectl says it: "Running", "CrashLoopBackOff", "Completed"."""
    ready: bool = False
    restarts: int = 0
    init: bool = False
    """It must end well before the others start."""
    ended: SafeText = SafeText()
    """How its last run ended: "OOMKilled", "exit 3 (Error)"; empty when it never did."""
    ended_at: datetime | None = None
    cpu_request: float | None = None
    cpu_limit: float | None = None
    memory_request: float | None = None
    memory_limit: float | None = None
    digest: str = ""
    """Where its image's content is known: "sha256:...", shortened."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, without its age and use: the same object as long as the API server says nothing new of it."""

    key: str
    """Its row: "pod/NS/NAME"."""
    namespace: SafeText
    name: SafeText
    uid: str
    version: str
    """Its resourceVersion."""
    status: SafeText
    """As `kubectl get pods` prints it: "Running", "CrashLoopBackOff", "Init:0/2", "Terminating"."""
    trouble: Trouble
    why: SafeText
    """Why it is not ready, in a sentence; empty when it is."""
    cause: SafeText
    """The same in a few words without numbers that change."""
    ready: int
    total: int
    is_ready: bool
    restarts: int
    restarted_at: datetime | None
    """When a container ended last and was started again."""
    oom_at: datetime | None
    """When a container was last killed for lack of memory."""
    created: datetime | None
    deleted: datetime | None
    """When it is to be gone at the latest; None: nobody asked for its end."""
    node: SafeText
    address: SafeText
    owner: str
    """Row of what made it: "deployment/NS/NAME", "job/NS/NAME", "node/NAME"; empty: a person did."""
    containers: tuple[Container, ...] = ()
    quality: str = ""
    """Its quality of service: who is evicted first."""
    template: str = ""
    """Hash of the template it was made from, where a label tells."""

    @property
    def done(self) -> bool:
        """It has ended and is not meant to come back."""
        return str(self.status) in ("Completed", "Succeeded")

    @property
    def memory_request(self) -> float | None:
        """Bytes all its containers ask for."""
        return _sum(one.memory_request for one in self.containers if not one.init)

    @property
    def cpu_request(self) -> float | None:
        """Cores all its containers ask for."""
        return _sum(one.cpu_request for one in self.containers if not one.init)

    @property
    def memory_limit(self) -> float | None:
        """Bytes all its containers may use; None when one of them has no limit."""
        return _every(one.memory_limit for one in self.containers if not one.init)

    @property
    def cpu_limit(self) -> float | None:
        """Cores all its containers may use; None when one of them has no limit."""
        return _every(one.cpu_limit for one in self.containers if not one.init)


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet."""

    kind: str
    """"deployment", "statefulset" or "daemonset"."""
    namespace: SafeText
    name: SafeText
    uid: str
    version: str
    """Its resourceVersion."""
    desired: int
    ready: int = 0
    updated: int = 0
    available: int = 0
    current: int = 0
    """Pods there are."""
    observed: bool = True
    """Its controller has seen the newest change."""
    paused: bool = False
    stuck: SafeText = SafeText()
    """Why its rollout goes no further, by the controller."""
    refused: SafeText = SafeText()
    """Why its controller may not make pods: a quota, an admission webhook."""
    images: tuple[SafeText, ...] = ()
    revision: str = ""
    created: datetime | None = None
    restarted_at: datetime | None = None
    """When `rollout restart` was asked for last."""
    selector: str = ""
    """Labels of its pods: "app=web,tier=front"; empty when it can't be written so."""
    strategy: str = ""

    @property
    def key(self) -> str:
        """Its row."""
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def short(self) -> int:
        """Pods it lacks that should be ready."""
        return max(0, self.desired - self.ready)

    @property
    def rolling(self) -> bool:
        """A new version is on its way to its pods."""
        return not self.observed or self.updated < self.desired or self.current > max(self.updated, self.desired)


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster."""

    name: SafeText
    uid: str
    version: str
    """Its resourceVersion."""
    ready: bool
    why: SafeText = SafeText()
    """Why it is not ready, as its kubelet or the controller says."""
    cause: SafeText = SafeText()
    pressures: tuple[str, ...] = ()
    """What it is short of: "memory", "disk", "process ids", "network"."""
    cordoned: bool = False
    kubelet: SafeText = SafeText()
    roles: SafeText = SafeText()
    created: datetime | None = None
    cpu: float | None = None
    """Cores pods may have."""
    memory: float | None = None
    """Bytes pods may have."""
    pods: float | None = None
    """Pods it takes at most."""
    address: SafeText = SafeText()
    taints: tuple[SafeText, ...] = ()

    @property
    def key(self) -> str:
        """Its row."""
        return f"node/{self.name}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing an autoscaler looks at."""

    name: SafeText
    current: SafeText
    target: SafeText
    ratio: float | None = None
    """Current against target; above 1 it wants more pods."""


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler."""

    namespace: SafeText
    name: SafeText
    uid: str
    version: str
    target: str
    """Row of what it scales: "deployment/NS/NAME"."""
    least: int
    most: int
    current: int
    desired: int
    measures: tuple[Measure, ...] = ()
    able: bool | None = None
    """Whether it can read and change the scale; None: it does not say."""
    active: bool | None = None
    """Whether it can read what it looks at."""
    limited: bool | None = None
    """Whether a bound keeps it from the number it wants."""
    why: SafeText = SafeText()
    """What the worst of its conditions says."""
    scaled_at: datetime | None = None

    @property
    def key(self) -> str:
        """Its row."""
        return f"hpa/{self.namespace}/{self.name}"

    @property
    def pinned(self) -> bool:
        """It stands at its upper bound and wants more, or can't say that it doesn't."""
        at_most = self.current >= self.most > self.least
        wants = self.limited if self.limited is not None else any((one.ratio or 0) > 1 for one in self.measures)
        return at_most and wants and self.desired >= self.most


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget."""

    namespace: SafeText
    name: SafeText
    uid: str
    version: str
    rule: SafeText
    """"at least 2", "at most 25% away"."""
    healthy: int
    wanted: int
    expected: int
    allowed: int
    """Pods that may be evicted now."""
    selector: str = ""

    @property
    def key(self) -> str:
        """Its row."""
        return f"pdb/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Job:
    """A Job, or a CronJob that makes some."""

    kind: str
    """"job" or "cronjob"."""
    namespace: SafeText
    name: SafeText
    uid: str
    version: str
    wanted: int | None = None
    succeeded: int = 0
    failed: int = 0
    active: int = 0
    state: str = ""
    """"running", "complete", "failed", "suspended", "waiting"."""
    why: SafeText = SafeText()
    schedule: SafeText = SafeText()
    owner: str = ""
    """Row of the CronJob that made it."""
    began: datetime | None = None
    """Of a CronJob: when it last made a job."""
    ended: datetime | None = None
    """When it ended, well or not; of a CronJob: when a job of it last ended well."""

    @property
    def key(self) -> str:
        """Its row."""
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Service:
    """A Service and what answers behind it, or an Ingress."""

    kind: str
    """"service" or "ingress"."""
    namespace: SafeText
    name: SafeText
    uid: str
    version: str
    sort: SafeText
    """"ClusterIP", "LoadBalancer"; of an Ingress its class."""
    addresses: tuple[SafeText, ...] = ()
    """Where it is reached from outside, or inside when only there."""
    ports: tuple[SafeText, ...] = ()
    """Ports; of an Ingress its hosts and paths."""
    ready: int | None = None
    """Addresses behind it that answer; None: it has no selector, or they could not be read."""
    unready: int | None = None
    selector: str = ""
    pending: bool = False
    """A load balancer was asked for and has given no address."""

    @property
    def key(self) -> str:
        """Its row."""
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Event:
    """Warnings of one reason about one object, put together."""

    about: str
    """Row of the object: "pod/NS/NAME"."""
    kind: SafeText
    namespace: SafeText
    name: SafeText
    reason: SafeText
    said: SafeText
    """The newest of their messages."""
    count: int
    first: datetime | None
    last: datetime | None

    @property
    def key(self) -> str:
        """Its row."""
        return f"event/{self.about}/{self.reason}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A Certificate of cert-manager."""

    namespace: SafeText
    name: SafeText
    uid: str
    version: str
    ready: bool
    why: SafeText = SafeText()
    not_before: datetime | None = None
    not_after: datetime | None = None
    renewal: datetime | None = None
    names: tuple[SafeText, ...] = ()
    secret: SafeText = SafeText()

    @property
    def key(self) -> str:
        """Its row."""
        return f"certificate/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class KubernetesFacts:
    """One cluster, or some namespaces of it, at one moment."""

    at: datetime | None = None
    """When it was read, by the API server's clock where that can be told, aware UTC."""
    context: SafeText = SafeText()
    server: SafeText = SafeText()
    """Address of the API server: host:port."""
    cluster: str = ""
    """Identity of the cluster: a hash of its address and authority."""
    namespaces: tuple[SafeText, ...] = ()
    """Those that are read; none: all of them."""
    user: SafeText = SafeText()
    """Name of the login in the kubeconfig."""
    version: SafeText = SafeText()
    skew: float | None = None
    """Seconds the API server's clock is ahead of this machine's."""
    insecure: bool = False
    """True when nothing proves which API server this is: its certificate is not checked."""
    metered: bool = False
    """There is a metrics-server that answers."""
    absent: tuple[str, ...] = ()
    """What is not installed there: "metrics-server", "cert-manager"."""
    expected: int | None = None
    """Nodes there should be."""
    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    """Those with something wrong first."""
    workloads: tuple[Workload, ...] = ()
    """Those asked for first, then those with something wrong."""
    autoscalers: tuple[Autoscaler, ...] = ()
    budgets: tuple[Budget, ...] = ()
    jobs: tuple[Job, ...] = ()
    services: tuple[Service, ...] = ()
    events: tuple[Event, ...] = ()
    """Warnings of the last hour or so, the newest first."""
    certificates: tuple[Certificate, ...] = ()
    pod_use: Mapping[str, Use] = field(default_factory=dict)
    """By the pod's row."""
    node_use: Mapping[str, Use] = field(default_factory=dict)
    """By the node's row."""
    worst: Mapping[str, Pod] = field(default_factory=dict)
    """The pod in most trouble of each owner that has one, by the owner's row."""
    first: tuple[str, ...] = ()
    """Names of workloads to be shown first."""

    def since(self, moment: datetime | None) -> float | None:
        """Seconds from a moment to the reading."""
        return None if moment is None or self.at is None else (self.at - moment).total_seconds()

    def recent(self, moment: datetime | None, within: float = RECENT) -> bool:
        """True when a moment lies at most so many seconds before the reading."""
        passed = self.since(moment)
        return passed is not None and passed <= within

    def looping(self, pod: Pod) -> bool:
        """True when its containers end again and again, also while one of them happens to run."""
        if pod.trouble is Trouble.CRASH or pod.restarts < LOOP:
            return pod.trouble is Trouble.CRASH
        return pod.trouble in (Trouble.NONE, Trouble.NOT_READY) and self.recent(pod.restarted_at, _BACKOFF)

    def of(self, owner: str) -> tuple[Pod, ...]:
        """The pods of one owner."""
        return tuple(pod for pod in self.pods if pod.owner == owner)

    def pod(self, row: str) -> Pod | None:
        """The pod of a row."""
        return next((one for one in self.pods if one.key == row), None)

    def workload(self, row: str) -> Workload | None:
        """The workload of a row."""
        return next((one for one in self.workloads if one.key == row), None)

    def scaler(self, row: str) -> Autoscaler | None:
        """The autoscaler that owns the number of a workload's pods."""
        return next((one for one in self.autoscalers if one.target == row), None)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _every(values: Iterable[float | None]) -> float | None:
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) if known and len(known) == len(found) else None
