"""A small scheduler with an HTTP interface that keeps state: jobs in pages, executions, changes with ETag, a switch."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "a-test-password"
CHANGING = ("POST", "PUT", "PATCH", "DELETE")


def job(
    id: str | int, minutes: int = 15, platform: str = "twitch", status: str = "ok", ago: float = 60
) -> dict[str, Any]:
    """A job as the scheduler lists it, `ago` in seconds since its last run."""
    return {
        "id": id,
        "name": f"fetch {id}",
        "platform": platform,
        "interval_minutes": minutes,
        "paused": False,
        "secret_note": "kept",
        "last_run_at": (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(),
        "last_status": status,
    }


class Scheduler(ThreadingHTTPServer):
    """Keeps jobs; counts what changes something, and remembers each such request whole."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.jobs: dict[str, dict[str, Any]] = {str(one["id"]): one for one in (job(1), job(2, 60), job("a b/c", 30))}
        self.runs: list[dict[str, Any]] = [
            {"id": number, "job": "1", "status": status, "at": f"2026-03-01T03:0{number}:00Z", "message": "said"}
            for number, status in enumerate(("success", "rate_limited", "rate_limited"))
        ]
        self.sending = True
        self.changes: list[tuple[str, str, dict[str, str], Any]] = []
        """Method, path, headers in lower case, body of each request that would change something."""
        self.page = 2
        self.etags = True
        self.answer: tuple[int, dict[str, str], bytes] | None = None
        """What changes are answered instead of being made."""
        self.deaf = False
        """True: changes are accepted and not made."""
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Scheduler
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def do_GET(self) -> None:
        with self.server.lock:
            self._get()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self._change(json.loads(body) if body else None)

    do_PUT = do_PATCH = do_DELETE = do_POST

    def _get(self) -> None:
        parts = urlsplit(self.path)
        query, names = parse_qs(parts.query), [unquote(one) for one in parts.path.strip("/").split("/")]
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._say(401, {"message": "log in"})
        match names:
            case ["api", "jobs"]:
                start, everything = int(query.get("after", ["0"])[0]), list(self.server.jobs.values())
                end = start + self.server.page
                following = f"/api/jobs?after={end}" if end < len(everything) else None
                return self._say(200, {"jobs": everything[start:end], "next": following})
            case ["api", "jobs", id] if id in self.server.jobs:
                return self._say(200, self.server.jobs[id], {"ETag": self._mark(id)} if self.server.etags else {})
            case ["api", "jobs", id, "executions"]:
                return self._say(200, {"executions": [one for one in self.server.runs if one["job"] == id]})
            case ["admin", "state"]:
                return self._say(200, {"sending": self.server.sending})
        return self._say(404, {"message": "no such thing"})

    def _change(self, body: Any) -> None:
        server = self.server
        headers = {name.lower(): value for name, value in self.headers.items()}
        server.changes.append((self.command, self.path, headers, body))
        if server.answer is not None:
            return self._say(server.answer[0], server.answer[2], server.answer[1])
        names = [unquote(one) for one in urlsplit(self.path).path.strip("/").split("/")]
        if names[:2] == ["api", "jobs"] and len(names) > 2:
            if names[2] not in server.jobs:
                return self._say(404, {"message": "gone"})
            if "if-match" in headers and headers["if-match"] != self._mark(names[2]):
                return self._say(412, {"message": "another version"})
            if body is not None and headers.get("content-type") != "application/json":
                return self._say(415, {"message": "JSON only"})
        if server.deaf:
            return self._say(202, {})
        match (self.command, names):
            case ("PUT", ["api", "jobs", id]):
                server.jobs[id] = dict(body)
                return self._say(200, server.jobs[id])
            case ("PATCH", ["api", "jobs", id]):
                server.jobs[id] |= body
                return self._say(200, server.jobs[id])
            case ("POST", ["api", "jobs", id, ("pause" | "resume") as verb]):
                server.jobs[id]["paused"] = verb == "pause"
                return self._say(204, b"")
            case ("POST", ["api", "jobs", id, "run"]):
                server.jobs[id]["last_run_at"] = datetime.now(UTC).isoformat()
                return self._say(202, {"queued": True})
            case ("POST", ["admin", ("pause" | "resume") as verb]):
                server.sending = verb == "resume"
                return self._say(200, {"ok": True})
        return self._say(404, {"message": "no such thing"})

    def _mark(self, id: str) -> str:
        return f'"{hash(json.dumps(self.server.jobs[id], sort_keys=True)) & 0xFFFFFF:x}"'

    def _say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(data)


@contextmanager
def scheduling() -> Iterator[Scheduler]:
    """A scheduler while the block lasts."""
    server = Scheduler()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def scheduler_port(request: object) -> Any:
    """For the rigs: the port of a scheduler."""
    del request

    @contextmanager
    def port() -> Iterator[int]:
        with scheduling() as server:
            yield server.port

    return port()


FIELDS = {
    "interval": "$.interval_minutes", "paused": "$.paused", "last_run": "$.last_run_at",
    "last_status": "$.last_status", "group": "$.platform",
}  # fmt: skip


def settings_for(port: int, **changes: Any) -> dict[str, Any]:
    """A profile's settings for it."""
    return {
        "url": f"http://127.0.0.1:{port}",
        "token": "env:SECRET",
        "list": "/api/jobs",
        "next": "$.next",
        "item": "/api/jobs/{id}",
        "fields": FIELDS,
        "executions": "/api/jobs/{id}/executions",
        "run_fields": {"at": "$.at", "message": "$.message"},
        "action": {
            "interval": {"method": "PATCH", "path": "/api/jobs/{id}", "body": {"interval_minutes": "{interval}"}},
            "pause": {"path": "/api/jobs/{id}/pause"},
            "resume": {"path": "/api/jobs/{id}/resume"},
            "run": {"path": "/api/jobs/{id}/run"},
            "stop-sending": {
                "path": "/admin/pause",
                "title": "stop sending",
                "what": "Holds back every message; what is queued stays.",
                "undo": "start-sending",
                "check": {"path": "/admin/state", "expect": {"$.sending": False}},
            },
            "start-sending": {
                "path": "/admin/resume",
                "danger": "reversible",
                "check": {"path": "/admin/state", "expect": {"$.sending": True}},
            },
            "clear-cache": {"path": "/admin/pause", "body": {"all": True}, "danger": "destructive"},
        },
        **changes,
    }
