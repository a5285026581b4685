"""The ways to tell people, against servers that take it, refuse it, break off, hang, and talk rubbish."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.inbox.case import What
from desk.notices.wording import notice, summary, trial
from probes.base import Severity
from probes.base.notice import Delivery, Fate, Notice, Teller, read_notice
from probes.notify import send
from probes.notify.pagerduty import PagerDuty, event
from probes.notify.slack import Slack, escaped, message
from probes.notify.webhook import Webhook
from tests.desk.changing import AT, SHOP, alert, change
from tests.probes.receiver import OK, TAKEN, Answer, Receiver, receiver

SECRETS = {"env:HOOK": "whsec_" + base64.b64encode(b"k" * 24).decode(), "env:TOKEN": "hunter2-CANARY"}


class Keyring:
    """Secrets of a test."""

    def __init__(self, **more: str) -> None:
        self.known = {**SECRETS, **more}

    def resolve(self, reference: str) -> str:
        try:
            return self.known[reference]
        except KeyError:
            raise LookupError(f"{reference} is not set") from None


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def told(what: What = What.RAISED, **more: Any) -> Notice:
    return notice(SHOP, change(what, **more))


def hook(server: Receiver, **more: Any) -> Webhook:
    return Webhook("hook", more.pop("url", server.url), Keyring(), lambda: 1700000000.9, **{"timeout": 20.0, **more})


def slack(server: Receiver, timeout: float = 20.0) -> Slack:
    return Slack("team", "env:SLACK", Keyring(**{"env:SLACK": server.url}), timeout)


def pager(server: Receiver, **more: Any) -> PagerDuty:
    return PagerDuty("pager", server.url, "env:TOKEN", Keyring(), **{"timeout": 20.0, **more})


EVERY: dict[str, Callable[[Receiver], Teller]] = {"webhook": hook, "slack": slack, "pagerduty": pager}
every = pytest.mark.parametrize("kind", EVERY)


# A webhook


async def test_a_webhook_gets_everything_there_is_to_know_as_json(server: Receiver) -> None:
    found = await hook(server).tell(told(by="anna"))
    assert found.fate is Fate.TOLD
    (got,) = server.got
    assert got.headers["content-type"] == "application/json"
    body = got.json
    assert body["version"] == 1
    assert (body["event"], body["system"], body["production"], body["by"]) == ("raised", "shop", True, "anna")
    assert body["case"]["id"] == "case-1"
    assert body["case"]["severity"] == "critical"
    assert body["case"]["labels"] == {"queue": "mail"}
    assert (body["case"]["value"], body["case"]["value_text"], body["case"]["limit"]) == (4812.0, "4,812", 1000.0)
    assert "4,812 jobs wait" in body["headline"]
    assert read_notice(got.body.decode()).words == "4,812 jobs wait"


async def test_the_same_notice_goes_out_as_the_same_bytes_under_the_same_key(server: Receiver) -> None:
    made = hook(server)
    await made.tell(told())
    await made.tell(told())
    await made.tell(told(number=1))
    first, again, other = server.got
    assert first.body == again.body
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == first.json["id"]
    assert other.headers["idempotency-key"] != first.headers["idempotency-key"]


async def test_a_receiver_can_prove_who_sent_it_and_when(server: Receiver) -> None:
    await hook(server, secret="env:HOOK").tell(told())
    await hook(server, secret="env:TOKEN").tell(told())
    await hook(server).tell(told())
    for got, key in zip(server.got, (b"k" * 24, b"hunter2-CANARY"), strict=False):
        signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert got.headers["webhook-signature"] == f"v1,{expected}"
        assert got.headers["webhook-timestamp"] == "1700000000"
    assert "webhook-signature" not in server.got[2].headers
    assert all(b"hunter2" not in got.body for got in server.got)


async def test_headers_are_taken_from_references_and_one_that_none_can_carry_is_said_by_name(server: Receiver) -> None:
    await hook(server, headers={"Authorization": "env:TOKEN", "X-Team": "ops"}).tell(told())
    assert server.got[0].headers["authorization"] == "hunter2-CANARY"
    assert server.got[0].headers["x-team"] == "ops"
    found = await hook(server, headers={"X-Bad": "a\r\nX-Smuggled: 1"}).tell(told())
    assert (found.fate, "X-Bad" in str(found.words), "Smuggled" in str(found.words)) == (Fate.UNSENT, True, False)
    assert len(server.got) == 1


async def test_a_login_in_a_referenced_address_is_sent_as_one_and_never_told(server: Receiver) -> None:
    url = f"http://user:hunter2@127.0.0.1:{server.port}/x?y=1"
    server.answer = lambda got: Answer(401, b"who are you")
    found = await hook(server, url=url).tell(told())
    assert server.got[0].headers["authorization"] == "Basic " + base64.b64encode(b"user:hunter2").decode()
    assert server.got[0].path == "/x?y=1"
    assert server.got[0].headers["host"] == f"127.0.0.1:{server.port}"
    assert "hunter2" not in str(found.words)
    assert "does not accept our login" in str(found.words)


async def test_a_bad_secret_to_sign_with_is_said_before_anything_is_sent(server: Receiver) -> None:
    made = Webhook("hook", server.url, Keyring(**{"env:BAD": "whsec_***"}), lambda: 0.0, secret="env:BAD")
    found = await made.tell(told())
    assert found.fate is Fate.UNSENT
    assert "not base64" in str(found.words)
    assert server.got == []


# What every channel does with a server that is ill


FAULTS: tuple[tuple[Answer, Fate, str], ...] = (
    (Answer(500, b"oops"), Fate.REFUSED, "fault of its own: 500"),
    (Answer(503, b""), Fate.REFUSED, "fault of its own: 503"),
    (Answer(502, b""), Fate.UNANSWERED, "fault of its own: 502"),
    (Answer(403, b""), Fate.REFUSED, "does not allow it: 403"),
    (Answer(404, b""), Fate.REFUSED, "nothing at this address: 404"),
    (Answer(400, b""), Fate.REFUSED, "does not take it: 400"),
    (Answer(307, b"", {"Location": "http://169.254.169.254/"}), Fate.REFUSED, "redirects elsewhere"),
    (Answer(how="reset"), Fate.UNANSWERED, "without an answer"),
    (Answer(how="closed"), Fate.UNANSWERED, "without an answer"),
    (Answer(how="hang"), Fate.UNANSWERED, "gave no answer within 0.3 s"),
    (Answer(how="garbage"), Fate.UNANSWERED, "not answer as an HTTP server"),
)


@every
@pytest.mark.parametrize(("answer", "fate", "words"), FAULTS, ids=lambda one: getattr(one, "how", None))
async def test_whatever_the_server_does_it_is_sent_once_and_said_in_words(
    server: Receiver, kind: str, answer: Answer, fate: Fate, words: str
) -> None:
    server.answer = lambda got: answer
    made = EVERY[kind](server)
    if answer.how == "hang":
        made._post._timeout = 0.3  # type: ignore[attr-defined]
    found = await made.tell(told())
    await made.close()
    assert (found.fate, words in str(found.words)) == (fate, True), found
    assert len(server.got) == 1
    assert "SECRETPATH" not in str(found.words)
    assert f"127.0.0.1:{server.port}" in str(found.words)
    assert found.alone is (answer.status == 400)


@every
async def test_nobody_at_the_door_means_that_nothing_was_sent(kind: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = Receiver()
        nobody.port = closed.getsockname()[1]
        made = EVERY[kind](nobody)
        found = await made.tell(told())
        assert (found.fate, "refused" in str(found.words)) == (Fate.UNSENT, True), found
        assert (await made.reach()).fate is Fate.UNSENT
        await made.close()


async def test_a_door_that_never_opens_is_left_in_time() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        found = await Webhook(
            "hook", f"http://127.0.0.1:{deaf.getsockname()[1]}/", Keyring(), lambda: 0.0, timeout=0.3
        ).tell(told())
        assert (found.fate, "no connection to" in str(found.words)) == (Fate.UNSENT, True), found
        for one in fillers:
            one.close()


async def test_a_name_that_is_nobodys_is_said(server: Receiver) -> None:
    found = await hook(server, url="http://no-such-host.invalid/x").tell(told())
    assert found.fate is Fate.UNSENT
    assert "no-such-host.invalid" in str(found.words)


@every
@pytest.mark.parametrize("said", ["7", "date", "soon", "-1", "Mon, 01 Jan 2024 00:00:00 +99999999999999"])
async def test_too_much_says_for_how_long_we_should_wait(server: Receiver, kind: str, said: str) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server.answer = lambda got: Answer(429, b"rate_limited", {"Retry-After": later if said == "date" else said})
    found = await EVERY[kind](server).tell(told())
    assert found.fate is Fate.REFUSED
    assert not found.alone
    if said == "date":
        assert found.wait is not None
        assert 50 < found.wait <= 60
    else:
        assert found.wait == {"7": 7.0}.get(said)


async def test_of_an_endless_answer_only_the_beginning_is_read(server: Receiver) -> None:
    server.answer = lambda got: Answer(200, b"x" * 5_000_000)
    found = await hook(server).tell(told())
    assert found.fate is Fate.TOLD
    assert len(str(found.words)) < 320


async def test_a_secret_that_is_missing_is_named_by_its_reference(server: Receiver) -> None:
    found = await Slack("team", "env:NOWHERE", Keyring()).tell(told())
    assert (found.fate, str(found.words)) == (Fate.UNSENT, "env:NOWHERE is not set")
    assert (await Slack("team", "env:NOWHERE", Keyring()).reach()).fate is Fate.UNSENT


@every
async def test_to_see_whether_it_can_be_reached_tells_nobody(server: Receiver, kind: str) -> None:
    found = await EVERY[kind](server).reach()
    assert (found.fate, str(found.words)) == (Fate.TOLD, f"127.0.0.1:{server.port} takes connections")
    assert server.got == []


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "http://a@b@c/", "ftp://x/", "http://x\n/", "http://127.0.0.1:1/\x07SECRET"]
)
async def test_an_address_that_is_none_is_refused_without_telling_it(url: str) -> None:
    found = await Webhook("hook", "env:URL", Keyring(**{"env:URL": url}), lambda: 0.0).tell(told())
    assert found.fate is Fate.UNSENT
    assert url not in str(found.words)
    assert "SECRET" not in str(found.words)


@every
async def test_an_answer_that_repeats_the_address_or_a_secret_header_is_told_without_them(
    server: Receiver, kind: str
) -> None:
    server.answer = lambda got: Answer(404, f"Cannot POST {got.path} for hunter2-CANARY".encode())
    made = hook(server, headers={"X-Key": "env:TOKEN"}) if kind == "webhook" else EVERY[kind](server)
    found = str((await made.tell(told())).words)
    assert "nothing at this address: 404 Not Found: Cannot POST [secret] for " in found
    assert "SECRETPATH" not in found
    assert ("hunter2" in found) is (kind == "slack")  # which never sent it


async def test_no_form_of_an_address_in_an_answer_is_told(server: Receiver) -> None:
    url = f"http://127.0.0.1:{server.port}/in%20it/0123456789abcdef?token=SECRET&to=ops"
    for said in ("/in it/0123456789abcdef", "\\/in%20it\\/0123456789abcdef", "token 0123456789abcdef", "SECRET, ops"):
        server.answer = lambda got, said=said: Answer(400, said.encode())  # type: ignore[misc]
        found = str((await hook(server, url=url).tell(told())).words)
        assert "[secret]" in found
        assert "0123456789abcdef" not in found
        assert "SECRET" not in found


@every
async def test_a_body_that_never_ends_leaves_what_the_status_says(
    server: Receiver, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "_BODY", 0.1)
    made = EVERY[kind](server)
    server.answer = lambda got: Answer(200, b"", how="held")
    assert (await made.tell(told())).fate is (Fate.TOLD if kind == "webhook" else Fate.UNANSWERED)
    server.answer = lambda got: Answer(410, b"", how="held")
    assert (await made.tell(told())).fate is Fate.REFUSED


async def test_a_body_is_never_waited_for_beyond_the_time_of_one_try(server: Receiver) -> None:
    server.answer = lambda got: Answer(200, b"", how="held")
    assert (await hook(server, timeout=0.4).tell(told())).fate is Fate.TOLD


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and 127.0.0.1 with its key, made by openssl."""
    import subprocess

    folder = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]  # fmt: skip
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder


