"""The terminal is handed to another program and comes back whole, whatever that or the system does meanwhile."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import redis as redis_client

from tests.probes.kubefake import leading_to, running, small_cluster
from tests.probes.rigs import CANARY
from tests.stack.cacheservers import Redis
from tests.stack.docker import IMAGE, Engine
from tests.stack.postgres import Postgres
from tests.tui.pty_app import PtyApp, python

pytestmark = pytest.mark.terminal

HEAD = 'system = "shop"\nenvironment = "production"\nproduction = true\n'
PROGRAM: Final = f"""#!{sys.executable} -IS
import fcntl, json, os, pathlib, signal, subprocess, sys, time
told = pathlib.Path(os.environ["HOME"], "told.json")
passfile = os.environ.get("PGPASSFILE", "")
half = told.with_suffix(".half")
half.write_text(json.dumps({{
    "argv": sys.argv[1:], "tty": [os.isatty(fd) for fd in (0, 1, 2)], "environ": sorted(os.environ), "pid": os.getpid(),
    "foreground": os.tcgetpgrp(0) == os.getpgrp(), "size": list(os.get_terminal_size(1)),
    "secret": pathlib.Path(passfile).read_text() if passfile else "",
    "mode": oct(os.stat(passfile).st_mode & 0o777) if passfile else "",
}}))
half.rename(told)
how = pathlib.Path(os.environ["HOME"], "how").read_text()
if how == "asks":
    print("the program is ready", flush=True)
    for line in sys.stdin:
        print("it was told", line.strip(), list(os.get_terminal_size(1)), flush=True)
        if line.strip() == "exit":
            sys.exit(0)
elif how == "fails":
    sys.exit("no server is there" if sys.stdout.write("trying\\n") else 1)
elif how == "spoils":
    import termios, tty
    tty.setraw(0)
    os.set_blocking(0, False)
    sys.stdout.write("\\x1b[?1049h\\x1b[?1000h\\x1b[?1003h\\x1b[?2004h\\x1b[?25l\\x1b[?7l\\x1b[5;10r\\x1b[31;44mspoilt")
    sys.stdout.flush()
elif how == "stops":
    print("stops", flush=True)
    os.kill(os.getpid(), signal.SIGTSTP)
    print("went on", flush=True)
    sys.stdin.readline()
elif how == "stays":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path(os.environ["HOME"], "child").write_text(str(child.pid))
    print("it stays", flush=True)
    time.sleep(600)
"""
"""Stands for psql, kubectl and the like: tells what it was given, then behaves as the file `how` says."""


def program(folder: Path, *names: str, how: str = "asks") -> Path:
    """A folder for PATH with the program under these names."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    for name in names:
        (bin_ / name).write_text(PROGRAM)
        (bin_ / name).chmod(0o755)
    (folder / "how").write_text(how)
    return bin_


@contextmanager
def room(home: Path, profile: str, environ: Mapping[str, str] | None = None, *words: str) -> Iterator[PtyApp]:
    """The program, on one target, opened on it."""
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "shop.toml").write_text(HEAD + profile)
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    env = {"OPSROOM_HOME": str(home), "HOME": str(home), "PATH": path, **(environ or {})}
    with PtyApp(python("-m", "tui", *words), size=(110, 34), env=env, cwd=home) as app:
        app.wait_for("PRODUCTION")
        app.wait_for("panel")
        yield app


NOWHERE: Final = '[postgres.main]\nurl = "postgresql://app@127.0.0.1:1/shop?connection_limit=5"\npassword = "env:PW"\n'
SECRET: Final = {"PW": CANARY}


def ask(app: PtyApp, which: str = "read and write", name: str = "main") -> None:
    """To the dialog: arm with a reason, pick the console."""
    app.send("K")
    app.wait_for("why act on")
    app.send("a look inside\r")
    if which:
        app.wait_for("which console?")
        app.send(which)
        app.wait_until(
            lambda: ("psql, transactions" in app.text) != ("psql, read and write" in app.text), why="one choice"
        )
        app.send("\r")
    confirm(app, which != "transactions", name)


