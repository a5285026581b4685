"""From runs to the page: medians, ratios to the peers beside what we aim for, and the Markdown of RESULTS.md.

It only computes and words; it must never hide a missing figure: a gap is shown as a gap.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from bench.many import Crowded
from bench.ttybench import Hang, Run, spin

if TYPE_CHECKING:
    from bench.logs import Found

Figures = Mapping[str, float | None]
"""The medians of one program, by metric; None is a gap."""

TITLES: Final = {
    "first_byte": "1st byte ms",
    "first_paint": "1st paint ms",
    "ready": "live data ms",
    "start_cpu": "start CPU ms",
    "cpu": "CPU %",
    "rss": "RSS MB",
    "bytes_s": "bytes/s",
    "wakeups_s": "wake-ups/s",
    "key_p50": "key p50 ms",
    "key_p95": "p95",
    "key_p99": "p99",
    "missed": "keys missed",
    "quit": "quit ms",
    "backend": "server CPU %",
    "noise": "noise %",
    "spin": "spin ms",
}
"""The columns, in order."""

AIMED: Final = ("ready", "cpu", "key_p95", "bytes_s", "quit", "rss")
"""Metrics a target may name."""

SAYS_SO: Final = re.compile(
    r"(?i)\bstale\b|\bhung\b|\bold\b|no answer|not answer|not respond|unreachable|time[d ]? ?out|lost"
)
"""Words that tell a person that what is shown is not live."""


def percentile(values: Iterable[float], fraction: float) -> float | None:
    """Linear between the two nearest samples; None without samples."""
    ordered = sorted(values)
    if not ordered:
        return None
    position = fraction * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def median(values: Iterable[float | None]) -> float | None:
    """The median of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def summarise(runs: Sequence[Run]) -> dict[str, float | None]:
    """Medians over the runs of one program; the key samples of all runs in one pool."""
    steady = [run.steady for run in runs if run.steady]
    keys = [run.keys for run in runs if run.keys]
    pool = [sample for one in keys for sample in one.samples]
    return {
        "first_byte": median(run.start.first_byte for run in runs),
        "first_paint": median(run.start.first_paint for run in runs),
        "ready": median(run.start.ready for run in runs),
        "start_cpu": median(run.start.cpu for run in runs),
        "cpu": median(one.cpu for one in steady),
        "rss": median(one.rss for one in steady),
        "bytes_s": median(one.bytes_s for one in steady),
        "wakeups_s": median(one.wakeups_s for one in steady),
        "key_p50": percentile(pool, 0.5),
        "key_p95": percentile(pool, 0.95),
        "key_p99": percentile(pool, 0.99),
        "missed": float(sum(one.missed for one in keys)) if keys else None,
        "quit": median(run.quit for run in runs),
        "backend": median(one.backend for one in steady),
        "noise": median(one.noise for one in steady),
        "spin": median(run.spin for run in runs),
    }


@dataclass(frozen=True, slots=True)
class Target:
    """What one of our profiles aims for beside one peer."""

    ours: str
    peer: str
    scene: int
    limits: Mapping[str, float]
    """Metric to the highest ratio."""
    known: frozenset[str] = frozenset()
    """Metrics that cannot be won."""


def load_targets(path: Path) -> list[Target]:
    """The targets of a file; KeyError for a metric that does not exist."""
    return [_target(table) for table in tomllib.loads(path.read_text("utf-8"))["target"]]


