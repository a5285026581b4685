"""The two calls that change something: one POST that makes a silence, one DELETE that ends one. Each is made once.

No retry, no redirect: what breaks on the way is told, never tried again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from probes.alerting.api import Api
from probes.base import Cause, ProbeError, Sending

_REPLY: Final = 1 << 16
"""Bytes of an answer: it holds an id, or an error."""
_LEAVES: Final = "http11.send_request_headers.started"
"""What the driver reports directly before the request's first byte, with its connection made."""


class ActingApi(Api):
    """A server that one thing is asked of."""

    async def make(self, silence: Mapping[str, Any], sending: Sending, within: float) -> tuple[int, bytes]:
        """Ask for a silence; (status, answer). `sending` is awaited when the connection stands and nothing has left."""
        return await self._calls.run(self._make(json.dumps(silence).encode(), sending, within))

    async def end(self, id: str, sending: Sending, within: float) -> tuple[int, bytes]:
        """Ask for a silence to end; (status, answer)."""
        return await self._calls.run(self._end(id, sending, within))

    async def _make(self, body: bytes, sending: Sending, within: float) -> tuple[int, bytes]:
        client, url, headers, extensions = await self._route("/api/v2/silences")
        extensions["trace"] = self._announcing(sending)
        headers["Content-Type"] = "application/json"
        opening = client.stream("POST", url, content=body, headers=headers, extensions=extensions)
        return await self._answer(opening, within, _REPLY)

    async def _end(self, id: str, sending: Sending, within: float) -> tuple[int, bytes]:
        client, url, headers, extensions = await self._route(f"/api/v2/silence/{id}")
        extensions["trace"] = self._announcing(sending)
        opening = client.stream("DELETE", url, headers=headers, extensions=extensions)
        return await self._answer(opening, within, _REPLY)

    def _announcing(self, sending: Sending) -> Any:
        announced = False

        async def traced(event: str, info: Any) -> None:
            nonlocal announced
            await self._traced(event, info)
            if event == _LEAVES:
                if announced:
                    raise ProbeError(Cause.INTERNAL, "the driver began to send a second time")
                announced = True
                await sending()

        return traced
