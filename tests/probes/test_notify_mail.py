"""E-mail: a real SMTP server gets each message once, and what became of it is told as it was."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from probes.base import Fate, Notice, Severity
from probes.notify.mail import Mail
from tests.probes.test_notify import Keyring, told

DONE = "250 taken"


@dataclass
class Post:
    """What a server got, and what it says."""

    got: list[Any] = field(default_factory=list)
    recipients: Callable[[str], str] = lambda address: DONE
    data: Callable[[], str] = lambda: DONE

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        said = self.recipients(address)
        if said == DONE:
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        said = await asyncio.to_thread(self.data)
        if said == DONE:
            self.got.append(envelope)
        return said

    def only(self) -> EmailMessage:
        (envelope,) = self.got
        made = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(made, EmailMessage)
        return made


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def port(post: Post) -> Iterator[int]:
    with serving(post) as made:
        yield made


class serving:
    """A server on a port of its own, while this lasts."""

    def __init__(self, post: Post, **more: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.controller = Controller(post, hostname="127.0.0.1", port=self.port, ready_timeout=60, **more)

    def __enter__(self) -> int:
        self.controller.start()
        return self.port

    def __exit__(self, *why: object) -> None:
        self.controller.stop()


def mail(port: int, **more: Any) -> Mail:
    given = {"tls": "none", "sender": "room@example.org", "to": ("ops@example.org",), "timeout": 30.0, **more}
    return Mail("mail", given.pop("host", "127.0.0.1"), Keyring(), port=port, **given)


def incident(audience: str) -> Notice:
    return Notice(
        id="m-1", event="incident", at="2026-03-01T03:12:41.000+00:00", system="shop", environment="live", case="i-1",
        severity=Severity.CRITICAL, target="shop" if audience == "public" else "P1 no mail",
        words="We are slow.\n.\nNächste Meldung 03:30 UTC", more={"audience": audience},
    )  # fmt: skip


async def test_an_alert_is_one_message_with_its_number_in_the_subject(post: Post, port: int) -> None:
    made = mail(port, to=("ops@example.org", "duty@example.org"))
    found = await made.tell(told(by="anna"))
    assert (found.fate, post.got[0].rcpt_tos) == (Fate.TOLD, ["ops@example.org", "duty@example.org"])
    one = post.only()
    assert "4,812 jobs wait" in one["Subject"]
    assert (one["From"], one["To"], one["Auto-Submitted"]) == (
        "room@example.org", "ops@example.org, duty@example.org", "auto-generated",
    )  # fmt: skip
    assert one["Message-ID"] == "<case-1.raised.0@example.org>"
    text = one.get_content()
    assert "4,812 jobs wait" in text
    assert "by anna" in text
    assert "hunter2" not in post.got[0].content.decode()


async def test_customers_read_the_text_letter_by_letter_and_nothing_else(post: Post, port: int) -> None:
    assert (await mail(port, to=("a@example.org", "b@example.org")).tell(incident("public"))).fate is Fate.TOLD
    one = post.only()
    assert one.get_content().splitlines() == ["We are slow.", ".", "Nächste Meldung 03:30 UTC"]
    assert (one["Subject"], one["To"]) == ("shop: We are slow.", "undisclosed-recipients:;")
    assert all(line.isascii() for line in post.got[0].content.splitlines())


async def test_our_own_people_see_which_incident_it_is(post: Post, port: int) -> None:
    assert (await mail(port).tell(incident("internal"))).fate is Fate.TOLD
    assert post.only()["Subject"] == "shop live: P1 no mail"


async def test_whom_a_server_does_not_know_is_named_and_the_others_are_told(post: Post, port: int) -> None:
    post.recipients = lambda address: DONE if address.startswith("ops") else "550 no such box"
    found = await mail(port, to=("ops@example.org", "gone@example.org")).tell(told())
    assert (found.fate, len(post.got)) == (Fate.TOLD, 1)
    assert "but not for gone@example.org: 550 no such box" in str(found.words)
    post.recipients = lambda address: "451 later"
    found = await mail(port).tell(told())
    assert (found.fate, len(post.got)) == (Fate.REFUSED, 1)
    assert "451 later" in str(found.words)


async def test_a_message_that_is_not_taken_is_refused_with_the_servers_words(post: Post, port: int) -> None:
    post.data = lambda: "554 too much \x1b[2J mail"
    found = await mail(port).tell(told())
    assert found.fate is Fate.REFUSED
    assert "554 too much" in str(found.words)
    assert "\x1b" not in str(found.words)


async def test_an_answer_that_does_not_come_leaves_it_open_and_nothing_is_sent_again(post: Post, port: int) -> None:
    over = threading.Event()

    def hang() -> str:
        over.wait(60)
        return DONE

    post.data = hang
    try:
        found = await mail(port, timeout=6.0).tell(told())
    finally:
        over.set()
    assert found.fate is Fate.UNANSWERED
    assert "no answer" in str(found.words)
    assert len(post.got) <= 1


async def test_a_server_that_says_nothing_or_is_not_there_got_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = await mail(silent.getsockname()[1], timeout=1.0).tell(told())
        assert (found.fate, "did not take it within 1 s" in str(found.words)) == (Fate.UNSENT, True)
        gone = silent.getsockname()[1]
    found = await mail(gone).tell(told())
    assert found.fate is Fate.UNSENT
    assert "refused" in str(found.words)


async def test_a_server_that_hangs_up_before_the_message_got_nothing_and_after_it_nobody_knows() -> None:
    for after, fate in ((b"MAIL", Fate.UNSENT), (b"\r\n.\r\n", Fate.UNANSWERED)):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=_hang_up, args=(listener, after), daemon=True).start()
            found = await mail(listener.getsockname()[1]).tell(told())
        assert found.fate is fate, found.words


def _hang_up(listener: socket.socket, after: bytes) -> None:
    """Speak SMTP until something was heard, then close."""
    talk, _ = listener.accept()
    with talk:
        talk.sendall(b"220 here\r\n")
        heard = b""
        while after not in heard.upper():
            part = talk.recv(65536)
            if not part:
                return
            heard += part
            if heard.endswith((b"DATA\r\n", b"data\r\n")):
                talk.sendall(b"354 go on\r\n")
            elif after not in heard.upper() and part.endswith(b"\r\n") and b"\r\ndata" not in heard.lower():
                talk.sendall(b"250 ok\r\n")


# TLS and logins


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost and 127.0.0.1 with its key, made by openssl."""
    folder = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]  # fmt: skip
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"ann", b"hunter2-CANARY")
    return AuthResult(success=good, handled=False)


