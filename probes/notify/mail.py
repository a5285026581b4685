"""E-mail over SMTP (RFC 5321), through the standard library in a thread: one message for each notice, sent once.

Its Message-ID is made of the notice's id, so that a copy of one can be told. A server that took it has promised to
deliver it, no more: that it was read nobody knows. Certificates are always checked, and a login never goes out in the
clear.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal

from probes.base import Lane, ProbeError, SafeText, SecretSource, from_os_error
from probes.base.notice import Delivery, Fate, Notice
from probes.notify.send import Undelivered, resolved, trusting

Tls = Literal["starttls", "tls", "none"]

_FORM: Final = SMTP.clone(cte_type="7bit")
"""What every server can carry."""

_LATER: Final = 2.0
"""Seconds after which a thread gives up by itself that could not be cut when time was up."""

_SUBJECT: Final = 150
"""Characters of a subject."""

_LINES: Final = 50
"""Notices of a summary that are written out; the others are counted."""


class Mail:
    """One server, and who is written to."""

    def __init__(
        self,
        name: str,
        host: str,
        secrets: SecretSource,
        *,
        port: int,
        tls: Tls,
        sender: str,
        to: Sequence[str],
        user: str = "",
        password: str = "",
        timeout: float = 10.0,
        ca: str | None = None,
    ) -> None:
        """`password`: a reference. `timeout`: seconds for one message in all. `ca`: PEM file of the authorities to
        trust instead of the machine's."""
        self._host, self._port, self._tls = host, port, tls
        self._sender, self._to = sender, tuple(to)
        self._user, self._password, self._secrets = user, password, secrets
        self._timeout, self._ca = timeout, ca
        self._lane = Lane(f"notify-{name}", limit=3)

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port}"

    async def tell(self, notice: Notice) -> Delivery:
        """Send it once."""
        return await self._within(_Try(), message(notice, self._sender, self._to))

    async def reach(self) -> Delivery:
        """Connect, log in and hang up; nothing is sent."""
        return await self._within(_Try(), None)

    async def close(self) -> None:
        """Let go of the threads."""
        self._lane.close()

    async def _within(self, going: _Try, made: EmailMessage | None) -> Delivery:
        try:
            password = resolved(self._password, self._secrets) if self._password else ""
            async with asyncio.timeout(self._timeout):
                delivery: Delivery = await self._lane.run(self._speak, going, made, password)
                return delivery
        except Undelivered as error:
            return error.delivery
        except ProbeError as error:
            return Delivery(Fate.UNSENT, error.message)
        except TimeoutError:
            return self._late(going)
        finally:
            going.cut()

    def _late(self, going: _Try) -> Delivery:
        if going.cut():
            return Delivery(Fate.UNANSWERED, SafeText(f"{self._where} gave no answer within {self._timeout:g} s"))
        return Delivery(Fate.UNSENT, SafeText(f"{self._where} did not take it within {self._timeout:g} s"))

    # in a thread

    def _speak(self, going: _Try, made: EmailMessage | None, password: str) -> Delivery:
        try:
            client = self._connected(going, password)
            try:
                if made is None:
                    return Delivery(Fate.TOLD, SafeText(f"{self._where} takes connections"))
                return self._send(going, client, made)
            finally:
                _leave(client)
        except smtplib.SMTPServerDisconnected:
            fate = Fate.UNANSWERED if going.sent else Fate.UNSENT
            return Delivery(fate, SafeText(f"{self._where} closed the connection without an answer"))
        except smtplib.SMTPAuthenticationError as error:
            return Delivery(Fate.REFUSED, _said(f"{self._where} does not accept our login", error.smtp_code))
        except smtplib.SMTPResponseException as error:
            return Delivery(Fate.REFUSED, _said(f"{self._where} does not take it", error.smtp_code, error.smtp_error))
        except smtplib.SMTPNotSupportedError:
            return Delivery(Fate.UNSENT, SafeText(f"{self._where} does not offer what is needed: TLS, or a login"))
        except smtplib.SMTPException as error:
            fate = Fate.UNANSWERED if going.sent else Fate.UNSENT
            return Delivery(fate, SafeText(f"{self._where} does not speak SMTP as expected: {type(error).__name__}"))
        except OSError as error:
            if going.sent:
                return Delivery(Fate.UNANSWERED, SafeText(f"{self._where} gave no answer"))
            return Delivery(Fate.UNSENT, from_os_error(error, self._where).message)

    def _connected(self, going: _Try, password: str) -> smtplib.SMTP:
        """A connection that is logged in; it says goodbye when it is left."""
        context = trusting(self._ca) if self._tls != "none" else None
        client: smtplib.SMTP
        if self._tls == "tls":
            client = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout + _LATER, context=context)
        else:
            client = smtplib.SMTP(self._host, self._port, timeout=self._timeout + _LATER)
        try:
            going.on(client.sock)
            client.ehlo_or_helo_if_needed()
            if self._tls == "starttls":
                client.starttls(context=context)
                going.on(client.sock)
                client.ehlo()
            if self._user:
                client.login(self._user, password)
        except BaseException:
            client.close()
            raise
        return client

    def _send(self, going: _Try, client: smtplib.SMTP, made: EmailMessage) -> Delivery:
        code, said = client.mail(self._sender)
        if code != 250:
            raise smtplib.SMTPResponseException(code, said)
        refused = []
        for one in self._to:
            code, said = client.rcpt(one)
            if code not in (250, 251):
                refused.append((one, code, said))
        if len(refused) == len(self._to):
            raise smtplib.SMTPResponseException(*refused[0][1:])
        if not going.may_send():
            return Delivery(Fate.UNSENT, SafeText(f"{self._where} did not take it in time"))
        code, said = client.data(made.as_bytes(policy=_FORM))
        if code != 250:
            raise smtplib.SMTPResponseException(code, said)
        if refused:
            names = ", ".join(one for one, *_ in refused)
            return Delivery(Fate.TOLD, _said(f"{self._where} took it, but not for {names}", *refused[0][1:]))
        return Delivery(Fate.TOLD, _said(f"{self._where} took it", code, said))


