"""Log files as they are written: read from where they were left, whatever happens to them meanwhile."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from probes.base import Cause, Context, ProbeError, SafeText, Snapshot, Target
from probes.base.log import Level, Times, expression, level_of, masked, sound, type_of
from probes.base.logcount import OTHERS, Histogram, Types
from probes.logs.facts import LogsFacts, Source
from probes.logs.files import LONGEST, Follower
from probes.logs.probe import LogsProbe
from probes.logs.settings import LogsSettings
from tests.conftest import obtain
from tests.probes.rigs import TestSecrets
from tests.stack import places
from tests.toys import StillClock

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def probe(clock: StillClock | None = None, **settings: Any) -> LogsProbe:
    made = LogsSettings.model_validate({"zone": "UTC", **settings})
    context = Context(TestSecrets()) if clock is None else Context(TestSecrets(), clock.monotonic, clock.now)
    return LogsProbe(Target("app", "logs", made), context)


async def read(made: LogsProbe, clock: StillClock | None = None, after: float = 2.0) -> Snapshot[LogsFacts]:
    if clock is not None:
        clock.seconds += after
        clock.wall += timedelta(seconds=after)
    return await made.read()


def source(found: Snapshot[LogsFacts], number: int = 0) -> Source:
    return found.facts.sources[number]


def stamped(text: str, back: float = 0.0) -> str:
    return f"{NOW - timedelta(seconds=back):%Y-%m-%dT%H:%M:%SZ} {text}\n"


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(line if line.endswith("\n") else line + "\n" for line in lines)


def ended(argv: list[str]) -> subprocess.CompletedProcess[str]:
    """A program that has run to its end."""
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)


def begun(argv: list[str]) -> subprocess.Popen[bytes]:
    """A program that runs beside."""
    return subprocess.Popen(argv)


def settle(path: Path) -> None:
    """Files are as old as the still clock of these tests says."""
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))


@asynccontextmanager
async def following(made: LogsProbe, subject: str = "", name: str = "follow") -> AsyncIterator[AsyncIterator[SafeText]]:
    stream = made.follow(name, subject)
    async with asyncio.timeout(30), aclosing(stream) as lines:
        yield lines


async def until(lines: AsyncIterator[SafeText], text: str) -> list[str]:
    """The lines up to one that holds a text."""
    seen: list[str] = []
    async for one in lines:
        seen.append(str(one))
        if text in seen[-1]:
            return seen
    pytest.fail(f"no line with {text!r} in {seen}")


async def every(made: LogsProbe, subject: str, name: str = "search") -> list[str]:
    async with following(made, subject, name) as lines:
        return [str(one) async for one in lines]


# What a line says of itself


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ('{"level":50,"time":1772334761000,"msg":"x"}', Level.ERROR),
        ('{"level":"warn","msg":"ERROR in the text"}', Level.WARNING),
        ('{"PRIORITY":"3","MESSAGE":"x"}', Level.ERROR),
        ('ts=2026-03-01T03:12:41Z level=error msg="x"', Level.ERROR),
        ("E0301 03:12:41.123456 1 reflector.go:1] x", Level.ERROR),
        ("W0301 03:12:41.123456 1 reflector.go:1] x", Level.WARNING),
        ("2026/03/01 03:12:41 [crit] 7#7: *1 connect() failed", Level.FATAL),
        ("[Sun Mar 01 03:12:41 2026] [core:error] [pid 1] x", Level.ERROR),
        ("2026-03-01 03:12:41 UTC [7] FATAL:  sorry, too many clients already", Level.FATAL),
        ("2026-03-01 03:12:41 UTC [7] LOG:  duration: 12.3 ms", Level.INFO),
        ("7:M 01 Mar 2026 03:12:41.123 # Can't save in background: fork", Level.WARNING),
        ("<3>oom-killer", Level.ERROR),
        ("03-01 03:12:41  err  worker: it broke", Level.ERROR),
        ("03-01 03:12:41  err  starting up", Level.UNKNOWN),
        ("Traceback (most recent call last):", Level.ERROR),
        ("TypeError: x is undefined", Level.ERROR),
        ('1.2.3.4 - - [01/Mar/2026:03:12:41 +0000] "GET / HTTP/1.1" 502 12', Level.ERROR),
        ('1.2.3.4 - - [01/Mar/2026:03:12:41 +0000] "GET / HTTP/1.1" 200 12', Level.UNKNOWN),
        ("handled 500 requests, 0 errors", Level.UNKNOWN),
        ("the user said error", Level.UNKNOWN),
    ],
)
def test_the_level_of_a_line_is_found_in_every_usual_form(line: str, level: Level) -> None:
    assert level_of(line) is level


@pytest.mark.parametrize(
    "line",
    [
        "2026-03-01T03:12:41Z x", "2026-03-01 03:12:41,123 x", "2026-03-01T04:12:41+01:00 x",
        "[01/Mar/2026:03:12:41 +0000] x",
        "Mar  1 03:12:41 host x", "7:M 01 Mar 2026 03:12:41.000 # x", "E0301 03:12:41.000000 1 x", "03-01 03:12:41  x",
        '{"time":1772334761000,"msg":"x"}', '{"ts":1772334761.5,"msg":"x"}', "03:12:41 x",
        "2026/03/01 03:12:41 [error] x",
    ],
)  # fmt: skip
def test_the_time_of_a_line_is_found_in_every_usual_form(line: str) -> None:
    at = Times(lambda: NOW + timedelta(minutes=5), UTC).of(line)
    assert at is not None
    assert int(at) == 1772334761


def test_a_time_without_a_year_is_never_in_the_future() -> None:
    times = Times(lambda: datetime(2026, 1, 2, tzinfo=UTC), UTC)
    at = times.of("Dec 31 23:59:59 host x")
    assert at == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
    assert times.of("99:99:99 and 2026-13-45 00:00:00 x") is None


def test_lines_of_one_type_are_one_and_the_sum_is_the_number_of_lines() -> None:
    types = Types(most=2)
    for number in range(10):
        types.take(
            f"03:12:{number:02} ERROR user {number} has no 'mailbox {number}' in 3f9a{number}b7c1d2e", Level.ERROR, 1.0
        )
    for word in ("one", "two", "three"):
        types.take(f"ERROR {word}", Level.ERROR, None)
    ranked = types.ranked()
    assert (ranked[0].count, ranked[0].type) == (10, 'ERROR user # has no "…" in #')
    assert sum(one.count for one in ranked) == 13
    assert OTHERS in {one.type for one in ranked}


def test_a_histogram_knows_no_errors_from_nothing_written() -> None:
    found = Histogram()
    found.take(Level.ERROR, 1000.0)
    found.take(Level.INFO, 1010.0)
    found.take(Level.ERROR, 1030.0)
    assert found.bars(10) == ([1, 0, None, 1], 10)
    found.take(Level.ERROR, 1000.0 + 86400)
    assert len(found.bars(10)[0]) <= 10


@pytest.mark.parametrize("text", ["(a+)+", "(.*)*x", "(?:a*b)+", "(a|b+){2,}"])
def test_an_expression_that_may_take_for_ever_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="for ever"):
        sound(text)
    with pytest.raises(ValidationError, match="for ever"):
        LogsSettings.model_validate({"files": ["a.log"], "patterns": {"x": text}})


def test_what_is_searched_for_ignores_case_until_a_capital_letter_is_typed() -> None:
    assert expression("token").search("TOKEN")
    assert not expression("Token").search("token")
    assert expression("/to.en/").search("TOKEN")
    with pytest.raises(ValueError, match="is not a regular expression"):
        expression("/(/")


def test_secrets_are_masked() -> None:
    assert masked("password=hunter22 ok") == "password=*** ok"
    assert masked(masked("Authorization: Bearer abcdefgh123")) == masked("Authorization: Bearer abcdefgh123")
    assert type_of("a b") == "a b"


# Reading


async def test_the_first_reading_looks_back_and_says_from_when_on(tmp_path: Path) -> None:
    clock, log = StillClock(), tmp_path / "app.log"
    append(log, stamped("ERROR old", 7200), stamped("INFO a", 120), stamped("ERROR b", 60), stamped("WARN c", 5))
    settle(log)
    made = probe(clock, files=[str(log)])
    found = source(await read(made, clock))
    assert (found.lines, found.errors, found.warnings, found.levelled) == (3, 1, 1, 3)
    assert found.rate is None, "one reading alone tells no pace"
    append(log, stamped("ERROR d"), stamped("ERROR e"))
    later = source(await read(made, clock))
    assert (later.lines, later.errors, later.rate) == (5, 3, 1.0)
    await made.close()


async def test_only_the_end_of_a_large_file_is_read_and_the_rest_is_not_called_free_of_errors(tmp_path: Path) -> None:
    clock, log = StillClock(), tmp_path / "app.log"
    filler = "x" * 1000
    with log.open("w") as file:
        file.writelines(stamped(f"INFO {filler}", 600 - number / 5) for number in range(3000))
    settle(log)
    made = probe(clock, files=[str(log)], first=1)
    found = source(await read(made, clock))
    assert found.since is not None
    assert NOW - timedelta(seconds=300) < found.since < NOW
    assert found.minutes[0] is None
    assert found.minutes[-1] == 0
    assert found.skipped == 0
    await made.close()


async def test_a_file_that_is_renamed_and_made_anew_is_followed_without_loss(tmp_path: Path) -> None:
    clock, log = StillClock(), tmp_path / "app.log"
    append(log, stamped("INFO 0"))
    made = probe(clock, files=[str(log)])
    await read(made, clock)
    append(log, stamped("ERROR before"))
    log.rename(tmp_path / "app.log.1")
    append(tmp_path / "app.log.1", stamped("ERROR written to the old one"))
    append(log, stamped("ERROR in the new one"))
    found = await read(made, clock)
    assert source(found).errors == 3
    append(tmp_path / "app.log.1", stamped("ERROR late, its writer was not told"))
    assert source(await read(made, clock)).errors == 4
    states = {str(file.state) for file in (await read(made, clock)).facts.files}
    assert states == {"read", "rotated"}
    assert {str(file.state) for file in (await read(made, clock, 60)).facts.files} == {"read"}
    await made.close()


async def test_a_copy_that_is_truncated_is_followed_and_what_lay_between_is_found_in_the_copy(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, *(stamped(f"INFO first lines of the file {number}") for number in range(5)))
    follower = Follower(f"{log}*", back=1 << 20)
    assert len(follower.look(1 << 20, 0.0).pieces[0].lines) == 5
    append(log, stamped("ERROR between"))
    shutil.copy(log, tmp_path / "app.log.1")
    os.truncate(log, 0)
    append(log, stamped("ERROR after"))
    lines = [raw for piece in follower.look(1 << 20, 1.0).pieces for raw in piece.lines]
    assert [raw.split()[-1] for raw in lines] == [b"between", b"after"]
    follower.close()


async def test_a_file_that_was_emptied_and_has_grown_past_our_place_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, stamped("INFO short"))
    follower = Follower(str(log), back=1 << 20)
    follower.look(1 << 20, 0.0)
    os.truncate(log, 0)
    append(log, *(stamped(f"ERROR longer than before {number}") for number in range(20)))
    piece = follower.look(1 << 20, 1.0).pieces[0]
    assert piece.anew
    assert len(piece.lines) == 20
    follower.close()


@pytest.mark.parametrize("how", ["create", "copytruncate"])
async def test_the_real_logrotate_loses_nothing_that_was_read_in_time(how: str, tmp_path: Path) -> None:
    program = obtain("logs", lambda: places.needed("logrotate"))
    os.chmod(tmp_path, 0o755)
    log, config = tmp_path / "app.log", tmp_path / "rotate.conf"
    config.write_text(f"{log} {{\n rotate 3\n {how}\n size 1\n compress\n delaycompress\n}}\n")
    config.chmod(0o644)
    append(log, stamped("ERROR first, long enough to be known again in its copy"))
    clock = StillClock()
    made = probe(clock, files=[f"{tmp_path}/*.log"])
    for number in range(3):
        append(log, *(stamped(f"ERROR {number} {line}") for line in range(10)))
        await read(made, clock)
        ran = ended([str(program), "-f", "-s", str(tmp_path / "state"), str(config)])
        assert ran.returncode == 0, ran.stderr
        append(log, stamped(f"ERROR after rotation {number}"))
        found = await read(made, clock)
    types = {str(one.type): one.count for one in found.facts.types}
    assert types["ERROR # #"] == 30
    assert types["ERROR after rotation #"] == 3
    finds = await every(made, "\nafter rotation")
    assert sum("after rotation" in one and "searched" not in one for one in finds) == 3, "rotated and compressed too"
    await made.close()


async def test_more_than_a_reading_may_look_at_is_left_out_and_said(tmp_path: Path) -> None:
    clock, log = StillClock(), tmp_path / "app.log"
    append(log, stamped("INFO begun"))
    made = probe(clock, files=[str(log)], budget=1, patterns={"x": {"regex": "ERROR", "limit": 5}})
    await read(made, clock)
    with log.open("a") as file:
        file.writelines(stamped("INFO " + "y" * 1000) for _ in range(3000))
    found = await read(made, clock)
    assert 1 << 20 < source(found).skipped < 3 << 20
    assert source(found).lines * 1026 + source(found).skipped == pytest.approx(log.stat().st_size, abs=2000)
    assert any("left out" in str(gap.hint) for gap in found.gaps)
    assert found.facts.patterns[0].over is None, "nothing was found in what was read: that is not within the limit"
    assert found.gauge("matches", pattern="x") is None
    assert found.gauge("skipped_bytes", source=str(log)) == source(found).skipped
    assert source(await read(made, clock)).skipping == 0
    await made.close()


async def test_patterns_are_counted_with_their_limit_and_when_they_were_seen(tmp_path: Path) -> None:
    clock, log = StillClock(), tmp_path / "error-1.log"
    append(log, *(stamped(f"ERROR token refresh failed for {number}", 60 * number) for number in range(4)))
    settle(log)
    limits = {
        "refresh": {"regex": "refresh failed", "limit": 1},
        "429": r"status=429\b",
        "never": {"regex": "x", "limit": 0},
    }
    made = probe(clock, files=[f"{tmp_path}/error-*.log"], patterns=limits)
    found = await read(made, clock)
    refresh, limited, _ = found.facts.patterns
    assert (refresh.found, refresh.over, limited.found, limited.over) == (4, True, 0, None)
    assert refresh.first == NOW - timedelta(minutes=3)
    assert refresh.last == NOW
    assert found.gauge("matches_over", pattern="refresh") == 1
    assert refresh.ratio == 1.0
    [type] = found.facts.types
    assert (str(type.type), type.count) == ("ERROR token refresh failed for #", 4)
    await made.close()


async def test_a_type_may_be_a_field_or_a_group_of_the_profiles_own(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    append(log, *(f'{{"level":"error","time":"{now}","err":{{"code":"E{number % 2}x"}}}}' for number in range(5)))
    made = probe(files=[str(log)], type="json:err.code")
    assert {str(one.type): one.count for one in (await made.read()).facts.types} == {"E0x": 3, "E1x": 2}
    await made.close()
    with pytest.raises(ValidationError, match="must have one group"):
        LogsSettings.model_validate({"files": ["x"], "type": "ERROR"})


async def test_silence_is_told_by_the_time_of_the_last_write(tmp_path: Path) -> None:
    clock, log = StillClock(), tmp_path / "app.log"
    append(log, stamped("INFO x", 1200))
    os.utime(log, (NOW.timestamp() - 1200, NOW.timestamp() - 1200))
    made = probe(clock, files=[str(log)], silent=10)
    found = await read(made, clock)
    assert found.gauge("silent", source=str(log)) == 1
    assert found.gauge("errors_per_minute", source=str(log)) == 0, "that nothing was written since is known"
    append(log, stamped("INFO y"))
    settle(log)
    assert (await read(made, clock)).gauge("silent", source=str(log)) == 0
    await made.close()


# Faults


async def test_what_is_missing_is_waited_for_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    made = probe(files=[f"{folder}/*.log", f"{tmp_path}/one.log"])
    found = await made.read()
    assert str(source(found).trouble) == f"there is no folder {folder}"
    assert str(source(found, 1).trouble) == "there is no such file"
    assert found.gauge("unreadable", source=f"{folder}/*.log") == 1
    assert found.gauge("errors", source=f"{folder}/*.log") is None, "nothing was read, which is not no errors"
    folder.mkdir()
    append(folder / "app.log", "ERROR here now")
    found = await made.read()
    assert not source(found).trouble
    assert source(found).errors == 1
    shutil.rmtree(folder)
    found = await made.read()
    assert "there is no folder" in str(source(found).trouble)
    await made.close()


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users may look into, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


async def test_what_may_not_be_read_is_denied_by_name(shared: Path) -> None:
    open_log, closed, locked = shared / "a.log", shared / "b.log", shared / "locked"
    append(open_log, "ERROR x")
    append(closed, "ERROR y")
    locked.mkdir()
    open_log.chmod(0o644)
    closed.chmod(0)
    locked.chmod(0)
    code = f"""
