"""Consoles: which are offered, where they lead, what is told before, and what is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from desk.ids import new_id
from probes.aws.calls import Seat
from probes.aws.ecs.console import consoles as ecs_consoles
from probes.aws.ecs.facts import Cluster, EcsFacts
from probes.aws.ecs.parse import task as parse_task
from probes.aws.ecs.settings import EcsSettings
from probes.base import (
    Cause,
    Console,
    Context,
    Danger,
    ProbeError,
    Request,
    Result,
    SafeText,
    Truth,
)
from probes.docker.console import consoles as docker_consoles
from probes.docker.facts import Container, DockerFacts, Service
from probes.kubernetes.api import KubeApi
from probes.kubernetes.console import consoles as kubernetes_consoles
from probes.kubernetes.facts import Container as PodContainer
from probes.kubernetes.facts import KubernetesFacts
from probes.kubernetes.settings import KubernetesSettings
from probes.postgres.address import PostgresSettings
from probes.postgres.console import conninfo
from probes.postgres.console import consoles as postgres_consoles
from probes.redis.address import RedisSettings
from probes.redis.console import consoles as redis_consoles
from tests.probes.rigs import CANARY, TestSecrets
from tests.toys import ToyProbe, target
from tui.console import ConsoleActuator, has_consoles
from tui.handover import Ended, Terminal
from tui.kinds import KINDS, Kinds

SECRETS = Context(TestSecrets())


# Where they lead


def test_psql_goes_to_the_server_of_the_profile_without_what_it_would_refuse() -> None:
    url = "postgresql://app:secret-word@db1:6432/shop?connection_limit=5&schema=public&sslmode=require"
    reading, everything = postgres_consoles(
        PostgresSettings(url=url, act_url="postgresql://admin@db1:6432/shop"), SECRETS
    )
    assert reading.argv == (
        "psql",
        "sslmode=require host=db1 port=6432 dbname=shop user=app options='-c default_transaction_read_only=on'",
    )
    assert (reading.title, everything.title) == ("psql, transactions read only", "psql, read and write")
    assert (reading.danger, everything.danger) == (Danger.DISRUPTIVE, Danger.DESTRUCTIVE)
    assert everything.argv == ("psql", "host=db1 port=6432 dbname=shop user=admin"), "the login for acts"
    assert reading.files() == {"PGPASSFILE": "*:*:*:*:secret-word\n"}
    assert everything.files() == {}, "a login of its own never gets the other one's password"
    assert str(reading.place) == "PostgreSQL at db1:6432, database shop, as app"
    assert "secret-word" not in repr(reading)


def test_the_passphrase_of_a_key_stands_in_no_argument() -> None:
    url = "postgresql://app:pass-canary@db1/shop?sslcert=/c.pem&sslkey=/k.pem&sslpassword=key-canary"
    for one in postgres_consoles(PostgresSettings(url=url), SECRETS):
        assert "sslkey=/k.pem" in one.argv[1]
        assert "canary" not in repr(one)
        assert "psql asks for the passphrase of its key" in one.note


def test_a_pooler_gets_no_start_up_options() -> None:
    reading, everything = postgres_consoles(PostgresSettings(url="postgresql://app@db1/shop", pooled=True), SECRETS)
    assert "pooler" in reading.refused
    assert everything.refused == ""


def test_odd_letters_in_an_address_stay_in_their_place() -> None:
    assert conninfo({"user": "o'hara\\x", "dbname": "a b"}) == "user='o\\'hara\\\\x' dbname='a b'"
    settings = PostgresSettings(url="postgresql://a@h/d", password="env:PW")
    weird = Context(type("Odd", (), {"resolve": lambda self, reference: "a:b\\c"})())
    assert postgres_consoles(settings, weird)[1].files() == {"PGPASSFILE": "*:*:*:*:a\\:b\\\\c\n"}


def test_redis_cli_gets_its_password_through_the_environment() -> None:
    settings = RedisSettings(url="rediss://cache:7000/3", username="app", password="env:PW", ca_file="/ca.pem")
    (one,) = redis_consoles(settings, SECRETS)
    assert one.argv[1:] == ("-h", "cache", "-p", "7000", "-n", "3", "--user", "app", "--tls", "--cacert", "/ca.pem")
    assert one.secrets() == {"REDISCLI_AUTH": CANARY}
    assert CANARY not in repr(one)
    (socket,) = redis_consoles(RedisSettings(url="unix:///run/redis.sock"), SECRETS)
    assert socket.argv[1:] == ("-s", "/run/redis.sock")
    assert socket.secrets() == {}


def a_container(name: str, state: str = "running", letter: str = "a") -> Container:
    return Container(id=letter * 64, name=SafeText(name), project=SafeText("shop"), state=state)


def test_a_shell_goes_into_the_very_container_by_its_whole_id() -> None:
    web = Service("web", (a_container("web-1"), a_container("web-2", letter="b"), a_container("web-3", "exited", "c")))
    facts = DockerFacts(engine=SafeText("ENGINE"), machine=SafeText("box"), services=(web,))
    found = docker_consoles(facts, "web", "tcp://10.0.0.1:2375", None, SECRETS)
    assert [one.argv for one in found] == [
        ("docker", "exec", "-it", "a" * 64, "sh"),
        ("docker", "exec", "-it", "b" * 64, "sh"),
    ], "what does not run has no shell"
    assert found[0].env["DOCKER_HOST"] == "tcp://10.0.0.1:2375"
    assert found[0].identity[:2] == (("engine", "ENGINE"), ("container", "a" * 64))
    assert [one.name for one in docker_consoles(facts, "web-2", None, None, SECRETS)] == ["web-2"]
    assert docker_consoles(facts, "gone", None, None, SECRETS) == ()
    assert docker_consoles(None, "web", None, None, SECRETS) == ()


def test_kubectl_is_told_context_namespace_and_container_and_the_uid_is_said() -> None:
    pod = _pod("web-1", "pod/shop/web-1", "uid-1")
    facts = KubernetesFacts(context=SafeText("prod"), cluster="abc", user=SafeText("alice"), pods=(pod,))
    api = KubeApi(KubernetesSettings(), SECRETS, "k")
    (one,) = kubernetes_consoles(facts, "pod/shop/web-1", KubernetesSettings(kubeconfig="/k"), api)
    assert one.argv == (
        "kubectl", "--context", "prod", "-n", "shop", "exec", "-it", "web-1", "-c", "app", "--", "sh",
    )  # fmt: skip
    assert ("uid", "uid-1") in one.identity
    assert one.env == {"KUBECONFIG": "/k"}
    assert "context prod, namespace shop, as alice" in str(one.place)
    assert len(kubernetes_consoles(facts, "deployment/shop/web", KubernetesSettings(), api)) == 1, (
        "its pods' containers"
    )
    assert kubernetes_consoles(facts, "pod/shop/other", KubernetesSettings(), api) == ()


class Asked:
    """An API server that knows one pod, or none."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.paths: list[str] = []

    async def get(self, path: str, asked: Any) -> Any:
        self.paths.append(path)
        if isinstance(self.answer, ProbeError):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"metadata": {"uid": "uid-1"}}, ""),
        ({"metadata": {"uid": "uid-2"}}, "another pod is called web-1 now"),
        ({"metadata": {"uid": "uid-1", "deletionTimestamp": "2026-03-01T03:12:41Z"}}, "the pod web-1 is being ended"),
        (ProbeError(Cause.GONE, "there is no pods web-1 any more"), "the pod web-1 is gone"),
        ({}, "another pod is called web-1 now"),
    ],
)
async def test_a_pod_is_read_once_more_directly_before_its_shell_begins(answer: Any, words: str) -> None:
    pod = _pod("web-1", "pod/shop/web-1", "uid-1")
    facts = KubernetesFacts(context=SafeText("prod"), cluster="abc", user=SafeText("alice"), pods=(pod,))
    api = Asked(answer)
    found = kubernetes_consoles(facts, "pod/shop/web-1", KubernetesSettings(), cast("KubeApi", api))
    terminal = Lender()
    one = actuator(replace(found[0], argv=("sh",)), terminal=terminal)
    plan = await one.plan(REQUEST)
    assert api.paths == [], "not before a person has said yes"
    outcome, announced = await carried_out(one, plan)
    assert api.paths == ["/api/v1/namespaces/shop/pods/web-1"]
    if words:
        assert (outcome.result, announced, terminal.given) == (Result.REFUSED, 0, [])
        assert str(outcome.words) == f"changed since you looked: {words}"
    else:
        assert (outcome.result, announced, len(terminal.given)) == (Result.DONE, 1, 1)


