"""Figures of a service: counters, and how long things take; the application shows everybody's under /metrics.

Each service writes its own into a file, as services of several processes do that share one page of metrics.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

_HELP: Final = {
    "http_requests_total": ("counter", "Requests answered, by status."),
    "http_request_duration_seconds": ("summary", "Time that a request took."),
    "api_calls_total": ("counter", "Calls to the Graph API, by what came of them."),
    "api_responses_total": ("counter", "Answers of the Graph API, by status; one call may have several."),
    "api_call_duration_seconds": ("summary", "Time that a call to the Graph API took, with its pauses."),
    "db_queries_total": ("counter", "Queries, by what came of them."),
    "db_query_duration_seconds": ("summary", "Time that a query took, with the wait for a connection."),
    "token_refresh_total": ("counter", "Tokens that were to be refreshed, by what came of it."),
    "tokens_expiring": ("gauge", "Accounts whose token ends within seven days."),
    "webhook_events_total": ("counter", "Events by webhook: received, processed, failed."),
}

_Key = tuple[str, tuple[tuple[str, str], ...]]


class Meters:
    """The figures of one service."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._values: dict[_Key, float] = {}

    def count(self, name: str, by: float = 1.0, **labels: str) -> None:
        """Add to a counter."""
        key = self._key(name, labels)
        self._values[key] = self._values.get(key, 0.0) + by

    def set(self, name: str, value: float, **labels: str) -> None:
        """What is so now."""
        self._values[self._key(name, labels)] = value

    def value(self, name: str, **labels: str) -> float:
        """A figure as it stands; 0 before its first."""
        return self._values.get(self._key(name, labels), 0.0)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """How long something takes, also when it fails."""
        began = perf_counter()
        try:
            yield
        finally:
            self.count(f"{name}_sum", perf_counter() - began)
            self.count(f"{name}_count")

    def _key(self, name: str, labels: dict[str, str]) -> _Key:
        return name, tuple(sorted({**labels, "service": self.service}.items()))

    def rows(self) -> list[tuple[str, dict[str, str], float]]:
        """(name, labels, value) of each."""
        return [(name, dict(labels), value) for (name, labels), value in self._values.items()]

    async def keep(self, folder: Path) -> None:
        """Twice a second, into the file where the application finds them."""
        while True:
            self._write(folder)
            await asyncio.sleep(0.5)

    def _write(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        new = folder / f"{self.service}.new"
        new.write_text(json.dumps(self.rows()), encoding="utf-8")
        new.replace(folder / f"{self.service}.json")


def kept(folder: Path, but: str) -> list[tuple[str, dict[str, str], float]]:
    """What the other services have written."""
    found: list[tuple[str, dict[str, str], float]] = []
    for path in sorted(folder.glob("*.json")):
        if path.stem != but:
            found += [(name, labels, value) for name, labels, value in json.loads(path.read_text(encoding="utf-8"))]
    return found


def exposed(rows: Iterable[tuple[str, dict[str, str], float]]) -> str:
    """The Prometheus text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
    families: dict[str, list[str]] = {}
    for name, labels, value in rows:
        family = name if name in _HELP else name.removesuffix("_sum").removesuffix("_count")
        written = ",".join(f'{label}="{text}"' for label, text in labels.items())
        families.setdefault(family, []).append(f"{name}{{{written}}} {value:.6g}")
    lines = []
    for family, samples in sorted(families.items()):
        kind, text = _HELP[family]
        lines += [f"# HELP {family} {text}", f"# TYPE {family} {kind}", *samples]
    return "\n".join([*lines, ""])
