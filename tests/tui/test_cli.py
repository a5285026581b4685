"""The command line as it is typed: what it prints where, and with which code it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner, Result

from tests.tui.pty_app import ROOT
from tui.cli import main

CANARY = "hunter2-canary"
HOST = 'system = "shop"\n[host.local]\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person without any settings; what the machine's own environment says is not seen."""
    for name in list(os.environ):
        if name.startswith(("OPSROOM", "DATABASE", "REDIS", "PG", "CELERY", "DOCKER", "XDG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    return tmp_path


def call(*words: str) -> Result:
    """A verb inside this process."""
    return CliRunner().invoke(main, words, prog_name="opsroom")


def run(home: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A verb as a program of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tui", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=25,
        cwd=home,
        env=environment(home, **environ),
    )


def shell(home: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A line as a shell runs it."""
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=25, cwd=home, env=environment(home)
    )


def environment(home: Path, **more: str) -> dict[str, str]:
    base = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    return {**base, "OPSROOM_HOME": str(home), **more}


def write(home: Path, text: str, name: str = "shop") -> Path:
    path = home / "config" / f"{name}.toml"
    path.write_text(text)
    return path


def http(**urls: str) -> str:
    """A profile of HTTP endpoints."""
    return 'system = "shop"\n' + "".join(f'[http.{name}]\nurl = "{url}"\n' for name, url in urls.items())


@pytest.fixture
def closed() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/health"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ill = self.path.startswith("/ill")
        self.send_response(503 if ill else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An endpoint that is well, except under /ill."""
    listening = HTTPServer(("127.0.0.1", 0), _Answer)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join(5)
    listening.server_close()


# Help, version, paths


def test_help_names_every_verb_and_the_options_people_look_for(home: Path) -> None:
    said = call("--help").stdout
    for word in ("check", "config", "completions", "demo", "info", "init", "--profile", "--theme", "--ascii"):
        assert word in said
    assert "--read-only" in said
    assert call("-h").stdout == said


@pytest.mark.parametrize("verb", ["check", "init", "demo", "info", "completions", "config", "config show"])
def test_every_verb_has_help(verb: str, home: Path) -> None:
    found = call(*verb.split(), "--help")
    assert found.exit_code == 0
    assert f"Usage: opsroom {verb}" in found.stdout


def test_the_version_is_the_packages(home: Path) -> None:
    found = call("--version")
    assert found.exit_code == 0
    assert found.stdout.startswith("opsroom, version ")
    assert call("-v").stdout == found.stdout


def test_info_names_every_path(home: Path) -> None:
    path = write(home, HOST)
    said = call("info").stdout
    for known in (f"{home}/config/*.toml", "/etc/opsroom/*.toml", f"{home}/config/preferences.toml", f"{home}/state"):
        assert known in said
    assert str(path) in said
    assert "Python 3." in said


@pytest.mark.parametrize("words", [["nonsense"], ["--nonsense"], ["check", "--seconds", "nan"], ["completions", "csh"]])
def test_a_wrong_call_is_refused_with_code_two(words: list[str], home: Path) -> None:
    found = call(*words)
    assert found.exit_code == 2
    assert not found.stdout
    assert found.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(seconds: str, home: Path) -> None:
    assert call("check", "--seconds", seconds).exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_a_script_for_the_shell(shell: str, home: Path) -> None:
    said = call("completions", shell).stdout
    assert "_OPSROOM_COMPLETE" in said
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=said, text=True, timeout=10).returncode == 0


def test_the_shell_is_given_the_verbs(home: Path) -> None:
    found = run(home, _OPSROOM_COMPLETE="bash_complete", COMP_WORDS="opsroom c", COMP_CWORD="1")
    assert "check" in found.stdout
    assert "config" in found.stdout


# Which profile


def test_a_profile_is_chosen_by_name_by_file_and_by_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, HOST)
    mail = write(home, HOST.replace("shop", "mail"), "mail")

    def system(*words: str) -> Any:
        return json.loads(call(*words).stdout)["system"]

    assert system("config", "show", "--profile", "mail") == "mail"
    assert system("config", "show", "-P", str(mail)) == "mail"
    assert system("config", "show", "-c", "mail") == "mail"
    monkeypatch.setenv("OPSROOM_PROFILE", "mail")
    assert system("config", "show") == "mail"
    assert system("config", "show", "-P", "shop") == "shop"


def test_a_profile_named_before_the_verb_counts_as_well(home: Path) -> None:
    write(home, HOST)
    write(home, HOST.replace("shop", "mail"), "mail")
    assert json.loads(call("-P", "mail", "config", "show").stdout)["system"] == "mail"
    assert call("-P", "mail", "config", "validate").stdout.startswith(f"{home}/config/mail.toml: ok")
    assert json.loads(call("-P", "mail", "config", "show", "-P", "shop").stdout)["system"] == "shop"


@pytest.mark.parametrize("verb", [["check"], ["config", "show"], ["config", "validate"], []])
def test_of_several_profiles_one_must_be_chosen(verb: list[str], home: Path) -> None:
    write(home, HOST)
    write(home, HOST, "mail")
    found = call(*verb)
    assert found.exit_code == 2
    assert "several profiles are there, choose one with --profile: mail, shop" in found.stderr


def test_an_unknown_name_is_refused_with_the_known_ones(home: Path) -> None:
    write(home, HOST)
    found = call("config", "show", "-P", "shp")
    assert found.exit_code == 2
    assert "there is no profile named shp; known: shop" in found.stderr


def test_a_file_that_is_not_there_is_refused(home: Path) -> None:
    found = call("config", "show", "-P", "./none.toml")
    assert found.exit_code == 2
    assert "none.toml: cannot be read: no such file or directory" in found.stderr


# A broken profile

BROKEN = """sistem = "x"
[http.health]
url = "http://app:hunter2-canary@h:80:90/"
evry = 1
[host.local]
timeout = "soon"
[hots.local]
[[rule]]
name = "nothing"
"""


@pytest.mark.parametrize("verb", [["check"], ["check", "--json"], ["config", "show"], ["config", "validate"], []])
def test_a_broken_profile_tells_every_error_at_once_and_opens_nothing(verb: list[str], home: Path) -> None:
    path = write(home, BROKEN)
    found = run(home, *verb)
    assert found.returncode == 2
    assert not found.stdout
    lines = found.stderr.splitlines()
    assert all(line.startswith(f"{path}") for line in lines)
    for said in (
        ":1: sistem: is not a known key; did you mean system?",
        ":3: http.health.url: ",
        ":4: http.health.evry: is not a known key; did you mean every?",
        ":6: host.local.timeout: ",
        ":7: hots: is not a known kind; did you mean host?",
        ": system: is required",
    ):
        assert any(said in line for line in lines), said
    assert "Traceback" not in found.stderr
    assert CANARY not in found.stderr


@pytest.mark.parametrize(
    "content", [b"\x00", b"\xff\xfe", b"[" * 9000, b"a=" + b"{a=" * 3000, b"x" * (2 << 20), b"system = 'x'\n" * 2, b""]
)
def test_no_file_makes_it_fall_over(content: bytes, home: Path) -> None:
    path = home / "config" / "odd.toml"
    path.write_bytes(content)
    found = call("config", "validate", str(path))
    assert found.exit_code == 2
    assert found.stderr.startswith(f"{path}:")


def test_several_files_are_all_checked(home: Path) -> None:
    good, bad = write(home, HOST), write(home, "nonsense", "bad")
    found = call("config", "validate", str(bad), str(good))
    assert found.exit_code == 2
    assert f"{good}: ok, 1 target" in found.stdout
    assert f"{bad}:1: is not valid TOML" in found.stderr


def test_without_a_profile_there_is_nothing_to_validate(home: Path) -> None:
    found = call("config", "validate")
    assert found.exit_code == 2
    assert "there is no profile; `opsroom init` writes one" in found.stderr


# What is shown


def test_a_profile_with_secrets_in_clear_opens_nothing_and_none_is_repeated(home: Path) -> None:
    write(
        home,
        f"""system = "shop"
[postgres.main]
url = "postgresql://app:{CANARY}@db/shop?password={CANARY}"
[http.health]
url = "https://app:{CANARY}@shop.example/health"
headers = {{ Authorization = "Bearer {CANARY}", X-Api-Key = "{CANARY}", Accept = "text/plain", Cookie = "env:C" }}
""",
    )
    for verb in (["config", "show"], ["config", "validate"], ["check"], []):
        found = call(*verb)
        assert found.exit_code == 2
        assert len(found.stderr.splitlines()) == 4
        assert CANARY not in found.stdout + found.stderr


def test_showing_a_profile_hides_secret_parameters_and_keeps_the_rest(home: Path) -> None:
    names = ("token", "api_key", "client-secret", "X-Amz-Signature", "sig")
    query = "&".join(f"{name}={CANARY}" for name in names)
    headers = '{ Accept = "text/plain", Cookie = "env:C" }'
    write(home, f'system = "shop"\n[http.a]\nurl = "https://h/x?deep=1&{query}"\nheaders = {headers}\n')
    said = call("config", "show")
    assert said.exit_code == 0
    assert CANARY not in said.stdout
    shown = json.loads(said.stdout)["targets"]["a"]
    assert shown["url"] == "https://h/x?deep=1&" + "&".join(f"{name}=***" for name in names)
    assert shown["headers"] == {"Accept": "text/plain", "Cookie": "env:C"}


def test_showing_includes_the_defaults_and_keeps_references(home: Path) -> None:
    write(home, 'system = "shop"\n[postgres.main]\nurl = "env:DATABASE_URL"\n')
    main_ = json.loads(call("config", "show").stdout)["targets"]["main"]
    assert main_["kind"] == "postgres"
    assert main_["url"] == "env:DATABASE_URL"
    assert main_["timeout"] == 5.0


def test_what_the_machine_has_is_shown_without_its_passwords(home: Path) -> None:
    url, cache = f"postgresql://app:{CANARY}@127.0.0.1:1/shop", f"redis://:{CANARY}@127.0.0.1:1/0"
    for verb in (["config", "show"], ["init", "-"], ["info"]):
        found = run(home, *verb, DATABASE_URL=url, REDIS_URL=cache, PGPASSWORD=CANARY)
        assert found.returncode == 0, found.stderr
        assert CANARY not in found.stdout + found.stderr


def test_the_schema_is_json_and_knows_every_kind(home: Path) -> None:
    from tui.kinds import KINDS

    body = json.loads(call("config", "schema").stdout)
    assert {kind.name for kind in KINDS} <= set(body["properties"])
    assert body["$schema"].startswith("https://json-schema.org/")


# Init


def test_init_writes_a_private_file_that_is_right(home: Path) -> None:
    found = call("init")
    assert found.exit_code == 0, found.stderr
    (path,) = (home / "config").glob("*.toml")
    assert str(path) in found.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert call("config", "validate").stdout.startswith(f"{path}: ok")


def test_init_never_writes_over_a_file_or_through_a_link(home: Path) -> None:
    path = write(home, HOST)
    link = home / "link.toml"
    link.symlink_to(home / "elsewhere")
    for there in (path, link):
        found = call("init", str(there))
        assert found.exit_code == 2
        assert "is already there; it was not touched" in found.stderr
    assert path.read_text() == HOST
    assert not (home / "elsewhere").exists()


def test_init_makes_its_own_folder_and_no_other(home: Path) -> None:
    (home / "config").rmdir()
    found = call("init", str(home / "new" / "deep" / "x.toml"))
    assert found.exit_code == 2
    assert found.stderr == f"{home}/new/deep/x.toml cannot be written: there is no folder {home}/new/deep\n"
    assert list(home.iterdir()) == []
    assert call("init").exit_code == 0
    assert stat.S_IMODE((home / "config").stat().st_mode) == 0o700
    assert call("init", str(home / "here.toml")).exit_code == 0


def test_init_says_where_it_may_not_write(home: Path) -> None:
    found = call("init", "/proc/nowhere/x.toml")
    assert found.exit_code == 2
    assert "cannot be written" in found.stderr


def test_init_to_standard_output_writes_nothing_else(home: Path) -> None:
    found = call("init", "-")
    assert found.exit_code == 0, found.stderr
    assert found.stdout.startswith("# A profile describes one system.")
    assert list((home / "config").iterdir()) == []


# Check


def test_all_well_is_code_zero(home: Path, server: str) -> None:
    write(home, http(health=f"{server}/health"))
    found = run(home, "check")
    assert (found.returncode, found.stderr) == (0, "")
    assert "LIVE         health (http)" in found.stdout
    assert "nothing needs attention" in found.stdout


def test_something_bad_is_code_one(home: Path, server: str) -> None:
    write(home, http(health=f"{server}/health", ill=f"{server}/ill"))
    found = run(home, "check")
    assert found.returncode == 1
    assert "CRITICAL" in found.stdout
    assert "503" in found.stdout


def test_nothing_reachable_is_code_three(home: Path, closed: str) -> None:
    write(home, http(health=closed))
    found = run(home, "check")
    assert found.returncode == 3
    assert "DOWN         health (http)  refused: " in found.stdout
    assert "Traceback" not in found.stderr


def test_the_host_is_checked_within_seconds(home: Path) -> None:
    write(home, HOST)
    began = time.monotonic()
    found = run(home, "check", "--json")
    assert time.monotonic() - began < 25
    body = json.loads(found.stdout)
    assert body["version"] == 1
    (target,) = body["targets"]
    assert target["state"] in ("LIVE", "PARTIAL")
    assert target["gauges"]["memory_total_bytes"] > 0
    assert 0 <= target["gauges"]["cpu_busy_ratio"] <= 1
    assert found.returncode == (1 if any(one["severity"] != "notice" for one in body["alerts"]) else 0)


def test_monitoring_has_its_own_codes(home: Path, server: str, closed: str) -> None:
    warning = """
[[rule]]
name = "any"
gauge = "status_code"
op = ">"
threshold = 1
severity = "warning"
say = "is {value}"
hold = 600
"""
    for code, word, text in (
        (0, "OK", http(health=f"{server}/health")),
        (1, "WARNING", http(health=f"{server}/health") + warning),
        (2, "CRITICAL", http(health=f"{server}/health", gone=closed)),
        (3, "UNKNOWN", http(gone=closed)),
    ):
        write(home, text)
        found = run(home, "check", "--nagios")
        assert (found.returncode, found.stdout.split(" ")[0], found.stdout.count("\n")) == (code, word, 1)


def test_json_on_a_dead_target_is_still_json(home: Path, closed: str) -> None:
    write(home, http(health=closed))
    found = run(home, "check", "--json")
    assert found.returncode == 3
    assert json.loads(found.stdout)["targets"][0]["failure"]["cause"] == "refused"


def test_a_secret_that_is_missing_is_told_by_name_only(home: Path) -> None:
    write(home, 'system = "shop"\n[http.health]\nurl = "env:HEALTH_URL"\n')
    found = run(home, "check")
    assert found.returncode == 3
    assert "HEALTH_URL" in found.stdout


def test_no_password_leaves_through_check(home: Path, closed: str) -> None:
    url = closed.replace("://", f"://app:{CANARY}@")
    write(home, 'system = "shop"\n[http.health]\nurl = "env:HEALTH_URL"\n[postgres.main]\nurl = "env:DATABASE_URL"\n')
    for form in ([], ["--json"], ["--nagios"]):
        found = run(home, "check", *form, HEALTH_URL=url, DATABASE_URL=url.replace("http", "postgresql"))
        assert found.returncode == 3
        assert CANARY not in found.stdout + found.stderr


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_targets_that_stay_silent_are_not_well(home: Path, silent: int) -> None:
    schemes = {"redis": "redis", "postgres": "postgresql", "http": "http"}
    text = "".join(f'[{kind}.{kind}]\nurl = "{scheme}://127.0.0.1:{silent}/"\n' for kind, scheme in schemes.items())
    write(home, HOST + text)
    found = run(home, "check", "--seconds", "2")
    assert found.returncode == 1
    for kind in schemes:
        assert f"WAITING      {kind} ({kind})  no answer within 2 s" in found.stdout.splitlines()
    assert "nothing needs attention" not in found.stdout
    found = run(home, "check", "--seconds", "2", "--nagios")
    assert found.returncode == 2
    assert found.stdout.startswith("CRITICAL - http: no answer within 2 s; postgres: no answer within 2 s; redis: ")


@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
@pytest.mark.parametrize(
    ("verb", "code"), [("check", 2), ("check --json", 2), ("check --nagios", 3), ("config show", 2), ("info", 2)]
)
def test_an_output_that_takes_nothing_is_told_in_one_line(verb: str, code: int, where: str, home: Path) -> None:
    write(home, HOST)
    found = shell(home, f"{sys.executable} -m tui {verb} {where}")
    assert found.returncode == code
    (line,) = found.stderr.splitlines()
    assert line.startswith("opsroom: the output cannot be written: ")


def test_help_that_cannot_be_written_is_no_crash(home: Path) -> None:
    found = shell(home, f"{sys.executable} -m tui check --help >/dev/full")
    assert (found.returncode, found.stderr) == (
        2,
        "opsroom: the output cannot be written: no space left on device\n",
    )


def test_when_nothing_at_all_can_be_said_the_code_still_tells(home: Path) -> None:
    write(home, HOST)
    assert shell(home, f"{sys.executable} -m tui check >&- 2>&-").returncode == 2
    assert shell(home, f"{sys.executable} -m tui check --nagios >/dev/full 2>/dev/full").returncode == 3
    assert shell(home, f"{sys.executable} -m tui check -P nowhere 2>&-").stdout == ""


def test_a_reader_that_wants_one_line_hears_no_complaint(home: Path) -> None:
    write(home, HOST)
    found = shell(home, f"{sys.executable} -m tui check --json | head -1")
    assert (found.stdout, found.stderr) == ("{\n", "")


def test_an_interrupted_check_ends_with_its_own_code(home: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        write(home, http(health=f"http://127.0.0.1:{silent.getsockname()[1]}/"))
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored here would be ignored there
        process = subprocess.Popen(
            [sys.executable, "-m", "tui", "check"], env=environment(home), stderr=subprocess.PIPE, text=True
        )
        signal.signal(signal.SIGINT, before)
        try:
            silent.settimeout(15)
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=10)
            connection.close()
        finally:
            process.kill()
            process.wait(5)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_a_reader_that_leaves_early_is_no_fault(home: Path, server: str) -> None:
    write(home, http(health=f"{server}/health"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "check"], env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.wait(15)
    process.stderr.close()
    assert b"Traceback" not in said


@pytest.mark.parametrize("environ", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_a_locale_without_letters_is_no_reason_to_fall_over(environ: dict[str, str], home: Path, server: str) -> None:
    text = http(health=f"{server}/health").replace('"shop"', '"café → 漢"', 1)
    write(home, text)
    for verb in (["check"], ["config", "show"], ["--help"]):
        found = run(home, *verb, LANG="C", PYTHONUTF8="0", **environ)
        assert found.returncode == 0, found.stderr
        assert found.stdout.isascii()


# The room


@pytest.mark.parametrize("words", [[], ["demo"]])
def test_the_room_needs_a_terminal(words: list[str], home: Path) -> None:
    write(home, HOST)
    found = run(home, *words)
    assert found.returncode == 2
    assert found.stderr == "The screen needs a terminal, and the input is not one. For scripts, use `opsroom check`.\n"


@pytest.mark.parametrize("words", [(), ("report",), ("audit",), ("config",), ("store",), ("incident",)])
def test_every_verb_is_listed_with_a_whole_sentence(home: Path, words: tuple[str, ...]) -> None:
    said = call(*words, "--help").output
    assert "Commands:" in said
    assert "..." not in said.partition("Commands:")[2]


@pytest.mark.parametrize("named", ["shop", "other.toml"])
def test_a_profile_in_the_place_of_a_verb_is_told_how_it_is_opened(home: Path, named: str) -> None:
    (home / "config" / "shop.toml").write_text(HOST)
    found = call(named)
    assert found.exit_code == 2
    assert f"a profile is opened with -c: opsroom -c {named}" in found.output
    assert "No such command 'chek'. Did you mean 'check'?" in call("chek").output


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("opsroom -c s", ["shop"]),
        ("opsroom wall ", ["shop"]),
        ("opsroom check -c ", ["shop"]),
        ("opsroom demo news", ["newsletter"]),
        ("opsroom --theme n", ["night"]),
    ],
)
def test_a_shell_completes_profiles_systems_and_themes(home: Path, line: str, offered: list[str]) -> None:
    (home / "config" / "shop.toml").write_text(HOST)
    completion = get_completion_class("bash")
    assert completion is not None
    words = line.split(" ")
    made = completion(main, {}, "opsroom", "_OPSROOM_COMPLETE").get_completions(words[1:-1], words[-1])
    assert [one.value for one in made if one.type == "plain"] == offered


@pytest.mark.parametrize(
    ("words", "without", "told"),
    [
        (
            ["demo", "newsleter"],
            "",
            "there is no example system named newsleter; did you mean newsletter?",
        ),
        (
            ["demo", "warehouse"],
            "",
            "there is no example system named warehouse; there are insta_connect, newsletter, social_a",
        ),
        (
            ["demo", "stage"],
            "",
            "there is no example system named stage; there are insta_connect, newsletter, social_a",
        ),
        (["demo"], "bullmq", "the demonstration needs bullmq: pip install 'opsroom[demo]'"),
    ],
)
def test_a_demonstration_that_cannot_open_says_why(
    words: list[str], without: str, told: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.terminal.check_terminal", lambda: None)
    monkeypatch.setattr("systems.stage.find_spec", lambda name: None if name == without else find_spec(name))
    found = call(*words)
    assert found.exit_code == 2
    assert told in found.stderr


def test_a_foreign_package_in_the_way_is_told(home: Path) -> None:
    foreign = home / "lib" / "probes"
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("raise SystemExit('the foreign package was imported')")
    code = "from tui.__main__ import main; main()"
    found = subprocess.run(
        [sys.executable, "-c", code, "check"],
        capture_output=True,
        text=True,
        timeout=20,
        cwd=home,
        env=environment(home, PYTHONPATH=f"{home}/lib{os.pathsep}{ROOT}"),
    )
    assert found.returncode == 2
    assert found.stderr == f"opsroom: another package named probes is in the way: {foreign}/__init__.py\n"
