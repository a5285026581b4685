"""The manual: what stands in the repository is what the code says of itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from probes.base.target import Settings
from tui import manual
from tui.cli import main
from tui.keys import KEYS
from tui.kinds import KINDS, Kinds
from tui.manual.kind import RIGHTS
from tui.verb import version

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "manual"


def ran(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["manual", *words])
    return done.exit_code, done.output


def test_the_manual_in_the_repository_is_what_the_code_says(tmp_path: Path) -> None:
    written = manual.write(tmp_path, Kinds(), main, version())
    there = {path.relative_to(KEPT) for path in KEPT.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path) for path in written} == there, "make manual"
    stale = [str(path) for path in sorted(there) if (KEPT / path).read_text() != (tmp_path / path).read_text()]
    assert stale == [], "make manual"


def test_it_is_the_same_in_another_process_with_another_seed(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import tui.cli; tui.cli.main(['manual', 'profile'])"],
        env={"PYTHONHASHSEED": "7", "PATH": "", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == (KEPT / "profile.md").read_text()


@pytest.mark.parametrize("kind", [one.name for one in KINDS])
def test_a_kind_has_a_page_with_its_settings_gauges_limits_and_acts(kind: str) -> None:
    code, text = ran(kind)
    facts, actuator = Kinds().facts(kind), Kinds().actuator(kind)
    assert code == 0
    assert text.startswith(f"# {kind}: ")
    for wanted in (*facts.settings_type.model_fields, *(one.name for one in facts.gauges)):
        assert f"`{wanted}`" in text or wanted in Settings.model_fields
    for named in (*(one.name for one in facts.rules), *(one.name for one in (actuator.actions if actuator else ()))):
        assert f"| `{named}` |" in text


def test_every_key_is_on_the_page_of_keys() -> None:
    _, text = ran("keys")
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)` \|$", text, re.M)) == {one.id for one in KEYS}


def test_every_grant_of_contrib_is_named_by_the_page_of_a_kind() -> None:
    named = {path for paths in RIGHTS.values() for path in paths}
    files = {str(path.relative_to(ROOT / "contrib")) for path in (ROOT / "contrib").rglob("*") if path.is_file()}
    assert named <= files
    assert files - named == {"README.md", "aws/README.md", "postgres/store.sql"}, "what is about no kind"


def test_a_page_that_is_not_there_is_refused_with_a_guess() -> None:
    assert ran("postgre") == (2, "opsroom: the manual has no page postgre; did you mean postgres?\n")
    assert ran("xyz") == (2, "opsroom: the manual has no page xyz; opsroom manual lists the pages\n")


def test_without_a_name_it_lists_its_pages() -> None:
    code, text = ran()
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()] == list(manual.titles(Kinds()))


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code, text = ran("--write", str(tmp_path / "file"))
    assert code == 2
    assert "cannot be written" in text


def test_the_man_page_has_nothing_but_requests_that_man_knows() -> None:
    code, text = ran("--man")
    assert code == 0
    assert text.startswith('.TH OPSROOM 1 "" "opsroom ')
    assert {line.split()[0] for line in text.splitlines() if line.startswith(".")} <= {
        ".TH", ".SH", ".SS", ".TP", ".PP", ".B"
    }  # fmt: skip
    assert not [line for line in text.splitlines() if line.startswith("'")]
    assert r".SS audit verify" in text
    assert r"\fB\-\-read\-only" in text
