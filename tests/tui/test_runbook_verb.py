"""`opsroom runbook`: what is in a file, what is worth mending in it, and what may be run of it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from desk.profile import parse
from desk.runbook import assemble
from desk.runbook.script import PLAIN
from tests.toys import ToyKinds
from tui.cli import main
from tui.dialects import dialects
from tui.places import Places
from tui.steps import approvals, steps, with_steps

BOOK = """# Shop

## Queue is full

**Symptoms:**

- Queue depth > 500 for 5 minutes

**Resolution:**

```bash
# More hands
docker-compose up -d --scale worker=5 worker

# Note it down
./scripts/note.sh <ticket>
```

## Tidy up

```bash
rm -rf /srv/shop/old
```

- [ ] Tell the team
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path / "home"))
    book = tmp_path / "RUNBOOK.md"
    book.write_text(BOOK)
    book.chmod(0o600)
    return book


def opsroom(*words: object, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["runbook", *map(str, words)], input=typed)


def test_it_is_shown_as_procedures_with_their_steps(file: Path) -> None:
    said = opsroom("show", file).output
    assert "2 procedures" in said
    assert "1 alert limit" in said
    assert "Queue is full" in said
    assert "action    More hands" in said
    assert "to fill in: <ticket>" in said


def test_one_procedure_is_shown_by_words_of_its_title(file: Path) -> None:
    said = opsroom("show", file, "tidy").output
    assert "Tidy up" in said
    assert "Queue is full" not in said
    assert opsroom("show", file, "nothing").exit_code == 2


def test_lint_names_the_line_and_leaves_with_1(file: Path) -> None:
    done = opsroom("lint", file)
    assert done.exit_code == 1
    assert f"{file}:22: it takes away what can't be had back" in done.output


FENCE = "# A\n\n## Do\n\n```bash\n{}\n```\n"


@pytest.mark.parametrize(
    ("lines", "mended"),
    [
        ("df -h\ncurl -f http://127.0.0.1/health\npsql -c 'SELECT pg_cancel_backend(<pid>)'", True),
        ("redis-cli llen bull:mail:waiting", False),
        ("redis-cli config set maxmemory 12mb", False),
        ("# Until the next restart, and not on managed services\nredis-cli config set maxmemory 12mb", True),
        ("docker compose restart api", False),
        ("# Restart the api with docker compose\ndocker compose restart api", False),
        ("# It keeps its environment: only recreate would apply a changed one\ndocker compose restart api", True),
    ],
)
def test_what_is_taken_care_of_or_told_beside_the_line_is_not_worth_mending(
    tmp_path: Path, lines: str, mended: bool
) -> None:
    """What is done as it was meant, and can't be written better; or what the author says in words of their own."""
    file = tmp_path / "a.md"
    file.write_text(FENCE.format(lines))
    done = opsroom("lint", file)
    assert (done.exit_code == 0) == mended, done.output
    assert "! " in opsroom("show", file).output, "who reads the step is told in any case"


def test_a_folder_is_read_whole_and_a_clean_one_leaves_with_0(tmp_path: Path, file: Path) -> None:
    clean = tmp_path / "clean"
    clean.mkdir()
    (clean / "a.md").write_text("# A\n\n```bash\nuptime\n```\n")
    assert opsroom("lint", clean).exit_code == 0
    assert opsroom("lint", tmp_path).exit_code == 1


def test_the_form_for_programs_has_lines_classes_and_dangers(file: Path) -> None:
    done = opsroom("lint", file, "--json")
    assert done.exit_code == 0
    told = json.loads(done.output)
    scale, note, remove = told["commands"]
    assert (scale["line"], scale["class"], scale["verb"], scale["target"]) == (13, "native-action", "scale", "worker")
    assert (note["class"], note["placeholders"]) == ("shell", ["<ticket>"])
    assert remove["danger"] == "destructive"
    assert [one["line"] for one in told["checklist_items"]] == [25]
    (limit,) = told["thresholds"]
    assert (limit["metric"], limit["operator"], limit["value"], limit["for"]) == ("Queue depth", ">", 500, "5m")
    assert opsroom("lint", file, "--json", "--strict").exit_code == 1


def test_a_file_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    done = opsroom("lint", tmp_path / "no.md")
    assert (done.exit_code, "no such file" in done.output) == (2, True)


