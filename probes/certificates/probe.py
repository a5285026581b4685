"""Reads certificates where the profile says they are: files, servers, certbot's folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, field_validator, model_validator

from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Lane,
    Probe,
    ProbeError,
    SafeText,
    Settings,
    Shape,
    Snapshot,
    Target,
    WholePath,
)
from probes.base.x509 import covers
from probes.certificates.certbot import read_certbot, timers
from probes.certificates.facts import CertificatesFacts, Lineage, Seen, Unread
from probes.certificates.files import read_all
from probes.certificates.gauges import GAUGES, RULES, gauges_of
from probes.certificates.served import Place, place_of, shown_by

_AT_ONCE: Final = 6
"""Servers asked at the same time."""
_LIVE: Final = Path("/etc/letsencrypt")


class CertificatesSettings(Settings):
    """Where certificates are."""

    every: float = Field(default=300.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=15.0, gt=0, le=60, description="Seconds a reading may take in all.")
    hosts: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description='Servers to shake hands with: "shop.example:443", "smtp.example:587 starttls=smtp"; starttls is '
        "smtp, imap, pop3 or postgres, and name=NAME asks for another name than the host's.",
    )
    files: tuple[str, ...] = Field(
        default=(), max_length=100, description="Files of certificates, PEM or DER; * and ** stand for names."
    )
    certbot: WholePath | None = Field(default=None, description="certbot's folder, as a rule /etc/letsencrypt.")
    certbot_log: WholePath = Field(default="/var/log/letsencrypt/letsencrypt.log", description="certbot's log.")
    certbot_program: Annotated[
        str, Shape(r"^[A-Za-z0-9_./-]+$", 'a program without arguments, such as "/usr/bin/certbot"')
    ] = Field(default="certbot", max_length=200, description="certbot itself, for its acts.")
    sudo: bool = Field(default=False, description="Run certbot by sudo -n; see contrib/certbot.")
    ca: str | None = Field(default=None, description="A PEM file of authorities to trust instead of this machine's.")

    @field_validator("hosts", "files", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("hosts")
    @classmethod
    def _places(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            place_of(one)
        return value

    @model_validator(mode="after")
    def _any(self) -> Self:
        if not (self.hosts or self.files or self.certbot):
            raise ValueError("needs hosts, files or certbot: where certificates are")
        return self

    @property
    def places(self) -> tuple[Place, ...]:
        """The servers, each once."""
        return tuple({place.key: place for place in map(place_of, self.hosts)}.values())


class CertificatesProbe(Probe[CertificatesFacts]):
    """Looks at every certificate the profile names."""

    kind = "certificates"
    settings_type = CertificatesSettings
    gauges = GAUGES
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, CertificatesSettings)
        self.settings = target.settings
        self._files = Lane("certificates", limit=2)
        self._names = Lane("certificate-names", limit=_AT_ONCE)
        self._asking: set[asyncio.Task[Any]] = set()

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """certbot's folder, where it can be read."""
        try:
            if any((_LIVE / "renewal").glob("*.conf")):
                yield Found("certificates", {"certbot": str(_LIVE)}, f"{_LIVE} holds certificates of certbot")
        except OSError:
            return

    async def read(self) -> Snapshot[CertificatesFacts]:
        """Look into the files and shake hands with the servers, all at the same time."""
        began = self.context.monotonic()
        now = self.context.now()
        self.doing = "reading"
        (seen, unread, left_out), (lineages, found, missing), served = await asyncio.gather(
            self._files.run(read_all, self.settings.files, now), self._certbot(now), self._served(now)
        )
        every = [*seen, *found, *(one for one in served if isinstance(one, Seen))]
        unread += [*missing, *(one for one in served if isinstance(one, Unread))]
        every = list({one.key: one for one in compared(every)}.values())
        if not every and unread:
            first = unread[0]
            more = f", nor from {len(unread) - 1} more" if len(unread) > 1 else ""
            words = SafeText(f"no certificate from {first.where}: {first.words}{more}", 300)
            raise ProbeError(first.cause, words, first.hint)
        every.sort(key=lambda one: (one.left is None, one.left, one.key))
        facts = CertificatesFacts(
            seen=tuple(every),
            lineages=tuple(lineages),
            unread=tuple(unread),
            timers=tuple(SafeText(path, 120) for path in timers()) if self.settings.certbot else (),
            certbot=bool(lineages),
            left_out=left_out,
        )
        gauges = gauges_of(facts)
        for lineage in lineages:
            if lineage.due is not None and lineage.due < now and lineage.renews:
                gauges.put("renewal_late_seconds", (now - lineage.due).total_seconds(), lineage=lineage.name)
        gaps = _gaps(unread, len(every))
        if left_out:
            gaps.append(Gap(f"{left_out} more files or certificates", Cause.TOO_BIG, SafeText("name fewer files")))
        return self.snapshot(facts, gauges, began, gaps)

    async def _certbot(self, now: datetime) -> tuple[list[Lineage], list[Seen], list[Unread]]:
        folder = self.settings.certbot
        if folder is None:
            return [], [], []
        try:
            seen, lineages, unread = await self._files.run(
                read_certbot, Path(folder), Path(self.settings.certbot_log), now
            )
        except ProbeError as error:
            return [], [], [Unread(SafeText(folder, 200), error.cause, error.message, error.hint)]
        return lineages, seen, unread

    async def _served(self, now: datetime) -> Sequence[Seen | Unread]:
        turns = asyncio.Semaphore(_AT_ONCE)
        loop = asyncio.get_running_loop()
        until = loop.time() + self.settings.timeout * 0.85

        async def ask(place: Place) -> Seen | Unread:
            async with turns:
                try:
                    return await shown_by(place, self._names, self.settings.ca, until - loop.time(), now)
                except ProbeError as error:
                    return Unread(SafeText(place.key, 200), error.cause, error.message, error.hint)

        tasks = [asyncio.create_task(ask(place)) for place in self.settings.places]
        self._asking.update(tasks)
        try:
            return await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                raise
            raise ProbeError(Cause.CLOSED_EARLY, "the reading was cut") from None
        finally:
            for task in tasks:
                task.cancel()
            self._asking.difference_update(tasks)

    def abort(self) -> None:
        """End every handshake."""
        for task in self._asking:
            task.cancel()

    async def close(self) -> None:
        """Let the threads go."""
        self.abort()
        self._files.close()
        self._names.close()


