"""The calls that change something: a POST or DELETE to the Engine, a `docker compose up`. Each is made once.

No retry, no redirect: what breaks on the way is told, never tried again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from probes.base import Cause, ProbeError, Sending, load
from probes.docker.commands import NAME, VERBS
from probes.docker.compose import Files
from probes.docker.engine import EngineApi, read_whole
from probes.docker.parse import ID, IMAGE_ID
from probes.exec import Ran, run

REMOVABLE: Final = {
    "image": IMAGE_ID, "container": ID, "network": ID, "volume": NAME, "build cache": re.compile(r"[a-z0-9]{20,32}"),
}  # fmt: skip
"""What can be removed, and how it is named to the Engine."""
_REPLY: Final = 1 << 16
"""Bytes of an answer: it holds nothing, or an error."""
_LEAVES: Final = "http11.send_request_headers.started"
"""What the driver reports directly before the request's first byte, with its connection made."""


class ActingApi(EngineApi):
    """An Engine that one thing is asked of, over the connection on which its identity was read."""

    async def post(self, id: str, verb: str, sending: Sending, within: float) -> tuple[int, bytes]:
        """Ask for one verb on one container; (status, answer). `within` is the seconds an answer may take.

        `sending` is awaited when the connection stands and nothing has left yet: an error before it is one of
        reaching the Engine.
        """
        if not ID.fullmatch(id) or verb not in VERBS:
            raise ProbeError(Cause.INTERNAL, "only whole ids are acted on")
        return await self._calls.run(self._send("POST", f"/containers/{id}/{verb}", sending, within))

    async def update(self, id: str, body: Mapping[str, int], sending: Sending, within: float) -> tuple[int, bytes]:
        """Change what a container may use, while it runs."""
        if not ID.fullmatch(id) or not body or not body.keys() <= {"Memory", "MemorySwap", "NanoCpus"}:
            raise ProbeError(Cause.INTERNAL, "only limits of whole ids are changed")
        return await self._calls.run(self._send("POST", f"/containers/{id}/update", sending, within, None, body))

    async def tag(self, image: str, name: str, tag: str, sending: Sending, within: float) -> tuple[int, bytes]:
        """Give an image one more name; whatever had that name loses it."""
        if not IMAGE_ID.fullmatch(image):
            raise ProbeError(Cause.INTERNAL, "only whole ids are acted on")
        query = {"repo": name, "tag": tag}
        return await self._calls.run(self._send("POST", f"/images/{image}/tag", sending, within, query))

    async def remove(self, what: str, id: str, sending: Sending, within: float) -> tuple[int, bytes]:
        """Remove one thing nobody uses; the Engine itself refuses when somebody does."""
        if not REMOVABLE[what].fullmatch(id):
            raise ProbeError(Cause.INTERNAL, "only whole ids are acted on")
        if what == "image":
            call = self._send("DELETE", f"/images/{id}", sending, within, {"force": "0", "noprune": "1"})
        elif what == "container":
            call = self._send("DELETE", f"/containers/{id}", sending, within, {"force": "0", "v": "0"})
        elif what == "network":
            call = self._send("DELETE", f"/networks/{id}", sending, within)
        elif what == "volume":
            call = self._send("DELETE", f"/volumes/{id}", sending, within, {"force": "0"})
        else:
            only = {"all": "1", "filters": json.dumps({"id": [id]})}
            call = self._send("POST", "/build/prune", sending, within, only)
        return await self._calls.run(call)

    async def up(self, argv: Sequence[str], environment: Mapping[str, str], sending: Sending, within: float) -> Ran:
        """Run `docker compose ... up` once, to its end. `within` is the seconds it may take; then it is killed."""

        async def started() -> Ran:
            await sending()
            return await run(argv, within=within, env=environment)

        return await self._calls.run(started())

    async def _send(
        self,
        method: str,
        path: str,
        sending: Sending,
        within: float,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, int] | None = None,
    ) -> tuple[int, bytes]:
        await load("httpx")
        import httpx

        announced = False

        async def traced(event: str, info: Any) -> None:
            nonlocal announced
            await self._traced(event, info)
            if event == _LEAVES:
                if announced:
                    raise ProbeError(Cause.INTERNAL, "the driver began to send a second time")
                announced = True
                await sending()

        self._reads = self._reads or self._client(connections=8, read=self._timeout)
        with self._translated():
            async with self._reads.stream(
                method,
                self.prefix + path,
                params=query,
                json=body,
                timeout=httpx.Timeout(self._timeout, read=within),
                extensions={"trace": traced},
                follow_redirects=False,
            ) as reply:
                return reply.status_code, await read_whole(reply, _REPLY)


def recreating(files: Files, number: int, never_pulls: bool) -> list[str]:
    """Words that make all containers of one service new; as many as there are, not as its file may say."""
    return _up(files, number, ["--no-deps", "--force-recreate", "--no-build"], never_pulls)


def deploying(files: Files, number: int, never_pulls: bool) -> list[str]:
    """Words that make the containers of one service new whose image or configuration has changed."""
    return _up(files, number, ["--no-deps", "--no-build"], never_pulls)


def scaling(files: Files, number: int, never_pulls: bool) -> list[str]:
    """Words that set how many containers one service has, and leave those that are there alone."""
    return _up(files, number, ["--no-deps", "--no-recreate", "--no-build"], never_pulls)


def _up(files: Files, number: int, options: Sequence[str], never_pulls: bool) -> list[str]:
    if not NAME.fullmatch(files.service) or number < 1:
        raise ProbeError(Cause.INTERNAL, "only a service by its name, and at least one of it")
    pull = ["--pull", "never"] if never_pulls else []
    return files.argv("up", "-d", *options, *pull, "--scale", f"{files.service}={number}", files.service)
