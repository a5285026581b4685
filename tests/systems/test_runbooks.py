"""Our own runbooks: what we find worth mending in those of others is mended in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.runbook import assemble
from desk.runbook.lint import findings
from desk.runbook.text import decoded
from tui.dialects import dialects

SYSTEMS = Path(__file__).parents[2] / "systems"


@pytest.mark.parametrize("file", sorted(SYSTEMS.glob("*/RUNBOOK.md")), ids=lambda file: file.parent.name)
def test_there_is_nothing_to_mend_in_a_runbook_of_ours(file: Path) -> None:
    data = file.read_bytes()
    book = assemble.read(str(file), data, dialects(), whole=True)
    assert book.procedures
    assert [(one.line, one.what) for one in findings(book, decoded(data)[0])] == []
