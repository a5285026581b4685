"""The long proofs, in short: `python -m tests.safety.tamper`, `.kills` and `.disk` run them in full.

And the judge is judged: the checker must find each kind of violation in an audit that has one.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.actor import Process, this_process, who
from desk.audit import Code, Trail
from desk.audit.sinks import FileSink
from tests.missing import missing
from tests.safety import disk, injected, kills, tamper
from tests.safety.checker import Joined, joined
from tests.toys import StillClock

Note = tuple[Code, dict[str, Any]]
WHOLE: tuple[Note, ...] = ((Code.INTENT, {}), (Code.SENT, {}), (Code.DONE, {}), (Code.VERDICT, {"truth": "CONFIRMED"}))


def audit(folder: Path, *notes: Note, act: str = "a") -> Path:
    """The folder, after a session that has ended wrote these notes about one act."""

    async def session() -> None:
        gone = replace(who({}), process=Process(1, "never", this_process().boot))
        trail = Trail(folder, gone, StillClock(), {})
        trail._chain._sinks = (FileSink(folder, trail._writer),)
        for code, data in notes:
            await trail.note(code, {"act": act, **data})
        await trail.close()

    asyncio.run(session())
    return folder


def unavailable(reason: str) -> None:
    """A proof that can't be had here is a visible skip; where CI is set it is a failure."""
    if reason:
        missing(reason)


# The judge


def test_what_is_as_it_should_be_is_not_complained_of(tmp_path: Path) -> None:
    assert joined(["a"], audit(tmp_path, *WHOLE)) == Joined(acts=1)
    audit(tmp_path, *WHOLE[:2], act="b")
    assert joined(["a", "b"], tmp_path) == Joined(acts=2, dangling=["b"])
    assert joined(["a"], tmp_path) == Joined(acts=2, dangling=["b"])


@pytest.mark.parametrize(
    ("wire", "notes", "said"),
    [
        (["a", "a"], WHOLE, "received twice"),
        (["a", "x"], WHOLE, "x: received without an intent"),
        (["a"], WHOLE[:1], "received without an intent to send it now"),
        (["a"], WHOLE[:1], "received, yet listed as not sent"),
        ([], WHOLE, "recorded as done, yet never received"),
        ([], WHOLE, "found to be so, yet never received"),
        (["a"], (*WHOLE[:2], (Code.FAILED, {})), "received, yet recorded as not done"),
        (["a"], (*WHOLE[:3], (Code.VERDICT, {"truth": "REFUTED"})), "found not to be so, yet received"),
        ([], (*WHOLE[:2], (Code.SETTLED, {"found": "applied: so"})), "found to be so, yet never received"),
        (["a"], (WHOLE[1], WHOLE[0], WHOLE[2]), "records out of turn"),
        (["a"], (WHOLE[0], *WHOLE), "records out of turn"),
        (["a"], (*WHOLE[:3], WHOLE[2]), "records out of turn"),
    ],
)
def test_what_one_side_can_not_explain_is_found(
    tmp_path: Path, wire: list[str], notes: tuple[Note, ...], said: str
) -> None:
    assert any(said in one for one in joined(wire, audit(tmp_path, *notes)).wrong)


def test_two_sessions_on_one_act_a_damaged_file_and_a_refusal_are_found(tmp_path: Path) -> None:
    audit(tmp_path, *WHOLE)
    audit(tmp_path, *WHOLE)
    found = joined(["a"], tmp_path)
    assert any("two sessions" in one for one in found.wrong)
    path = next(tmp_path.glob("*.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"CONFIRMED", b"CONFIRMEd"))
    assert any("the audit is damaged" in one for one in joined(["a"], tmp_path).wrong)


def test_a_refusal_nobody_expected_is_found(tmp_path: Path) -> None:
    async def refused() -> None:
        trail = Trail(tmp_path, who({}), StillClock(), {})
        trail._chain._sinks = (FileSink(tmp_path, trail._writer),)
        await trail.note(Code.REFUSED, {"deed": "d", "reason": "no lock"})
        await trail.close()

    asyncio.run(refused())
    assert joined([], tmp_path).wrong == ["unexplained refusal: no lock"]
    assert joined([], tmp_path, refusals=True).wrong == []


# The proofs, in short


def test_every_forgery_of_an_audit_is_found() -> None:
    tried, missed = tamper.trials(500)
    assert (tried, missed) == (500, {})


@pytest.mark.engine
def test_killed_sessions_lose_and_double_nothing() -> None:
    whole = kills.workers(60, cores=1)
    assert whole.wrong == []
    assert whole.trials == 60
    assert whole.killed > 20
    assert whole.received > 5


@pytest.mark.engine
def test_a_session_killed_at_any_system_call_loses_and_doubles_nothing() -> None:
    unavailable(injected.missing())
    each = injected.everything(step=16)
    assert each.wrong == []
    assert each.kills > 10
    assert each.recoveries > 5
    assert each.faults > 20
    assert each.dangling > 2


def test_several_sessions_on_one_target_take_turns_and_lose_no_record() -> None:
    assert disk.run(acts=4, mounting=False).wrong == []


def test_a_full_disk_and_a_home_that_can_not_be_written_to_let_nothing_be_done_unrecorded() -> None:
    unavailable(disk.may_not_mount())
    assert disk.run(acts=0, mounting=True).wrong == []
