"""An incident as it is drawn, without a screen."""

from __future__ import annotations

from datetime import UTC, datetime

from desk.incident.timeline import Entry, Source
from widgets.incident import LINES, timeline
from widgets.lines import width_of

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def test_an_entry_that_is_cut_says_so_once_whatever_blanks_its_last_line_ends_with() -> None:
    words = f"evidence gathered: 30 files, in /srv/evidence, SHA256SUMS {'3e4c9f38' * 8}"
    for width in range(60, 120):
        lines = timeline([Entry("1", NOW, Source.INCIDENT, f"{words} and {'so on ' * 60}", by="ann")], width)
        assert len(lines) == LINES
        assert lines[-1].text.endswith("…")
        assert not lines[-1].text.endswith("… …")
        assert all(width_of(one.spans) <= width for one in lines)
