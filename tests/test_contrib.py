"""What we hand out to give Opsroom its rights: it says what we really ask for, gives no more, and does so for real."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from probes.base import Context, Grant, Request, Result, Target, Truth
from probes.docker.act import DockerActuator
from probes.docker.commands import VERBS
from probes.docker.engine import NEWEST
from probes.docker.facts import DockerFacts
from probes.docker.probe import DockerProbe
from probes.docker.settings import DockerSettings
from probes.systemd.act import SystemdActuator
from probes.systemd.details import arguments
from probes.systemd.probe import SystemdSettings
from tests.conftest import obtain
from tests.probes.acting import carried_out, perform, settled
from tests.safety.wire import CountingProxy, HttpReader
from tests.stack import docker, places
from tests.stack import systemd as systemd_stack
from tests.stack.faultproxy import _Pair
from tests.toys import NoSecrets

ROOT: Final = Path(__file__).resolve().parents[1]
CONTRIB: Final = ROOT / "contrib"
RULES: Final = CONTRIB / "systemd" / "50-opsroom.rules"
SUDOERS: Final = CONTRIB / "systemd" / "opsroom.sudoers"
DOCKER: Final = CONTRIB / "docker" / "README.md"
UNIT: Final = re.compile(r"[a-z0-9-]+\.(service|timer|socket|path)")
WEB, WORKER, TIMER = "newsletter-web.service", "newsletter-worker.service", "newsletter-report.timer"


# The index


def test_every_file_is_in_the_index_and_nothing_else_is() -> None:
    text = (CONTRIB / "README.md").read_text("utf-8")
    there = {str(path.relative_to(CONTRIB)) for path in CONTRIB.rglob("*") if path.is_file()} - {"README.md"}
    assert set(re.findall(r"^\| `([^`]+)`", text, re.M)) == there


# polkit


def javascript() -> Path:
    """A JavaScript engine."""
    found = places.program("node", "nodejs")
    if found is None:
        raise places.Unavailable("no JavaScript engine here: install nodejs")
    return found


def judged(*questions: tuple[str, str, str, str]) -> list[str]:
    """What the rule says to (action, unit, verb, group of who asks), by a JavaScript engine."""
    node = obtain("node", javascript)
    script = """
    const rules = [];
    const polkit = {addRule: f => rules.push(f), log: () => {}, Result: {YES: "yes", NO: "no", NOT_HANDLED: "-"}};
    new Function("polkit", require("fs").readFileSync(process.argv[1], "utf8"))(polkit);
    const asked = JSON.parse(process.argv[2]);
    console.log(JSON.stringify(asked.map(([id, unit, verb, group]) => rules.map(rule => rule(
        {id, lookup: name => ({unit, verb})[name]}, {user: "ann", isInGroup: name => name === group}
    )).join())));
    """
    command = [str(node), "-e", script, str(RULES), json.dumps(questions)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    return answers


def test_the_polkit_rule_allows_the_named_units_and_verbs_to_the_group_and_nothing_else() -> None:
    manage = "org.freedesktop.systemd1.manage-units"
    assert judged(
        (manage, WEB, "restart", "opsroom"), (manage, WORKER, "stop", "opsroom"), (manage, TIMER, "start", "opsroom")
    ) == ["yes"] * 3  # fmt: skip
    others = judged(
        (manage, WEB, "restart", "users"),
        (manage, "sshd.service", "restart", "opsroom"),
        (manage, TIMER, "restart", "opsroom"),
        (manage, WEB, "kill", "opsroom"),
        (manage, WEB, "set-property", "opsroom"),
        (manage, "constructor", "length", "opsroom"),
        (manage, "", "", "opsroom"),
        ("org.freedesktop.systemd1.manage-unit-files", WEB, "restart", "opsroom"),
        ("org.freedesktop.policykit.exec", WEB, "restart", "opsroom"),
    )
    assert set(others) == {"-"}


def test_the_polkit_rule_is_written_for_the_old_engine_of_polkit() -> None:
    text = re.sub(r"//[^\n]*", "", RULES.read_text("utf-8"))
    assert re.search(r"=>|\b(let|const|class)\b|`", text) is None
    assert all(text.count(one) == text.count(two) for one, two in ("()", "{}", "[]"))


# sudo


def sudo_commands() -> list[str]:
    text = SUDOERS.read_text("utf-8").replace("\\\n", " ")
    found = re.search(r"^Cmnd_Alias OPSROOM =(.*)$", text, re.M)
    assert found is not None
    return [" ".join(one.replace("\\=", "=").split()) for one in found[1].split(",")]


def test_sudoers_names_the_very_commands_that_are_run_with_a_full_path_and_whole_units() -> None:
    settings = SystemdSettings(sudo=True)
    for command in sudo_commands():
        program, *words = command.split()
        verb, mode, unit = words[2], words[4], words[-1]
        assert mode == "--job-mode=fail" or (verb, mode) == ("stop", "--job-mode=replace")
        ours = arguments(settings, [verb, "--no-block", mode, "--", unit], rooted=True)
        assert ["sudo", "-n", program.rpartition("/")[2], *words] == ours
        assert program == "/usr/bin/systemctl"
        assert verb in {action.name for action in SystemdActuator.actions}
        assert UNIT.fullmatch(unit)


def test_sudoers_has_no_wildcard_and_writes_down_what_was_run() -> None:
    plain = "\n".join(line for line in SUDOERS.read_text("utf-8").splitlines() if not line.startswith("#"))
    assert set("*?[]") & set(plain) == set()
    assert re.findall(r"!(\w+)", plain) == ["OPSROOM", "setenv"]
    assert re.findall(r"\bALL\b", plain) == ["ALL"], "of hosts only"
    assert "logfile=" in plain
    assert "NOEXEC:" in plain


# A real systemd with sudo and polkit

CACHED: Final = "rights"
"""Folder in the test stack's cache for the packages of sudo and polkit, for a container that has neither."""

