"""Acts on backups. What takes long is a job of its own that outlives the session (`act_worker`); the rest is one step.

Nothing is ever written over: not a file, not a copy, not a database.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from probes.backups import act_scratch, commands, fetch, folder, ledger, plans, store, truth
from probes.backups.act_files import deleted, removed
from probes.backups.act_ledger import put
from probes.backups.act_switch import ANSWERS, CHANGED, SWITCHING, switched
from probes.backups.act_worker import SECRETS, WITHIN
from probes.backups.facts import BackupsFacts, Work
from probes.backups.gauges import wrong_database
from probes.backups.rights import rights_of
from probes.backups.settings import BackupsSettings
from probes.backups.sight import Sight
from probes.backups.work import work_of
from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Identity,
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
)
from probes.exec import job

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_SAID_NO: Final = (Cause.REFUSED, Cause.DENIED, Cause.SLOW)
"""A server that says so has changed nothing, or was never reached."""
_LIVE: Final = {
    plans.STOP.name: "it does not run",
    plans.CLEAN.name: "it has left nothing behind",
}


class BackupsActuator(Actuator[BackupsFacts]):
    """One folder and its servers. A subject is a backup's file name, or a job's id."""

    kind = "backups"
    reads_pipes = True
    reads_files = True
    actions = plans.ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, BackupsSettings)
        self.settings = target.settings
        self._sight = Sight(target, context)

    # what there is to do

    def offers(self, facts: BackupsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """For backups what can be done to them, for a job what can be done to it, and always a dump and a switch."""
        jobs = [one for one in facts.work if one.act in subjects]
        if jobs:
            return [Offer(plans.STOP, self._not(jobs, "stop")), Offer(plans.CLEAN, self._not(jobs, "clean"))]
        found = {one.name: one for one in facts.last}
        rows = [found[name] for name in subjects if name in found]
        if len(rows) != len(subjects):
            return ()
        several = "one at a time" if len(rows) > 1 else ""
        offers = []
        if rows:
            hindered = [one for row in rows if (one := plans.hindrance(row, plans.COPY.name, self.settings))]
            offers.append(Offer(plans.COPY, hindered[0] if len(hindered) == len(rows) else ""))
            for action in (plans.VERIFY, plans.RESTORE):
                offers.append(Offer(action, several or plans.hindrance(rows[0], action.name, self.settings)))
            offers.append(Offer(plans.PRUNE))
        nowhere = "" if self.settings.database is not None else "the profile names no database"
        return [
            Offer(plans.DUMP, nowhere or several),
            *offers,
            Offer(plans.FETCH, several if self.settings.offhost is not None else "the profile names no offhost"),
            Offer(plans.SWITCH, nowhere or several),
            Offer(plans.SWITCH_TERMINATE, nowhere or several),
            Offer(plans.PRUNE_OLD, several),
        ]

    @staticmethod
    def _not(jobs: Sequence[Work], name: str) -> str:
        if len(jobs) > 1:
            return "one at a time"
        can = jobs[0].state == "under way" if name == "stop" else bool(jobs[0].left)
        return "" if can else _LIVE[name]

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Databases that could take the live one's name, copies that are not here. A new name is only ever typed."""
        if action == plans.FETCH.name:
            return await fetch.choices(self._sight, self.settings, self.context.now())
        if action not in plans.SWITCHES:
            return ()
        live, scene = await self._sight.admin()
        return [
            Choice(one.name, SafeText(f"{plans.amount(one.size or 0)}, of {one.owner}, {one.sessions} sessions"))
            for one in sorted(scene.databases.values(), key=lambda one: -one.oid)
            if one.mine and not one.template and one.name not in (live, "postgres")
        ]

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look afresh at the folder, the server and the jobs."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or request.number is not None or (action.word is not None) != bool(request.word):
            raise ProbeError(Cause.MISSING, "backups have no such act")
        if action.name in ("dump", "fetch", "prune-old", *plans.SWITCHES):
            request = Request(action.name, (), word=request.word)
        if action.name in ("verify", "restore", "stop", "clean") and len(request.subjects) != 1:
            raise ProbeError(Cause.MISSING, "name one backup" if action.name in plans.JOBS else "name one job")
        match action.name:
            case "dump":
                return await self._plan_dump(action, request)
            case "copy":
                return await self._plan_copy(action, request)
            case "fetch":
                return await self._plan_fetch(action, request)
            case "verify" | "restore":
                return await self._plan_restore(action, request)
            case "switch" | "switch-terminate":
                return await self._plan_switch(action, request)
            case "prune" | "prune-old":
                return await self._plan_prune(action, request)
        return await self._plan_job(action, request)

    def _made(
        self,
        action: Action,
        request: Request,
        subjects: Sequence[Subject],
        place: str,
        pin: Identity,
        command: Sequence[str],
        notes: Sequence[str | SafeText] = (),
        undo: str = "",
        answers: float = 15.0,
        settles: float = 60.0,
    ) -> Plan:
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(place, 300),
            pin=pin,
            subjects=tuple(subjects),
            command=tuple(command),
            looked_at=self.context.now(),
            danger=action.danger,
            undo=SafeText(undo),
            notes=tuple(one if isinstance(one, SafeText) else SafeText(one) for one in notes if one),
            answers=answers,
            settles=settles,
        )

    def _needs_state(self) -> Path:
        if self.context.state is None:
            raise ProbeError(Cause.LOCAL_PERM, "there is no place to keep the job: nothing is begun")
        return self.context.state

    async def _plan_dump(self, action: Action, request: Request) -> Plan:
        self._needs_state()
        now = self.context.now()
        scene, _ = await self._sight.live()
        found = await self._sight.listed()
        programs = await self._sight.to_dump(scene.version)
        subject, _ = plans.dump_subject(scene, self.settings, found.backups, found.free, now)
        running = await self._under_way("dump")
        if running is not None:
            subject = plans.barred(subject, f"a dump is under way since {running.at:%H:%M} UTC")
        elif not os.access(self.settings.folder, os.W_OK | os.X_OK):
            subject = plans.barred(subject, "we may not write into the folder")
        name = dict(subject.identity)["file"]
        lines = commands.dump_line(self.settings, scene.database, name, self._sight.place("database"))
        notes = [
            f"pg_dump {programs.text} for PostgreSQL {scene.text}",
            "roles and tablespaces are not in it: pg_dumpall --globals-only tells those",
        ]
        return self._made(
            action, request, [subject], f"{self.settings.folder}, from {scene.where}, database {scene.database}",
            await self._sight.pin(), [lines], notes, "delete the file", settles=plans.WORKING,
        )  # fmt: skip

    async def _plan_copy(self, action: Action, request: Request) -> Plan:
        self._needs_state()
        place = self.settings.offhost
        if place is None:
            raise ProbeError(Cause.MISSING, "the profile names no place for copies", "set offhost")
        there = await self._sight.copies()
        free = await self._sight.room(place.folder) if place.folder is not None else None
        now = self.context.now()
        subjects = []
        for one in await self._sight.named(request.subjects):
            subject = plans.subject_of(one, f"also at {store.named(place)}, compared", now)
            reason = plans.hindrance(one, action.name, self.settings)
            if one.name in there.sizes:
                same = there.sizes[one.name] == one.size
                reason = "a copy of its size is there already" if same else "another file of that name is there"
            elif free is not None and free < one.size:
                reason = f"not enough room there: {plans.amount(free)} free, {plans.amount(one.size)} needed"
            subjects.append(plans.barred(subject, reason) if reason else subject)
        lines = [commands.copy_line(self.settings, one.key) for one in subjects]
        return self._made(
            action, request, subjects, f"{self.settings.folder} to {store.named(place)}", await self._sight.pin(),
            lines, ["a copy on another disk of the same host is lost with the host"] if place.folder else (),
            "delete the copy", settles=plans.WORKING,
        )  # fmt: skip

    async def _plan_fetch(self, action: Action, request: Request) -> Plan:
        self._needs_state()
        subject = await fetch.planned(self._sight, self.settings, request.word, self.context.now())
        place = f"{fetch.place_of(self.settings)} to {self.settings.folder}"
        line = commands.copy_line(self.settings, request.word, back=True)
        return self._made(
            action, request, [subject], place, await self._sight.pin(), [line],
            ["it gets the time at which the backup was written, as far as is known: it is not taken for a new one"],
            "delete the file", settles=plans.WORKING,
        )  # fmt: skip

    async def _plan_restore(self, action: Action, request: Request) -> Plan:
        self._needs_state()
        (one,) = await self._sight.named(request.subjects)
        proving = action.name == plans.VERIFY.name
        live, scene = await (self._sight.scratch() if proving else self._sight.admin())
        await self._sight.to_restore(one, scene.version)
        now = self.context.now()
        new = f"{plans.SCRATCH}..." if proving else request.word
        size = await self._sight.live_size()
        free = await self._sight.disk_of(scene, "scratch" if proving else "admin")
        after = (
            "restored into a database of its own, asked, and that dropped again" if proving else f"restored into {new}"
        )
        felt = ["the server works as for any load of that size: disk, WAL, replicas"]
        subject = plans.subject_of(one, after, now, felt)
        subject = Subject(
            subject.key, subject.name, (*subject.identity, ("server", scene.system or scene.where)), subject.before,
            subject.after, subject.felt,
        )  # fmt: skip
        reason = plans.hindrance(one, action.name, self.settings) or plans.too_new(one, scene)
        if scene.standby:
            reason = reason or "that server is a standby: it takes no new database"
        elif not scene.makes:
            reason = reason or "our role may make no database there: ALTER ROLE ... CREATEDB"
        if not proving and request.word in scene.databases:
            reason = f"there is a database {request.word} already: nothing is restored over one"
        reason = reason or plans.no_room(one, size, free)
        mighty = plans.too_mighty(scene)
        if mighty and proving:
            reason = reason or f"{mighty}; set scratch to a role that only makes databases"
        notes: list[str | SafeText] = [f"what is in the backup runs as role {scene.role}"]
        there = scene.databases.get(live)
        if proving and not mighty and there is not None and there.mine and await self._sight.is_same(scene):
            notes.append(f"{scene.role} also owns {live}: a backup that was tampered with could reach it")
        if free is None:
            notes.append("whether its disk has room can't be told from here")
        if not self.settings.checks:
            notes.append("the profile has no row checks: a restore without errors is all that is proven")
        if wrong_database(one, await self._sight.database_name()):
            notes.append(f"it is of database {one.head.database}, not of the one that the profile names")
        if one.head.format in ("plain", "plain.gz"):
            notes.append("a plain dump does not tell of which database it is")
        if not proving:
            notes.append(f"{live} is not touched; switch to {new} in a second act")
        return self._made(
            action, request, [plans.barred(subject, reason) if reason else plans.spared(subject, mighty)],
            f"PostgreSQL {scene.text} at {scene.where}", scene.pin,
            commands.restore_lines(self.settings, one, new, self._sight.place("scratch" if proving else "admin")),
            notes, "not needed: its database is dropped again" if proving else f"drop {new}", settles=plans.WORKING,
        )  # fmt: skip

    async def _plan_switch(self, action: Action, request: Request) -> Plan:
        live_name, scene = await self._sight.admin()
        live, restored = scene.databases.get(live_name), scene.databases.get(request.word)
        if live is None:
            raise ProbeError(Cause.GONE, f"there is no database {SafeText(live_name, 63)} at {scene.where}")
        if restored is None or restored.template or restored.name in (live_name, "postgres"):
            raise ProbeError(Cause.GONE, f"there is no database {SafeText(request.word, 63)} to switch to")
        there = {one.name: await self._sight.sessions(one.oid) for one in (live, restored)}
        ending = action is plans.SWITCH_TERMINATE
        subject = plans.switch_subject(scene, live, restored, there, ending, self.context.now())
        aside = dict(subject.identity)["aside"]
        return self._made(
            action, request, [subject], f"PostgreSQL {scene.text} at {scene.where}", scene.pin,
            [commands.switch_line(live_name, request.word, aside, ending, self._sight.place("admin"))],
            plans.switch_notes(live, restored),
            f"switch again, to {aside}: both keep their data", answers=ANSWERS,
        )  # fmt: skip

    async def _plan_prune(self, action: Action, request: Request) -> Plan:
        found = await self._sight.proofs()
        if request.subjects:
            await self._sight.named(request.subjects)
        wanted = await self._sight.database_name()
        busy = frozenset(
            task.subject for task, standing in await self._sight.jobs() if standing.state is job.State.RUNNING
        )
        now = self.context.now()
        subjects = plans.prunable(found, self.settings, wanted, busy, request.subjects, now)
        if not subjects:
            raise ProbeError(Cause.MISSING, "no backup is older than the profile keeps them")
        return self._made(
            action, request, subjects, self.settings.folder, await self._sight.pin(),
            commands.prune_lines(self.settings, [one.key for one in subjects if not one.spared]),
        )  # fmt: skip

    async def _plan_job(self, action: Action, request: Request) -> Plan:
        state = self._needs_state()
        act = request.subjects[0]
        task = ledger.task_of(self._sight.shelf(), act)
        if task is None:
            raise ProbeError(Cause.GONE, "nothing is remembered of that job")
        standing = await job.look(ledger.job_of(state, act))
        made = ledger.made_by(self._sight.shelf(), act)
        work = work_of(task, standing, made, self.settings.folder, self.context.now())
        stopping = action is plans.STOP
        subject = Subject(
            key=act,
            name=SafeText(f"{task.action} {task.subject}", 200),
            identity=(("act", act), ("state", work.state), ("left", str(work.left))),
            before=SafeText(f"{work.state}: {work.words}", 300),
            after=SafeText("ended, what it had begun removed" if stopping else f"{work.left} is gone"),
        )
        reason = self._not([work], action.name)
        if not reason and not stopping and task.action == "restore" and made is not None and not made.gone:
            inside = await self._sight.sessions(made.oid)
            reason = f"somebody uses {made.name}: {inside[0].who}" if inside else ""
        pin = await self._sight.pin()
        if reason:
            subject = plans.barred(subject, reason)
        place = f"the job on this machine, begun {task.at:%Y-%m-%d %H:%M} UTC"
        return self._made(action, request, [subject], place, pin, commands.job_lines(action.name, act, str(work.left)))

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look once more, then begin the job, or do the one step."""
        now = await self.plan(plan.request)
        again = next((one for one in now.subjects if one.key == subject.key), None)
        if again is None or now.pin != plan.pin:
            return _changed("it is gone" if again is None else "it is another place")
        if _moves(plan.action) and not truth.alike(again.identity, subject.identity):
            return _changed(truth.differing(subject.identity, again.identity))
        if again.barred or (again.spared and not subject.taken_in):
            return Outcome(Result.REFUSED, again.spared)
        if plan.action.name in plans.JOBS:
            return await self._begin(plan, subject, act, sending)
        match plan.action.name:
            case "switch" | "switch-terminate":
                return await self._switch(plan, subject, sending)
            case "stop":
                await sending()
                asked = await job.stop(ledger.job_of(self._needs_state(), subject.key))
                return Outcome(Result.DONE, SafeText("asked to end")) if asked else _changed("it has ended by itself")
            case "clean":
                return await self._clean(subject, sending)
        return await self._prune(subject, sending)

    async def _begin(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Write down what the job is told, and begin it."""
        state = self._needs_state()
        task, env = await self._task(plan, subject, act)
        path = self._sight.shelf() / f"{act}.task.json"
        try:
            await self._sight.lane.run(put, path, task)
        except OSError as error:
            words = f"the job can't be written down: {(error.strerror or 'unknown').lower()}"
            return Outcome(Result.FAILED, SafeText(words))
        argv = [sys.executable, "-P", "-m", "probes.backups.act_worker", str(path)]
        await sending()
        try:
            await job.begin(argv, ledger.job_of(state, act), within=WITHIN, env=env, calm=True)
        except ProbeError as error:
            if error.cause in (Cause.MISSING, Cause.LOCAL_PERM):  # it was never started
                return Outcome(Result.FAILED, error.message)
            raise
        facts = (("job", act), ("file", str(task["name"])), ("new", str(task.get("new", ""))))
        return Outcome(Result.DONE, SafeText(f"under way: {plan.action.name} {subject.name}"), facts)

    async def _task(self, plan: Plan, subject: Subject, act: str) -> tuple[dict[str, Any], dict[str, str]]:
        """(what the job is told, its environment with the secrets)."""
        action, told = plan.action.name, dict(subject.identity)
        env = {"PYTHONPATH": _ROOT}
        task: dict[str, Any] = {
            "act": act,
            "action": action,
            "subject": subject.key,
            "at": plan.looked_at.isoformat(),
            "folder": self.settings.folder,
            "name": told["file"] if action == "dump" else subject.key,
            "logins": {},
            "checks": {name: one.model_dump() for name, one in self.settings.checks.items()},
        }
        task["part"] = folder.part_name(str(task["name"]), act) if action in ("dump", "copy", "fetch") else ""
        if action == "fetch":
            task["identity"] = [[key, value] for key, value in subject.identity if key != "name"]
            task["installed"] = self.settings.programs or ""
        elif action != "dump":
            task["identity"] = [[key, told[key]] for key in ("device", "inode", "size", "written")]
        if action in ("copy", "fetch"):
            await self._tell_store(task, env)
            return task, env
        await self._tell_logins(task, env, action)
        if action == "dump":
            scene, _ = await self._sight.live()
            found = await self._sight.listed()
            form = plans.form_of(self.settings)
            last = next((one.size for one in found.backups if one.head.format == form and one.size), None)
            there = scene.databases.get(scene.database)
            likely = last or (there.size if there is not None else None)
            task |= {"form": form, "likely": likely, "programs": (await self._sight.to_dump(scene.version)).folder}
            return task, env
        (one,) = await self._sight.named((subject.key,))
        _, scene = await (self._sight.scratch() if action == "verify" else self._sight.admin())
        task["programs"] = (await self._sight.to_restore(one, scene.version)).folder
        task["new"] = plan.request.word or f"{plans.SCRATCH}{act.replace('-', '')}"
        task["same_server"] = await self._sight.is_same(scene)
        task |= {"trusted": subject.taken_in, "likely": await self._sight.live_size()}
        return task, env

    async def _tell_logins(self, task: dict[str, Any], env: dict[str, str], action: str) -> None:
        for which in {"dump": ["database"], "verify": ["scratch", "database"], "restore": ["admin", "database"]}[
            action
        ]:
            params = await self._sight.login(which)
            if params is None:
                continue
            if "password" in params:
                env[SECRETS[which]] = params["password"]
            task["logins"][which] = {name: value for name, value in params.items() if name != "password"}
        task["database"] = await self._sight.database_name() or ""

    async def _tell_store(self, task: dict[str, Any], env: dict[str, str]) -> None:
        place = self.settings.offhost
        assert place is not None
        keys = await self._sight.keys()
        told = place.model_dump(exclude={"key_id", "secret_key"}) | {"endpoint": keys.endpoint}
        task["offhost"] = told
        task["into"] = (place.folder if task["action"] == "copy" else None) or ""
        for name, value in (("key_id", keys.key_id), ("secret_key", keys.secret_key)):
            if value is not None:
                env[SECRETS[name]] = value
        if place.bucket is not None and keys.key_id is None:
            found = (name for name in os.environ if name.startswith("AWS_"))
            env |= {name: os.environ[name] for name in found}

    async def _switch(self, plan: Plan, subject: Subject, sending: Sending) -> Outcome:
        params = await self._sight.login("admin")
        assert params is not None
        _, scene = await self._sight.admin()
        names = {subject.key, dict(subject.identity)["live"]}
        beside = next((one for one in ("postgres", "template1") if one in scene.databases and one not in names), "")
        ending = plan.action is plans.SWITCH_TERMINATE or plan.action.name == "switch-terminate"
        order = switched(subject.identity, ending)
        await self._sight.ready(params, beside, SWITCHING)
        await sending()
        try:
            await self._sight.server.ask(params, order, beside, SWITCHING)
        except ProbeError as error:
            if CHANGED in str(error.message):
                return _changed("a name is another database by now")
            if error.cause not in _SAID_NO:
                raise
            if ending:
                words = f"nothing was renamed, but sessions may have been ended: {error.message}"
                return Outcome(Result.PARTIAL, SafeText(words))
            return Outcome(Result.FAILED, SafeText(f"nothing was renamed: {error.message}"))
        return Outcome(Result.DONE, SafeText("both were renamed"))

    async def _prune(self, subject: Subject, sending: Sending) -> Outcome:
        """Delete one file, if it still is that very one: compared once more when nothing stands between."""
        then = tuple(pair for pair in subject.identity if pair[0] != "name")
        if await self._sight.lane.run(folder.identity_now, self.settings.folder, subject.key) != then:
            return _changed("another file has that name")
        await sending()
        try:
            return await self._sight.lane.run(deleted, self.settings.folder, subject.key, then)
        except OSError as error:
            return Outcome(Result.FAILED, SafeText(f"it was not deleted: {(error.strerror or 'unknown').lower()}"))

    async def _clean(self, subject: Subject, sending: Sending) -> Outcome:
        """Drop the job's own database by its oid, remove its own temporary file."""
        shelf = self._sight.shelf()
        task, made = ledger.task_of(shelf, subject.key), ledger.made_by(shelf, subject.key)
        if task is None:
            return _changed("nothing is remembered of that job")
        part = task.text("part")
        params = await self._sight.login("scratch" if task.action == "verify" else "admin")
        await sending()
        try:
            if made is not None and not made.gone and params is not None:
                order = act_scratch.dropped(made.name, made.oid, ending=task.action == "verify")
                if not await self._sight.server.ask(params, order, session=act_scratch.WRITING):
                    return _changed(f"the database is not called {made.name} any more, so it is left alone")
                put(shelf / f"{subject.key}.made.json", {"name": made.name, "oid": made.oid, "gone": True})
            if part:
                folder_of = task.text("into") or self.settings.folder
                await self._sight.lane.run(removed, f"{folder_of}/{part}")
            cleaned = {**(task.end or {}), "cleaned": self.context.now().isoformat()}
            put(shelf / f"{subject.key}.ended.json", cleaned)
        except ProbeError as error:
            if error.cause not in _SAID_NO:
                raise
            return Outcome(Result.FAILED, SafeText(f"nothing was removed: {error.message}"))
        except OSError as error:
            return Outcome(Result.FAILED, SafeText(f"it was not removed: {(error.strerror or 'unknown').lower()}"))
        return Outcome(Result.DONE, SafeText("removed"))

    async def _under_way(self, action: str) -> ledger.Task | None:
        for task, standing in await self._sight.jobs():
            if task.action == action and standing.state is job.State.RUNNING:
                return task
        return None

    # is it true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Ask the job, and when it says that it is done, look whether it is so."""
        name = plan.action.name
        if name in plans.SWITCHES:
            _, scene = await self._sight.admin()
            if scene.pin != plan.pin:
                return truth.said(Truth.UNKNOWN, "another server answers there now")
            return truth.after_switch(subject, scene)
        if name in plans.PRUNES:
            now = await self._sight.lane.run(folder.identity_now, self.settings.folder, subject.key)
            return truth.after_prune(subject, now)
        task, work, standing = await self._work(plan, subject, outcome)
        if name in ("stop", "clean"):
            if work is None or work.state == "under way":
                return truth.said(Truth.PENDING, "it still runs")
            left = f"; left behind: {work.left}" if work.left else ""
            ended = Truth.CONFIRMED if name == "stop" or not work.left else Truth.REFUTED
            return truth.said(
                ended, f"{work.words}{left}" if work.state == "stopped" else f"{work.state}: {work.words}{left}"
            )
        verdict = truth.of_job(work, standing, outcome)
        if verdict is not None or task is None or standing is None:
            return verdict or truth.said(Truth.UNKNOWN, "nothing is remembered of its job")
        return await self._looked(name, subject, task, ledger.told(standing, task.end))

    async def _looked(self, name: str, subject: Subject, task: ledger.Task, told: ledger.Told) -> Verdict:
        made = ledger.made_by(self._sight.shelf(), task.act)
        if name == "dump":
            file = dict(subject.identity)["file"]
            return truth.after_dump(told, await self._sight.lane.run(folder.identity_now, self.settings.folder, file))
        if name == "fetch":
            now = await self._sight.lane.run(folder.identity_now, self.settings.folder, subject.key)
            return truth.after_dump(told, now, "fetched")
        if name == "copy":
            return truth.after_copy(told, await self._sight.copy_size(subject.key))
        if name == "verify":
            return truth.after_verify(told, made)
        _, scene = await self._sight.admin()
        return truth.after_restore(told, made, scene)

    async def _work(
        self, plan: Plan, subject: Subject, outcome: Outcome
    ) -> tuple[ledger.Task | None, Work | None, job.Standing | None]:
        """The job of an act: by its id, or, where no outcome was kept, by when and on what it was planned."""
        state = self._needs_state()
        shelf = self._sight.shelf()
        act = dict(outcome.facts).get("job") or (subject.key if plan.action.name in ("stop", "clean") else "")
        if act:
            task = ledger.task_of(shelf, act)
        else:
            same = (plan.action.name, subject.key, plan.looked_at)
            task = next((one for one in ledger.tasks(shelf) if (one.action, one.subject, one.at) == same), None)
        if task is None:
            return None, None, None
        standing = await job.look(ledger.job_of(state, task.act))
        made = ledger.made_by(shelf, task.act)
        return task, work_of(task, standing, made, self.settings.folder, self.context.now()), standing

    # words

    def render(self, request: Request) -> str:
        """`pg_dump ...`, `pg_restore ...`."""
        return commands.render(request, self.settings, self.context.now())

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of PostgreSQL's programs, or one about files, would do here."""
        return commands.recognise(line, self.settings)

    async def rights(self) -> Sequence[Right]:
        """What our logins and the folder allow."""
        return await rights_of(self._sight)

    def abort(self) -> None:
        """Cut what is asked of a server."""
        self._sight.server.cut()

    async def close(self) -> None:
        """Let go of the threads. Jobs go on."""
        self._sight.close()


def _moves(action: Action) -> bool:
    """True for acts whose subject's identity must be the same at both looks."""
    return action.name not in ("stop", "clean")


def _changed(how: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {how}"))
