"""A Docker Engine and the services on it, by Compose's labels: read over its socket; only `act` changes it."""

from probes.docker.facts import Container, Details, DockerFacts, Event, Health, Image, Service, Use
from probes.docker.probe import DockerProbe
from probes.docker.settings import DockerSettings

__all__ = [
    "Container",
    "Details",
    "DockerFacts",
    "DockerProbe",
    "DockerSettings",
    "Event",
    "Health",
    "Image",
    "Service",
    "Use",
]
