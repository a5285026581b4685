"""What importing and meeting a kind costs: no driver with its module, and none on the event loop's own thread."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tui.kinds import KINDS, Kind

HEAVY = {
    *("psycopg", "redis", "httpx", "httpcore", "docker", "psutil", "boto3", "certifi"),
    *("http.client", "xmlrpc.client", "statistics", "sqlite3", "multiprocessing", "unittest"),
}

READ = """
import asyncio, json, sys, threading

seen = []

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in {drivers!r}:
            seen.append((name, threading.current_thread() is threading.main_thread()))

sys.meta_path.insert(0, Watch())
from probes.base import Context, ProbeError, Target
from {module} import {probe}

async def main():
    settings = {probe}.settings_type(url={url!r}, timeout=5.0)
    one = {probe}(Target("it", "{name}", settings), Context(None))
    try:
        await one.read()
    except ProbeError as error:
        print(json.dumps([error.cause.value, seen]))
    await one.close()

asyncio.run(main())
"""
URLS = {
    "postgres": "postgresql://a@127.0.0.1:1/x",
    "redis": "redis://127.0.0.1:1/0",
    "queues": "redis://127.0.0.1:1/0",
    "http": "http://127.0.0.1:1/",
    "docker": "tcp://127.0.0.1:1",
    "supervisor": "http://127.0.0.1:1",
    "prometheus": "http://127.0.0.1:1",
    "alertmanager": "http://127.0.0.1:1",
    "grafana": "http://127.0.0.1:1",
}


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_module_of_a_kind_brings_no_driver(kind: Kind) -> None:
    module = kind.probe.split(":")[0]
    loaded = python(f"import sys, json; import {module}; print(json.dumps(sorted(sys.modules)))")
    assert not HEAVY & set(json.loads(loaded))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name in URLS], ids=lambda kind: kind.name)
def test_a_driver_is_imported_beside_the_event_loop(kind: Kind) -> None:
    module, probe = kind.probe.split(":")
    drivers = {"psycopg", "redis", "httpx"}
    name = kind.name
    cause, seen = json.loads(
        python(READ.format(module=module, probe=probe, name=name, url=URLS[name], drivers=drivers))
    )
    assert cause == "refused"
    assert seen
    assert not [driver for driver, on_the_loop in seen if on_the_loop]