class _Secure:
    """Answers "ok" to whoever speaks TLS with it."""

    def __init__(self, folder: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got: list[bytes] = []
        self.names: list[str | None] = []
        context.sni_callback = lambda sock, name, ctx: self.names.append(name)
        threading.Thread(target=self._serve, args=(context,), daemon=True).start()

    def _serve(self, context: ssl.SSLContext) -> None:
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    self.got.append(_request(secure))
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            except OSError:
                plain.close()


def _request(connection: ssl.SSLSocket) -> bytes:
    """A whole request, or what comes until the other side hangs up."""
    got = b""
    while more := connection.recv(65536):
        got += more
        head, _, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if length is not None and len(body) >= int(length[1]):
            break
    return got


async def test_a_certificate_is_always_checked(authority: Path) -> None:
    server = _Secure(authority)
    try:
        url = f"https://localhost:{server.port}/x"
        found = await Webhook("hook", url, Keyring(), lambda: 0.0).tell(told())
        assert (found.fate, str(found.words)) == (
            Fate.UNSENT,
            f"the certificate of localhost:{server.port} is not trusted",
        )
        assert b"".join(server.got) == b""
        trusting = Webhook("hook", url, Keyring(), lambda: 0.0, ca=str(authority / "cert.pem"))
        assert (await trusting.reach()).fate is Fate.TOLD
        assert (await trusting.tell(told())).fate is Fate.TOLD
        assert server.names[-1] == "localhost"
        assert b"Host: localhost" in server.got[-1]
        missing = await Webhook("hook", url, Keyring(), lambda: 0.0, ca="/nowhere.pem").tell(told())
        assert (missing.fate, "can't be read" in str(missing.words)) == (Fate.UNSENT, True)
    finally:
        server.listener.close()


async def test_a_server_that_speaks_no_tls_gets_nothing(server: Receiver) -> None:
    found = await hook(server, url=server.url.replace("http:", "https:")).tell(told())
    assert found.fate is Fate.UNSENT
    assert server.got == []


# A proxy


class _Proxy:
    """An HTTP proxy that opens a way for CONNECT, or refuses to."""

    def __init__(self, refuses: bool = False) -> None:
        self.asked: list[bytes] = []
        self._refuses = refuses
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            line = next(iter(near.recv(65536).splitlines()), b"")
            if not line:
                near.close()
                continue
            self.asked.append(line)
            if self._refuses:
                near.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", int(line.split()[1].rpartition(b":")[2])))
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while got := one.recv(65536):
            other.sendall(got)
    except OSError:
        pass
    finally:
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


async def test_a_proxy_between_sees_no_secret_and_is_said_when_it_refuses(authority: Path, server: Receiver) -> None:
    secure, proxy, strict = _Secure(authority), _Proxy(), _Proxy(refuses=True)
    try:
        url, ca = f"https://localhost:{secure.port}/SECRETPATH", str(authority / "cert.pem")
        made = Webhook("hook", url, Keyring(**{"env:PROXY": proxy.url}), lambda: 0.0, ca=ca, proxy="env:PROXY")
        assert (await made.tell(told())).fate is Fate.TOLD
        assert proxy.asked == [f"CONNECT localhost:{secure.port} HTTP/1.1".encode()]
        assert str((await made.reach()).words) == f"the proxy {proxy.url.removeprefix('http://')} takes connections"
        found = await Webhook("hook", url, Keyring(), lambda: 0.0, ca=ca, proxy=strict.url).tell(told())
        assert (found.fate, str(found.words)) == (
            Fate.UNSENT,
            f"the proxy does not let us to localhost:{secure.port}",
        )
        plain = hook(server, url="http://no-such-host.invalid/x", proxy=f"http://127.0.0.1:{server.port}")
        assert (await plain.tell(told())).fate is Fate.TOLD
        assert server.got[0].path == "http://no-such-host.invalid/x"
        lost = await Webhook("hook", url, Keyring(), lambda: 0.0, ca=ca, proxy="http://127.0.0.1:1").tell(told())
        assert (lost.fate, "refused by 127.0.0.1:1" in str(lost.words)) == (Fate.UNSENT, True)
        gone = await Webhook("hook", url, Keyring(), lambda: 0.0, proxy="env:GONE").tell(told())
        assert str(gone.words) == "env:GONE is not set"
    finally:
        for one in (secure.listener, proxy.listener, strict.listener):
            one.close()


# Slack


async def test_slack_has_it_when_it_says_ok(server: Receiver) -> None:
    assert (await slack(server).tell(told())).fate is Fate.TOLD
    for body in (b"", b"<html>log in</html>", b"okay"):
        server.answer = lambda got, body=body: Answer(200, body)  # type: ignore[misc]
        found = await slack(server).tell(told())
        assert (found.fate, "does not answer as expected" in str(found.words)) == (Fate.REFUSED, True)
    server.answer = lambda got: Answer(200, b"o", how="broken")
    assert (await slack(server).tell(told())).fate is Fate.UNANSWERED


async def test_what_slack_says_of_a_webhook_is_said_in_words(server: Receiver) -> None:
    server.answer = lambda got: Answer(410, b"channel_is_archived")
    found = await slack(server).tell(told())
    assert str(found.words) == f"127.0.0.1:{server.port}: its channel is archived (channel_is_archived)"
    server.answer = lambda got: Answer(400, b"invalid_payload")
    assert (await slack(server).tell(told())).alone


async def test_slack_is_posted_to_over_tls_only_but_on_this_machine() -> None:
    found = await Slack("team", "env:S", Keyring(**{"env:S": "http://hooks.slack.com/x"})).tell(told())
    assert (found.fate, "must begin with https://" in str(found.words)) == (Fate.UNSENT, True)


SMUGGLED = (
    "<!here> <!channel|x> <@U123> <https://evil.example|here> @channel @here @everyone "
    "https://evil.example & `x` [a](b)"
)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "text" and isinstance(one, str):
                yield one
            else:
                yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)