class _Try:
    """How far one message has come; it is cut from another thread than it goes on in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cut = False
        self.sent = False
        """The message may have left."""

    def on(self, sock: socket.socket | None) -> None:
        """It goes on over this socket."""
        with self._lock:
            self._socket = sock
            if self._cut:
                _shut(sock)

    def may_send(self) -> bool:
        """True, and it counts as sent from now on, unless time is up."""
        with self._lock:
            self.sent = not self._cut
            return self.sent

    def cut(self) -> bool:
        """Go no further; True when it may have been sent already."""
        with self._lock:
            if not self._cut:
                self._cut = True
                _shut(self._socket)
            return self.sent


def _shut(sock: socket.socket | None) -> None:
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except (OSError, ssl.SSLError):
            return


def _leave(client: smtplib.SMTP) -> None:
    """Say goodbye and hang up; what is answered to that changes nothing, and is not waited for."""
    with suppress(OSError, smtplib.SMTPException):
        client.putcmd("quit")
    client.close()


def _said(words: str, code: int, said: bytes | str = b"") -> SafeText:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return SafeText(f"{words}: {code} {SafeText.line(' '.join(text.split())[:120])}".strip(), 300)


def message(notice: Notice, sender: str, to: Sequence[str]) -> EmailMessage:
    """What is sent. Customers read the text alone, and not who else got it."""
    public = notice.more.get("audience") == "public"
    made = EmailMessage(policy=_FORM)
    made["From"] = sender
    made["To"] = "undisclosed-recipients:;" if public and len(to) > 1 else ", ".join(to)
    made["Subject"] = " ".join(_subject(notice, public).split())[:_SUBJECT]
    made["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9-]', '.', notice.id)}@{sender.partition('@')[2]}>"
    made["Date"] = format_datetime(datetime.fromisoformat(notice.at))
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    made.set_content("\n".join(_body(notice, public)) + "\n")
    return made


def _subject(notice: Notice, public: bool) -> str:
    if notice.event in ("incident", "message"):
        told = next(iter(notice.words.splitlines()), "")
        return f"{notice.system}: {told}" if public else f"{notice.place}: {notice.target}"
    return notice.headline


def _body(notice: Notice, public: bool) -> Iterator[str]:
    if notice.event == Notice.SUMMARY:
        for part in notice.parts[-_LINES:]:
            yield f"{part.at}  {part.headline}"
        if len(notice.parts) > _LINES:
            yield f"and {len(notice.parts) - _LINES} before them"
        return
    yield notice.words
    if public:
        return
    yield ""
    for name in ("note", "suggest", "procedure", "link"):
        if notice.more.get(name):
            yield f"{name}: {notice.more[name]}"
    yield f"{notice.event} {notice.at}" + (f" by {notice.by}" if notice.by else "")
    if notice.since:
        yield f"since {notice.since}"
    yield f"opsroom {notice.id}"
