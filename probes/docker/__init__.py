"""A Docker Engine and the services on it, by Compose's labels: read over its socket, changed by nothing here."""

from probes.docker.facts import Container, Details, DockerFacts, Event, Health, Service, Use
from probes.docker.probe import DockerProbe, DockerSettings

__all__ = [
    "Container",
    "Details",
    "DockerFacts",
    "DockerProbe",
    "DockerSettings",
    "Event",
    "Health",
    "Service",
    "Use",
]