def only(app: PtyApp, text: str) -> None:
    """Show only the rows that hold a text."""
    app.send("/")
    app.wait_for("show rows that hold")
    app.wait_quiet(0.2)
    app.send(text)
    app.wait_until(lambda: any(text in one for one in app.text.splitlines()[-2:]), why="what was typed")
    app.send("\r")
    app.wait_for("? help")


def confirm(app: PtyApp, typed: bool = True, name: str = "main", button: str = "console") -> None:
    """To the button, once the picture has stood; Enter is the next key."""
    app.wait_for("▸[ Cancel ]")
    app.wait_for("looked at")
    if typed:  # all may be done there: the target's name is typed
        app.wait_for(f"type {name} to go on")
        app.send("\t")
        app.wait_for(f"▸type {name} to go on")
        app.send(name)
        app.wait_for("ok")
    app.send("\t")
    app.wait_until(lambda: f"▸[ {button}" in app.text, why="the button")
    app.wait_until(lambda: not {"░", "█"} & set(app.text), why="the picture to stand")


def handed(app: PtyApp, home: Path, which: str = "read and write") -> dict[str, Any]:
    """Confirm, and wait until the program has the terminal; what it was given."""
    ask(app, which)
    return given(app, home)


def given(app: PtyApp, home: Path) -> dict[str, Any]:
    """The last key; what the program was given."""
    app.send("\r")
    app.wait_until(lambda: (home / "told.json").exists(), why="the program")
    app.wait_until(lambda: not app.modes[1049], why="the plain screen")
    found: dict[str, Any] = json.loads((home / "told.json").read_text())
    return found


def back(app: PtyApp, *texts: str) -> None:
    app.wait_until(lambda: app.modes[1049], why="the room again")
    for text in texts or ("CONFIRMED",):
        app.wait_for(text)


def whole(app: PtyApp) -> None:
    """As it was found."""
    assert not app.modes[1049]
    assert app.modes[25]
    assert not {mode for mode, on in app.modes.items() if on} - {7, 25}
    assert app.current_settings == app.settings