def compared(every: Sequence[Seen]) -> list[Seen]:
    """The same, and for each server whether a file here holds a newer certificate for it than it shows."""
    files = [one for one in every if not one.served]
    return [replace(one, outdated=_newer(one, files)) if one.served else one for one in every]


def _newer(shown: Seen, files: Sequence[Seen]) -> str:
    """The file with the newest certificate for a server, when that is newer than what it shows."""
    made = shown.certificate.not_before
    name = shown.key.partition(" name=")[2] or shown.key.rpartition(":")[0].strip("[]")
    fitting = [
        (one.certificate.not_before, one)
        for one in files
        if one.certificate.not_before is not None
        and (covers(one.certificate, name) or one.certificate.covers == shown.certificate.covers != frozenset())
    ]
    if made is None or not fitting:
        return ""
    newest, one = max(fitting, key=lambda pair: pair[0])
    if one.certificate.fingerprint == shown.certificate.fingerprint or newest <= made:
        return ""
    return "" if any(other.certificate.fingerprint == shown.certificate.fingerprint for at, other in fitting
                     if at == newest) else one.key  # fmt: skip


def _gaps(unread: Sequence[Unread], seen: int) -> list[Gap]:
    """What was asked for and not had, as one line: the panel lists them one by one."""
    if len(unread) < 2:
        return [Gap(f"certificate of {one.where}: {one.words}", one.cause, one.hint) for one in unread]
    told = "; ".join(f"{one.where}: {one.words}" for one in unread)
    return [Gap(f"{len(unread)} of {len(unread) + seen} certificates", unread[0].cause, SafeText(told, 600))]
