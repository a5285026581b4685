"""Copies of backups in a store that speaks S3: compared, never over another, and what roles for all of it may do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from probes.backups import act_copies, store
from probes.backups.facts import BackupsFacts
from probes.backups.folder import identity_of
from probes.backups.settings import Offhost
from probes.backups.store import Keys
from probes.base import Cause, Grant, ProbeError, Request, Truth
from tests.probes.backupstage import Stage, plain, read, told
from tests.probes.test_backups import probe
from tests.probes.test_backups_act import done, staged
from tests.stack.aws import REGION, Cloud
from tests.stack.postgres import PASSWORD, Postgres

ROLES = Path(__file__).resolve().parents[2] / "contrib" / "backups" / "roles.sql"
pytestmark = pytest.mark.engine
KEYS = ("testing", "testing")


@pytest.fixture
def bucket(moto: Cloud) -> Any:
    """An empty bucket, and a client for it."""
    moto.reset()
    client = moto.client("s3")
    client.create_bucket(Bucket="away")
    return client


def offhost(cloud: Cloud, **more: Any) -> dict[str, Any]:
    return {
        "bucket": "away", "prefix": "db/", "endpoint": cloud.url, "region": REGION, "key_id": "env:SECRET",
        "secret_key": "env:SECRET", **more,
    }  # fmt: skip


def place(cloud: Cloud, **more: Any) -> tuple[Offhost, Keys]:
    return Offhost(**{**offhost(cloud), **more}), Keys(cloud.url, *KEYS)


@pytest.fixture
def one(postgres: Postgres, tmp_path: Path) -> Iterator[Stage]:
    """A database, and an empty folder for its backups."""
    made = staged(postgres, tmp_path)
    yield made
    made.drop()


def put(path: Path, where: tuple[Offhost, Keys]) -> str:
    with act_copies.source(str(path), identity_of(path.lstat())) as file:
        return act_copies.to_bucket(file, path.stat().st_size, *where, path.name, "act", lambda share: None)


async def test_a_copy_in_a_bucket_is_made_once_and_compared(one: Stage, moto: Cloud, bucket: Any) -> None:
    path = one.dump("shop-1.dump")
    actuator = one.actuator(offhost=offhost(moto))
    plan = await actuator.plan(Request("copy", ("shop-1.dump",)))
    assert "s3://away/db/" in str(plan.place)
    _, truth, words = await done(actuator, plan)
    assert truth is Truth.CONFIRMED, words
    assert "the same sum" in words
    (stored,) = bucket.list_objects_v2(Bucket="away")["Contents"]
    assert (stored["Key"], stored["Size"]) == ("db/shop-1.dump", path.stat().st_size)
    again = await actuator.plan(Request("copy", ("shop-1.dump",)))
    assert not again.chosen
    known: Callable[[BackupsFacts], bool] = lambda facts: facts.offsite is not None and facts.offsite.count == 1  # noqa: E731
    found = await read(one.probe(offhost=offhost(moto)), known)
    assert found.facts.last[0].copied is True
    assert not {"no-copy", "copy-old", "copy-differs"} & told(found).keys()


async def test_a_big_copy_goes_in_parts_and_its_sum_is_that_of_the_parts(
    tmp_path: Path, moto: Cloud, bucket: Any
) -> None:
    path = tmp_path / "shop-1.dump"
    path.write_bytes(os.urandom(40 << 20))
    put(path, place(moto))
    told_ = bucket.head_object(Bucket="away", Key="db/shop-1.dump")
    assert told_["ContentLength"] == 40 << 20
    assert told_["ETag"].strip('"').endswith("-3")
    assert bucket.get_object(Bucket="away", Key="db/shop-1.dump")["Body"].read() == path.read_bytes()
    assert not bucket.list_multipart_uploads(Bucket="away").get("Uploads")


async def test_the_same_copy_again_sends_nothing_and_another_is_not_written_over(
    tmp_path: Path, moto: Cloud, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plain(tmp_path, "shop-1.dump")
    put(path, place(moto))
    monkeypatch.setattr(act_copies, "_in_one", lambda *given: pytest.fail("it was sent again"))
    put(path, place(moto))
    bucket.put_object(Bucket="away", Key="db/shop-1.dump", Body=b"another")
    with pytest.raises(ProbeError, match="nothing was written over"):
        put(path, place(moto))


async def test_a_part_without_an_answer_is_sent_again_and_the_object_is_made_once(
    tmp_path: Path, moto: Cloud, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ReadTimeoutError

    path = tmp_path / "shop-1.dump"
    path.write_bytes(os.urandom(34 << 20))
    sent: list[int] = []
    made = store.client

    def failing(*given: Any, **more: Any) -> Any:
        client = made(*given, **more)
        upload = client.upload_part

        def part(**asked: Any) -> Any:
            sent.append(asked["PartNumber"])
            answer = upload(**asked)
            if sent == [1]:
                raise ReadTimeoutError(endpoint_url="x")
            return answer

        client.upload_part = part
        return client

    monkeypatch.setattr(act_copies, "client", failing)
    put(path, place(moto))
    assert sent == [1, 1, 2, 3]
    assert bucket.head_object(Bucket="away", Key="db/shop-1.dump")["ContentLength"] == 34 << 20


async def test_an_upload_that_fails_leaves_no_parts_behind(
    tmp_path: Path, moto: Cloud, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop-1.dump"
    path.write_bytes(os.urandom(34 << 20))

    def killed(share: float) -> None:
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        act_copies.source(str(path), identity_of(path.lstat())) as file,
    ):
        act_copies.to_bucket(file, path.stat().st_size, *place(moto), path.name, "act", killed)
    assert not bucket.list_multipart_uploads(Bucket="away").get("Uploads")
    assert not bucket.list_objects_v2(Bucket="away").get("Contents")


async def test_a_bucket_that_is_not_there_or_a_store_that_is_away_has_its_words(
    tmp_path: Path, moto: Cloud, bucket: Any
) -> None:
    path = plain(tmp_path, "shop-1.dump")
    with pytest.raises(ProbeError, match="there is no s3://nowhere/db/") as gone:
        put(path, place(moto, bucket="nowhere"))
    assert gone.value.cause is Cause.GONE
    away = Offhost(bucket="away", endpoint="http://127.0.0.1:9", region=REGION)
    with pytest.raises(ProbeError, match="can't be reached"):
        put(path, (away, Keys("http://127.0.0.1:9", *KEYS)))


async def test_a_store_that_is_away_is_a_gap_of_the_reading(tmp_path: Path) -> None:
    import asyncio

    plain(tmp_path, "shop-1")
    more = {
        "bucket": "away",
        "endpoint": "http://127.0.0.1:9",
        "region": REGION,
        "key_id": "env:A",
        "secret_key": "env:B",
    }
    watching = probe(tmp_path, offhost=more)
    async with asyncio.timeout(10):
        while not (found := await watching.read()).gaps:
            await asyncio.sleep(0.02)
    assert [gap.part for gap in found.gaps] == ["the copies off this host"]
    assert "can't be reached" in str(found.gaps[0].hint)
    await watching.close()


# the roles we hand out


async def test_the_roles_we_hand_out_do_all_of_it_and_nothing_more(
    new_postgres: Callable[..., Postgres], tmp_path: Path
) -> None:
    server = new_postgres()
    one = staged(server, tmp_path)
    one.sql(f"CREATE ROLE newsletter; ALTER DATABASE {one.live} OWNER TO newsletter", "postgres")
    one.sql("ALTER TABLE people OWNER TO newsletter")
    one.sql(ROLES.read_text("utf-8"), "postgres")
    for role in ("dump", "prove", "restore"):
        one.sql(f"ALTER ROLE opsroom_{role} PASSWORD '{PASSWORD}'", "postgres")

    def login(role: str, database: str) -> dict[str, str]:
        return {"url": f"postgresql://opsroom_{role}@127.0.0.1:{server.port}/{database}", "password": "env:SECRET"}

    actuator = one.actuator(
        database=login("dump", one.live), scratch=login("prove", "postgres"), admin=login("restore", "postgres")
    )
    assert (await done(actuator, await actuator.plan(Request("dump")), 1))[1] is Truth.CONFIRMED
    (name,) = one.names()
    _, truth, words = await done(actuator, await actuator.plan(Request("verify", (name,))), 2)
    assert truth is Truth.CONFIRMED, words
    new = f"{one.live}_new"
    _, truth, words = await done(actuator, await actuator.plan(Request("restore", (name,), word=new)), 3)
    assert truth is Truth.CONFIRMED, words
    _, truth, words = await done(actuator, await actuator.plan(Request("switch", (), word=new)), 4)
    assert truth is Truth.CONFIRMED, words
    assert {right.grant for right in await actuator.rights()} == {Grant.HELD}
    with pytest.raises(RuntimeError, match=r"read-only|permission denied"):
        server.sql("DELETE FROM people", role="opsroom_dump", database=one.live)
    with pytest.raises(RuntimeError, match="permission denied"):
        server.sql("SELECT * FROM people", role="opsroom_prove", database=one.live)
    one.role = "postgres"
    too_much = [right for right in await one.actuator().rights() if right.grant is Grant.EXCESS]
    assert {right.name for right in too_much} >= {"more than it needs: scratch, postgres, is a superuser"}
