"""How the services ask the Graph API: with pauses when it says so, and with every call measured."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from systems.insta_connect.logbook import Logbook
from systems.insta_connect.meters import Meters
from systems.insta_connect.place import Place
from systems.web import Answer, ask

TRIES: Final = 4
"""Times that a call is tried before it is given up."""

PAUSE: Final = 2.0
"""Seconds to wait where the API says "too many" and not how long."""


class GraphError(Exception):
    """A call that came to nothing, in words."""


class GraphClient:
    """One service's way to the API. The secret is read once, when the service starts, as most programs do."""

    def __init__(self, place: Place, meters: Meters, log: Logbook) -> None:
        self._port = place.graph
        self._meters = meters
        self._log = log
        self._secret = place.secret.read_text(encoding="utf-8").strip()

    async def call(self, path: str, tries: int = TRIES) -> dict[str, Any]:
        """What the API answers. Raises `GraphError`."""
        result = "error"
        began = asyncio.get_running_loop().time()
        try:
            with self._meters.timed("api_call_duration_seconds"):
                answer = await self._patiently(path, tries)
            result = "ok" if answer.status == 200 else "limited" if answer.status == 429 else "error"
        except TimeoutError:
            result = "timeout"
            raise GraphError("the Graph API does not answer") from None
        except OSError as error:
            raise GraphError(f"the Graph API can't be reached: {type(error).__name__}") from None
        finally:
            self._meters.count("api_calls_total", result=result)
        took = (asyncio.get_running_loop().time() - began) * 1000
        self._log.info(f"API Response GET {path.partition('?')[0]} {answer.status} {took:.0f} ms")
        body: dict[str, Any] = json.loads(answer.body)
        if answer.status != 200:
            said = body.get("error", {})
            raise GraphError(f"{answer.status} {said.get('type')} {said.get('code')}: {said.get('message')}")
        return body

    async def _patiently(self, path: str, tries: int) -> Answer:
        """The answer, after the pauses that it asks for."""
        while True:
            answer = await ask(self._port, path, headers={"Authorization": f"Bearer {self._secret}"}, within=8)
            self._meters.count("api_responses_total", status=str(answer.status))
            tries -= 1
            if answer.status != 429 or tries <= 0:
                return answer
            await asyncio.sleep(float(answer.headers.get("retry-after", PAUSE)))