async def test_a_cluster_that_does_not_answer_opens_no_shell() -> None:
    pod = _pod("web-1", "pod/shop/web-1", "uid-1")
    facts = KubernetesFacts(context=SafeText("prod"), cluster="abc", user=SafeText("alice"), pods=(pod,))
    api = Asked(ProbeError(Cause.TIMEOUT_READ, "no answer"))
    found = kubernetes_consoles(facts, "pod/shop/web-1", KubernetesSettings(), cast("KubeApi", api))
    terminal = Lender()
    one = actuator(replace(found[0], argv=("sh",)), terminal=terminal)
    with pytest.raises(ProbeError, match="no answer"):
        await carried_out(one, await one.plan(REQUEST))
    assert terminal.given == []


def _pod(name: str, key: str, uid: str) -> Any:
    from probes.kubernetes.facts import Pod, Trouble

    return Pod(
        key=key,
        namespace=SafeText("shop"),
        name=SafeText(name),
        uid=uid,
        version="1",
        status=SafeText("Running"),
        trouble=next(iter(Trouble)),
        why=SafeText(),
        cause=SafeText(),
        ready=1,
        total=1,
        is_ready=True,
        restarts=0,
        restarted_at=None,
        oom_at=None,
        created=None,
        deleted=None,
        node=SafeText("n1"),
        address=SafeText(),
        owner="deployment/shop/web",
        containers=(PodContainer(SafeText("app"), SafeText("img"), SafeText("Running")),),
    )


