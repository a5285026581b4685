"""Is anything ever confirmed that nobody has seen? Keys typed ahead, pasted and clicked, on a real terminal.

    python -m tests.safety.typeahead --trials 500

Every trial opens an act and throws keys at it: all in one write, at random moments, while the screen hangs, pasted, as
clicks on the button. None may confirm. The time a picture has stood is taken here, outside the program: from the moment
its bytes could be read from the terminal to the moment before the key was written. One trial in seven is a person who
looks and then presses Enter; that must confirm exactly once, or the trials would show nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.safety.toy_app import WAITS
from tests.tui.pty_app import PtyApp, python

SEEN: Final = 0.4
"""Seconds a picture must have stood: the promise, written down here a second time on purpose."""

NEAR: Final = 0.05
"""Keys are not sent within so many seconds of the promise: who was late, they or we, could not be told."""

OVERVIEW: Final = "TOYS  2 things"
PLAN: Final = "toy restart -- kite"
BUTTON: Final = "▸[ restart kite"
RIPE: Final = "▸[ restart kite ]"
_F12: Final = "\x1b[24~"
_ENTERS: Final = ("\r", "\r\r", "\r\r\r", "\r" * 12)


@dataclass
class Tally:
    """What came of the trials."""

    tried: Counter[str] = field(default_factory=Counter)
    unseen: Counter[str] = field(default_factory=Counter)
    """Kind of trial -> confirmations that nobody can have meant."""
    aimed: int = 0
    """Trials that ended with the cursor on the button: only there a key could have done harm."""
    deliberate: int = 0
    failed: int = 0
    """Deliberate confirmations that did not confirm exactly once."""

    def add(self, other: Tally) -> None:
        """Take in what another run found."""
        self.tried += other.tried
        self.unseen += other.unseen
        self.aimed += other.aimed
        self.deliberate += other.deliberate
        self.failed += other.failed

    @property
    def good(self) -> bool:
        """Nothing unseen was confirmed, and everything meant was."""
        return not sum(self.unseen.values()) and not self.failed and self.deliberate > 0 and self.aimed > 0


class Sitting:
    """The program on its terminal, and what it has written down."""

    def __init__(self, app: PtyApp, folder: Path, chance: random.Random) -> None:
        self.app = app
        self.chance = chance
        self._folder = folder
        self._events = (folder / "events").open(encoding="utf-8")
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        """Let go of the file."""
        self._events.close()

    def heard(self, word: str) -> int:
        """How often the program has written this so far."""
        for line in self._events:
            self.counts[line.split()[0]] += 1
        return self.counts[word]

    def until(self, text: str) -> None:
        """Read until this is on the screen."""
        self.app.wait_for(text)

    def reads(self, seconds: float) -> None:
        """Look at the terminal for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.app.read(left)

    def handled(self) -> None:
        """Wait until every key so far has been handled."""
        before = self.heard("mark")
        self.app.send(_F12)
        self.app.wait_until(lambda: self.heard("mark") > before, 20, "answer to F12")

    def hang(self, seconds: float) -> None:
        """Make the screen hang; returns once it does."""
        (self._folder / "stall").write_text(f"{seconds:.3f}")
        before = self.heard("hangs")
        os.kill(self.app.pid, signal.SIGUSR1)
        self.app.wait_until(lambda: self.heard("hangs") > before, 20, "the hang")

    def home(self) -> None:
        """Back to the overview."""
        self.handled()
        while OVERVIEW not in self.app.text:
            before = self.app.text
            self.app.send("\x1b")
            self.handled()
            self.app.wait_until(lambda before=before: self.app.text != before, 20, "a level back")  # type: ignore[misc]

    def aim(self) -> float:
        """Open an act and put the cursor on its button; when that could be read from the terminal."""
        self.app.send("R")
        self.until(PLAN)
        self.app.send("\t")
        self.until(BUTTON)
        return time.monotonic()

    def button(self) -> tuple[int, int]:
        """(column, line) of the button's middle, as a mouse reports it: from 1."""
        for number, line in enumerate(self.app.screen.display, 1):
            if (at := line.find("restart kite ]")) >= 0:
                return at + 5, number
        raise AssertionError(f"there is no button on\n{self.app.text}")