async def test_it_goes_over_to_tls_and_logs_in_only_there(post: Post, authority: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    login = {"user": "ann", "password": "env:TOKEN", "ca": str(authority / "cert.pem"), "tls": "starttls"}
    with serving(post, tls_context=context, require_starttls=True, authenticator=_login, auth_required=True) as port:
        assert (await mail(port, **login).tell(told())).fate is Fate.TOLD
        assert (await mail(port, **login).reach()).fate is Fate.TOLD
        wrong = await mail(port, **{**login, "password": "env:HOOK"}).tell(told())
        assert (wrong.fate, "login" in str(wrong.words)) == (Fate.REFUSED, True)
        missing = await mail(port, **{**login, "password": "env:NONE"}).tell(told())
        assert (missing.fate, "env:NONE" in str(missing.words)) == (Fate.UNSENT, True)
        strange = await mail(port, **{**login, "ca": None}).tell(told())
        assert (strange.fate, "not trusted" in str(strange.words)) == (Fate.UNSENT, True)
        assert len(post.got) == 1


async def test_a_server_without_tls_never_hears_a_login(post: Post) -> None:
    with serving(post, authenticator=_login, auth_require_tls=False) as port:
        found = await mail(port, tls="starttls", user="ann", password="env:TOKEN").tell(told())
        assert found.fate is Fate.UNSENT
        assert "does not offer what is needed" in str(found.words)
        assert post.got == []
