"""What the API server is told about us: a token, a password, a certificate; renewed when a login can renew itself.

Login programs: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import base64
import json
import os
import ssl
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from probes.base import Cause, Lane, ProbeError, SafeText, lenient
from probes.exec import run
from probes.kubernetes.kubeconfig import Place, Program, contents
from probes.kubernetes.parse import moment, raw, table

_AGAIN: Final = 30.0
"""Seconds after which a file with a token is read again: tokens of pods live an hour and are renewed before."""
_EARLY: Final = timedelta(seconds=30)
"""So long before its end a login is renewed."""
_CAPITAL: Final = 1 << 16
"""Bytes of a token."""
REMEDIES: Final[Mapping[str, str]] = {
    "aws": "aws sso login, or renew the keys",
    "aws-iam-authenticator": "aws sso login, or renew the keys",
    "gke-gcloud-auth-plugin": "gcloud auth login",
    "kubelogin": "az login, or kubelogin again",
    "kubectl-oidc_login": "kubectl oidc-login again",
    "tsh": "tsh login",
    "doctl": "doctl auth init",
    "oci": "oci session authenticate",
    "oc": "oc login",
}
"""How to log in again, by the program that gives the login."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What a login gave."""

    token: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    until: datetime | None = None


class Credentials:
    """The login of one place. Made once; renews what can be renewed, and nothing else."""

    def __init__(
        self, place: Place, lane: Lane, within: float, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        """`within` is the seconds a login program may take."""
        self._place = place
        self._login = place.login
        self._lane = lane
        self._within = within
        self._now = now
        self._monotonic = monotonic
        self._given: _Given | None = None
        self._read_at: float | None = None

    @property
    def renewable(self) -> bool:
        """True when asking again may give another login."""
        return self._login.program is not None or bool(self._login.token_file)

    @property
    def remedy(self) -> str:
        """What a person does when the login is not accepted any more."""
        program = self._login.program
        if program is None:
            return "log in again: the kubeconfig's token or certificate has expired or was withdrawn"
        name = Path(program.argv[0]).name
        return f"log in again: {REMEDIES.get(name, name)}"

    def forget(self) -> None:
        """Ask again at the next request: what was given is not accepted."""
        self._given = None
        self._read_at = None

    async def headers(self) -> list[tuple[str, str]]:
        """Headers that say who we are. Raises `ProbeError`."""
        given = await self._current()
        found = list(self._login.acting_as)
        if token := given.token or self._login.token:
            found.append(("Authorization", f"Bearer {token}"))
        elif self._login.user:
            pair = f"{self._login.user}:{self._login.password}".encode()
            found.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
        return found

    async def _current(self) -> _Given:
        now = self._monotonic()
        if self._login.token_file:
            if self._given is None or self._read_at is None or now - self._read_at >= _AGAIN:
                token = await self._lane.run(contents, self._login.token_file, "the file of the token", _CAPITAL)
                self._given, self._read_at = _Given(token.decode("utf-8", "replace").strip()), now
            return self._given
        if self._login.program is not None:
            if self._given is None or (self._given.until is not None and self._now() >= self._given.until - _EARLY):
                self._given = await self._asked(self._login.program)
            return self._given
        return _Given()

    async def _asked(self, program: Program) -> _Given:
        """What the login program answers."""
        name = SafeText(Path(program.argv[0]).name, 60)
        spec: dict[str, object] = {"interactive": False}
        if program.cluster is not None:
            spec["cluster"] = program.cluster
        told = {"kind": "ExecCredential", "apiVersion": program.version, "spec": spec}
        env = {**program.env, "KUBERNETES_EXEC_INFO": json.dumps(told)}
        try:
            ran = await run(program.argv, within=self._within, limit=1 << 20, env=env)
        except ProbeError as error:
            if error.cause is Cause.MISSING:
                raise ProbeError(Cause.AUTH, f"the login program {name} is not installed", program.hint) from None
            if error.cause is Cause.TIMEOUT_READ:
                words = f"the login program {name} gave no answer in {self._within:g} s"
                raise ProbeError(Cause.AUTH, words, self.remedy) from None
            raise
        if ran.code != 0:
            words = f"the login program {name} failed ({ran.code}): {SafeText(str(ran.complaint), 160)}"
            raise ProbeError(Cause.AUTH, words, self.remedy)
        return self._answer(ran.out, name)

    def _answer(self, out: bytes, name: SafeText) -> _Given:
        try:
            status = table(table(json.loads(out)).get("status"))
        except (ValueError, RecursionError):
            status = {}
        given = _Given(
            token=raw(status.get("token"), _CAPITAL),
            certificate=raw(status.get("clientCertificateData"), _CAPITAL).encode(),
            key=raw(status.get("clientKeyData"), _CAPITAL).encode(),
            until=moment(status.get("expirationTimestamp")),
        )
        if not given.token and not (given.certificate and given.key):
            raise ProbeError(Cause.AUTH, f"the login program {name} gave no login", self.remedy)
        return given

    async def tls(self) -> tuple[ssl.SSLContext, bytes]:
        """Whom we trust and who we are on the wire; and what it was made of, to see whether it is still the same."""
        given = await self._current()
        return await self._lane.run(self._context, given)

    async def fingerprint(self) -> bytes:
        """What a TLS context would be made of now, of what a login program gave."""
        return (await self._current()).certificate

    def _context(self, given: _Given) -> tuple[ssl.SSLContext, bytes]:
        place, login = self._place, self._login
        try:
            context = lenient(ssl.create_default_context(cadata=place.authority or None))
        except (ssl.SSLError, ValueError):
            raise ProbeError(Cause.TLS_UNTRUSTED, "the cluster's certificate authority is not a PEM file") from None
        if place.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        what = "the login's certificate"
        certificate = (
            given.certificate
            or login.certificate
            or (contents(login.certificate_file, what) if login.certificate_file else b"")
        )
        key = given.key or login.key or (contents(login.key_file, what) if login.key_file else b"")
        if certificate:
            _identify(context, certificate, key)
        return context, given.certificate


def _identify(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give a context our certificate. The library takes files only: ours are in memory where the system has such."""
    with ExitStack() as stack:
        names = [_held(stack, content) for content in (certificate, key) if content]
        try:
            context.load_cert_chain(names[0], names[1] if key else None, password="")
        except (ssl.SSLError, OSError, ValueError):
            raise ProbeError(Cause.AUTH, "the login's certificate and key can't be used", "renew them") from None


def _held(stack: ExitStack, content: bytes) -> str:
    """The path of a file with this content, for us alone and as long as the stack."""
    if hasattr(os, "memfd_create"):
        held = os.memfd_create("opsroom")
        stack.callback(os.close, held)
        os.write(held, content)
        return f"/proc/self/fd/{held}"
    file = stack.enter_context(NamedTemporaryFile(prefix="opsroom-"))  # noqa: SIM115 - the stack closes it; mode 0600
    file.write(content)
    file.flush()
    return file.name