def records(home: Path) -> list[dict[str, Any]]:
    lines = [line for path in (home / "state" / "audit").glob("*.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_the_program_has_the_terminal_and_the_room_comes_back(tmp_path: Path) -> None:
    program(tmp_path, "psql")
    with room(tmp_path, NOWHERE, SECRET) as app:
        told = handed(app, tmp_path)
        app.wait_for("the program is ready")
        assert told["tty"] == [True, True, True]
        assert told["foreground"]
        prompt = "PROMPT1=shop PRODUCTION main %/%R%x%# "
        assert told["argv"] == ["-v", prompt, "host=127.0.0.1 port=1 dbname=shop user=app"], "nothing psql would refuse"
        assert told["secret"] == f"*:*:*:*:{CANARY}\n"
        assert told["mode"] == "0o600"
        assert "PW" not in told["environ"]
        app.send("hello\r")
        app.wait_for("it was told hello")
        app.send("exit\r")
        back(app, "CONFIRMED", "it was open for")
        app.send("\r")
        app.wait_for("POSTGRES")
        app.send("q")
        assert app.wait_exit() == 0
        whole(app)
    kept = records(tmp_path)
    codes = [one["code"] for one in kept]
    assert [code for code in codes if code.startswith("act.")] == ["act.intent", "act.sent", "act.done", "act.verdict"]
    intent = next(one["data"] for one in kept if one["code"] == "act.intent")
    assert (intent["target"], intent["action"], intent["reason"]) == ("main", "console", "a look inside")
    assert intent["command"] == ["psql 'host=127.0.0.1 port=1 dbname=shop user=app'"]
    done = next(one["data"] for one in kept if one["code"] == "act.done")
    assert done["facts"]["code"] == "0"
    text = json.dumps(kept)
    assert "hello" not in text, "what is typed there is not recorded"
    assert CANARY not in text


def test_what_it_leaves_in_the_terminal_is_mended(tmp_path: Path) -> None:
    program(tmp_path, "psql", how="spoils")
    with room(tmp_path, NOWHERE, SECRET) as app:
        ask(app)
        app.send("\r")
        back(app, "CONFIRMED")
        app.send("\r")
        app.wait_for("POSTGRES")
        app.send("q")
        assert app.wait_exit() == 0
        whole(app)
        assert b"\x1b7\x1b[r\x1b8" in app.output, "lines scroll over the whole screen again, the cursor stays"


def test_a_program_that_ends_badly_at_once_can_be_read_before_the_room_comes_back(tmp_path: Path) -> None:
    program(tmp_path, "psql", how="fails")
    with room(tmp_path, NOWHERE, SECRET) as app:
        ask(app)
        app.send("\r")
        app.wait_for("no server is there")
        app.wait_for("psql ended with exit code 1; Enter goes back")
        app.send("\r")
        back(app, "REFUTED", "it ended at once with exit code 1")


def test_ctrl_c_is_the_programs_and_the_room_lives_on(tmp_path: Path) -> None:
    program(tmp_path, "psql")
    with room(tmp_path, NOWHERE, SECRET) as app:
        handed(app, tmp_path)
        app.wait_for("the program is ready")
        app.send("\x03")
        app.wait_until(lambda: app.modes[1049] or "Enter goes back" in app.text, why="the end of the program")
        app.send("\r")
        back(app, "answer: done")
        assert app.running


def test_a_program_that_stops_itself_goes_on(tmp_path: Path) -> None:
    program(tmp_path, "psql", how="stops")
    with room(tmp_path, NOWHERE, SECRET) as app:
        handed(app, tmp_path)
        app.wait_for("went on")
        app.send("\r")
        back(app)


@pytest.mark.usefixtures("bash")
def test_a_room_that_was_stopped_gives_the_program_its_terminal_again(tmp_path: Path) -> None:
    program(tmp_path, "psql")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.toml").write_text(HEAD + NOWHERE)
    shell = ["bash", "--norc", "--noprofile", "-i"]
    env = {"PS1": "shell> ", "HISTFILE": "/dev/null", "OPSROOM_HOME": str(tmp_path), "HOME": str(tmp_path), **SECRET}
    with PtyApp(shell, size=(110, 34), env={**env, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}) as app:
        app.wait_for("shell>")
        app.send(" ".join([*python("-m", "tui"), "\r"]))
        app.wait_for("panel")
        told = handed(app, tmp_path)
        app.wait_for("the program is ready")
        os.kill(psutil.Process(told["pid"]).ppid(), signal.SIGTSTP)
        app.wait_for("Stopped")
        app.send("fg\r")
        app.wait_until(lambda: os.tcgetpgrp(app.master) == told["pid"], why="the program's turn")
        app.send("again\r")
        app.wait_for("it was told again")
        app.send("exit\r")
        back(app)
        app.send("\r")
        app.wait_for("POSTGRES")
        app.send("q")
        app.wait_until(lambda: not app.modes[1049], why="the shell again")
        app.send("exit 0\r")
        app.wait_exit()


def test_a_change_of_size_reaches_the_program_and_the_room_after_it(tmp_path: Path) -> None:
    program(tmp_path, "psql")
    with room(tmp_path, NOWHERE, SECRET) as app:
        handed(app, tmp_path)
        app.wait_for("the program is ready")
        app.resize(90, 28)
        app.send("size\r")
        app.wait_for("it was told size [90, 28]")
        app.send("exit\r")
        back(app)
        app.wait_quiet()
        assert len(app.text.splitlines()) == 28


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_program_and_room_and_the_terminal_is_whole(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    program(tmp_path, "psql", how="stays")
    with room(tmp_path, NOWHERE, SECRET) as app:
        told = handed(app, tmp_path)
        app.wait_for("it stays")
        child = int((tmp_path / "child").read_text())
        app.signal(number)
        assert app.wait_exit() == code
        gone(told["pid"])
        gone(child)
        whole(app)
    codes = [one["code"] for one in records(tmp_path)]
    assert "act.done" in codes or "act.unknown" in codes


def test_a_dead_connection_ends_program_and_room(tmp_path: Path) -> None:
    program(tmp_path, "psql", how="stays")
    with room(tmp_path, NOWHERE, SECRET) as app:
        told = handed(app, tmp_path)
        app.wait_for("it stays")
        app.close_master()
        assert app.wait_exit_unread() in (129, -1)
        gone(told["pid"])
        gone(int((tmp_path / "child").read_text()))


def gone(pid: int) -> None:
    end = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, f"{pid} lives on"
        threading.Event().wait(0.05)


def test_reading_goes_on_meanwhile(tmp_path: Path) -> None:
    asked = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(time.monotonic())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        program(tmp_path, "psql")
        web = f'[http.web]\nurl = "http://127.0.0.1:{server.server_port}/"\nevery = 0.5\n'
        with room(tmp_path, NOWHERE + web, SECRET) as app:
            app.wait_for("web")
            app.send("jjj")  # from the web server to the database
            handed(app, tmp_path)
            app.wait_for("the program is ready")
            before = len(asked)
            app.wait_until(lambda: len(asked) >= before + 4, why="readings while the program has the terminal")
            assert not app.modes[1049], "and nothing is drawn over it"
            app.send("exit\r")
            back(app)
        server.shutdown()


# Refusals


def test_a_room_that_only_looks_opens_none(tmp_path: Path) -> None:
    program(tmp_path, "psql")
    with room(tmp_path, NOWHERE, SECRET, "--read-only") as app:
        app.send("K")
        app.wait_for("read-only: it was opened with --read-only")
    (tmp_path / "config" / "shop.toml").unlink()
    profile = f'acts = "never"\n{NOWHERE}'
    with room(tmp_path, profile, SECRET) as app:
        app.send("K")
        app.wait_for('the profile says acts = "never"')
    assert not (tmp_path / "told.json").exists()


def test_a_program_that_is_not_installed_is_told_before(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    with room(tmp_path, NOWHERE, {**SECRET, "PATH": str(tmp_path / "bin")}) as app:
        app.send("K")
        app.wait_for("why act on")
        app.send("a look inside\r")
        app.wait_for("psql is not installed here")


def test_a_program_that_everybody_may_write_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("w")  # a short path: the words have one line
    (program(home, "psql") / "psql").chmod(0o777)
    with room(home, NOWHERE, SECRET) as app:
        app.send("K")
        app.wait_for("why act on")
        app.send("a look inside\r")
        app.wait_for("can be written by everybody")


# Real ones


@pytest.mark.engine
def test_real_psql_reads_and_writes_as_its_title_says(tmp_path: Path, postgres: Postgres) -> None:
    url = f"postgresql://plain@127.0.0.1:{postgres.port}/app?pgbouncer=true"
    profile = f'[postgres.main]\nurl = "{url}"\npassword = "env:PW"\n'
    with room(tmp_path, profile, {**SECRET, "PAGER": "cat", "PW": postgres.password}) as app:
        ask(app, "transactions")
        app.send("\r")
        app.wait_for("shop PRODUCTION main app=>")
        app.send("show default_transaction_read_only; select 6*7 as answer;\r")
        app.wait_for(" on")
        app.wait_for("42")
        app.send("create table opsroom_console(x int);\r")
        app.wait_for("in a read-only transaction")
        app.send("\\q\r")
        back(app)
        assert postgres.password.encode() not in app.output


@pytest.mark.engine
def test_real_redis_cli_is_logged_in_without_a_password_in_its_arguments(tmp_path: Path, redis_server: Redis) -> None:
    with redis_client.Redis(port=redis_server.port) as client:
        client.acl_setuser("console", enabled=True, passwords=[f"+{CANARY}"], categories=["+@all"], keys=["*"])
    profile = (
        f'[redis.main]\nurl = "redis://127.0.0.1:{redis_server.port}/3"\nusername = "console"\npassword = "env:PW"\n'
    )
    try:
        with room(tmp_path, profile, SECRET) as app:
            app.wait_for("CACHE")
            ask(app, which="")
            app.send("\r")
            app.wait_for(f"127.0.0.1:{redis_server.port}[3]>")
            app.send("acl whoami\r")
            app.wait_for('"console"')
            ours = [psutil.Process(app.pid), *psutil.Process(app.pid).children(recursive=True)]
            lines = [one.cmdline() for one in ours]
            assert any("redis-cli" in line[0] for line in lines if line)
            assert not any(CANARY in word for line in lines for word in line)
            app.send("exit\r")
            back(app)
    finally:
        with redis_client.Redis(port=redis_server.port) as client:
            client.acl_deluser("console")


@pytest.mark.docker
def test_a_real_shell_in_a_real_container(tmp_path: Path, docker_engine: Engine) -> None:
    name = f"console{os.getpid()}"
    id = docker_engine.run("run", "-d", "--init", "--name", name, IMAGE, "sh", "-c", "sleep 600").strip()
    profile = f'[docker.main]\nurl = "unix://{docker_engine.socket}"\n'
    try:
        with room(tmp_path, profile) as app:
            app.wait_for("ago")
            app.send("1")
            app.wait_for("main  docker")
            only(app, name)
            ask(app, which="")
            assert id[:40] in "".join(app.text.split()), "the container by its whole id"
            app.send("\r")
            app.wait_until(lambda: not app.modes[1049], why="the plain screen")
            app.wait_for(f"shop PRODUCTION main {name} $")
            app.send("tty && hostname\r")
            app.wait_for("/dev/pts/")
            app.wait_for(id[:12])
            app.send("exit\r")
            back(app)
            app.send("\r")
            app.send("q")
    finally:
        docker_engine.run("rm", "-f", "-v", name)


def test_kubectl_is_begun_with_context_namespace_and_container_on_the_terminal(tmp_path: Path) -> None:
    program(tmp_path, "kubectl")
    with running(small_cluster()) as cluster:
        table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in leading_to(cluster.port).items())
        with room(tmp_path, f'[kubernetes.main]\n{table}\nnamespaces = ["shop"]\n') as app:
            app.wait_for("ago")
            app.send("1")
            app.wait_for("main  kubernetes")
            app.send("G")
            app.wait_for("▸ web")
            app.send("K")
            app.wait_for("why act on")
            app.send("a look inside\r")
            app.wait_for("which console?")
            app.send("\r")
            confirm(app)
            told = given(app, tmp_path)
            app.wait_for("the program is ready")
            name = told["argv"][6]
            assert cluster.asked.count(f"/api/v1/namespaces/shop/pods/{name}") == 1, "once more, directly before"
            assert told["argv"] == [
                "--context", f"127.0.0.1:{cluster.port}", "-n", "shop", "exec", "-it", name, "-c", "main", "--", "sh",
                "-c", "PS1=$0; export PS1; exec sh", f"shop PRODUCTION main {name} $ ",
            ]  # fmt: skip
            assert name.startswith("web-")
            assert told["tty"] == [True, True, True]
            assert "KUBECONFIG" in told["environ"]
            app.send("exit\r")
            back(app)


def test_a_pod_that_was_replaced_since_the_last_reading_gets_no_shell(tmp_path: Path) -> None:
    program(tmp_path, "kubectl")
    with running(small_cluster()) as cluster:
        table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in leading_to(cluster.port).items())
        with room(tmp_path, f'[kubernetes.main]\n{table}\nnamespaces = ["shop"]\nevery = 3600\n') as app:
            app.wait_for("ago")
            app.send("1")
            app.wait_for("main  kubernetes")
            app.send("G")
            app.wait_for("▸ web")
            app.send("K")
            app.wait_for("why act on")
            app.send("a look inside\r")
            app.wait_for("which console?")
            app.send("\r")
            app.wait_for("Cancel")
            for one in cluster.objects["pods"]:
                one["metadata"]["uid"] += "-another"
            confirm(app)
            app.send("\r")
            app.wait_for("another pod is called web-")
            assert not (tmp_path / "told.json").exists()
