"""Every way in which a shared store can be lost: it is said, work goes on here, and all is merged afterwards."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.probes.storing import Session, prepared, wait_for
from tests.stack import postgres as servers
from tests.stack.faultproxy import FaultProxy, Mode, hung
from tests.stack.postgres import Postgres

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    return prepared(postgres)


class Pair:
    """Ada, whose way to the store can be broken, and Bob, whose can't."""

    def __init__(self, ada: Session, bob: Session) -> None:
        self.ada, self.bob = ada, bob

    def proven(self, words: str) -> None:
        """The words of the loss, that work goes on, and that what was done meanwhile is merged, once."""
        standing = self.ada.relay.standing
        assert standing.lost is not None
        said = standing.words(standing.lost + 43.9)
        assert said.startswith("STORE LOST 43 s: ")
        assert words in said
        assert "kept here, merged when it is back" in said
        assert self.ada.read()[-1] == "meanwhile"

    def merged(self) -> None:
        everything = sorted(["before", "meanwhile", "theirs"])
        wait_for(lambda: sorted(self.ada.read()) == everything == sorted(self.bob.read()), 60)
        wait_for(lambda: self.ada.relay.standing.lost is None and self.ada.relay.standing.waiting == 0)
        assert self.ada.relay.standing.words(0.0) == ""


@contextmanager
def pair(tmp_path: Path, server: Postgres, database: str, through: FaultProxy | None = None) -> Iterator[Pair]:
    with ExitStack() as held:
        made = []
        for name in ("ada", "bob"):
            folder = tmp_path / name
            folder.mkdir(mode=0o700)
            url = server.url(name, database)
            if through is not None and name == "ada":
                url = url.replace(f":{server.port}/", f":{through.port}/")
            one = Session(folder, url, name, f"{tmp_path.name}/production")
            held.callback(one.close)
            one.relay.start()
            made.append(one)
        both = Pair(*made)
        both.ada.write("before")
        wait_for(lambda: both.bob.read() == ["before"] and not both.ada.unsent())
        yield both


def lost(one: Session) -> bool:
    return one.relay.standing.lost is not None


CELLS = [
    pytest.param(Mode.REFUSE, "connection refused", id="refused"),
    pytest.param(Mode.SILENT, "no answer from 127.0.0.1", id="silent"),
    pytest.param(Mode.BLACKHOLE, "no answer from 127.0.0.1", id="gone"),
    pytest.param(Mode.RESET, "closed the connection|reset the connection", id="reset"),
    pytest.param(Mode.GARBAGE, "does not speak PostgreSQL|closed the connection", id="garbage"),
    pytest.param(Mode.HTML, "does not speak PostgreSQL|closed the connection", id="web page"),
    pytest.param(Mode.CLOSE, "closed the connection", id="closed"),
    pytest.param(Mode.DRIP, "no answer from 127.0.0.1", id="dripping"),
]


@pytest.mark.parametrize(("mode", "words"), CELLS)
def test_a_way_that_breaks_is_said_and_what_was_done_meanwhile_is_merged(
    postgres: Postgres, database: str, tmp_path: Path, mode: Mode, words: str
) -> None:
    with FaultProxy(postgres.port) as proxy, pair(tmp_path, postgres, database, proxy) as both:
        proxy.mode = mode
        both.ada.write("meanwhile")
        both.bob.write("theirs")

        def said() -> bool:
            return lost(both.ada) and re.search(words, both.ada.relay.standing.why) is not None

        wait_for(said, 60)
        found = re.search(words, both.ada.relay.standing.why)
        assert found is not None
        both.proven(found[0])
        wait_for(lambda: both.ada.relay.standing.waiting == 1)
        claim = both.ada.locks.claim(f"db of {tmp_path.name}", "ada acts")
        wait_for(lambda: claim.doubt)
        assert "only people on this machine" in claim.doubt
        assert claim.held
        proxy.mode = Mode.PASS
        both.merged()
        wait_for(lambda: claim.doubt == "")


