"""Which cluster and which login: kubeconfig files as kubectl reads them, login programs; and what was found stays."""

from __future__ import annotations

import base64
import json
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from probes.base import Cause, Context, ProbeError, Target
from probes.kubernetes.complaints import broken
from probes.kubernetes.kubeconfig import _inside, find
from probes.kubernetes.probe import KubernetesProbe
from probes.kubernetes.settings import KubernetesSettings, pinned
from tests.probes import kubefake as fake
from tests.probes.kubefake import FakeCluster
from tests.stack.certificates import Authority, Pair, new_authority

SECRET = "hunter2-CANARY-x9"


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


def config(**parts: Any) -> str:
    """A kubeconfig as JSON, which is YAML too."""
    return json.dumps(
        {"apiVersion": "v1", "kind": "Config"} | {key.replace("_", "-"): one for key, one in parts.items()}
    )


def entry(kind: str, name: str, **given: Any) -> dict[str, Any]:
    return {"name": name, kind: {key.replace("_", "-"): value for key, value in given.items()}}


@asynccontextmanager
async def probing(path: Path | None, **settings: Any) -> AsyncIterator[KubernetesProbe]:
    given = {"timeout": 5, **({"kubeconfig": str(path)} if path else {}), **settings}
    made = KubernetesSettings.model_validate(given)
    probe = KubernetesProbe(Target("it", "kubernetes", made), Context(NoSecrets()))
    try:
        yield probe
    finally:
        await probe.close()


async def failure(probe: KubernetesProbe) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await probe.read()
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


# files


def test_the_first_file_that_has_a_name_wins_it_wholly(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    first, second = tmp_path / "one" / "a", tmp_path / "b"
    first.write_text(config(
        current_context="x",
        contexts=[entry("context", "x", cluster="c", user="u")],
        users=[entry("user", "u", tokenFile="token")],
    ))  # fmt: skip
    second.write_text(config(
        current_context="y",
        contexts=[entry("context", "x", cluster="d", namespace="no"), entry("context", "y", cluster="c")],
        clusters=[entry("cluster", "c", server="https://one:6443/"), entry("cluster", "d", server="https://two:6443")],
        users=[entry("user", "u", token=SECRET)],
    ))  # fmt: skip
    place = find(f"{first}:{second}:", None, {})
    assert (place.context, place.server, place.namespace) == ("x", "https://one:6443", "default")
    assert place.login.token == ""
    assert place.login.token_file == str(tmp_path / "one" / "token")
    missing = find(None, "y", {"KUBECONFIG": f"{tmp_path}/gone:{second}"})
    assert missing.server == "https://one:6443"
    assert SECRET not in repr(find(str(second), "x", {})) + repr(place)


def test_a_file_written_by_hand_is_read_with_every_plain_word_as_text(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "clusters: [{name: l, cluster: {server: 'https://h', insecure-skip-tls-verify: true}}]\n"
        "contexts:\n- name: no\n  context: {cluster: l, user: 1e3, namespace: 010}\n"
        "users:\n- {name: 1e3, user: {username: on, password: 0x10}}\ncurrent-context: no\n"
    )
    place = find(str(path), None, {})
    assert (place.context, place.namespace, place.insecure) == ("no", "010", True)
    assert (place.login.user, place.login.password, place.where) == ("on", "0x10", "h:443")


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        ("a: [", None, "not YAML"),
        ("- 1\n", None, "not a kubeconfig"),
        ("[" * 3000, None, "not YAML"),
        ("", None, "no kubeconfig with a cluster"),
        (config(current_context="x"), None, "has no context x"),
        (config(contexts=[entry("context", "x", cluster="c")]), None, "names no context"),
        (config(contexts=[entry("context", "x", cluster="c")]), "x", "leads to no cluster"),
        (
            config(contexts=[entry("context", "x", cluster="c")], clusters=[entry("cluster", "c", server="ftp://a")]),
            "x", "no https:// address",
        ),
        (
            config(contexts=[entry("context", "x", cluster="c", user="u")],
                   clusters=[entry("cluster", "c", server="https://a")],
                   users=[entry("user", "u", auth_provider={"name": "gcp"})]),
            "x", "old auth-provider gcp",
        ),
        (
            config(contexts=[entry("context", "x", cluster="c", user="u")],
                   clusters=[entry("cluster", "c", server="https://a")],
                   users=[entry("user", "u", exec={"command": "x", "interactiveMode": "Always"})]),
            "x", "wants a terminal",
        ),
        (
            config(contexts=[entry("context", "x", cluster="c")],
                   clusters=[entry("cluster", "c", server="https://a", certificate_authority="gone.pem")]),
            "x", "certificate authority can't be read",
        ),
    ],
)  # fmt: skip
async def test_a_kubeconfig_that_can_t_be_used_says_why(
    text: str, context: str | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    async with probing(path, context=context) as probe:
        told = await failure(probe)
    assert words in str(told.message)


async def test_a_kubeconfig_that_is_not_there_says_so(tmp_path: Path) -> None:
    async with probing(tmp_path / "none") as probe:
        told = await failure(probe)
    assert told.cause is Cause.MISSING
    assert "there is no kubeconfig" in str(told.message)


def test_a_pod_reads_its_own_cluster(tmp_path: Path) -> None:
    for name, text in (("token", SECRET), ("ca.crt", "PEM"), ("namespace", "shop\n")):
        (tmp_path / name).write_text(text)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    place = _inside(environ, tmp_path)
    assert place is not None
    assert (place.server, place.namespace, place.login.token_file) == (
        "https://[fd00::1]:443",
        "shop",
        f"{tmp_path}/token",
    )
    assert _inside({}, tmp_path) is None


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, ""),
        ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "http://p", "NO_PROXY": ".example"}, ""),
        ({"https_proxy": "http://p", "NO_PROXY": "other.example, 10.0.0.0/8"}, "http://p"),
    ],
)
def test_the_environments_proxy_is_used_as_kubectl_does(environ: dict[str, str], proxy: str, tmp_path: Path) -> None:
    path = fake.kubeconfig(tmp_path, {"it": "https://api.shop.example:6443", "here": "https://127.0.0.1:1"})
    assert find(str(path), None, environ).proxy == proxy
    assert find(str(path), "here", environ).proxy == ""


