"""The processes' way to AWS: its JSON protocol, over the world's own endpoint."""

from __future__ import annotations

import json
from typing import Any

from systems.cloud.account import NUMBER
from systems.web import ask
from systems.whatsapp_notifications.place import LOGIN, Place


async def sqs(place: Place, operation: str, queue: str, **words: Any) -> dict[str, Any]:
    """One call about one queue. Raises OSError, and TimeoutError when nobody answers."""
    return await _call(place, f"AmazonSQS.{operation}", {"QueueUrl": f"http://sqs/{NUMBER}/{queue}", **words})


async def token(place: Place) -> str:
    """WhatsApp's token as Secrets Manager has it now. Raises like `sqs`."""
    told = await _call(place, "secretsmanager.GetSecretValue", {"SecretId": LOGIN})
    found: str = json.loads(told["SecretString"])["token"]
    return found


async def _call(place: Place, target: str, words: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    answer = await ask(place.cloud, "/", "POST", json.dumps(words).encode(), headers)
    if answer.status != 200:
        raise OSError(f"{target} answers {answer.status}")
    found: dict[str, Any] = json.loads(answer.body or b"{}")
    return found
