"""Acting on managed databases: to the end on moto and ministack, on a fake for what takes minutes, once on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.aws.rds import parse
from probes.aws.rds.act import RdsActuator
from probes.aws.rds.facts import RdsFacts, Snapshots
from probes.aws.rds.plans import more_than_ten
from probes.aws.rds.probe import RdsProbe
from probes.aws.rds.settings import RdsSettings
from probes.base import Cause, Context, Danger, Grant, Plan, ProbeError, Request, Result, SafeText, Target, Truth
from tests.probes import dbstage
from tests.probes.acting import ACT, carried_out, comes_back, perform, settled
from tests.probes.fakequery import FakeQuery, Says, fake_query
from tests.probes.rigs import CANARY, TestSecrets
from tests.stack.aws import REGION, Cloud
from tests.stack.faultproxy import FaultProxy, Mode

MARK = "000000000001"
"""The short form of the act's id."""


def actuator(port: int, monotonic: Callable[[], float] | None = None, **settings: Any) -> RdsActuator:
    made = RdsSettings.model_validate(dbstage.at(port, **settings))
    context = Context(TestSecrets()) if monotonic is None else Context(TestSecrets(), monotonic)
    return RdsActuator(Target("db", "rds", made), context)


PARAMETERS = {"DBParameterGroupName": "shop-pg", "DBParameterGroupFamily": "postgres15", "Description": "of the shop"}


