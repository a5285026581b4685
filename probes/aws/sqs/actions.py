"""What can be done to a queue, and the numbers that bound it."""

from __future__ import annotations

from typing import Final

from probes.base import Action, Danger, Number, Word

HIDDEN_FOR: Final = 10
"""Seconds that messages which are looked at stay hidden if they can't be given back."""
LOOKED_AT: Final = 10
"""Messages in one look: the most one receive gives."""
BY_HAND: Final = 500
"""Messages that are moved at most where the place knows no move task."""
PURGING: Final = 60
"""Seconds that a purge takes, and until another may be asked for
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html)."""
EACH: Final = "*"
"""The destination that means: each message back to the queue it came from."""

PURGE: Final = Action(
    "purge", "purge queue", Danger.DESTRUCTIVE,
    "Deletes every message of the queue, those in flight too; none can be had back.",
    many=False, grave=True,
)  # fmt: skip
REDRIVE: Final = Action(
    "redrive", "redrive dead letters", Danger.DISRUPTIVE,
    "Moves the visible messages of a dead-letter queue to a queue they came from, where they are taken again.",
    number=Number("messages per second", 1, 500), word=Word("destination", r"\*|[A-Za-z0-9_.:-]{1,300}", listed=True),
    many=False,
)  # fmt: skip
CANCEL: Final = Action(
    "cancel-move", "cancel the move", Danger.REVERSIBLE,
    "Stops the move task of a dead-letter queue; what was moved stays moved.",
    many=False,
)  # fmt: skip
PEEK: Final = Action(
    "peek", "look at messages", Danger.DISRUPTIVE,
    "Receives up to ten messages, shows them, and gives them back at once; each receive is counted.",
    many=False,
)  # fmt: skip
ACTIONS: Final = (PEEK, REDRIVE, CANCEL, PURGE)
