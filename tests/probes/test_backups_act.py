"""Acting on backups, on real PostgreSQL of two releases: taken, proven, restored, switched; the source untouched."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from probes.backups import act_scratch, ledger
from probes.backups.act import BackupsActuator
from probes.backups.act_ledger import put
from probes.backups.settings import BackupsSettings
from probes.base import Cause, Context, Outcome, Plan, ProbeError, Request, Result, SafeText, Target, Truth
from probes.exec import job
from tests.probes.acting import ACT, carried_out, perform, settled
from tests.probes.backupstage import KEEPER, ROWS, Here, Stage, aged, keeps, mounted, plain, session_of
from tests.probes.rigs import CANARY
from tests.stack.postgres import PASSWORD, Postgres

_numbers = count(1)
ROOT = str(Path(__file__).resolve().parents[2])
pytestmark = pytest.mark.engine


def staged(server: Postgres, tmp_path: Path) -> Stage:
    live = f"shop{os.getpid()}x{next(_numbers)}"
    keeps(server, live)
    server.sql(
        "CREATE TABLE people (id int, name text); "
        f"INSERT INTO people SELECT n, md5(n::text) FROM generate_series(1, {ROWS}) n",
        role=KEEPER,
        database=live,
    )
    folder = tmp_path / "backups"
    folder.mkdir()
    return Stage(server, folder, tmp_path / "state", live)


@pytest.fixture
def stage(every_postgres: Postgres, tmp_path: Path) -> Iterator[Stage]:
    """A database with 2,000 people, and an empty folder for its backups; on both releases."""
    made = staged(every_postgres, tmp_path)
    yield made
    made.drop()


@pytest.fixture
def one(postgres: Postgres, tmp_path: Path) -> Iterator[Stage]:
    """The same on the preferred release only."""
    made = staged(postgres, tmp_path)
    yield made
    made.drop()


def people(stage: Stage, database: str = "") -> str:
    return stage.sql("SELECT count(*), sum(hashtext(name)) FROM people", database)


def act_of(number: int) -> str:
    return f"019a0000-0000-7000-8000-{number:012d}"


async def done(actuator: BackupsActuator, plan: Plan, number: int = 1) -> tuple[Result, Truth, str]:
    """A plan carried out under an id of its own: result, truth and words."""

    async def sending() -> None:
        return None

    subject = plan.chosen[0]
    outcome = await actuator.carry_out(plan, subject, act_of(number), sending)
    if outcome.result in (Result.REFUSED, Result.FAILED):
        return outcome.result, Truth.REFUTED, str(outcome.words)
    verdict = await settled(actuator, plan, subject, outcome)
    return outcome.result, verdict.truth, str(verdict.words)


async def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, f"waited for {what}"
        await asyncio.sleep(0.02)


async def ended(stage: Stage, act: str) -> job.Standing:
    end = time.monotonic() + 20
    while (standing := await job.look(ledger.job_of(stage.state, act))).state is job.State.RUNNING:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    return standing


# the whole way


async def test_a_backup_is_taken_proven_restored_and_switched_and_the_source_is_untouched(stage: Stage) -> None:
    actuator = stage.actuator()
    before, oid = people(stage), stage.sql(f"SELECT oid FROM pg_database WHERE datname = '{stage.live}'")

    taken = await actuator.plan(Request("dump"))
    result, truth, words = await done(actuator, taken, 1)
    assert (result, truth) == (Result.DONE, Truth.CONFIRMED), words
    (name,) = stage.names()
    assert name == dict(taken.chosen[0].identity)["file"]
    assert f"{name} is there" in words
    assert "read back whole" in words
    assert (stage.folder / name).stat().st_mode & 0o077 == 0

    proof = await actuator.plan(Request("verify", (name,)))
    result, truth, words = await done(actuator, proof, 2)
    assert (result, truth) == (Result.DONE, Truth.CONFIRMED), words
    assert f"people {ROWS:,} (live {ROWS:,})" in words
    assert "dropped again" in words
    assert stage.databases() == [stage.live]

    new = f"{stage.live}_restored"
    restore = await actuator.plan(Request("restore", (name,), word=new))
    result, truth, words = await done(actuator, restore, 3)
    assert (result, truth) == (Result.DONE, Truth.CONFIRMED), words
    assert people(stage, new) == before
    assert people(stage) == before

    stage.sql("INSERT INTO people VALUES (0, 'late')")
    switch = await actuator.plan(Request("switch", (), word=new))
    assert any("since the backup" in str(one) for one in switch.chosen[0].felt)
    result, truth, words = await done(actuator, switch, 4)
    assert (result, truth) == (Result.DONE, Truth.CONFIRMED), words
    assert people(stage) == before
    aside = dict(switch.chosen[0].identity)["aside"]
    assert stage.sql(f"SELECT oid FROM pg_database WHERE datname = '{aside}'") == oid
    assert stage.sql("SELECT count(*) FROM people", aside) == str(ROWS + 1)

    back = await actuator.plan(Request("switch", (), word=aside))
    assert (await done(actuator, back, 5))[1] is Truth.CONFIRMED
    assert stage.sql(f"SELECT oid FROM pg_database WHERE datname = '{stage.live}'") == oid
    assert stage.sql("SELECT count(*) FROM people") == str(ROWS + 1)
    await actuator.close()


@pytest.mark.parametrize(
    ("pattern", "magic"),
    [("shop-*.tar", b"toc.dat"), ("shop-*.sql", b"--"), ("shop-*.sql.gz", b"\x1f\x8b"), ("shop-*.dir", b"")],
)
async def test_every_format_is_taken_and_proven(one: Stage, pattern: str, magic: bytes) -> None:
    actuator = one.actuator(pattern=pattern)
    _, truth, words = await done(actuator, await actuator.plan(Request("dump")), 1)
    assert truth is Truth.CONFIRMED, words
    (name,) = one.names()
    path = one.folder / name
    assert path.is_dir() if pattern.endswith(".dir") else path.read_bytes().startswith(magic)
    _, truth, words = await done(actuator, await actuator.plan(Request("verify", (name,))), 2)
    assert truth is Truth.CONFIRMED, words
    assert f"people {ROWS:,}" in words
    assert one.databases() == [one.live]


# the source and its neighbours are left alone


async def test_a_restore_never_goes_over_a_database_that_is_there(one: Stage) -> None:
    one.dump("shop-1.dump")
    actuator = one.actuator()
    plan = await actuator.plan(Request("restore", ("shop-1.dump",), word=one.live))
    assert not plan.chosen
    assert "already: nothing is restored over one" in str(plan.subjects[0].spared)


async def test_a_name_that_is_taken_between_look_and_act_is_left_alone(one: Stage) -> None:
    one.dump("shop-1.dump")
    actuator = one.actuator()
    new = f"{one.live}_new"
    plan = await actuator.plan(Request("restore", ("shop-1.dump",), word=new))
    one.sql(f"CREATE DATABASE {new}", "postgres")
    one.sql("CREATE TABLE mine (id int)", new)
    result, _, words = await done(actuator, plan)
    assert result is Result.REFUSED
    assert "already" in words
    assert one.sql("SELECT count(*) FROM mine", new) == "0"


async def test_a_backup_that_was_replaced_meanwhile_is_refused(one: Stage) -> None:
    one.dump("shop-1.dump")
    actuator = one.actuator()
    plan = await actuator.plan(Request("verify", ("shop-1.dump",)))
    (one.folder / "shop-1.dump").unlink()
    one.dump("shop-1.dump")
    result, _, words = await done(actuator, plan)
    assert result is Result.REFUSED
    assert "changed since you looked" in words
    assert one.databases() == [one.live]


async def test_a_plain_dump_that_reaches_beyond_its_database_is_not_read_into_one(one: Stage) -> None:
    one.dump("shop-1.sql", "p", more=["-C", "-c"])
    actuator = one.actuator(pattern="shop-*.sql")
    plan = await actuator.plan(Request("verify", ("shop-1.sql",)))
    _, truth, words = await done(actuator, plan)
    assert truth is Truth.REFUTED
    assert "would reach beyond its database" in words
    assert "DROP DATABASE" in words
    assert people(one).startswith(str(ROWS))
    assert one.databases() == [one.live]


MIGHT = {
    "SUPERUSER": "is a superuser",
    "IN ROLE pg_execute_server_program": "is a member of pg_execute_server_program",
    "IN ROLE postgres": "is a member of postgres",
}


@pytest.mark.parametrize(("might", "words"), MIGHT.items(), ids=MIGHT)
async def test_a_backup_is_not_read_in_as_a_role_that_could_do_more_than_fill_a_database(
    one: Stage, might: str, words: str
) -> None:
    one.dump("shop-1.dump")
    one.role = f"mighty{next(_numbers)}"
    one.sql(f"CREATE ROLE {one.role} LOGIN CREATEDB {might} PASSWORD '{PASSWORD}'", "postgres")
    actuator = one.actuator()
    proof = await actuator.plan(Request("verify", ("shop-1.dump",)))
    assert proof.subjects[0].barred
    assert f"runs as {one.role}, which {words}" in str(proof.subjects[0].spared)
    assert "set scratch to a role that only makes databases" in str(proof.subjects[0].spared)
    plan = await actuator.plan(Request("restore", ("shop-1.dump",), word=f"{one.live}_new"))
    assert not plan.chosen  # nothing is done unasked; who has no other role may take it in
    taken = plan.taking_in(["shop-1.dump"])
    assert taken.chosen[0].taken_in
    one.sql(f"DROP ROLE {one.role}", "postgres")


async def test_who_has_no_other_role_than_a_superuser_may_restore_as_it_knowingly(one: Stage) -> None:
    one.dump("shop-1.dump")
    one.role = "postgres"
    actuator = one.actuator()
    plan = await actuator.plan(Request("restore", ("shop-1.dump",), word=f"{one.live}_new"))
    _, truth, words = await done(actuator, plan.taking_in(["shop-1.dump"]))
    assert truth is Truth.CONFIRMED, words
    assert people(one, f"{one.live}_new") == people(one)


async def test_a_role_that_became_mighty_after_the_look_restores_nothing(one: Stage) -> None:
    one.dump("shop-1.dump")
    one.role = f"mighty{next(_numbers)}"
    one.sql(f"CREATE ROLE {one.role} LOGIN CREATEDB PASSWORD '{PASSWORD}'", "postgres")
    actuator = one.actuator()
    plan = await actuator.plan(Request("verify", ("shop-1.dump",)))
    assert f"what is in the backup runs as role {one.role}" in map(str, plan.notes)
    one.sql(f"ALTER ROLE {one.role} SUPERUSER", "postgres")
    result, _, words = await done(actuator, plan)
    assert result is Result.REFUSED
    assert "which is a superuser" in words
    assert one.databases() == [one.live]
    one.sql(f"DROP ROLE {one.role}", "postgres")


async def test_a_role_that_becomes_mighty_as_the_job_begins_restores_nothing(one: Stage) -> None:
    one.dump("shop-1.dump")
    one.role = f"mighty{next(_numbers)}"
    one.sql(f"CREATE ROLE {one.role} LOGIN CREATEDB PASSWORD '{PASSWORD}'", "postgres")
    actuator = one.actuator()
    plan = await actuator.plan(Request("verify", ("shop-1.dump",)))

    async def sending() -> None:
        one.sql(f"ALTER ROLE {one.role} SUPERUSER", "postgres")

    outcome = await actuator.carry_out(plan, plan.chosen[0], act_of(1), sending)
    verdict = await settled(actuator, plan, plan.chosen[0], outcome)
    assert verdict.truth is Truth.REFUTED
    assert f"would run as {one.role}, which is a superuser: nothing was restored" in str(verdict.words)
    assert one.databases() == [one.live]
    assert (await one.probe().read()).facts.last[0].proof is None  # it says nothing of the backup
    one.sql(f"DROP ROLE {one.role}", "postgres")


async def test_only_databases_that_our_role_may_rename_are_offered_for_a_switch(one: Stage) -> None:
    mine, other = f"{one.live}_mine", f"{one.live}_other"
    one.sql(f"CREATE DATABASE {mine} OWNER {KEEPER}", "postgres")
    one.sql(f"CREATE DATABASE {other}", "postgres")
    offered = [choice.word for choice in await one.actuator().choices("switch", ())]
    assert mine in offered
    assert not {other, one.live, "postgres"} & set(offered)


@pytest.mark.parametrize("body", ["COPY t FROM PROGRAM 'touch {}';", "COPY t TO '{}';", "SELECT pg_read_file('{}');"])
async def test_what_a_dump_would_do_to_the_server_itself_is_not_done(one: Stage, tmp_path: Path, body: str) -> None:
    trace = tmp_path / "trace"
    (one.folder / "shop-1.sql").write_text(DUMP.format(f"CREATE TABLE t (a text);\n{body.format(trace)}"))
    actuator = one.actuator(pattern="shop-*.sql", checks={})
    _, truth, words = await done(actuator, await actuator.plan(Request("verify", ("shop-1.sql",))))
    assert truth is Truth.REFUTED
    assert "our role has no right to" in words or "our role must be superuser" in words
    assert not trace.exists()
    assert one.databases() == [one.live]


DUMP = "--\n-- PostgreSQL database dump\n--\n{}\n--\n-- PostgreSQL database dump complete\n--\n"


@pytest.mark.parametrize("lock", ["", "\\restrict abc\n", "\\restrict abc\n\\unrestrict abc\n"])
@pytest.mark.parametrize(
    "order", ["SELECT 1 \\! touch {}\n;", "SELECT 1 \\g |touch {}\n", "SELECT 1 AS a \\gset \\! touch {}"]
)
async def test_no_command_for_psql_hidden_in_a_plain_dump_is_followed(
    one: Stage, tmp_path: Path, lock: str, order: str
) -> None:
    (one.folder / "shop-1.sql").write_text(DUMP.format(f"\n{lock}{order.format(tmp_path / 'followed')}"))
    actuator = one.actuator(pattern="shop-*.sql", checks={})
    _, truth, words = await done(actuator, await actuator.plan(Request("verify", ("shop-1.sql",))))
    assert truth is Truth.REFUTED
    assert "the dump holds a command for psql itself, which is not followed" in words
    assert not (tmp_path / "followed").exists()
    assert one.databases() == [one.live]
    await actuator.close()


async def test_an_order_behind_another_on_one_line_reaches_no_further_either(one: Stage) -> None:
    (one.folder / "shop-1.sql").write_text(DUMP.format(f"COMMIT; DROP DATABASE {one.live};"))
    actuator = one.actuator(pattern="shop-*.sql", checks={})
    _, truth, words = await done(actuator, await actuator.plan(Request("verify", ("shop-1.sql",))))
    assert truth is Truth.REFUTED
    assert "would reach beyond its database" in words
    assert one.databases() == [one.live]
    await actuator.close()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 70, 1 << 20])
def test_of_a_plain_dump_only_its_lock_is_left_out(monkeypatch: pytest.MonkeyPatch, end: str, size: int) -> None:
    monkeypatch.setattr(act_scratch, "_CHUNK", max(size, 64))
    body = "".join(f"INSERT INTO t VALUES ({n}, '\\restrict'); -- \\unrestrict{end}" for n in range(40))
    whole = f"--{end}-- x{end}--{end}{end}\\restrict aB3{end}{body}\\unrestrict aB3{end}{end}"
    parts = b"".join(act_scratch.unlocked(BytesIO(whole.encode())))
    assert parts.decode() == whole.replace(f"\\restrict aB3{end}", "", 1).replace("\\unrestrict aB3", "", 1)
    assert b"".join(act_scratch.unlocked(BytesIO(body.encode()))) == body.encode()


async def test_row_checks_that_fail_are_told_and_the_scratch_database_is_dropped_all_the_same(one: Stage) -> None:
    one.dump("shop-1.dump")
    one.sql("INSERT INTO people SELECT n, 'x' FROM generate_series(1, 8000) n")
    checks = {"people": {"sql": "SELECT count(*) FROM people", "of_live": 0.9}, "gone": "SELECT 1 FROM nothing"}
    actuator = one.actuator(checks=checks)
    _, truth, words = await done(actuator, await actuator.plan(Request("verify", ("shop-1.dump",))))
    assert truth is Truth.REFUTED
    assert "people 2,000 (live 10,000), wanted at least 1 and 90% of the live database" in words
    assert "gone: it failed (SQLSTATE 42P01)" in words
    assert one.databases() == [one.live]
    proof = ledger.proof_of(
        ledger.shelf(one.state, str(one.folder)), (await actuator._sight.named(["shop-1.dump"]))[0].identity
    )
    assert proof is not None
    assert not proof.good


# what is not known is not called failed, and what is another's is left alone


async def test_a_job_whose_begin_was_not_heard_of_in_time_is_unknown_and_is_found_again(
    one: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = job.begin

    async def unheard(*words: Any, **more: Any) -> None:
        await begin(*words, **more)
        raise ProbeError(Cause.TIMEOUT_READ, "no word in time")

    monkeypatch.setattr(job, "begin", unheard)
    actuator = one.actuator()
    performed = await perform(actuator, Request("dump"))
    assert performed.outcomes[0].result is Result.UNKNOWN
    assert performed.verdicts[0].truth is Truth.CONFIRMED, performed.verdicts
    assert len(one.names()) == 1
    await actuator.close()


async def test_a_backup_that_takes_the_name_of_a_pruned_one_in_the_last_moment_is_not_deleted(one: Stage) -> None:
    for number in range(6):
        aged(one.dump(f"shop-{number}.dump"), timedelta(days=60 - number) if number else timedelta(hours=1))
    actuator = one.actuator(checks={}, scratch=None, offhost=None)
    plan = await actuator.plan(Request("prune-old"))
    subject = next(one_ for one_ in plan.subjects if not one_.spared)
    path = one.folder / subject.key

    async def sending() -> None:  # the record takes its time, and meanwhile the nightly dump is renamed to that name
        (one.folder / "new").write_text("new and precious")
        (one.folder / "new").replace(path)

    outcome = await actuator.carry_out(plan, subject, ACT, sending)
    assert outcome.result is Result.REFUSED
    assert path.read_text() == "new and precious"
    await actuator.close()


async def test_a_file_dated_in_the_future_lets_no_old_backup_go(tmp_path: Path) -> None:
    for number in range(6):
        plain(tmp_path, f"shop-{number}", age=timedelta(days=60 + number))
    plain(tmp_path, "shop-future", age=-timedelta(days=900))
    settings = BackupsSettings(folder=str(tmp_path), pattern="shop-*")
    actuator = BackupsActuator(Target("nightly", "backups", settings), Context(Here(), state=tmp_path / "state"))
    plan = await actuator.plan(Request("prune-old"))
    assert plan.subjects
    assert not plan.chosen
    assert any("no fresh usable backup is here" in str(one_.spared) for one_ in plan.subjects)
    await actuator.close()


async def test_a_restore_that_was_done_is_not_called_lost_and_not_cleaned_away_when_its_keeper_was(one: Stage) -> None:
    one.dump("shop-1.dump")
    actuator, new = one.actuator(), f"{one.live}_new"
    _, truth, words = await done(actuator, await actuator.plan(Request("restore", ("shop-1.dump",), word=new)))
    assert truth is Truth.CONFIRMED, words
    (ledger.job_of(one.state, ACT) / "ended.json").unlink()  # as if it had been killed before its last word
    plan = await actuator.plan(Request("clean", (ACT,)))
    assert not plan.chosen
    assert "it has left nothing behind" in str(plan.subjects[0].spared)
    shutil.rmtree(ledger.job_of(one.state, ACT))  # as after fifty more jobs
    plan = await actuator.plan(Request("clean", (ACT,)))
    assert "it has left nothing behind" in str(plan.subjects[0].spared)
    await actuator.close()


async def test_a_database_that_somebody_uses_or_has_renamed_is_not_cleaned_away(one: Stage) -> None:
    one.dump("shop-1.dump")
    actuator, new = one.actuator(), f"{one.live}_new"
    await done(actuator, await actuator.plan(Request("restore", ("shop-1.dump",), word=new)))
    folder = ledger.job_of(one.state, ACT)
    (folder / "ended.json").unlink()
    (folder / "out").write_text(json.dumps({"stage": "restoring"}) + "\n")  # cut off in the middle
    made = ledger.made_by(shelf := ledger.shelf(one.state, str(one.folder)), ACT)
    assert made is not None
    put(shelf / f"{ACT}.made.json", {"name": made.name, "oid": made.oid, "gone": False})
    with psycopg.connect(one.server.url("postgres", new), application_name="web"):
        plan = await actuator.plan(Request("clean", (ACT,)))
        assert not plan.chosen
        assert "somebody uses" in str(plan.subjects[0].spared)
    plan = await actuator.plan(Request("clean", (ACT,)))
    one.sql(f"ALTER DATABASE {new} RENAME TO {new}er", "postgres")
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.REFUSED
    assert "left alone" in str(outcome.words)
    made = ledger.made_by(shelf, ACT)
    assert made is not None
    assert not made.gone
    assert one.sql("SELECT count(*) FROM people", f"{new}er") == str(ROWS)
    await actuator.close()


# the switch


async def test_a_switch_is_refused_while_somebody_is_in_and_says_who(one: Stage) -> None:
    other = f"{one.live}_other"
    one.sql(f"CREATE DATABASE {other} TEMPLATE {one.live} OWNER {KEEPER}", "postgres")
    actuator = one.actuator()
    with psycopg.connect(one.server.url("postgres", one.live), application_name="web"):
        plan = await actuator.plan(Request("switch", (), word=other))
        assert not plan.chosen
        assert "1 session is in them" in str(plan.subjects[0].spared)
        assert any("web" in str(one_) for one_ in plan.subjects[0].felt)
    assert one.databases() == [one.live, other]


async def test_somebody_who_comes_in_between_makes_the_switch_fail_and_nothing_is_renamed(one: Stage) -> None:
    other = f"{one.live}_other"
    one.sql(f"CREATE DATABASE {other} TEMPLATE {one.live} OWNER {KEEPER}", "postgres")
    actuator = one.actuator()
    plan = await actuator.plan(Request("switch", (), word=other))
    with psycopg.connect(one.server.url("postgres", other)):
        result, _, words = await done(actuator, plan)
    assert result is Result.REFUSED
    assert "1 session" in words
    assert one.databases() == [one.live, other]


async def test_a_switch_that_ends_the_sessions_says_so_and_does(one: Stage) -> None:
    other = f"{one.live}_other"
    one.sql(f"CREATE DATABASE {other} TEMPLATE {one.live} OWNER {KEEPER}", "postgres")
    one.sql("DELETE FROM people", other)
    actuator = one.actuator()
    with psycopg.connect(one.server.url(KEEPER, one.live), application_name="web") as session:
        plan = await actuator.plan(Request("switch-terminate", (), word=other))
        assert any("is ended" in str(felt) for felt in plan.chosen[0].felt)
        _, truth, words = await done(actuator, plan)
        assert truth is Truth.CONFIRMED, words
        with pytest.raises(psycopg.Error):
            session.execute("SELECT 1")
    assert one.sql("SELECT count(*) FROM people") == "0"


async def test_a_session_that_our_role_cannot_end_is_named_before_anything_is_ended(one: Stage) -> None:
    other = f"{one.live}_other"
    one.sql(f"CREATE DATABASE {other} TEMPLATE {one.live} OWNER {KEEPER}", "postgres")
    actuator = one.actuator()
    with psycopg.connect(one.server.url("postgres", one.live), application_name="console"):
        plan = await actuator.plan(Request("switch-terminate", (), word=other))
    assert not plan.chosen
    assert "our role may not end a superuser's session: close it first: postgres console" in str(
        plan.subjects[0].spared
    )


async def test_another_database_of_that_name_is_not_switched_to(one: Stage) -> None:
    other = f"{one.live}_other"
    one.sql(f"CREATE DATABASE {other} OWNER {KEEPER}", "postgres")
    actuator = one.actuator()
    plan = await actuator.plan(Request("switch", (), word=other))
    one.sql(f"DROP DATABASE {other}", "postgres")
    one.sql(f"CREATE DATABASE {other} OWNER {KEEPER}", "postgres")
    result, _, words = await done(actuator, plan)
    assert result is Result.REFUSED
    assert "changed since you looked: restored oid" in words


async def test_the_databases_that_can_be_switched_to_are_offered(one: Stage) -> None:
    other = f"{one.live}_other"
    one.sql(f"CREATE DATABASE {other} OWNER {KEEPER}", "postgres")
    names = [choice.word for choice in await one.actuator().choices("switch", ())]
    assert other in names
    assert not {one.live, "postgres", "template0", "template1"} & set(names)


# what goes wrong on the way


async def test_a_wrong_password_is_told_before_anything_is_begun(one: Stage) -> None:
    login = {"url": one.url(one.live), "password": "env:WRONG"}
    actuator = one.actuator(database=login, scratch=login)
    one.dump("shop-1.dump")
    for request in (Request("dump"), Request("verify", ("shop-1.dump",))):
        with pytest.raises(ProbeError, match="does not accept our password") as caught:
            await actuator.plan(request)
        assert caught.value.cause is Cause.AUTH
    assert not (one.state / "jobs").exists()


async def test_a_server_that_is_away_is_told(one: Stage) -> None:
    actuator = one.actuator(database={"url": one.url(one.live, port=1)})
    with pytest.raises(ProbeError, match="connection refused"):
        await actuator.plan(Request("dump"))


async def test_a_full_disk_ends_the_dump_with_words_and_leaves_no_file(one: Stage, tmp_path: Path) -> None:
    one.sql("INSERT INTO people SELECT n, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, 100000) n")
    with mounted(tmp_path / "small", "size=256k") as small:
        one.folder = small
        actuator = one.actuator()
        plan = await actuator.plan(Request("dump"))
        assert "not enough room" in str(plan.subjects[0].spared)
        before = small / "shop-0.dump"  # a small one: the next may fit
        before.write_bytes(b"PGDMP\x01\x0e\x00\x04\x08\x01" + b"\0" * 200)
        plan = await actuator.plan(Request("dump"))
        _, truth, words = await done(actuator, plan)
        assert truth is Truth.REFUTED
        assert "pg_dump: the disk is full" in words
        assert "bytes were written and are removed" in words
        assert one.names() == ["shop-0.dump"]


async def test_a_folder_that_takes_no_file_is_told(one: Stage, tmp_path: Path) -> None:
    with mounted(tmp_path / "bound", "ro") as bound:
        one.folder = bound
        plan = await one.actuator().plan(Request("dump"))
        assert "may not write into the folder" in str(plan.subjects[0].spared)


def slow(one: Stage) -> psycopg.Connection[object]:
    """Holds a table so that pg_dump waits for it."""
    held = psycopg.connect(one.server.url("postgres", one.live), application_name="holder")
    held.execute("LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
    return held


def programs_of(act: str, name: str) -> list[psutil.Process]:
    """The processes of a job."""
    return [
        one
        for one in psutil.process_iter(["cmdline"])
        if act in " ".join(one.info["cmdline"] or []) and (one.info["cmdline"] or [""])[0].endswith(name)
    ]


async def begun(actuator: BackupsActuator, plan: Plan, number: int) -> None:
    async def sending() -> None:
        return None

    outcome = await actuator.carry_out(plan, plan.chosen[0], act_of(number), sending)
    assert outcome.result is Result.DONE, outcome


async def test_two_dumps_at_once_are_refused_and_the_first_goes_on(one: Stage) -> None:
    actuator = one.actuator()
    with slow(one):
        plan = await actuator.plan(Request("dump"))
        await begun(actuator, plan, 1)
        assert (await actuator.verify(plan, plan.chosen[0], unkept(), 1.0)).truth is Truth.PENDING
        second = await actuator.plan(Request("dump"))
        assert "a dump is under way since" in str(second.subjects[0].spared)
    await ended(one, act_of(1))
    assert len(one.names()) == 1


def unkept() -> Outcome:
    """The outcome of an act whose answer was never kept."""
    return Outcome(Result.UNKNOWN, SafeText("no outcome was recorded"))


async def test_a_pg_dump_that_is_killed_leaves_no_file_and_is_told(one: Stage) -> None:
    actuator = one.actuator()
    with slow(one):
        plan = await actuator.plan(Request("dump"))
        await begun(actuator, plan, 1)
        await until(lambda: programs_of(act_of(1), "pg_dump"), "pg_dump")
        programs_of(act_of(1), "pg_dump")[0].send_signal(signal.SIGKILL)
        verdict = await settled(actuator, plan, plan.chosen[0], unkept())
    assert verdict.truth is Truth.REFUTED
    assert "pg_dump was killed by signal 9" in str(verdict.words)
    assert one.names() == []


async def test_a_server_that_is_lost_on_the_way_leaves_no_file(
    new_postgres: Callable[..., Postgres], tmp_path: Path
) -> None:
    one = staged(new_postgres(), tmp_path)
    actuator = one.actuator()
    holder = slow(one)
    plan = await actuator.plan(Request("dump"))
    await begun(actuator, plan, 1)
    await until(lambda: programs_of(act_of(1), "pg_dump"), "pg_dump")
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
    await until(lambda: one.sql(asked, "postgres") == "1", "pg_dump to wait")
    one.server.stop("immediate")
    verdict = await settled(actuator, plan, plan.chosen[0], unkept())
    holder.close()
    assert verdict.truth is Truth.REFUTED
    assert "the server was lost on the way" in str(verdict.words)
    assert one.names() == []


async def test_a_job_can_be_stopped_and_removes_what_it_had_begun(one: Stage) -> None:
    actuator = one.actuator()
    with slow(one):
        plan = await actuator.plan(Request("dump"))
        await begun(actuator, plan, 1)
        await until(lambda: programs_of(act_of(1), "pg_dump"), "pg_dump")
        stop = await actuator.plan(Request("stop", (act_of(1),)))
        result, truth, words = await done(actuator, stop, 2)
    assert (result, truth) == (Result.DONE, Truth.CONFIRMED), words
    assert words == "it was stopped; what it had begun was removed"
    assert [work.state for work in (await one.probe().read()).facts.work] == ["stopped"]
    assert one.names() == []
    assert not programs_of(act_of(1), "pg_dump")


async def test_a_job_that_is_killed_outright_is_told_with_what_it_left_and_that_can_be_removed(one: Stage) -> None:
    one.dump("shop-1.dump")
    actuator = one.actuator(checks={"slow": "SELECT 1 FROM pg_sleep(60)"})
    plan = await actuator.plan(Request("verify", ("shop-1.dump",)))
    await begun(actuator, plan, 1)
    scratch = f"opsroom_verify_{act_of(1).replace('-', '')}"
    await until(
        lambda: (
            "pg_sleep"
            in one.sql(f"SELECT string_agg(query, ' ') FROM pg_stat_activity WHERE datname = '{scratch}'", "postgres")
        ),
        "the row check",
    )
    keeper = [
        p
        for p in psutil.process_iter(["cmdline"])
        if (p.info["cmdline"] or [""])[-1] == str(one.state / "jobs" / act_of(1))
    ]
    for process in (*keeper, *programs_of(act_of(1), "python"), *programs_of(act_of(1), Path(sys.executable).name)):
        process.kill()
    verdict = await settled(actuator, plan, plan.chosen[0], unkept())
    assert verdict.truth is Truth.REFUTED
    assert f"left behind: database {scratch}" in str(verdict.words)
    clean = await actuator.plan(Request("clean", (act_of(1),)))
    assert clean.command == (f"dropdb {scratch}",)
    _, truth, words = await done(actuator, clean, 2)
    assert truth is Truth.CONFIRMED, words
    assert one.databases() == [one.live]
    (work,) = (await one.probe().read()).facts.work
    assert (work.state, str(work.left)) == ("cleaned up", "")
    assert "what it left behind was removed" in str(work.words)


async def test_the_last_word_of_a_job_is_known_after_its_own_record_was_swept_away(one: Stage) -> None:
    actuator = one.actuator()
    await done(actuator, await actuator.plan(Request("dump")), 1)
    (name,) = one.names()
    plan = await actuator.plan(Request("verify", (name,)))
    assert (await done(one.actuator(checks={"none": "SELECT 0"}), plan, 2))[1] is Truth.REFUTED
    before = {work.act: (work.state, str(work.words)) for work in (await one.probe().read()).facts.work}
    for folder in (one.state / "jobs").iterdir():
        shutil.rmtree(folder)
    after = (await one.probe().read()).facts.work
    assert {work.act: (work.state, str(work.words)) for work in after} == before
    assert [work.state for work in after] == ["failed", "done"]


async def test_a_job_that_left_neither_a_record_nor_anything_else_is_no_row(one: Stage) -> None:
    actuator = one.actuator()
    await done(actuator, await actuator.plan(Request("dump")), 1)
    for path in (*(one.state / "jobs").iterdir(), *one.state.glob("backups/*/*.ended.json")):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert (await one.probe().read()).facts.work == ()
    part = one.folder / f".{one.names()[0]}.opsroom-{act_of(1)}.part"
    part.touch()
    (work,) = (await one.probe().read()).facts.work
    assert str(work.left) == f"file {part.name}"


async def test_a_dump_goes_on_when_the_session_is_killed_and_a_later_one_verifies_it(
    one: Stage, tmp_path: Path
) -> None:
    code = f"""
