"""The insta-connect system by itself: it lives, its faults can be healed, and nobody who watches sees a token."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from systems import control
from systems.files import filled
from systems.insta_connect import FAULTS, PORTS, SCRIPT, dumps
from systems.insta_connect.logbook import Logbook
from systems.insta_connect.meters import Meters, exposed
from systems.insta_connect.place import Place
from systems.insta_connect.processor import REFUSED
from systems.insta_connect.world import SERVICES, configuration
from systems.stage import Plan, Stage
from tests.systems.test_newsletter import engines_or_skip, until
from tests.systems.test_newsletter_checklists import look, words
from tui import wiring
from tui.kinds import Kinds
from tui.places import Places

FAILED = (
    "SELECT count(*), min(id) FROM webhook_events WHERE status = 'failed' AND error LIKE 'unknown account%'"
    f" AND id % {REFUSED} <> 0"
)
"""Those that are processed once the account is known."""
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"


class World:
    """A running system, looked at from outside."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.place = Place(stage.folder, *(stage.ports[name] for name in PORTS))

    def health(self) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.place.web}/health", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def metric(self, wanted: str) -> float:
        """The sum of the samples that begin so."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.place.web}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """What the login that watches is told."""
        password = self.stage.environ["OPSROOM_DEMO_PG_PASSWORD"]
        login = {"host": "127.0.0.1", "port": self.place.postgres, "user": "opsroom", "dbname": "insta_connect"}
        with psycopg.connect(password=password, autocommit=True, **login) as connection:  # type: ignore[arg-type]
            return connection.execute(text.encode()).fetchall()

    def pid(self, name: str) -> int:
        """Process id of a program; 0: it does not run."""
        return next(iter(control.running(self.stage.folder, name).values()), 0)

    def turn(self, method: str, name: str, state: str) -> None:
        """Have the process manager stop or start a program, and wait until it says so."""
        control.call(self.stage.folder, method, name, False)
        wanted = f"{name} to be {state}"
        until(lambda: control.call(self.stage.folder, "getProcessInfo", name)["statename"] == state, 60, wanted)

    def grows(self, wanted: str) -> None:
        """Wait until a counter has grown."""
        before = self.metric(wanted)
        until(lambda: self.metric(wanted) > before, 60, f"more of {wanted}")

    def broken(self) -> bool:
        """Whether the newest dump is smaller than the one before it."""
        newest = sorted(self.place.backups.glob("insta_connect-*.dump"))[-2:]
        return newest[1].stat().st_size < newest[0].stat().st_size


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    engines_or_skip()
    with Stage.start("insta_connect", faults=False) as stage:
        made = World(stage)
        until(lambda: any("dumps are there" in line for line in stage.progress()), 60, "the dumps")
        until(lambda: made.health() == 200, 60, "a healthy application")
        yield made


def test_profile_and_runbook_have_every_hole_filled(tmp_path: Path) -> None:
    ports = {name: 4000 + number for number, name in enumerate(PORTS)}
    for text in (filled("insta_connect", name, tmp_path, ports) for name in ("profile.toml", "RUNBOOK.md")):
        assert not [hole for hole in ("{folder}", "_port}", "{programs}") if hole in text]
        assert all(str(4000 + number) in text for number in range(len(PORTS)))


def test_the_managers_configuration_names_every_program_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSROOM_DEMO_APP_PASSWORD", "canary")
    text = configuration(Plan(tmp_path, dict.fromkeys(PORTS, 1), False))
    assert "canary" not in text
    assert all(f"[program:{name}]" in text for name in (*SERVICES, "graph-api", "traffic"))


def test_every_fault_has_words_and_the_script_plays_each_once() -> None:
    assert all(fault.title and fault.what for fault in FAULTS)
    assert sorted(name for _, name in SCRIPT) == sorted(fault.name for fault in FAULTS)
    assert [at for at, _ in SCRIPT] == sorted(at for at, _ in SCRIPT)


def test_errors_stand_in_a_file_of_their_own_and_among_everything(tmp_path: Path) -> None:
    log = Logbook(tmp_path, "app")
    log.info("well")
    log.error("not well")
    lines = {path.name.partition("-")[0]: path.read_text().splitlines() for path in tmp_path.iterdir()}
    assert [line.split(" ", 1)[1] for line in lines["combined"]] == ["INFO [app] well", "ERROR [app] not well"]
    assert [line.split(" ", 1)[1] for line in lines["error"]] == ["ERROR [app] not well"]


def test_figures_are_exposed_by_family_with_who_counted_them() -> None:
    meters = Meters("app")
    meters.count("db_queries_total", result="ok")
    meters.count("db_queries_total", 2, result="ok")
    with meters.timed("db_query_duration_seconds"):
        pass
    text = exposed(meters.rows())
    assert 'db_queries_total{result="ok",service="app"} 3\n' in text
    assert 'db_query_duration_seconds_count{service="app"} 1\n' in text
    assert text.count("# TYPE") == 2


@pytest.mark.engine
class TestLife:
    def test_every_service_does_its_work(self, world: World) -> None:
        for name in ("success", "received", "processed"):
            world.grows(f'{"token_refresh" if name == "success" else "webhook_events"}_total{{result="{name}"')
        world.grows('api_calls_total{result="ok",service="insta-connect-app"')

    def test_who_watches_sees_when_a_token_ends_and_never_the_token(self, world: World) -> None:
        assert world.sql("SELECT count(expires_at) FROM meta_accounts")[0][0] >= 300
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            world.sql("SELECT access_token FROM meta_accounts")

    def test_the_week_has_a_dump_of_each_night(self, world: World) -> None:
        names = sorted(path.name for path in world.place.backups.glob("*-020000.dump"))
        assert len(names) == dumps.NIGHTS
        assert (world.place.backups / names[-1]).read_bytes().startswith(b"PGDMP")

    def test_the_rounds_are_good_while_it_is_well(self, world: World) -> None:
        stage = world.stage
        there = wiring.open_profile(str(stage.profile_path), Kinds(), stage.environ, Places.of(stage.environ))
        for name in ("morning", "weekly"):

            def good(name: str = name) -> bool:
                return set(words(look(there, name, stage)).values()) <= {"good", "not done", "not judged"}

            until(good, 60, f"a good {name}, whose requests don't wait for a busy machine")


@pytest.mark.engine
class TestHealing:
    """What nobody mends can be ended from the list of faults."""

    def test_the_old_secret_is_accepted_again(self, world: World) -> None:
        world.stage.fault("token-refresh")
        world.grows('token_refresh_total{result="failure"')
        world.stage.heal("token-refresh")
        world.grows('token_refresh_total{result="success"')

    def test_events_of_strangers_come_no_more_and_failed_ones_are_retried_once(self, world: World) -> None:
        world.stage.fault("webhook-errors")
        until(lambda: world.sql(FAILED)[0][0] >= 5, 60, "failed events")
        world.stage.heal("webhook-errors")
        world.turn("stopProcess", "webhook-processor", "STOPPED")
        number = world.sql(FAILED)[0][1]
        retry = [str(world.stage.folder / "retry-events"), str(number)]
        environ = {
            "OPSROOM_DEMO_APP_PASSWORD": world.stage.environ["OPSROOM_DEMO_APP_PASSWORD"],
            "PATH": "/usr/bin:/bin",
        }
        done = [subprocess.run(retry, env=environ, capture_output=True, text=True, check=False) for _ in range(2)]
        assert [one.returncode for one in done] == [0, 1]
        assert world.sql(f"SELECT status, tries FROM webhook_events WHERE id = {number}") == [("pending", 2)]
        world.turn("startProcess", "webhook-processor", "RUNNING")
        until(lambda: world.sql(f"SELECT status FROM webhook_events WHERE id = {number}") == [("processed",)], 60, "it")

    def test_the_row_is_let_go(self, world: World) -> None:
        world.stage.fault("database-connections")
        until(lambda: world.sql(BLOCKED)[0][0] > 1, 60, "blocked sessions")
        world.stage.heal("database-connections")
        until(lambda: world.sql(BLOCKED)[0][0] == 0 and world.health() == 200, 60, "nobody who waits")

    def test_too_many_calls_are_refused_and_then_no_more(self, world: World) -> None:
        world.stage.fault("api-latency")
        world.grows('api_calls_total{result="limited"')
        world.stage.heal("api-latency")
        world.grows('api_calls_total{result="ok",service="insta-connect-app"')

    def test_a_broken_dump_is_taken_away(self, world: World) -> None:
        world.stage.fault("broken-backup")
        until(world.broken, 60, "a broken dump")
        world.stage.heal("broken-backup")
        until(lambda: not world.broken(), 60, "a whole one")

    @pytest.mark.parametrize(
        ("fault", "name"),
        [
            ("processor-down", "webhook-processor"),
            ("application-down", "insta-connect-app"),
            ("database-down", "postgresql"),
        ],
    )
    def test_what_is_down_is_started(self, world: World, fault: str, name: str) -> None:
        before = until(lambda: world.pid(name), 60, name)
        world.stage.fault(fault)
        until(lambda: not world.pid(name), 60, f"no {name}")
        world.stage.heal(fault)
        until(lambda: world.pid(name) not in (0, before), 60, f"another {name}")
        until(lambda: world.health() == 200, 60, "a healthy application")