import asyncio, os
from probes.base import Context, Target
from probes.logs.probe import LogsProbe
from probes.logs.settings import LogsSettings
class None_:
    def resolve(self, reference): raise LookupError
async def main():
    if os.geteuid() == 0:
        os.seteuid(65534)
    settings = LogsSettings(files=({f"{shared}/*.log"!r}, {f"{locked}/*.log"!r}))
    found = await LogsProbe(Target("x", "logs", settings), Context(None_())).read()
    print([file.state for file in found.facts.files], [one.unreadable for one in found.facts.sources])
    print([str(gap.part) + ": " + str(gap.hint) for gap in found.gaps])
asyncio.run(main())
"""
    said = ended([sys.executable, "-c", code])
    locked.chmod(0o755)
    assert "'denied', 'read'" in said.stdout, said.stderr
    assert "[1, 0]" in said.stdout
    assert "b.log: not allowed to read it" in said.stdout
    assert f"not allowed to look into {locked}" in said.stdout


async def test_garbage_long_lines_and_bad_letters_are_lines_like_others(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    with log.open("wb") as file:
        file.write(bytes(range(256)) * 50 + b"\n")
        file.write(b"ERROR " + b"z" * (1 << 20) + b"\n")
        file.write(b"ERROR caf\xe9 \x1b[2J\x00\n\n")
        file.write(b"ERROR no end")
    made = probe(files=[str(log)])
    assert source(await made.read()).errors == 2, "a line without an end may still go on"
    async with following(made) as lines:
        seen = await until(lines, "no end")
    assert max(map(len, seen)) <= 16384 + 1
    assert "ERROR caf\\xe9 ^[[2J^@" in seen
    assert all(one.isprintable() for one in seen)
    with log.open("ab") as file:
        file.write(b" yet\n")
    assert source(await made.read()).errors == 3
    await made.close()


def test_a_line_without_end_takes_no_more_than_its_share_of_memory(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"begun\n")
    follower = Follower(str(log), back=100)
    follower.look(1 << 30, 0.0)
    with log.open("ab") as file:
        file.write(b"a" * (5 << 20))
    assert follower.look(1 << 30, 1.0).pieces[0].lines == []
    with log.open("ab") as file:
        file.write(b"b" * 10 + b"\nnext\n")
    lines = follower.look(1 << 30, 2.0).pieces[0].lines
    assert [len(one) for one in lines] == [LONGEST, 4]
    follower.close()


async def test_times_that_go_backwards_or_lie_ahead_spoil_no_count(tmp_path: Path) -> None:
    clock, log = StillClock(), tmp_path / "app.log"
    append(
        log, stamped("ERROR a", 30), stamped("ERROR b", 90), stamped("ERROR c", -86400 * 400), stamped("ERROR d", 10)
    )
    settle(log)
    made = probe(clock, files=[str(log)])
    found = source(await read(made, clock))
    assert found.errors == 4
    assert found.since is not None
    await made.close()


async def test_a_pipe_a_folder_and_a_second_name_are_not_read_as_files(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, "ERROR once")
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "current.log").symlink_to(log)
    (tmp_path / "gone.log").symlink_to(tmp_path / "nowhere")
    made = probe(files=[f"{tmp_path}/*.log"])
    found = await made.read()
    assert source(found).errors == 1
    assert sorted(str(file.state) for file in found.facts.files) == ["not a file", "not a file", "read"]
    await made.close()


# Following


async def test_several_files_are_one_stream_in_the_order_of_their_times(tmp_path: Path) -> None:
    for name, backs in (("a", (50, 30, 10)), ("b", (40, 20))):
        append(tmp_path / f"{name}.log", *(stamped(f"{back} back", back) for back in backs))
    made = probe(files=[f"{tmp_path}/*.log"])
    async with following(made) as lines:
        seen = await until(lines, "10 back")
        assert [one.split()[-2] for one in seen] == ["50", "40", "30", "20", "10"]
        assert seen[0].startswith("a.log │ ")
        append(tmp_path / "c.log", "from a file that came later password=hunter22")
        seen = await until(lines, "came later")
        assert "c.log │ (a new file:" in seen[0]
        assert seen[-1].endswith("password=***")
    await made.close()


async def test_a_trace_stays_behind_its_error_and_what_tells_no_time_is_said_to_and_not_lost(tmp_path: Path) -> None:
    append(tmp_path / "a.log", stamped("ERROR failed", 30), "  at send.js:3", "  at main.js:9", stamped("well", 10))
    append(tmp_path / "b.log", *(stamped(f"({back}) back", back) for back in range(299, 0, -1)))
    append(tmp_path / "plain.log", *(f"plain {number}" for number in range(400)))
    made = probe(files=[f"{tmp_path}/*.log"])
    async with following(made) as lines:
        seen = await until(lines, "(1) back")
    plain = [one.partition(" │ ")[2] for one in seen if one.startswith("plain.log")]
    assert plain == ["(its lines tell no time: they stand before those of the others)",
                     *(f"plain {number}" for number in range(200, 400))]  # fmt: skip
    assert all(one.startswith("plain.log") for one in seen[: len(plain)])
    at = next(number for number, one in enumerate(seen) if "failed" in one)
    assert [one.partition(" │ ")[2] for one in seen[at + 1 : at + 3]] == ["  at send.js:3", "  at main.js:9"]
    assert "(30) back" in seen[at - 1] or "(30) back" in seen[at + 3], "both files, in the order of their times"
    assert "well" in "".join(seen)
    await made.close()


async def test_follow_survives_rotation_and_truncation_at_5000_lines_a_second(tmp_path: Path) -> None:
    log, number = tmp_path / "app.log", 15_000
    log.write_text("begun\n")
    writer = f"""
