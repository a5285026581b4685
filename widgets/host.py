"""Draws a machine: what is full, what is busy, who causes it. Words first, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import count, plural, ratio, size, span
from probes.base import Severity
from probes.host.facts import Disk, HostFacts, Interface, Process
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, sign, strong, toned, width_of
from widgets.panel import Column, Member, Panel, Table, View

_GONE: Final = "–"
_INTERPRETERS: Final = ("python", "node", "ruby", "perl", "java", "bash", "sh")
_STATES: Final = {
    "R": "running", "S": "sleeping", "D": "stuck in i/o", "Z": "zombie", "T": "stopped", "t": "traced", "I": "idle",
    "X": "dead",
}  # fmt: skip
_LABEL: Final = 9
"""Cells of a row's word."""
_BUSY: Final = 0.01
"""Cores from which a process counts as busy."""
_RANKED: Final = 10
"""Busy processes one under the other where there is room."""


def _ratio(value: float | None) -> str:
    return _GONE if value is None else ratio(round(value, 3))


def _size(value: float | None) -> str:
    return _GONE if value is None else size(value)


def _speed(value: float | None) -> str:
    return _GONE if value is None else f"{size(value)}/s"


def _load(value: float | None) -> str:
    return _GONE if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _count(value: float | None) -> str:
    return _GONE if value is None else count(value)


def _rate(value: float | None) -> str:
    return _GONE if value is None else f"{count(round(value, 1))}/s"


def _span(value: float | None) -> str:
    return _GONE if value is None else span(value)


def _swap(facts: HostFacts) -> str:
    used = facts.memory.swap_used
    return _GONE if used is None else "0" if used == 0 else size(used)


def _fullest(facts: HostFacts) -> Disk | None:
    return max((disk for disk in facts.disks if disk.used is not None), key=lambda disk: disk.used or 0, default=None)


def _short(parts: Sequence[Part], width: int) -> tuple[Span, ...]:
    """As many of the parts as fit."""
    kept: list[Part] = []
    for part in parts:
        if width_of(joined([*kept, part])) > width:
            break
        kept.append(part)
    return joined(kept)


def _state_of(disk: Disk) -> str:
    """Why a disk needs a word, or nothing."""
    if disk.silent is not None:
        return f"no answer for {span(disk.silent)}"
    if disk.turned_read_only:
        return "turned read-only: nothing can be written"
    if disk.trouble:
        return str(disk.trouble)
    return "read-only" if disk.read_only else ""


def _wrong_disks(view: View[HostFacts], width: int) -> list[Line]:
    """A line for each disk that the rules or the disk itself complain about."""
    lines = []
    for disk in view.facts.disks:
        severity = view.severity(mount=str(disk.mount))
        if disk.silent is not None or disk.turned_read_only:
            severity = severity or Severity.WARNING
        if severity is None:
            continue
        words = _state_of(disk) if disk.silent is not None or disk.turned_read_only else _fullness(disk)
        name = fit(disk.mount, min(max(width - 44, 10), 24))
        lines.append(line(sign(severity), " disk ", name, " ", toned(words, severity), key=str(disk.mount),
                          severity=severity))  # fmt: skip
    return lines


def _fullness(disk: Disk) -> str:
    words = f"{_ratio(disk.used)} full, {_size(disk.free)} left"
    if disk.inodes_used is not None and disk.inodes_used > (disk.used or 0):
        words += f", {_ratio(disk.inodes_used)} of inodes"
    return words


def _killed(view: View[HostFacts]) -> list[Line]:
    kills = view.facts.kills
    if not kills.recent:
        return []
    severity = view.severity("oom_kills_recent") or Severity.WARNING
    who = str(kills.victim) or plural(kills.recent, "process", "processes")
    ago = f" {span(kills.last)} ago" if kills.last is not None else ""
    words = f" out of memory: kernel killed {who}{ago}"
    return [line(sign(severity), toned(words, severity), severity=severity)]