def _target(table: dict[str, object]) -> Target:
    rest = dict(table)
    ours, peer, scene = str(rest.pop("ours")), str(rest.pop("peer")), rest.pop("scene")
    known = rest.pop("known", [])
    assert isinstance(scene, int)
    assert isinstance(known, list)
    if unknown := set(rest) - set(AIMED):
        raise KeyError(f"{ours} beside {peer}: {', '.join(sorted(unknown))}")
    limits = {key: float(value) for key, value in rest.items() if isinstance(value, int | float)}
    return Target(ours, peer, scene, limits, frozenset(map(str, known)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One ratio beside what we aim for."""

    metric: str
    ratio: float | None
    """Ours divided by the peer's; None where either is missing or the peer's is zero."""
    limit: float
    known: bool

    @property
    def met(self) -> bool | None:
        """None where it was not measured."""
        return None if self.ratio is None else self.ratio <= self.limit

    def words(self) -> str:
        """Such as `0.84 of 0.9, met`."""
        if self.ratio is None:
            return "not measured"
        outcome = "met" if self.met else "**not met**"
        return f"{number(self.ratio)} of {self.limit:g}, {outcome}" + (" (cannot be won)" if self.known else "")


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """None where a figure is missing or there is nothing to divide by."""
    return ours / theirs if ours is not None and theirs else None


def verdicts(target: Target, scene: Mapping[str, Figures]) -> list[Verdict]:
    """All ratios a target names."""
    ours, theirs = scene.get(target.ours, {}), scene.get(target.peer, {})
    return [
        Verdict(metric, ratio(ours.get(metric), theirs.get(metric)), limit, metric in target.known)
        for metric, limit in target.limits.items()
    ]


@dataclass(slots=True)
class Results:
    """Everything one run of the whole bench found."""

    quick: bool
    only: Sequence[str] = ()
    """The programs that were asked for by name; empty: all."""
    scenes: dict[int, dict[str, list[Run]]] = field(default_factory=dict)
    """PostgreSQL connections to the runs of each program."""
    hangs: dict[str, Hang] = field(default_factory=dict)
    crowds: dict[str, list[Crowded]] = field(default_factory=dict)
    """Scenes of very many objects."""
    logs: Found | None = None
    versions: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    """Programs that were not measured, with the reason."""
    seconds: float = 0.0


def number(value: float | None) -> str:
    """Three figures that matter; a dash for a gap."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the rest to the right."""
    body = [list(head), *(list(row) for row in rows)]
    widths = [max(3, *(len(row[column]) for row in body)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return f"| {' | '.join([row[0].ljust(widths[0]), *cells])} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(body[0]), f"| {' | '.join(rule)} |", *(line(row) for row in body[1:])])


def machine() -> list[str]:
    """What it was measured on; nothing that tells whose machine it is."""
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"- {platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        f"- Python {platform.python_version()}, a fixed loop of Python takes {spin():.2f} ms",
        "- terminal of 160 x 48, `TERM=xterm-256color`, true colour, synchronized output",
    ]


def command(only: Sequence[str]) -> str:
    """What a person types for it."""
    return f"`python -m bench --only {','.join(only)}`" if only else "`make bench`"


def page(results: Results, targets: Sequence[Target]) -> str:
    """The whole of RESULTS.md."""
    parts = [
        f"# Speed\n\nWritten by {command(results.only)} on {time.strftime('%Y-%m-%d')}; "
        f"it took {results.seconds / 60:.0f} min.",
        "**A quick run: too short for figures one may quote.**" if results.quick else "",
        "\n".join(machine()),
        _programs(results),
        _method(),
        *(_scene(connections, runs) for connections, runs in sorted(results.scenes.items())),
        _ratios(results, targets),
        _hangs(results.hangs),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _programs(results: Results) -> str:
    lines = [f"- {name} {version}" for name, version in results.versions.items()]
    lines += [f"- {name} was not measured: {reason}" for name, reason in results.absent.items()]
    return "## Programs\n\n" + "\n".join(lines)


def _method() -> str:
    return (
        "## How\n\n"
        "All programs run in one run, in turn, each in a terminal of its own; figures are medians over the runs, keys "
        "are pooled. *Live data* is the first frame with real values of what is watched. CPU and memory are of the "
        "whole process tree, CPU in per cent of one core, after the start has settled. A key's time ends with the "
        "first visible change. All refresh every 2 s. *Noise* is what the rest of the machine used meanwhile: above "
        "some 20 % the small figures mean little. `opsroom_pg`, `opsroom_host` and `opsroom_docker` watch one thing "
        "and have its detail open; `opsroom_all` watches a host, PostgreSQL, Redis, its queues and an HTTP check, on "
        "the overview."
    )


def _scene(connections: int, runs: Mapping[str, Sequence[Run]]) -> str:
    found = {name: summarise(items) for name, items in runs.items()}
    columns = [key for key in TITLES if any(one.get(key) is not None for one in found.values())]
    rows = [[name, *(number(one.get(key)) for key in columns)] for name, one in found.items()]
    text = f"## {connections} connections\n\n" + grid(["", *(TITLES[key] for key in columns)], rows)
    return "\n\n".join([text, *_oddities(runs)])


def _oddities(runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """What went wrong, said aloud."""
    lines = []
    for name, items in runs.items():
        never = sum(run.start.ready is None for run in items)
        killed = sum(run.quit is None for run in items)
        left = sorted({mode for run in items for mode in run.modes_left})
        lines += [f"- {name} showed no live data in {never} of {len(items)} runs"] if never else []
        lines += [f"- {name} did not leave within 5 s in {killed} of {len(items)} runs"] if killed else []
        lines += [f"- {name} left terminal modes on: {', '.join(left)}"] if left else []
    return ["\n".join(lines)] if lines else []


def _ratios(results: Results, targets: Sequence[Target]) -> str:
    found = {scene: {name: summarise(items) for name, items in runs.items()} for scene, runs in results.scenes.items()}
    rows = []
    for target in targets:
        scene = found.get(target.scene, {})
        if target.ours in scene and target.peer in scene:
            words = {one.metric: one.words() for one in verdicts(target, scene)}
            rows.append(
                [f"{target.ours} / {target.peer}", str(target.scene), *(words.get(metric, "") for metric in AIMED)]
            )
    if not rows:
        return ""
    head = ["ours / the peer", "connections", *(TITLES[metric].removesuffix(" ms") for metric in AIMED)]
    told = "Our value divided by the peer's, and the most we allow ourselves. Below 1 we are ahead."
    return f"## Beside the peers\n\n{told}\n\n" + grid(head, rows)


def _hangs(hangs: Mapping[str, Hang]) -> str:
    if not hangs:
        return ""
    rows = [
        [
            name,
            f"{hang.late} of {hang.pressed}",
            f"{hang.longest:.1f} s",
            "yes" if SAYS_SO.search(hang.screen) else "no",
            f"{hang.quit:.0f} ms" if hang.quit is not None else "not in time, killed",
        ]
        for name, hang in hangs.items()
    ]
    told = "All of PostgreSQL is stopped (SIGSTOP), as on a machine that thrashes. Late is above 250 ms."
    head = ["", "keys late", "deaf for at most", "the screen says so", "leaving"]
    return f"## A hung database\n\n{told}\n\n" + grid(head, rows)
