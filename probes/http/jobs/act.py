"""Changes jobs and does own actions, by one configured request each, and looks whether it has come true.

The job is read again directly before; where the server marks versions (ETag) the mark goes along, so that it refuses
what has changed since. What it was before is kept: in the plan, in the audit, and in what takes it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Danger,
    Grant,
    Identity,
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
    lasted,
)
from probes.http.body import looks_like, parse_json
from probes.http.jobs import commands
from probes.http.jobs.act_once import ActingApi, Change, Reply
from probes.http.jobs.api import One, base_of
from probes.http.jobs.facts import JOB, OWN, Job, JobsFacts, Own
from probes.http.jobs.parse import at, job_of, own_of
from probes.http.jobs.plans import (
    ACTIONS,
    DO,
    FOREVER,
    INTERVAL,
    PAUSE,
    RESUME,
    RUN,
    SUBJECTS,
    TIMES,
    changed,
    every,
    identity,
    is_time,
    own_subject,
    read_back,
    refusal,
    reversing,
    subject,
    undo_words,
)
from probes.http.jobs.settings import ON_JOBS, ActionSettings, JobsSettings
from probes.http.jobs.template import BadTemplate, filled_body, filled_path
from probes.http.jobs.verdict import not_yet, ran

_SETTLES: Final = 20.0
_RUN_SETTLES: Final = 90.0


class JobsActuator(Actuator[JobsFacts]):
    """Acts on one scheduler. A subject is a job's row, or that of an own action."""

    kind = "jobs"
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, JobsSettings)
        self.settings = target.settings
        self._api = ActingApi(target.name, target.settings, context)

    # offers

    def offers(self, facts: JobsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """What the profile describes, for these rows."""
        jobs = [one for one in map(facts.job, subjects) if one is not None]
        own = [one for one in facts.own if one.key in subjects]
        if len(own) == 1 and not jobs and len(subjects) == 1:
            shown = replace(DO, title=own[0].title, danger=own[0].danger, what=own[0].what)
            return (Offer(shown, "it is so already" if own[0].true else ""),)
        if not jobs or len(jobs) < len(subjects):
            return ()
        there = [one for one in ACTIONS if one.name in self.settings.action and one.name in ON_JOBS]
        return tuple(Offer(self._shown(one), _agreed([refusal(one.name, job) for job in jobs])) for one in there)

    def _shown(self, action: Action) -> Action:
        if action is not INTERVAL or action.number is None:
            return action
        return replace(action, number=Number(f"{self.settings.unit} between two runs", 1, action.number.most))

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """How long it lasts."""
        if action not in (INTERVAL.name, PAUSE.name):
            return ()
        times = [Choice(one, SafeText(f"then back, {lasted(int(one[:-1]) * 60)}")) for one in TIMES]
        return (*times, Choice(FOREVER, SafeText("nobody takes it back by itself")))

    # the plan

    async def plan(self, request: Request) -> Plan:
        """Look at each job, or at what an own action's check says."""
        action = next((one for one in ACTIONS if one.name == request.action), None)
        if action is None:
            raise ProbeError(Cause.MISSING, f"there is no act called {SafeText(request.action, 40)} for jobs")
        if not 0 < len(request.subjects) <= SUBJECTS:
            raise ProbeError(Cause.MISSING, f"choose jobs, {SUBJECTS} at most")
        if action is DO:
            return await self._plan_own(request)
        if action.name not in self.settings.action:
            raise ProbeError(
                Cause.MISSING, f"the profile does not say how to {action.title}", f"add action.{action.name}"
            )
        return await self._plan_jobs(action, request)

    async def _plan_jobs(self, action: Action, request: Request) -> Plan:
        settings, unit = self.settings, self.settings.unit
        word, old = self._word(action, request)
        if action is INTERVAL and (request.number is None or not 1 <= request.number <= (action.number or _ANY).most):
            raise ProbeError(Cause.MISSING, f"an interval is a number of {unit}, 1 to {(action.number or _ANY).most}")
        subjects, before = [], dict[str, float]()
        for row in dict.fromkeys(request.subjects):
            if not row.startswith(JOB):
                raise ProbeError(Cause.MISSING, f"{SafeText(row, 60)} is no job")
            job, _ = await self._job(row.removeprefix(JOB))
            number = old.get(job.id) if old is not None else request.number
            if action is INTERVAL and number is None:
                raise ProbeError(Cause.MISSING, f"what the interval of {job.name} was is not known")
            subjects.append(subject(action.name, job, number, unit, self.context.now()))
            if job.interval is not None and not subjects[-1].barred:
                before[job.id] = job.interval
        looked_at = self.context.now()
        due = (
            looked_at + timedelta(minutes=int(word[:-1]))
            if word.endswith("m") and is_time(word) and before_any(subjects)
            else None
        )
        one = settings.action[action.name]
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=self._shown(action),
            request=request,
            place=SafeText(f"the scheduler at {self._api.base}", 200),
            pin=self._pin,
            subjects=tuple(subjects),
            command=tuple(self.render(_chosen(request, subjects)).splitlines()),
            looked_at=looked_at,
            danger=max(action.danger, _danger(one, action)),
            undo=SafeText(undo_words(action, before, unit, settings.action), 400),
            due=due,
            reverse=reversing(action, subjects, before) if due is not None else None,
            notes=tuple(map(SafeText, self._notes(action, one, subjects))),
            answers=2 * settings.timeout + 2.0,
            settles=_RUN_SETTLES if action is RUN else _SETTLES,
        )

    def _word(self, action: Action, request: Request) -> tuple[str, dict[str, float] | None]:
        """(how long, the old intervals to be set back). Raises `ProbeError` for a word that is neither."""
        word = request.word or FOREVER
        old = read_back(word) if action is INTERVAL else None
        if request.word and (action not in (INTERVAL, PAUSE) or (old is None and not is_time(word))):
            raise ProbeError(
                Cause.MISSING, f"{SafeText(word, 40)} is no time", f"write minutes, such as 60m, or {FOREVER}"
            )
        return word, old

    def _notes(self, action: Action, one: ActionSettings, subjects: Sequence[Subject]) -> list[str]:
        notes = ["the line leaves the login out"] if self._api.reached.headers else []
        if one.whole:
            notes.append("the whole job is sent back with this changed: other fields stay as they are now")
        if len(subjects) > 1:
            notes.append("one after the other: each must be true before the next is touched")
        if not self.settings.item:
            notes.append("each job is looked up in the whole list: the profile names no path of one job (item)")
        if action is RUN and self.settings.of_job.last_run is None:
            notes.append("nothing in the list tells when a job ran: that it did is not seen")
        return notes

    async def _plan_own(self, request: Request) -> Plan:
        name = request.subjects[0].removeprefix(OWN)
        one = self.settings.own.get(name)
        if one is None or len(request.subjects) != 1 or not request.subjects[0].startswith(OWN):
            raise ProbeError(Cause.MISSING, f"the profile has no action {SafeText(name, 40)}")
        own = await self._own(name, one)
        looked_at = self.context.now()
        back = self.settings.own.get(one.undo)
        notes = ["the line leaves the login out"] if self._api.reached.headers else []
        if one.check is None:
            notes.append("nothing in the profile tells whether it is so: add check to the action")
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=replace(DO, title=own.title, danger=own.danger, what=own.what),
            request=request,
            place=SafeText(f"the application at {self._api.base}", 200),
            pin=self._pin,
            subjects=(own_subject(own),),
            command=tuple(self.render(request).splitlines()),
            looked_at=looked_at,
            danger=own.danger,
            undo=SafeText(back.title or one.undo) if back is not None else SafeText(),
            notes=tuple(map(SafeText, notes)),
            answers=2 * self.settings.timeout + 2.0,
            settles=_SETTLES,
        )

    @property
    def _pin(self) -> Identity:
        """An API has no identity of its own: scheme, host, port and prefix are what is pinned."""
        return (("jobs", self._api.base),)

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Read it again, then send the one request."""
        if plan.pin != self._pin:
            return _changed("another address is meant by this target")
        sent = False

        async def announced() -> None:
            nonlocal sent
            await sending()
            sent = True

        try:
            what = await self._change(plan, subject, act)
            if isinstance(what, Outcome):
                return what
            reply = await self._api.change(what, announced, self.settings.timeout)
        except ProbeError as error:
            if error.cause is Cause.GONE and not sent:
                return _changed("it is not there any more")
            if not sent:
                raise
            return Outcome(Result.UNKNOWN, error.message, (("act", act),))
        return self._answered(reply, act)

    async def _change(self, plan: Plan, subject: Subject, act: str) -> Change | Outcome:
        """The request for one subject as it is now; an outcome when it is not what was looked at."""
        name = plan.action.name
        extra = {self.settings.idempotency: act} if self.settings.idempotency else {}
        if name == DO.name:
            own_name = subject.key.removeprefix(OWN)
            one = self.settings.own.get(own_name)
            if one is None:
                return _changed("the profile has no such action any more")
            if dict(subject.identity).get("request") != f"{one.method} {one.path}":
                return _changed("the profile describes it otherwise")
            own = await self._own(own_name, one)
            if own.true and not subject.taken_in:
                return _changed("not so -> so already")
            return Change(one.method, one.path, filled_body(one.body, {}), extra)
        one = self.settings.action[name]
        job, fresh = await self._job(subject.key.removeprefix(JOB))
        if words := changed(subject.identity, identity(job), name):
            return _changed(words)
        values: dict[str, str | int | float] = {"id": job.id}
        if name == INTERVAL.name:
            old = read_back(plan.request.word)
            wanted = old.get(job.id) if old is not None else plan.request.number
            if wanted is None:
                return Outcome(Result.REFUSED, SafeText("there is no interval to set"))
            values["interval"] = commands.plain(wanted)
        try:
            path, body = filled_path(one.path, values), filled_body(one.body, _typed(values, fresh, self.settings))
        except BadTemplate as error:
            return Outcome(Result.REFUSED, SafeText(str(error)))
        if one.whole:
            body = {**fresh.told, **body}
        if fresh.etag and not fresh.etag.startswith("W/"):  # a weak mark never matches: RFC 9110, section 13.1.1
            extra["If-Match"] = fresh.etag
        return Change(one.method, path, body, extra)

    def _answered(self, reply: Reply, act: str) -> Outcome:
        """What an answer means. Of an error of the server's own, or of a proxy before it, nobody knows."""
        facts: Identity = (("act", act), ("status", str(reply.status)))
        status, said = reply.status, self._api.said(reply.body)
        if 200 <= status < 300:
            if looks_like(reply.body).startswith("a web page"):
                return Outcome(Result.UNKNOWN, SafeText("a web page answered"), facts)
            return Outcome(
                Result.DONE, SafeText(f"accepted, status {status}" if status != 200 else "status 200"), facts
            )
        if status == 412:
            return Outcome(Result.REFUSED, SafeText("changed since you looked: the server has another version"), facts)
        if status in (301, 307, 308):
            return Outcome(
                Result.FAILED, SafeText(f"HTTP {status}: it is elsewhere, and nothing was sent there"), facts
            )
        if status >= 500 or status == 408 or 300 <= status < 400:
            words = f"HTTP {status}: {said}" if status >= 400 else f"HTTP {status}: we are sent elsewhere, not followed"
            return Outcome(Result.UNKNOWN, SafeText(words, 200), facts)
        try:
            self._api.check(status, reply.headers, reply.body)
        except ProbeError as error:
            words = str(error.message)
            return Outcome(
                Result.FAILED, SafeText(words if str(status) in words else f"HTTP {status}: {words}", 200), facts
            )
        return Outcome(Result.UNKNOWN, SafeText(f"HTTP {status}"), facts)

    # looking whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Read the job, or the check, again."""
        name = plan.action.name
        if name == DO.name:
            return await self._verify_own(plan, subject, outcome, after)
        try:
            job, _ = await self._job(subject.key.removeprefix(JOB))
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return Verdict(Truth.REFUTED, SafeText("the job is not there any more"))
            raise
        if name == INTERVAL.name:
            old = read_back(plan.request.word)
            wanted = old.get(job.id) if old is not None else plan.request.number
            so = job.interval is not None and wanted is not None and abs(job.interval - wanted) < 1e-6
            words = every(job.interval, self.settings.unit)
        elif name in (PAUSE.name, RESUME.name):
            if job.paused is None:
                return Verdict(Truth.UNKNOWN, SafeText("nothing in the list tells whether a job is paused"))
            so = job.paused is (name == PAUSE.name)
            words = "paused" if job.paused else "active"
        else:
            return ran(plan, subject, job, outcome, after)
        return Verdict(Truth.CONFIRMED, SafeText(words)) if so else not_yet(plan, outcome, after, words)

    async def _verify_own(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        name = subject.key.removeprefix(OWN)
        one = self.settings.own.get(name)
        if one is None or one.check is None:
            return Verdict(Truth.UNKNOWN, SafeText("nothing in the profile tells whether it is so"))
        own = await self._own(name, one)
        if own.true:
            return Verdict(Truth.CONFIRMED, own.words)
        return not_yet(plan, outcome, after, str(own.words) or "it can't be told")

    # the server

    async def _job(self, id: str) -> tuple[Job, One]:
        try:
            fresh = await self._api.one(id, self.settings.timeout)
        except BadTemplate as error:
            raise ProbeError(Cause.MISSING, f"job {SafeText(id, 60)} has {error}") from None
        job = job_of(fresh.told, self.settings, self.context.now())
        if job is None:
            raise ProbeError(Cause.GARBAGE, "the job has no id any more")
        return job, fresh

    async def _own(self, name: str, one: ActionSettings) -> Own:
        if one.check is None:
            return own_of(name, one, None, one.path)
        answer = await self._api.get(self._api.base + one.check.path, self.settings.timeout)
        return own_of(name, one, parse_json(answer.body), one.path)

    # words

    def render(self, request: Request) -> str:
        """A line of curl for each, without any login."""
        return commands.render(request, self._here)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of curl would do here."""
        return commands.recognise(line, self._here)

    @property
    def _here(self) -> commands.Here:
        """By the profile's own text where it is no reference: nothing is resolved for words."""
        url = self.settings.url
        if url.startswith(("env:", "file:", "command:")):
            try:
                url = self._api.base
            except ProbeError:
                url = ""
        scheme, mark, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        return commands.Here(base_of(f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"), self.settings)

    async def rights(self) -> Sequence[Right]:
        """Reading is tried; what changes something is not posted to find out."""
        told = []
        try:
            if self.settings.list:
                await self._api.everything(self.settings.list, self.settings.items, self.settings.timeout)
                told.append(Right("read the list of jobs", Grant.HELD))
        except ProbeError as error:
            if error.cause not in (Cause.AUTH, Cause.DENIED):
                raise
            told.append(Right("read the list of jobs", Grant.MISSING, error.message))
        remedy = SafeText("an API tells no rights: its owner knows what this token may do")
        return [
            *told,
            *(Right(f"{one.method} {one.path}", Grant.UNKNOWN, remedy) for one in self.settings.action.values()),
        ]

    def abort(self) -> None:
        """Cut every connection."""
        self._api.cut()

    async def close(self) -> None:
        """Let go of every connection."""
        self._api.cut()
        await self._api.close()


_ANY: Final = Number("", 1, 1)


def before_any(subjects: Sequence[Subject]) -> bool:
    """True when at least one of them will be acted on."""
    return any(not one.spared for one in subjects)


def _chosen(request: Request, subjects: Sequence[Subject]) -> Request:
    rows = tuple(one.key for one in subjects if not one.barred)
    return replace(request, subjects=rows or request.subjects)


def _danger(one: ActionSettings, action: Action) -> Danger:
    """What the profile says, where it says more than the act by itself; its default is for own actions."""
    return one.grade if "danger" in one.model_fields_set else action.danger


def _typed(values: dict[str, str | int | float], fresh: One, settings: JobsSettings) -> dict[str, str | int | float]:
    """The values for a body: an id as the API writes it, a number as a number."""
    own = at(fresh.told, settings.of_job.id)
    return {**values, "id": own} if isinstance(own, int | str) and not isinstance(own, bool) else values


def _changed(words: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}", 200))


def _agreed(reasons: Sequence[str]) -> str:
    """A reason that stands in the way of all."""
    return reasons[0] if reasons and all(reasons) else ""
