"""A small HTTP server that speaks as Grafana 9 to 12 document it; its Alertmanager can be a real one behind its path.

https://grafana.com/docs/grafana/latest/developers/http_api/
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BELOW = "/api/alertmanager/grafana"
TOKEN = "a-test-password"


def alert(name: str, state: str = "active", started: str = "2026-03-01T02:00:00.000Z", **labels: str) -> dict[str, Any]:
    """An alert as Alertmanager's API v2 gives it."""
    silenced = ["5f8a2a7e-0000-4000-8000-000000000001"] if state == "suppressed" else []
    return {
        "annotations": {"summary": f"{name} is bad"},
        "endsAt": "2036-03-01T03:00:00.000Z",
        "fingerprint": f"{abs(hash((name, *sorted(labels.items())))):016x}"[:16],
        "receivers": [{"name": "grafana-default-email"}],
        "startsAt": started,
        "status": {"inhibitedBy": [], "silencedBy": silenced, "state": state},
        "updatedAt": "2026-03-01T03:00:00.000Z",
        "generatorURL": "https://grafana.example/alerting/grafana/abc/view",
        "labels": {"__alert_rule_uid__": "abc", "alertname": name, "grafana_folder": "shop", **labels},
    }


def changed(number: int, at: float, new: str, previous: str, name: str = "High errors") -> dict[str, Any]:
    """A change of state as Grafana keeps it, `at` in seconds."""
    return {
        "id": number,
        "alertId": 12,
        "alertName": "",
        "dashboardId": 0,
        "dashboardUID": "",
        "panelId": 0,
        "userId": 0,
        "newState": new,
        "prevState": previous,
        "created": int(at * 1000),
        "updated": int(at * 1000),
        "time": int(at * 1000),
        "timeEnd": int(at * 1000),
        "text": f"{name} {{alertname={name}, pod=web-{number % 2}}} - B={number}.000000",
        "tags": [],
        "data": {"values": {"B": number}},
    }


class FakeGrafana(ThreadingHTTPServer):
    """What it holds can be changed at any time; `denied` paths answer 403, `broken` ones 500."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = ""
        """Address of a real Alertmanager that stands for its own; empty: `alerts` and `silences` do."""
        self.alerts: list[dict[str, Any]] = [alert("High errors", severity="critical", pod="web-1")]
        self.silences: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.sources: list[dict[str, Any]] = [
            {"id": 1, "uid": "prom", "name": "Prometheus", "type": "prometheus", "typeName": "Prometheus"}
        ]
        self.health: dict[str, tuple[int, dict[str, Any]]] = {
            "prom": (200, {"status": "OK", "message": "Successfully queried the Prometheus API."})
        }
        self.permissions: dict[str, list[str]] | None = {"alert.instances:read": [""]}
        self.denied: set[str] = set()
        self.broken: set[str] = set()
        self.gone: set[str] = set()
        self.token = ""
        """When set, what must be presented."""
        self.asked: list[tuple[str, str]] = []
        """(method, path) of each request."""
        self.database = "ok"
        self.release = threading.Event()
        self.slow: set[str] = set()
        """Paths that answer only once `release` is set."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, part: str) -> int:
        """Requests so far whose path holds this."""
        return sum(part in path for _, path in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeGrafana

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body, parts, told = self.rfile.read(length), urlsplit(self.path), self.server
        told.asked.append((self.command, self.path))
        if any(part in parts.path for part in told.slow):
            told.release.wait(20)
        status, answer = self._answer(parts.path, parse_qs(parts.query), body)
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _answer(self, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any]:
        told = self.server
        if path == "/api/health":
            document = {"commit": "c0ffee", "database": told.database, "version": "11.4.0"}
            return (200 if told.database == "ok" else 503), document
        if told.token and self.headers.get("Authorization") != f"Bearer {told.token}":
            return 401, {"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401, "traceID": ""}
        if any(part in path for part in told.denied):
            return 403, {"message": "You'll need additional permissions to perform this action. Permissions needed: x"}
        if any(part in path for part in told.broken):
            return 500, {"message": "Internal server error"}
        if any(part in path for part in told.gone):
            return 404, {"message": "Not found"}
        if path.startswith(BELOW):
            return self._alertmanager(path.removeprefix(BELOW), body)
        if path == "/api/prometheus/grafana/api/v1/rules":
            return 200, {"status": "success", "data": {"groups": told.groups}}
        if path == "/api/annotations":
            first, last = int(query["from"][0]), int(query["to"][0])
            kept = [one for one in told.annotations if first <= one["time"] <= last and query["type"] == ["alert"]]
            return 200, kept[: int(query["limit"][0])]
        if path == "/api/datasources":
            return 200, told.sources
        if path.startswith("/api/datasources/uid/") and path.endswith("/health"):
            return told.health.get(path.split("/")[4], (404, {"message": "Plugin not found"}))
        if path == "/api/access-control/user/permissions":
            return (200, told.permissions) if told.permissions is not None else (404, {"message": "Not found"})
        return 404, {"message": "Not found"}

    def _alertmanager(self, path: str, body: bytes) -> tuple[int, Any]:
        told = self.server
        if not told.upstream:
            lists = {"/api/v2/alerts": told.alerts, "/api/v2/silences": told.silences}
            return (200, lists[path]) if path in lists and self.command == "GET" else (404, {"message": "Not found"})
        query = urlsplit(self.path).query
        request = urllib.request.Request(
            f"{told.upstream}{path}{f'?{query}' if query else ''}",
            data=body or None,
            method=self.command,
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                raw, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {"message": error.read().decode(errors="replace")}
        if self.command == "POST":  # Grafana says accepted, and ends a silence with a message
            return 202, raw
        return (200, {"message": "silence deleted"}) if self.command == "DELETE" else (status, raw)


@contextmanager
def fake_grafana(*_: object) -> Iterator[FakeGrafana]:
    """A running one."""
    server = FakeGrafana()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def grafana_port(*_: object) -> Iterator[int]:
    """The port of a running one."""
    with fake_grafana() as server:
        yield server.port
