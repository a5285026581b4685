"""Amazon SQS: what waits in queues, what died, and how to put it back, throw it away or look at it."""

from probes.aws.sqs.facts import Counts, Move, Outlook, Policy, Queue, Seen, SqsFacts
from probes.aws.sqs.probe import SqsProbe
from probes.aws.sqs.settings import SqsSettings

__all__ = ["Counts", "Move", "Outlook", "Policy", "Queue", "Seen", "SqsFacts", "SqsProbe", "SqsSettings"]
