"""A Kubernetes cluster and what runs on it, read over its API; only `act` changes it."""

from probes.kubernetes.called import called
from probes.kubernetes.facts import (
    Autoscaler,
    Budget,
    Certificate,
    Container,
    Event,
    Job,
    KubernetesFacts,
    Measure,
    Node,
    Pod,
    Service,
    Trouble,
    Use,
    Workload,
)
from probes.kubernetes.probe import KubernetesProbe
from probes.kubernetes.settings import KubernetesSettings

__all__ = [
    "Autoscaler",
    "Budget",
    "Certificate",
    "Container",
    "Event",
    "Job",
    "KubernetesFacts",
    "KubernetesProbe",
    "KubernetesSettings",
    "Measure",
    "Node",
    "Pod",
    "Service",
    "Trouble",
    "Use",
    "Workload",
    "called",
]