ARN = "arn:aws:ecs:eu-west-1:123456789012:task/shop/0123456789abcdef0123456789abcdef"


def ecs_facts(enabled: bool | None) -> EcsFacts:
    row = {
        "taskArn": ARN,
        "group": "service:api",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "containers": [{"name": "app", "lastStatus": "RUNNING"}],
        **({} if enabled is None else {"enableExecuteCommand": enabled}),
    }
    seat = Seat(SafeText("123456789012 eu-west-1 as ops"), 1, None)
    return EcsFacts(seat, Cluster("", SafeText("shop")), tasks=(parse_task(row),))


def test_ecs_exec_is_told_apart_by_what_hinders_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = EcsSettings(cluster="shop", profile="ops")
    (off,) = ecs_consoles(ecs_facts(False), "api", settings, SECRETS)
    assert "enableExecuteCommand" in off.refused
    (bare,) = ecs_consoles(ecs_facts(True), "api", settings, SECRETS)
    assert bare.refused == "the Session Manager plugin is not installed here"
    plugin = tmp_path / "session-manager-plugin"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    (one,) = ecs_consoles(ecs_facts(True), ARN, settings, SECRETS)
    assert one.refused == ""
    assert one.argv == (
        "aws", "--region", "eu-west-1", "--profile", "ops", "ecs", "execute-command", "--cluster", "shop",
        "--task", ARN, "--container", "app", "--interactive", "--command", "/bin/sh",
    )  # fmt: skip
    (unknown,) = ecs_consoles(ecs_facts(None), ARN, settings, SECRETS)
    assert unknown.refused == "", "what is not told is not refused"
    assert ecs_consoles(ecs_facts(True), "other", settings, SECRETS) == ()


def test_ecs_exec_gets_the_keys_of_the_profile_through_the_environment() -> None:
    settings = EcsSettings(cluster="shop", key_id="env:ID", secret_key="env:KEY")
    (one,) = ecs_consoles(ecs_facts(True), ARN, settings, SECRETS)
    assert one.secrets() == {"AWS_ACCESS_KEY_ID": CANARY, "AWS_SECRET_ACCESS_KEY": CANARY}
    assert CANARY not in repr(one)