NASTY = """# Sh&#27;]0;op

## Que&#x1b;[2Jue is &#x202e;full

**Resolu&#27;tion:**

```bash
# More&#27; hands \u202e
echo \x1b[2J\u200f <tick\u202eet>
```

### Option A: &#27;[31m red

```bash
systemctl stop nginx
```

- [ ] Tell &#27;[1m the &#x200f;team

Then see https://x.example/?a=1&b=2 or `rm -rf \x9b31m/srv`
"""
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What a terminal would obey or what turns the direction of writing; a line feed ends our own lines."""


@pytest.mark.parametrize(
    "words",
    [["show"], ["show", "full"], ["show", "no\x1b[2Jthing"], ["lint"], ["lint", "--json"], ["approve", "--yes"],
     ["approve", "--withdraw"]],
    ids=lambda words: " ".join(words).replace("\x1b", "ESC"),
)  # fmt: skip
@pytest.mark.parametrize(
    "name", ["RUN\rBOOK.md", "RUN\x1b[2JBOOK.md", "RUN\u202eBOOK.md", "RUN\nBOOK.md", "RUN\udcffBOOK.md"]
)
def test_nothing_of_a_file_nor_of_its_name_steers_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: list[str]
) -> None:
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path / "home"))
    book = tmp_path / name
    book.write_text(NASTY, encoding="utf-8")
    book.chmod(0o600)
    verb, *rest = words
    done = opsroom(verb, book, *rest)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.output.strip()
    assert "RUN\nBOOK" not in done.output
    assert STEERING.findall(done.output) == []
    lost = tmp_path / f"no {name}"
    assert STEERING.findall(opsroom(verb, lost, *rest).output) == []


def test_what_is_approved_is_shown_whole_however_long_its_line_is(file: Path) -> None:
    file.write_text(BOOK + "\n```bash\necho " + "a" * 6000 + "; rm -rf /srv/end\n```\n")
    said = opsroom("approve", file, "--yes").output
    assert "rm -rf /srv/end" in said


def test_numbers_are_told_in_good_english(file: Path) -> None:
    assert "1 box in 1 checklist" in opsroom("show", file).output
    file.write_text(BOOK + "- [ ] Tell them again\n")
    assert "2 boxes in 1 checklist" in opsroom("show", file).output
    said = opsroom("approve", file, "--yes").output
    assert "3 of its 3 commands may be run" in said


def test_shell_steps_are_run_only_from_what_was_approved_and_has_not_changed(file: Path) -> None:
    profile = parse(f'system = "shop"\nrunbook = "{file}"\n[toy.shelf]\n', ToyKinds(), str(file.parent / "x.toml"))
    places = Places.of(os.environ)
    alone, doubted = with_steps(profile, places)
    assert alone is profile
    assert "not approved: opsroom runbook approve RUNBOOK.md" in doubted.doubts[str(file)]
    assert opsroom("approve", file, typed="n\n").exit_code == 2
    done = opsroom("approve", file, "--yes")
    assert done.exit_code == 0, done.output
    made, runnable = with_steps(profile, places)
    (target,) = [one for one in made.targets if one.kind == "commands"]
    (note,) = [name for name in runnable.asks if name.startswith("L16-scripts-note-")]
    assert (runnable.target, runnable.asks[note]) == ("runbook", {"ticket_1": "ticket", "folder_2": "folder"})
    run = target.settings.run[note]  # type: ignore[attr-defined]
    assert (run.argv[-2:], run.danger) == (("{ticket_1}", "{folder_2}"), "disruptive")
    assert run.parameters["ticket_1"] == PLAIN
    file.write_text(BOOK + "\n")
    changed, doubted = with_steps(profile, places)
    assert changed is profile
    assert "changed since it was approved" in doubted.doubts[str(file)]
    file.write_text(BOOK)
    assert with_steps(profile, places)[0] is not profile
    assert "1 approval forgotten" in opsroom("approve", file, "--withdraw").output
    assert with_steps(profile, places)[0] is profile


def test_a_file_that_others_can_write_is_never_approved_nor_run(file: Path) -> None:
    opsroom("approve", file, "--yes")
    file.chmod(0o666)
    done = opsroom("approve", file, "--yes")
    assert (done.exit_code, "nothing is run from it" in done.output) == (2, True)


def test_what_opens_a_session_of_its_own_is_no_shell_step(file: Path) -> None:
    found, refused = steps(assemble.read("x", BOOK.encode() + b"\n```bash\nssh db1\n```\n", dialects()))
    assert [name.rpartition("-")[0] for name in found] == ["L13-docker-compose-up", "L16-scripts-note", "L22-rm-rf"]
    assert refused == []


def test_what_can_not_be_run_is_named_and_takes_nothing_else_with_it(file: Path) -> None:
    long = "\n```bash\necho " + "ab" * 4500 + "\n\nmysql -p <password> -e status\n```\n"
    file.write_text(BOOK + long)
    done = opsroom("approve", file, "--yes")
    assert done.exit_code == 0
    assert "never: line 28:" in done.output
    assert "never: line 30: it takes or sets a secret (password)" in done.output
    assert "rm -rf /srv/shop/old" in done.output, "the text itself is shown, not what it says of itself"


def test_an_approval_is_a_record_of_who_and_when(file: Path) -> None:
    opsroom("approve", file, "--yes")
    found = approvals(Places.of(os.environ)).standing(file, file.read_bytes())
    assert found.last is not None
    assert found.last.by