def called(one: Process) -> str:
    """A process as a person knows it: an interpreter with the program it runs."""
    name, (_, *words) = str(one.name), [*str(one.command).split(" "), ""]
    if not name.rstrip("0123456789.").startswith(_INTERPRETERS):
        return name
    while words and words[0].startswith("-") and words[0] not in ("-c", "-e"):
        takes_one = words[0] in ("-W", "-X", "-r")
        if words[0] in ("-m", "-jar"):
            return f"{name} {words[1].rpartition('.')[2] if words[0] == '-m' else _last(words[1])}".rstrip()
        words = words[2 if takes_one else 1 :]
    program = _last(words[0]) if words and not words[0].startswith("-") else ""
    return f"{name} {program}".rstrip()


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _busiest(facts: HostFacts, width: int) -> list[Line]:
    """The processes that use most, side by side; with room enough their memory too."""
    if not facts.processes:
        return []
    parts: list[Part] = []
    for one in facts.processes[:6]:
        use = f"{called(one)} {_ratio(one.cpu)}" if one.cpu else called(one)
        parts.append(Span(f"{use} {_size(one.rss)}"))
    key = facts.processes[0].key
    return [line("  ", dim(fit("top", _LABEL).text), *_short(parts, width - _LABEL - 2), key=key)]


def _ranked(facts: HostFacts, width: int) -> list[Line]:
    """The busy processes one under the other, under a header."""
    head = line(dim(f"{'cpu':>7}  {'memory':>9}  process"))
    rows = [
        line(f"{_ratio(one.cpu):>7}  {_size(one.rss):>9}  ", fit(called(one), max(width - 20, 8)), key=one.key)
        for one in facts.processes[:_RANKED]
        if one.cpu is not None and one.cpu >= _BUSY
    ]
    return [head, *rows] if rows else []


def _disks(facts: HostFacts, width: int) -> list[Line]:
    """The fullest disks; one alone stands in the headline, and what lives in memory is none."""
    real = [disk for disk in facts.disks if disk.used is not None and str(disk.fstype) != "tmpfs"]
    disks = sorted(real, key=lambda disk: -(disk.used or 0))
    parts = [Span(f"{disk.mount} {_ratio(disk.used)}") for disk in disks[:4]]
    if len(parts) < 2:
        return []
    return [line("  ", dim(fit("disks", _LABEL).text), *_short(parts, width - _LABEL - 2), key=str(disks[0].mount))]


def _traffic(facts: HostFacts, width: int) -> list[Line]:
    real = [one for one in facts.interfaces if not one.virtual][:2]
    parts = [Span(f"{one.name} in {_speed(one.received)} out {_speed(one.sent)}") for one in real]
    if not parts:
        return []
    return [line("  ", dim(fit("network", _LABEL).text), *_short(parts, width - _LABEL - 2), key=str(real[0].name))]


