"""The only way from an AWS actuator to AWS: one request, sent once, never repeated by us or by the library."""

from __future__ import annotations

from typing import Any

from probes.aws.calls import Calls, Refused, Unreached
from probes.base import Cause, ProbeError, Sending


async def send(calls: Calls, sending: Sending, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
    """Send one request that changes something; `sending` is awaited directly before.

    Raises `Refused` when the service answered that it did nothing or was never reached, and another `ProbeError` when
    nobody knows.
    """
    await calls.whose()
    await calls.admitted(service, operation, parameters)
    await sending()
    try:
        return await calls.answer(service, operation, parameters)
    except Unreached as error:
        raise Refused("", error) from None
    except Refused as error:
        if error.cause in (Cause.OVERLOADED, Cause.GARBAGE):  # failed on the way, or no answer of AWS: nobody knows
            raise ProbeError(error.cause, error.message, error.hint) from None
        raise
