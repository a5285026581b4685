"""The redis panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from probes.base import GaugeKey, SafeText, Severity, Snapshot
from probes.redis.cache import RedisProbe
from probes.redis.facts import Keyspace, Memory, Persistence, RedisFacts, Replica, Replication, Slow, Traffic
from probes.redis.gauges import measured
from widgets.lines import Line, Tone, joined, width_of
from widgets.panel import View, Worry
from widgets.redis import RedisPanel, hit

WIDTHS = (40, 58, 78, 118, 200)
MIB = 2.0**20

REPLICA = Replica(SafeText("10.0.0.7:6379"), SafeText("online"), 1.0, 2048.0)
SLOW = Slow(7, 0.025, 65.0, SafeText("HGETALL cache:page"), SafeText("10.0.0.5:4711"))
BUSY = RedisFacts(
    version=SafeText("7.0.15"), run_id=SafeText("aa11"), uptime=272000, ping=0.0004, clients=42, max_clients=10000,
    blocked=2,
    traffic=Traffic(
        hit_ratio=0.71, lookups=900, hit_ratio_minute=0.8, hit_ratio_usual=0.93, commands_per_second=812,
        evicted_per_minute=0, expired_per_minute=12, rejected_per_minute=0, in_per_second=4096, out_per_second=9000,
        errors_per_minute={"NOSCRIPT": 3.0},
    ),
    memory=Memory(61 * MIB, 70 * MIB, 80 * MIB, 100 * MIB, "allkeys-lru", 1.14),
    persistence=Persistence(False, False, 3600, 42),
    replication=Replication("master", replicas=(REPLICA,)),
    databases=(Keyspace(0, 1200, 900, 3600), Keyspace(3, 5)),
    slow=(SLOW,), new_slow=1, holds_queues=False,
)  # fmt: skip

ODD = {
    "nothing": RedisFacts(),
    "busy": BUSY,
    "queues": replace(BUSY, holds_queues=True, persistence=Persistence(failed=("snapshot",))),
    "replica": replace(BUSY, replication=Replication("replica", SafeText("10.0.0.1:6379"), False, 90.0)),
    "huge": replace(
        BUSY, clients=1e12, max_clients=1e12, uptime=1e12, ping=1e6, blocked=1e12, new_slow=10**9,
        memory=Memory(2.0**70, 2.0**70, 2.0**70, 2.0**70, "volatile-ttl", 1e9),
        traffic=replace(BUSY.traffic, commands_per_second=1e15, in_per_second=1e18, out_per_second=1e18,
                        evicted_per_minute=1e15, expired_per_minute=1e15),
        databases=(Keyspace(0, 1e18, 1e18, 1e12),),
    ),
    "wide": replace(
        BUSY, version=SafeText("版" * 40), replication=Replication("replica", SafeText("主" * 100), True),
        slow=(replace(SLOW, command=SafeText("読" * 100), client=SafeText("客" * 60)),),
    ),
}  # fmt: skip


def view(facts: RedisFacts, *worries: Worry, history: Sequence[float | None] = (0.9, None, 0.7)) -> View[RedisFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return history

    taken = datetime(2026, 3, 1, tzinfo=UTC)
    return View("cache", Snapshot("cache", taken, 0.01, facts, measured(facts).values), recent, worries)


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


FELL = Worry(Severity.WARNING, "hit_ratio", (), "cache hit rate fell to 71 % from 93 % (900 look-ups in 10 s)")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: RedisFacts, width: int) -> None:
    panel = RedisPanel()
    for drawn in [
        *panel.brief(view(facts, FELL), width),
        *panel.head(view(facts, FELL), width),
        *panel.more(view(facts, FELL), width),
    ]:
        assert width_of(drawn.spans) <= width, text(drawn)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_the_head_stays_short(facts: RedisFacts) -> None:
    assert 5 <= len(RedisPanel().head(view(facts), 118)) <= 10


def test_the_headline_says_hits_evictions_and_memory() -> None:
    parts = joined(RedisPanel().headline(view(BUSY)))
    assert "".join(span.text for span in parts) == "hit 71 % (-22 from usual)  evict 0/min  mem 61 %"


def test_the_headline_is_toned_by_the_rules_and_not_by_itself() -> None:
    for worries, tone in (((), Tone.PLAIN), ((FELL,), Tone.WARNING)):
        assert joined(RedisPanel().headline(view(BUSY, *worries)))[0].tone is tone


def test_nothing_asked_is_no_rate_of_zero() -> None:
    assert hit(replace(BUSY, traffic=Traffic(lookups=0.0))) == "no look-ups"
    assert hit(RedisFacts()) == "hit –"


def test_what_is_wrong_comes_first() -> None:
    drawn = RedisPanel().brief(view(BUSY, FELL), 78)
    assert text(drawn[0]) == "▲ cache hit rate fell to 71 % from 93 % (900 look-ups in 10 s)"
    assert drawn[0].severity is Severity.WARNING


def test_the_brief_tells_speed_and_what_would_survive() -> None:
    drawn = shown(RedisPanel().brief(view(BUSY), 118))
    assert "42 clients  812/s commands  ping 0.4 ms" in drawn
    assert "no AOF, snapshot 1h00m ago, 42 changes since" in drawn
    assert "master of 1 replica" in drawn
    assert "queues live here" not in drawn


def test_a_shared_server_warns_of_clearing_it() -> None:
    drawn = shown(RedisPanel().brief(view(ODD["queues"]), 78))
    assert "clearing it would delete their jobs" in drawn
    assert "last snapshot failed" in drawn


def test_no_limit_is_said_and_is_no_bar_of_zero() -> None:
    free = replace(BUSY, memory=replace(BUSY.memory, limit=0.0))
    drawn = shown(RedisPanel().head(view(free), 118))
    assert "61 MiB, no limit" in drawn
    assert "mem 61 MiB" in "".join(span.text for span in joined(RedisPanel().headline(view(free))))


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    words = "".join(span.text for span in joined(RedisPanel().headline(view(RedisFacts()))))
    assert words == "hit –  evict –  mem –"
    assert "0" not in shown(RedisPanel().head(view(RedisFacts(), history=()), 200)).replace("10 s", "")


def test_columns_leave_room_for_the_last_one_on_a_narrow_terminal() -> None:
    for table in RedisPanel.tables:
        assert [column.width for column in table.columns].count(0) == 1
        assert table.columns[-1].width == 0
        for width in (60, 80, 118):
            fixed = sum(column.width + 1 for column in table.columns if width >= column.least and column.width)
            assert fixed <= width - 10, (table.name, width)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_of_every_table_can_be_drawn_and_sorted(facts: RedisFacts) -> None:
    for table in RedisPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows:
            assert isinstance(table.tone(row), Tone)
            for column in table.columns:
                column.cell(row)
        for column in table.columns:
            if column.sort is not None:
                keys: list[Any] = [column.sort(row) for row in rows]
                sorted(key for key in keys if key is not None)


def test_the_panel_asks_for_gauges_that_exist() -> None:
    asked: set[str] = set()

    def recent(name: str, **labels: str) -> Sequence[float | None]:
        asked.add(GaugeKey(name).name)
        return ()

    RedisPanel().head(View("cache", view(BUSY).snapshot, recent), 200)
    assert asked
    assert asked <= {spec.name for spec in RedisProbe.gauges}


def test_the_start_of_the_server_is_not_called_a_snapshot() -> None:
    fresh = replace(BUSY, uptime=60, persistence=Persistence(False, None, 60, 42))
    assert "no snapshot since its start, 42 changes" in shown(RedisPanel().brief(view(fresh), 118))
    assert "snapshot 1h00m ago, 42 changes since" in shown(RedisPanel().brief(view(BUSY), 118))


def test_with_room_to_spare_it_adds_only_what_the_brief_has_not_said() -> None:
    queues = replace(BUSY, holds_queues=True)
    assert "queues live here" not in shown(RedisPanel().more(view(queues), 118))
    assert "errors   NOSCRIPT 3/min" in shown(RedisPanel().more(view(queues), 118))


def test_an_act_on_a_database_is_about_its_row_and_one_on_the_rest_about_the_server() -> None:
    slow, databases, replicas = RedisPanel.tables
    assert databases.subject is not None
    assert [databases.subject(one) for one in BUSY.databases] == ["db0", "db3"]
    assert slow.subject is not None
    assert replicas.subject is not None
    assert (slow.subject(SLOW), replicas.subject(REPLICA)) == ("", "")
