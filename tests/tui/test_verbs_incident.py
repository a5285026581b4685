"""`opsroom incident` over what sessions kept: lists, one in full, and its post-mortem, from files alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from desk.actor import who
from desk.alert import Alert
from desk.audit import Code, Trail
from desk.history import Archive, Cell
from desk.history.rollup import Minute
from desk.inbox import record as inbox
from desk.inbox.case import Case, Standing
from desk.inbox.case import What as CaseWhat
from desk.incident.incidents import CLIPBOARD, Incidents
from desk.incident.journal import IncidentJournal
from desk.incident.record import Role
from desk.runs.journal import RunJournal
from desk.runs.record import Judgement
from desk.runs.runs import Runs
from desk.store import FileStore, Row
from probes.base import GaugeKey, Severity
from tests.desk.procedures import KITES, NAME, TOKEN
from tui.cli import main
from tui.places import Places

PROFILE = 'system = "shop"\nenvironment = "live"\n[host.box]\n'
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
DISK = GaugeKey("disk_used_ratio", (("mount", "/data"),))


class Hand:
    """A clock that stands where a test puts it."""

    at = BEGAN

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - BEGAN).total_seconds()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """The places of a person with that one profile."""
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path))
    monkeypatch.delenv("OPSROOM_PROFILE", raising=False)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.toml").write_text(PROFILE)
    return Places.of({"OPSROOM_HOME": str(tmp_path)})


def call(*words: str) -> Result:
    return CliRunner().invoke(main, ("incident", *words), prog_name="opsroom")


def lived(places: Places, more: Callable[[Incidents, str], None] = lambda book, name: None) -> str:
    """An alert, an incident from it, a procedure, a message, the end; all in the files of a session."""
    folder, clock = places.system("shop", "live"), Hand()
    folder.mkdir(parents=True, exist_ok=True)
    full = Alert("box", "disk", Severity.WARNING, DISK.name, DISK.labels, "disk /data is 96 % full", 0.0, BEGAN, 0.96)
    store = FileStore.open(folder / "inbox.db")
    raised = inbox.Record("r1", BEGAN, CaseWhat.RAISED, "case-1", alert=full)
    store.append(inbox.STREAM, [Row("r1", BEGAN, "case-1", inbox.written(raised))])
    store.close()
    archive = Archive.write(folder / "history.db")
    for minute in range(60):
        at = int(BEGAN.timestamp()) // 60 * 60 + minute * 60
        used = 0.96 - minute / 100
        archive.add([Minute("box", at, {DISK: Cell(1, used, used, used, used)})], watched=at + 60)
    archive.close()
    runs = Runs(clock, "ann")
    kept = RunJournal(folder / "runs.db", clock)
    kept.serve(runs)
    book = Incidents(clock, "ann", "bastion")
    journal = IncidentJournal(folder / "incidents.db", clock)
    journal.serve(book)
    clock.at = BEGAN + timedelta(minutes=2)
    name = book.declare("the disk is full", "P1", Case("case-1", full, Standing.OPEN)).id
    book.assign(name, Role.COMMANDER, "ann")
    clock.at = BEGAN + timedelta(minutes=5)
    run = runs.begin(KITES, "/srv/RUNBOOK.md", "a" * 64, (NAME, TOKEN)).id
    clock.at += timedelta(seconds=30)
    runs.done(run, 0, "old logs removed", judgement=Judgement.GOOD)
    clock.at += timedelta(seconds=30)
    book.message(name, "public", "public", CLIPBOARD, "We are slow.")
    clock.at = BEGAN + timedelta(minutes=20)
    book.mitigate(name)
    clock.at = BEGAN + timedelta(minutes=60)
    book.resolve(name)
    book.add_item(name, "a bigger disk", "bob", BEGAN + timedelta(minutes=61))
    more(book, name)
    for one in (kept, journal):
        one.step()
        one.close()
    return name


async def acted(places: Places) -> None:
    """An act in the audit, as of now."""
    clock = Hand()
    clock.at = BEGAN + timedelta(minutes=7)
    trail = Trail(places.audit, who({}), clock, {"system": "shop", "environment": "live", "profile": ""})
    trail._chain._sinks = trail._chain._sinks[:1]  # nothing of a test belongs into the machine's own log
    subject = {"name": "logs", "before": "40 files", "after": "4 files"}
    act = {"deed": "d1", "act": "a1", "target": "box"}
    await trail.note(Code.INTENT, {**act, "action": "delete", "reason": "it is full", "subject": subject})
    await trail.note(Code.DONE, {**act, "words": "36 files removed"})
    await trail.close()


def test_nothing_kept_is_said_and_nothing_is_made(places: Places) -> None:
    done = call("list")
    assert (done.exit_code, done.stdout) == (0, "there was no incident\n")
    assert not places.system("shop", "live").exists()
    missing = call("show", "last")
    assert (missing.exit_code, missing.stderr) == (2, "opsroom: there is no incident last; there are: none\n")


def test_the_list_tells_each_with_what_is_left_to_do(places: Places) -> None:
    name = lived(places)
    done = call("list")
    assert done.exit_code == 0, done.output
    assert f"{name[-6:]}  {BEGAN + timedelta(minutes=2):%Y-%m-%d %H:%M}  P1" in done.stdout
    assert "resolved        58m00s  the disk is full" in done.stdout
    assert "1 action item to do, 1 overdue:" in done.stdout
    assert "a bigger disk  (bob, due" in done.stdout
    assert call("list", "--open").stdout.startswith("there was no incident")
    body = json.loads(call("list", "--json").stdout)
    assert [(one["id"], one["open"], one["items_open"]) for one in body["incidents"]] == [(name, False, 1)]


@pytest.mark.parametrize("word", ["last", "whole", "end"])
def test_one_is_shown_with_all_that_happened_in_its_time_in_order(places: Places, word: str) -> None:
    name = lived(places)
    asyncio.run(acted(places))
    done = call("show", {"last": "last", "whole": name, "end": name[-6:]}[word])
    assert done.exit_code == 0, done.output
    wanted = [
        "box: warning raised: disk /data is 96 % full",
        "declared P1: the disk is full",
        "ann is commander",
        f"procedure {KITES.title} begun",
        "old logs removed [good]",
        "public message public copied",
        "box: delete logs: it is full (40 files -> 4 files)",
        "box: delete logs done: 36 files removed",
        "mitigated",
        "resolved",
        "action item: a bigger disk (bob)",
    ]
    places_of = [done.stdout.rindex(one) for one in wanted]
    assert places_of == sorted(places_of)
    assert "to acknowledge      2m00s" in done.stdout
    assert "to detect       not known  nobody said when it began" in done.stdout


def test_the_draft_has_the_course_of_its_alert_and_every_part(places: Places, tmp_path: Path) -> None:
    lived(places)
    file = tmp_path / "draft.md"
    done = call("export", "last", "--to", str(file))
    assert (done.exit_code, done.stdout) == (0, f"wrote {file}\n")
    text = file.read_text()
    assert text.startswith("# Post-mortem: the disk is full\n")
    assert 'box: disk_used_ratio{mount="/data"}' in text
    assert "█" in text
    assert "1 noticed" in text
    assert "| resolve | 1h00m |" in text
    again = call("export", "last", "--to", str(file))
    assert (again.exit_code, "it was not touched" in again.stderr) == (2, True)
    assert call("export", "last", "--markdown").stdout.splitlines()[0] == text.splitlines()[0]


def test_a_program_gets_moments_and_seconds(places: Places) -> None:
    name = lived(places, lambda book, one: book.set_began(one, BEGAN - timedelta(minutes=3)))
    done = call("export", name, "--json")
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    assert (body["version"], body["id"], body["status"]) == (1, name, "resolved")
    assert {key: one["seconds"] for key, one in body["took"].items()} == {
        "detect": 180.0, "acknowledge": 120.0, "mitigate": 1200.0, "resolve": 3600.0,
    }  # fmt: skip
    assert body["roles"] == {"commander": "ann", "scribe": None, "operator": None}
    sources = [one["source"] for one in body["timeline"]]
    assert {"incident", "alert", "step", "message"} <= set(sources)
    assert body["timeline"][0]["words"].startswith("warning raised")
    assert json.loads(call("show", name, "--json").stdout)["timeline"] == body["timeline"]


def test_a_profile_has_a_template_of_its_own(places: Places, tmp_path: Path) -> None:
    lived(places)
    (tmp_path / "config" / "shop.toml").write_text(PROFILE + '[incident]\npost_mortem = "ours.md"\n')
    refused = call("export", "last")
    assert (refused.exit_code, "the template of post-mortems cannot be used" in refused.stderr) == (2, True)
    (tmp_path / "config" / "ours.md").write_text("{title}, {duration}\n{wether}\n")
    done = call("export", "last")
    assert done.stdout == "the disk is full, 1h00m\n{wether}\n"
    assert "nothing fills in {wether} of the template" in done.stderr


def test_what_comes_from_outside_steers_no_terminal(places: Places) -> None:
    def nasty(book: Incidents, name: str) -> None:
        book.note(name, "\x1b]0;owned\x07 \u202etxt")

    name = lived(places, nasty)
    for done in (call("list"), call("show", name), call("export", name)):
        assert done.exit_code == 0, done.output
        assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout)


def test_a_word_that_means_several_is_refused(places: Places) -> None:
    lived(places)
    name = lived(places)
    done = call("show", name[:4])
    assert done.exit_code == 2
    assert "is several of them" in done.stderr
    unknown = call("show", "nothing")
    assert f"there are: {name[-6:]}" in unknown.stderr


def test_a_damaged_file_is_said_and_left_alone(places: Places) -> None:
    lived(places)
    file = places.system("shop", "live") / "incidents.db"
    file.write_bytes(b"this is no database" * 100)
    done = call("list")
    assert done.exit_code == 2
    assert done.stderr.startswith("opsroom: the incidents cannot be read: ")
    assert file.read_bytes().startswith(b"this is no database")
