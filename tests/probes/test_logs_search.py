"""Searching logs whole: what grep would find, in rotated and compressed files too, without anybody waiting for it."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import subprocess
import sys
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.base import Cause, Context, ProbeError, Target
from probes.base.log import Note, Times
from probes.logs import scan
from probes.logs.probe import LogsProbe
from probes.logs.query import parse
from probes.logs.scan import CHUNK, FIRST, LAST, Scan, literals, needed
from probes.logs.search import begin
from probes.logs.settings import LogsSettings
from tests.probes.rigs import TestSecrets

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def probe(**made: Any) -> LogsProbe:
    return LogsProbe(
        Target("app", "logs", LogsSettings.model_validate({"zone": "UTC", **made})), Context(TestSecrets())
    )


async def found(made: LogsProbe, typed: str, about: str = "") -> tuple[list[str], str]:
    """(lines, the last word on how it went)."""
    lines: list[str] = []
    note = ""
    stream = made.follow("search", f"{about}\n{typed}")
    async with asyncio.timeout(60), aclosing(stream) as answers:
        async for one in answers:
            if isinstance(one, Note):
                note = str(one)
            else:
                lines.append(str(one))
    return lines, note


def grepped(words: list[str]) -> list[str]:
    """What grep finds."""
    return subprocess.run(["grep", *words], capture_output=True, text=True, check=False).stdout.splitlines()


def scanned(asked: dict[str, Any]) -> list[bytes]:
    """What the program answers, without how far it was meanwhile."""
    read, write = os.pipe()
    scan = Scan(asked, write)
    scan.run()
    os.close(write)
    with open(read, "rb") as out:
        return [line for line in out.read().splitlines() if not line.startswith(b"P")]


def matches(asked: dict[str, Any]) -> list[str]:
    return [line.partition(b":")[2].decode() for line in scanned(asked) if line.startswith(b"M")]


@pytest.mark.parametrize(
    ("typed", "grep"),
    [
        ("refused", ["-i", "refused"]), ("Token", ["Token"]), ("/tok.n \\w+ ref/", ["-iP", r"tok.n \w+ ref"]),
        ("/(ERROR|FATAL|Exception)/", ["-E", "(ERROR|FATAL|Exception)"]), ("-E timeout|slow", ["-iE", "timeout|slow"]),
        ("/^x/", ["-i", "^x"]), ("a.b", ["-iF", "a.b"]), ("-i REFUSED", ["-i", "refused"]), ("/n$/", ["-i", "n$"]),
        ("/[^q]z/", ["-i", "[^q]z"]),
    ],
)  # fmt: skip
async def test_the_finds_are_those_of_grep(typed: str, grep: list[str], tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    words = ["token id refused", "Token x refused", "ERROR x", "fatal", "FATAL: y", "an Exception z", "timeout", "Slow"]
    words += ["x", "axb a.b", "", "nothing", "q", "z", "qz", "end n"]
    log.write_text("\n".join(word for number in range(3000) for word in words[: number % 17]) + "\n")
    lines, note = await found(probe(files=[str(log)]), typed)
    expected = grepped([*grep, str(log)])
    assert f"{len(expected):,} found" in note
    assert lines[:FIRST] == expected[:FIRST]
    assert lines[-200:] == expected[-200:]


@given(
    parts=st.lists(st.text("abAB x.\n", max_size=30), max_size=20),
    regex=st.sampled_from(["a", "ab", "A.", "a|b", "(ab|BA|x)", "a+b", "^a", "b$", "[^a]b", "x ?a", "(?:a)b", "b*x"]),
    ignore=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_searched_the_lines_are_those_that_hold_it(
    parts: list[str], regex: str, ignore: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = "".join(parts)
    log = tmp_path_factory.getbasetemp() / "searched.log"
    log.write_text(text)
    wanted = re.compile(regex, re.IGNORECASE if ignore else 0)
    lines = text.split("\n")
    lines = lines[:-1] if text.endswith("\n") or not text else lines
    asked = {"files": [[str(log), 0]], "regex": regex, "ignore_case": ignore}
    assert matches(asked) == [line for line in lines if wanted.search(line)]


@pytest.mark.parametrize("ends", [b"\n", b""])
def test_a_find_across_the_pieces_that_are_read_is_found_once(ends: bytes, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    line = b"x" * 1023 + b"\n"
    for shift in (-12, -6, -1, 0, 1):
        before = line * (CHUNK // 1024 - 1) + b"y" * (1023 + shift) + b"\n"
        log.write_bytes(before + b"here it is" + ends)
        for asked in ({"texts": ["here it is"]}, {"regex": "here .t is"}, {"regex": "here it|never"}):
            assert matches({"files": [[str(log), 0]], **asked}) == ["here it is"]


def test_a_line_longer_than_what_is_read_at_once_is_searched_and_cut(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"z" * (3 * CHUNK) + b"needle\n" + b"needle\n")
    assert matches({"files": [[str(log), 0]], "texts": ["needle"]})[-1] == "needle"


def test_context_is_given_once_though_finds_are_near(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"{number} {'HIT' if number in (3, 5, 11) else 'x'}\n" for number in range(13)))
    said = scanned({"files": [[str(log), 0]], "texts": ["HIT"], "context": 1})
    assert [line.split()[0] for line in said[:-1]] == [
        b"C0:2", b"M0:3", b"C0:4", b"M0:5", b"C0:6", b"C0:10", b"M0:11", b"C0:12"
    ]  # fmt: skip


def test_of_very_many_finds_the_first_and_the_newest_are_given_and_all_are_counted(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"hit {number}\n" for number in range(50_000)))
    said = scanned({"files": [[str(log), 0]], "texts": ["hit"]})
    assert said[-1].endswith(b" 50000")
    given = [int(line.split()[1]) for line in said if line.startswith(b"M")]
    assert given == [*range(FIRST), *range(50_000 - LAST, 50_000)]
    assert b"G%d" % (50_000 - FIRST - LAST) in said


async def test_rotated_and_compressed_files_are_searched_oldest_first(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    old, older, other = tmp_path / "app.log.1", tmp_path / "app.log-20260226.gz", tmp_path / "app.logic"
    for number, path in enumerate((older, old, log, other)):
        text = f"refused in {path.name} api_key=abcdef12\n".encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
        os.utime(path, (NOW.timestamp() + number, NOW.timestamp() + number))
    (tmp_path / "app.log.2.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    (tmp_path / "app.log.3.gz").write_bytes(b"this is no gzip")
    lines, note = await found(probe(files=[str(log)]), "refused")
    finds = [line for line in lines if "│" in line]
    assert [line.partition(" │")[0] for line in finds] == ["app.log-20260226.gz", "app.log.1", "app.log"]
    assert finds[0].endswith("api_key=***")
    assert any("app.log.2.zst: compressed in a way that is not read" in line for line in lines)
    assert any("app.log.3.gz: it can't be read to its end" in line for line in lines)
    assert "3 found" in note


async def test_a_pattern_of_the_profile_is_searched_without_typing_it(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a\ntoken 7 refused\n")
    made = probe(files=[str(log)], patterns={"tokens": r"token \d+"})
    assert (await found(made, "", "?tokens"))[0] == ["token 7 refused"]
    assert (await found(made, "a", "?tokens"))[0] == ["a"]
    for typed, words in (("", "nothing to search for"), ("/(/", "is not a regular expression"), ("-C 2", "nothing to")):
        with pytest.raises(ProbeError, match=words):
            await found(made, typed)


def test_what_is_typed_is_understood_as_people_type_it() -> None:
    query = parse("-C 3 --since 30m token refused")
    assert (query.text, query.context, query.since, query.ignore_case) == ("token refused", 3, 1800.0, True)
    assert parse("--context=500 x").context == 20
    assert parse("--since 2d x").since == 2 * 86400
    assert parse("-9 lives").text == "-9 lives"
    assert parse("/Err\\w/").ignore_case is False
    assert parse("/err\\W/").ignore_case is True
    assert parse("-F a.b").regex is False


def test_what_an_expression_needs_is_never_more_than_what_it_needs() -> None:
    for regex, text in (("a?bc", "bc"), ("ab{0,2}c", "ac"), ("x(yz)?w", "xw"), (r"a\.b+", "a.b"), ("[abc]d", "cd")):
        assert needed(regex) in text, regex
        assert re.search(regex, text)
    assert literals("a|b") == ["a", "b"]
    assert literals("a|") == []
    assert literals(r"a\d") == []


def lines_of(count: int) -> bytes:
    return b"".join(
        f"{NOW + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ} INFO line {number} {'x' * 80}\n".encode()
        for number in range(count)
    )


def test_a_time_is_found_in_a_large_file_without_reading_it(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(lines_of(50_000))
    times = Times(lambda: NOW + timedelta(days=1), UTC)
    wanted = 31_415
    start = begin(str(log), log.stat().st_size, NOW.timestamp() + wanted, times)
    with log.open("rb") as file:
        file.seek(start)
        first = int(file.readline().split()[3])
    assert wanted - 700 < first <= wanted, "a little before, never after"


async def test_a_file_of_ten_gigabytes_opens_at_once_and_its_end_is_what_one_sees(tmp_path: Path) -> None:
    log = tmp_path / "huge.log"
    with log.open("wb") as file:
        file.truncate(10 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + lines_of(3000) + b"ERROR the last line\n")
    made = probe(files=[str(log)])
    began = time.monotonic()
    stream = made.follow("follow", "")
    async with asyncio.timeout(20), aclosing(stream) as lines:
        async for one in lines:
            if "the last line" in str(one):
                break
    assert time.monotonic() - began < 10
    snapshot = await made.read()
    assert time.monotonic() - began < 15
    assert snapshot.facts.sources[0].size is not None
    assert snapshot.facts.sources[0].size > 10 << 30
    await made.close()


async def test_a_search_that_nobody_wants_any_more_ends_with_its_program(tmp_path: Path) -> None:
    log = tmp_path / "huge.log"
    with log.open("wb") as file:
        file.truncate(200 << 30)
        file.seek(0)
        file.write(b"needle\n")
    stream = probe(files=[str(log)]).follow("search", "\nneedle")
    async with asyncio.timeout(20):
        async for one in stream:
            if isinstance(one, Note) and " % of " in str(one):
                break
        assert searching(log)
        await stream.aclose()
        while searching(log):
            await asyncio.sleep(0.02)


def searching(log: Path) -> bool:
    """True while a program has the file open for a search."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            asked = (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"OPSROOM_SCAN={json.dumps({'files': [[str(log), 0]]})[:-2]}".encode() in asked:
            return True
    return False


async def test_what_is_searched_for_stands_in_no_argument_list(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("x\n")
    seen: list[list[str]] = []
    from probes import exec as programs

    original = programs.lines

    def watched(argv: Any, env: Any = None) -> Any:
        seen.append(list(argv))
        return original(argv, env)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "lines", watched)
        await found(probe(files=[str(log)]), "a-compromised-key")
    assert seen
    assert seen[0][0] == sys.executable
    assert not any("compromised" in word for word in seen[0])


async def test_a_search_that_breaks_off_says_so(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("x\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "__file__", str(tmp_path / "no-such-program.py"))
        with pytest.raises(ProbeError) as broken:
            await found(probe(files=[str(log)]), "x")
    assert broken.value.cause is Cause.CLOSED_EARLY
