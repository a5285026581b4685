"""A simulated SQS: standard queues with time-outs of visibility, receive counts, dead letters and their way back."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from systems.cloud.account import NUMBER, arn, new_id, now
from systems.cloud.watch import Watch, key
from systems.cloud.wire import Refusal

PURGES: Final = 60.0
"""Seconds within which a second purge is refused."""
MOVES: Final = 100
"""Dead letters that a move takes back in a second when nobody says how many."""
_RECEIVED: Final = 10
"""Messages that one receive gives at most."""


@dataclass
class Message:
    """One message."""

    body: str
    source: str = ""
    """ARN of the queue it came from, of a dead letter."""
    id: str = field(default_factory=lambda: str(uuid4()))
    sent: datetime = field(default_factory=now)
    first: datetime | None = None
    """When it was first received."""
    receives: int = 0
    receipt: str = ""
    """Of the newest receive; an older one does nothing any more."""
    hidden_until: float = 0.0
    """Monotonic seconds."""
    delayed: bool = False
    """It is hidden because it is to come later, not because somebody has it."""


@dataclass
class Queue:
    """One queue."""

    name: str
    visibility: float = 30.0
    """Seconds for which a received message is hidden."""
    retention: int = 4 * 86400
    delay: float = 0.0
    dead: str = ""
    """Name of the queue for dead letters; empty: there is none."""
    most: int = 3
    """Receives after which the next one makes a dead letter of a message."""
    messages: dict[str, Message] = field(default_factory=dict)
    """By id, the oldest first."""
    made: datetime = field(default_factory=now)
    purged: float = float("-inf")
    """When it was purged last, monotonic seconds."""

    @property
    def arn(self) -> str:
        """Its name in the account."""
        return arn("sqs", self.name)

    def put(self, body: str, delay: float | None = None) -> Message:
        """Send a message."""
        one = Message(body)
        later = self.delay if delay is None else delay
        if later > 0:
            one.hidden_until, one.delayed = time.monotonic() + later, True
        self.messages[one.id] = one
        return one

    def counts(self) -> tuple[int, int, int]:
        """(visible, in flight, delayed)."""
        moment = time.monotonic()
        hidden = [one for one in self.messages.values() if one.hidden_until > moment]
        delayed = sum(one.delayed for one in hidden)
        return len(self.messages) - len(hidden), len(hidden) - delayed, delayed

    def age(self) -> float:
        """Seconds since the oldest message was sent; 0 when there is none."""
        oldest = next(iter(self.messages.values()), None)
        return (now() - oldest.sent).total_seconds() if oldest is not None else 0.0


@dataclass
class Move:
    """A task that takes dead letters back."""

    source: Queue
    to: Queue | None
    """None: each to the queue it came from."""
    rate: int
    total: int
    handle: str = field(default_factory=new_id)
    status: str = "RUNNING"
    moved: int = 0
    at: float = field(default_factory=time.monotonic)
    started: datetime = field(default_factory=now)


class Queues:
    """sqs; what CloudWatch tells of queues goes to `watch` with every `measure`."""

    def __init__(self, queues: Iterable[Queue], port: int, watch: Watch | None = None) -> None:
        """`port` is the endpoint's: it stands in the queues' addresses."""
        self.queues = {one.name: one for one in queues}
        self.moves: list[Move] = []
        """The newest first."""
        self._port = port
        self._watch = watch

    def measure(self) -> None:
        """The age of each queue's oldest message, told to CloudWatch; and moves go on."""
        self._go_on()
        if self._watch is not None:
            for one in self.queues.values():
                self._watch.put(key("AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName=one.name), one.age())

    # queues

    def list_queues(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Addresses, by the beginning of the name."""
        prefix = asked.get("QueueNamePrefix", "")
        return {"QueueUrls": [self._url(one) for name, one in self.queues.items() if name.startswith(prefix)]}

    def get_queue_url(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The address of a name."""
        return {"QueueUrl": self._url(self._named(asked["QueueName"]))}

    def get_queue_attributes(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes that are asked for."""
        one = self._at(asked)
        visible, in_flight, delayed = one.counts()
        stamp = str(int(one.made.timestamp()))
        known = {
            "ApproximateNumberOfMessages": str(visible), "ApproximateNumberOfMessagesNotVisible": str(in_flight),
            "ApproximateNumberOfMessagesDelayed": str(delayed), "QueueArn": one.arn, "CreatedTimestamp": stamp,
            "LastModifiedTimestamp": stamp, "VisibilityTimeout": f"{one.visibility:.0f}",
            "MessageRetentionPeriod": str(one.retention), "DelaySeconds": f"{one.delay:.0f}",
            "MaximumMessageSize": "262144", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
        }  # fmt: skip
        if one.dead:
            policy = {"deadLetterTargetArn": self.queues[one.dead].arn, "maxReceiveCount": one.most}
            known["RedrivePolicy"] = json.dumps(policy)
        wanted = asked.get("AttributeNames", ())
        return {"Attributes": {name: value for name, value in known.items() if name in wanted or "All" in wanted}}

    def list_dead_letter_source_queues(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Whose dead letters come here."""
        here = self._at(asked)
        return {"queueUrls": [self._url(one) for one in self.queues.values() if one.dead == here.name]}

    def purge_queue(self, asked: Mapping[str, Any]) -> None:
        """All messages are gone, those in flight as well."""
        one = self._at(asked)
        if time.monotonic() - one.purged < PURGES:
            raise Refusal("PurgeQueueInProgress", f"Only one PurgeQueue operation on {one.name} is allowed.", 403)
        one.purged = time.monotonic()
        one.messages.clear()

    # messages

    def send_message(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One message."""
        delay = asked.get("DelaySeconds")
        one = self._at(asked).put(asked["MessageBody"], None if delay is None else float(delay))
        return {"MessageId": one.id, "MD5OfMessageBody": _digest(one.body)}

    def receive_message(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Visible messages, the oldest first; those received too often go to the dead letters instead. Never waits."""
        queue, moment = self._at(asked), time.monotonic()
        hidden = float(asked.get("VisibilityTimeout", queue.visibility))
        wanted = min(int(asked.get("MaxNumberOfMessages", 1)), _RECEIVED)
        found: list[dict[str, Any]] = []
        for one in [one for one in queue.messages.values() if one.hidden_until <= moment]:
            if len(found) == wanted:
                break
            if queue.dead and one.receives >= queue.most:
                self._bury(queue, one)
                continue
            one.receives, one.first, one.delayed = one.receives + 1, one.first or now(), False
            one.receipt, one.hidden_until = new_id(), moment + hidden
            found.append(_given(one))
        return {"Messages": found}

    def delete_message(self, asked: Mapping[str, Any]) -> None:
        """The message is done."""
        queue = self._at(asked)
        if (one := _held(queue, asked["ReceiptHandle"])) is not None:
            del queue.messages[one.id]

    def change_message_visibility(self, asked: Mapping[str, Any]) -> None:
        """Hidden for another time from now; 0 gives it back."""
        one = _held(self._at(asked), asked["ReceiptHandle"])
        if one is None or one.hidden_until <= time.monotonic():
            raise Refusal("MessageNotInflight", "The message referred to is not in flight.")
        one.hidden_until = time.monotonic() + float(asked["VisibilityTimeout"])

    def change_message_visibility_batch(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The same for several, each with its answer."""
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for entry in asked["Entries"]:
            try:
                self.change_message_visibility({"QueueUrl": asked["QueueUrl"], "VisibilityTimeout": 0, **entry})
                done.append({"Id": entry["Id"]})
            except Refusal as error:
                failed.append({"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message})
        return {"Successful": done, "Failed": failed}

    # the way back of dead letters

    def start_message_move_task(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Dead letters begin to go back; one task for a queue at a time."""
        source = self._by_arn(asked["SourceArn"])
        if not any(one.dead == source.name for one in self.queues.values()):
            raise Refusal("UnsupportedOperation", "Source queue must be configured as a Dead Letter Queue.")
        if any(one.source is source and one.status == "RUNNING" for one in self._told()):
            raise Refusal("UnsupportedOperation", "There is already a task running.")
        to = self._by_arn(asked["DestinationArn"]) if "DestinationArn" in asked else None
        rate = int(asked.get("MaxNumberOfMessagesPerSecond", MOVES))
        one = Move(source, to, rate, source.counts()[0])
        self.moves = [one, *self.moves[:9]]
        return {"TaskHandle": one.handle}

    def list_message_move_tasks(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Tasks out of a queue, the newest first; only one that runs has a handle."""
        source = self._by_arn(asked["SourceArn"])
        found = [one for one in self._told() if one.source is source][: int(asked.get("MaxResults", 1))]
        rows = [
            {
                "TaskHandle": one.handle if one.status == "RUNNING" else None, "Status": one.status,
                "SourceArn": source.arn, "DestinationArn": one.to.arn if one.to is not None else None,
                "MaxNumberOfMessagesPerSecond": one.rate, "ApproximateNumberOfMessagesMoved": one.moved,
                "ApproximateNumberOfMessagesToMove": one.total,
                "StartedTimestamp": int(one.started.timestamp() * 1000),
            }
            for one in found
        ]  # fmt: skip
        return {"Results": rows}

    def cancel_message_move_task(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What was not moved yet stays."""
        for one in self._told():
            if one.handle == asked["TaskHandle"] and one.status == "RUNNING":
                one.status = "CANCELLED"
                return {"ApproximateNumberOfMessagesMoved": one.moved}
        raise Refusal("ResourceNotFoundException", "There is no such task that runs.", 404)

    def _told(self) -> list[Move]:
        self._go_on()
        return self.moves

    def _go_on(self) -> None:
        """Move as many as it was time for since the last look."""
        for move in self.moves:
            if move.status != "RUNNING":
                continue
            due = min(move.total, int((time.monotonic() - move.at) * move.rate)) - move.moved
            moment = time.monotonic()
            ready = [one for one in move.source.messages.values() if one.hidden_until <= moment]
            for one in ready[:due]:
                back = move.to or self._by_arn(one.source)
                del move.source.messages[one.id]
                one.receives, one.source, one.first, one.sent = 0, "", None, now()
                back.messages[one.id] = one
                move.moved += 1
            if move.moved >= move.total or len(ready) < due:
                move.status = "COMPLETED"

    def _bury(self, queue: Queue, one: Message) -> None:
        del queue.messages[one.id]
        one.receives, one.source, one.receipt = 0, queue.arn, ""
        self.queues[queue.dead].messages[one.id] = one

    def _url(self, queue: Queue) -> str:
        return f"http://127.0.0.1:{self._port}/{NUMBER}/{queue.name}"

    def _at(self, asked: Mapping[str, Any]) -> Queue:
        return self._named(str(asked["QueueUrl"]).rpartition("/")[2])

    def _named(self, name: str) -> Queue:
        if name not in self.queues:
            raise Refusal("QueueDoesNotExist", "The specified queue does not exist.")
        return self.queues[name]

    def _by_arn(self, name: str) -> Queue:
        found = self.queues.get(name.rpartition(":")[2])
        if found is None or found.arn != name:
            raise Refusal("ResourceNotFoundException", "The resource that you specified does not exist.", 404)
        return found


def _held(queue: Queue, receipt: str) -> Message | None:
    """The message of a receipt; None when it is gone, or somebody else has it by now."""
    return next((one for one in queue.messages.values() if one.receipt == receipt != ""), None)


def _given(one: Message) -> dict[str, Any]:
    attributes = {
        "SenderId": "AIDASIMULATED", "SentTimestamp": _ms(one.sent), "ApproximateReceiveCount": str(one.receives),
        "ApproximateFirstReceiveTimestamp": _ms(one.first or now()),
    }  # fmt: skip
    if one.source:
        attributes["DeadLetterQueueSourceArn"] = one.source
    return {
        "MessageId": one.id, "ReceiptHandle": one.receipt, "MD5OfBody": _digest(one.body), "Body": one.body,
        "Attributes": attributes,
    }  # fmt: skip


def _ms(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))


def _digest(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