# Trials. Each sends keys that must not confirm.


def burst(sitting: Sitting) -> None:
    """Everything in one write, before anything was drawn."""
    turns = sitting.chance.choice(("\t", "\t", "\x1b[C", "\t\x1b[Z\t", "\t" * 3))
    sitting.app.send("R" + turns + sitting.chance.choice(_ENTERS))


def scattered(sitting: Sitting) -> None:
    """Keys at random moments, the last Enter clearly before the picture has stood long enough."""
    sitting.app.send("R")
    sitting.reads(sitting.chance.uniform(0, 0.2))
    sitting.app.send("\t")
    for _ in range(sitting.chance.randint(1, 3)):
        sitting.reads(sitting.chance.uniform(0, 0.03))
        sitting.app.send("\r")
    sitting.handled()
    if BUTTON in sitting.app.text:
        sitting.app.send("\x1b[Z")
        sitting.app.wait_until(lambda: BUTTON not in sitting.app.text, 20, "another choice")
        sitting.app.send("\t")
        sitting.until(BUTTON)
        too_early(sitting, time.monotonic())


def too_early(sitting: Sitting, seen: float) -> None:
    """Enter at random moments from now on, none later than just before the picture of `seen` has stood long enough."""
    last = seen + SEEN - NEAR
    while (now := time.monotonic()) < last:
        sitting.app.send("\r")
        sitting.reads(min(sitting.chance.uniform(0.005, 0.2), max(0.0, last - now)))


def aimed(sitting: Sitting) -> None:
    """The act was read at leisure; only the cursor's last step and Enter come quickly."""
    too_early(sitting, sitting.aim())


def hung_before(sitting: Sitting) -> None:
    """The screen hangs; meanwhile somebody types what they would type."""
    sitting.hang(sitting.chance.uniform(0.05, 1.0))
    burst(sitting)


def hung_after(sitting: Sitting) -> None:
    """The act is there, then the screen hangs; the cursor's step and Enter come while nothing moves."""
    sitting.app.send("R")
    sitting.until(PLAN)
    sitting.hang(sitting.chance.uniform(0.05, 1.0))
    sitting.app.send("\t")
    sitting.reads(sitting.chance.uniform(0, 0.5))
    if BUTTON not in sitting.app.text:
        sitting.app.send(sitting.chance.choice(_ENTERS))


def hung_between(sitting: Sitting) -> None:
    """The screen hangs in the moment in which the cursor steps on the button."""
    sitting.app.send("R")
    sitting.until(PLAN)
    sitting.app.send("\t")
    sitting.hang(sitting.chance.uniform(0.3, 1.0))
    if BUTTON not in sitting.app.text:
        sitting.app.send(sitting.chance.choice(_ENTERS))


def hung_on(sitting: Sitting) -> None:
    """The picture is there, but Enter comes too early, and is handled only when it has long stood."""
    seen = sitting.aim()
    sitting.hang(sitting.chance.uniform(0.5, 1.0))
    if time.monotonic() < seen + SEEN - NEAR:
        sitting.app.send(sitting.chance.choice(_ENTERS))


def pasted(sitting: Sitting) -> None:
    """A terminal that tells pasted text as such; the picture stands long enough for a key."""
    if sitting.chance.random() < 0.5:
        sitting.app.send("\x1b[200~R\t\r\r\r\x1b[201~")
        return
    sitting.aim()
    sitting.until(RIPE)
    sitting.reads(NEAR)
    sitting.app.send(f"\x1b[200~{sitting.chance.choice(_ENTERS)}\x1b[201~")


def clicked(sitting: Sitting) -> None:
    """Clicks on the button; the picture stands long enough for a key."""
    sitting.aim()
    sitting.until(RIPE)
    sitting.reads(NEAR)
    column, line = sitting.button()
    for _ in range(sitting.chance.randint(1, 3)):
        code = sitting.chance.choice((0, 1, 2, 16))
        sitting.app.send(f"\x1b[<{code};{column};{line}M\x1b[<{code};{column};{line}m")