USERS = f"""
set -e
cd /etc/systemd/system
for unit in {WEB} {WORKER}; do printf '[Service]\\nExecStart=/bin/sleep 1d\\n' > $unit; done
printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' > newsletter-report.service
printf '[Timer]\\nOnCalendar=*-01-01\\n' > {TIMER}
systemctl daemon-reload
systemctl start {WEB} {WORKER}
getent group opsroom || groupadd opsroom
id ann || useradd -G opsroom ann
id eve || useradd eve
"""


@pytest.fixture(scope="module")
def host(systemd_host: systemd_stack.Host) -> Iterator[systemd_stack.Host]:
    """The container with the units of our files, Ann, who is in the group, and Eve, who is not."""
    obtain("systemd", lambda: provide(systemd_host))
    systemd_host.run("sh", "-c", USERS)
    yield systemd_host
    systemd_host.run("sh", "-c", "systemctl stop 'newsletter-*'; rm -f /etc/systemd/system/newsletter-*", ok=False)
    systemd_host.systemctl("daemon-reload", ok=False)


def provide(host: systemd_stack.Host) -> None:
    """See to it that sudo and polkit are in the container. Raises `Unavailable`."""
    if host.run("sh", "-c", "command -v visudo; command -v pkcheck", ok=False).count("/") >= 4:
        return
    packages = sorted((places.cache() / CACHED).glob("*.deb"))
    if not packages:
        raise places.Unavailable("sudo and polkitd are neither in the container nor in the stack's cache")
    host.engine.run("exec", host.name, "mkdir", "-p", "/root/debs")
    for package in packages:
        host.engine.run("cp", str(package), f"{host.name}:/root/debs/")
    host.run("sh", "-c", "DEBIAN_FRONTEND=noninteractive dpkg -i --force-depends /root/debs/*.deb >/root/debs/log 2>&1")
    host.systemctl("daemon-reload")


def put(host: systemd_stack.Host, source: Path, path: str, mode: str) -> None:
    host.engine.run("cp", str(source), f"{host.name}:{path}")
    host.run("chown", "root:root", path)
    host.run("chmod", mode, path)