def test_a_slow_way_is_no_loss(postgres: Postgres, database: str, tmp_path: Path) -> None:
    with FaultProxy(postgres.port) as proxy, pair(tmp_path, postgres, database, proxy) as both:
        proxy.become(Mode.DELAY, delay=0.2, jitter=0.1)
        both.ada.write("meanwhile")
        both.bob.write("theirs")
        everything = sorted(["before", "meanwhile", "theirs"])
        wait_for(lambda: sorted(both.ada.read()) == everything == sorted(both.bob.read()), 60)
        assert not lost(both.ada)


def test_an_answer_that_is_lost_after_the_server_kept_it_doubles_nothing(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    with FaultProxy(postgres.port) as proxy, pair(tmp_path, postgres, database, proxy) as both:
        proxy.become(Mode.LOSE, when=b"INSERT INTO opsroom_store.record")
        both.ada.write("meanwhile")
        wait_for(lambda: lost(both.ada))
        wait_for(lambda: "meanwhile" in both.bob.read())  # it had come there all the same
        both.bob.write("theirs")
        proxy.mode = Mode.PASS
        both.merged()


def test_a_login_that_is_taken_away_is_told_as_such(postgres: Postgres, tmp_path: Path) -> None:
    database = prepared(postgres)
    with pair(tmp_path, postgres, database) as both:
        postgres.sql("REVOKE opsroom_people FROM ada", database="postgres")
        try:
            both.ada.write("meanwhile")
            both.bob.write("theirs")
            wait_for(lambda: "may not" in both.ada.relay.standing.why)
            both.proven("our role may not use the store (GRANT opsroom_people TO it")
        finally:
            postgres.sql("GRANT opsroom_people TO ada", database="postgres")
        both.merged()


def test_a_login_that_has_as_many_connections_as_it_may_is_told_as_such(postgres: Postgres, tmp_path: Path) -> None:
    database = prepared(postgres)
    with pair(tmp_path, postgres, database) as both:
        postgres.sql("ALTER ROLE ada CONNECTION LIMIT 0", database="postgres")
        try:
            postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ada'")
            both.ada.write("meanwhile")
            both.bob.write("theirs")
            wait_for(lambda: "its own limit" in both.ada.relay.standing.why, 60)
            both.proven("our role has reached its own limit of connections")
        finally:
            postgres.sql("ALTER ROLE ada CONNECTION LIMIT -1", database="postgres")
        both.merged()


def test_a_server_that_crashes_and_comes_back_has_everything(
    new_postgres: Callable[..., Postgres], tmp_path: Path
) -> None:
    server = new_postgres()
    with pair(tmp_path, server, prepared(server)) as both:
        server.stop("immediate")
        both.ada.write("meanwhile")
        both.bob.write("theirs")
        wait_for(lambda: lost(both.ada) and lost(both.bob))
        both.proven("127.0.0.1")
        back = servers.again(server)
        try:
            both.merged()
        finally:
            back.stop("immediate")


def test_a_server_that_hangs_holds_nobody_up(new_postgres: Callable[..., Postgres], tmp_path: Path) -> None:
    server = new_postgres()
    with pair(tmp_path, server, prepared(server)) as both, hung(server.pid, children=True):
        began = time.monotonic()
        both.ada.write("meanwhile")
        assert time.monotonic() - began < 10
        wait_for(lambda: lost(both.ada), 60)
        both.proven("no answer from 127.0.0.1")
        claim = both.ada.locks.claim(f"db of {tmp_path.name}", "ada acts")
        assert claim.held
        claim.release()
        ending = threading.Thread(target=both.bob.close)
        ending.start()
        ending.join(10)
        assert not ending.is_alive()


def test_what_was_acknowledged_survives_a_kill_in_the_middle_of_carrying(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    """The place that was reached is kept with what was brought: a relay that stops anywhere goes on where it was."""
    with FaultProxy(postgres.port) as proxy, pair(tmp_path, postgres, database, proxy) as both:
        wanted = ["before", *(f"b{number}" for number in range(300))]
        for after in (3_000, 9_000, 30_000):
            proxy.become(Mode.RESET_LATER, after=after)
            both.bob.write(*wanted[1:101])
            wait_for(lambda: lost(both.ada), 60)
        proxy.mode = Mode.PASS
        both.bob.write(*wanted[101:])
        wait_for(lambda: both.ada.read() == wanted, 60)
        assert os.listdir(both.ada.folder)
