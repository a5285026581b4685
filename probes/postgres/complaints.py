"""What PostgreSQL, a pooler or libpq complain about, in our words. Their own texts are never shown.

While logging in libpq hands on a text and no code, so the texts are recognised; after that the SQLSTATE decides.
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from probes.base import Cause, ProbeError

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Complaint:
    """A text that is known, and what it means. `{where}` in the words is the place."""

    pattern: str
    """Case does not matter."""
    cause: Cause
    words: str
    hint: str = ""


_known: Final = Complaint
_FULL_HINT: Final = (
    "close idle sessions or lower the pools; on 16 and newer GRANT pg_use_reserved_connections keeps a place for us"
)
_TEXTS: Final = (
    _known("too many clients already", Cause.OVERLOADED, "too many clients already: every connection is taken",
           _FULL_HINT),
    _known("remaining connection slots are reserved", Cause.OVERLOADED,
           "every connection is taken but those reserved for administrators", _FULL_HINT),
    _known("too many connections for role", Cause.OVERLOADED, "our role has reached its own limit of connections",
           "see rolconnlimit of the role"),
    _known("too many connections for database", Cause.OVERLOADED, "the database has reached its limit of connections",
           "see datconnlimit of the database"),
    _known("max_wal_senders", Cause.OVERLOADED, "every replication connection is taken"),
    _known("no more connections allowed|max_?clients|too many connections|query_wait_timeout|"
           "timed.out waiting to acquire", Cause.OVERLOADED,
           "the pooler has no connection left", "see max_client_conn and the pool's size"),
    _known("starting up|not yet accepting connections", Cause.REFUSED, "the server is starting up",
           "it lets nobody in until that is done"),
    _known("in recovery mode|consistent recovery state", Cause.REFUSED,
           "the server repairs itself after a crash and lets nobody in", "wait; a restart would begin it anew"),
    _known("is shutting down|terminating connection due to administrator", Cause.REFUSED,
           "the server is shutting down"),
    _known("unsupported startup parameter", Cause.VERSION, "a pooler in between refuses our start-up options",
           "set pooled = true for this target, or list the parameters in ignore_startup_parameters"),
    _known("unrecognized configuration parameter", Cause.VERSION, "this server is too old for us",
           "PostgreSQL 12 or newer is needed"),
    _known("unsupported frontend protocol", Cause.VERSION, "{where} speaks another version of the protocol"),
    _known("password authentication failed|SASL authentication failed|invalid password", Cause.AUTH,
           "user or password is wrong", "see password in the profile, or ~/.pgpass"),
    _known("no password supplied|fe_sendauth", Cause.AUTH, "the server wants a password and none is configured",
           "set password = \"env:NAME\" for this target"),
    _known("(peer|ident) authentication failed", Cause.AUTH,
           "the server takes the operating system's user for the database's, and they differ",
           "log in over TCP with a password, or run as that user"),
    _known(r"no pg_hba.conf entry[^\n]*(no encryption|SSL off)", Cause.AUTH,
           "the server lets nobody in from here without encryption, or not at all",
           "add ?sslmode=require to the url, or a line to pg_hba.conf"),
    _known("no pg_hba.conf entry|pg_hba.conf rejects", Cause.AUTH, "the server lets our user in from elsewhere only",
           "pg_hba.conf has no line for this user, database and address"),
    _known("not permitted to log in", Cause.AUTH, "our role may not log in", "ALTER ROLE ... LOGIN"),
    _known(r"role .* does not exist|no such user", Cause.AUTH, "the server knows no such user"),
    _known("authentication (method|request)[^\n]* not supported|channel binding", Cause.AUTH,
           "the server and we know no common way to log in"),
    _known(r"database .* does not exist|no such database", Cause.MISSING, "the server has no database of that name",
           "see the end of the url"),
    _known("not currently accepting connections|permission denied for database", Cause.DENIED,
           "we may not connect to that database"),
    _known("certificate has expired", Cause.TLS_EXPIRED, "the certificate of {where} has expired"),
    _known("does not match host name", Cause.TLS_NAME, "the certificate of {where} is for another name"),
    _known("root certificate file", Cause.TLS_UNTRUSTED,
           "the file of certificates that we trust (sslrootcert) is not there, or holds none"),
    _known("requires a valid client certificate", Cause.AUTH, "the server wants a certificate of ours",
           "set sslcert and sslkey in the url"),
    _known("certificate verify failed|self.signed", Cause.TLS_UNTRUSTED,
           "the certificate of {where} is not trusted", "see sslmode and sslrootcert in the url"),
    _known("does not support SSL|SSL is not enabled|server does not support", Cause.TLS_PLAIN,
           "{where} offers no encryption and the url asks for it"),
    _known("invalid response to SSL negotiation|expected authentication request|invalid message|lost synchron|"
           "unexpected response|message contents do not agree|unrecognized|protocol error", Cause.GARBAGE,
           "{where} answers, but it does not speak PostgreSQL", "is the port right?"),
    _known("SSL error|tls", Cause.TLS_PLAIN, "the encryption with {where} failed"),
    _known("connection refused", Cause.REFUSED, "connection refused by {where}", "is it running?"),
    _known("no such file or directory", Cause.REFUSED, "no server listens at {where}", "is it running?"),
    _known("timeout expired|timed out", Cause.TIMEOUT_CONNECT, "no answer from {where}"),
    _known("reset by peer|broken pipe", Cause.RESET, "{where} reset the connection"),
    _known("could not translate host name|name or service not known", Cause.DNS_NX, "no such host: {where}"),
    _known("no route to host|network is unreachable|host is down", Cause.REFUSED, "there is no way to {where}"),
    _known("definition of service", Cause.AUTH, "pg_service.conf has no such service"),
    _known("server closed the connection|connection is closed|connection is lost|consuming input failed|EOF",
           Cause.CLOSED_EARLY, "{where} closed the connection"),
)  # fmt: skip
"""The first that fits is taken."""

_NAMES: Final = re.compile(r'"[^"]*"')
"""Names of users, databases and hosts, which may read like a complaint themselves."""

_STATES: Final = {
    "28P01": "password authentication failed",
    "28000": "pg_hba.conf rejects",
    "3D000": "no such database",
    "53300": "too many clients already",
    "57P01": "is shutting down",
    "57P02": "in recovery mode",
    "57P03": "starting up",
}
"""Codes that mean the same as one of the texts."""


def _explained(text: str, where: str) -> ProbeError | None:
    bare = _NAMES.sub('""', text)
    for known in _TEXTS:
        if re.search(known.pattern, bare, re.IGNORECASE):
            return ProbeError(known.cause, known.words.format(where=where), known.hint)
    return None


def translated(error: psycopg.Error, where: str) -> ProbeError:
    """What a driver's error at `where` means, without a word of its text."""
    import psycopg

    state = error.sqlstate or ""
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {where}")
    if state in _STATES and (said := _explained(_STATES[state], where)):
        return said
    if state == "57014":
        return ProbeError(Cause.SLOW, "the server did not finish our question within 2 s", "it may be overloaded")
    if state == "55P03":
        return ProbeError(Cause.SLOW, "a lock on the server's catalogue is in our way", "somebody changes the schema")
    if state in ("26000", "42P05"):
        return ProbeError(Cause.VERSION, "a pooler in between mixes up our statements", "set pooled = true")
    if state == "42501":
        return ProbeError(Cause.DENIED, "our role has no right to ask this", "GRANT pg_monitor TO our role")
    if state.startswith("53"):
        return ProbeError(Cause.OVERLOADED, "the server is out of memory, disk or connections")
    if state in ("58P01", "58030", "XX001", "XX002"):
        return ProbeError(Cause.GONE, "the server can't read its own files", "do not restart it; look at its log")
    if state.startswith("42") or state in ("0A000", "55000"):
        return ProbeError(Cause.VERSION, f"this server does not know our question (SQLSTATE {state})")
    if said := _explained(str(error), where):
        return said
    if state:
        return ProbeError(Cause.GARBAGE, f"the server refused our question (SQLSTATE {state})")
    return ProbeError(Cause.AUTH, f"{where} refused the login for a reason we don't know", "the server's log tells why")
