"""The top line of a replay."""

from __future__ import annotations

from datetime import datetime

from desk import words
from desk.replay.recording import stamp
from widgets.lines import Line, Span, Tone, width_of
from widgets.overview import Heading, cut


def replay_banner(heading: Heading, moment: str, width: int) -> Line:
    """The top line of a replay: that it is one, of which moment, how quick, of which system. On its own ground."""
    lead = f" ◀◀ REPLAY {moment}  "
    state = heading.note or (words.plural(heading.alerts, "alert") if heading.alerts else "no alert")
    right = f"  {state} "
    room = width - width_of((Span(lead), Span(right)))
    where = heading.environment.upper()
    named = f"{heading.system}  {'▌' + where + '▐' if heading.production else where}"
    left = cut(
        (Span(lead + named if room > 0 else lead.rstrip(), Tone.REPLAY),), max(0, width - width_of((Span(right),)))
    )
    return Line(tuple(Span(one.text, Tone.REPLAY) for one in (*left, Span(right))))


def moment_told(at: datetime, speed: int) -> str:
    """The moment with its date and zone, and how it goes on."""
    return f"{stamp(at)} {f'▶ x{speed}' if speed else 'paused'}"
