"""The audit on paper and the doctor: what they print, and with which code they end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from desk.audit.chronicle import read
from desk.clock import SystemClock
from desk.guard import Confirmation, digest_of
from probes.base import Grant, Request
from tests.toyhands import Toybox, toy_hands
from tests.tui.test_cli import call, home, run, write
from tui import paper
from tui.doctor import Finding, as_json, as_text

__all__ = ["home"]


async def acted(folder: Path, box: Toybox, reason: str = "a test") -> None:
    """One session in which one toy was wound up."""
    hands = toy_hands(folder, box, clock=SystemClock())
    await hands.arm(reason, 5)
    assert hands.runner is not None
    plan = await hands.runner.plan("it", Request("wind", ("ball",)))
    hands.runner.begin(plan, Confirmation(digest_of(plan, hands.runner.setting("it")), hands.reason))
    await hands.runner.idle()
    await hands.close()


@pytest.fixture
def audited(home: Path) -> Path:
    """A person who has acted once."""
    asyncio.run(acted(home / "state", Toybox()))
    return home


def test_show_tells_who_did_what_and_what_came_of_it(audited: Path) -> None:
    said = call("audit", "show").output
    assert "armed    for 5 min: a test" in said
    assert "will     wind ball on it: it is there -> another one (a test)" in said
    assert "found    wind ball on it: CONFIRMED it is another one" in said
    assert len(call("audit", "show", "--last", "2").output.splitlines()) == 2


def test_show_as_json_is_what_stands_in_the_files(audited: Path) -> None:
    (path,) = (audited / "state" / "audit").glob("*.jsonl")
    assert call("audit", "show", "--json").output == path.read_text()


def test_nothing_done_is_said_and_is_well(home: Path) -> None:
    assert call("audit", "show").output == "nothing was ever done from here\n"
    assert run(home, "audit", "verify").returncode == 0


def test_verify_ends_with_one_when_a_record_is_not_as_it_was_written(audited: Path) -> None:
    whole = run(audited, "audit", "verify")
    assert (whole.returncode, "all as they were written" in whole.stdout) == (0, True)
    (path,) = (audited / "state" / "audit").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"ball", b"bell"))
    broken = run(audited, "audit", "verify")
    assert broken.returncode == 1
    assert "WRONG" in broken.stdout
    assert "NOT as they were written" in broken.stdout


def test_a_witness_finds_what_was_written_anew_as_a_whole(audited: Path, tmp_path: Path) -> None:
    folder = audited / "state" / "audit"
    witness = tmp_path / "witness"
    witness.write_text(f"Nov 21 03:12:41 bastion opsroom[1]: {paper.as_json(read(folder), 1)[0]}\n")
    assert run(audited, "audit", "verify", "--witness", str(witness)).returncode == 0
    for path in folder.glob("*.jsonl"):
        path.unlink()
    asyncio.run(acted(audited / "state", Toybox(), "another story"))
    assert run(audited, "audit", "verify").returncode == 0, "by itself the new story is whole"
    found = run(audited, "audit", "verify", "--witness", str(witness))
    assert found.returncode == 1
    assert "the witness has seen" in found.stdout


def test_an_act_without_a_known_end_is_counted_by_verify(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from probes.base import Truth

    asyncio.run(acted(home / "state", Toybox(fault="lost", becomes=Truth.UNKNOWN)))
    monkeypatch.setattr("desk.actor.Process.alive", property(lambda process: False))
    lines, whole = paper.verified(read(home / "state" / "audit"), ())
    assert whole
    assert [line for line in lines if line.startswith("open: act")]


def test_the_doctor_says_what_it_looked_at_and_ends_with_one_when_something_is_missing(home: Path) -> None:
    write(home, 'system = "shop"\n[host.local]\n[http.health]\nurl = "http://127.0.0.1:1/"\n')
    done = run(home, "doctor")
    assert done.returncode == 1
    assert "local         ok        can be read" in done.stdout
    assert "health        MISSING   can be read: refused" in done.stdout
    assert "this machine  ok        acting is allowed, once a session is armed" in done.stdout
    told = json.loads(run(home, "doctor", "--json").stdout)
    assert ["health", "can be read", "missing"] in [[one["where"], one["what"], one["grant"]] for one in told]


def test_the_doctor_leaves_nothing_armed_and_no_record(home: Path) -> None:
    write(home, 'system = "shop"\n[host.local]\n')
    assert run(home, "doctor").returncode == 0
    assert list((home / "state" / "audit").glob("*.jsonl")) == []


def test_what_is_too_much_is_counted_beside_what_is_missing() -> None:
    findings = [
        Finding("db", "terminate", Grant.MISSING, "GRANT it"),
        Finding("db", "superuser", Grant.EXCESS, "use a role of its own"),
        Finding("this machine", "records", Grant.HELD),
    ]
    text = as_text(findings)
    assert "db            TOO MUCH  superuser: use a role of its own" in text
    assert text.endswith("1 missing, 1 too much, 3 looked at")
    assert [one["grant"] for one in json.loads(as_json(findings))] == ["missing", "too much", "held"]


def test_read_only_and_arm_exclude_each_other(home: Path) -> None:
    assert call("--read-only", "--arm", "why not").exit_code == 2
    assert call("--read-only", "--break-glass", "why not").exit_code == 2


def test_production_is_never_armed_by_its_profile(home: Path) -> None:
    path = write(home, 'system = "shop"\nproduction = true\nacts = "armed"\n[host.local]\n')
    said = run(home, "config", "validate", str(path))
    assert said.returncode == 2
    assert f'{path}:3: acts: must be "ask" or "never" in production' in said.stderr
