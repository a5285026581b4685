"""Answers of the closer looks as lines: processes of a container, disk use of an Engine. Pure and bounded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from probes.base import SafeText, Sheet
from probes.docker.facts import Container
from probes.docker.history import Past
from probes.docker.images import reference, short_id, shown
from probes.docker.parse import amount, items, table, text

_ROWS: Final = 200
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def process_sheet(name: SafeText, answer: object) -> Sheet:
    """Processes, the busiest first. Only names of programs: arguments may hold secrets."""
    found = table(answer)
    titles = [str(text(one, 20)) for one in items(found.get("Titles"))[:12]]
    rows = [[str(text(cell, 60)) for cell in items(row)[: len(titles)]] for row in items(found.get("Processes"))]
    busy = next((number for number, title in enumerate(titles) if title in ("%CPU", "PCPU")), None)
    if busy is not None:
        rows.sort(key=lambda row: -_number(row, busy))
    return Sheet(f"processes of {name}", _aligned([titles, *rows[:_ROWS]]), max(0, len(rows) - _ROWS))


def disk_sheet(answer: object) -> Sheet:
    """What images, containers, volumes and the build cache take, and the greatest of each."""
    found = table(answer)
    lines: list[list[str]] = [["what", "count", "size", "in use by nothing"]]
    parts = {
        "images": [_Part.image(one) for one in items(found.get("Images"))],
        "containers": [_Part.container(one) for one in items(found.get("Containers"))],
        "volumes": [_Part.volume(one) for one in items(found.get("Volumes"))],
        "build cache": [_Part.cache(one) for one in items(found.get("BuildCache"))],
    }
    for name, group in parts.items():
        total, free = sum(one.bytes for one in group), sum(one.bytes for one in group if one.unused)
        if name == "images" and (layers := amount(found.get("LayersSize"))) is not None:
            total = layers
        lines.append([name, str(len(group)), size(total), size(min(free, total))])
    shown = [*_aligned(lines)]
    for name in ("images", "containers", "volumes"):
        greatest = sorted(parts[name], key=lambda one: -one.bytes)[:8]
        if greatest:
            shown += [SafeText(), SafeText(f"greatest {name}")]
            shown += _aligned([[f"  {one.name}", size(one.bytes), "unused" if one.unused else ""] for one in greatest])
    return Sheet("disk used by Docker", tuple(shown))


class _Part:
    """One thing that takes room."""

    __slots__ = ("bytes", "name", "unused")

    def __init__(self, name: SafeText, size: object, unused: bool) -> None:
        self.name = name
        self.bytes = amount(size) or 0.0
        self.unused = unused

    @classmethod
    def image(cls, answer: object) -> _Part:
        one = table(answer)
        tags = items(one.get("RepoTags"))
        name = text(tags[0], 60) if tags else SafeText(f"(no tag) {text(one.get('Id'), 19)}")
        return cls(name, one.get("Size"), not amount(one.get("Containers")))

    @classmethod
    def container(cls, answer: object) -> _Part:
        one = table(answer)
        names = items(one.get("Names"))
        name = text(names[0] if names else one.get("Id"), 60)
        return cls(SafeText(str(name).lstrip("/")), one.get("SizeRw"), one.get("State") != "running")

    @classmethod
    def volume(cls, answer: object) -> _Part:
        one = table(answer)
        use = table(one.get("UsageData"))
        return cls(text(one.get("Name"), 64), use.get("Size"), use.get("RefCount") == 0)

    @classmethod
    def cache(cls, answer: object) -> _Part:
        one = table(answer)
        return cls(text(one.get("ID"), 40), one.get("Size"), one.get("InUse") is False)


def _number(row: Sequence[str], column: int) -> float:
    try:
        return float(row[column])
    except (ValueError, IndexError):
        return 0.0


def size(number: float) -> str:
    """Bytes as a person reads them."""
    unit = 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{number:.0f} B"


def _aligned(rows: Sequence[Sequence[Any]]) -> tuple[SafeText, ...]:
    """Rows as lines, columns of one width but for the last."""
    widths: dict[int, int] = {}
    for row in rows:
        for number, cell in enumerate(row):
            widths[number] = max(widths.get(number, 0), len(cell))
    return tuple(SafeText("  ".join(str(cell).ljust(widths[n]) for n, cell in enumerate(row)).rstrip()) for row in rows)


def deploy_sheet(subject: str, containers: Sequence[Container], past: Sequence[Past], now: datetime) -> Sheet:
    """Which images a service runs, and which ones it ran before our changes."""
    rows = [["container", "image", "name", "built", "its name means now"]]
    for one in containers[:_ROWS]:
        means = {None: "not known", False: "this one", True: f"{short_id(one.image_now)}: deploy applies it"}
        built = _ago(one.image_created, now)
        rows.append([str(one.name), one.digest or "–", str(shown(str(one.image_name))), built, means[one.outdated]])
    lines = [*_aligned(rows)]
    floating = [found.familiar for name in {str(one.image_name) for one in containers} if (found := reference(name))
                and found.floats]  # fmt: skip
    lines += [SafeText(f"{name} means whatever was pushed or built last") for name in sorted(floating)]
    lines += [
        SafeText(),
        SafeText("ran before" if past else "nothing is remembered of before: no deploy from here yet"),
    ]
    lines += _aligned(
        [[short_id(one.image), one.name, f"until {one.until[:16]}", f"{one.why} by {one.by}"] for one in past[:_ROWS]]
    )
    return Sheet(f"images of {subject}", tuple(lines))


def _ago(at: datetime | None, now: datetime) -> str:
    return "–" if at is None else f"{max(0, (now - at).days)} d ago"
