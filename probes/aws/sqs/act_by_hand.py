"""Moves dead letters where the place knows no move task: receive, send, delete, a few at a time, until all are moved.

A message is deleted only after its copy was taken; what is cut between the two is there twice, and never lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from probes.aws.act_once import send
from probes.aws.calls import Calls
from probes.aws.sqs.plans import BATCH
from probes.base import Cause, Outcome, ProbeError, Result, SafeText, Sending

HIDDEN: Final = 60
"""Seconds that a message on its way is hidden."""
_EMPTY: Final = 2
"""Receives in a row that give nothing until there is nothing left."""
_SIZE: Final = 200_000
"""Bytes that are sent together: a batch may hold 256 KiB on the oldest endpoints."""
_LAST: Final = 8.0
"""Seconds before the deadline in which no batch is begun any more."""


class ByHand:
    """One redrive by hand: `run` once."""

    def __init__(self, calls: Calls, source: str, destination: str, wanted: int, rate: int | None) -> None:
        """`source` and `destination` are addresses; `rate` is messages a second at most."""
        self._calls = calls
        self._source = source
        self._destination = destination
        self._wanted = wanted
        self._rate = rate
        self._moved = 0
        self._unsure = 0
        """Copies that were sent and whose originals may still be there."""

    async def run(self, sending: Sending, seconds: float) -> Outcome:
        """Move until `wanted` are moved, nothing is left, or time is up. Raises `ProbeError` while none was copied."""
        monotonic = self._calls.context.monotonic
        began = monotonic()
        announced, empty = sending, 0
        while self._moved < self._wanted and empty < _EMPTY and monotonic() - began < seconds - _LAST:
            try:
                messages = await self._receive(announced)
                announced = _already
                for some in _batches(messages):
                    await self._batch(some)
            except ProbeError as error:
                if not self._moved and not self._unsure:
                    raise
                return self._cut(str(error.message))
            empty = 0 if messages else empty + 1
            if self._rate is not None:
                await asyncio.sleep(max(0.0, self._moved / self._rate - (monotonic() - began)))
        if self._moved >= self._wanted or empty >= _EMPTY:
            return Outcome(Result.DONE, SafeText(f"{self._moved:,} moved"), self._facts())
        return self._cut("time was up; do it again for the rest")

    async def _receive(self, sending: Sending) -> Sequence[Mapping[str, Any]]:
        answer = await send(
            self._calls, sending, "sqs", "receive_message",
            QueueUrl=self._source, MaxNumberOfMessages=min(BATCH, self._wanted - self._moved), VisibilityTimeout=HIDDEN,
            WaitTimeSeconds=1, AttributeNames=["All"], MessageAttributeNames=["All"],
        )  # fmt: skip
        return answer.get("Messages") or ()

    async def _batch(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Copy some, then delete the originals of what was copied."""
        entries = [_entry(number, message) for number, message in enumerate(messages)]
        self._unsure += len(messages)
        answer = await send(
            self._calls, _already, "sqs", "send_message_batch", QueueUrl=self._destination, Entries=entries
        )
        copied = [messages[place] for one in answer.get("Successful") or () if (place := _place(one, messages)) >= 0]
        self._unsure -= len(messages) - len(copied)
        if copied:
            receipts = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(copied)
            ]
            deleted = await send(
                self._calls, _already, "sqs", "delete_message_batch", QueueUrl=self._source, Entries=receipts
            )
            gone = len(deleted.get("Successful") or ())
            self._moved += gone
            self._unsure -= gone
        if len(copied) < len(messages):
            raise ProbeError(Cause.MISSING, "the destination did not take some of them; they stay")

    def _cut(self, why: str) -> Outcome:
        twice = f"; {self._unsure} may be delivered twice" if self._unsure else ""
        words = SafeText(f"{self._moved:,} of {self._wanted:,} moved{twice}: {why}", 300)
        return Outcome(Result.PARTIAL, words, self._facts())

    def _facts(self) -> tuple[tuple[str, str], ...]:
        return (("moved", str(self._moved)), ("wanted", str(self._wanted)), ("unsure", str(self._unsure)))


async def _already() -> None:
    """What is sent was announced with the first request."""


def _batches(messages: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Messages that fit into one request together."""
    some: list[Mapping[str, Any]] = []
    size = 0
    for message in messages:
        long = len(str(message.get("Body", "")).encode()) + len(str(message.get("MessageAttributes", "")))
        if some and size + long > _SIZE:
            yield some
            some, size = [], 0
        some.append(message)
        size += long
    if some:
        yield some


def _entry(number: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a message: body, attributes, and its place in a FIFO queue."""
    told = message.get("Attributes") or {}
    entry: dict[str, Any] = {"Id": str(number), "MessageBody": message.get("Body", "")}
    attributes = {
        name: {part: one for part, one in value.items() if part in ("DataType", "StringValue", "BinaryValue")}
        for name, value in (message.get("MessageAttributes") or {}).items()
    }
    if attributes:
        entry["MessageAttributes"] = attributes
    entry |= {name: told[name] for name in ("MessageGroupId", "MessageDeduplicationId") if told.get(name)}
    return entry


def _place(one: Mapping[str, Any], messages: Sequence[object]) -> int:
    """Which message an entry of an answer is about; -1 for none."""
    id = str(one.get("Id", ""))
    return int(id) if id.isdecimal() and int(id) < len(messages) else -1
