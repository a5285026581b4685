"""The one call that changes something: a POST, PATCH or DELETE to the API server, sent once.

No retry, no redirect, no second login: what breaks on the way is told, never tried again.
"""

from __future__ import annotations

import json
from typing import Any, Final

from probes.base import Cause, ProbeError, Sending
from probes.kubernetes.api import JSON, KubeApi
from probes.kubernetes.complaints import Asked

_REPLY: Final = 4 << 20
"""Bytes of an answer: the object as it is now."""
_LEAVES: Final = ".send_request_headers.started"
"""What the driver reports directly before the request's first byte, with its connection made."""
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"


class ActingApi(KubeApi):
    """An API server that one thing is asked of."""

    async def send(
        self, method: str, path: str, body: Any, sort: str, asked: Asked, sending: Sending, within: float
    ) -> tuple[int, bytes, ProbeError | None]:
        """(status, answer, what it refused with) of one request; `within` is the seconds its answer may take.

        `sending` is awaited when the connection stands and nothing has left yet: an error before it is one of reaching
        the server.
        """
        if method not in ("POST", "PATCH", "DELETE"):
            raise ProbeError(Cause.INTERNAL, "only what changes something is sent this way")
        return await self._calls.run(self._send(method, path, body, sort, asked, sending, within))

    async def _send(
        self, method: str, path: str, body: Any, sort: str, asked: Asked, sending: Sending, within: float
    ) -> tuple[int, bytes, ProbeError | None]:
        import httpx

        announced = False

        async def traced(event: str, info: Any) -> None:
            nonlocal announced
            if getattr(info.get("request"), "method", b"") == b"CONNECT":
                return  # the word to a proxy that opens the way to the server is not the request
            if event.endswith(_LEAVES):
                if announced:
                    raise ProbeError(Cause.INTERNAL, "the driver began to send a second time")
                announced = True
                await sending()

        self._heed_wait()
        await self._opened()
        client, place = self._reads, self.place
        if client is None:
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {place.where} was cut")
        headers = [*await self._headers(JSON), ("Content-Type", sort)]
        content = json.dumps(body, separators=(",", ":")).encode()
        named = {"sni_hostname": place.tls_name} if place.tls_name else {}
        with self._translated():
            async with client.stream(
                method,
                place.server + path,
                content=content,
                headers=headers,
                timeout=httpx.Timeout(self._settings.timeout, read=within),
                extensions={"trace": traced, **named},
                follow_redirects=False,
            ) as reply:
                self._learn(reply)
                answer = bytearray()
                async for chunk in reply.aiter_bytes():
                    answer += chunk
                    if len(answer) > _REPLY:
                        raise ProbeError(Cause.TOO_BIG, f"the answer of {place.where} is too long")
        refused = self._refused(reply, bytes(answer), asked) if reply.status_code >= 300 else None
        return reply.status_code, bytes(answer), refused
