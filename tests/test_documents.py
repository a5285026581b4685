"""What the documents show of a profile is taken as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from desk.profile import parse
from tui.kinds import Kinds

ROOT = Path(__file__).parent.parent

PRESUPPOSED = {
    "README.md": "",
    "docs/INCIDENTS.md": '[pagerduty.pd]\ntoken = "env:PD"\n[notify.duty]\nkind = "pagerduty"\nrouting_key = "env:PD"\n'
    '[notify.statuspage]\nkind = "webhook"\nurl = "env:PAGE"\n',
    "docs/RUNBOOKS.md": "[host.local]\n",
    "docs/WATCHING.md": '[host.local]\n[queues.jobs]\nurl = "redis://127.0.0.1/0"\n'
    '[metrics.api]\nurl = "http://127.0.0.1/metrics"\n',
}
"""What the examples of a document stand beside."""


@pytest.mark.parametrize("document", PRESUPPOSED)
def test_the_examples_of_a_document_make_one_profile_without_a_fault(document: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    assert blocks
    blocks.sort(key=lambda block: re.search(r"^\[", block, re.MULTILINE) is not None)  # what is of no table comes first
    top = "" if any(block.startswith("system = ") for block in blocks) else 'system = "shop"\n'
    assert parse("\n".join([top, *blocks, PRESUPPOSED[document]]), Kinds()).targets
