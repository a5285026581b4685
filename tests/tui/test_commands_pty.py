"""A migration as a person does it: the gate, the dialog, the run and its output; and a session that ends before it."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.tui.pty_app import PtyApp
from tests.tui.test_console_pty import SECRET, confirm, records, room

pytestmark = pytest.mark.terminal

CODE = """import os, pathlib, sys, time
print("applying", sys.argv[1], "with", os.environ["TOKEN"], flush=True)
while not pathlib.Path(os.environ["HOME"], "go").exists():
    time.sleep(0.05)
print("All migrations have been applied.")
"""


def profile(tmp_path: Path, need: str = "") -> str:
    argv = json.dumps([sys.executable, str(tmp_path / "migrate.py"), "{name}"])
    (tmp_path / "migrate.py").write_text(CODE)
    return (
        f'[commands.main.run.migrate]\nargv = {argv}\nwhat = "Applies one migration."\ndanger = "disruptive"\n'
        f'expect = "have been applied"\nparameters = {{name = "[a-z_]+"}}\nenv = {{TOKEN = "env:PW"}}\n{need}'
    )


def ask_to_run(app: PtyApp) -> None:
    app.wait_for("never run from here")
    app.send("1")
    app.wait_for("main  commands")
    app.send("a")
    app.wait_for("why act on")
    app.send("a release\r")
    app.wait_for("Act on migrate")
    app.wait_quiet(0.2)
    app.send("\r")
    app.wait_for("run migrate: name?")
    app.wait_quiet(0.2)
    app.send("add_tenants\r")


def test_a_migration_runs_to_its_end_and_its_secret_shows_nowhere(tmp_path: Path) -> None:
    with room(tmp_path, profile(tmp_path), SECRET) as app:
        ask_to_run(app)
        app.wait_for("migrate.py add_tenants")
        app.wait_for("Applies one migration.")
        confirm(app, typed=False, name="main", button="run migrate")
        app.send("\r")
        app.wait_for("it runs for")
        app.wait_for("applying add_tenants with ***")
        (tmp_path / "go").touch()
        app.wait_for("CONFIRMED")
        app.wait_for("All migrations have been applied.")
        app.send("\r")
        app.wait_for("exit code 0")
        app.send("l")
        app.wait_for("applying add_tenants with ***")
        assert SECRET["PW"].encode() not in app.output
    kept = json.dumps(records(tmp_path))
    assert SECRET["PW"] not in kept
    assert "add_tenants" in kept


def test_v_on_the_row_of_a_command_that_only_reads_shows_at_once_what_it_says(tmp_path: Path) -> None:
    told = json.dumps([sys.executable, "-c", "print('3 migrations applied')"])
    reads = f"[commands.main.run.status]\nargv = {told}\nreads = true\n"
    other = f"[commands.main.run.users]\nargv = {told}\nreads = true\n"
    with room(tmp_path, profile(tmp_path) + reads + other, SECRET) as app:
        app.wait_for("only reads")
        app.send("1")
        app.wait_for("reads: v shows it")
        app.send("j")
        app.wait_quiet(0.2)
        app.send("v")
        app.wait_for("3 migrations applied")
        assert "read-status status" in app.text
        app.send("\x1b")
        app.wait_for("main  commands")
        app.send("k")
        app.wait_quiet(0.2)
        app.send("v")
        app.wait_for("what its run writes")
        assert "read-status" not in app.text, "those of other rows are theirs"


def test_a_run_outlives_the_session_and_the_next_one_tells_its_end(tmp_path: Path) -> None:
    with room(tmp_path, profile(tmp_path), SECRET) as app:
        ask_to_run(app)
        confirm(app, typed=False, name="main", button="run migrate")
        app.send("\r")
        app.wait_for("it runs for")
        app.send("q")
        app.send("q")
        app.send("\x03")
        assert app.wait_exit() in (0, 130)
    (tmp_path / "go").touch()
    with room(tmp_path, profile(tmp_path), SECRET) as app:
        app.wait_for("exit code 0")


def test_without_what_it_needs_there_is_nothing_to_confirm(tmp_path: Path) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        need = 'needs = {health = "http.web up >= 1"}\n'
        web = f'[http.web]\nurl = "http://127.0.0.1:{server.server_port}/"\nevery = 0.5\ntimeout = 0.5\n'
        with room(tmp_path, profile(tmp_path, need) + web, SECRET) as app:
            app.wait_for("web")
            app.send("j")
            app.wait_for("never run from here")
            app.send("2")
            app.wait_for("main  commands")
            app.send("a")
            app.wait_for("why act on")
            app.send("a release\r")
            app.wait_for("Act on migrate")
            app.wait_quiet(0.2)
            app.send("\r")
            app.wait_for("run migrate: name?")
            app.wait_quiet(0.2)
            app.send("add_tenants\r")
            app.wait_for("health: up of http.web at least 1")
            app.wait_for("[ look again ]")
            assert "▸[ run" not in app.text
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            app.wait_for("up of http.web is 1")
            app.wait_for("[ run migrate")
        server.shutdown()
