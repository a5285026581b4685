"""Acts of commands: run to its end and judged by it, stopped, and refused when anything is not as it was seen."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from desk.ids import new_id
from probes.base import (
    Context,
    Danger,
    Grant,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Target,
    Truth,
    Verdict,
)
from probes.commands.act import CommandsActuator
from probes.commands.probe import CommandsProbe
from probes.commands.settings import CommandsSettings
from probes.exec import job
from tests.probes.acting import comes_back
from tests.probes.test_commands import SECRET, OneSecret, python

RUN = Request("run", ("it",))
STOP = Request("stop", ("it",))


def acting(state: Path | None, secrets: Any = None, **run: Any) -> CommandsActuator:
    return made({"it": run}, state, secrets)


def made(runs: Mapping[str, Any], state: Path | None, secrets: Any = None) -> CommandsActuator:
    settings = CommandsSettings.model_validate({"run": runs})
    return CommandsActuator(Target("app", "commands", settings), Context(secrets or OneSecret(), state=state))


async def done(actuator: CommandsActuator, plan: Plan) -> tuple[Outcome, int]:
    """The outcome, and how often sending was announced."""
    announced = 0

    async def sending() -> None:
        nonlocal announced
        announced += 1

    return await actuator.carry_out(plan, plan.subjects[0], new_id(), sending), announced


async def settled(actuator: CommandsActuator, plan: Plan, outcome: Outcome, patience: float = 20.0) -> Verdict:
    end = time.monotonic() + patience
    while (verdict := await actuator.verify(plan, plan.subjects[0], outcome, 0.0)).truth is Truth.PENDING:
        assert time.monotonic() < end, verdict
        await asyncio.sleep(0.05)
    return verdict


async def run(actuator: CommandsActuator, request: Request = RUN) -> Verdict:
    plan = await actuator.plan(request)
    outcome, announced = await done(actuator, plan)
    assert (outcome.result, announced) == (Result.DONE, 1), outcome
    return await settled(actuator, plan, outcome)


async def test_a_command_runs_to_its_end_and_is_true_by_its_code(tmp_path: Path) -> None:
    actuator = acting(tmp_path, argv=python("print('3 migrations applied')"), expect="applied")
    verdict = await run(actuator)
    assert verdict.truth is Truth.CONFIRMED
    assert "exit code 0 after 0 s: 3 migrations applied" in str(verdict.words)
    assert comes_back(actuator, RUN)
    assert comes_back(actuator, STOP)


@pytest.mark.parametrize(
    ("code", "more", "words"),
    [
        (
            "import sys; print('x'); sys.exit('relation users exists')",
            {},
            "exit code 1 after 0 s: relation users exists",
        ),
        ("print('nothing to do')", {"expect": "applied"}, "its output is not as expected: nothing to do"),
        ("import time; time.sleep(600)", {"timeout": 0.5}, "its time was up"),
        ("import os; os.kill(os.getpid(), 9)", {}, "killed by signal 9"),
    ],
)
async def test_what_ends_badly_or_late_is_refuted_with_its_last_line(
    tmp_path: Path, code: str, more: dict[str, Any], words: str
) -> None:
    verdict = await run(acting(tmp_path, argv=python(code), **more))
    assert verdict.truth is Truth.REFUTED
    assert words in str(verdict.words)


async def test_it_gets_its_folder_its_secret_and_its_parameter_and_none_shows(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['TOKEN'], sys.argv[1:]); print('PATH' in os.environ)"
    there = tmp_path / "work"
    there.mkdir()
    actuator = acting(
        tmp_path,
        argv=[*python(code), "{tenant}"],
        env={"TOKEN": "env:TOKEN"},
        cwd=str(there),
        parameters={"tenant": ".+"},
        expect=r"work hunter\S+ ",
    )
    request = replace(RUN, word="a b; exit 9")
    plan = await actuator.plan(request)
    outcome, _ = await done(actuator, plan)
    verdict = await settled(actuator, plan, outcome)
    assert verdict.truth is Truth.CONFIRMED, verdict
    probe = CommandsProbe(actuator.target, actuator.context)
    facts = (await probe.read()).facts
    assert str(facts.commands[0].past[0].last) == "True"
    assert SECRET not in repr(plan) + repr(outcome) + repr(verdict) + repr(facts)


async def test_what_runs_can_be_stopped_and_a_stopped_run_has_not_failed(tmp_path: Path) -> None:
    actuator = acting(tmp_path, argv=python("print('works', flush=True); import time; time.sleep(600)"))
    plan = await actuator.plan(RUN)
    outcome, _ = await done(actuator, plan)
    assert (await actuator.verify(plan, plan.subjects[0], outcome, 0)).truth is Truth.PENDING
    stopping = await actuator.plan(STOP)
    assert stopping.danger is Danger.DISRUPTIVE
    stopped, announced = await done(actuator, stopping)
    assert (stopped.result, announced) == (Result.DONE, 1)
    assert (await settled(actuator, stopping, stopped)).truth is Truth.CONFIRMED
    verdict = await settled(actuator, plan, outcome)
    assert verdict.truth is Truth.REFUTED
    assert "it was stopped after" in str(verdict.words)
    with pytest.raises(ProbeError, match="it does not run"):
        await actuator.plan(STOP)


async def test_a_command_by_sudo_says_before_and_after_how_far_it_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    sudo.chmod(0o755)
    actuator = acting(tmp_path, argv=[str(sudo), "-n", *python("import time; time.sleep(600)")])
    words = "it runs by sudo, as another user: it can be asked to end, but not be killed"
    monkeypatch.setattr(job, "only_asked", lambda argv: words if argv[0] == str(sudo) else "")
    plan = await actuator.plan(RUN)
    assert words in map(str, plan.notes)
    outcome, _ = await done(actuator, plan)
    stopping = await actuator.plan(STOP)
    assert words in map(str, stopping.notes)
    assert str(stopping.subjects[0].after) == "asked to end"
    (folder,) = await asyncio.to_thread(lambda: {one.parent for one in tmp_path.rglob("spec.json")})
    (folder / "denied").touch()  # as its keeper does when the system does not let it
    verdict = await actuator.verify(stopping, stopping.subjects[0], Outcome(Result.DONE, SafeText()), 0)
    assert verdict.truth is Truth.REFUTED
    assert "the system did not let us end it" in str(verdict.words)
    assert "we may not end it" in str((await actuator.verify(plan, plan.subjects[0], outcome, 0)).words)
    (folder / "denied").unlink()
    stopped, _ = await done(actuator, stopping)
    assert (await settled(actuator, stopping, stopped)).truth is Truth.CONFIRMED
    told = json.loads((folder / "ended.json").read_text())
    (folder / "ended.json").write_text(json.dumps({**told, "left": True}))
    fresh = CommandsActuator(actuator.target, actuator.context)
    verdict = await fresh.verify(stopping, stopping.subjects[0], stopped, 0)
    assert verdict.truth is Truth.REFUTED, "never called stopped while the program goes on"
    assert "but what it started as another user still runs" in str(verdict.words)


async def test_it_never_runs_twice_at_once(tmp_path: Path) -> None:
    actuator = acting(tmp_path, argv=python("import time; time.sleep(600)"))
    first, second = await actuator.plan(RUN), await actuator.plan(RUN)
    outcome, _ = await done(actuator, first)
    refused, announced = await done(actuator, second)
    assert (refused.result, announced) == (Result.REFUSED, 0)
    assert "changed since you looked: it runs already" in str(refused.words)
    third = await actuator.plan(RUN)
    assert not third.chosen, "what runs already is left out"
    stopping = await actuator.plan(STOP)
    await done(actuator, stopping)
    await settled(actuator, first, outcome)


async def test_another_program_than_was_looked_at_is_not_run(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho one\n")
    tool.chmod(0o755)
    actuator = acting(tmp_path / "state", argv=[str(tool)])
    plan = await actuator.plan(RUN)
    tool.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    outcome, announced = await done(actuator, plan)
    assert (outcome.result, announced) == (Result.REFUSED, 0)
    assert "changed since you looked: it is another program now" in str(outcome.words)
    assert not (tmp_path / "ran").exists()


async def test_a_script_that_a_program_is_to_run_is_pinned_with_it(tmp_path: Path) -> None:
    script = tmp_path / "database_maintenance.py"
    script.write_text("print('stats')")
    actuator = acting(tmp_path / "state", argv=[sys.executable, script.name, "--operation", "stats"], cwd=str(tmp_path))
    plan = await actuator.plan(RUN)
    assert [name for name, _ in plan.subjects[0].identity] == ["program", "file 1"]
    script.write_text("print('full')")
    outcome, announced = await done(actuator, plan)
    assert (outcome.result, announced) == (Result.REFUSED, 0)
    script.chmod(0o666)
    with pytest.raises(ProbeError, match="can be written by everybody"):
        await actuator.plan(RUN)


async def test_a_program_that_cannot_be_started_has_failed_and_done_nothing(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/no/such/interpreter\n")
    tool.chmod(0o755)
    actuator = acting(tmp_path / "state", argv=[str(tool)])
    outcome, _ = await done(actuator, await actuator.plan(RUN))
    assert outcome.result is Result.FAILED
    missing = acting(tmp_path / "state", argv=["no-such-tool"])
    with pytest.raises(ProbeError, match="no-such-tool is not installed here"):
        await missing.plan(RUN)


async def test_a_secret_that_cannot_be_had_stops_it_before_anything_is_sent(tmp_path: Path) -> None:
    secrets = OneSecret()
    secrets.known = False
    actuator = acting(tmp_path, secrets, argv=["true"], env={"TOKEN": "env:TOKEN"})
    plan = await actuator.plan(RUN)
    with pytest.raises(ProbeError, match="TOKEN is not set"):
        await done(actuator, plan)


async def test_it_goes_on_when_the_session_ends_and_the_next_one_knows(tmp_path: Path) -> None:
    go = tmp_path / "go"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\nprint('done')"
    first = acting(tmp_path / "state", argv=python(waits))
    plan = await first.plan(RUN)
    outcome, _ = await done(first, plan)
    first.abort()
    await first.close()
    go.touch()
    later = acting(tmp_path / "state", argv=python(waits))
    assert (await settled(later, plan, outcome)).truth is Truth.CONFIRMED
    lost = Outcome(Result.UNKNOWN, SafeText("the session ended while it was under way"))
    assert (await settled(later, plan, lost)).truth is Truth.CONFIRMED, "found by when it began"


async def test_a_run_that_never_began_is_refuted(tmp_path: Path) -> None:
    actuator = acting(tmp_path, argv=["true"])
    plan = await actuator.plan(RUN)
    lost = Outcome(Result.UNKNOWN, SafeText("no answer"))
    verdict = await actuator.verify(plan, plan.subjects[0], lost, 1.0)
    assert verdict.truth is Truth.REFUTED
    assert "never began" in str(verdict.words)


async def test_the_end_of_a_run_whose_keeper_was_killed_cannot_be_told(tmp_path: Path) -> None:
    actuator = acting(tmp_path, argv=python("import time; time.sleep(600)"))
    plan = await actuator.plan(RUN)
    outcome, _ = await done(actuator, plan)
    folder = actuator._runs.folder("it")
    assert folder is not None
    run_ = folder / dict(outcome.facts)["run"]
    for one in psutil.process_iter(["cmdline"]):
        if (one.info["cmdline"] or [])[-1:] == [str(run_)]:
            below = one.children()
            one.kill()  # first: it would take down the end of its program
            for child in below:
                child.kill()
    os.utime(run_ / "spec.json", (time.time() - 100, time.time() - 100))
    end = time.monotonic() + 20
    while (verdict := await actuator.verify(plan, plan.subjects[0], outcome, 1.0)).truth is Truth.PENDING:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    assert verdict.truth is Truth.UNKNOWN, verdict


# What is said before


async def test_what_it_needs_and_what_is_known_of_it_stands_in_the_plan(tmp_path: Path) -> None:
    npx = tmp_path / "npx"
    npx.write_text("#!/bin/sh\necho ok\n")
    npx.chmod(0o755)
    actuator = made(
        {
            "migrate": {
                "argv": [str(npx), "prisma", "migrate", "dev"],
                "needs": {"backup": "backups.nightly newest_good_age_seconds <= 3600"},
                "danger": "reversible",
                "undo": "restore the backup",
                "preview": "status",
                "env": {"TOKEN": "env:TOKEN"},
            },
            "studio": {"argv": [str(npx), "prisma", "studio"]},
            "status": {"argv": python("print('2 migrations pending')"), "reads": True},
            "load": {"argv": ["true"], "production": False},
        },
        tmp_path,
    )
    plan = await actuator.plan(Request("run", ("migrate",)))
    (need,) = plan.requires
    assert (need.target, need.gauge, need.at_most) == ("backups.nightly", "newest_good_age_seconds", 3600)
    assert "may empty the database" in plan.not_in_production
    assert plan.danger is Danger.DESTRUCTIVE, "worse than the profile says"
    notes = [str(one) for one in plan.notes]
    assert "  2 migrations pending" in notes
    assert "its environment gets TOKEN by reference" in notes
    assert str(plan.undo) == "restore the backup"
    assert plan.command == (f"{npx} prisma migrate dev",)
    load = await actuator.plan(Request("run", ("load",)))
    assert load.not_in_production == "the profile says production = false"
    assert load.danger is Danger.DESTRUCTIVE, "what nobody has judged is destructive"
    studio = await actuator.plan(Request("run", ("studio",)))
    assert not studio.chosen
    assert "editor with write access" in str(studio.subjects[0].spared)
    with pytest.raises(ProbeError, match="no command that can be run as an act"):
        await actuator.plan(Request("run", ("status",)))


async def test_only_what_makes_sense_is_offered(tmp_path: Path) -> None:
    actuator = made(
        {
            "migrate": {"argv": ["true", "{name}"], "parameters": {"name": "daily|weekly"}, "what": "Migrates."},
            "status": {"argv": ["true"], "reads": True},
            "gone": {"argv": ["no-such-tool"]},
        },
        tmp_path,
    )
    facts = (await CommandsProbe(actuator.target, actuator.context).read()).facts
    offers = {
        name: {one.action.name: one.refused for one in actuator.offers(facts, [name])} for name in actuator.settings.run
    }
    assert offers["migrate"] == {"run": "", "stop": "it does not run"}
    assert offers["status"]["run"] == "it only reads: v in its table"
    assert offers["gone"]["run"] == "no-such-tool is not installed here"
    assert actuator.offers(facts, ["elsewhere"]) == ()
    (run_, _) = actuator.offers(facts, ["migrate"])
    assert run_.action.what == "Migrates."
    assert run_.action.word is not None
    assert run_.action.word.listed
    assert [one.word for one in await actuator.choices("run", ["migrate"])] == ["daily", "weekly"]
    nowhere = acting(None, argv=["true"])
    facts = (await CommandsProbe(nowhere.target, nowhere.context).read()).facts
    assert nowhere.offers(facts, ["it"])[0].refused == "there is no folder to keep a run in"


async def test_doctor_tells_which_programs_are_here(tmp_path: Path) -> None:
    actuator = made({"good": {"argv": ["true"]}, "gone": {"argv": ["no-such-tool"]}}, tmp_path)
    rights = {right.name: (right.grant, str(right.remedy)) for right in await actuator.rights()}
    assert rights == {
        "keep runs": (Grant.HELD, ""),
        "run good": (Grant.HELD, ""),
        "run gone": (Grant.MISSING, "no-such-tool is not installed here"),
    }
