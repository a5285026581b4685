"""The bench is only as good as its measuring: the terminal it shows programs, its arithmetic, its page."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as bench
from bench import engines, figures, logs, many, manypage, setup, ttybench
from bench.fakes import aws, pods
from bench.fakes.server import Reply, Request, parsed, port_of, serve
from bench.load import Shares
from bench.many import Crowded
from bench.ttybench import Hang, Keys, Pace, Program, Run, Session, Start, Steady
from bench.vt import Responder, VtScreen, encode_key
from tests.missing import missing

CROWDS = many.crowds()
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


def test_many_objects_are_chosen_by_name_and_measured_with_all() -> None:
    assert [crowd.name for crowd in bench.chosen(None)[1]] == [crowd.name for crowd in CROWDS]
    programs, crowds = bench.chosen("opsroom_ecs,htop")
    assert ([one.name for one in programs], [one.name for one in crowds]) == (["htop"], ["opsroom_ecs"])
    assert bench.chosen("htop")[1] == []


def test_a_tool_that_is_missing_says_why() -> None:
    with pytest.raises(setup.NotInstalled, match="--no-install"):
        setup.obtain(setup.Source("no-such-tool", apt="no-such-package"), install=False)


def test_the_load_has_somebody_in_every_state() -> None:
    assert Shares.of(20) == Shares(1, 1, 1)
    assert Shares.of(500) == Shares(25, 25, 5)


@pytest.mark.engine
@pytest.mark.alone
def test_the_whole_bench_runs_and_the_hung_database_does_not_hang_us() -> None:
    chosen = [entry for entry in ENTRIES if entry.name == "opsroom_pg"]
    try:
        with bench.workplace() as folder:
            one = bench.Bench(folder, chosen, bench.EFFORTS[True], install=False)
            one.prepare()
            with one._servers(20) as postmaster:
                hang = one._hung(one._programs["opsroom_pg"], postmaster)
    except engines.Missing as one:
        missing(str(one))
    assert hang.late == 0
    assert hang.quit is not None
    assert hang.quit < 1000
    assert figures.SAYS_SO.search(hang.screen)


# Very many objects


def asked(target: str, **headers: str) -> Request:
    lines = [f"GET {target} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return parsed("\r\n".join(lines).encode())


def told(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    packed = reply.headers.get("Content-Encoding") == "gzip"
    return json.loads(gzip.decompress(reply.body) if packed else reply.body)


def pages(cluster: pods.Cluster, path: str, limit: int) -> Iterator[dict[str, Any]]:
    token = ""
    while True:
        page = told(cluster(asked(f"{path}?limit={limit}{f'&continue={token}' if token else ''}")))
        yield page
        token = page["metadata"].get("continue", "")
        if not token:
            return


@pytest.mark.parametrize("path", [pods.PODS, pods.METRICS])
def test_a_made_up_cluster_lists_each_pod_once_page_by_page(path: str) -> None:
    found = list(pages(pods.Cluster(130), path, 50))
    assert [len(page["items"]) for page in found] == [50, 50, 30]
    assert [page["metadata"].get("remainingItemCount") for page in found] == [80, 30, None]
    assert len({one["metadata"]["name"] for page in found for one in page["items"]}) == 130


def test_a_list_stays_of_its_moment_and_the_next_one_differs_a_little() -> None:
    cluster = pods.Cluster(200)
    first = told(cluster(asked(f"{pods.PODS}?limit=100")))
    second = [one for page in pages(cluster, pods.PODS, 100) for one in page["items"]]
    rest = told(cluster(asked(f"{pods.PODS}?limit=100&continue={first['metadata']['continue']}")))
    before = {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in first["items"] + rest["items"]}
    after = {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in second}
    assert before.keys() == after.keys()
    assert sum(before[uid] != after[uid] for uid in before) == 4


def test_a_made_up_cluster_packs_long_answers_for_who_takes_them_so() -> None:
    cluster = pods.Cluster(60)
    packed = cluster(asked(f"{pods.PODS}?limit=60", accept_encoding="gzip"))
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(told(packed)["items"]) == 60
    assert "Content-Encoding" not in cluster(asked(f"{pods.PODS}?limit=60")).headers


def test_a_made_up_cluster_says_what_it_serves_and_refuses_the_rest() -> None:
    cluster = pods.Cluster(120)
    groups = {one["metadata"]["name"] for one in told(cluster(asked("/apis")))["items"]}
    assert {"apps", "metrics.k8s.io"} <= groups
    assert len(told(cluster(asked("/apis/apps/v1/deployments?limit=500")))["items"]) == 3
    assert told(cluster(asked("/apis/batch/v1/jobs?limit=500")))["items"] == []
    assert cluster(asked("/apis/cert-manager.io/v1/certificates")).status == 404
    broken = base64.b64encode(b"nonsense").decode()
    assert cluster(asked(f"{pods.PODS}?limit=5&continue={broken}")).status == 400


def ask(account: aws.Account, operation: str, **parameters: Any) -> Any:
    body = json.dumps(parameters).encode()
    return told(account(Request("POST", "/", {}, {"x-amz-target": f"Service.{operation}"}, body)))


def test_services_are_listed_and_described_in_pages_no_longer_than_allowed() -> None:
    account = aws.Account(services=130)
    first = ask(account, "ListServices", maxResults=100)
    second = ask(account, "ListServices", maxResults=100, nextToken=first["nextToken"])
    arns = [*first["serviceArns"], *second["serviceArns"]]
    assert (len(first["serviceArns"]), len(set(arns)), "nextToken" in second) == (100, 130, False)
    described = ask(account, "DescribeServices", services=[arns[7], "gone"])
    assert [one["serviceName"] for one in described["services"]] == ["service-0007"]
    assert described["failures"][0]["reason"] == "MISSING"
    assert len(described["services"][0]["events"]) == aws.EVENTS
    tasks = ask(account, "ListTasks", desiredStatus="RUNNING", maxResults=100)
    assert ask(account, "DescribeTasks", tasks=tasks["taskArns"][:1])["tasks"][0]["group"] == "service:service-0000"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("ListServices", {"maxResults": 101}),
        ("DescribeServices", {"services": [f"service-{number:04}" for number in range(11)]}),
        ("ListQueues", {"MaxResults": 1001}),
        ("GetQueueAttributes", {"QueueUrl": "https://sqs/1/gone"}),
        ("DeleteEverything", {}),
    ],
)
def test_what_the_services_do_not_allow_the_made_up_account_refuses(
    operation: str, parameters: Mapping[str, Any]
) -> None:
    body = json.dumps(parameters).encode()
    reply = aws.Account(services=20, queues=20)(Request("POST", "/", {}, {"x-amz-target": f"S.{operation}"}, body))
    assert reply.status == 400
    assert "__type" in json.loads(reply.body)


def test_queues_are_listed_in_pages_of_a_thousand() -> None:
    account = aws.Account(queues=2300)
    found, token = [], ""
    while True:
        page = ask(account, "ListQueues", MaxResults=1000, **({"NextToken": token} if token else {}))
        found.append(page["QueueUrls"])
        token = page.get("NextToken", "")
        if not token:
            break
    assert [len(urls) for urls in found] == [1000, 1000, 300]
    assert len({url for urls in found for url in urls}) == 2300
    attributes = ask(account, "GetQueueAttributes", QueueUrl=found[0][4])["Attributes"]
    assert int(attributes["ApproximateNumberOfMessages"]) > 0
    assert "deadLetterTargetArn" in attributes["RedrivePolicy"]


def test_metrics_are_given_for_all_that_is_asked_and_no_more_than_500() -> None:
    account = aws.Account(queues=10, now=lambda: 1_000_000.0)
    answer = ask(account, "GetMetricData", MetricDataQueries=[{"Id": "a"}, {"Id": "b"}])
    assert [one["Id"] for one in answer["MetricDataResults"]] == ["a", "b"]
    assert len(answer["MetricDataResults"][0]["Values"]) == len(answer["MetricDataResults"][0]["Timestamps"]) == 15


@pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: crowd.name)
async def test_our_probes_and_the_made_up_clouds_understand_each_other(
    crowd: many.Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.fakes.__main__ import FAKES
    from desk.profile import load
    from probes.base import Context
    from tests.toys import StillClock
    from tui.kinds import Kinds
    from tui.secrets import Secrets

    monkeypatch.setenv(many.KEY, "bench")
    server = await serve(FAKES[crowd.fake](40))
    path = tmp_path / "bench.toml"
    path.write_text(many.profile_text(crowd, port_of(server), tmp_path))
    kinds, clock = Kinds(), StillClock()
    target = load(path, kinds).targets[0]
    probe = kinds.facts(crowd.kind)(target, Context(Secrets(os.environ), time.monotonic, clock.now, "bench"))
    probe.watched = True
    try:
        snapshot = await probe.read()
        named = {table.name: table for table in kinds.panel(crowd.kind).tables}
        rows = named[crowd.fake].rows(snapshot.facts)
        assert len(rows) == 40
        assert not snapshot.gaps
    finally:
        await probe.close()
        server.close()


@pytest.mark.parametrize("crowd", CROWDS, ids=lambda crowd: crowd.name)
def test_every_scene_of_many_objects_has_sound_expressions(crowd: many.Crowd) -> None:
    re.compile(crowd.rows, re.MULTILINE)
    assert re.compile(crowd.left).groups == 1
    assert {step.group for step in many.steps(crowd.seek)} == set(manypage.GROUPS)


LINES = (
    "  pods ▸things   2 of 40, filter “web”",
    "  thing     size ▼",
    "▸ web-1       12",
    "  web-2        9",
    "web",
)


def seen(*lines: str) -> many.Look:
    shown = screen()
    shown.feed("\r\n".join(lines[:-1]).encode())
    shown.feed(f"\x1b[{ttybench.ROWS};1H{lines[-1]}".encode())
    return many.look(shown)


def test_a_key_has_done_its_work_only_when_what_it_asks_for_is_seen() -> None:
    before = seen("  pods ▸things   40", "  thing     size", "▸ api-1       12", "  web-2        9", " ordered by size")
    now = seen(*LINES)
    assert (now.cursor, now.foot, now.filtered, now.rows) == ("▸ web-1", "web", True, (LINES[2], LINES[3]))
    assert many.narrowed("web")(before, now)
    assert not many.narrowed("web-1")(before, now)
    assert not many.narrowed("web")(before, seen(*LINES[:3], "  api-2        9", "web"))
    down = next(step for step in many.steps(("w",)) if step.key == "j")
    assert down.done(before, now)
    assert not down.done(now, seen(*LINES[:2], "▸ web-1       13", *LINES[3:]))


def crowded(**values: Any) -> Crowded:
    run = Crowded(10_000, first_rows=900.0, whole=4.0, left=0, looked=60.0, peak=120.0, quit=9.0)
    run.steady = Steady(12.0, 100.0, 100, 2, 3.0, None)
    run.keys = {"move": [4.0] * 99, "filter": [80.0]}
    for name, value in values.items():
        setattr(run, name, value)
    return run


def found_many() -> figures.Results:
    runs = {
        "opsroom_pods": [crowded(), Crowded(10_000, first_rows=2900.0)],
        "opsroom_queues": [crowded(whole=None, left=9_100, first_rows=None, keys={}, missed=3)],
    }
    return figures.Results(quick=False, only=("opsroom_pods", "opsroom_queues"), crowds=runs)


LIMITS = manypage.load_limits(bench.HERE / "targets.toml")


def test_the_section_says_what_wrote_it_what_is_met_and_what_was_not_seen() -> None:
    section = manypage.section(found_many(), LIMITS)
    assert "Written by `python -m bench --only opsroom_pods,opsroom_queues` on" in section
    assert "opsroom_pods: every object was read 4.0 s after the start" in section
    assert "opsroom_queues: 900 of 10,000 objects were read 60 s after the start" in section
    assert re.search(r"\| opsroom_pods +\| +1900 of 2000, met \| +4\.76 of 50, met \| +120 of 150, met \|", section)
    assert re.search(r"\| opsroom_queues +\| +not measured \| +not measured \| +120 of 150, met \|", section)
    assert re.search(r"\| opsroom_pods +\| 4\.00 \(99 keys\) .*80\.0 \(1 keys\) \|", section)


def test_what_is_over_the_limit_is_said_in_bold() -> None:
    runs = {"opsroom_pods": [crowded(peak=151.0)]}
    assert "151 of 150, **not met**" in manypage.section(figures.Results(quick=False, crowds=runs), LIMITS)


def test_a_limit_of_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "targets.toml"
    path.write_text("[many]\nbeauty = 1\n")
    with pytest.raises(KeyError, match="beauty"):
        manypage.load_limits(path)


def test_a_run_of_one_part_leaves_the_other_part_of_the_page_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    bench.finish(results(), path, tmp_path / "runs.json")
    peers = path.read_text()
    assert manypage.TITLE not in peers
    bench.finish(found_many(), path, tmp_path / "runs.json")
    both = path.read_text()
    assert manypage.rest_of(both).rstrip() == peers.rstrip()
    assert both.count(manypage.TITLE) == 1
    bench.finish(results(), path, tmp_path / "runs.json")
    assert manypage.section_of(path.read_text()) == manypage.section_of(both)
    bench.finish(found_many(), path, tmp_path / "runs.json")
    assert path.read_text().count(manypage.TITLE) == 1


def test_a_section_in_the_midst_of_a_page_is_found_and_taken_out() -> None:
    page = f"# Speed\n\nold\n\n{manypage.TITLE}\n\nmany\n\n## Beside the peers\n\nfew\n"
    assert manypage.section_of(page) == f"{manypage.TITLE}\n\nmany\n"
    assert manypage.rest_of(page) == "# Speed\n\nold\n\n## Beside the peers\n\nfew\n"
    assert manypage.rest_of("# Speed\n") == "# Speed\n"


def found_logs() -> figures.Results:
    one = logs.Search("a text", [0.5, 0.7], [0.4, 0.4], 7)
    slow = logs.Search("an expression", [5.0], [0.4], 7, same=False)
    found = logs.Found(1 << 30, [one, slow], [0.005], [0.02], [0.001], 10, 9, 2.0)
    return figures.Results(quick=True, only=("logs",), logs=found)


def test_logs_have_a_section_of_their_own_that_other_runs_leave_alone(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    bench.finish(results(), path, tmp_path / "runs.json")
    bench.finish(found_many(), path, tmp_path / "runs.json")
    before = path.read_text()
    bench.finish(found_logs(), path, tmp_path / "runs.json")
    page = path.read_text()
    assert "1.50 of 2, met" in page
    assert "12.5 of 2, **not met**" in page
    assert "**no**" in page, "grep found others"
    assert "9 of 10 lines came" in page
    assert manypage.rest_of(page, logs.TITLE).rstrip() == before.rstrip()
    for again in (results(), found_many()):
        bench.finish(again, path, tmp_path / "runs.json")
        assert manypage.section_of(path.read_text(), logs.TITLE) == manypage.section_of(page, logs.TITLE)


def test_logs_are_asked_for_by_name_and_a_limit_nobody_knows_is_refused(tmp_path: Path) -> None:
    assert bench.chosen("logs") == ([], [])
    (tmp_path / "targets.toml").write_text("[logs]\nbeauty = 1\n")
    with pytest.raises(KeyError, match="beauty"):
        logs.load_limits(tmp_path / "targets.toml")
