"""Scans: recorded reports of each tool, the tools as they run here, and everything that goes wrong around them."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import Cause, Context, ProbeError, Snapshot, Target
from probes.exec import Ran
from probes.scans.facts import Level, Scan, ScansFacts, Standing
from probes.scans.parse import database_of, report_of
from probes.scans.probe import ScansProbe, ScansSettings
from probes.scans.tools import Job, arguments, complaint
from tests.conftest import obtain
from tests.stack import places
from tests.toys import NoSecrets

RECORDED = Path(__file__).with_name("scans")


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.json").read_bytes()


def made(**settings: Any) -> ScansProbe:
    given_settings = ScansSettings.model_validate({"first": 0} | settings)
    return ScansProbe(Target("code", "scans", given_settings), Context(NoSecrets()))


@asynccontextmanager
async def probing(**settings: Any) -> AsyncIterator[ScansProbe]:
    probe = made(**settings)
    try:
        yield probe
    finally:
        await probe.close()


async def until(probe: ScansProbe, true: Callable[[Scan], bool]) -> Snapshot[ScansFacts]:
    """The first reading of whose only scan this is true."""
    try:
        async with asyncio.timeout(60):
            while True:
                snapshot = await probe.read()
                if true(snapshot.facts.scans[0]):
                    return snapshot
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"last: {snapshot.facts.scans[0]}")


def ended(scan: Scan) -> bool:
    return scan.standing in (Standing.DONE, Standing.FAILED, Standing.MISSING)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a program of that name before all others; it prints what the test wants."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/asked\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IEXEC)
        return path

    return put


def asked(tmp_path: Path) -> list[str]:
    file = tmp_path / "asked"
    return file.read_text().splitlines() if file.exists() else []


# reports


@pytest.mark.parametrize(
    ("name", "tool_", "counts", "fixable", "first"),
    [
        ("npm", "npm", {Level.CRITICAL: 1, Level.HIGH: 1, Level.LOW: 1}, 3, "GHSA-xvch-5gv4-984h"),
        ("pnpm", "pnpm", {Level.CRITICAL: 1, Level.HIGH: 1, Level.LOW: 1}, 2, "GHSA-xvch-5gv4-984h"),
        ("pip", "pip-audit", {Level.UNRATED: 1}, 1, "CVE-2021-33503"),
        ("pip-skipped", "pip-audit", {}, 0, None),
        ("trivy", "trivy", {Level.CRITICAL: 1, Level.HIGH: 2, Level.LOW: 1, Level.UNRATED: 1}, 2, "CVE-2022-0001"),
    ],
)
def test_each_tools_report_is_counted_by_severity_and_what_can_be_fixed(
    name: str, tool_: str, counts: dict[Level, int], fixable: int, first: str | None
) -> None:
    found, report = report_of(recorded(name))
    assert found == tool_
    levels = [one.level for one in report.findings]
    assert {level: levels.count(level) for level in set(levels)} == counts
    assert levels == sorted(levels, reverse=True)
    assert sum(one.fixable for one in report.findings) == fixable
    assert (str(report.findings[0].id) if report.findings else None) == first


def test_what_was_not_judged_is_counted_and_not_called_free_of_anything() -> None:
    """pip-audit ends with 0 and "no known vulnerabilities" when it could look up nothing at all."""
    assert report_of(recorded("pip-skipped"))[1].skipped == 3


def test_an_image_whose_system_gets_no_more_updates_says_so() -> None:
    assert str(report_of(recorded("trivy"))[1].note) == "debian 10.13 gets no more updates"


def test_a_package_that_is_only_reached_through_another_counts_no_advisory_twice() -> None:
    table = json.loads(recorded("npm"))
    table["vulnerabilities"]["parent"] = {
        "name": "parent",
        "severity": "high",
        "via": ["lodash"],
        "fixAvailable": False,
    }
    assert len(report_of(json.dumps(table).encode())[1].findings) == 3


@pytest.mark.parametrize(
    ("raw", "cause", "words"),
    [
        (b"", Cause.GARBAGE, "the report is empty"),
        (b"<html>", Cause.GARBAGE, "not JSON"),
        (b"[1]", Cause.GARBAGE, "no report"),
        (b"{}", Cause.GARBAGE, "no report"),
        (b'{"advisories": {"1": 3}}', Cause.GARBAGE, "makes no sense"),
        (b'{"error": {"code": "ENOLOCK", "summary": "x"}}', Cause.GONE, "no lock file"),
        (b'{"error": {"summary": ""}, "statusCode": 405}', Cause.REFUSED, "HTTP 405"),
        (b'{"error": {"code": "ENOTFOUND", "summary": "a\\u001b[2Jb"}}', Cause.REFUSED, "a^[[2Jb"),
    ],
)
def test_what_is_no_report_is_told_in_words(raw: bytes, cause: Cause, words: str) -> None:
    with pytest.raises(ProbeError) as caught:
        report_of(raw)
    assert caught.value.cause is cause
    assert words in str(caught.value.message)


SHAPES = st.sampled_from(["trivy", "npm", "pnpm", "pip"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(SHAPES, JUNK, st.data())
def test_no_report_however_odd_breaks_the_reading(name: str, junk: Any, data: st.DataObject) -> None:
    table = json.loads(recorded(name))
    table[data.draw(st.sampled_from(sorted(table)))] = junk
    with suppress(ProbeError):
        report_of(json.dumps(table).encode())


def test_the_age_of_trivys_list_is_read_where_it_says_it() -> None:
    told = b'{"Version": "0.50.0", "VulnerabilityDB": {"Version": 2, "UpdatedAt": "2026-02-28T18:11:23.123456789Z"}}'
    assert database_of(told) == datetime(2026, 2, 28, 18, 11, 23, tzinfo=UTC)
    assert database_of(b'{"Version": "0.50.0"}') is None
    assert database_of(b"") is None


# how tools are run


def test_every_tool_is_asked_to_look_and_to_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    jobs = [Job("trivy", "app:1"), Job("trivy", "/srv", files=True), Job("npm", "/srv"), Job("pnpm", "/srv")]
    lines = [" ".join(arguments(job)) for job in (*jobs, Job("pip-audit", str(tmp_path)))]
    assert lines[:4] == [
        "trivy image --format json --quiet --scanners vuln -- app:1",
        "trivy fs --format json --quiet --scanners vuln -- /srv",
        "npm --prefix /srv audit --json",
        "pnpm --dir /srv audit --json",
    ]
    assert lines[4].endswith(f"--no-deps --disable-pip -r {tmp_path}/requirements.txt")
    assert not any("fix" in line.split() or "--fix" in line for line in lines)


def test_a_python_environment_is_looked_through_as_it_is_installed(tmp_path: Path) -> None:
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    assert arguments(Job("pip-audit", str(tmp_path)))[-2:] == ["--path", str(packages)]
    assert arguments(Job("pip-audit", str(packages)))[-2:] == ["--path", str(packages)]
    with pytest.raises(ProbeError, match="no Python environment"):
        arguments(Job("pip-audit", str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"trivy": "--config=x"}, "an image"), ({"npm": "srv"}, "whole path"), ({"pip": "-r x"}, "whole path")],
)
def test_nothing_that_would_be_taken_for_an_option_is_accepted(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ScansSettings.model_validate(settings)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ('FATAL unable to find the specified image "x"', Cause.GONE),
        ("FATAL failed to download vulnerability DB", Cause.REFUSED),
        ("write: no space left on device", Cause.LOCAL_DISK),
        ("open /srv: permission denied", Cause.LOCAL_PERM),
        ("No pnpm-lock.yaml found: Cannot audit a project without a lockfile", Cause.GONE),
        ("The audit endpoint (at https://x) responded with 405", Cause.REFUSED),
        ("something \x1b[2J else", Cause.GARBAGE),
    ],
)
def test_what_a_tool_complains_about_has_its_words(said: str, cause: Cause) -> None:
    error = complaint("trivy", Ran(1, b"", said.encode()))
    assert error.cause is cause
    assert "\x1b" not in str(error.message)


# the probe


async def test_a_scan_runs_beside_the_readings_once_and_last_on_the_machine(
    tool: Callable[..., Path], tmp_path: Path
) -> None:
    tool("trivy", f"case $1 in version) echo '{{}}';; *) cat {RECORDED}/trivy.json;; esac; nice >&2")
    async with probing(trivy="newsletter-app:latest") as probe:
        first = await probe.read()
        assert first.facts.scans[0].at is None
        done = await until(probe, ended)
        again = await probe.read()
    key = "trivy newsletter-app:latest"
    assert done.gauge("critical", scan=key) == 1
    assert done.gauge("fixable", scan=key) == 2
    assert done.gauge("scan_failed", scan=key) == 0
    assert done.gauge("appeared", scan=key) is None
    age = again.gauge("scan_age_seconds", scan=key)
    assert age is not None
    assert age < 60
    assert len([line for line in asked(tmp_path) if " image " in line]) == 1


async def test_a_second_scan_tells_what_is_new_and_what_is_gone(tool: Callable[..., Path], tmp_path: Path) -> None:
    report = tmp_path / "now.json"
    report.write_bytes(recorded("pip"))
    tool("pip-audit", f"cat {report}")
    (tmp_path / "requirements.txt").touch()
    async with probing(pip=str(tmp_path)) as probe:
        await until(probe, ended)
        report.write_text(report.read_text().replace("CVE-2021-33503", "CVE-2026-1"))
        probe._next = datetime.now(UTC)
        probe.abort()
        with suppress(asyncio.CancelledError):
            assert probe._task is not None
            await probe._task
        second = await until(probe, lambda scan: scan.appeared is not None)
    (scan,) = second.facts.scans
    assert [str(one) for one in scan.appeared or ()] == ["CVE-2026-1 in urllib3"]
    assert [str(one) for one in scan.disappeared or ()] == ["CVE-2021-33503 in urllib3"]


async def test_a_tool_that_is_not_installed_is_told_with_where_it_comes_from_and_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with probing(trivy="app:1") as probe:
        found = await until(probe, ended)
    (scan,) = found.facts.scans
    assert (scan.standing, scan.cause) == (Standing.MISSING, Cause.MISSING)
    assert "trivy.dev" in str(scan.hint)
    assert found.gauge("scan_failed", scan="trivy app:1") is None
    assert [gap.cause for gap in found.gaps] == [Cause.MISSING]


async def test_a_tool_that_is_missing_is_told_before_its_turn_and_several_losses_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with probing(trivy="app:1", npm=str(tmp_path), reports=str(tmp_path / "none.json"), first=3600) as probe:
        found = await probe.read()
    assert [one.standing for one in found.facts.scans] == [Standing.MISSING, Standing.MISSING, Standing.FAILED]
    (gap,) = found.gaps
    assert (gap.part, gap.cause) == ("3 of 3 scans", Cause.GONE)
    assert "npm is not installed here" in str(gap.hint)
    assert "there is no report" in str(gap.hint)


async def test_a_tool_that_hangs_is_ended_and_the_last_good_result_stays(
    tool: Callable[..., Path], tmp_path: Path
) -> None:
    tool("npm", f"test -e {tmp_path}/hang && sleep 600; cat {RECORDED}/npm.json")
    async with probing(npm=str(tmp_path), within=1) as probe:
        await until(probe, ended)
        (tmp_path / "hang").touch()
        probe._next = datetime.now(UTC)
        probe.abort()
        with suppress(asyncio.CancelledError):
            assert probe._task is not None
            await probe._task
        late = await until(probe, lambda scan: scan.standing is Standing.FAILED)
    (scan,) = late.facts.scans
    assert scan.cause is Cause.SLOW
    assert scan.counts[Level.CRITICAL] == 1
    assert late.gauge("scan_failed", scan=scan.key, why=str(scan.words)) == 1


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("echo '<html>'", Cause.GARBAGE),
        ("exit 3", Cause.GARBAGE),
        ("kill -9 $$", Cause.GARBAGE),
        (f"cat {RECORDED}/pip.json", Cause.GARBAGE),
    ],
)
async def test_a_tool_that_talks_nonsense_costs_its_own_line_only(
    script: str, cause: Cause, tool: Callable[..., Path], tmp_path: Path
) -> None:
    tool("npm", script)
    tool("pnpm", f"cat {RECORDED}/pnpm.json")
    async with probing(npm=str(tmp_path), pnpm=str(tmp_path)) as probe:
        found = await until(probe, lambda scan: scan.standing is Standing.FAILED)
        assert found.facts.scans[0].cause is cause
        async with asyncio.timeout(20):
            while (await probe.read()).facts.scans[1].standing is not Standing.DONE:
                await asyncio.sleep(0.05)


async def test_pnpm_runs_no_code_of_what_it_scans(tool: Callable[..., Path], tmp_path: Path) -> None:
    tool("pnpm", f'env > "{tmp_path}/environment"\ncat {RECORDED}/pnpm.json')
    async with probing(pnpm=str(tmp_path)) as probe:
        await until(probe, lambda scan: scan.standing is Standing.DONE)
    given = (tmp_path / "environment").read_text().splitlines()
    assert {"npm_config_ignore_pnpmfile=true", "npm_config_manage_package_manager_versions=false"} <= set(given)


async def test_reports_of_others_are_read_with_their_age_and_again_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "nightly.json"
    path.write_bytes(recorded("trivy"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    async with probing(reports=[str(path), str(tmp_path / "*.none")]) as probe:
        first = await probe.read()
        told = {one.key: one for one in first.facts.scans}
        one = told[f"report {path}"]
        assert (one.tool, one.at) == ("trivy", datetime.fromtimestamp(1_700_000_000, UTC))
        assert told[f"report {tmp_path}/*.none"].cause is Cause.GONE
        path.write_bytes(b"half a rep")
        assert (await probe.read()).facts.scans[0].cause is Cause.GARBAGE
        path.write_bytes(recorded("npm"))
        assert (await probe.read()).facts.scans[0].tool == "npm"
        sheet = await probe.look("findings", f"report {path}")
        assert len(sheet.lines) == 3
        assert "fixed in minimist 1.2.8" in str(sheet.lines[0])
        with pytest.raises(ProbeError):
            await probe.look("findings", "nothing")


def test_a_profile_that_names_nothing_to_scan_is_told_so() -> None:
    with pytest.raises(ValueError, match="needs trivy, trivy_fs, npm, pnpm, pip or reports"):
        made()


async def test_the_real_npm_is_understood(tmp_path: Path) -> None:
    obtain("scans", lambda: places.needed("npm"))
    async with probing(npm=str(tmp_path)) as probe:
        found = await until(probe, ended)
    assert found.facts.scans[0].cause is Cause.GONE
    assert "no lock file" in str(found.facts.scans[0].words)
