"""memcached as it is drawn."""

from __future__ import annotations

import pytest

from probes.base import SafeText, Snapshot
from probes.memcached import MemcachedFacts
from tests.toys import StillClock
from widgets.memcached import MemcachedPanel
from widgets.panel import View


@pytest.mark.parametrize("width", [40, 58, 80, 118, 200])
def test_a_server_of_which_nothing_is_known_is_drawn_with_dashes(width: int) -> None:
    facts = MemcachedFacts(SafeText(), *([None] * 9))
    view = View("cache", Snapshot("cache", StillClock().now(), 0.0, facts), lambda name, **labels: [])
    panel = MemcachedPanel()
    drawn = [*panel.brief(view, width), *panel.head(view, width)]
    text = "\n".join("".join(span.text for span in line.spans) for line in drawn)
    assert "–" in text
    assert "0 %" not in text