def test_discovery_writes_the_context_down(tmp_path: Path) -> None:
    path = fake.kubeconfig(tmp_path, {"prod": "https://api:6443"})
    (found,) = KubernetesProbe.discover({"KUBECONFIG": str(path), "HOME": str(tmp_path)})
    assert found.settings == {"context": "prod"}
    path.write_text("a: [")
    assert list(KubernetesProbe.discover({"KUBECONFIG": str(path)})) == []
    assert list(KubernetesProbe.discover({"HOME": str(tmp_path)})) == []


# what was found stays


async def test_a_kubeconfig_that_is_changed_leads_nobody_to_another_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake.running(fake.small_cluster()) as right, fake.running(fake.small_cluster()) as wrong:
        path = fake.kubeconfig(tmp_path, {"prod": f"http://127.0.0.1:{right.port}"})
        monkeypatch.setenv("KUBECONFIG", str(path))
        async with probing(None) as probe:
            first = await probe.read()
            fake.kubeconfig(tmp_path, {"prod": f"http://127.0.0.1:{wrong.port}"}, namespace="other")
            monkeypatch.setenv("KUBECONFIG", "/dev/null")
            probe.abort()
            asked = len(right.asked)
            second = await probe.read()
            place = pinned(probe.settings)
    assert len(right.asked) > asked
    assert wrong.asked == []
    assert first.facts.cluster == second.facts.cluster == place.identity
    assert (place.context, place.namespace) == ("prod", "shop")


async def test_a_context_that_leads_to_another_server_is_refused(tmp_path: Path) -> None:
    path = fake.kubeconfig(tmp_path, {"prod": "https://other:6443"})
    async with probing(path, server="https://api:6443") as probe:
        told = await failure(probe)
    assert "leads to another server" in str(told.message)


# tokens and login programs


