"""Reboots nodes, fails shards over, changes node types and eviction policies of managed caches: one call to ElastiCache
each.

ElastiCache takes names, not identities, so a cache is looked at directly before. Nothing is ever deleted or flushed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from probes.aws.act_once import send
from probes.aws.calls import Calls, Refused
from probes.aws.elasticache import commands, plans, policies, truth
from probes.aws.elasticache.facts import CacheEvent, ElastiCacheFacts
from probes.aws.elasticache.plans import FAILOVER, REBOOT, RESIZE
from probes.aws.elasticache.read import events_of
from probes.aws.elasticache.settings import ElastiCacheSettings
from probes.aws.elasticache.sight import Sight, sight, sight_if_there
from probes.aws.metrics import Metric, Metrics
from probes.aws.paced import Paced
from probes.aws.rights import rights
from probes.aws.values import named, table
from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
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

_NEEDED: Final = {
    "elasticache:RebootCacheCluster": "reboot nodes",
    "elasticache:TestFailover": "fail over",
    "elasticache:ModifyReplicationGroup": "change the node type of groups",
    "elasticache:ModifyCacheCluster": "change the node type of clusters",
    "elasticache:ModifyCacheParameterGroup": "set the eviction policy of parameter groups",
}


class ElastiCacheActuator(Actuator[ElastiCacheFacts]):
    """The caches of one target. A subject is cluster/NAME/NODE, group/NAME/SHARD or parameters/GROUP."""

    kind = "elasticache"
    actions = plans.ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, ElastiCacheSettings)
        self.settings = target.settings
        self._calls = Calls(target.settings, context, f"elasticache-act-{target.name}")
        self._paced = Paced(context.monotonic)

    def offers(self, facts: ElastiCacheFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """What there is for a node, a shard or a parameter group, each with why it can't be done now."""
        if len(subjects) != 1:
            return ()
        for node in facts.nodes:
            if node.key == subjects[0]:
                return tuple(Offer(action, plans.node_hindrance(action, node)) for action in plans.OF_NODES)
        for group in facts.groups:
            for shard in group.shards:
                if group.key(shard) == subjects[0]:
                    return tuple(Offer(one, plans.shard_hindrance(one, group, shard)) for one in plans.OF_NODES)
        for one in facts.policies:
            if policies.key_of(one.group) == subjects[0]:
                return (Offer(policies.POLICY, policies.hindrance(str(one.group))),)
        return ()

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """The node types AWS allows for it, bigger ones first; the policies there are."""
        if action == policies.POLICY.name and len(subjects) == 1:
            return policies.choices((await policies.look(self._calls, policies.group_of(subjects[0]))).policy)
        if action != RESIZE.name or len(subjects) != 1:
            return ()
        up, down = await self._allowed(subjects[0])
        found = [Choice(one, SafeText("bigger")) for one in up]
        return (*found, *(Choice(one, SafeText("smaller: what is cached must fit")) for one in down))

    async def _allowed(self, subject: str) -> tuple[list[str], list[str]]:
        sort, name, _ = commands.parts(subject) or ("cluster", subject, "")
        key = "ReplicationGroupId" if sort == "group" else "CacheClusterId"
        await self._calls.whose()
        answer = await self._calls.read("elasticache", "list_allowed_node_type_modifications", **{key: name})
        up, down = answer.get("ScaleUpModifications") or (), answer.get("ScaleDownModifications") or ()
        return [named(one) for one in up][:200], [named(one) for one in down][:200]

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the cache afresh."""
        action = next((one for one in self.actions if one.name == request.action), None)
        if action is None or request.number is not None or (action.word is not None) != bool(request.word):
            raise ProbeError(Cause.MISSING, "elasticache has no such act")
        if len(request.subjects) != 1:
            raise ProbeError(Cause.MISSING, "name one node, one shard or one parameter group")
        (key,) = request.subjects
        if action is policies.POLICY:
            return await self._policy_plan(request, key)
        there = await sight(self._calls, key)
        if action is REBOOT:
            there = await self._with_connections(there)
        allowed, smaller = await self._types(action, there, key)
        parameters = commands.parameters(action.name, key, request.word)
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=there.whose.place,
            pin=there.pin,
            subjects=(plans.subject(action, there, key, request.word, allowed),),
            command=(commands.line_of(action.name, parameters, self.settings),),
            looked_at=self.context.now(),
            danger=action.danger,
            undo=SafeText(f"change it back to {there.size}" if action is RESIZE else ""),
            notes=tuple(map(SafeText, plans.notes(action, there, request.word, smaller, allowed is not None))),
            answers=3 * self.settings.timeout,
            settles=plans.SETTLES[action.name],
        )

    async def _policy_plan(self, request: Request, key: str) -> Plan:
        word = request.word
        if word not in policies.POLICIES:
            raise ProbeError(Cause.MISSING, f"there is no policy {SafeText(word, 40)}")
        there = await policies.look(self._calls, policies.group_of(key))
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=policies.POLICY,
            request=request,
            place=there.whose.place,
            pin=there.pin,
            subjects=(policies.subject(there, word),),
            command=(commands.render(request, self.settings),),
            looked_at=self.context.now(),
            danger=policies.danger(there, word),
            undo=SafeText(f"set it back to {there.policy}" if there.policy else ""),
            notes=tuple(map(SafeText, policies.notes(there, word))),
            answers=3 * self.settings.timeout,
            settles=plans.SETTLES[policies.POLICY.name],
        )

    async def _types(self, action: Action, there: Sight, key: str) -> tuple[list[str] | None, list[str]]:
        """(node types that are allowed, the smaller ones of them); None where AWS can't be asked."""
        if action is not RESIZE or plans.hindrance(action, there):
            return [], []
        try:
            up, down = await self._allowed(key)
        except ProbeError as error:
            if error.cause not in (Cause.MISSING, Cause.GARBAGE):
                raise
            return None, []
        return [*up, *down], down

    async def _with_connections(self, there: Sight) -> Sight:
        """The sight with how many connections its node has, where CloudWatch can tell."""
        if there.node is None:
            return there
        where = (("CacheClusterId", there.node.cluster), ("CacheNodeId", there.node.id))
        try:
            found = await Metrics(self._calls).read({"open": Metric("AWS/ElastiCache", "CurrConnections", where)})
        except ProbeError:
            return there
        return replace(there, node=replace(there.node, connections=found["open"].latest))

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look once more, then send the one call."""
        del act  # ElastiCache's calls have no place for it
        there: Sight | policies.ParameterGroup | None
        if plan.action.name == policies.POLICY.name:
            there = await policies.look_if_there(self._calls, policies.group_of(subject.key))
        else:
            there = await sight_if_there(self._calls, subject.key)
        if there is None:
            return _changed("it is gone")
        if there.pin != plan.pin:
            return _changed(f"it is {there.arn or 'another one'} now")
        if isinstance(there, Sight):
            now = plans.subject(plan.action, there, subject.key, plan.request.word, None)
        else:
            now = policies.subject(there, plan.request.word)
        if now.identity != subject.identity:
            then = dict(subject.identity)
            pairs = [(name, then.get(name, ""), value) for name, value in now.identity]
            return _changed(", ".join(f"{name} {old or '–'} -> {new or '–'}" for name, old, new in pairs if old != new))
        if now.barred:
            return Outcome(Result.REFUSED, now.spared)
        parameters = commands.parameters(plan.action.name, subject.key, plan.request.word)
        try:
            answer = await self._send(plan, parameters, sending)
        except Refused as error:
            return _refused(error)
        return _accepted(plan, answer)

    async def _send(self, plan: Plan, parameters: dict[str, Any], sending: Sending) -> dict[str, Any]:
        if plan.action.name == REBOOT.name:
            return await send(self._calls, sending, "elasticache", "reboot_cache_cluster", **parameters)
        if plan.action.name == FAILOVER.name:
            return await send(self._calls, sending, "elasticache", "test_failover", **parameters)
        if plan.action.name == policies.POLICY.name:
            return await send(self._calls, sending, "elasticache", "modify_cache_parameter_group", **parameters)
        if "ReplicationGroupId" in parameters:
            return await send(self._calls, sending, "elasticache", "modify_replication_group", **parameters)
        return await send(self._calls, sending, "elasticache", "modify_cache_cluster", **parameters)

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look whether it has come true; AWS is asked ever more seldom."""

        async def look() -> Verdict:
            return await self._verified(plan, subject, outcome, after)

        act = (plan.action.name, subject.key, plan.looked_at, outcome.result)
        return await self._paced.verdict(act, after, look)

    async def _verified(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        whose = await self._calls.whose()
        if not set(whose.pin) <= set(plan.pin):
            return Verdict(Truth.UNKNOWN, SafeText("the login is of another account or region now"))
        if plan.action.name == policies.POLICY.name:
            group = await policies.look_if_there(self._calls, policies.group_of(subject.key))
            return policies.verdict(group, plan.request.word, outcome, after)
        there = await sight_if_there(self._calls, subject.key)
        if there is not None and there.pin != plan.pin:
            return Verdict(Truth.REFUTED, SafeText("another cache has its name now"))
        if plan.action.name == RESIZE.name:
            return truth.after_resize(subject, there, plan.request.word, outcome, after)
        sort, name, _ = commands.parts(subject.key) or ("cluster", subject.key, "")
        source = "replication-group" if sort == "group" else "cache-cluster"
        told = await self._told(since=plan.looked_at, SourceIdentifier=name, SourceType=source)
        judge = truth.after_reboot if plan.action.name == REBOOT.name else truth.after_failover
        return judge(subject, there, told, plan.looked_at, outcome, after)

    async def _told(self, **given: Any) -> Sequence[CacheEvent]:
        """What AWS tells in its events; nothing where it may not be asked: the state still tells."""
        try:
            return await events_of(self._calls, **given)
        except ProbeError as error:
            if error.cause in (Cause.DENIED, Cause.MISSING, Cause.GARBAGE):
                return ()
            raise

    # words

    def render(self, request: Request) -> str:
        """`aws elasticache reboot-cache-cluster ...`."""
        return commands.render(request, self.settings)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line of `aws elasticache` would do here."""
        return commands.recognise(line, self.settings)

    async def rights(self) -> Sequence[Right]:
        """What IAM says the login may do."""
        return await rights(self._calls, _NEEDED)

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def _changed(how: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {how}"))


def _refused(error: Refused) -> Outcome:
    if error.code.startswith("TestFailoverNotAvailable"):
        return Outcome(Result.REFUSED, SafeText("AWS does not allow a failover of it now"))
    if error.code.startswith("APICallRateForCustomerExceeded"):
        return Outcome(Result.REFUSED, SafeText("AWS allows no more failovers in these 24 hours"))
    if error.code.startswith(("InvalidCacheClusterState", "InvalidReplicationGroupState")):
        return Outcome(Result.REFUSED, SafeText("ElastiCache does not allow it in the state the cache is in"))
    hint = f"; {error.hint}" if error.hint else ""
    return Outcome(Result.FAILED, SafeText(f"ElastiCache said no: {error.message}{hint}"))


def _accepted(plan: Plan, answer: dict[str, Any]) -> Outcome:
    cluster, group = table(answer.get("CacheCluster")), table(answer.get("ReplicationGroup"))
    status = named(cluster.get("CacheClusterStatus")) or named(group.get("Status"))
    words = {
        REBOOT.name: "ElastiCache reboots it",
        FAILOVER.name: "ElastiCache has begun the failover",
        RESIZE.name: f"ElastiCache changes it to {plan.request.word}",
        policies.POLICY.name: f"ElastiCache takes {plan.request.word} over",
    }[plan.action.name]
    return Outcome(Result.DONE, SafeText(words), (("status", status),))
