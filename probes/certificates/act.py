"""Renews certificates by certbot, or tries it without renewing; each by one run that goes on when this session ends.

certbot keeps no condition with a request, so the certificate in force is compared directly before. Whether a renewal is
true is seen in the file and in what the servers show: a new file that no server has read has helped nobody.
"""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from probes import exec as programs
from probes.base import (
    Action,
    Actuator,
    Cause,
    CommandLine,
    Context,
    Danger,
    Grant,
    Lane,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    Right,
    SafeText,
    Sending,
    Subject,
    Target,
    Truth,
    Verdict,
    lasted,
)
from probes.base.x509 import covers
from probes.certificates import commands
from probes.certificates.certbot import NAME, read_certbot, read_lineage
from probes.certificates.facts import CertificatesFacts, Lineage, Seen
from probes.certificates.probe import CertificatesSettings
from probes.certificates.served import Place, shown_by
from probes.exec import job

DRY: Final = Action(
    commands.DRY_RUN,
    "try a renewal",
    Danger.REVERSIBLE,
    "Goes through a renewal with the authority's staging server; nothing is renewed, hooks before and after it run.",
    rolling=True,
    noun="certificate",
)
RENEW: Final = Action(
    commands.RENEW,
    "renew",
    Danger.DISRUPTIVE,
    "Lets certbot renew certificates that are due; its hooks reload or stop servers as they were set up to.",
    rolling=True,
    noun="certificate",
)
_MOST: Final = 50
"""Certificates in one plan."""
_LONGEST: Final = 900.0
"""Seconds a run of certbot may take."""
_SHOWN: Final = 120.0
"""Seconds a server may take to show a new certificate after the run."""