async def test_a_file_with_a_token_is_read_again_when_it_is_not_accepted_any_more(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.token = "one"
    (tmp_path / "token").write_text("one\n")
    with fake.running(cluster):
        path = fake.kubeconfig(tmp_path, {"it": f"http://127.0.0.1:{cluster.port}"}, user="    tokenFile: token\n")
        async with probing(path) as probe:
            await probe.read()
            cluster.token = "two"
            (tmp_path / "token").write_text("two")
            await probe.read()
            cluster.token = "three"
            told = await failure(probe)
    assert told.cause is Cause.AUTH
    assert "does not accept our login" in str(told.message)


async def test_a_password_and_another_identity_are_sent(tmp_path: Path) -> None:
    user = f"    username: me\n    password: {SECRET}\n    as: boss\n    as-groups: [a, b]\n"
    with fake.running(fake.small_cluster()) as cluster:
        path = fake.kubeconfig(tmp_path, {"it": f"http://127.0.0.1:{cluster.port}"}, user=user)
        async with probing(path) as probe:
            await probe.read()
    sent = cluster.headers[0]
    assert base64.b64decode(sent["Authorization"].partition(" ")[2]).decode() == f"me:{SECRET}"
    assert sent["Impersonate-User"] == "boss"


def program(folder: Path, body: str) -> str:
    """A login program that counts its calls in `calls`; the user entry that names it."""
    path = folder / "login"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nopen({str(folder / 'calls')!r}, 'a').write('x')\n{body}\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return (
        "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: ./login\n"
        f"      args: [a]\n      env:\n      - {{name: MARK, value: {SECRET}}}\n      provideClusterInfo: true\n"
    )


def gives(token: str, until: datetime) -> str:
    status = {"token": token, "expirationTimestamp": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return f"print(json.dumps({{'status': {status!r}}}))"


async def test_a_login_program_is_asked_once_and_again_when_its_login_ends(tmp_path: Path) -> None:
    cluster = fake.small_cluster()
    cluster.token = "from-program"
    told = (
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "assert info['spec']['interactive'] is False and info['spec']['cluster']['server'], info\n"
        f"assert os.environ['MARK'] == {SECRET!r} and sys.argv[1:] == ['a'] and sys.stdin.read() == ''\n"
        "assert 'OPSROOM_PASSWORD' not in os.environ\n"
    )
    with fake.running(cluster):
        user = program(tmp_path, told + gives("from-program", datetime.now(UTC) + timedelta(hours=1)))
        path = fake.kubeconfig(tmp_path, {"it": f"http://127.0.0.1:{cluster.port}"}, user=user)
        os.environ["OPSROOM_PASSWORD"] = SECRET
        try:
            async with probing(path) as probe:
                await probe.read()
                await probe.read()
                assert (tmp_path / "calls").read_text() == "x"
                cluster.token = "renewed"
                program(tmp_path, gives("renewed", datetime.now(UTC) + timedelta(seconds=5)))
                await probe.read()
                assert (tmp_path / "calls").read_text().startswith("xx")
                before = (tmp_path / "calls").read_text()
                await probe.read()
                assert (tmp_path / "calls").read_text() > before, "a login that ends in 5 s is renewed beforehand"
        finally:
            del os.environ["OPSROOM_PASSWORD"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sys.stderr.write('SSO session has expired\\n'); sys.exit(2)", "failed (2): SSO session has expired"),
        ("print('hello')", "gave no login"),
        ("print(json.dumps({'status': {}}))", "gave no login"),
        ("import time; time.sleep(60)", "gave no answer in"),
    ],
)
async def test_a_login_program_that_gives_nothing_says_so_with_a_remedy(body: str, words: str, tmp_path: Path) -> None:
    with fake.running(fake.small_cluster()) as cluster:
        path = fake.kubeconfig(tmp_path, {"it": f"http://127.0.0.1:{cluster.port}"}, user=program(tmp_path, body))
        async with probing(path, timeout=4.0) as probe:
            told = await failure(probe)
    assert told.cause is Cause.AUTH
    assert words in str(told.message)
    assert "log in again" in str(told.hint)
    assert cluster.asked == []


async def test_a_login_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    user = "    exec: {command: no-such-login, installHint: get it from the shop}\n"
    path = fake.kubeconfig(tmp_path, {"it": "http://127.0.0.1:1"}, user=user)
    async with probing(path) as probe:
        told = await failure(probe)
    assert "no-such-login is not installed" in str(told.message)
    assert str(told.hint) == "get it from the shop"


# certificates


def expired(ours: Authority) -> Pair:
    """A certificate of yesterday for the name `kubernetes`."""
    made = Pair(ours.folder / "expired.crt", ours.folder / "expired.key")
    (ours.folder / "ext").write_text("subjectAltName=DNS:kubernetes\n")
    request = f"req -newkey rsa:2048 -nodes -keyout {made.key.name} -out r.csr -subj /CN=kubernetes"
    sign = "x509 -req -in r.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile ext -days -1 -out expired.crt"
    for words in (request, sign):
        subprocess.run(["openssl", *words.split()], cwd=ours.folder, check=True, capture_output=True)
    return made


@contextmanager
def secured(own: Pair, clients: Authority | None = None) -> Iterator[FakeCluster]:
    """A cluster behind TLS; with `clients` only those whose certificate that authority signed get in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.certificate)
    with fake.running(fake.small_cluster(), context) as cluster:
        yield cluster


def trusting(port: int, authority: Authority) -> dict[str, Any]:
    """A cluster's entry."""
    return {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority-data": base64.b64encode(authority.certificate.read_bytes()).decode(),
        "tls-server-name": "kubernetes",
    }


def written(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    path = folder / f"config{len(list(folder.iterdir()))}"  # equal settings lead to the same place for good
    path.write_text(config(
        current_context="it",
        contexts=[entry("context", "it", cluster="it", user="me", namespace="shop")],
        clusters=[{"name": "it", "cluster": cluster}],
        users=[{"name": "me", "user": user}],
    ))  # fmt: skip
    return path


async def test_a_client_certificate_from_the_kubeconfig_gets_in(tmp_path: Path) -> None:
    ours = new_authority(tmp_path / "pki")
    me = ours.client("me", "me")
    data = {
        "client-certificate-data": base64.b64encode(me.certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(me.key.read_bytes()).decode(),
    }
    with secured(ours.server("it", "DNS:kubernetes"), clients=ours) as cluster:
        there = trusting(cluster.port, ours)
        for user in (data, {"client-certificate": "pki/me.crt", "client-key": "pki/me.key"}):
            async with probing(written(tmp_path, there, user)) as probe:
                found = await probe.read()
                assert found.facts.pods
                assert not found.facts.insecure
        asked = len(cluster.asked)
        async with probing(written(tmp_path, there, {"token": SECRET})) as probe:
            await failure(probe)
        junk = {"client-certificate-data": base64.b64encode(b"junk").decode(), "client-key-data": "aGk="}
        async with probing(written(tmp_path, there, junk)) as probe:
            told = await failure(probe)
        assert len(cluster.asked) == asked
    assert told.cause is Cause.AUTH
    assert "can't be used" in str(told.message)


async def test_a_cluster_whose_authority_is_another_one_is_not_trusted(tmp_path: Path) -> None:
    ours, theirs = new_authority(tmp_path / "ours"), new_authority(tmp_path / "theirs")
    with secured(theirs.server("it", "DNS:kubernetes")) as cluster:
        async with probing(written(tmp_path, trusting(cluster.port, ours), {"token": SECRET})) as probe:
            told = await failure(probe)
        assert told.cause is Cause.TLS_UNTRUSTED
        assert "fetch a new kubeconfig" in str(told.hint)
        assert cluster.asked == [], "no token is sent to a server that is not trusted"
        careless = {"server": f"https://127.0.0.1:{cluster.port}", "insecure-skip-tls-verify": True}
        async with probing(written(tmp_path, careless, {"token": SECRET})) as probe:
            assert (await probe.read()).facts.insecure


@pytest.mark.parametrize(
    ("server", "more", "unproven"),
    [
        ("https://k.example", {}, False),
        ("https://k.example", {"insecure-skip-tls-verify": True}, True),
        ("http://127.0.0.1:8001", {}, False),
        ("http://[::1]:8001", {}, False),
        ("http://localhost:8001", {}, False),
        ("http://localhost:8001", {"proxy-url": "http://proxy.example:3128"}, True),
        ("http://k.example:8001", {}, True),
        ("http://127.0.0.1.k.example:8001", {}, True),
    ],
)
def test_nothing_is_proven_without_a_certificate_but_what_stays_on_this_machine(
    tmp_path: Path, server: str, more: dict[str, Any], unproven: bool
) -> None:
    path = written(tmp_path, {"server": server, **more}, {})
    assert find(str(path), None, {}).unproven is unproven


async def test_a_certificate_that_can_t_be_right_is_told_as_such(tmp_path: Path) -> None:
    ours = new_authority(tmp_path / "pki")
    for own, cause in ((ours.server("it", "DNS:other"), Cause.TLS_NAME), (expired(ours), Cause.TLS_EXPIRED)):
        with secured(own) as cluster:
            async with probing(written(tmp_path, trusting(cluster.port, ours), {})) as probe:
                assert (await failure(probe)).cause is cause


def test_a_certificate_of_tomorrow_is_a_matter_of_clocks() -> None:
    import httpx

    told = ssl.SSLCertVerificationError()
    told.verify_message = "certificate is not yet valid"
    error = httpx.ConnectError("x")
    error.__cause__ = told
    assert broken(error, "api:6443", False).cause is Cause.CLOCK