def test_text_from_outside_mentions_nobody_in_slack_and_links_nowhere() -> None:
    bad = alert(target=SMUGGLED[:80], rule=SMUGGLED, words=SMUGGLED)
    made = message(notice(SHOP, change(of=bad, by=SMUGGLED, note=SMUGGLED)))
    assert (made["parse"], made["link_names"], made["mrkdwn"], made["unfurl_links"]) == ("none", False, False, False)
    assert all(block["type"] in ("header", "section", "context") for block in made["blocks"])
    assert "mrkdwn" not in json.dumps(made["blocks"])
    found = [*texts(made)]
    assert len(found) == 4
    for text in found:
        assert "<" not in text
        assert ">" not in text
        assert "://" not in text
        assert "](" not in text
        assert not re.search(r"(?<![\w.+-])@\w", text)
        assert re.sub("&(amp|lt|gt);", "", text).count("&") == 0


def test_customers_read_the_text_alone_in_slack() -> None:
    made = replace(told(), event="incident", target="shop", words="We are slow.\nMore by 04:00 UTC.")
    found = message(replace(made, more={"audience": "public", "status": "declared"}))
    assert found["text"] == "We are slow.\nMore by 04:00 UTC."
    assert [one["text"]["text"] for one in found["blocks"]] == ["We are slow.\nMore by 04:00 UTC."]
    inside = json.dumps(message(replace(made, more={"audience": "internal"})))
    assert "INCIDENT" in inside
    assert made.id in inside


