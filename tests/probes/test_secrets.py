"""Reading secrets: dates, rotation, versions, thousands of them; and never a value."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.aws.secrets.facts import OneSecret, SecretsFacts
from probes.aws.secrets.parse import secret
from probes.aws.secrets.probe import SecretsProbe
from probes.aws.secrets.settings import SecretsSettings
from probes.base import Cause, Context, ProbeError, Snapshot, Target
from tests.probes.awsfake import ACCOUNT, Answer, FakeAws, fake_aws
from tests.probes.rigs import TestSecrets
from tests.probes.sqsstage import at, client
from tests.stack.aws import Cloud

NOW = datetime.now(UTC)


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with fake_aws() as one:
        yield one


@asynccontextmanager
async def probing(port: int | str, **more: Any) -> AsyncIterator[SecretsProbe]:
    settings = SecretsSettings.model_validate(at(int(str(port).rpartition(":")[2]), **more))
    one = SecretsProbe(Target("it", "secrets", settings), Context(TestSecrets()))
    try:
        yield one
    finally:
        await one.close()


def row(snapshot: Snapshot[SecretsFacts], name: str) -> OneSecret:
    found = snapshot.facts.secret(name)
    assert found is not None, [str(one.name) for one in snapshot.facts.secrets]
    return found


def arn(name: str) -> str:
    return f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{name}-AbCdEf"


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "ARN": arn(name), "SecretVersionsToStages": {"v" * 36: ["AWSCURRENT"]}, **more}


def holds(fake: FakeAws, *entries: dict[str, Any]) -> None:
    """A fake account with these secrets."""

    def listed(asked: Mapping[str, Any]) -> Answer:
        begin = int(asked.get("NextToken", "0"))
        end = begin + asked["MaxResults"]
        following = {"NextToken": str(end)} if end < len(entries) else {}
        return 200, {"SecretList": entries[begin:end], **following}

    fake.answers["ListSecrets"] = listed


# real engines


@pytest.mark.engine
@pytest.mark.parametrize("engine", ["moto", "ministack"])
async def test_a_secret_is_read_with_its_dates_and_versions(engine: str, request: pytest.FixtureRequest) -> None:
    cloud: Cloud = request.getfixturevalue(engine)
    manager = client(cloud.port, "secretsmanager")
    manager.create_secret(
        Name=f"read/{engine}",
        SecretString='{"a": "1"}',
        Description="of the shop",
        Tags=[{"Key": "team", "Value": "x"}],
    )
    manager.put_secret_value(SecretId=f"read/{engine}", SecretString='{"a": "2"}')
    manager.create_secret(Name=f"other/{engine}", SecretString="x")
    async with probing(cloud.port, prefix="read/") as probe:
        probe.watched = True
        found = await probe.read()
    one = row(found, f"read/{engine}")
    assert (str(one.description), one.tags, one.rotates) == ("of the shop", 1, False)
    current, previous = one.at("AWSCURRENT"), one.at("AWSPREVIOUS")
    assert current is not None
    assert previous is not None
    assert current.created is not None
    assert one.changed is not None
    assert found.facts.secret(f"other/{engine}") is None
    assert found.gauge("unchanged_seconds", secret=f"read/{engine}") is not None
    assert not found.facts.listing


@pytest.mark.engine
async def test_a_secret_marked_for_deletion_is_told(moto: Cloud) -> None:
    manager = client(moto.port, "secretsmanager")
    manager.create_secret(Name="marked/one", SecretString="x")
    manager.delete_secret(SecretId="marked/one", RecoveryWindowInDays=7)
    async with probing(moto.port, names=["marked/*", "marked/none"]) as probe:
        found = await probe.read()
    assert row(found, "marked/one").deleted is not None
    assert found.gauge("deletion", secret="marked/one") == 1
    assert (found.gauge("deletion_in_seconds", secret="marked/one") or 0) > 6 * 86400
    assert row(found, "marked/none").missing
    assert found.gauge("missing", secret="marked/none") == 1


# numbers and faults


async def test_a_late_rotation_and_one_that_hangs_are_told(fake: FakeAws) -> None:
    stages = {"a" * 36: ["AWSCURRENT"], "b" * 36: ["AWSPENDING"]}
    holds(
        fake,
        entry("late", RotationEnabled=True, NextRotationDate=(NOW - timedelta(days=3)).timestamp()),
        entry("hangs", RotationEnabled=True, SecretVersionsToStages=stages),
        entry("both", SecretVersionsToStages={"c" * 36: ["AWSCURRENT", "AWSPENDING"]}),
        entry("off", RotationEnabled=False, NextRotationDate=(NOW - timedelta(days=3)).timestamp()),
    )
    made = (NOW - timedelta(hours=2)).timestamp()
    fake.answers["ListSecretVersionIds"] = lambda _: (
        200, {"Versions": [{"VersionId": "b" * 36, "CreatedDate": made}, {"VersionId": "a" * 36, "CreatedDate": made}]}
    )  # fmt: skip
    async with probing(fake.url) as probe:
        found = await probe.read()
        again = await probe.read()
    assert row(found, "late").overdue == pytest.approx(3 * 86400, abs=600)
    assert row(found, "hangs").pending == pytest.approx(7200, abs=600)
    assert row(found, "both").pending is None
    assert row(found, "off").overdue is None
    assert {str(one.name) for one in found.facts.secrets[:2]} == {"late", "hangs"}
    assert row(again, "hangs").pending is not None
    assert fake.count("ListSecretVersionIds") == 1, "a version's date never changes"


async def test_versions_whose_dates_may_not_be_asked_leave_a_gap(fake: FakeAws) -> None:
    holds(fake, entry("hangs", SecretVersionsToStages={"a" * 36: ["AWSCURRENT"], "b" * 36: ["AWSPENDING"]}))
    fake.says("ListSecretVersionIds", "AccessDeniedException")
    async with probing(fake.url) as probe:
        found = await probe.read()
    assert [(gap.part, gap.cause) for gap in found.gaps] == [("when versions were made", Cause.DENIED)]
    assert row(found, "hangs").pending is None


async def test_thousands_of_secrets_are_listed_over_several_readings(fake: FakeAws) -> None:
    holds(fake, *(entry(f"s{place:05}") for place in range(3000)))
    async with probing(fake.url) as probe:
        began = time.monotonic()
        first = await probe.read()
        assert time.monotonic() - began < 15
        assert first.facts.secrets
        assert first.facts.listing
        found = first
        for _ in range(10):
            if not found.facts.listing:
                break
            found = await probe.read()
        assert len(found.facts.secrets) == 3000
        assert not found.facts.listing
        holds(fake, *(entry(f"s{place:05}") for place in range(10)))
        later = await probe.read()
        assert len(later.facts.secrets) == 10
        assert len(later.gauges) < 1000


async def test_a_list_beyond_the_cap_is_cut_and_says_so(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.aws.secrets.probe.CAP", 150)
    holds(fake, *(entry(f"s{place:05}") for place in range(300)))
    async with probing(fake.url) as probe:
        await _read_on(probe)
        found = await probe.read()
    assert len(found.facts.secrets) == 150
    assert Cause.TOO_BIG in {gap.cause for gap in found.gaps}


async def _read_on(probe: SecretsProbe) -> None:
    """A read gives the list only a part of its time, which on a busy machine is one page."""
    for _ in range(50):
        await probe.read()


async def test_a_list_that_goes_round_in_circles_is_not_followed(fake: FakeAws) -> None:
    fake.answers["ListSecrets"] = lambda _: (200, {"SecretList": [entry("a")], "NextToken": "x"})
    async with probing(fake.url) as probe:
        with pytest.raises(ProbeError) as caught:
            await _read_on(probe)
    assert caught.value.cause is Cause.GARBAGE


async def test_a_place_in_the_list_that_ran_out_is_begun_anew(fake: FakeAws) -> None:
    holds(fake, *(entry(f"s{place:05}") for place in range(2000)))
    async with probing(fake.url) as probe:
        await probe.read()
        fake.says("ListSecrets", "InvalidNextTokenException")
        with pytest.raises(ProbeError):
            await probe.read()
        holds(fake, entry("only"))
        found = await probe.read()
    assert [str(one.name) for one in found.facts.secrets] == ["only"]


async def test_named_secrets_are_asked_one_by_one_and_one_denied_keeps_the_others(fake: FakeAws) -> None:
    fake.answers["DescribeSecret"] = lambda asked: (
        (400, {"__type": "AccessDeniedException", "message": "no"}) if asked["SecretId"] == "b"
        else (200, {**entry(asked["SecretId"]), "VersionIdsToStages": {"v" * 36: ["AWSCURRENT"]}})
    )  # fmt: skip
    async with probing(fake.url, names=["a", "b"]) as probe:
        found = await probe.read()
    assert row(found, "a").at("AWSCURRENT") is not None
    assert "DescribeSecret" in str(row(found, "b").trouble)
    assert [gap.cause for gap in found.gaps] == [Cause.DENIED]
    assert fake.count("ListSecrets") == 0


async def test_when_nothing_may_be_read_that_is_the_failure(fake: FakeAws) -> None:
    fake.says("DescribeSecret", "AccessDeniedException")
    fake.says("ListSecrets", "AccessDeniedException")
    for more in ({"names": ["a"]}, {}):
        async with probing(fake.url, **more) as probe:
            with pytest.raises(ProbeError) as caught:
                await probe.read()
            assert caught.value.cause is Cause.DENIED


async def test_of_another_account_nothing_is_read(fake: FakeAws) -> None:
    holds(fake, entry("a"))
    async with probing(fake.url, account="999999999999") as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert caught.value.cause is Cause.DENIED
    assert fake.count("ListSecrets") == 0


@pytest.mark.parametrize(
    "broken", [{}, {"VersionIdsToStages": {"a": None, "b": 3}}, {"LastChangedDate": "x", "Tags": None}]
)
def test_what_is_missing_or_odd_is_a_gap(broken: dict[str, Any]) -> None:
    one = secret(broken)
    assert one.changed is None
    assert one.tags == 0
    assert all(version.stages == () for version in one.versions)