def test_the_kinds_that_have_consoles_are_these() -> None:
    found = set()
    for kind in KINDS:
        try:
            probe = Kinds().facts(kind.name)
        except (ImportError, AttributeError):
            continue
        if probe.consoles is not ToyProbe.consoles:
            found.add(kind.name)
    assert found == {"postgres", "redis", "queues", "docker", "kubernetes", "ecs"}


# The act


class Rack(ToyProbe):
    """A toy with consoles."""

    there: tuple[Console, ...] = ()

    def consoles(self, facts: Any, subject: str) -> tuple[Console, ...]:
        return self.there


class Lender(Terminal):
    """Remembers what was handed over."""

    def __init__(self, ends: Ended | ProbeError | None = None) -> None:
        super().__init__()
        self.given: list[tuple[Sequence[str], Mapping[str, str], Mapping[str, str]]] = []
        self.ends = ends or Ended(0, 75.0)

    @property
    def why_not(self) -> str:
        return ""

    async def lend(
        self, argv: Sequence[str], env: Mapping[str, str], files: Mapping[str, str], greeting: str = ""
    ) -> Ended:
        self.given.append((argv, env, files))
        if isinstance(self.ends, ProbeError):
            raise self.ends
        return self.ends


SH = Console(
    "sh", "sh in web", ("sh",), SafeText("container web"), (("container", "a"),), secrets=lambda: {"KEY": CANARY}
)


def actuator(*consoles: Console, terminal: Terminal | None = None, system: str = "") -> ConsoleActuator:
    probe = Rack(target("it"), SECRETS)
    probe.there = consoles
    return ConsoleActuator(target("it"), SECRETS, probe, lambda: None, terminal or Lender(), system)


REQUEST = Request("console", ("web",))


async def carried_out(one: ConsoleActuator, plan: Any) -> tuple[Any, int]:
    announced = 0

    async def sending() -> None:
        nonlocal announced
        announced += 1

    return await one.carry_out(plan, plan.subjects[0], new_id(), sending), announced


async def test_a_console_is_shown_confirmed_handed_over_and_told() -> None:
    terminal = Lender()
    one = actuator(SH, terminal=terminal)
    plan = await one.plan(REQUEST)
    assert plan.command == ("sh",)
    assert str(plan.place) == "container web"
    assert dict(plan.subjects[0].identity)["container"] == "a"
    assert any("not recorded" in str(note) for note in plan.notes)
    assert CANARY not in repr(plan)
    outcome, announced = await carried_out(one, plan)
    assert announced == 1
    assert terminal.given == [(("sh",), {"KEY": CANARY}, {})]
    assert (outcome.result, str(outcome.words)) == (Result.DONE, "it ended after 1m15s, exit code 0")
    assert (await one.verify(plan, plan.subjects[0], outcome, 0)).truth is Truth.CONFIRMED
    assert one.render(REQUEST) == "sh"


async def test_a_console_that_leads_elsewhere_by_now_is_refused() -> None:
    terminal = Lender()
    one = actuator(SH, terminal=terminal)
    plan = await one.plan(REQUEST)
    assert isinstance(one._probe, Rack)
    one._probe.there = (replace(SH, identity=(("container", "b"),)),)
    outcome, announced = await carried_out(one, plan)
    assert (outcome.result, announced, terminal.given) == (Result.REFUSED, 0, [])
    assert "changed since you looked" in str(outcome.words)
    one._probe.there = ()
    with pytest.raises(ProbeError, match="there is no console"):
        await carried_out(one, plan)


async def test_the_prompt_says_where_one_is_and_nothing_in_a_name_can_steer_it() -> None:
    terminal = Lender()
    one = actuator(
        replace(SH, prompted=lambda words: ("sh", words)), terminal=terminal, system="shop$(x)` %n\\ PRODUCTION"
    )
    plan = await one.plan(REQUEST)
    assert "its prompt says shopx n PRODUCTION it" in map(str, plan.notes)
    assert plan.command == ("sh",), "what a person would have typed"
    await carried_out(one, plan)
    assert [argv for argv, _, _ in terminal.given] == [("sh", "shopx n PRODUCTION it")]


