"""The look of a log's levels."""

from __future__ import annotations

from typing import Final

from probes.base.log import Level
from widgets.lines import Tone

LEVEL_TONES: Final = {
    Level.FATAL: Tone.CRITICAL,
    Level.ERROR: Tone.CRITICAL,
    Level.WARNING: Tone.WARNING,
    Level.NOTICE: Tone.NOTICE,
    Level.DEBUG: Tone.DIM,
    Level.TRACE: Tone.DIM,
}
"""The tone of a line of a level; others are plain."""