def _row(
    view: View[HostFacts],
    word: str,
    gauge: str,
    share: float | None,
    width: int,
    say: Sequence[Part],
    top: float = 1.0,
) -> Line:
    """A word, a bar toned by the rules on `gauge`, its course up to `top` and the figures that fit."""
    long = 20 if width >= 110 else 10
    cells = min((width - 100) // 2, 60) if width >= 110 else 0
    severity = view.severity(gauge)
    parts: list[Part] = [fit(word, _LABEL)]
    if width >= 60:
        parts += [toned(bar(share, long), severity) if severity else Span(bar(share, long), Tone.CHART), " "]
    if cells:
        parts += [Span(spark(view.history(gauge), cells, top), Tone.CHART), " "]
    return line(*parts, *_short(say, width - width_of(joined(parts, ""))))


def _cpu_line(view: View[HostFacts], width: int) -> Line:
    cpu = view.facts.cpu
    say: list[Part] = [
        strong(fit(_ratio(cpu.busy), 6).text),
        f"hottest core {_ratio(cpu.hottest)}",
        f"disk wait {_ratio(cpu.iowait)}",
        f"stolen {_ratio(cpu.steal)}",
        dim(f"user {_ratio(cpu.user)} kernel {_ratio(cpu.system)}"),
    ]
    return _row(view, "cpu", "cpu_busy_ratio", cpu.busy, width, say)


def _load_line(view: View[HostFacts], width: int) -> Line:
    """The bar is full at twice the cores, where the default rule warns."""
    facts = view.facts
    load, each = facts.load, facts.load_per_core
    say: list[Part] = [strong(fit(_load(load.one), 6).text)]
    say += [f"on {plural(facts.cores, 'core')}"] if facts.cores else []
    say += [f"5 min {_load(load.five)}", f"15 min {_load(load.fifteen)}"]
    say += [f"{each:.2f} for each"] if each is not None else []
    share = None if each is None else min(each / 2, 1.0)
    return _row(view, "load", "load_per_core", share, width, say, top=2.0)


def _memory_line(view: View[HostFacts], width: int) -> Line:
    memory, biggest = view.facts.memory, view.facts.biggest
    say: list[Part] = [
        strong(fit(_ratio(memory.used), 6).text),
        f"{_size(memory.available)} left of {_size(memory.total)}",
    ]
    if biggest is not None:
        say.append(f"biggest {called(biggest)} {_size(biggest.rss)}")
    say.append(dim(f"cache {_size(memory.cached)}"))
    return _row(view, "memory", "memory_used_ratio", memory.used, width, say)


def _swap_line(view: View[HostFacts], width: int) -> Line:
    memory = view.facts.memory
    if memory.swap_total == 0:
        return line(fit("swap", _LABEL), dim("none on this machine"))
    share = memory.swap_used / memory.swap_total if memory.swap_used is not None and memory.swap_total else None
    say: list[Part] = [
        strong(fit(_ratio(share), 6).text),
        f"{_size(memory.swap_used)} of {_size(memory.swap_total)}",
        f"in {_speed(memory.swap_in)}",
        f"out {_speed(memory.swap_out)}",
    ]
    return _row(view, "swap", "swap_used_ratio", share, width, say)


def _network_line(view: View[HostFacts], width: int) -> Line:
    gauge = view.snapshot.gauge
    course = min(max((width - 60) // 2, 0), 50) if width >= 110 else 0

    def side(word: str, name: str) -> list[Part]:
        chart: list[Part] = [Span(spark(view.history(name), course), Tone.CHART), " "] if course else []
        return [f"{word} ", *chart, strong(fit(_speed(gauge(name)), 11).text)]

    return line(
        fit("network", _LABEL),
        *side("in", "net_receive_bytes_per_second"),
        " ",
        *side("out", "net_transmit_bytes_per_second"),
    )


def _pressure_line(view: View[HostFacts], width: int) -> Line | None:
    pressure = view.facts.pressure
    if not pressure:
        return None
    parts: list[Part] = [
        toned(f"{name} {_ratio(stall.some)}", view.severity(f"pressure_{name}_ratio"))
        for name, stall in pressure.items()
        if name in ("cpu", "memory", "io")
    ]
    return line(fit("pressure", _LABEL), *_short(parts, width - _LABEL))


def _counts_line(view: View[HostFacts], width: int) -> Line:
    facts = view.facts
    parts: list[Part] = []
    if facts.tally is not None:
        parts.append(plural(facts.tally.total, "process", "processes"))
        parts += [f"{facts.tally.blocked} stuck in i/o"] if facts.tally.blocked else []
        parts += [plural(facts.tally.zombies, "zombie")] if facts.tally.zombies else []
    states = sorted(facts.sockets.items(), key=lambda item: -item[1])
    if states:
        parts.append(dim("TCP: " + ", ".join(f"{count(number)} {state}" for state, number in states[:4])))
    return line(fit("tasks", _LABEL), *_short(parts or [_GONE], width - _LABEL))


def _life_line(view: View[HostFacts], width: int) -> Line:
    facts = view.facts
    parts: list[Part] = [f"{_span(facts.uptime)}", f"files open {_count(facts.files_open)}"]
    if facts.kills.total is not None:
        parts.append(f"OOM kills {_count(facts.kills.total)} since boot")
    parts += [dim(facts.name)] if facts.name else []
    parts += [dim(f"over {facts.over}")] if facts.over else []
    parts += [dim(facts.kernel)] if facts.kernel else []
    return line(fit("up", _LABEL), *_short(parts, width - _LABEL))


def _process_detail(one: Process) -> Sequence[Line]:
    return [
        line(strong(one.name), f"  pid {one.pid}  of user ", one.user or _GONE, f"  started by pid {one.parent}"),
        line(f"{_STATES.get(one.state, one.state)}, for {_span(one.age)}, {_count(one.threads)} threads"),
        line(f"cpu {_ratio(one.cpu)} of one core  memory {_size(one.rss)}"),
        line(dim("command "), one.command),
    ]


def _disk_detail(one: Disk) -> Sequence[Line]:
    return [
        line(strong(one.mount), dim(f"  {one.fstype} on "), one.source),
        line(
            f"{_ratio(one.used)} used, {_size(one.free)} free of {_size(one.total)}, inodes {_ratio(one.inodes_used)}"
        ),
        line(f"reads {_speed(one.read)}, writes {_speed(one.written)}, busy {_ratio(one.busy)}"),
        line(_state_of(one) or "writable"),
    ]


def _process_tone(one: Process) -> Tone:
    if one.state in ("D", "Z"):
        return Tone.WARNING
    return Tone.DIM if not one.rss else Tone.PLAIN


def _disk_tone(one: Disk) -> Tone:
    if one.silent is not None or one.turned_read_only:
        return Tone.CRITICAL
    return Tone.WARNING if one.trouble else Tone.PLAIN


_PROCESSES: Final[Table[HostFacts, Process]] = Table(
    name="processes",
    title="processes",
    rows=lambda facts: facts.processes,
    key=lambda one: one.key,
    label=lambda one: f"{one.pid} {called(one)}",
    columns=(
        Column("pid", lambda one: str(one.pid), 8, lambda one: one.pid, right=True),
        Column("user", lambda one: one.user or _GONE, 10, least=70),
        Column("state", lambda one: _STATES.get(one.state, one.state), 12, least=90),
        Column("threads", lambda one: _count(one.threads), 7, lambda one: one.threads, right=True, least=110,
               descending=True),
        Column("cpu", lambda one: _ratio(one.cpu), 7, lambda one: one.cpu, right=True, descending=True),
        Column("memory", lambda one: _size(one.rss), 9, lambda one: one.rss, right=True, descending=True),
        Column("age", lambda one: _span(one.age), 7, lambda one: one.age, right=True, least=100, descending=True),
        Column("command", lambda one: one.command or one.name),
    ),
    empty="the processes can't be seen",
    tone=_process_tone,
    detail=_process_detail,
    order="cpu",
)  # fmt: skip

_DISKS: Final[Table[HostFacts, Disk]] = Table(
    name="disks",
    title="disks",
    rows=lambda facts: facts.disks,
    beyond=lambda facts: facts.disks_dropped,
    key=lambda one: str(one.mount),
    columns=(
        Column("mounted on", lambda one: one.mount, 20, lambda one: str(one.mount)),
        Column("used", lambda one: _ratio(one.used), 7, lambda one: one.used, right=True, descending=True),
        Column("free", lambda one: _size(one.free), 9, lambda one: one.free, right=True),
        Column("size", lambda one: _size(one.total), 9, lambda one: one.total, right=True, least=70, descending=True),
        Column("inodes", lambda one: _ratio(one.inodes_used), 7, lambda one: one.inodes_used, right=True, least=80,
               descending=True),
        Column("reads", lambda one: _speed(one.read), 11, lambda one: one.read, right=True, least=110, descending=True),
        Column("writes", lambda one: _speed(one.written), 11, lambda one: one.written, right=True, least=110,
               descending=True),
        Column("busy", lambda one: _ratio(one.busy), 7, lambda one: one.busy, right=True, least=100, descending=True),
        Column("kind", lambda one: one.fstype, 8, least=90),
        Column("state", lambda one: _state_of(one) or "writable"),
    ),
    empty="no disk is mounted here",
    tone=_disk_tone,
    detail=_disk_detail,
)  # fmt: skip

_NETWORK: Final[Table[HostFacts, Interface]] = Table(
    name="network",
    title="network",
    rows=lambda facts: facts.interfaces,
    key=lambda one: str(one.name),
    columns=(
        Column("interface", lambda one: one.name, 16),
        Column("in", lambda one: _speed(one.received), 11, lambda one: one.received, right=True, descending=True),
        Column("out", lambda one: _speed(one.sent), 11, lambda one: one.sent, right=True, descending=True),
        Column("errors", lambda one: _rate(one.errors), 9, lambda one: one.errors, right=True, least=64,
               descending=True),
        Column("dropped", lambda one: _rate(one.drops), 9, lambda one: one.drops, right=True, least=74,
               descending=True),
        Column("since boot", lambda one: f"in {_size(one.received_total)}, out {_size(one.sent_total)}",
               sort=lambda one: (one.received_total or 0) + (one.sent_total or 0), descending=True),
    ),
    empty="no network interface is known",
    tone=lambda one: Tone.DIM if one.virtual else Tone.PLAIN,
)  # fmt: skip


class HostPanel(Panel[HostFacts]):
    """The machine itself."""

    title = "HOST"
    help = (
        "cpu: share of all cores not idle and not waiting for a disk; stolen by the hypervisor counts as busy.\n"
        "load: tasks running or waiting, mean of 1, 5 and 15 min; more than the cores means a queue.\n"
        "mem: what is not available to programs; page cache counts as free (MemAvailable).\n"
        "disk: as df counts it.\n"
        "pressure: share of the last 10 s in which something waited for cpu, memory or io (PSI).\n"
        "cpu of a process: 100 % is one whole core. memory of a process counts shared parts for each.\n"
        "Command lines are shown with passwords, tokens and keys masked. From /proc, no rights needed."
    )

    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_PROCESSES, _DISKS, _NETWORK)

    def headline(self, view: View[HostFacts]) -> Sequence[Part]:
        """How full and how busy, each toned by what the rules say."""
        facts = view.facts
        parts: list[Part] = [
            toned(f"cpu {_ratio(facts.cpu.busy)}", view.severity("cpu_busy_ratio")),
            toned(f"mem {_ratio(facts.memory.used)}", view.severity("memory_full_ratio")),
            toned(f"load {_load(facts.load.one)}", view.severity("load_per_core")),
        ]
        worst = _fullest(facts)
        if worst is not None:
            parts.append(toned(f"disk {worst.mount} {_ratio(worst.used)}", view.severity("disk_used_ratio")))
        parts.append(toned(f"swap {_swap(facts)}", view.severity("swap_in_bytes_per_second")))
        return parts

    def members(self, view: View[HostFacts]) -> Sequence[Member]:
        """The machine itself."""
        facts, worst = view.facts, _fullest(view.facts)
        disk = f"{worst.mount} {_ratio(worst.used)}" if worst is not None else f"disk {_GONE}"
        said = f"cpu {_ratio(facts.cpu.busy)}  mem {_ratio(facts.memory.used)}  {disk}"
        full = max(facts.memory.used or 0.0, (worst.used if worst is not None else None) or 0.0)
        return [Member(view.name, view.severity(), said=said, trouble=full)]

    def brief(self, view: View[HostFacts], width: int) -> Sequence[Line]:
        """What is wrong with disks and memory, then who uses the machine."""
        facts = view.facts
        told = [*_busiest(facts, width), *_disks(facts, width), *_traffic(facts, width)]
        return [*_wrong_disks(view, width), *_killed(view), *told]

    def more(self, view: View[HostFacts], width: int) -> Sequence[Line]:
        """The head, then the busiest processes one under the other."""
        ranked = _ranked(view.facts, width)
        return [*self.head(view, width), *([line(), *ranked] if ranked else [])]

    def head(self, view: View[HostFacts], width: int) -> Sequence[Line]:
        """Bars, recent course and figures, one resource a line."""
        lines = [
            _cpu_line(view, width),
            _load_line(view, width),
            _memory_line(view, width),
            _swap_line(view, width),
            _network_line(view, width),
        ]
        pressure = _pressure_line(view, width)
        return [
            *lines,
            *([pressure] if pressure else []),
            _counts_line(view, width),
            _life_line(view, width),
        ]
