"""What the API server says when it says no, in words for a person; and what breaks on the way to it.

Statuses: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from probes.base import Cause, ProbeError, SafeText, from_os_error
from probes.kubernetes.parse import Row, finite_or, raw, table

if TYPE_CHECKING:
    import httpx

_USER: Final = re.compile(r'User "([^"]{1,200})"')
_SAID: Final = 200
CLOCKS: Final = 60.0
"""Seconds two clocks may differ before that is named as the reason of a refused login."""
LONGEST_WAIT: Final = 60.0
"""Seconds we wait at most when asked to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, so that a refusal can be put in words."""

    verb: str = "get"
    resource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def words(self) -> str:
        """ "list pods in namespace shop"."""
        name = f" {self.name}" if self.name else ""
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{name}{where}"


class Expired(ProbeError):
    """The list one was paging through is not kept any more: begin again."""


class Throttled(ProbeError):
    """The API server asks us to wait."""

    def __init__(self, seconds: float, message: str) -> None:
        self.seconds = seconds
        super().__init__(Cause.THROTTLED, message)


def status_of(body: bytes) -> Row:
    """The Status object in an answer; empty when it is none."""
    with contextlib.suppress(ValueError, RecursionError):
        return table(json.loads(body))
    return {}


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, asked: Asked, where: str, remedy: str, skew: float | None
) -> ProbeError:
    """Words for an answer that says no. `remedy` is how to log in again."""
    if status < 500 and body.lstrip()[:1] == b"<":
        return ProbeError(Cause.GARBAGE, f"{where} answered with a web page (HTTP {status}), not as an API server")
    told = status_of(body)
    said = SafeText(raw(told.get("message"), 1000), _SAID)
    if status == 401:
        return _login_refused(where, remedy, skew)
    if status == 403:
        return _forbidden(str(said), asked, remedy)
    if status == 429:
        seconds = wait_of(headers, told)
        return Throttled(seconds, f"the API server asks us to wait; tries again in {seconds:.0f} s")
    if status == 410:
        return Expired(Cause.GONE, f"the list changed while it was read ({asked.words})")
    if status == 404:
        if raw(told.get("reason")) == "NotFound" and table(told.get("details")).get("name"):
            return ProbeError(Cause.GONE, f"there is no {asked.resource} {SafeText(asked.name, 100)} any more")
        return ProbeError(Cause.MISSING, f"the cluster does not know {asked.resource}")
    if status == 400 and asked.resource == "pods/log":
        return ProbeError(Cause.GONE, f"there is no such log: {said}")
    if status in (301, 302, 303, 307, 308):
        return ProbeError(Cause.GARBAGE, f"{where} sends us elsewhere (HTTP {status}), as a login page does", remedy)
    words = f"the API server could not {asked.words}: HTTP {status}{f', {said}' if said else ''}"
    return ProbeError(Cause.OVERLOADED if status >= 500 else Cause.GARBAGE, words)


def _login_refused(where: str, remedy: str, skew: float | None) -> ProbeError:
    if skew is not None and abs(skew) > CLOCKS:
        side = "behind" if skew > 0 else "ahead of"
        words = f"{where} does not accept our login, and this machine's clock is {abs(skew):.0f} s {side} its own"
        return ProbeError(Cause.CLOCK, words, "set this machine's clock")
    return ProbeError(Cause.AUTH, f"{where} does not accept our login", remedy)


def _forbidden(said: str, asked: Asked, remedy: str) -> ProbeError:
    found = _USER.search(said)
    user = found[1] if found else ""
    if user == "system:anonymous":
        return ProbeError(Cause.AUTH, "the API server does not know who we are: the login gave nothing", remedy)
    who = f" (user {user})" if user else ""
    verb, _, _ = asked.verb.partition(" ")
    where = f"in namespace {asked.namespace}" if asked.namespace else "in the whole cluster"
    return ProbeError(
        Cause.DENIED, f"may not {asked.words}{who}", f"needs a role with verb {verb} on {asked.resource} {where}"
    )


def wait_of(headers: Mapping[str, str], told: Row) -> float:
    """Seconds the server asks us to wait, bounded."""
    after = headers.get("retry-after", "")
    seconds = float(after) if after.isdecimal() and len(after) < 8 else 0.0
    seconds = seconds or finite_or(table(told.get("details")).get("retryAfterSeconds"), 1.0)
    return min(max(seconds, 1.0), LONGEST_WAIT)


def broken(error: httpx.TransportError, where: str, through_proxy: bool) -> ProbeError:
    """Words for a connection that failed."""
    import httpx

    if isinstance(error, httpx.ProxyError):
        return ProbeError(Cause.REFUSED, f"the proxy does not let us through to {where}")
    if isinstance(error, httpx.ConnectTimeout):
        return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {where}")
    if isinstance(error, httpx.PoolTimeout):
        return ProbeError(Cause.TIMEOUT_READ, f"all connections to {where} wait for an answer")
    if isinstance(error, httpx.TimeoutException):
        return ProbeError(Cause.TIMEOUT_READ, f"the API server {where} gives no answer")
    if isinstance(error, httpx.RemoteProtocolError):
        if "disconnected" in str(error) or "closed" in str(error):
            return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection before its answer was whole")
        return ProbeError(Cause.GARBAGE, f"{where} does not speak HTTP as an API server does")
    found = system_error(error)
    if found is None:
        via = " through the proxy" if through_proxy else ""
        return ProbeError(Cause.REFUSED, f"cannot reach {where}{via}")
    if isinstance(found, ssl.SSLCertVerificationError):
        return _untrusted(found, where)
    return from_os_error(found, where)


def _untrusted(error: ssl.SSLCertVerificationError, where: str) -> ProbeError:
    text = (error.verify_message or "").lower()
    if "not yet valid" in text:
        return ProbeError(
            Cause.CLOCK, f"the certificate of {where} is not valid yet by this machine's clock", "is the clock right?"
        )
    told = from_os_error(error, where)
    if told.cause is not Cause.TLS_UNTRUSTED:
        return told
    return ProbeError(
        Cause.TLS_UNTRUSTED,
        f"the certificate of {where} is not signed by the authority in the kubeconfig",
        "if the cluster's authority was renewed on purpose, fetch a new kubeconfig; if not, this is not your cluster",
    )


def shut_out(error: ssl.SSLError, where: str) -> ProbeError:
    """Words for a connection that TLS itself has ended, as a server does that wants another certificate of us."""
    if "CERTIFICATE" in (error.reason or "") or "UNKNOWN_CA" in (error.reason or ""):
        return ProbeError(Cause.AUTH, f"{where} wants another certificate of us", "renew the one in the kubeconfig")
    return from_os_error(error, where)


def system_error(error: BaseException) -> OSError | None:
    """What the operating system said at the root of a client's exception."""
    found: OSError | None = None
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        if isinstance(one, OSError):
            found = one
        inner: Any = one.exceptions[0] if isinstance(one, BaseExceptionGroup) and one.exceptions else None
        one = inner or one.__cause__ or one.__context__
    return found