class CertificatesActuator(Actuator[CertificatesFacts]):
    """Renews what certbot keeps. A subject is a certificate's key, or certbot's name for it."""

    kind = "certificates"
    actions = (DRY, RENEW)

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, CertificatesSettings)
        self.settings = target.settings
        self._folder = Path(self.settings.certbot or "/etc/letsencrypt")
        self._here = commands.Here(self.settings.certbot_program, self.settings.sudo, str(self._folder))
        self._files = Lane("certbot", limit=2)
        self._names = Lane("certbot-names", limit=6)

    # offers

    def offers(self, facts: CertificatesFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Trying and renewing, for certificates of certbot."""
        found = [self._known(facts, subject) for subject in subjects]
        if not found or None in found:
            return ()
        due = [one for one in found if one is not None and one.is_due]
        return (Offer(DRY), Offer(RENEW, "" if due else "certbot renews it only when it is due"))

    def _known(self, facts: CertificatesFacts, subject: str) -> Lineage | None:
        one = facts.one(subject)
        return facts.lineage(one.lineage if one is not None and one.lineage else subject)

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at certbot's files and at what the servers show now."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or request.number is not None or request.word:
            raise ProbeError(Cause.MISSING, "certificates have no such action")
        if self.settings.certbot is None:
            raise ProbeError(Cause.MISSING, "the profile names no certbot", 'certbot = "/etc/letsencrypt"')
        if self.context.state is None:
            raise ProbeError(Cause.MISSING, "there is no folder to keep the run in")
        now = self.context.now()
        names = await self._names_of(request)
        if not 0 < len(names) <= _MOST:
            raise ProbeError(Cause.MISSING, f"name the certificates, {_MOST} at most")
        subjects, danger = [], action.danger
        for name in names:
            one, lineage = await self._files.run(read_lineage, self._folder, name, now)
            subjects.append(self._subject(action, one, lineage))
            danger = max(danger, Danger.DISRUPTIVE) if lineage.hooks else danger  # one of them may stop a server
        chosen = tuple(one.key for one in subjects if not one.spared) or tuple(one.key for one in subjects)
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"certbot in {self._folder} on {socket.gethostname()}", 300),
            pin=(("host", socket.gethostname()), ("certbot", str(self._folder))),
            subjects=tuple(subjects),
            command=tuple(commands.render(Request(action.name, chosen), self._here).splitlines()),
            looked_at=now,
            danger=danger,
            notes=tuple(map(SafeText, [*_notes(action, self._servers()), *self._by_sudo(action.name, chosen[0])])),
            answers=20.0,
            settles=_LONGEST + _SHOWN,
        )

    def _by_sudo(self, action: str, name: str) -> list[str]:
        asked = job.only_asked(commands.arguments(action, name, self._here))
        return [asked] if asked else []

    async def _names_of(self, request: Request) -> list[str]:
        """certbot's names for what is asked for; all of them when nothing is named."""
        names: dict[str, None] = {}
        if not request.subjects:
            _, lineages, _ = await self._files.run(
                read_certbot, self._folder, Path(self.settings.certbot_log), self.context.now()
            )
            names.update(dict.fromkeys(one.name for one in lineages))
        for name in request.subjects:
            if not NAME.fullmatch(name):
                raise ProbeError(Cause.MISSING, "certbot does not keep that certificate")
            names[name] = None
        return list(names)

    def _servers(self) -> tuple[Place, ...]:
        return self.settings.places

    def _subject(self, action: Action, one: Seen, lineage: Lineage) -> Subject:
        spared = ""
        if action is RENEW and not lineage.renews:
            spared = "its configuration says that it is not renewed"
        elif action is RENEW and not lineage.is_due:
            spared = "not due: certbot would leave it as it is"
        elif str(lineage.means) == "manual":
            spared = "it is proved by hand, which certbot can't do alone"
        left = "no end known" if one.left is None else f"ends in {lasted(one.left)}" if one.left > 0 else "has expired"
        before = f"serial {_short(one.certificate.serial)}, {left}"
        felt = {"standalone": "certbot itself listens on port 80 meanwhile", "nginx": "nginx is reloaded",
                "apache": "Apache is reloaded"}.get(str(lineage.means), "")  # fmt: skip
        return Subject(
            key=lineage.name,
            name=SafeText(lineage.name, 120),
            identity=(("fingerprint", one.certificate.fingerprint), ("serial", one.certificate.serial)),
            before=SafeText(before),
            after=SafeText(
                "as it is, but known to work" if action is DRY else "a new certificate, in its file and shown"
            ),
            felt=(*((SafeText(felt),) if felt else ()), *lineage.hooks),
            spared=SafeText(spared),
            barred=bool(spared) and str(lineage.means) == "manual",
        )

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Begin one run of certbot, if the certificate is still the one that was looked at."""
        if self.context.state is None:
            return Outcome(Result.FAILED, SafeText("there is no folder to keep the run in"))
        one, _ = await self._files.run(read_lineage, self._folder, subject.key, self.context.now())
        if one.certificate.fingerprint != dict(subject.identity)["fingerprint"]:
            words = f"changed since you looked: its serial is {_short(one.certificate.serial)} now"
            return Outcome(Result.REFUSED, SafeText(words))
        folder = self.context.state / "jobs" / act
        await sending()
        try:
            await job.begin(commands.arguments(plan.action.name, subject.key, self._here), folder, within=_LONGEST)
        except ProbeError as error:
            if error.cause in (Cause.MISSING, Cause.LOCAL_PERM):  # it was never started
                return Outcome(Result.FAILED, error.message)
            raise
        return Outcome(Result.DONE, SafeText("under way"), (("job", act),))

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the run, then at the file, then at the servers."""
        told = dict(outcome.facts).get("job")
        if told is None or self.context.state is None:
            return await self._by_the_file(plan, subject)
        standing = await job.look(self.context.state / "jobs" / told)
        if standing.state is job.State.RUNNING:
            denied = ", its time is up, and we may not end it" if standing.denied else ""
            return Verdict(Truth.PENDING, SafeText(f"certbot runs for {lasted(after)}{denied}"))
        if standing.state is job.State.LOST:
            return await self._by_the_file(plan, subject)
        if standing.code != 0:
            left = ", and what it started as another user still runs" if standing.left else ""
            why = f"its time was up{left}" if standing.late else said(standing.out + b"\n" + standing.err)
            return Verdict(Truth.REFUTED, SafeText(f"certbot ended with {standing.code}: {why}", 300))
        if plan.action.name == DRY.name:
            return Verdict(Truth.CONFIRMED, SafeText("the dry run went through; the certificate is as it was"))
        return await self._by_the_file(plan, subject, standing.ended)

    async def _by_the_file(self, plan: Plan, subject: Subject, ended: datetime | None = None) -> Verdict:
        if plan.action.name == DRY.name:
            return Verdict(Truth.UNKNOWN, SafeText("its run has left no word; a dry run changes nothing to be seen"))
        one, _ = await self._files.run(read_lineage, self._folder, subject.key, self.context.now())
        if one.certificate.fingerprint == dict(subject.identity)["fingerprint"]:
            words = "the file holds the same certificate as before"
            if ended is None:
                return Verdict(Truth.UNKNOWN, SafeText(f"{words}, and its run has left no word"))
            return Verdict(Truth.REFUTED, SafeText(words))
        shown = [(place, await self._shown(place)) for place in self._servers() if covers(one.certificate, place.name)]
        new = f"serial {_short(one.certificate.serial)} in the file"
        if not shown:
            return Verdict(Truth.CONFIRMED, SafeText(f"{new}; the profile names no server to look at"))
        late = [
            place.key
            for place, found in shown
            if found is None or found.certificate.fingerprint != one.certificate.fingerprint
        ]
        if late:
            named = ", ".join(late[:3]) + (f" and {len(late) - 3} more" if len(late) > 3 else "")
            words = (
                f"{new}, but {named} does not show it: its server must be reloaded"
                if len(late) == 1
                else f"{new}, but {named} do not show it: their servers must be reloaded"
            )
            waited = (self.context.now() - ended).total_seconds() if ended is not None else 0.0
            truth = Truth.REFUTED if waited > _SHOWN else Truth.PENDING
            return Verdict(truth, SafeText(words, 300), 1 - len(late) / (len(shown) + 1))
        return Verdict(Truth.CONFIRMED, SafeText(f"{new}, and shown by {', '.join(one.key for one, _ in shown[:3])}"))

    async def _shown(self, place: Place) -> Seen | None:
        try:
            return await shown_by(place, self._names, self.settings.ca, self.settings.timeout, self.context.now())
        except ProbeError:
            return None

    # words

    def render(self, request: Request) -> str:
        """`certbot renew --cert-name shop.example`."""
        return commands.render(request, self._here)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of certbot would do here."""
        return commands.recognise(line, self._here) if self.settings.certbot else None

    async def rights(self) -> Sequence[Right]:
        """Whether certbot's folder can be written, by us or by sudo."""
        if self.settings.certbot is None:
            return ()
        name = "renew certificates by certbot"
        if not self.settings.sudo:
            program = self.settings.certbot_program
            if shutil.which(program) is None:
                return (Right(name, Grant.MISSING, SafeText(f"{program} is not installed here: certbot_program", 200)),)
            ran = await programs.run(["id", "-u"], self.settings.timeout, 1 << 16)
            if ran.out.strip() == b"0":
                remedy = SafeText("run it as a user whom sudo lets run these lines of certbot only")
                return (Right(name, Grant.HELD), Right("everything, as root", Grant.EXCESS, remedy))
            return (Right(name, Grant.MISSING, SafeText("sudo = true in the profile, and contrib/certbot")),)
        words = commands.arguments(commands.RENEW, "example.org", self._here)[2:]
        one = await programs.run(["sudo", "-n", "-l", *words], self.settings.timeout, 1 << 16)
        if one.code == 0:
            return (Right(name, Grant.HELD),)
        return (Right(name, Grant.UNKNOWN, SafeText("sudo -l lists what is allowed; see contrib/certbot")),)

    async def close(self) -> None:
        """Let the threads go; a run of certbot goes on."""
        self._files.close()
        self._names.close()


def _short(serial: str) -> str:
    return serial if len(serial) <= 12 else f"{serial[:12]}…"


def _notes(action: Action, servers: Sequence[Place]) -> list[str]:
    if action is DRY:
        return ["a dry run renews nothing: it asks the staging server whether a renewal would work"]
    told = [] if servers else ["the profile names no server, so only the file is looked at afterwards"]
    return ["an authority counts renewals and failures: try a dry run first", *told]


def said(output: bytes) -> SafeText:
    """The line of certbot's output that tells why, without its log's place."""
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [
        line for line in lines if re.match(r"(Failed to renew|Detail:|Error|.*[Ee]rror:|Another instance)", line)
    ]
    return SafeText((telling or lines or ["it said nothing"])[0], 240)
