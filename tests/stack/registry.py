"""A registry of images for tests: serves what it is given over HTTP on loopback, which an Engine takes without TLS.

Reference: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (pull).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Registry:
    """What it serves; `slow` holds layers back until it is set."""

    port: int = 0
    manifests: dict[str, bytes] = field(default_factory=dict)
    """By "name:tag" and by "name@digest"."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    go: threading.Event = field(default_factory=threading.Event)
    """Layers are given out only while it is set."""
    asked: list[str] = field(default_factory=list)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Names whose manifests it does not give out: the status and the code it says instead."""

    def name(self, path: str) -> str:
        """An image's name as an Engine must be asked for it."""
        return f"127.0.0.1:{self.port}/{path}"

    def put(self, name: str, tag: str, tree: bytes, config: Mapping[str, Any]) -> str:
        """Make an image of one layer (a tar archive) and its configuration; its digest."""
        packed = gzip.compress(tree, 1, mtime=0)
        told = {
            "architecture": "amd64",
            "os": "linux",
            "config": dict(config),
            "created": "2026-01-02T03:04:05Z",
            "rootfs": {"type": "layers", "diff_ids": [_digest(tree)]},
            "history": [{"created": "2026-01-02T03:04:05Z"}],
        }
        about = json.dumps(told).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob(about, "application/vnd.docker.container.image.v1+json"),
            "layers": [self._blob(packed, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
        }
        body = json.dumps(manifest).encode()
        self.manifests[f"{name}:{tag}"] = self.manifests[f"{name}:{_digest(body)}"] = body
        return _digest(body)

    def _blob(self, body: bytes, kind: str) -> dict[str, Any]:
        self.blobs[_digest(body)] = body
        return {"mediaType": kind, "size": len(body), "digest": _digest(body)}


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry, for as long as the block lasts."""
    registry = Registry()
    registry.go.set()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            registry.asked.append(f"{self.command} {self.path}")
            found = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/([^/]+)", self.path)
            if self.path == "/v2/":
                return self._say(200, b"{}", "application/json")
            if found is None:
                return self._say(404, b"{}", "application/json")
            name, what, ref = found.groups()
            if name in registry.refused:
                status, code = registry.refused[name]
                error = {"errors": [{"code": code, "message": code.lower()}]}
                return self._say(status, json.dumps(error).encode(), "application/json")
            if what == "blobs":
                registry.go.wait(60)
                body = registry.blobs.get(ref)
                kind = "application/octet-stream"
            else:
                body, kind = registry.manifests.get(f"{name}:{ref}"), _MANIFEST
            if body is None:
                error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
                return self._say(404, json.dumps(error).encode(), "application/json")
            return self._say(200, body, kind)

        do_HEAD = do_GET

        def _say(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 200:
                self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    registry.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), name="registry", daemon=True).start()
    try:
        yield registry
    finally:
        registry.go.set()
        server.shutdown()
        server.server_close()


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