def of(host: systemd_stack.Host, person: str, sudo: bool) -> SystemdActuator:
    """The hands of a person in the container."""
    prefix = (*host.prefix[:-1], "-u", person, host.name)
    settings = SystemdSettings.model_validate({"prefix": list(prefix), "sudo": sudo, "units": [WEB]})
    return SystemdActuator(Target("box", "systemd", settings), Context(NoSecrets()))


@pytest.fixture
def sudoers(host: systemd_stack.Host) -> Iterator[systemd_stack.Host]:
    put(host, SUDOERS, "/etc/sudoers.d/opsroom", "440")
    host.run("visudo", "-c")
    yield host
    host.run("rm", "-f", "/etc/sudoers.d/opsroom")


@pytest.fixture
def rules(host: systemd_stack.Host) -> Iterator[systemd_stack.Host]:
    put(host, RULES, "/etc/polkit-1/rules.d/50-opsroom.rules", "644")
    host.systemctl("restart", "polkit.service")
    yield host
    host.run("rm", "-f", "/etc/polkit-1/rules.d/50-opsroom.rules")
    host.systemctl("restart", "polkit.service")


async def outcome(actuator: SystemdActuator, verb: str, unit: str) -> tuple[Result, str]:
    """What came of one act: the answer, and what is true when it was done."""
    try:
        done = await perform(actuator, Request(verb, (unit,)))
        said = done.outcomes[0]
        truth = done.verdicts[0].truth if done.verdicts else Truth.UNKNOWN
        return said.result, truth.value if said.result is Result.DONE else str(said.words)
    finally:
        await actuator.close()


@pytest.mark.engine
@pytest.mark.systemd
async def test_with_our_sudoers_the_group_restarts_its_units_and_no_others(sudoers: systemd_stack.Host) -> None:
    assert await outcome(of(sudoers, "ann", True), "restart", WEB) == (Result.DONE, "CONFIRMED")
    for person, unit in (("ann", "healthy.service"), ("eve", WEB)):
        result, words = await outcome(of(sudoers, person, True), "restart", unit)
        assert (result, words.startswith("denied: sudo")) == (Result.FAILED, True), words
    rights = await of(sudoers, "ann", True).rights()
    assert [(one.name, one.grant) for one in rights] == [("start and stop units", Grant.HELD)]
    log = sudoers.run("cat", "/var/log/opsroom-sudo.log")
    assert re.search(rf"(?m) ann : .*COMMAND=/usr/bin/systemctl .* restart .* {WEB}$", log), log


@pytest.mark.engine
@pytest.mark.systemd
def test_our_sudoers_gives_nothing_to_who_says_it_in_other_words(sudoers: systemd_stack.Host) -> None:
    asked = "/usr/bin/systemctl --no-pager --no-ask-password restart --no-block --job-mode=fail --"
    tried = (
        f"systemctl restart {WEB}", f"{asked} {WEB} healthy.service", f"{asked} healthy.service", asked,
        f"SYSTEMD_EDITOR=sh {asked} {WEB}", "-u eve id", "sh", f"{asked} {WEB}x", "/bin/sh -c id",
    )  # fmt: skip
    for words in tried:
        line = f"sudo -n {words} && echo let in"
        said = sudoers.engine.run("exec", "-u", "ann", sudoers.name, "sh", "-c", f"{line} 2>&1; true")
        assert "let in" not in said, words
    fine = sudoers.engine.run("exec", "-u", "ann", sudoers.name, "sh", "-c", f"sudo -n {asked} {WEB} && echo let in")
    assert "let in" in fine


@pytest.mark.engine
@pytest.mark.systemd
async def test_with_our_polkit_rule_the_group_restarts_its_units_and_no_others(rules: systemd_stack.Host) -> None:
    assert await outcome(of(rules, "ann", False), "restart", WEB) == (Result.DONE, "CONFIRMED")
    assert await outcome(of(rules, "ann", False), "start", TIMER) == (Result.DONE, "CONFIRMED")
    refused = (("ann", "restart", "healthy.service"), ("ann", "restart", TIMER), ("eve", "restart", WEB))
    for person, verb, unit in refused:
        result, words = await outcome(of(rules, person, False), verb, unit)
        assert (result, "org.freedesktop.systemd1.manage-units" in words) == (Result.FAILED, True), words