import asyncio, sys
sys.path.insert(0, {ROOT!r})
from tests.probes.backupstage import Stage
from tests.probes.test_backups_act import act_of
from tests.stack.postgres import PASSWORD, Postgres
from probes.base import Request
from pathlib import Path
at = Path({str(one.server.folder)!r}), Path({str(one.server.binaries)!r})
server = Postgres({one.server.port}, {one.server.pid}, *at, "system")
stage = Stage(server, Path({str(one.folder)!r}), Path({str(one.state)!r}), {one.live!r})
async def main():
    actuator = stage.actuator()
    plan = await actuator.plan(Request("dump"))
    async def sending(): pass
    await actuator.carry_out(plan, plan.chosen[0], act_of(1), sending)
    print(plan.looked_at.isoformat(), dict(plan.chosen[0].identity)["file"], flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    with slow(one):
        session, line = await asyncio.to_thread(session_of, code, tmp_path)
        name = line.split()[1]
        session.kill()
        session.wait()
        assert session.stdout is not None
        session.stdout.close()
        later = one.actuator()
        found = await later._sight.jobs()
        assert [(task.action, standing.state) for task, standing in found] == [("dump", job.State.RUNNING)]
        assert one.names() == [f".{name}.opsroom-{act_of(1)}.part"] or one.names() == []
    await ended(one, act_of(1))
    plan = await later.plan(Request("dump"))
    subject = replace(
        plan.subjects[0], identity=tuple((k, name if k == "file" else v) for k, v in plan.subjects[0].identity)
    )
    verdict = await later.verify(plan, subject, Outcome(Result.DONE, SafeText("x"), (("job", act_of(1)),)), 1.0)
    assert verdict.truth is Truth.CONFIRMED, verdict
    assert one.names() == [name]


async def test_no_secret_is_in_an_argument_list_a_task_or_a_job(one: Stage) -> None:
    actuator = one.actuator()
    with slow(one):
        plan = await actuator.plan(Request("dump"))
        assert CANARY not in " ".join(plan.command)
        await begun(actuator, plan, 1)
        await until(lambda: programs_of(act_of(1), "pg_dump"), "pg_dump")
        seen = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
        assert not [line for line in seen if act_of(1) in line and CANARY in line]
    await ended(one, act_of(1))
    texts = [path.read_bytes() for path in one.state.rglob("*") if path.is_file()]
    assert texts
    assert not [text for text in texts if CANARY.encode() in text]


async def test_what_is_sent_is_announced_once_before_it_begins(one: Stage) -> None:
    actuator = one.actuator()
    plan = await actuator.plan(Request("dump"))
    sent: list[str] = []
    outcome = await carried_out(actuator, plan, plan.chosen[0], sent)
    assert sent == [one.live]
    assert dict(outcome.facts)["job"] == ACT
    await ended(one, ACT)


async def test_without_a_place_to_keep_jobs_nothing_is_begun(one: Stage) -> None:
    actuator = BackupsActuator(Target("nightly", "backups", one.settings()), Context(Here()))
    with pytest.raises(ProbeError, match="no place to keep the job"):
        await actuator.plan(Request("dump"))


# prune


async def test_only_old_backups_go_never_the_newest_three_nor_the_proven_one_nor_what_is_no_dump(one: Stage) -> None:
    for number, days in enumerate((0, 40, 50, 60, 70, 80)):
        one.dump(f"shop-{number}.dump", age=timedelta(days=days))
    (one.folder / "shop-x.dump").write_text("somebody's notes")
    os.utime(one.folder / "shop-x.dump", (0, 0))
    (one.folder / "notes.txt").write_text("x")
    actuator = one.actuator()
    assert (await done(actuator, await actuator.plan(Request("verify", ("shop-4.dump",)))))[1] is Truth.CONFIRMED
    plan = await actuator.plan(Request("prune-old"))
    spared = {subject.key: str(subject.spared) for subject in plan.subjects}
    assert [subject.key for subject in plan.chosen] == ["shop-3.dump", "shop-5.dump"]
    assert "newest 3" in spared["shop-1.dump"]
    assert "newest 3" in spared["shop-2.dump"]
    assert "proven" in spared["shop-4.dump"]
    assert "no dump" in spared["shop-x.dump"]
    performed = await perform(actuator, Request("prune-old"))
    assert {verdict.truth for verdict in performed.verdicts} == {Truth.CONFIRMED}
    assert one.names() == ["notes.txt", "shop-0.dump", "shop-1.dump", "shop-2.dump", "shop-4.dump", "shop-x.dump"]


async def test_nothing_is_pruned_when_backups_have_stopped(one: Stage) -> None:
    for number in range(6):
        one.dump(f"shop-{number}.dump", age=timedelta(days=40 + number))
    plan = await one.actuator().plan(Request("prune-old"))
    assert not plan.chosen
    assert any("no fresh usable backup" in str(subject.spared) for subject in plan.subjects)


async def test_a_file_that_was_replaced_is_not_pruned(one: Stage) -> None:
    for number, days in enumerate((0, 1, 2, 40)):
        one.dump(f"shop-{number}.dump", age=timedelta(days=days))
    actuator = one.actuator()

    def replaced(plan: Plan) -> None:
        (one.folder / "shop-3.dump").unlink()
        one.dump("shop-3.dump", age=timedelta(days=41))

    performed = await perform(actuator, Request("prune", ("shop-3.dump",)), replaced)
    assert performed.outcomes[0].result is Result.REFUSED
    assert "changed since you looked" in str(performed.outcomes[0].words)
    assert "shop-3.dump" in one.names()


# copies


async def test_a_copy_is_compared_and_nothing_is_written_over(one: Stage, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    one.dump("shop-1.dump")
    actuator = one.actuator(offhost={"folder": str(away)})
    _, truth, words = await done(actuator, await actuator.plan(Request("copy", ("shop-1.dump",))), 1)
    assert truth is Truth.CONFIRMED, words
    assert (away / "shop-1.dump").read_bytes() == (one.folder / "shop-1.dump").read_bytes()
    assert os.listdir(away) == ["shop-1.dump"]
    again = await actuator.plan(Request("copy", ("shop-1.dump",)))
    assert "there already" in str(again.subjects[0].spared)
    (away / "shop-1.dump").write_bytes(b"something else")
    other = await actuator.plan(Request("copy", ("shop-1.dump",)))
    assert "another file of that name" in str(other.subjects[0].spared)