def test_psql_and_shells_take_the_words_for_their_prompt() -> None:
    psql = postgres_consoles(PostgresSettings(url="postgresql://app@db1/shop"), SECRETS)[1]
    assert psql.prompted is not None
    assert psql.prompted("shop PRODUCTION main") == (
        "psql", "-v", "PROMPT1=shop PRODUCTION main %/%R%x%# ", "host=db1 dbname=shop user=app",
    )  # fmt: skip
    web = Service("web", (a_container("web-1"),))
    facts = DockerFacts(engine=SafeText("ENGINE"), machine=SafeText("box"), services=(web,))
    (shell,) = docker_consoles(facts, "web", "tcp://10.0.0.1:2375", None, SECRETS)
    assert shell.prompted is not None
    given = shell.prompted("shop PRODUCTION main")
    assert given == ("docker", "exec", "-it", "-e", "PS1=shop PRODUCTION main web-1 $ ", "a" * 64, "sh")
    pods = KubernetesFacts(context=SafeText("prod"), pods=(_pod("web-1", "pod/shop/web-1", "u"),))
    (inside,) = kubernetes_consoles(
        pods, "pod/shop/web-1", KubernetesSettings(), KubeApi(KubernetesSettings(), SECRETS, "")
    )
    assert inside.prompted is not None
    shown = inside.prompted("shop PRODUCTION main")
    assert shown[: len(inside.argv)] == inside.argv
    env = subprocess.run(
        ["sh", "-c", "PS1=$0; export PS1; exec env", shown[-1]], capture_output=True, check=True
    ).stdout
    assert b"PS1=shop PRODUCTION main web-1 $ \n" in env


async def test_a_program_that_did_not_start_has_failed() -> None:
    one = actuator(SH, terminal=Lender(ProbeError(Cause.LOCAL_PERM, "not allowed to run sh")))
    outcome, _ = await carried_out(one, await one.plan(REQUEST))
    assert (outcome.result, str(outcome.words)) == (Result.FAILED, "not allowed to run sh")


async def test_one_console_is_offered_as_such_and_of_several_one_is_picked() -> None:
    bash = replace(SH, name="bash", title="bash in web", refused="it has none")
    (single,) = actuator(SH).offers(None, ["web"])
    assert (single.action.title, single.action.word, single.refused) == ("console, sh in web", None, "")
    both = actuator(SH, bash)
    (several,) = both.offers(None, ["web"])
    assert several.action.word is not None
    assert [choice.word for choice in await both.choices("console", ["web"])] == ["sh"], "what is refused is no choice"
    with pytest.raises(ProbeError, match="there is no console"):
        await both.plan(REQUEST)
    assert (await both.plan(replace(REQUEST, word="sh"))).subjects[0].key == "sh"
    with pytest.raises(ProbeError, match="it has none"):
        await both.plan(replace(REQUEST, word="bash"))
    assert [offer.refused for offer in both.offers(None, ["web", "other"])] == ["one at a time"]
    assert actuator().offers(None, ["web"]) == ()


async def test_what_is_not_installed_is_told_before() -> None:
    one = actuator(replace(SH, argv=("no-such-program", "-it")))
    assert [offer.refused for offer in one.offers(None, ["web"])] == ["no-such-program is not installed here"]


async def test_where_there_is_no_terminal_there_is_no_console() -> None:
    one = actuator(SH, terminal=Terminal())
    assert [offer.refused for offer in one.offers(None, ["web"])] == ["there is no terminal to hand over"]
    with pytest.raises(ProbeError, match="no terminal to hand over"):
        await Terminal().lend(["true"], {}, {})


def test_a_kind_without_consoles_has_none() -> None:
    assert not has_consoles(ToyProbe(target("it"), SECRETS))
    assert has_consoles(Rack(target("it"), SECRETS))