# The Docker Engine


def asked_paths() -> set[str]:
    """Every path that the docker probe's sources ask the Engine for, with ID for what is filled in."""
    found = set()
    for path in (ROOT / "probes" / "docker").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            if name in ("get", "stream", "_may"):
                assert isinstance(node, ast.Call)
                found |= {text for one in node.args if (text := _spelled(one)).startswith("/")}
    return found


def sent_paths() -> set[tuple[str, str]]:
    """(method, path) of every request of the docker kind that changes something."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / "probes" / "docker" / "act_once.py").read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "_send":
            found.add((_spelled(node.args[0]), _spelled(node.args[1])))
    return found


def _spelled(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(str(one.value) if isinstance(one, ast.Constant) else "ID" for one in parts)


def patterns() -> list[tuple[str, str]]:
    """(method, pattern of a whole path), as the text says them."""
    return re.findall(r"^    (GET|POST|DELETE) +(\(?/\S+)$", DOCKER.read_text("utf-8"), re.M)


def test_the_list_for_a_socket_proxy_names_every_request_and_no_other() -> None:
    rows = set(re.findall(r"^\| `(GET|POST|DELETE) (?:VERSION)?(/[^`]+)`", DOCKER.read_text("utf-8"), re.M))
    sent = sent_paths()
    assert ("POST", "/containers/ID/ID") in sent, "the one that acts"
    with_compose = {("POST", "/images/ID/tag"), ("POST", "/containers/ID/update")}
    verbs = {("POST", f"/containers/ID/{verb}") for verb in VERBS}
    reads = {("GET", path) for path in asked_paths() - {"/exec/ID/json", "/ID"}}
    assert {("GET", "/containers/ID/restart")} <= reads
    assert rows == reads | verbs | (sent - with_compose - {("POST", "/containers/ID/ID")})
    assert f"at most `/v{NEWEST[0]}.{NEWEST[1]}`" in DOCKER.read_text("utf-8")


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /v1.47/containers/create", "POST /v1.47/containers/ID/exec", "POST /v1.47/containers/ID/kill",
        "POST /v1.47/containers/ID/update", "GET /v1.47/containers/ID/archive", "GET /v1.47/containers/ID/export",
        "POST /v1.47/containers/web/restart", "POST /v1.47/containers/ID/restart/../../create", "DELETE /v1.47/x",
        "GET /v1.47/exec/ID/json", "POST /v1.47/build", "GET /v1.47/containers/ID/attach/ws", "GET /v1.47/secrets",
        "POST /v1.47/images/create", "POST /v1.47/volumes/prune", "POST /v1.47/images/prune",
        "POST /v1.47/system/prune", "DELETE /v1.47/volumes/../x", "POST /v1.47/images/sha256:ID/tag",
        "GET /v1.47/images/sha256:ID/get", "DELETE /v1.47/secrets/ID", "DELETE /v1.47/images/web",
    ],
)  # fmt: skip
def test_the_patterns_for_a_socket_proxy_let_nothing_through_that_gives_more(request_line: str) -> None:
    assert not allowed(request_line.replace("ID", "a" * 64))


def allowed(request_line: str) -> bool:
    method, path = request_line.split(" ", 1)
    return any(method == known and re.fullmatch(pattern, path) for known, pattern in patterns())


class Filter(CountingProxy):
    """A socket proxy with our patterns."""

    def __init__(self, upstream: Path, listen: Path) -> None:
        super().__init__(upstream, HttpReader, listen)
        self.refused: set[str] = set()
        self.pair = _Filtered


class _Filtered(_Pair):
    """Answers 403 to what the patterns do not name."""

    async def _ask(self, data: bytes) -> bool:
        proxy = self._proxy
        assert isinstance(proxy, Filter)
        for method, path in re.findall(rb"(?m)^([A-Z]+) (/\S*) HTTP/1\.1\r$", data):
            line = f"{method.decode()} {path.decode().partition('?')[0]}"
            if not allowed(line):
                proxy.refused.add(re.sub(r"[0-9a-f]{64}", "ID", re.sub(r"/v1\.\d+", "", line)))
                body = b'{"message":"not allowed here"}'
                head = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                await self._send(head.encode() + body)
                return False
        return await super()._ask(data)


@pytest.fixture
async def proxied(docker_engine: docker.Engine, tmp_path: Path) -> AsyncIterator[tuple[Filter, str]]:
    """The Engine behind our patterns, and a container on it."""
    words = ["--label", f"{docker.LABEL}={os.getpid()}", "--network", "none", "--stop-timeout", "1"]
    script = "trap exit TERM; echo hello; while :; do sleep 0.1; done"
    id = docker_engine.run("run", "-d", *words, docker.IMAGE, "sh", "-c", script).strip()
    proxy = Filter(docker_engine.socket, tmp_path / "filtered.sock")
    with proxy:
        yield proxy, id
    docker_engine.run("rm", "-f", "-v", id)


@pytest.mark.engine
@pytest.mark.docker
async def test_behind_our_patterns_what_nobody_uses_is_listed_and_removed(proxied: tuple[Filter, str]) -> None:
    proxy, _ = proxied
    target = Target("it", "docker", DockerSettings.model_validate({"url": f"unix://{proxy.listen}", "timeout": 10}))
    actuator = DockerActuator(target, Context(NoSecrets()))
    run = obtain("docker", docker.start).run
    network = run("network", "create", "--label", f"{docker.LABEL}={os.getpid()}", f"proxied{os.getpid()}").strip()
    volume = run("volume", "create", "--label", f"{docker.LABEL}={os.getpid()}", f"proxied{os.getpid()}").strip()
    try:
        plan = await actuator.plan(Request("prune", word="everything-and-all-images"))
        (subject,) = [one for one in plan.subjects if one.key == network]
        outcome = await carried_out(actuator, plan, subject, [])
        assert (await settled(actuator, plan, subject, outcome)).truth is Truth.CONFIRMED
        done = await perform(actuator, Request("remove-volume", word=volume))
        assert done.verdicts[0].truth is Truth.CONFIRMED
        assert proxy.refused == set()
    finally:
        await actuator.close()


@pytest.mark.engine
@pytest.mark.docker
async def test_behind_our_patterns_everything_but_compose_works(proxied: tuple[Filter, str]) -> None:
    proxy, id = proxied
    target = Target("it", "docker", DockerSettings.model_validate({"url": f"unix://{proxy.listen}", "timeout": 10}))
    probe, actuator = DockerProbe(target, Context(NoSecrets())), DockerActuator(target, Context(NoSecrets()))
    try:
        facts: DockerFacts = (await probe.read()).facts
        assert facts.engine
        name = next(str(one.name) for service in facts.services for one in service.containers if one.id == id)
        for look in ("top", "df", "logs"):
            assert (await probe.look(look, name)).lines, look
        for verb in ("restart", "stop", "start"):
            done = await perform(actuator, Request(verb, (id,)))
            assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED), verb
        assert proxy.refused == set()
        rights = {one.name: one.grant for one in await actuator.rights()}
        assert Grant.EXCESS not in rights.values()
        assert rights["restart, stop and start containers"] is not Grant.MISSING
        assert proxy.refused == {"GET /exec/ID/json"}
    finally:
        await probe.close()
        await actuator.close()


@pytest.mark.engine
@pytest.mark.docker
def test_behind_our_patterns_what_would_be_root_is_refused(proxied: tuple[Filter, str]) -> None:
    proxy, id = proxied
    way = httpx.HTTPTransport(uds=str(proxy.listen))
    with httpx.Client(transport=way, base_url="http://docker/v1.40") as client:
        assert client.get("/info").status_code == 200
        made = client.post("/containers/create", json={"Image": docker.IMAGE, "Cmd": ["true"]})
        others = [client.get(f"/containers/{id}/{what}?path=/etc/passwd") for what in ("archive", "export")]
        others += [client.post(f"/containers/{id}/{what}", json={}) for what in ("exec", "update", "kill")]
    assert {one.status_code for one in (made, *others)} == {403}
    assert len(proxy.refused) == 6
