"""Stands in for the Graph API of somebody else: media, tokens to be refreshed, a limit on how often one may ask.

It plays the parts of the real one that the system leans on: an application's secret that can be replaced, the answer
190 for a secret or token it does not accept, and 429 for as long as somebody asks too often.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter, deque
from dataclasses import replace
from time import monotonic
from typing import Final

from systems.insta_connect.place import Place
from systems.programs import end_with_manager, log, say
from systems.web import Answer, Asked, serve, told

MOST: Final = 6
"""Calls for one account within the window; who asks more often is refused everything. Usual is one at most."""

WINDOW: Final = 2.0
"""Seconds over which calls are counted. Those that are refused count as well."""

RETRY: Final = 4
"""Seconds to wait that an answer 429 asks for."""


class Graph:
    """Answers requests."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.calls: deque[tuple[float, str]] = deque()
        """When media were asked for, and of which account."""
        self.random = random.Random(11)
        self.told = 0.0

    async def handle(self, asked: Asked) -> Answer:
        """One request."""
        if asked.path == "/refresh_access_token":
            await asyncio.sleep(self.random.uniform(0.05, 0.12))
            return self._refreshed(asked)
        if asked.path == "/debug_token":
            return self._inspected(asked)
        if asked.path == "/me/media":
            if self._too_often(asked.query.get("account", "")):
                return _error(429, 4, "application request limit reached", {"Retry-After": str(RETRY)})
            await asyncio.sleep(self.random.uniform(0.06, 0.22))
            count = self.random.randint(3, 40)
            return told({"data": [{"id": str(number)} for number in range(count)]})
        return _error(400, 100, "an access token is required")

    def _refreshed(self, asked: Asked) -> Answer:
        if not self._accepted(asked):
            return _error(400, 190, "the application's secret is not valid any more")
        account = asked.query.get("account", "0")
        if int(account) % 97 == 0:
            return _error(400, 190, "the person has taken the permission back")
        return told({"access_token": f"ig-{account}-{self.random.getrandbits(48):012x}", "expires_in": 60 * 86400})

    def _inspected(self, asked: Asked) -> Answer:
        return told({"data": {"is_valid": self._accepted(asked), "type": "APP"}})

    def _accepted(self, asked: Asked) -> bool:
        accepted = self.place.accepted.read_text(encoding="utf-8").split()
        return asked.headers.get("authorization", "").removeprefix("Bearer ") in accepted

    def _too_often(self, account: str) -> bool:
        now = monotonic()
        self.calls.append((now, account))
        while self.calls[0][0] < now - WINDOW:
            self.calls.popleft()
        ((worst, most),) = Counter(one for _, one in self.calls).most_common(1)
        if most <= MOST:
            return False
        if now - self.told > 1:
            self.told = now
            log("WARN", f"{most} calls for account {worst} in {WINDOW:.0f} s, more than {MOST}: 429 for everything")
        return True


def _error(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    body = {"error": {"message": message, "type": "OAuthException", "code": code}}
    return replace(told(body, status), headers=headers or {})


async def main(place: Place) -> None:
    """Answer until ended."""
    await (await serve(place.graph, Graph(place).handle)).serve_forever()


if __name__ == "__main__":
    place = Place.of(sys.argv)
    end_with_manager(place.folder)
    say(place.folder, "graph-api: a stand-in of the Graph API is up")
    asyncio.run(main(place))
