"""Managed databases, read: on moto and ministack, and on a fake for the states they never show."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from probes.aws.metrics import Points
from probes.aws.rds import parse
from probes.aws.rds.facts import Instance, RdsFacts, StoredSnapshot
from probes.aws.rds.probe import RdsProbe
from probes.aws.rds.reach import is_open_to_all, judged, rules_for
from probes.aws.rds.settings import RdsSettings
from probes.base import Cause, Context, ProbeError, SafeText, Snapshot, Target
from tests.probes import dbstage
from tests.probes.fakequery import FakeQuery, Says, fake_query
from tests.probes.rigs import TestSecrets
from tests.stack.aws import REGION, Cloud
from tests.toys import StillClock

AURORA = "aurora-postgresql"
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def probe(port: int, clock: StillClock | None = None, **settings: Any) -> RdsProbe:
    made = RdsSettings.model_validate(dbstage.at(port, **settings))
    context = Context(TestSecrets()) if clock is None else Context(TestSecrets(), clock.monotonic, clock.now)
    return RdsProbe(Target("db", "rds", made), context)


@asynccontextmanager
async def reading(port: int, watched: bool = False, **settings: Any) -> AsyncIterator[RdsProbe]:
    made = probe(port, **settings)
    made.watched = watched
    try:
        yield made
    finally:
        await made.close()


async def read(port: int, watched: bool = False, **settings: Any) -> Snapshot[RdsFacts]:
    async with reading(port, watched, **settings) as made:
        return await made.read()


def raised(found: Snapshot[RdsFacts]) -> dict[str, str]:
    """Rule -> sentence of the alerts of a reading that stays as it is."""
    return dbstage.raised(RdsProbe, Target("db", "rds", RdsSettings()), *[found] * 3)


@pytest.fixture
def fake() -> Iterator[FakeQuery]:
    with fake_query("rds") as made:
        made.answers["DescribeDBClusters"] = lambda _: {"DBClusters": []}
        made.answers["DescribeDBSnapshots"] = lambda _: {"DBSnapshots": []}
        made.answers["DescribePendingMaintenanceActions"] = lambda _: {"PendingMaintenanceActions": []}
        yield made


# on engines


@pytest.mark.engine
async def test_an_instance_is_told_with_its_snapshots_and_its_seat(moto: Cloud) -> None:
    moto.reset()
    dbstage.database(moto, "orders", MultiAZ=True, DeletionProtection=True)
    moto.client("rds").create_db_snapshot(DBSnapshotIdentifier="before-deploy", DBInstanceIdentifier="orders")
    found = (await read(moto.port)).facts
    (one,) = found.instances
    assert (one.name, one.status, str(one.engine), str(one.size)) == ("orders", "available", "postgres", "db.t3.micro")
    assert one.resource.startswith("db-")
    assert (one.allocated, one.storage, one.multi_zone, one.protected) == (100 * 2**30, "gp2", True, True)
    assert one.port == 5432
    assert one.snapshots is not None
    assert one.snapshots.count == 2, "moto adds one of its own"
    assert one.snapshots.newest is not None
    assert str(one.snapshots.newest.id) == "before-deploy"
    assert str(found.seat.place).startswith(f"123456789012 {REGION}")


@pytest.mark.engine
async def test_free_storage_comes_with_its_share_and_the_time_until_it_is_full(moto: Cloud) -> None:
    moto.reset()
    dbstage.database(moto)
    gib = 2.0**30
    values = [20 * gib - n * gib / 4 for n in range(13)]  # 3 GiB an hour, 17 left
    where = {"DBInstanceIdentifier": "orders"}
    dbstage.measure(moto, "AWS/RDS", "FreeStorageSpace", where, *values)
    dbstage.measure(moto, "AWS/RDS", "CPUUtilization", where, 37.0)
    dbstage.measure(moto, "AWS/RDS", "DatabaseConnections", where, 41.0)
    found = await read(moto.port)
    (one,) = found.facts.instances
    assert one.free_ratio == pytest.approx(0.17)
    assert one.full_in == pytest.approx(17 / 3 * 3600, rel=0.01)
    assert (one.cpu, one.connections) == (0.37, 41.0)
    assert raised(found)["storage-soon-full"] == "the storage of orders is full in 5h40m at this pace"


@pytest.mark.engine
async def test_what_no_metric_tells_is_unknown_and_not_zero(moto: Cloud) -> None:
    moto.reset()
    dbstage.database(moto)
    found = await read(moto.port)
    (one,) = found.facts.instances
    assert (one.free, one.free_ratio, one.full_in, one.cpu, one.connections) == (None,) * 5
    assert found.gauge("free_ratio", database="orders") is None
    assert "storage-low" not in raised(found)


@pytest.mark.engine
async def test_only_databases_of_the_profile_are_told_and_one_that_is_not_there_is_named(moto: Cloud) -> None:
    moto.reset()
    for name in ("orders", "orders-replica", "billing"):
        dbstage.database(moto, name)
    found = await read(moto.port, instances=["Orders*", "ledger"])
    assert [one.name for one in found.facts.instances] == ["orders", "orders-replica"]
    assert found.facts.absent == ("ledger",)
    assert raised(found)["absent"] == "there is no database ledger"


@pytest.mark.engine
@pytest.mark.parametrize("engine", ["moto", "ministack"])
async def test_where_each_is_named_only_those_are_asked_for(engine: str, request: pytest.FixtureRequest) -> None:
    cloud: Cloud = request.getfixturevalue(engine)
    cloud.reset()
    for name in ("orders", "billing"):
        dbstage.database(cloud, name)
    found = (await read(cloud.port, instances=["orders", "ledger"])).facts
    assert [one.name for one in found.instances] == ["orders"]
    assert found.absent == ("ledger",)


@pytest.mark.engine
async def test_a_port_is_told_open_only_to_whom_its_groups_let_in(moto: Cloud) -> None:
    moto.reset()
    ec2 = moto.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    app, db = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("app", "db")
    )
    rule = {"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 6000, "UserIdGroupPairs": [{"GroupId": app}]}
    ec2.authorize_security_group_ingress(GroupId=db, IpPermissions=[rule])
    dbstage.database(moto, VpcSecurityGroupIds=[db])
    found = await read(moto.port, reach_from=[app, "sg-0123456789abcdef0", "10.1.0.0/16"])
    (one,) = found.facts.instances
    assert [(reach.source, reach.open) for reach in one.reach] == [
        (app, True),
        ("sg-0123456789abcdef0", False),
        ("10.1.0.0/16", False),
    ]
    assert str(one.reach[1].why) == f"port 5432 is open to {app}"
    assert found.gauge("reachable", database="orders", source=app) == 1
    assert "10.1.0.0/16" in raised(found)["unreachable"] or "sg-0123456789abcdef0" in raised(found)["unreachable"]


@pytest.mark.engine
async def test_what_the_place_does_not_support_is_a_gap_and_the_rest_is_read(moto: Cloud) -> None:
    moto.reset()
    dbstage.database(moto)
    found = await read(moto.port)
    assert [gap.part for gap in found.gaps] == ["pending maintenance"]
    assert found.facts.instances


@pytest.mark.engine
async def test_events_are_read_only_while_somebody_looks(moto: Cloud) -> None:
    moto.reset()
    dbstage.database(moto)
    assert (await read(moto.port)).facts.events == ()
    events = (await read(moto.port, watched=True)).facts.events
    assert "DB instance created" in [str(event.words) for event in events]


@pytest.mark.engine
async def test_the_looks_tell_events_snapshots_and_reach_of_one_database(moto: Cloud) -> None:
    moto.reset()
    dbstage.database(moto)
    moto.client("rds").create_db_snapshot(DBSnapshotIdentifier="one", DBInstanceIdentifier="orders")
    async with reading(moto.port, reach_from=["10.0.0.0/8"]) as made:
        told = {look.name: look for look in made.looks()}
        assert set(told) == {"events", "logs", "snapshots", "maintenance", "reach"}
        lines = [str(line) for line in (await made.look("snapshots", "orders")).lines]
        assert any(line.endswith("one") and "available" in line and "100 GiB" in line for line in lines)
        assert any("created" in str(line) for line in (await made.look("events", "orders")).lines)
        reach = "\n".join(map(str, (await made.look("reach", "orders")).lines))
        assert "from 10.0.0.0/8: closed" in reach
        assert "network ACLs" in reach
        with pytest.raises(ProbeError, match="no look named"):
            await made.look("passwords", "orders")


@pytest.mark.engine
async def test_a_cluster_is_told_with_its_writer(ministack: Cloud) -> None:
    ministack.reset()
    client = ministack.client("rds")
    client.create_db_cluster(
        DBClusterIdentifier="shop",
        Engine="aurora-postgresql",
        MasterUsername="app",
        MasterUserPassword="a-test-password",
    )
    for name in ("shop-1", "shop-2"):
        client.create_db_instance(
            DBInstanceIdentifier=name,
            DBClusterIdentifier="shop",
            Engine="aurora-postgresql",
            DBInstanceClass="db.r6g.large",
        )
    found = (await read(ministack.port, instances=["shop"])).facts
    assert [one.name for one in found.clusters] == ["shop"]
    assert [one.name for one in found.instances] == ["shop-1", "shop-2"], "a cluster brings its members"
    assert [one.writer for one in found.instances].count(True) == 1
    assert all(one.allocated is None for one in found.instances), "its storage is the cluster's"
    assert found.instances[0].snapshots is None
    assert found.clusters[0].snapshots is not None


# on a fake


async def test_a_snapshot_under_way_is_looked_at_more_often_and_told_with_its_progress(fake: FakeQuery) -> None:
    clock = StillClock()
    clock.wall = datetime.now(UTC)
    done = [10]
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=dbstage.instance())
    fake.answers["DescribeDBSnapshots"] = lambda _: {
        "DBSnapshots": [
            dbstage.snapshot("now", Status="creating", PercentProgress=done[0]),
            dbstage.snapshot("old"),
        ]
    }
    made = probe(fake.port, clock)
    first = (await made.read()).facts.instances[0].snapshots
    assert first is not None
    assert [one.progress for one in first.under_way] == [0.1]
    assert first.count == 1, "one that is being taken is none yet"
    done[0] = 40
    clock.seconds += 21
    second = (await made.read()).facts.instances[0].snapshots
    assert second is not None
    assert second.under_way[0].progress == 0.4
    asked = fake.count("DescribeDBSnapshots")
    clock.seconds += 5
    await made.read()
    assert fake.count("DescribeDBSnapshots") == asked
    await made.close()


@pytest.mark.parametrize(
    ("status", "rule", "words"),
    [
        ("storage-full", "storage-full", "the storage of orders is full"),
        ("incompatible-parameters", "broken", "orders is incompatible-parameters"),
        ("stopped", "broken", "orders is stopped"),
        ("rebooting", "changing", "orders is rebooting, and may not answer"),
    ],
)
async def test_a_state_that_does_not_serve_has_its_alert(fake: FakeQuery, status: str, rule: str, words: str) -> None:
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=dbstage.instance(DBInstanceStatus=status))
    assert raised(await read(fake.port))[rule] == words


@pytest.mark.parametrize("status", ["available", "backing-up", "storage-optimization", "modifying"])
async def test_a_state_in_which_it_serves_raises_nothing(fake: FakeQuery, status: str) -> None:
    row = dbstage.instance(DBInstanceStatus=status, InstanceCreateTime=datetime.now(UTC))
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=row)
    assert raised(await read(fake.port)) == {}


async def test_an_old_snapshot_too_few_days_and_none_at_all_are_told(fake: FakeQuery) -> None:
    rows = {name: dbstage.instance(name) for name in ("orders", "billing", "replica")}
    rows["replica"]["ReadReplicaSourceDBInstanceIdentifier"] = "orders"
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", **rows)
    old = datetime.now(UTC) - timedelta(hours=30)
    dbstage_snapshots = {
        "orders": [dbstage.snapshot(f"s{n}", SnapshotCreateTime=old - timedelta(days=n)) for n in range(3)],
        "billing": [dbstage.snapshot("bad", "billing", Status="failed")],
        "replica": [],
    }
    fake.answers["DescribeDBSnapshots"] = lambda asked: {
        "DBSnapshots": dbstage_snapshots[asked["DBInstanceIdentifier"]]
    }
    found = await read(fake.port)
    alerts = raised(found)
    assert alerts["snapshot-old"] == "the newest snapshot of orders is 1d06h old"
    assert alerts["snapshot-none"] == "billing has no snapshot to restore from"
    assert alerts["snapshot-days"].endswith("of the last 7 days")
    assert found.gauge("snapshots", database="replica") is None, "a replica is backed up at its source"


async def test_snapshots_that_may_not_be_listed_are_a_gap_and_no_alarm(fake: FakeQuery) -> None:
    def no(_: Mapping[str, str]) -> Mapping[str, Any]:
        raise Says("AccessDenied", "not authorized to perform: rds:DescribeDBSnapshots on it", 403)

    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=dbstage.instance())
    fake.answers["DescribeDBSnapshots"] = no
    found = await read(fake.port)
    assert [(gap.part, gap.cause) for gap in found.gaps if gap.part == "snapshots"] == [("snapshots", Cause.DENIED)]
    assert "rds:DescribeDBSnapshots" in str(found.gaps[0].hint)
    assert found.facts.instances[0].snapshots is None
    assert "snapshot-none" not in raised(found)


async def test_pending_changes_are_told_without_a_password(fake: FakeQuery) -> None:
    row = dbstage.instance(
        PendingModifiedValues={"DBInstanceClass": "db.r6g.xlarge", "MasterUserPassword": "hunter2", "MultiAZ": True}
    )
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=row)
    fake.answers["DescribePendingMaintenanceActions"] = lambda _: {
        "PendingMaintenanceActions": [
            {
                "ResourceIdentifier": "arn:aws:rds:eu-west-1:1:db:orders",
                "PendingMaintenanceActionDetails": [{"Action": "system-update", "Description": "New OS"}],
            }
        ]
    }
    (one,) = (await read(fake.port)).facts.instances
    assert list(map(str, one.pending)) == ["class db.r6g.xlarge", "MasterUserPassword", "Multi-AZ True"]
    assert "hunter2" not in repr(one)
    assert [str(due.what) for due in one.maintenance] == ["system-update"]


async def test_another_account_than_the_pinned_one_is_not_looked_at(fake: FakeQuery) -> None:
    with pytest.raises(ProbeError, match="the profile pins 999999999999") as caught:
        await read(fake.port, account="999999999999")
    assert caught.value.cause is Cause.DENIED
    assert [operation for operation, _ in fake.asked] == ["GetCallerIdentity"]


async def test_names_from_outside_steer_no_terminal(fake: FakeQuery) -> None:
    row = dbstage.instance(EngineVersion="15\u202e.8", DBInstanceClass="[click=x]")
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=row)
    (one,) = (await read(fake.port)).facts.instances
    assert str(one.version) == "15<U+202E>.8"


async def test_a_reading_costs_few_calls(fake: FakeQuery) -> None:
    clock = StillClock()
    clock.wall = datetime.now(UTC)
    dbstage.knows(fake, "DescribeDBInstances", "DBInstanceIdentifier", orders=dbstage.instance())
    made = probe(fake.port, clock)
    await made.read()
    first = len(fake.asked)
    clock.seconds += 30
    await made.read()
    assert first <= 8
    again = [operation for operation, _ in fake.asked[first:]]
    assert sorted(again) == ["DescribeDBClusters", "DescribeDBInstances"], "metrics are asked every other minute"
    await made.close()


def test_ten_thousand_instances_and_snapshots_are_parsed_in_a_moment() -> None:
    rows = [dbstage.instance(f"db-{n}") for n in range(10_000)]
    kept = [dbstage.snapshot(f"s-{n}", f"db-{n % 1000}") for n in range(10_000)]
    began = time.process_time()
    instances = [parse.instance(one) for one in rows]
    by_name = parse.gathered([parse.snapshot(one) for one in kept], datetime.now(UTC))
    assert time.process_time() - began < 10.0
    assert len(instances) == 10_000
    assert by_name["db-7"].count == 10


# alone


def told(**rule: Any) -> list[Mapping[str, Any]]:
    return [{"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, **rule}]}]


@pytest.mark.parametrize(
    ("rule", "source", "is_open"),
    [
        ({"UserIdGroupPairs": [{"GroupId": "sg-a"}]}, "sg-a", True),
        ({"UserIdGroupPairs": [{"GroupId": "sg-b"}]}, "sg-a", False),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "10.3.0.0/16", True),
        ({"IpRanges": [{"CidrIp": "10.3.0.0/16"}]}, "10.0.0.0/8", False),
        ({"IpRanges": [{"CidrIp": "10.3.0.0/16"}]}, "sg-a", None),
        ({"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "sg-a", True),
        ({"Ipv6Ranges": [{"CidrIpv6": "fd00::/8"}]}, "fd00:1::/64", True),
        ({"Ipv6Ranges": [{"CidrIpv6": "fd00::/8"}]}, "10.0.0.0/8", False),
        ({"PrefixListIds": [{"PrefixListId": "pl-1"}]}, "10.0.0.0/8", None),
        ({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "10.3.0.0/16", True),
        ({"IpProtocol": "udp", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "10.3.0.0/16", False),
        ({"FromPort": 22, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, "10.3.0.0/16", False),
        ({"IpRanges": [{"CidrIp": "rubbish"}]}, "10.3.0.0/16", False),
    ],
)
def test_a_rule_lets_in_whom_it_names(rule: dict[str, Any], source: str, is_open: bool | None) -> None:
    assert judged(source, 5432, rules_for(5432, told(**rule))).open is is_open


def test_a_port_open_to_every_address_is_seen() -> None:
    assert is_open_to_all(rules_for(5432, told(IpRanges=[{"CidrIp": "0.0.0.0/0"}])))
    assert is_open_to_all(rules_for(5432, told(Ipv6Ranges=[{"CidrIpv6": "::/0"}])))
    assert not is_open_to_all(rules_for(5433, told(IpRanges=[{"CidrIp": "0.0.0.0/0"}])))


def points(*values: float, every: float = 900.0) -> Points:
    return Points(tuple(NOW + timedelta(seconds=every * n) for n in range(len(values))), values)


@pytest.mark.parametrize(
    ("course", "left"),
    [
        (points(50, 49, 48, 47, 46), 46 / 4 * 3600),
        (points(46, 47, 48, 49, 50), None),
        (points(50, 50, 50, 50, 50), None),
        (points(50, 40, 30), None),
        (points(50, 49, 48, 47, every=60), None),
        (points(), None),
    ],
)
def test_the_time_until_full_is_told_only_from_enough_points_that_fall(course: Points, left: float | None) -> None:
    assert parse.full_in(course) == (None if left is None else pytest.approx(left))


def test_snapshots_are_counted_by_days_of_the_last_seven() -> None:
    def taken(hours: float, status: str = "available") -> StoredSnapshot:
        return StoredSnapshot(
            SafeText(f"{hours}"), SafeText("db"), "automated", status, None, NOW - timedelta(hours=hours)
        )

    found = parse.gathered([taken(h) for h in (1, 2, 25, 49, 200)] + [taken(97, "failed")], NOW)["db"]
    assert (found.count, found.days) == (5, 3)
    assert found.newest is not None
    assert str(found.newest.id) == "1"


@pytest.mark.parametrize(
    "raw", [{}, {"DBInstanceIdentifier": 7, "AllocatedStorage": "x", "Endpoint": [], "Iops": True}]
)
def test_an_answer_that_is_not_as_documented_is_unknown_and_no_exception(raw: dict[str, Any]) -> None:
    one = parse.instance(raw)
    assert (one.name, one.allocated, one.iops, one.free_ratio) == ("", None, None, None)
    assert parse.cluster(raw).name == ""
    assert parse.snapshot(raw).progress is None


@pytest.mark.parametrize("names", [["a b"], ["$(reboot)"], [""], ["x" * 200]])
def test_a_name_that_cannot_be_is_refused(names: list[str]) -> None:
    with pytest.raises(ValidationError):
        RdsSettings(instances=tuple(names))


def test_facts_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Instance("orders").status = "gone"  # type: ignore[misc]


# log files


async def test_the_newest_lines_of_its_log_files_are_shown_oldest_first_without_secrets(fake: FakeQuery) -> None:
    files = [
        {
            "LogFileName": f"error/postgresql.log.2026-03-01-{hour:02}",
            "LastWritten": 1772330000000 + hour * 3600000,
            "Size": 9,
        }
        for hour in range(14)
    ]
    fake.answers["DescribeDBLogFiles"] = lambda _: {"DescribeDBLogFiles": files}
    fake.answers["DownloadDBLogFilePortion"] = lambda given: {
        "LogFileData": f"of {given['LogFileName'][-2:]}\nFATAL: password=hunter2 refused\n",
        "AdditionalDataPending": False,
    }
    async with reading(fake.port) as made:
        lines = [str(one) for one in (await made.look("logs", "orders")).lines]
    assert lines[0].endswith("9 bytes  error/postgresql.log.2026-03-01-13")
    assert lines[12] == "and 2 older files"
    assert lines[14:] == [
        "── error/postgresql.log.2026-03-01-12", "of 12", "FATAL: password=*** refused",
        "── error/postgresql.log.2026-03-01-13", "of 13", "FATAL: password=*** refused",
    ]  # fmt: skip
    assert fake.last("DownloadDBLogFilePortion")["NumberOfLines"] == "1000"
    assert "Marker" not in fake.last("DownloadDBLogFilePortion")


async def test_a_log_file_that_can_not_be_read_does_not_cost_the_newer_one(fake: FakeQuery) -> None:
    files = [{"LogFileName": f"error/{n}", "LastWritten": 1772330000000 + n, "Size": 9} for n in range(13)]

    def portion(given: Mapping[str, str]) -> dict[str, Any]:
        if given["LogFileName"] != "error/12":
            raise Says("DBLogFileNotFoundFault", "it was deleted", 404)
        return {"LogFileData": "newest\n", "AdditionalDataPending": False}

    fake.answers["DescribeDBLogFiles"] = lambda _: {"DescribeDBLogFiles": files}
    fake.answers["DownloadDBLogFilePortion"] = portion
    async with reading(fake.port) as made:
        lines = [str(one) for one in (await made.look("logs", "orders")).lines]
    assert lines[12] == "and 1 older file"
    assert lines[-2:] == ["── error/12", "newest"]


async def test_of_a_database_without_log_files_that_is_said(fake: FakeQuery) -> None:
    fake.answers["DescribeDBLogFiles"] = lambda _: {"DescribeDBLogFiles": []}
    async with reading(fake.port) as made:
        with pytest.raises(ProbeError, match="RDS keeps no log file of orders"):
            await made.look("logs", "orders")