import os, time
path, began = {str(log)!r}, time.monotonic()
file = open(path, "a")
for number in range({number}):
    file.write(f"{{number}} INFO handled request in 12 ms with some more words to make it a usual line\\n")
    if number % 50 == 49:
        file.flush()
        time.sleep(max(0.0, number / 5000 - (time.monotonic() - began)))
    if number == 5000:
        file.close(); os.rename(path, path + ".1"); file = open(path, "a")
file.close()
"""
    made = probe(files=[str(log)])
    seen: list[int] = []
    said: list[str] = []
    async with following(made) as lines:
        await until(lines, "begun")
        process = begun([sys.executable, "-c", writer])
        try:
            async for one in lines:
                word = str(one).partition(" ")[0]
                if word.isdecimal():
                    seen.append(int(word))
                else:
                    said.append(str(one))
                if seen[-1:] == [number - 1]:
                    break
        finally:
            process.wait(20)
        assert seen == list(range(number)), f"every line once and in order; said {said}"
        os.truncate(log, 0)
        append(log, "anew")
        assert (await until(lines, "anew"))[0] == "(the file was begun anew)"
    await made.close()


async def test_a_pattern_a_file_and_a_type_are_followed_alone(tmp_path: Path) -> None:
    log, other = tmp_path / "app.log", tmp_path / "other.log"
    append(log, "ERROR token 1 refused", "INFO fine", "ERROR disk full")
    append(other, "INFO other", "ERROR token 2 refused")
    made = probe(files=[f"{tmp_path}/*.log"], patterns={"tokens": "token .* refused"})
    found = await made.read()
    async with following(made, "?tokens") as lines:
        seen = await until(lines, "token 2")
        assert seen[0] == "(no line tells a time: the logs stand one after the other)"
        assert seen[1:] == ["app.log │ ERROR token 1 refused", "other.log │ ERROR token 2 refused"]
    async with following(made, str(log)) as lines:
        assert await until(lines, "disk full") == ["ERROR token 1 refused", "INFO fine", "ERROR disk full"]
    async with following(made, next(one.key for one in found.facts.types if "disk" in str(one.type))) as lines:
        assert await until(lines, "disk") == ["app.log │ ERROR disk full"]
    for subject, cause in (("?none", Cause.GONE), ("/etc/passwd", Cause.GONE)):
        with pytest.raises(ProbeError) as refused:
            made.follow("follow", subject)
        assert refused.value.cause is cause
    with pytest.raises(ProbeError):
        made.follow("dance", "")
    await made.close()


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in (
        {}, {"files": ["a"], "window": 30}, {"files": ["a"], "patterns": {"x": {"regex": "x", "files": ["b"]}}},
        {"journal": ["-x"]}, {"files": ["a"], "zone": "Moon/Far"}, {"files": ["a"], "patterns": {"x": "("}},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            LogsSettings.model_validate(wrong)
