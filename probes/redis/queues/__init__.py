"""Queues that live in Redis: BullMQ, Celery, RQ, Sidekiq, streams and plain lists, one module for each."""

from probes.redis.queues.facts import FailedJob, Group, Outlook, Queue, QueuesFacts, Total, Worker
from probes.redis.queues.probe import QueuesProbe, QueuesSettings

__all__ = [
    "FailedJob",
    "Group",
    "Outlook",
    "Queue",
    "QueuesFacts",
    "QueuesProbe",
    "QueuesSettings",
    "Total",
    "Worker",
]