@pytest.mark.parametrize("words", ["a & b " * 900, "a line of it\n" * 400, "x" * 4000])
@pytest.mark.parametrize("audience", ["public", "internal"])
def test_a_long_message_of_a_person_is_posted_to_slack_whole(words: str, audience: str) -> None:
    made = replace(told(), event="message", words=words, more={"audience": audience})
    parts = [one["text"]["text"] for one in message(made)["blocks"] if one["type"] == "section"]
    assert max(map(len, parts)) <= 3000
    assert "".join("".join(parts).split()).replace("&amp;", "&") == "".join(words.split())


@given(st.text(max_size=300), st.integers(8, 200))
def test_no_text_gets_through_slacks_escapes_or_beyond_its_limit(text: str, most: int) -> None:
    made = escaped(text, most)
    assert len(made) <= most
    assert not set("<>") & set(made)
    assert re.sub("&(amp|lt|gt);", "", made).count("&") == 0
    assert not re.search(r"(?<![\w.+-])@\w", made)


@pytest.mark.parametrize("what", [What.RAISED, What.WORSE, What.ACKNOWLEDGED, What.CLEARED, What.ESCALATED])
def test_what_slack_shows_is_within_its_limits(what: What) -> None:
    long = alert(target="t" * 400, words="<&>" * 3000, rule="r" * 400)
    for block in message(notice(SHOP, change(what, of=long, note="<" * 5000)))["blocks"]:
        for text in texts(block):
            assert 0 < len(text) <= (150 if block["type"] == "header" else 3000)


