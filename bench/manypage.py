"""The section of RESULTS.md on very many objects: its figures, what we aim for, and whether that is met.

The section says itself what wrote it, so that it may stand in a page that another run wrote.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.figures import Figures, Results, command, grid, machine, median, number, percentile
from bench.many import Crowded

TITLE: Final = "## Very many objects"
GROUPS: Final = {"move": "move", "page": "page", "ends": "first, last", "sort": "sort", "filter": "filter"}
_COLUMNS: Final = {
    "objects": "objects",
    "first_rows": "first rows ms",
    "cpu": "CPU %",
    "rss": "RSS MB",
    "peak": "peak RSS MB",
    "key_p50": "key p50 ms",
    "key_p95": "p95",
    "key_p99": "p99",
    "key_max": "slowest",
    "missed": "keys missed",
    "quit": "quit ms",
    "noise": "noise %",
    "spin": "spin ms",
}
_AIMED: Final = {"first_rows": "first rows ms", "key_p99": "key p99 ms", "peak": "peak RSS MB"}


def load_limits(path: Path) -> dict[str, float]:
    """What we aim for, by metric; KeyError for a metric that does not exist."""
    limits = {key: float(value) for key, value in tomllib.loads(path.read_text("utf-8"))["many"].items()}
    if unknown := limits.keys() - _AIMED.keys():
        raise KeyError(f"many: {', '.join(sorted(unknown))}")
    return limits


def summarise(runs: Sequence[Crowded]) -> dict[str, float | None]:
    """Medians over the runs of one scene; keys in one pool; of the memory the most there was."""
    pool = [sample for run in runs for samples in run.keys.values() for sample in samples]
    steady = [run.steady for run in runs if run.steady]
    pressed = [run for run in runs if run.keys or run.missed]
    return {
        "objects": float(runs[0].objects) if runs else None,
        "first_rows": median(run.first_rows for run in runs),
        "cpu": median(one.cpu for one in steady),
        "rss": median(one.rss for one in steady),
        "peak": max((run.peak for run in runs if run.peak is not None), default=None),
        "key_p50": percentile(pool, 0.5),
        "key_p95": percentile(pool, 0.95),
        "key_p99": percentile(pool, 0.99),
        "key_max": max(pool, default=None),
        "missed": float(sum(run.missed for run in pressed)) if pressed else None,
        "quit": median(run.quit for run in runs),
        "noise": median(one.noise for one in steady),
        "spin": median(run.spin for run in runs),
    }


def told(name: str, runs: Sequence[Crowded]) -> str:
    """One line about a scene so far."""
    one = {key: number(value) for key, value in summarise(runs).items()}
    return (
        f"{name}: first rows {one['first_rows']} ms, CPU {one['cpu']} %, RSS {one['peak']} MB at most, "
        f"key p99 {one['key_p99']} ms, noise {one['noise']} %"
    )


def section(results: Results, limits: Mapping[str, float]) -> str:
    """The section; empty where nothing of it was measured."""
    if not results.crowds:
        return ""
    found = {name: summarise(runs) for name, runs in results.crowds.items()}
    columns = [key for key in _COLUMNS if any(one[key] is not None for one in found.values())]
    rows = [[name, *(number(one[key]) for key in columns)] for name, one in found.items()]
    words = f"Written by {command(results.only)} on {time.strftime('%Y-%m-%d')}."
    parts = [
        TITLE,
        words + (" **A quick run: too short for figures one may quote.**" if results.quick else ""),
        "\n".join([*machine(), f"- opsroom {results.versions.get('opsroom', '?')}"]),
        _METHOD,
        grid(["", *(_COLUMNS[key] for key in columns)], rows),
        _whole(results.crowds),
        "Slowest hundredth (p99) of each sort of key, in ms:",
        _groups(results.crowds),
        "What we aim for:",
        _aims(found, limits),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_METHOD: Final = (
    "One target with its screen open, beside a made-up cloud of ours (`bench/fakes`) that speaks the real protocol and "
    "answers at once: what is measured is our own work, not a network's. `opsroom_pods`: a cluster with 10,000 pods "
    "in 200 deployments on 100 nodes, 7 KB each, all of them and their use listed anew every 5 s in pages of 500, two "
    "of a hundred changed. `opsroom_ecs`: 2,000 services with 100 events each. `opsroom_queues`: 10,000 queues. Of AWS "
    "we ask ten calls a second at most, so rows are read in turn. *First rows* is from the start of the program to "
    "the first frame with real values in the table. A key counts as answered when what it asks for is to be seen: the "
    "cursor on another row, the order told, and of a filter nothing but rows that hold its text; a filter is typed in "
    "four pieces. *Peak* is the most memory that was resident (VmHWM). *Noise* is what the rest of the machine "
    "used meanwhile: above some 20 % the figures are worse than they would be."
)


def _whole(crowds: Mapping[str, Sequence[Crowded]]) -> str:
    """When everything was known, in words: it may take longer than anybody looks."""
    lines = []
    for name, runs in crowds.items():
        whole = median(run.whole for run in runs)
        longest = max(runs, key=lambda run: run.looked, default=None)
        if whole is not None:
            lines.append(f"- {name}: every object was read {whole:.1f} s after the start")
        elif longest is not None and longest.left is not None:
            read, all_ = longest.objects - longest.left, longest.objects
            lines.append(f"- {name}: {read:,} of {all_:,} objects were read {longest.looked:.0f} s after the start")
    return "\n".join(lines)


def _groups(crowds: Mapping[str, Sequence[Crowded]]) -> str:
    rows = []
    for name, runs in crowds.items():
        pools = {group: [sample for run in runs for sample in run.keys.get(group, ())] for group in GROUPS}
        cells = (f"{number(percentile(pool, 0.99))} ({len(pool)} keys)" for pool in pools.values())
        rows.append([name, *cells])
    return grid(["", *GROUPS.values()], rows)


def _aims(found: Mapping[str, Figures], limits: Mapping[str, float]) -> str:
    rows = [[name, *(_aim(one.get(key), limits[key]) for key in limits)] for name, one in found.items()]
    return grid(["", *(_AIMED[key] for key in limits)], rows)


def _aim(value: float | None, limit: float) -> str:
    if value is None:
        return "not measured"
    return f"{number(value)} of {limit:g}, {'met' if value <= limit else '**not met**'}"


# in a page


def section_of(page: str, title: str = TITLE) -> str:
    """A section as it stands in a page; empty when there is none."""
    _, found, after = page.partition(title + "\n")
    return f"{title}\n{after.partition(chr(10) + '## ')[0].rstrip()}\n" if found else ""


def rest_of(page: str, title: str = TITLE) -> str:
    """A page without a section."""
    before, found, after = page.partition(title + "\n")
    if not found:
        return page
    _, more, rest = after.partition("\n## ")
    return f"{before.rstrip()}\n\n## {rest}" if more else f"{before.rstrip()}\n"


def joined(page: str, part: str) -> str:
    """A page with the section at its end."""
    return f"{page.rstrip()}\n\n{part}" if part else page
