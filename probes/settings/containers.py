"""Looks which containers are made from a file, and whether they have its values: the Engine's API, GET only.

Their environment is compared in memory and goes no further.
Reference: https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerInspect
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from probes.base import BadUrl, Cause, ProbeError, SafeText, load, parse_url

_LIMIT: Final = 8 << 20
"""Bytes of an answer."""
_MOST: Final = 20
"""Containers looked at."""
_ID: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Running:
    """A container that is made from the file."""

    name: SafeText
    made: datetime | None
    environment: Mapping[str, str]
    """For comparison only."""


async def running(url: str, project: str | None, services: Sequence[str], within: float) -> list[Running]:
    """The running containers of these Compose services. Raises `ProbeError`."""
    await load("httpx")
    import httpx

    base, socket = _place(url)
    transport = httpx.AsyncHTTPTransport(uds=socket) if socket else httpx.AsyncHTTPTransport()
    try:
        async with httpx.AsyncClient(transport=transport, base_url=base, timeout=within, trust_env=False) as client:
            rows = await _got(client, "/containers/json", {"filters": json.dumps({"status": ["running"]})})
            found: list[Running] = []
            for row in rows if isinstance(rows, list) else ():
                labels = row.get("Labels") if isinstance(row, dict) else None
                if not isinstance(labels, dict) or labels.get("com.docker.compose.service") not in services:
                    continue
                if project and labels.get("com.docker.compose.project") != project:
                    continue
                if _ID.fullmatch(str(row.get("Id"))) and len(found) < _MOST:
                    found.append(_running(await _got(client, f"/containers/{row['Id']}/json", {})))
            return found
    except httpx.HTTPError:
        raise ProbeError(Cause.REFUSED, "the Docker Engine does not answer", "is docker set to its socket?") from None


async def _got(client: Any, path: str, query: Mapping[str, str]) -> Any:
    async with client.stream("GET", path, params=query) as reply:
        body = bytearray()
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) > _LIMIT:
                raise ProbeError(Cause.TOO_BIG, "the Docker Engine's answer is too big")
    if reply.status_code in (401, 403):
        raise ProbeError(
            Cause.DENIED, "the socket does not allow us to look at containers", "allow GET /containers/ID/json"
        )
    if reply.status_code == 404:
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if reply.status_code >= 300 or not isinstance(found, list | dict):
        raise ProbeError(Cause.GARBAGE, "what answers at the socket is no Docker Engine")
    return found


def _running(answer: Any) -> Running:
    told: dict[str, Any] = answer if isinstance(answer, dict) else {}
    config = told.get("Config")
    given = config.get("Env") if isinstance(config, dict) else None
    environment: dict[str, str] = {}
    for one in given if isinstance(given, list) else ():
        name, sign, value = str(one).partition("=")
        environment |= {name: value} if sign else {}
    return Running(SafeText(str(told.get("Name", "")).lstrip("/"), 80), _moment(told.get("Created")), environment)


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return None


def _place(url: str) -> tuple[str, str | None]:
    try:
        place = parse_url(url, {"unix", "tcp", "http", "https"}, 2375)
    except BadUrl as error:
        raise ProbeError(Cause.REFUSED, f"the address of the Engine {error}") from None
    if place.scheme == "unix":
        return "http://docker", place.path or f"/{place.host}"
    return f"{'https' if place.scheme == 'https' else 'http'}://{place.where}", None