def looked_away(sitting: Sitting) -> None:
    """The picture stood, the person was elsewhere, and the key that brought them back goes on."""
    sitting.aim()
    sitting.until(RIPE)
    sitting.app.send("\x1b[O")
    sitting.reads(sitting.chance.uniform(0, 0.1))
    sitting.app.send("\x1b[I" + sitting.chance.choice(_ENTERS))


Trial = Callable[[Sitting], None]
TRIALS: Final[tuple[Trial, ...]] = (
    burst, scattered, aimed, hung_before, hung_after, hung_between, hung_on, pasted, clicked, looked_away,
)  # fmt: skip


def deliberate(sitting: Sitting) -> bool:
    """A person looks, then presses Enter: True when that confirms, and sends, exactly once."""
    confirmed, sent = sitting.heard("confirmed"), sitting.heard("request")
    sitting.aim()
    sitting.until(RIPE)
    sitting.reads(sitting.chance.uniform(NEAR, 0.3))
    sitting.app.send("\r")
    sitting.until("CONFIRMED")
    sitting.handled()
    return (sitting.heard("confirmed") - confirmed, sitting.heard("request") - sent) == (1, 1)


# Running them


@contextmanager
def opened(folder: Path, chance: random.Random, environ: Mapping[str, str] | None = None) -> Iterator[Sitting]:
    """The program, ready."""
    (folder / "events").touch()
    argv = python("-m", "tests.safety.toy_app", str(folder))
    with PtyApp(argv, size=(90, 26), env={"HOME": str(folder), **(environ or {})}) as app:
        sitting = Sitting(app, folder, chance)
        try:
            app.wait_for(OVERVIEW, 20)
            app.wait_for("ARMED", 20)
            app.wait_for("▲ kite", 20)
            yield sitting
        finally:
            sitting.close()


def one_trial(sitting: Sitting, trial: Callable[[Sitting], None], tally: Tally) -> None:
    """Throw keys, wait until all are handled, and count."""
    before = sitting.heard("confirmed")
    trial(sitting)
    sitting.handled()
    tally.tried[trial.__name__] += 1
    tally.aimed += BUTTON in sitting.app.text
    tally.unseen[trial.__name__] += sitting.heard("confirmed") - before
    sitting.home()


def trials(count: int, seed: int = 1, waits: float | None = None, kinds: Sequence[Trial] = TRIALS) -> Tally:
    """So many trials in one session; `waits` makes the program wait so long instead of as it should."""
    chance, tally = random.Random(seed), Tally()
    environ = {} if waits is None else {WAITS: str(waits)}
    with tempfile.TemporaryDirectory(prefix="opsroom-typeahead-") as place, opened(Path(place), chance, environ) as one:
        for number in range(count):
            if number % 7 == 6:
                tally.deliberate += 1
                tally.failed += not deliberate(one)
                one.home()
            else:
                one_trial(one, kinds[number % len(kinds)], tally)
        sent = one.heard("request")
    tally.failed += sent != tally.deliberate + sum(tally.unseen.values())
    return tally


def main(words: list[str]) -> int:
    """Run them and say one figure line."""
    parser = argparse.ArgumentParser(prog="tests.safety.typeahead")
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--each", type=int, default=100, help="Trials in one session.")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(words)
    began, tally = time.monotonic(), Tally()
    for number, start in enumerate(range(0, chosen.trials, chosen.each)):
        tally.add(trials(min(chosen.each, chosen.trials - start), chosen.seed + number))
    kinds = ", ".join(f"{name} {count}" for name, count in tally.tried.items())
    line = f"typeahead: {sum(tally.tried.values())} trials ({kinds}), {tally.aimed} with the cursor on the button, "
    line += (
        f"{sum(tally.unseen.values())} confirmed unseen {dict(tally.unseen) if sum(tally.unseen.values()) else ''}; "
    )
    line += f"{tally.deliberate} deliberate, {tally.failed} of them not exactly once; {time.monotonic() - began:.0f} s"
    sys.stdout.write(line + "\n")
    return 0 if tally.good else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
