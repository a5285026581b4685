"""Amazon ECS: services, deployments, tasks."""

from probes.aws.ecs.facts import Bounds, Deployment, EcsFacts, Event, Revision, Service, Task
from probes.aws.ecs.probe import EcsProbe
from probes.aws.ecs.settings import EcsSettings

__all__ = ["Bounds", "Deployment", "EcsFacts", "EcsProbe", "EcsSettings", "Event", "Revision", "Service", "Task"]
