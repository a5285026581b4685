"""Rotates logs by logrotate, lets the journal give up old files, and removes rotated files that are old enough.

logrotate and journalctl keep no condition with a request: what they would do is looked up again directly before. A
rotated file is removed by its name in a folder that is held open, if it is still the very file that was looked at; the
file a log is written to is never removed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from probes import exec as programs
from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Danger,
    Grant,
    Lane,
    Number,
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
    Word,
    lasted,
)
from probes.exec import job
from probes.rotation import act_remove, commands
from probes.rotation.facts import Log, RotationFacts
from probes.rotation.journal import Piece, bytes_of, going, pieces, seconds_of
from probes.rotation.plans import Rotation, beyond, rotation_of, sized
from probes.rotation.probe import RotationSettings

ROTATE: Final = Action(
    commands.ROTATE,
    "rotate now",
    Danger.DISRUPTIVE,
    "Lets logrotate rotate the files of a configuration now, with its scripts; the oldest file of each may go.",
    rolling=True,
    noun="configuration",
)
BY_TIME: Final = Action(
    commands.BY_TIME,
    "shorten by age",
    Danger.DESTRUCTIVE,
    "Lets the journal give up archived files that begin before an age; lines in them are gone for ever.",
    word=Word("age of the oldest lines to keep", r"[1-9]\d{0,4}(?:min|h|d|weeks?|months?|years?)"),
    many=False,
)
BY_SIZE: Final = Action(
    commands.BY_SIZE,
    "shorten by size",
    Danger.DESTRUCTIVE,
    "Lets the journal give up its oldest archived files until it is no larger; lines in them are gone for ever.",
    word=Word("size to keep", r"[1-9]\d{0,6}[KMGT]"),
    many=False,
)
DELETE: Final = Action(
    commands.DELETE,
    "remove old files",
    Danger.DESTRUCTIVE,
    "Removes rotated files of a log that are at least so many days old; never the file that is written to.",
    number=Number("days to keep", 1, 3650),
    many=False,
    noun="file",
)
_MOST: Final = 500
"""Files removed by one plan."""
_LONGEST: Final = 1800.0
"""Seconds a run of logrotate may take: it may have to compress gigabytes."""


class RotationActuator(Actuator[RotationFacts]):
    """Acts on logs (by name), configurations of logrotate (by path), and "journal"."""

    kind = "rotation"
    reads_pipes = True
    actions = (ROTATE, BY_TIME, BY_SIZE, DELETE)

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, RotationSettings)
        self.settings = target.settings
        self._here = commands.Here(
            patterns={one.name: one.files for one in self.settings.log},
            main=self.settings.logrotate or "/etc/logrotate.conf",
            status=self.settings.status,
            prefix=self.settings.prefix,
            sudo=self.settings.sudo,
        )
        self._sudo = ["sudo", "-n"] if self.settings.sudo else []
        self._lane = Lane("rotation-acts", limit=2)

    # offers

    def offers(self, facts: RotationFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """A log: remove old files, and where it is rotated. A configuration: rotate. The journal: shorten."""
        wanted = list(subjects)
        if wanted == [commands.JOURNAL]:
            return (Offer(BY_TIME), Offer(BY_SIZE)) if facts.journal is not None else ()
        logs = [facts.log(one) for one in wanted]
        if len(logs) == 1 and logs[0] is not None:
            return (Offer(ROTATE, _where(logs[0])), Offer(DELETE, _why_not(logs[0])))
        if wanted and all(facts.configuration(one) for one in wanted):
            main = self.settings.logrotate in wanted
            return (Offer(ROTATE, "it rotates everything at once: choose one that it includes" if main else ""),)
        return ()

    def beside(self, facts: RotationFacts, kind: str, row: str) -> Sequence[str]:
        """For a file or a pattern of files of a log: the log here, and what rotates it."""
        if kind != "logs" or not row.startswith("/"):
            return ()
        found = [one for one in facts.logs if row == one.pattern or any(row == file.path for file in one.files)]
        return [name for one in found for name in (one.name, *one.covered_by)]

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Usual ages and sizes for the journal, with what would go."""
        if action not in (commands.BY_TIME, commands.BY_SIZE):
            return ()
        found = []
        for word in ("30d", "14d", "7d", "2d") if action == commands.BY_TIME else ("2G", "1G", "500M", "100M"):
            _, gone = await self._vacuumed(action, word, self.context.now())
            about = "what goes can't be told" if gone is None else f"{_pieces(gone)} would go"
            found.append(Choice(word, SafeText(about)))
        return found

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look afresh at what the act is about."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or not request.subjects:
            raise ProbeError(Cause.MISSING, "logs have no such action")
        told = (request.number is not None, bool(request.word))
        if told != (action.number is not None, action.word is not None):
            raise ProbeError(Cause.MISSING, f"{action.title} takes something else")
        now = self.context.now()
        if action is ROTATE:
            return await self._plan_rotation(request, now)
        if action is DELETE:
            return await self._plan_removal(request, now)
        return await self._plan_vacuum(action, request, now)

    def _made(
        self, action: Action, request: Request, now: datetime, subjects: Sequence[Subject], **more: object
    ) -> Plan:
        host, prefix = socket.gethostname(), " ".join(self.settings.prefix)
        by = f", by {prefix}" if prefix else ""
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"logs of {host}{by}", 300),
            pin=(("host", host), ("prefix", prefix)),
            subjects=tuple(subjects),
            command=tuple(self.render(request).splitlines()),
            looked_at=now,
            **{"danger": action.danger, **more},  # type: ignore[arg-type]
        )

    async def _plan_rotation(self, request: Request, now: datetime) -> Plan:
        if self.settings.logrotate is None:
            raise ProbeError(Cause.MISSING, "the profile names no configuration of logrotate")
        if self.context.state is None:
            raise ProbeError(Cause.MISSING, "there is no folder to keep the run in")
        found = [await self._lane.run(rotation_of, self.settings.logrotate, path) for path in request.subjects]
        takes = any(one.going or one.beyond for one in found)
        notes = [note for one in found for note in one.notes]
        notes += [asked] if (asked := job.only_asked(self._sudo)) else []
        return self._made(
            ROTATE,
            request,
            now,
            [_rotated(one) for one in found],
            danger=Danger.DESTRUCTIVE if takes else Danger.DISRUPTIVE,
            notes=tuple(SafeText(note, 300) for note in notes),
            answers=20.0,
            settles=_LONGEST,
        )

    async def _plan_removal(self, request: Request, now: datetime) -> Plan:
        name, days = request.subjects[0], request.number or 0
        log = self.settings.one(name)
        if log is None or len(request.subjects) > 1:
            raise ProbeError(Cause.GONE, f"the profile has no log {SafeText(name, 80)}")
        if log.kept is None:
            raise ProbeError(Cause.DENIED, "the profile does not say how long it is kept", 'keep = "30d"')
        if days * 86400 < log.kept:
            raise ProbeError(Cause.DENIED, f"the profile keeps it for {log.keep}, longer than {days} d")
        sight = await self._lane.run(act_remove.looked, log)
        old = [one for one in sight.files if one.rotated and now.timestamp() - one.changed >= days * 86400]
        if not old:
            raise ProbeError(Cause.GONE, f"no rotated file of {name} is {days} d old")
        subjects = [act_remove.removal(one, sight.held, now) for one in old[:_MOST]]
        freed = sum(one.size for one in old[:_MOST])
        notes = [f"only the first {_MOST} of {len(old)} files"] if len(old) > _MOST else []
        if sight.left_out:
            notes.append(f"{sight.left_out} more files, the oldest, were not looked at: do it again afterwards")
        if sight.held is None:
            notes.append("it can't be told whether a process has them open")
        elif sight.unseen:
            notes.append(f"what {sight.unseen} processes of others have open can't be seen")
        return self._made(
            DELETE,
            request,
            now,
            subjects,
            felt=(SafeText(f"{len(subjects)} files, {sized(freed)}, are gone for ever"),),
            notes=tuple(map(SafeText, notes)),
        )

    async def _plan_vacuum(self, action: Action, request: Request, now: datetime) -> Plan:
        if request.subjects != (commands.JOURNAL,):
            raise ProbeError(Cause.GONE, "only the journal is shortened so")
        every, gone = await self._vacuumed(action.name, request.word, now)
        notes = ["whole files go: some newer lines go with the old ones"]
        if gone is None:
            notes.append("the journal's files can't be listed by this user, so what would go can't be told")
        first = (gone or [])[:8]
        subject = Subject(
            key=commands.JOURNAL,
            name=SafeText("the journal"),
            identity=(("until", _until(gone)), ("word", request.word)),
            before=SafeText(sized(sum(one.size for one in every)) if every else "size not known"),
            after=SafeText(f"without {_pieces(gone)}" if gone else "shortened"),
            felt=tuple(SafeText(f"{one.path[-60:]} {_begins(one)} {sized(one.size)}") for one in first),
            spared=SafeText("nothing would go" if gone == [] else ""),
            barred=gone == [],
        )
        return self._made(
            action, request, now, (subject,), notes=tuple(map(SafeText, notes)), answers=60.0, settles=60.0
        )

    async def _vacuumed(self, action: str, word: str, now: datetime) -> tuple[list[Piece], list[Piece] | None]:
        """(files of the journal, those that would go; None when they can't be listed)."""
        seconds, size = seconds_of(word), bytes_of(word)
        if (seconds if action == commands.BY_TIME else size) is None:
            raise ProbeError(Cause.MISSING, "an age is 30d, 2weeks or 12h, a size 500M or 2G")
        try:
            every = await pieces([*self.settings.prefix], self.settings.timeout)
        except ProbeError as error:
            if error.cause in (Cause.LOCAL_PERM, Cause.GONE):
                return [], None
            raise
        if action == commands.BY_TIME:
            return every, going(every, before=now - timedelta(seconds=seconds or 0))
        return every, going(every, most=size)

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look again, then do it once."""
        if plan.action.name == commands.DELETE:
            return await self._remove(subject, sending)
        if plan.action.name == commands.ROTATE:
            return await self._rotate(subject, act, sending)
        return await self._vacuum(plan, subject, sending)

    async def _remove(self, subject: Subject, sending: Sending) -> Outcome:
        identity = dict(subject.identity)
        if words := await self._lane.run(act_remove.changed, identity):
            return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}"))
        await sending()
        return await self._lane.run(act_remove.unlink, identity)

    async def _rotate(self, subject: Subject, act: str, sending: Sending) -> Outcome:
        if self.settings.logrotate is None or self.context.state is None:
            return Outcome(Result.FAILED, SafeText("there is no folder to keep the run in"))
        now = await self._lane.run(rotation_of, self.settings.logrotate, subject.key)
        if words := now.difference(subject.identity):
            return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}"))
        folder = self.context.state / "jobs" / act
        await sending()
        try:
            await job.begin([*self._sudo, *commands.rotating(subject.key, self._here)], folder, within=_LONGEST)
        except ProbeError as error:
            if error.cause in (Cause.MISSING, Cause.LOCAL_PERM):  # it was never started
                return Outcome(Result.FAILED, error.message)
            raise
        return Outcome(Result.DONE, SafeText("under way"), (("job", act),))

    async def _vacuum(self, plan: Plan, subject: Subject, sending: Sending) -> Outcome:
        word = dict(subject.identity)["word"]
        _, gone = await self._vacuumed(plan.action.name, word, plan.looked_at)
        until, planned = _until(gone), dict(subject.identity)["until"]
        if until > planned or (until == "") is not (planned == ""):
            return Outcome(Result.REFUSED, SafeText("changed since you looked: more of the journal would go"))
        argv = [*self.settings.prefix, *self._sudo, *commands.vacuuming(plan.action.name, word)]
        await sending()
        try:
            ran = await programs.run(argv, 55.0, 1 << 18)
        except ProbeError as error:
            if error.cause in (Cause.MISSING, Cause.LOCAL_PERM):  # it was never started
                return Outcome(Result.FAILED, error.message)
            raise
        if ran.code != 0:
            how = SafeText(f"journalctl ended with {ran.code}: {ran.complaint or 'it said nothing'}", 300)
            if ran.code < 0:
                return Outcome(Result.UNKNOWN, how)
            return Outcome(Result.FAILED if b"ermission denied" in ran.err else Result.PARTIAL, how)
        return Outcome(Result.DONE, ran.complaint if b"freed" in ran.err else SafeText("journalctl has done it"))

    # whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the files."""
        if plan.action.name == commands.DELETE:
            there = await self._lane.run(act_remove.is_there, dict(subject.identity))
            if there:
                return Verdict(Truth.REFUTED, SafeText("the file is still there"))
            return Verdict(Truth.CONFIRMED, SafeText(f"{subject.name} is gone"))
        if plan.action.name == commands.ROTATE:
            return await self._rotation_true(subject, outcome, after)
        _, gone = await self._vacuumed(plan.action.name, dict(subject.identity)["word"], plan.looked_at)
        if gone is None:
            return Verdict(Truth.UNKNOWN, SafeText("the journal's files can't be listed by this user"))
        if gone:
            return Verdict(Truth.PENDING, SafeText(f"{_pieces(gone)} are still there"))
        return Verdict(Truth.CONFIRMED, SafeText("the files that were to go are gone"))

    async def _rotation_true(self, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        told = dict(outcome.facts).get("job")
        standing = None
        if told is not None and self.context.state is not None:
            standing = await job.look(self.context.state / "jobs" / told)
            if standing.state is job.State.RUNNING:
                denied = ", its time is up, and we may not end it" if standing.denied else ""
                return Verdict(Truth.PENDING, SafeText(f"logrotate runs for {lasted(after)}{denied}"))
            if standing.state is job.State.ENDED and standing.code != 0:
                goes_on = ", and what it started as another user still runs" if standing.left else ""
                words = f"logrotate ended with {standing.code}{goes_on}: {standing.complaint or 'it said nothing'}"
                return Verdict(Truth.REFUTED, SafeText(words, 300))
        now = await self._lane.run(rotation_of, self.settings.logrotate, subject.key)
        left, every = now.unrotated(subject.identity)
        if not left and (unseen := beyond(subject.identity)):
            words = f"{every} of {every + unseen} files were rotated; the other {unseen} were not looked at"
            return Verdict(Truth.UNKNOWN, SafeText(words), every / (every + unseen))
        if not left:
            return Verdict(Truth.CONFIRMED, SafeText(f"{every} of {every} files were rotated"))
        truth = Truth.REFUTED if standing is not None and standing.state is job.State.ENDED else Truth.UNKNOWN
        return Verdict(truth, SafeText(f"not rotated: {', '.join(left[:3])}", 300), 1 - len(left) / every)

    # words

    def render(self, request: Request) -> str:
        """The line a person would type."""
        return commands.render(request, self._here)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of logrotate, journalctl or find would do here."""
        return commands.recognise(line, self._here)

    async def rights(self) -> Sequence[Right]:
        """Whether folders may be written, and whether sudo lets logrotate run."""
        found = []
        for log in self.settings.log:
            folder = log.files.rpartition("/")[0]
            held = os.access(folder, os.W_OK | os.X_OK)
            remedy = SafeText("" if held else f"setfacl -m u:USER:rwx {folder}", 200)
            found.append(Right(f"remove old files of {log.name}", Grant.HELD if held else Grant.MISSING, remedy))
        if os.geteuid() == 0:
            remedy = SafeText("run it as a user whom sudo lets run these lines only; see contrib/rotation")
            return (*found, Right("rotate, shorten the journal", Grant.HELD), Right("everything", Grant.EXCESS, remedy))
        remedy = SafeText("sudo = true in the profile, and contrib/rotation")
        grant = Grant.UNKNOWN if self.settings.sudo else Grant.MISSING
        return (*found, Right("rotate, shorten the journal", grant, remedy))

    async def close(self) -> None:
        """Let the thread go; a run of logrotate goes on."""
        self._lane.close()


def _rotated(one: Rotation) -> Subject:
    return Subject(
        key=one.path,
        name=SafeText(one.path, 160),
        identity=one.identity,
        before=SafeText(f"{_number(one)}, {sized(sum(file.size for file in one.files))}{'+' if one.beyond else ''}"),
        after=SafeText("rotated, each begun anew"),
        felt=tuple(SafeText(f"{path} goes", 200) for path in one.going[:8]),
        spared=SafeText(one.hindrance, 200),
        barred=bool(one.hindrance),
    )


def _where(log: Log) -> str:
    """Where a log is rotated: never by itself."""
    if not log.covered_by:
        return "nothing rotates it" if log.uncovered is not None else "logrotate's configuration can't be read"
    return f"Tab: done on {', '.join(log.covered_by)}"


def _why_not(log: Log) -> str:
    if log.keep is None:
        return "the profile does not say how long it is kept"
    return "" if log.rotated else "nothing of it was rotated"


def _number(one: Rotation) -> str:
    looked = len(one.files)
    return f"{looked} of {looked + one.beyond} files looked at" if one.beyond else f"{looked} files"


def _until(gone: Sequence[Piece] | None) -> str:
    """The newest file that would go; all older ones go with it, so that two such words can be compared."""
    if not gone:
        return "" if gone is None else "-"
    last = gone[-1]
    return f"{last.first.timestamp() if last.first is not None else 0:017.6f} {last.path}"


def _pieces(gone: Sequence[Piece]) -> str:
    return f"{len(gone)} file{'' if len(gone) == 1 else 's'}, {sized(sum(one.size for one in gone))}"


def _begins(one: Piece) -> str:
    return f"from {one.first:%Y-%m-%d %H:%M}" if one.first is not None else ""
