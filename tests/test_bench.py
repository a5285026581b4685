"""The bench is only as good as its measuring: the terminal it shows programs, its arithmetic, its page."""

from __future__ import annotations

import os
import random
import re
import shlex
import sys
import time
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import engines, figures, setup, ttybench
from bench.load import Shares
from bench.ttybench import Hang, Keys, Pace, Program, Run, Session, Start, Steady
from bench.vt import Responder, VtScreen, encode_key

ENTRIES = bench.entries(bench.HERE / "peers.toml")
TARGETS = figures.load_targets(bench.HERE / "targets.toml")

ECHO = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"\\x1b[2J\\x1b[Hwaiting for a key, live\\r\\n")
count = 0
while (key := os.read(0, 1)) != b"q":
    count += 1
    os.write(1, b"\\x1b[?2026h\\x1b[3;1Hkeys: %d " % count + b"\\x1b[?2026l")
"""
"""A program that answers each key with a frame and leaves at `q`."""

DEAF = """
import os, signal, tty
tty.setraw(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"live, and deaf ever after")
while True:
    signal.pause()
"""
"""A program that reads no key and ignores the polite signal."""


def program(code: str, **more: object) -> Program:
    return Program("toy", f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}", **{"ready": "live", **more})  # type: ignore[arg-type]


def screen() -> VtScreen:
    return VtScreen(ttybench.COLUMNS, ttybench.ROWS)


# The terminal


def test_a_frame_counts_only_when_its_update_ends() -> None:
    shown = screen()
    assert not shown.feed(b"\x1b[?2026hhalf a frame")
    assert shown.text().strip() == ""
    assert shown.feed(b", whole\x1b[?2026l")
    assert shown.lines[0] == "half a frame, whole"


def test_writing_the_same_again_is_no_change() -> None:
    shown = screen()
    assert shown.feed(b"\x1b[Hcpu 12 %")
    assert not shown.feed(b"\x1b[Hcpu 12 %")
    assert shown.feed(b"\x1b[H\x1b[7mcpu 12 %\x1b[m")


def test_a_change_outside_the_watched_rows_does_not_answer_a_key() -> None:
    shown = screen()
    assert not shown.feed(b"\x1b[1;1Hclock", range(5, 10))
    assert shown.feed(b"\x1b[6;1Hrow", range(5, 10))


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_sequence_cut_anywhere_is_put_together(cut: int) -> None:
    data = "é\x1b[38:2::1:2:3mok".encode()
    shown = screen()
    shown.feed(data[:cut])
    shown.feed(data[cut:])
    assert shown.lines[0] == "éok"


def test_modes_left_on_are_seen() -> None:
    shown = screen()
    shown.feed(b"\x1b[?1049h\x1b[?1000;1006h\x1b[?1006l")
    assert shown.modes == {"1049", "1000"}


def test_a_programs_questions_are_answered_even_when_they_come_in_two_pieces() -> None:
    responder = Responder(160, 48)
    assert responder.answer(b"\x1b[?20", lambda: (1, 1)) == b""
    assert responder.answer(b"26$p\x1b[6n", lambda: (3, 7)) == b"\x1b[?2026;2$y\x1b[3;7R"
    assert responder.answer(b"\x1b[>1u\x1b[?u", lambda: (1, 1)) == b"\x1b[?1u"


def test_keys_are_sent_in_the_mode_the_program_asked_for() -> None:
    assert encode_key("down", key_flags=0, application=False) == b"\x1b[B"
    assert encode_key("down", key_flags=0, application=True) == b"\x1bOB"
    assert encode_key("escape", key_flags=1, application=False) == b"\x1b[27u"
    assert encode_key("ctrl+c", key_flags=0, application=False) == b"\x03"
    assert encode_key("q", key_flags=0, application=False) == b"q"


# Measuring


def test_a_program_is_measured_from_its_start_to_its_leaving() -> None:
    pace = Pace(settle=0.05, steady=0.3, keys=4, pause=0.02)
    run = ttybench.measure(program(ECHO), pace, random.Random(1), None)
    assert run.start.first_byte is not None
    assert run.start.ready is not None
    assert run.start.first_byte <= run.start.ready
    assert run.keys is not None
    assert len(run.keys.samples) == 4
    assert run.keys.missed == 0
    assert all(0 < sample < 3000 for sample in run.keys.samples)
    assert run.steady is not None
    assert run.steady.rss > 1
    assert run.steady.bytes_s == 0
    assert run.quit is not None
    assert run.modes_left == []


def test_a_key_that_changes_nothing_is_missed_and_not_zero() -> None:
    quiet = ECHO.replace('b"\\x1b[?2026h', 'b"" and b"\\x1b[?2026h')
    pace = Pace(settle=0.05, steady=0.1, keys=2, pause=0.02, key_timeout=0.2)
    run = ttybench.measure(program(quiet), pace, random.Random(1), None)
    assert run.keys is not None
    assert (run.keys.samples, run.keys.missed) == ([], 2)


def test_a_goal_ends_the_wait_only_when_the_screen_matches() -> None:
    session = Session(program(ECHO, keys=("a=>keys: 2", "b=>!keys: 1")))
    try:
        ttybench.measure_start(session, 10)
        keys = ttybench.measure_keys(session, Pace(0, 0, keys=1, pause=0.02, key_timeout=0.3), random.Random(1))
        assert keys.missed == 1
        session.send("x")
        session.pump(1.0, idle=0.1)
        keys = ttybench.measure_keys(session, Pace(0, 0, keys=2, pause=0.02, key_timeout=0.3), random.Random(1))
        assert keys.missed == 1  # the count is 3 after the first key, which is not 1 after the second
    finally:
        session.close()


def test_a_program_that_will_not_leave_is_killed_and_has_no_time() -> None:
    session = Session(program(DEAF))
    ttybench.measure_start(session, 10)
    assert session.quit(timeout=0.3) is None
    assert not session.alive


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ttybench.CannotRun, match="no-such-program"):
        Session(Program("gone", "/no-such-program", "x"))


def test_keys_of_a_deaf_program_are_all_late() -> None:
    session = Session(program(DEAF, hang_every=0.05))
    try:
        ttybench.measure_start(session, 10)
        hang = ttybench.measure_hang(session, 0.4)
    finally:
        session.close()
    assert hang.pressed >= 4
    assert hang.late == hang.pressed


def test_a_machine_that_stays_busy_is_waited_for_only_so_long() -> None:
    began = time.perf_counter()
    ttybench.wait_for_quiet(-1.0, patience=0.5)
    assert time.perf_counter() - began < 5


# Arithmetic and words


def run_of(**values: float) -> Run:
    start = Start(1, 2, values.get("ready"), 3)
    steady = Steady(values.get("cpu", 1), 50, 100, 2, 0, None)
    return Run(start, steady, Keys([1.0, 2.0, 3.0]), values.get("quit"))


def test_percentiles_lie_between_the_samples() -> None:
    assert figures.percentile([], 0.5) is None
    assert figures.percentile([4.0], 0.95) == 4.0
    assert figures.percentile([0.0, 10.0], 0.95) == pytest.approx(9.5)


def test_a_missing_figure_stays_a_gap() -> None:
    one = figures.summarise([run_of(ready=100.0), run_of()])
    assert one["ready"] == 100.0
    assert one["quit"] is None
    assert one["backend"] is None
    assert figures.number(None) == "–"


def test_keys_of_all_runs_are_one_pool() -> None:
    first, second = run_of(), run_of()
    second.keys = Keys([9.0])
    assert figures.summarise([first, second])["key_p50"] == pytest.approx(2.5)


def test_a_ratio_is_met_at_the_limit_and_unknown_without_a_figure() -> None:
    target = figures.Target("ours", "peer", 20, {"ready": 0.5, "quit": 1.0, "cpu": 0.1})
    scene: dict[str, figures.Figures] = {
        "ours": {"ready": 50.0, "quit": None, "cpu": 1.0},
        "peer": {"ready": 100.0, "quit": 5.0, "cpu": 0.0},
    }
    ready, leaving, cpu = figures.verdicts(target, scene)
    assert (ready.met, leaving.met, cpu.met) == (True, None, None)
    assert ready.words() == "0.50 of 0.5, met"
    assert leaving.words() == "not measured"


def results() -> figures.Results:
    runs = {"opsroom_pg": [run_of(ready=100.0, quit=10.0)], "pg_activity": [run_of(ready=200.0)]}
    found = figures.Results(quick=False, scenes={20: runs}, versions={"pg_activity": "3.6.2"})
    found.hangs["pg_activity"] = Hang(6, 6, 24.0, "as ever", None)
    found.hangs["opsroom_pg"] = Hang(40, 0, 0.01, "STALE, no answer for 9 s", 10.4)
    found.absent["btop"] = "not on PATH"
    return found


def test_the_page_says_what_was_not_measured_and_what_went_wrong() -> None:
    page = figures.page(results(), TARGETS)
    assert "btop was not measured: not on PATH" in page
    assert "pg_activity did not leave within 5 s in 1 of 1 runs" in page
    assert re.search(r"\| opsroom_pg / pg_activity \| +20 \| +0\.50 of 0\.9, met", page)
    assert re.search(r"\| pg_activity +\| +6 of 6 \| +24\.0 s \| +no \| not in time, killed \|", page)
    assert re.search(r"\| opsroom_pg +\| +0 of 40 \| +0\.0 s \| +yes \| +10 ms \|", page)


def test_the_page_names_neither_the_machine_nor_a_folder() -> None:
    import platform

    page = figures.page(results(), TARGETS)
    assert platform.node() not in page.split()
    assert str(Path.home()) not in page
    assert str(bench.HERE) not in page


# What is measured


def test_every_target_names_programs_and_a_scene_that_are_measured() -> None:
    known = {entry.name: entry for entry in ENTRIES}
    for target in TARGETS:
        assert target.scene in known[target.ours].scenes, target
        assert target.scene in known[target.peer].scenes, target
        assert set(target.limits) >= target.known, target


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_program_has_a_way_to_be_had_and_sound_expressions(entry: bench.Entry) -> None:
    re.compile(entry.ready, re.MULTILINE)
    for key in entry.keys:
        re.compile(key.partition("=>")[2].removeprefix("!"))
    assert set(entry.scenes) <= set(bench.SCENES)
    assert bool(entry.profile) != bool(entry.pip or entry.apt)


def test_a_target_with_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "targets.toml"
    path.write_text('[[target]]\nours = "a"\npeer = "b"\nscene = 20\nbeauty = 1\n')
    with pytest.raises(KeyError, match="beauty"):
        figures.load_targets(path)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.profile], ids=lambda entry: entry.name)
def test_our_profiles_are_valid(entry: bench.Entry, tmp_path: Path) -> None:
    from desk.profile import load
    from tui.kinds import Kinds

    path = tmp_path / "bench.toml"
    path.write_text(bench.profile_text(entry.profile, bench.Ports()))
    assert sorted(target.kind for target in load(path, Kinds()).targets) == sorted(entry.profile)


def test_a_part_of_the_bench_never_overwrites_the_full_page() -> None:
    parser = bench.arguments()
    assert bench.place(parser.parse_args([])).name == "RESULTS.md"
    for words in (["--quick"], ["--only", "htop"]):
        assert bench.place(parser.parse_args(words)).parent.name == "out"


def test_an_unknown_program_is_refused_by_name() -> None:
    with pytest.raises(SystemExit, match="no such program: bottom"):
        bench.chosen("htop,bottom")


def test_a_tool_that_is_missing_says_why() -> None:
    with pytest.raises(setup.NotInstalled, match="--no-install"):
        setup.obtain(setup.Source("no-such-tool", apt="no-such-package"), install=False)


def test_the_load_has_somebody_in_every_state() -> None:
    assert Shares.of(20) == Shares(1, 1, 1)
    assert Shares.of(500) == Shares(25, 25, 5)


@pytest.mark.engine
def test_the_whole_bench_runs_and_the_hung_database_does_not_hang_us() -> None:
    chosen = [entry for entry in ENTRIES if entry.name == "opsroom_pg"]
    try:
        with bench.workplace() as folder:
            one = bench.Bench(folder, chosen, bench.EFFORTS[True], install=False)
            one.prepare()
            with one._servers(20) as postmaster:
                hang = one._hung(one._programs["opsroom_pg"], postmaster)
    except engines.Missing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
    assert hang.late == 0
    assert hang.quit is not None
    assert hang.quit < 1000
    assert figures.SAYS_SO.search(hang.screen)
