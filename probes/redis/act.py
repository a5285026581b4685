"""Acts on a Redis as a cache: clears keys, flushes a database, sets eviction policy and memory, empties the slow log.

The run id of the server, its role and the database are read on the same connection directly before. Each act has a
connection of its own; nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from probes.base import (
    Action,
    Actuator,
    BadUrl,
    Cause,
    Choice,
    CommandLine,
    Context,
    Danger,
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
    parse_url,
)
from probes.redis import act_clear, act_rights, act_truth, commands, managed
from probes.redis.act_plans import (
    ACTIONS,
    CLEAR,
    COLD,
    FLUSH,
    MEMORY,
    MIB,
    NO_CLUSTER,
    NO_REPLICA,
    POLICIES,
    POLICY,
    SLOWLOG,
    amount,
    database_of,
    drops_at_once,
    drops_soon,
    lasting,
    pattern_fault,
    policy_fault,
    size,
)
from probes.redis.address import PORT, SCHEMES, RedisSettings, resolve
from probes.redis.connection import Command, Link, Refusal, complaint
from probes.redis.facts import EVICTS, RedisFacts
from probes.redis.interlock import Interlock, Queues
from probes.redis.sight import Here, flushes, look, pages

_SEARCHING: Final = 6.0
"""Seconds for the search for queues before an act."""
_ANSWERS: Final = 15.0
_SETTLES: Final = 30.0
_FIRST: Final = 60.0
"""Seconds for the first batch of a clearing: the first key that matches may stand far behind."""
_PREFIXES: Final = 10
_DATABASES: Final = 16
"""Databases searched for queues before a setting of the whole server is changed."""


class RedisActuator(Actuator[RedisFacts]):
    """Acts on one server. A subject is a database, as `db3`; none is the profile's own."""

    kind = "redis"
    reads_pipes = True
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, RedisSettings)
        self.settings = target.settings
        self._links: set[Link] = set()
        self._left: dict[str, act_truth.Left] = {}
        self._clearings: dict[str, act_clear.Clearing] = {}
        """Under way or ended, by the id of their act."""

    # offers

    def offers(self, facts: RedisFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Clear and flush for a database, all of them for the server."""
        rows = [one for one in subjects if one]
        replica = NO_REPLICA if facts.replication.role == "replica" else ""
        if rows:
            known = {f"db{one.number}" for one in facts.databases}
            if not set(rows) <= known:
                return ()
            several = "one database at a time" if len(rows) > 1 else ""
            return (Offer(CLEAR, several or replica), Offer(FLUSH, several or replica))
        fixed = managed.without_config(self._host())
        return (
            Offer(CLEAR, replica), Offer(FLUSH, replica),
            Offer(POLICY, fixed or replica), Offer(MEMORY, fixed or replica),
            Offer(SLOWLOG, "" if facts.slow else "the slow log is empty"),
        )  # fmt: skip

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """The policies there are; the commonest beginnings of keys, where none belongs to a queue."""
        if action == POLICY.name:
            return [Choice(policy, SafeText(about)) for policy, about in POLICIES.items()]
        if action != CLEAR.name:
            return ()
        async with self._linked(self._db(subjects)) as link:
            interlock, found, seen = Interlock(link), Counter[str](), 0
            async for _, keys in pages(link, "*"):
                queues = await interlock.of(keys)
                seen += len(keys)
                for key in keys:
                    head, colon, _rest = key.partition(b":")
                    if colon and key not in queues and head.isascii() and head.isalnum():
                        found[head.decode()] += 1
                if seen >= 2000:
                    break
        common = found.most_common(_PREFIXES)
        return [Choice(f"{head}:*", SafeText(f"{count:,} of {seen:,} keys looked at")) for head, count in common]

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the server afresh, count, and search for queues."""
        action = next((one for one in self.actions if one.name == request.action), None)
        rows = tuple(dict.fromkeys(one for one in request.subjects if one))
        if action is None or (request.number is None) is (action is MEMORY) or len(rows) > 1:
            raise ProbeError(Cause.MISSING, "a cache has no such act")
        if bool(request.word) is not (action in (CLEAR, POLICY)) or (rows and action not in (CLEAR, FLUSH)):
            raise ProbeError(Cause.MISSING, "a cache has no such act")
        db = self._db(rows)
        request = replace(request, subjects=rows if db != self._own() else ())
        async with self._linked(db) as link:
            here = await self._suitable(action, link, db)
            looked_at = self.context.now()
            made = await self._planned(action, request, link, here)
        return replace(made, looked_at=looked_at)

    async def _suitable(self, action: Action, link: Link, db: int) -> Here:
        here = await look(link, db)
        if action is not SLOWLOG and here.role != "master":
            raise ProbeError(Cause.DENIED, f"{link.where}: {NO_REPLICA}")
        if action in (CLEAR, FLUSH) and here.cluster:
            raise ProbeError(Cause.VERSION, f"{link.where}: {NO_CLUSTER}")
        if action in (POLICY, MEMORY) and (fixed := managed.without_config(self._host(), here.info)):
            raise ProbeError(Cause.MISSING, fixed)
        return here

    async def _planned(self, action: Action, request: Request, link: Link, here: Here) -> Plan:
        made = {
            CLEAR: self._clear, FLUSH: self._flush, POLICY: self._policy, MEMORY: self._memory, SLOWLOG: self._slowlog,
        }[action]  # fmt: skip
        base = Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"{here.product} at {link.where}, database {here.db}, run {here.run[:8]}", 300),
            pin=here.pin,
            subjects=(),
            command=tuple(self.render(request).splitlines()),
            looked_at=self.context.now(),
            danger=action.danger,
            answers=_ANSWERS,
            settles=_SETTLES,
        )
        return await made(base, link, here)

    async def _clear(self, plan: Plan, link: Link, here: Here) -> Plan:
        pattern = plan.request.word
        if fault := pattern_fault(pattern):
            raise ProbeError(Cause.MISSING, fault)
        count = await act_clear.counted(link, pattern)
        if count.complete and not count.keys:
            raise ProbeError(Cause.GONE, f"no key of database {here.db} matches {SafeText(pattern, 80)}")
        held = here.keys(here.db).keys
        spared = ""
        if count.queues.total:
            spared = f"{count.queues.total:,} of them belong to queues ({count.queues.words}): narrow the pattern"
        atleast = "" if count.complete else "at least "
        felt = [COLD, *(SafeText(f"such as {key}") for key in count.sample)]
        if count.session:
            felt.append(
                SafeText(f"keys that look like sessions are among them ({count.session}): users are logged out")
            )
        if here.replicas:
            felt.append(SafeText(f"{amount(here.replicas, 'replica')} lose them as well"))
        notes = (
            []
            if count.complete
            else [SafeText(f"not every key was looked at in {act_clear.COUNTING:.0f} s: more may match")]
        )
        expected = count.keys / act_clear.RATE
        if expected > 2 or not count.complete:
            notes.append(SafeText("it can be stopped, and stops when Opsroom ends: what is removed by then is gone"))
        if expected > act_clear.LONGEST / 2:
            notes.append(SafeText(f"it leaves off after {act_clear.LONGEST:.0f} s: clear once more then"))
        subject = Subject(
            key=f"db{here.db} {pattern}",
            name=SafeText(f"{pattern} in database {here.db}", 300),
            identity=(*here.pin, ("pattern", pattern)),
            before=SafeText(f"{atleast}{amount(count.keys)} of {amount(held)} match"),
            after=SafeText("none of these, every other key untouched"),
            spared=SafeText(spared),
            barred=bool(spared),
        )
        return replace(
            plan, subjects=(subject,), felt=tuple(felt), notes=tuple(notes),
            answers=_FIRST + _ANSWERS, settles=act_clear.LONGEST + 60.0,
        )  # fmt: skip

    async def _flush(self, plan: Plan, link: Link, here: Here) -> Plan:
        held = here.keys(here.db)
        if not held.keys:
            raise ProbeError(Cause.GONE, f"database {here.db} is empty")
        barred = await self._no_flush(link, here)
        session = "" if barred else await act_clear.session(link, time.monotonic() + 2.0)
        spared = barred or (
            session and f"keys that look like sessions are in it ({session}): users would be logged out"
        )
        others = [one for one in here.databases if one.number != here.db and one.keys]
        felt = [COLD]
        if here.replicas:
            felt.append(SafeText(f"{amount(here.replicas, 'replica')} become empty as well"))
        notes = [SafeText(f"database {one.number} stays as it is: {amount(one.keys)}") for one in others[:5]]
        subject = Subject(
            key=f"db{here.db}",
            name=SafeText(f"database {here.db}"),
            identity=(*here.pin, ("flushes", str(flushes(here)))),
            before=SafeText(f"{amount(held.keys)}, {amount(held.expires)} with a lifetime"),
            after=SafeText("empty"),
            spared=SafeText(spared),
            barred=bool(barred),
        )
        return replace(plan, subjects=(subject,), felt=tuple(felt), notes=tuple(notes))

    async def _no_flush(self, link: Link, here: Here) -> str:
        """Why the database must not be flushed; empty when it may be."""
        queues = await Interlock(link).search(time.monotonic() + _SEARCHING)
        if queues.counts:
            return f"queues live in it ({queues.words}): their jobs would be gone; clear the cache by its pattern"
        return "" if queues.complete else "it is too large to be sure that no queue lives in it; clear by a pattern"

    async def _policy(self, plan: Plan, link: Link, here: Here) -> Plan:
        policy = plan.request.word
        if policy not in POLICIES:
            raise ProbeError(Cause.MISSING, "there is no such policy")
        if policy == here.policy:
            raise ProbeError(Cause.GONE, f"the policy is {policy} already")
        spared = policy_fault(policy, await self._queues(link, here))
        subject = Subject(
            key="maxmemory-policy",
            name=SafeText("maxmemory-policy"),
            identity=(*here.pin, ("policy", here.policy)),
            before=SafeText(here.policy, 40),
            after=SafeText(f"{policy}: {POLICIES[policy]}"),
            spared=SafeText(spared, 300),
            barred=bool(spared),
        )
        felt = []
        if not here.limit:
            felt.append(SafeText("nothing as long as there is no memory limit (maxmemory 0)"))
        elif policy == "noeviction":
            felt.append(SafeText(f"writes are refused once {size(here.limit)} are full; {size(here.used)} are in use"))
        elif full := drops_soon(policy, here):
            felt.append(SafeText(full))
        danger = Danger.DESTRUCTIVE if drops_soon(policy, here) else plan.danger
        undo = SafeText(f"set it back to {here.policy}", 80)
        return replace(plan, subjects=(subject,), felt=tuple(felt), undo=undo, notes=(lasting(here),), danger=danger)

    async def _memory(self, plan: Plan, link: Link, here: Here) -> Plan:
        wanted = (plan.request.number or 0) * MIB
        if wanted == here.limit:
            raise ProbeError(Cause.GONE, f"the limit is {size(wanted)} already")
        spared, drops = await self._below(wanted, link, here)
        before = "no limit" if here.limit == 0 else size(here.limit)
        subject = Subject(
            key="maxmemory",
            name=SafeText("maxmemory"),
            identity=(*here.pin, ("maxmemory", str(round(here.limit or 0)))),
            before=SafeText(f"{before}, {size(here.used)} in use"),
            after=SafeText(size(wanted)),
            spared=SafeText(spared),
            barred=bool(spared),
        )
        undo = SafeText(f"set it back to {before}")
        made = replace(plan, subjects=(subject,), undo=undo, notes=(lasting(here),))
        return replace(made, felt=(SafeText(drops),), danger=Danger.DESTRUCTIVE) if drops else made

    async def _below(self, wanted: int, link: Link, here: Here) -> tuple[str, str]:
        """(why a limit must not be set, what it takes away at once); empty for nothing."""
        used, machine = here.used, float(here.info.get("total_system_memory", "0") or 0)
        if machine and wanted > machine:
            return f"the machine has {size(machine)} in all: the system would end the server before that", ""
        if used is None or wanted >= used:
            return "", ""
        if here.policy not in EVICTS:
            return f"{size(used)} are in use and the policy is {here.policy}: writes would be refused at once", ""
        queues = await self._queues(link, here)
        if queues.counts or not queues.complete:
            return f"{size(used)} are in use: keys of queues would be dropped ({queues.words})", ""
        return "", f"{size(used)} are in use: keys are dropped at once, down to {size(wanted)}"

    async def _slowlog(self, plan: Plan, link: Link, here: Here) -> Plan:
        count, newest = await act_truth.slow(link)
        if not count:
            raise ProbeError(Cause.GONE, "the slow log is empty")
        subject = Subject(
            key="slowlog",
            name=SafeText("slow log"),
            identity=(("run", here.run), ("newest", str(newest))),
            before=SafeText(f"{count:,} entr{'y' if count == 1 else 'ies'}"),
            after=SafeText("empty"),
        )
        return replace(plan, subjects=(subject,))

    async def _queues(self, link: Link, here: Here) -> Queues:
        """Queues in any database of the server: its settings hold for all of them."""
        ends, found = time.monotonic() + _SEARCHING, Queues()
        numbers = [one.number for one in here.databases if one.keys]
        for number in numbers[:_DATABASES]:
            async with self._linked(number) as one:
                part = await Interlock(one).search(ends)
            if part.counts:
                return part
            found.complete = found.complete and part.complete
        found.complete = found.complete and len(numbers) <= _DATABASES
        return found

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look at server and object, then send it, over the same connection."""
        action, db = plan.action, int(dict(plan.pin)["database"])
        if action is CLEAR:
            return await self._cleared(plan, subject, act, db, sending)
        async with self._linked(db) as link:
            here = await look(link, db)
            if here.pin != plan.pin or (here.role != "master" and action is not SLOWLOG):
                return _other(plan, here)
            if changed := await self._changed(plan, subject, link, here):
                return _changed(changed)
            await sending()
            if not link.is_open:
                return Outcome(Result.FAILED, SafeText("the connection was cut before anything was sent"))
            (reply,) = await link.ask([_sent(plan)])
        return self._answer(plan, reply, link, here)

    async def _cleared(self, plan: Plan, subject: Subject, act: str, db: int, sending: Sending) -> Outcome:
        """Begin to clear; what has not ended soon goes on, and `verify` tells how far it is."""
        link = self._link(db)
        self._links.add(link)
        clearing = None
        try:
            await link.open()
            here = await look(link, db)
            if here.pin != plan.pin or here.role != "master":
                return _other(plan, here)
            clearing = act_clear.Clearing(link, dict(subject.identity)["pattern"], sending, here.keys(db).keys)
            ended = await clearing.begun()
            if ended is None:
                self._clearings[act], clearing = clearing, None
                return act_clear.under_way(act, self._clearings[act].course)
            return ended
        finally:
            self._links.discard(link)
            if act not in self._clearings:
                if clearing is not None:
                    clearing.cut()
                await link.close()

    def leave_off(self, plan: Plan, subject: Subject, outcome: Outcome) -> None:
        """Stop a clearing between two batches."""
        clearing = self._clearings.get(dict(outcome.facts).get("clearing", ""))
        if clearing is not None:
            clearing.course.stopping = True

    async def _changed(self, plan: Plan, subject: Subject, link: Link, here: Here) -> str:
        """How the object differs from the planned one; empty when it doesn't."""
        told = dict(subject.identity)
        if plan.action is FLUSH:
            return await self._no_flush(link, here)
        if plan.action is POLICY:
            if here.policy != told["policy"]:
                return f"maxmemory-policy {told['policy']} -> {here.policy}"
            worse = "" if plan.danger is Danger.DESTRUCTIVE else drops_at_once(plan.request.word, here)
            return worse or policy_fault(plan.request.word, await self._queues(link, here))
        if plan.action is MEMORY:
            if str(round(here.limit or 0)) != told["maxmemory"]:
                return f"maxmemory {size(float(told['maxmemory']))} -> {size(here.limit)}"
            fault, drops = await self._below((plan.request.number or 0) * MIB, link, here)
            return fault or ("" if plan.danger is Danger.DESTRUCTIVE else drops)
        if plan.action is SLOWLOG and (await act_truth.slow(link))[0] == 0:
            return "the slow log is empty"
        return ""

    def _answer(self, plan: Plan, reply: object, link: Link, here: Here) -> Outcome:
        if isinstance(reply, Refusal):
            if plan.action in (POLICY, MEMORY) and reply.unknown:
                words = managed.without_config(self._host(), here.info) or managed.UNKNOWN
                return Outcome(Result.FAILED, SafeText(words))
            return Outcome(Result.FAILED, complaint(reply, link.where).message)
        if reply != b"OK":
            return Outcome(Result.UNKNOWN, SafeText("the server answered with something else than OK"))
        return Outcome(Result.DONE, SafeText("flushed" if plan.action is FLUSH else "the server says it is set"))

    # looking whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the keys or at the setting."""
        db, known = int(dict(plan.pin)["database"]), dict(outcome.facts).get("clearing", "")
        if known:
            clearing = self._clearings.get(known)
            if clearing is not None and clearing.ended is None:
                words, share = clearing.course.far
                return Verdict(Truth.PENDING, SafeText(words), share)
            outcome = act_truth.ended(clearing.ended if clearing is not None else None)
        async with self._linked(db) as link:
            here = await look(link, db)
            if here.run != dict(plan.pin)["run"]:
                words = "Redis was restarted or another one answers there now: look at it itself"
                return Verdict(Truth.UNKNOWN, SafeText(words))
            told = dict(subject.identity)
            if plan.action is CLEAR:
                left = self._left.setdefault(f"{plan.looked_at} {told['pattern']}", act_truth.Left())
                return await act_truth.cleared(link, left, told, outcome, here, bool(known))
            if plan.action is FLUSH:
                return act_truth.flushed(told, outcome, here)
            if plan.action is POLICY:
                return act_truth.is_set(here.policy, plan.request.word, f"the policy is {here.policy}")
            if plan.action is MEMORY:
                wanted = float((plan.request.number or 0) * MIB)
                return act_truth.is_set(
                    here.limit, wanted, f"the limit is {size(here.limit)}, {size(here.used)} in use"
                )
            return await act_truth.emptied(link, told, outcome)

    # words

    def render(self, request: Request) -> str:
        """The line of redis-cli."""
        return commands.render(request, self._here())

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of redis-cli means here."""
        return commands.recognise(line, self._here())

    def _here(self) -> commands.Here:
        return commands.here(self.settings)

    async def rights(self) -> Sequence[Right]:
        """What our user may do there, asked of the server's own ACL by a script that changes nothing."""
        async with self._linked(self._own()) as link:
            question = act_rights.question()
            (reply,) = await link.ask([question])
            return act_rights.found(reply, link.where)

    def _own(self) -> int:
        """The profile's database."""
        return resolve(self.settings, self.context.secrets).db

    def _db(self, subjects: Sequence[str]) -> int:
        rows = [one for one in subjects if one]
        if not rows:
            return self._own()
        number = database_of(rows[0])
        if number is None:
            raise ProbeError(Cause.GONE, "there is no such database")
        return number

    def _host(self) -> str:
        try:
            return parse_url(self.settings.url, SCHEMES, PORT).host
        except BadUrl:
            return ""

    # connections

    def _link(self, db: int) -> Link:
        settings = self.settings.model_copy(update={"db": db})
        return Link(self.target.name, settings, self.context.secrets, self.context.operator)

    @asynccontextmanager
    async def _linked(self, db: int) -> AsyncIterator[Link]:
        """A connection of its own to one database, gone afterwards."""
        link = self._link(db)
        self._links.add(link)
        try:
            await link.open()
            yield link
        finally:
            self._links.discard(link)
            await link.close()

    def abort(self) -> None:
        """Cut every connection."""
        for link in list(self._links):
            link.abort()

    async def close(self) -> None:
        """Stop what is under way, and let go of every connection."""
        await asyncio.gather(*(one.close() for one in self._clearings.values()))
        await asyncio.gather(*(link.close() for link in list(self._links)))


def _sent(plan: Plan) -> Command:
    """The one request that changes something."""
    if plan.action is FLUSH:
        return ("FLUSHDB", "ASYNC")
    if plan.action is POLICY:
        return ("CONFIG", "SET", "maxmemory-policy", plan.request.word)
    if plan.action is MEMORY:
        return ("CONFIG", "SET", "maxmemory", (plan.request.number or 0) * MIB)
    return ("SLOWLOG", "RESET")


def _changed(words: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}", 300))


def _other(plan: Plan, here: Here) -> Outcome:
    if here.role != "master" and here.pin == plan.pin:
        return _changed("master -> replica, which takes no writes")
    return _changed(f"Redis run {dict(plan.pin)['run'][:8]} -> run {here.run[:8]}, it was restarted or replaced")