def test_a_summary_says_what_is_still_so_first() -> None:
    parts = [notice(SHOP, change(case=f"c{number}", of=alert(f"web-{number}"))) for number in range(30)]
    parts += [notice(SHOP, change(What.CLEARED, f"c{number}", of=alert(f"web-{number}"))) for number in range(28)]
    made = message(summary("batch", parts))
    said = made["blocks"][1]["text"]["text"].splitlines()
    assert said[0] == "30 alerts: 2 still there, 28 over again"
    assert said[1].startswith("CRITICAL  web-28:")
    assert said[3].startswith("over  ")
    assert said[-1] == "and 10 more"
    assert "58 notices that could not be told in time" in made["text"]
    assert len(summary("batch", parts).as_dict()["notices"]) == 58


# PagerDuty


async def test_a_case_is_one_incident_there_from_its_beginning_to_its_end(server: Receiver) -> None:
    server.answer = lambda got: TAKEN
    made = pager(server)
    for what in (What.RAISED, What.WORSE, What.ACKNOWLEDGED, What.SILENCED, What.ESCALATED, What.CLEARED):
        assert (await made.tell(told(what))).fate is Fate.TOLD
    bodies = [got.json for got in server.got]
    assert [one["event_action"] for one in bodies] == [
        "trigger", "trigger", "acknowledge", "acknowledge", "trigger", "resolve",
    ]  # fmt: skip
    assert {one["dedup_key"] for one in bodies} == {"case-1"}
    assert {one["routing_key"] for one in bodies} == {"hunter2-CANARY"}
    assert "payload" not in bodies[-1]
    payload = bodies[0]["payload"]
    assert (payload["severity"], payload["source"], payload["class"]) == ("critical", "jobs", "backlog")
    assert payload["group"] == "shop production"
    assert datetime.fromisoformat(payload["timestamp"]) == AT