class Impatient:
    """A clock by which every look is due."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 20.0
        return self.seconds


@pytest.fixture
def orders(moto: Cloud) -> RdsActuator:
    """A database on moto."""
    moto.reset()
    dbstage.database(moto, "orders")
    return actuator(moto.port)


@pytest.fixture
def fake() -> Iterator[FakeQuery]:
    """A database on a fake."""
    with fake_query("rds") as made:
        dbstage.knows(made, "DescribeDBInstances", "DBInstanceIdentifier", orders=dbstage.instance())
        made.answers["DescribeEvents"] = lambda _: {"Events": []}
        yield made


def reading(**more: Any) -> RdsFacts:
    found = RdsFacts(seat=None)  # type: ignore[arg-type]
    one = parse.instance(dbstage.instance(**more))
    return replace(found, instances=(one,))


# on engines, to the end


@pytest.mark.engine
async def test_a_snapshot_is_taken_once_named_after_its_act_and_seen_to_be_available(
    orders: RdsActuator, moto: Cloud
) -> None:
    done = await perform(orders, Request("snapshot", ("orders",)))
    assert [one.result for one in done.outcomes] == [Result.DONE]
    assert done.verdicts[0].truth is Truth.CONFIRMED
    (id,) = dbstage.snapshots(moto)
    assert id == f"opsroom-orders-{done.plan.looked_at:%Y%m%d-%H%M%S}-{MARK}"
    assert str(done.verdicts[0].words) == f"{id} is available, 100 GiB, not encrypted"
    tags = moto.client("rds").describe_db_snapshots(DBSnapshotIdentifier=id)["DBSnapshots"][0]["TagList"]
    assert {"Key": "opsroom-act", "Value": ACT} in tags


@pytest.mark.engine
async def test_the_same_act_again_is_the_same_snapshot(orders: RdsActuator, moto: Cloud) -> None:
    plan = await orders.plan(Request("snapshot", ("orders",)))
    await carried_out(orders, plan, plan.chosen[0], [])
    again = await carried_out(orders, plan, plan.chosen[0], [])
    assert again.result is Result.DONE
    assert "begun it already" in str(again.words)
    assert len(dbstage.snapshots(moto)) == 1


@pytest.mark.engine
async def test_a_restore_makes_a_new_instance_set_up_like_its_source_and_leaves_the_source_alone(moto: Cloud) -> None:
    moto.reset()
    client, ec2 = moto.client("rds"), moto.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{'ab'[n]}")["Subnet"]
        for n in (0, 1)
    ]
    group = ec2.create_security_group(GroupName="db", Description="db", VpcId=vpc)["GroupId"]
    client.create_db_subnet_group(
        DBSubnetGroupName="shop", DBSubnetGroupDescription="shop", SubnetIds=[one["SubnetId"] for one in subnets]
    )
    client.create_db_parameter_group(
        DBParameterGroupName="shop-pg", DBParameterGroupFamily="postgres15", Description="x"
    )
    dbstage.database(
        moto, "orders", MultiAZ=True, DBSubnetGroupName="shop", VpcSecurityGroupIds=[group], PubliclyAccessible=False,
        DBParameterGroupName="shop-pg", Tags=[{"Key": "team", "Value": "shop"}],
    )  # fmt: skip
    client.create_db_snapshot(DBSnapshotIdentifier="before-deploy", DBInstanceIdentifier="orders")
    before = dict(dbstage.there(moto))
    acting = actuator(moto.port)
    done = await perform(acting, Request("restore", ("orders",), word="before-deploy"))
    assert [one.result for one in done.outcomes] == [Result.DONE], done.outcomes
    assert done.verdicts[0].truth is Truth.CONFIRMED, done.verdicts
    new = dbstage.there(moto, done.plan.chosen[0].key)
    assert new["DBInstanceIdentifier"] == f"orders-restored-{done.plan.looked_at:%Y%m%d-%H%M%S}"
    assert [one["VpcSecurityGroupId"] for one in new["VpcSecurityGroups"]] == [group]
    assert new["DBSubnetGroup"]["DBSubnetGroupName"] == "shop"
    assert [one["DBParameterGroupName"] for one in new["DBParameterGroups"]] == ["shop-pg"]
    assert (new["MultiAZ"], new["DBInstanceClass"]) == (True, "db.t3.micro")
    assert {"Key": "team", "Value": "shop"} in new["TagList"]
    assert dict(dbstage.there(moto)) | {"LatestRestorableTime": None} == before | {"LatestRestorableTime": None}
    notes = " ".join(map(str, done.plan.notes))
    assert "point the app to it yourself" in notes
    assert "costs begin now" in notes
    assert "is not in that snapshot" in notes
    await acting.close()


@pytest.mark.engine
async def test_a_restored_instance_that_is_not_like_its_source_is_not_called_done(ministack: Cloud) -> None:
    ministack.reset()
    client = ministack.client("rds")
    client.create_db_parameter_group(
        DBParameterGroupName="shop-pg", DBParameterGroupFamily="postgres15", Description="x"
    )
    dbstage.database(ministack, "orders", DBParameterGroupName="shop-pg")
    client.create_db_snapshot(DBSnapshotIdentifier="one", DBInstanceIdentifier="orders")
    acting = actuator(ministack.port)
    done = await perform(acting, Request("restore", ("orders",), word="one"))
    assert done.verdicts[0].truth is Truth.REFUTED, "this emulator forgets the parameter group"
    assert "not like its source: parameter group" in str(done.verdicts[0].words)
    await acting.close()


@pytest.mark.engine
async def test_snapshots_to_restore_are_offered_newest_first(orders: RdsActuator, moto: Cloud) -> None:
    client = moto.client("rds")
    for id in ("one", "two"):
        client.create_db_snapshot(DBSnapshotIdentifier=id, DBInstanceIdentifier="orders")
    found = await orders.choices("restore", ("orders",))
    assert [one.word for one in found][:2] == ["two", "one"]
    assert found[2].word.startswith("rds:orders-")
    assert "manual, 100 GiB, not encrypted" in str(found[0].about)
    assert await orders.choices("reboot", ("orders",)) == ()


@pytest.mark.engine
async def test_storage_grows_to_what_was_asked_and_is_seen_to(orders: RdsActuator, moto: Cloud) -> None:
    done = await perform(orders, Request("grow", ("orders",), 200))
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert dbstage.there(moto)["AllocatedStorage"] == 200
    assert done.plan.danger is Danger.DISRUPTIVE
    assert not done.plan.undo
    assert "no other change for hours" in " ".join(map(str, done.plan.notes))


@pytest.mark.engine
async def test_a_reboot_is_seen_in_what_rds_tells(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.database(ministack, "orders")
    acting = actuator(ministack.port)
    done = await perform(acting, Request("reboot", ("orders",)))
    assert done.outcomes[0].result is Result.DONE
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert "restarted at" in str(done.verdicts[0].words) or "was rebooting" in str(done.verdicts[0].words)
    await acting.close()


@pytest.mark.engine
async def test_an_instance_that_was_replaced_is_left_alone(orders: RdsActuator, moto: Cloud) -> None:
    def replaced(_: Plan) -> None:
        moto.client("rds").delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True)
        dbstage.database(moto, "orders", StorageType="gp3")

    done = await perform(orders, Request("grow", ("orders",), 200), replaced)
    assert done.outcomes[0].result is Result.REFUSED
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert done.sent == []
    assert dbstage.there(moto)["AllocatedStorage"] == 100


@pytest.mark.engine
async def test_an_instance_that_is_gone_is_told_so(orders: RdsActuator, moto: Cloud) -> None:
    def gone(_: Plan) -> None:
        moto.client("rds").delete_db_instance(DBInstanceIdentifier="orders", SkipFinalSnapshot=True)

    done = await perform(orders, Request("reboot", ("orders",)), gone)
    assert str(done.outcomes[0].words) == "changed since you looked: it is gone"
    with pytest.raises(ProbeError, match="there is no DB instance orders") as caught:
        await orders.plan(Request("reboot", ("orders",)))
    assert caught.value.cause is Cause.GONE


@pytest.mark.engine
async def test_storage_that_grew_in_between_is_looked_at_again_first(orders: RdsActuator, moto: Cloud) -> None:
    def grown(_: Plan) -> None:
        moto.client("rds").modify_db_instance(
            DBInstanceIdentifier="orders", AllocatedStorage=150, ApplyImmediately=True
        )

    done = await perform(orders, Request("grow", ("orders",), 200), grown)
    assert str(done.outcomes[0].words) == "changed since you looked: gib 100 -> 150"
    assert dbstage.there(moto)["AllocatedStorage"] == 150


@pytest.mark.engine
async def test_iam_is_asked_for_rights_and_where_it_does_not_tell_nobody_knows(
    orders: RdsActuator, ministack: Cloud
) -> None:
    assert {one.grant for one in await orders.rights()} <= {Grant.UNKNOWN, Grant.MISSING, Grant.HELD}
    assert [one.name for one in await orders.rights()][:1] == ["take snapshots"]


# at most once

FAULTS = [Mode.LOSE, Mode.RESET_LATER, Mode.SILENT, Mode.GARBAGE, Mode.TRUNCATE, Mode.CLOSE]
ACTS = [
    (Request("snapshot", ("orders",)), b"Action=CreateDBSnapshot"),
    (Request("restore", ("orders",), word="one"), b"Action=RestoreDBInstanceFromDBSnapshot"),
    (Request("grow", ("orders",), 200), b"Action=ModifyDBInstance"),
    (Request("reboot", ("orders",)), b"Action=RebootDBInstance"),
]


@pytest.mark.once
@pytest.mark.engine
@pytest.mark.parametrize("mode", FAULTS, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("request_", "needle"), ACTS, ids=[one.action for one, _ in ACTS])
async def test_an_act_is_sent_once_however_its_answer_is_lost(
    moto: Cloud, mode: Mode, request_: Request, needle: bytes
) -> None:
    moto.reset()
    dbstage.database(moto)
    moto.client("rds").create_db_snapshot(DBSnapshotIdentifier="one", DBInstanceIdentifier="orders")
    with FaultProxy(moto.port) as proxy:
        acting = actuator(proxy.port, timeout=4.0)
        plan = await acting.plan(request_)
        proxy.become(mode, when=needle, after=40 if mode is Mode.TRUNCATE else None)
        outcome = await carried_out(acting, plan, plan.chosen[0], [])
        assert outcome.result is Result.UNKNOWN, outcome
        assert CANARY not in str(outcome.words)
        proxy.mend()
        assert proxy.seen(needle) == 1
        if request_.action != "reboot" and mode in (Mode.LOSE, Mode.RESET_LATER, Mode.TRUNCATE):
            verdict = await settled(acting, plan, plan.chosen[0], outcome)
            assert verdict.truth is Truth.CONFIRMED, "what was lost is found again by looking"
        assert proxy.seen(needle) == 1
        await acting.close()


@pytest.mark.once
@pytest.mark.engine
async def test_a_snapshot_whose_answer_was_lost_is_found_by_what_its_id_begins_with(moto: Cloud) -> None:
    moto.reset()
    dbstage.database(moto)
    with FaultProxy(moto.port) as proxy:
        acting = actuator(proxy.port)
        plan = await acting.plan(Request("snapshot", ("orders",)))
        proxy.become(Mode.LOSE, when=b"Action=CreateDBSnapshot")
        outcome = await carried_out(acting, plan, plan.chosen[0], [])
        proxy.mode = Mode.PASS
        assert outcome.facts == ()
        later = actuator(proxy.port)
        verdict = await later.verify(plan, plan.chosen[0], outcome, 3600.0)
        assert verdict.truth is Truth.CONFIRMED
        for one in (acting, later):
            await one.close()


@pytest.mark.once
@pytest.mark.engine
async def test_nothing_is_sent_where_nobody_answers(moto: Cloud) -> None:
    moto.reset()
    dbstage.database(moto)
    with FaultProxy(moto.port) as proxy:
        acting = actuator(proxy.port, timeout=4.0)
        plan = await acting.plan(Request("reboot", ("orders",)))
        proxy.mode = Mode.REFUSE
        sent: list[str] = []
        outcome = await carried_out(acting, plan, plan.chosen[0], sent)
        assert outcome.result is Result.FAILED
        assert sent == []
        assert proxy.seen(b"Action=RebootDBInstance") == 0
        await acting.close()


# what takes AWS minutes


async def test_a_snapshot_is_followed_from_its_first_percent_until_it_is_available(fake: FakeQuery) -> None:
    course = iter([("creating", 0), ("creating", 40), ("creating", 99), ("available", 100)])

    def known(asked: Mapping[str, str]) -> Mapping[str, Any]:
        status, percent = next(course)
        row = dbstage.snapshot(asked["DBSnapshotIdentifier"], Status=status, PercentProgress=percent)
        return {"DBSnapshots": [row]}

    fake.answers["DescribeDBSnapshots"] = known
    fake.answers["CreateDBSnapshot"] = lambda asked: {
        "DBSnapshot": dbstage.snapshot(asked["DBSnapshotIdentifier"], Status="creating", PercentProgress=0)
    }
    acting = actuator(fake.port, Impatient())
    plan = await acting.plan(Request("snapshot", ("orders",)))
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    seen = [await acting.verify(plan, plan.chosen[0], outcome, 5.0 * n) for n in range(4)]
    assert [(one.truth, one.share) for one in seen] == [
        (Truth.PENDING, 0.0), (Truth.PENDING, 0.4), (Truth.PENDING, 0.99), (Truth.CONFIRMED, None),
    ]  # fmt: skip
    assert "creating 40%" in str(seen[1].words)
    assert "encrypted" in str(seen[3].words)
    await acting.close()


async def test_aws_is_not_asked_at_every_look(fake: FakeQuery) -> None:
    fake.answers["DescribeDBSnapshots"] = lambda asked: {
        "DBSnapshots": [dbstage.snapshot(asked["DBSnapshotIdentifier"], Status="creating", PercentProgress=1)]
    }
    fake.answers["CreateDBSnapshot"] = lambda asked: {"DBSnapshot": {}}
    now = [100.0]
    acting = actuator(fake.port, lambda: now[0])
    plan = await acting.plan(Request("snapshot", ("orders",)))
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    for half_second in range(240):
        now[0] += 0.5
        await acting.verify(plan, plan.chosen[0], outcome, half_second / 2)
    assert 8 <= fake.count("DescribeDBSnapshots") <= 40, "two minutes, two looks a second"
    await acting.close()


@pytest.mark.parametrize(
    ("change", "truth", "words"),
    [
        ({"DBInstanceStatus": "creating"}, Truth.PENDING, "is creating"),
        ({"DBInstanceStatus": "backing-up"}, Truth.PENDING, "is backing-up"),
        ({"DBInstanceStatus": "incompatible-restore"}, Truth.REFUTED, "is incompatible-restore"),
        ({"DBInstanceStatus": "failed"}, Truth.REFUTED, "is failed"),
        ({"MultiAZ": False, "PendingModifiedValues": {"MultiAZ": True}}, Truth.PENDING, "still to come: Multi-AZ True"),
        ({"MultiAZ": False}, Truth.REFUTED, "not like its source: Multi-AZ False"),
        ({"PubliclyAccessible": True}, Truth.REFUTED, "not like its source: public True"),
        ({"VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-default"}]}, Truth.REFUTED, "security groups sg-default"),
        ({}, Truth.CONFIRMED, "set up like its source"),
    ],
)
async def test_a_restore_is_true_when_the_new_instance_is_available_and_like_its_source(
    fake: FakeQuery, change: dict[str, Any], truth: Truth, words: str
) -> None:
    fake.answers["DescribeDBSnapshots"] = lambda _: {"DBSnapshots": [dbstage.snapshot("one")]}
    acting = actuator(fake.port)
    plan = await acting.plan(Request("restore", (), word="one"))
    assert plan.chosen[0].name == SafeText(plan.chosen[0].key)
    rows = {
        "orders": dbstage.instance(),
        plan.chosen[0].key.replace("-", "_"): dbstage.instance(plan.chosen[0].key) | change,
    }
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", **rows)
    fake.answers["RestoreDBInstanceFromDBSnapshot"] = lambda _: {"DBInstance": {"DBInstanceStatus": "creating"}}
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    assert outcome.result is Result.DONE
    verdict = await acting.verify(plan, plan.chosen[0], outcome, 1.0)
    assert verdict.truth is truth
    assert words in str(verdict.words)
    await acting.close()


@pytest.mark.parametrize(
    ("change", "truth", "words"),
    [
        ({"DBInstanceStatus": "modifying"}, Truth.PENDING, "100 of 200 GiB, modifying"),
        ({"PendingModifiedValues": {"AllocatedStorage": 200}}, Truth.PENDING, "100 of 200 GiB"),
        (
            {"AllocatedStorage": 200, "DBInstanceStatus": "storage-optimization", "StorageOperationPercentProgress": 8},
            Truth.CONFIRMED,
            "200 GiB, storage-optimization; AWS still optimises it, 8%",
        ),
        ({"DbiResourceId": "db-OTHER", "AllocatedStorage": 200}, Truth.REFUTED, "another instance has its name"),
    ],
)
async def test_storage_is_grown_when_it_has_the_size_even_while_aws_optimises_it(
    fake: FakeQuery, change: dict[str, Any], truth: Truth, words: str
) -> None:
    fake.answers["ModifyDBInstance"] = lambda _: {"DBInstance": {"DBInstanceStatus": "modifying"}}
    acting = actuator(fake.port)
    plan = await acting.plan(Request("grow", ("orders",), 200))
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=dbstage.instance(**change))
    verdict = await acting.verify(plan, plan.chosen[0], outcome, 1.0)
    assert verdict.truth is truth
    assert words in str(verdict.words)
    await acting.close()


@pytest.mark.parametrize(
    ("status", "told", "began", "after", "truth"),
    [
        ("rebooting", [], "rebooting", 5.0, Truth.PENDING),
        ("available", [], "rebooting", 60.0, Truth.CONFIRMED),
        ("available", [(60, "DB instance restarted")], "", 60.0, Truth.CONFIRMED),
        ("available", [(-60, "DB instance restarted")], "", 60.0, Truth.PENDING),
        ("available", [(60, "DB instance shutdown")], "", 60.0, Truth.PENDING),
        ("available", [], "available", 900.0, Truth.UNKNOWN),
        ("incompatible-parameters", [], "rebooting", 60.0, Truth.REFUTED),
    ],
)
async def test_a_reboot_is_true_when_its_restart_was_seen(
    fake: FakeQuery, status: str, told: list[tuple[int, str]], began: str, after: float, truth: Truth
) -> None:
    fake.answers["RebootDBInstance"] = lambda _: {"DBInstance": {"DBInstanceStatus": began}}
    acting = actuator(fake.port)
    plan = await acting.plan(Request("reboot", ("orders",)))
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=dbstage.instance(DBInstanceStatus=status))
    fake.answers["DescribeEvents"] = lambda _: {
        "Events": [
            {"Date": plan.looked_at + timedelta(seconds=at), "Message": words, "SourceIdentifier": "orders"}
            for at, words in told
        ]
    }
    assert (await acting.verify(plan, plan.chosen[0], outcome, after)).truth is truth
    assert fake.last("RebootDBInstance") == {
        "DBInstanceIdentifier": "orders", "Version": fake.last("RebootDBInstance")["Version"],
    }  # fmt: skip
    await acting.close()


# what is refused, and how it is sent


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (100, "it has 100 GiB, and storage can never be made smaller"),
        (50, "it has 100 GiB, and storage can never be made smaller"),
        (109, "AWS would round 109 up to 110 GiB"),
    ],
)
async def test_storage_is_never_made_smaller_and_never_rounded_behind_ones_back(
    fake: FakeQuery, number: int, reason: str
) -> None:
    acting = actuator(fake.port)
    plan = await acting.plan(Request("grow", ("orders",), number))
    assert not plan.chosen
    assert plan.subjects[0].barred
    assert reason in str(plan.subjects[0].spared)
    assert [one for one, _ in fake.asked if one.startswith("Modify")] == []
    await acting.close()


def test_the_runbooks_200_on_300_would_have_become_330() -> None:
    assert more_than_ten(300) == 330


@pytest.mark.parametrize(
    ("storage", "iops", "sent"),
    [("io1", 4000, "4000"), ("gp3", 12000, "12000"), ("gp3", 3000, None), ("gp2", None, None)],
)
async def test_iops_go_with_it_where_they_must_and_stay_away_where_they_may_not(
    fake: FakeQuery, storage: str, iops: int | None, sent: str | None
) -> None:
    row = dbstage.instance(StorageType=storage)
    row = {**row, "Iops": iops} if iops else {key: value for key, value in row.items() if key != "Iops"}
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=row)
    fake.answers["ModifyDBInstance"] = lambda _: {"DBInstance": {}}
    acting = actuator(fake.port)
    plan = await acting.plan(Request("grow", ("orders",), 200))
    await carried_out(acting, plan, plan.chosen[0], [])
    asked = fake.last("ModifyDBInstance")
    assert asked.get("Iops") == sent
    assert (asked["AllocatedStorage"], asked["ApplyImmediately"]) == ("200", "true")
    assert ("--iops" in plan.command[0]) is (sent is not None)
    await acting.close()


async def test_what_waits_for_the_window_would_be_done_too_so_a_person_must_take_that_in(fake: FakeQuery) -> None:
    row = dbstage.instance(PendingModifiedValues={"DBInstanceClass": "db.r6g.4xlarge"})
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=row)
    acting = actuator(fake.port)
    plan = await acting.plan(Request("grow", ("orders",), 200))
    assert not plan.chosen
    assert "would be done at once too: class db.r6g.4xlarge" in str(plan.subjects[0].spared)
    assert plan.taking_in(["orders"]).chosen
    await acting.close()


@pytest.mark.parametrize(
    ("action", "change", "reason"),
    [
        ("grow", {"DBInstanceStatus": "storage-optimization"}, "no other change for hours"),
        ("grow", {"DBClusterIdentifier": "shop"}, "it is a member of cluster shop"),
        ("snapshot", {"DBInstanceStatus": "backing-up"}, "a backup of it runs already"),
        ("snapshot", {"DBClusterIdentifier": "shop"}, "it is a member of cluster shop"),
        ("reboot", {"DBInstanceStatus": "stopped"}, "it is stopped"),
        ("reboot", {"DBInstanceStatus": "rebooting"}, "it is rebooting"),
    ],
)
async def test_what_can_not_be_done_now_says_why_before_and_in_the_plan(
    fake: FakeQuery, action: str, change: dict[str, Any], reason: str
) -> None:
    acting = actuator(fake.port)
    offers = {offer.action.name: offer.refused for offer in acting.offers(reading(**change), ("orders",))}
    assert reason in offers[action]
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=dbstage.instance(**change))
    plan = await acting.plan(Request(action, ("orders",), 200 if action == "grow" else None))
    assert plan.subjects[0].barred
    assert reason in str(plan.subjects[0].spared)
    await acting.close()


def test_offers_are_for_one_instance_that_is_there(fake: FakeQuery) -> None:
    acting = actuator(fake.port)
    found = [offer.action.name for offer in acting.offers(reading(), ("orders",)) if not offer.refused]
    assert found == ["snapshot", "restore", "grow", "reboot"]
    assert acting.offers(reading(), ("ledger",)) == ()
    assert acting.offers(reading(), ()) == ()
    assert "stop" not in {action.name for action in acting.actions}
    assert not {"delete", "stop"} & {action.name for action in acting.actions}


def test_a_database_without_a_snapshot_offers_no_restore(fake: FakeQuery) -> None:
    facts = reading()
    facts = replace(facts, instances=(replace(facts.instances[0], snapshots=Snapshots()),))
    (refused,) = [
        offer.refused for offer in actuator(fake.port).offers(facts, ("orders",)) if offer.action.name == "restore"
    ]
    assert refused == "it has no snapshot that is available"


@pytest.mark.parametrize(
    ("code", "status", "result", "words"),
    [
        ("InvalidDBInstanceState", 400, Result.REFUSED, "in the state the instance is in"),
        ("SnapshotQuotaExceeded", 400, Result.FAILED, "SnapshotQuotaExceeded"),
        ("AccessDenied", 403, Result.FAILED, "the login may not rds:CreateDBSnapshot"),
        ("Throttling", 400, Result.FAILED, "fewer calls"),
        ("ExpiredToken", 403, Result.FAILED, "the login has expired"),
        ("InternalFailure", 500, Result.UNKNOWN, "failed to answer"),
        ("ServiceUnavailable", 503, Result.UNKNOWN, "overloaded"),
        ("DBSnapshotAlreadyExists", 400, Result.DONE, "begun it already"),
    ],
)
async def test_each_no_has_its_meaning(fake: FakeQuery, code: str, status: int, result: Result, words: str) -> None:
    def no(_: Mapping[str, str]) -> Mapping[str, Any]:
        raise Says(code, "no", status)

    fake.answers["CreateDBSnapshot"] = no
    acting = actuator(fake.port)
    plan = await acting.plan(Request("snapshot", ("orders",)))
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    assert outcome.result is result
    assert words in str(outcome.words)
    assert fake.count("CreateDBSnapshot") == 1
    await acting.close()


async def test_an_instance_that_has_the_new_name_already_is_never_restored_onto(fake: FakeQuery) -> None:
    def no(_: Mapping[str, str]) -> Mapping[str, Any]:
        raise Says("DBInstanceAlreadyExists")

    fake.answers["DescribeDBSnapshots"] = lambda _: {"DBSnapshots": [dbstage.snapshot("one")]}
    fake.answers["RestoreDBInstanceFromDBSnapshot"] = no
    acting = actuator(fake.port)
    plan = await acting.plan(Request("restore", ("orders",), word="one"))
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    assert (outcome.result, str(outcome.words)) == (Result.REFUSED, "there is an instance of that name already")
    await acting.close()


async def test_a_restore_gives_each_setting_that_would_fall_back_to_a_default(fake: FakeQuery) -> None:
    fake.answers["DescribeDBSnapshots"] = lambda _: {"DBSnapshots": [dbstage.snapshot("one")]}
    fake.answers["RestoreDBInstanceFromDBSnapshot"] = lambda _: {"DBInstance": {}}
    row = dbstage.instance(
        StorageType="io1", Iops=4000, DeletionProtection=True, CopyTagsToSnapshot=True,
        OptionGroupMemberships=[{"OptionGroupName": "shop-options"}], IAMDatabaseAuthenticationEnabled=True,
        EnabledCloudwatchLogsExports=["postgresql"],
        TagList=[{"Key": "team", "Value": "shop"}, {"Key": "aws:cloudformation:stack-name", "Value": "x"}],
    )  # fmt: skip
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=row)
    acting = actuator(fake.port)
    plan = await acting.plan(Request("restore", ("orders",), word="one"))
    await carried_out(acting, plan, plan.chosen[0], [])
    asked = fake.last("RestoreDBInstanceFromDBSnapshot")
    wanted = {
        "DBInstanceClass": "db.r6g.large", "MultiAZ": "true", "PubliclyAccessible": "false", "Port": "5432",
        "DBSubnetGroupName": "shop", "DBParameterGroupName": "shop-pg15", "OptionGroupName": "shop-options",
        "StorageType": "io1", "Iops": "4000", "DeletionProtection": "true", "CopyTagsToSnapshot": "true",
        "EnableIAMDatabaseAuthentication": "true", "VpcSecurityGroupIds.VpcSecurityGroupId.1": "sg-1",
        "EnableCloudwatchLogsExports.member.1": "postgresql", "Tags.Tag.1.Key": "team",
        "Tags.Tag.2.Key": "opsroom-source", "Tags.Tag.2.Value": "orders", "Tags.Tag.3.Key": "opsroom-act",
    }  # fmt: skip
    assert {key: asked.get(key) for key in wanted} == wanted
    assert not [value for value in asked.values() if "cloudformation" in value]
    assert "--vpc-security-group-ids sg-1" in plan.command[0]
    await acting.close()


async def test_a_restore_whose_source_is_gone_is_not_guessed_at(fake: FakeQuery) -> None:
    fake.answers["DescribeDBSnapshots"] = lambda _: {"DBSnapshots": [dbstage.snapshot("one", "ledger")]}
    acting = actuator(fake.port)
    with pytest.raises(ProbeError, match="with which groups and parameters it ran is lost") as caught:
        await acting.plan(Request("restore", (), word="one"))
    assert "by hand" in str(caught.value.hint)
    await acting.close()


@pytest.mark.parametrize(
    "request_",
    [
        Request("stop", ("orders",)),
        Request("grow", ("orders",)),
        Request("snapshot", ("orders",), 3),
        Request("restore", ("orders",)),
        Request("reboot", ()),
        Request("reboot", ("orders", "ledger")),
    ],
)
async def test_a_request_that_is_no_act_is_refused(fake: FakeQuery, request_: Request) -> None:
    acting = actuator(fake.port)
    with pytest.raises(ProbeError) as caught:
        await acting.plan(request_)
    assert caught.value.cause is Cause.MISSING
    assert fake.asked == []
    await acting.close()


async def test_a_snapshot_of_another_database_is_not_taken_for_one_of_this(fake: FakeQuery) -> None:
    fake.answers["DescribeDBSnapshots"] = lambda _: {"DBSnapshots": [dbstage.snapshot("one", "ledger")]}
    acting = actuator(fake.port)
    with pytest.raises(ProbeError, match="that snapshot is of ledger, not of orders"):
        await acting.plan(Request("restore", ("orders",), word="one"))
    await acting.close()


async def test_a_snapshot_that_took_the_name_of_another_is_not_restored(fake: FakeQuery) -> None:
    taken = [datetime(2026, 3, 1, tzinfo=UTC)]
    fake.answers["DescribeDBSnapshots"] = lambda _: {
        "DBSnapshots": [dbstage.snapshot("one", SnapshotCreateTime=taken[0])]
    }
    acting = actuator(fake.port)
    plan = await acting.plan(Request("restore", ("orders",), word="one"))
    taken[0] += timedelta(days=1)
    sent: list[str] = []
    outcome = await carried_out(acting, plan, plan.chosen[0], sent)
    assert outcome.result is Result.REFUSED
    assert "changed since you looked: taken" in str(outcome.words)
    assert sent == []
    await acting.close()


async def test_two_databases_of_one_account_do_not_wait_for_one_another(fake: FakeQuery) -> None:
    dbstage.knows(
        fake,
        "DescribeDBInstances",
        "DBInstanceIdentifier",
        orders=dbstage.instance(),
        ledger=dbstage.instance("ledger"),
    )
    acting = actuator(fake.port)
    one, other = [await acting.plan(Request("snapshot", (name,))) for name in ("orders", "ledger")]
    assert one.pin != other.pin
    assert one.pin[:3] == other.pin[:3]
    await acting.close()


async def test_another_account_does_nothing_at_all(fake: FakeQuery) -> None:
    acting = actuator(fake.port, account="123456789012")
    plan = await acting.plan(Request("reboot", ("orders",)))
    fake.account = "999999999999"
    await asyncio.to_thread((await acting._calls.account()).forget)
    sent: list[str] = []
    outcome = await carried_out(acting, plan, plan.chosen[0], sent)
    assert outcome.result is Result.FAILED
    assert "999999999999" in str(outcome.words)
    assert sent == []
    assert fake.count("RebootDBInstance") == 0
    await acting.close()


async def test_a_restore_in_a_line_names_its_source_where_that_is_known(fake: FakeQuery) -> None:
    acting = actuator(fake.port)
    assert comes_back(acting, Request("restore", ("orders",), word="one"))
    assert comes_back(acting, Request("restore", (), word="one"))
    assert RdsProbe.kind == acting.kind
    await acting.close()
