"""The host panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from probes.base import GaugeKey, SafeText, Severity, Snapshot
from probes.host.facts import Cpu, Disk, HostFacts, Interface, Kills, Load, Memory, Process, Stall, Tally
from probes.host.gauges import measured
from probes.host.probe import HostProbe
from widgets.host import HostPanel, called
from widgets.lines import Line, Tone, joined, width_of
from widgets.panel import View, Worry

GIB = 2.0**30
WIDTHS = (40, 58, 78, 118, 200)

PYTHON = Process(
    pid=412, parent=1, started=99, name=SafeText("python3"), state="S", threads=12, cpu=0.98, rss=1.2 * GIB, age=372.0,
    user=SafeText("app"), command=SafeText("python3 worker.py --token ***"),
)  # fmt: skip

BUSY = HostFacts(
    name=SafeText("web-1"),
    kernel=SafeText("6.1.0"),
    cores=2,
    cpu=Cpu(0.34, 0.2, 0.1, 0.05, 0.02, (0.6, 0.08)),
    load=Load(3.1, 2.0, 1.5),
    memory=Memory(8 * GIB, 0.72 * GIB, 0.1 * GIB, 2 * GIB, 2 * GIB, 2 * GIB, 0.0, 0.0),
    pressure={"cpu": Stall(0.1), "memory": Stall(0.3, 0.1), "io": Stall(0.0, 0.0)},
    disks=(
        Disk(SafeText("/"), SafeText("/dev/vda"), SafeText("ext4"), 100 * GIB, 29 * GIB, 0.71, 0.1),
        Disk(SafeText("/data"), SafeText("/dev/vdb"), SafeText("xfs"), 10 * GIB, 5 * GIB, 0.5, 0.1),
    ),
    interfaces=(
        Interface(SafeText("eth0"), False, 1.2 * 2**20, 300 * 1024.0, 0.0, 0.0, 9 * GIB, 4 * GIB),
        Interface(SafeText("lo"), True, 5.0, 5.0, 0.0, 0.0, GIB, GIB),
    ),
    sockets={"established": 212, "listening": 14, "time-wait": 90},
    files_open=4812.0,
    files_limit=100000.0,
    processes=(PYTHON, replace(PYTHON, pid=77, name=SafeText("postgres"), cpu=0.12, rss=0.3 * GIB)),
    tally=Tally(212, 2, 1, 3),
    biggest=PYTHON,
    kills=Kills(total=0.0),
    uptime=272000.0,
)


def view(facts: HostFacts, *worries: Worry, history: Sequence[float | None] = (0.1, None, 0.3)) -> View[HostFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return history

    gauges = measured(facts).values
    return View("local", Snapshot("local", datetime(2026, 3, 1, tzinfo=UTC), 0.01, facts, gauges), recent, worries)


def worry(severity: Severity, gauge: str, **labels: str) -> Worry:
    return Worry(severity, gauge, tuple(sorted(labels.items())), "words")


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


ODD = {
    "nothing": HostFacts(),
    "busy": BUSY,
    "huge": replace(
        BUSY,
        load=Load(99999.9, 1e6, 0.0),
        memory=Memory(2.0**60, 0.0, 2.0**50, 2.0**59, 2.0**60, 0.0, 2.0**40, 2.0**40),
        cpu=Cpu(1.0, 1.0, 0.0, 0.0, 1.0, (1.0,) * 1024),
        cores=1024,
        sockets={"established": 10**9, "close-wait": 10**9},
        uptime=1e10,
    ),
    "wide": replace(
        BUSY,
        name=SafeText("サーバー" * 10),
        disks=(replace(BUSY.disks[0], mount=SafeText("/データ/" + "倉" * 40), silent=12.0),),
        processes=(replace(PYTHON, name=SafeText("プロセス" * 8)),),
        biggest=replace(PYTHON, name=SafeText("プロセス" * 8)),
    ),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: HostFacts, width: int) -> None:
    panel = HostPanel()
    for drawn in [*panel.brief(view(facts), width), *panel.head(view(facts), width), *panel.more(view(facts), width)]:
        assert width_of(drawn.spans) <= width, text(drawn)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_the_head_stays_short(facts: HostFacts) -> None:
    assert 5 <= len(HostPanel().head(view(facts), 118)) <= 10


def test_the_headline_says_how_full_and_how_busy() -> None:
    words = joined(HostPanel().headline(view(BUSY)))
    assert "".join(span.text for span in words) == "cpu 34 %  mem 91 %  load 3.1  disk / 71 %  swap 0"


def test_the_headline_is_toned_by_the_rules_and_not_by_itself() -> None:
    plain = HostPanel().headline(view(BUSY))
    worried = HostPanel().headline(view(BUSY, worry(Severity.CRITICAL, "memory_full_ratio", biggest="x", pid="1")))
    tones = [[span.tone for span in joined(parts) if "mem" in span.text] for parts in (plain, worried)]
    assert tones == [[Tone.PLAIN], [Tone.CRITICAL]]


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    drawn = view(HostFacts())
    words = "".join(span.text for span in joined(HostPanel().headline(drawn)))
    assert words == "cpu –  mem –  load –  swap –"
    assert "0" not in shown(HostPanel().head(drawn, 200))


def test_the_head_names_the_biggest_process_and_what_is_left() -> None:
    head = shown(HostPanel().head(view(BUSY), 118))
    assert "737 MiB left of 8 GiB" in head
    assert "biggest python3 worker.py 1.2 GiB" in head
    assert "on 2 cores" in head
    assert "212 established" in head


def test_the_brief_names_who_uses_the_machine() -> None:
    drawn = HostPanel().brief(view(BUSY), 58)
    assert "python3 worker.py 98 % 1.2 GiB" in shown(drawn)
    assert "eth0 in 1.2 MiB/s out 300 KiB/s" in shown(drawn)
    assert drawn[0].key == PYTHON.key


@pytest.mark.parametrize(
    ("name", "command", "words"),
    [
        ("redis-server", "redis-server *:6379", "redis-server"),
        ("python3", "/usr/bin/python3 -u -W ignore -m news.worker 1", "python3 worker"),
        ("node", "node /srv/app/server.js --port 80", "node server.js"),
        ("java", "java -Xmx1g -jar /opt/search.jar", "java search.jar"),
        ("python3", "python3 -c print(1)", "python3"),
        ("python3", "", "python3"),
        ("python3", "python3 -m", "python3"),
        ("node", "node -r", "node"),
    ],
)
def test_an_interpreter_is_called_by_the_program_it_runs(name: str, command: str, words: str) -> None:
    assert called(replace(PYTHON, name=SafeText(name), command=SafeText(command))) == words


def test_with_room_to_spare_the_busiest_processes_stand_one_under_the_other() -> None:
    more = shown(HostPanel().more(view(BUSY), 118))
    assert "98 %    1.2 GiB  python3 worker.py" in more
    assert "12 %    307 MiB  postgres" in more


def test_a_silent_disk_comes_first_and_opens_its_row() -> None:
    disks = (
        Disk(SafeText("/mnt/x"), SafeText("files:/export"), SafeText("nfs4"), remote=True, silent=12.0),
        *BUSY.disks,
    )
    first = HostPanel().brief(view(replace(BUSY, disks=disks)), 58)[0]
    assert "/mnt/x" in text(first)
    assert "no answer for 12 s" in text(first)
    assert first.key == "/mnt/x"
    assert first.severity is Severity.WARNING


def test_a_full_disk_is_named_when_the_rules_say_so() -> None:
    assert "▲ disk" not in shown(HostPanel().brief(view(BUSY), 58))
    first = HostPanel().brief(view(BUSY, worry(Severity.WARNING, "disk_used_ratio", mount="/data")), 58)[0]
    assert "/data" in text(first)
    assert "50 % full, 5 GiB left" in text(first)
    assert first.severity is Severity.WARNING


def test_a_disk_without_inodes_left_says_that() -> None:
    full = replace(BUSY, disks=(replace(BUSY.disks[0], inodes_used=0.97),))
    first = HostPanel().brief(view(full, worry(Severity.WARNING, "inodes_used_ratio", mount="/")), 78)[0]
    assert "97 % of inodes" in text(first)


@pytest.mark.parametrize("width", [58, 118])
def test_a_kill_names_the_victim_and_when(width: int) -> None:
    killed = replace(BUSY, kills=Kills(1.0, None, 1, 130.0, SafeText("python3 (pid 7)")))
    assert "out of memory: kernel killed python3 (pid 7) 2m10s ago" in shown(HostPanel().brief(view(killed), width))


def test_columns_leave_room_for_the_command_on_a_narrow_terminal() -> None:
    for table in HostPanel.tables:
        assert [column.width for column in table.columns].count(0) == 1
        assert table.columns[-1].width == 0
        for width in (40, 60, 80, 120):
            fixed = sum(column.width + 1 for column in table.columns if width >= column.least and column.width)
            assert fixed <= max(width - 10, 43), (table.name, width)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_of_every_table_can_be_drawn_and_sorted(facts: HostFacts) -> None:
    for table in HostPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows:
            assert isinstance(table.tone(row), Tone)
            if table.detail is not None:
                assert table.detail(row)
            for column in table.columns:
                cell = column.cell(row)
                assert str(cell if isinstance(cell, str | SafeText) else cell.text)
        for column in table.columns:
            if column.sort is not None:
                keys: list[Any] = [column.sort(row) for row in rows]
                sorted(key for key in keys if key is not None)


def test_the_detail_of_a_process_shows_its_whole_masked_command() -> None:
    detail = HostPanel.tables[0].detail
    assert detail is not None
    lines = shown(detail(PYTHON))
    assert "python3 worker.py --token ***" in lines
    assert "started by pid 1" in lines


def test_figures_fit_their_columns() -> None:
    cells = {"memory": PYTHON, "cpu": replace(PYTHON, cpu=128.0)}
    for title, row in cells.items():
        column = next(column for column in HostPanel.tables[0].columns if column.title == title)
        assert cell_len(str(column.cell(row))) <= column.width


def test_the_panel_asks_for_gauges_that_exist() -> None:
    declared = {spec.name for spec in HostProbe.gauges}
    asked: set[str] = set()

    def recent(name: str, **labels: str) -> Sequence[float | None]:
        asked.add(GaugeKey(name).name)
        return ()

    drawn = View("local", view(BUSY).snapshot, recent)
    HostPanel().head(drawn, 200)
    assert asked
    assert asked <= declared
