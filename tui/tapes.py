"""The black boxes of this person: where they lie, how large they are, and of which time they tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from desk import words
from desk.tape.tape import Tape, TapeError
from tui.places import Places


def tapes(places: Places) -> Sequence[Path]:
    """The file of each system that was ever recorded."""
    return sorted(places.state.glob("systems/*/tape.db"))


def described(path: Path) -> str:
    """How large it is, of how many targets and of which time it tells. Raises `TapeError` when it can't be read."""
    tape = Tape.read(path)
    try:
        kept = tape.kept()
        size = words.size(tape.size)
    finally:
        tape.close()
    if not kept:
        return f"{size}, no reading yet"
    first, last = min(one.first for one in kept), max(one.last for one in kept)
    return f"{size}, {words.plural(len(kept), 'target')}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def rows(places: Places) -> list[tuple[str, str]]:
    """(name, value) for each, as `opsroom info` prints them."""
    found = []
    for path in tapes(places):
        try:
            said = described(path)
        except TapeError as error:
            said = str(error)
        found.append(("black box", f"{path}, {said}"))
    return found or [("black box", f"{places.state}/systems/*/tape.db, none yet")]
