"""Private Prometheus, Alertmanager and node exporter on free loopback ports; each scrapes and judges every second.

Settings are written as JSON, which YAML readers read.
"""

from __future__ import annotations

import json
import socket
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.stack import places, process

_TWO: Final = '(label_replace(vector(1), "a", "x", "", "") or label_replace(vector(1), "a", "y", "", ""))'
"""Two series, whatever was scraped: matched with themselves on no label they are an error at every evaluation."""
RULES: Sequence[Mapping[str, Any]] = (
    {
        "alert": "TargetDown",
        "expr": "up == 0",
        "for": "1s",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.job }} is down", "runbook_url": "https://runbooks.example/target-down"},
    },
    {"alert": "StillWaiting", "expr": "up == 1", "for": "1h", "labels": {"severity": "warning"}},
    {"alert": "AllQuiet", "expr": "up > 1", "labels": {"severity": "warning"}},
    {"alert": "Unreadable", "expr": f"{_TWO} / on() {_TWO}", "labels": {"severity": "warning"}},
    {"record": "job:up:sum", "expr": "sum by (job) (up)"},
)
"""Rules of the session's server: firing for the job `dead`, pending, inactive, one no server can evaluate, a record."""


@dataclass(frozen=True, slots=True)
class Server:
    """One running program of the three."""

    port: int
    pid: int
    folder: Path
    """Holds its settings, its data and its log."""

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`: a scrape target."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def get(self, path: str, **query: str) -> Any:
        """What a GET of the JSON interface gives; OSError when it fails."""
        return _ask(urllib.request.Request(f"{self.url}{path}?{urllib.parse.urlencode(query)}"))


class Prometheus(Server):
    """A running Prometheus."""

    __slots__ = ()

    def value(self, expression: str) -> float | None:
        """The first value of an instant query; None when it gives none."""
        result = self.get("/api/v1/query", query=expression)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def alerts(self) -> dict[str, str]:
        """State (`pending`, `firing`) of each alert by name; what is inactive is left out."""
        told = self.get("/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"]: alert["state"] for alert in told}

    def configure(
        self,
        *,
        jobs: Mapping[str, Sequence[str]] | None = None,
        scrape: Sequence[Mapping[str, Any]] = (),
        rules: Sequence[Mapping[str, Any]] = (),
        rule_files: Sequence[Path] = (),
        alertmanagers: Sequence[str] = (),
    ) -> None:
        """Write its settings anew and have it read them; what each word means is told at `start_prometheus`."""
        _write(self.folder, jobs or {}, scrape, rules, rule_files, alertmanagers)
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/reload", method="POST"), timeout=10):
            return


class Alertmanager(Server):
    """A running Alertmanager."""

    __slots__ = ()

    def alert(self, name: str, **labels: str) -> None:
        """Raise an alert for five minutes, as a Prometheus would."""
        self._post("/api/v2/alerts", [{"labels": {"alertname": name} | labels}])

    def silence(self, matchers: Mapping[str, str], *, until: str, author: str = "test", comment: str = "test") -> str:
        """Silence what has these labels from now `until` (RFC 3339); the silence's id."""
        wanted = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in matchers.items()]
        body = {
            "matchers": wanted,
            "startsAt": "2000-01-01T00:00:00Z",
            "endsAt": until,
            "createdBy": author,
            "comment": comment,
        }
        return str(self._post("/api/v2/silences", body)["silenceID"])

    def _post(self, path: str, body: object) -> Any:
        headers = {"Content-Type": "application/json"}
        return _ask(urllib.request.Request(self.url + path, data=json.dumps(body).encode(), headers=headers))


class NodeExporter(Server):
    """A running node exporter."""

    __slots__ = ()

    def expose(self, name: str, text: str) -> None:
        """Expose metrics of the test's own, in the text format; the next `text` of that `name` replaces them."""
        partial = self.folder / "text" / f"{name}.part"
        partial.write_text(text)
        partial.replace(partial.with_suffix(".prom"))


def start_prometheus(
    *options: str,
    jobs: Mapping[str, Sequence[str]] | None = None,
    scrape: Sequence[Mapping[str, Any]] = (),
    rules: Sequence[Mapping[str, Any]] = (),
    rule_files: Sequence[Path] = (),
    alertmanagers: Sequence[str] = (),
    owned: bool = True,
) -> Prometheus:
    """A new, empty server that scrapes itself as job `prometheus` (0.3 s). Raises `Unavailable`.

    `jobs` are addresses by job name, `scrape` whole entries of `scrape_configs`; `rules` become one group, `rule_files`
    are read too; `alertmanagers` are addresses; `options` are added to its argv.
    """
    folder, port = places.new_folder("prometheus"), places.free_port()
    own = {"prometheus": [f"127.0.0.1:{port}"]}
    _write(folder, own | dict(jobs or {}), scrape, rules, rule_files, alertmanagers)
    flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--web.enable-lifecycle"]
    flags += ["--storage.tsdb.retention.time=1h", "--rules.alert.resend-delay=1s", *options]
    return Prometheus(port, _start("prometheus", flags, folder, port, "/-/ready", owned=owned), folder)


def start_alertmanager(*options: str, owned: bool = True) -> Alertmanager:
    """A new, empty server that tells nobody and groups for a second (0.2 s). Raises `Unavailable`."""
    folder, port = places.new_folder("alertmanager"), places.free_port()
    route = {"receiver": "nobody", "group_by": ["alertname"], "group_wait": "1s", "group_interval": "1s"}
    settings = {"route": route, "receivers": [{"name": "nobody"}]}
    (folder / "alertmanager.yml").write_text(json.dumps(settings))
    flags = [f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data"]
    flags += ["--cluster.listen-address=", *options]
    pid = _start("prometheus-alertmanager", flags, folder, port, "/-/ready", owned=owned)
    return Alertmanager(port, pid, folder)


def start_node_exporter(*options: str, owned: bool = True) -> NodeExporter:
    """A new exporter of this machine's figures (0.2 s). Raises `Unavailable`."""
    folder, port = places.new_folder("node-exporter"), places.free_port()
    (folder / "text").mkdir()
    flags = [f"--collector.textfile.directory={folder}/text", *options]
    return NodeExporter(port, _start("prometheus-node-exporter", flags, folder, port, "/", owned=owned), folder)


def end(server: Server) -> None:
    """Stop it and remove its folder."""
    process.stop_pid(server.pid)
    places.remove(server.folder)


def _start(name: str, flags: Sequence[str], folder: Path, port: int, path: str, *, owned: bool) -> int:
    binary = places.program(name)
    if binary is None:
        raise places.Unavailable(f"{name} is not installed")
    argv: list[str | Path] = [binary, *flags, f"--web.listen-address=127.0.0.1:{port}"]
    return process.start(name, argv, log=folder / "log", ready=lambda: _answers(port, path), owned=owned)


def _write(
    folder: Path,
    jobs: Mapping[str, Sequence[str]],
    scrape: Sequence[Mapping[str, Any]],
    rules: Sequence[Mapping[str, Any]],
    rule_files: Sequence[Path],
    alertmanagers: Sequence[str],
) -> None:
    files = [str(path) for path in rule_files]
    if rules:
        files.append(str(folder / "rules.yml"))
        (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "test", "rules": list(rules)}]}))
    static = [{"job_name": job, "static_configs": [{"targets": list(targets)}]} for job, targets in jobs.items()]
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": files,
        "scrape_configs": [*static, *scrape],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings))


def _ask(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
    return json.loads(body) if body else None


def _answers(port: int, path: str) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        if client.connect_ex(("127.0.0.1", port)):
            return False
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
