"""Elastic Load Balancing: target groups, their targets, and the load balancers before them."""

from probes.aws.alb.facts import AlbFacts, Balancer, Group
from probes.aws.alb.health import Health, TargetState
from probes.aws.alb.probe import AlbProbe, AlbSettings

__all__ = ["AlbFacts", "AlbProbe", "AlbSettings", "Balancer", "Group", "Health", "TargetState"]