async def test_what_is_no_answer_of_pagerduty_is_not_taken_for_one(server: Receiver) -> None:
    for body in (b"ok", b"[]", b'{"status":"invalid event"}', b"<html>", b"[" * 4096):
        server.answer = lambda got, body=body: Answer(202, body)  # type: ignore[misc]
        assert (await pager(server).tell(told())).fate is Fate.REFUSED


def test_severities_are_called_there_as_the_profile_says() -> None:
    made = PagerDuty("pager", "https://x/", "env:X", Keyring(), severities={"warning": "error"})
    mild = notice(SHOP, change(of=alert(severity=Severity.WARNING)))
    assert event(mild, made._names)["payload"]["severity"] == "error"
    assert event(mild)["payload"]["severity"] == "warning"
    assert event(notice(SHOP, change(of=alert(severity=Severity.NOTICE))))["payload"]["severity"] == "info"


def test_an_event_is_within_the_limits_of_pagerduty() -> None:
    made = event(notice(SHOP, change(case="c" * 400, of=alert(words="w" * 9000))))
    assert len(made["payload"]["summary"]) <= 1024
    assert len(made["dedup_key"]) <= 255


# A test


@every
async def test_a_test_says_that_it_is_one(server: Receiver, kind: str) -> None:
    server.answer = lambda got: TAKEN if kind == "pagerduty" else OK
    found: Delivery = await EVERY[kind](server).tell(trial(SHOP, AT, "id-1", "anna"))
    assert found.fate is Fate.TOLD
    assert "TEST, nothing is wrong" in server.got[0].body.decode()
    if kind == "pagerduty":
        assert [got.json["event_action"] for got in server.got] == ["trigger", "resolve"]
        assert {got.json["dedup_key"] for got in server.got} == {"opsroom-test-id-1"}
        assert server.got[0].json["payload"]["severity"] == "info"
    else:
        assert len(server.got) == 1
