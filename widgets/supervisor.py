"""Draws the services of a supervisord: what should run and does not comes first, with how it died."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from desk.words import count, plural, ratio, size, span
from probes.base import Severity
from probes.supervisor.facts import Process, Service, SupervisorFacts
from widgets.draw.marks import Sign, bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, side_by_side, sign, strong, toned, width_of
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_EACH: Final = 4
"""So many services that are well get a line each; more share lines."""
_WIDE: Final = 90
"""Cells from which a line shows what a service uses."""
_WORD: Final = 13
_GROWS: Final = 65536
"""Bytes per second above which growth is worth a word."""


def _or_gone(value: float | None, words: Callable[[float], str]) -> str:
    return _GONE if value is None else words(value)


def _cores(value: float | None) -> str:
    """Cpu in the way of top: 100 % is one core."""
    return _or_gone(value, lambda cores: ratio(round(cores, 3)))


def _severity(view: View[SupervisorFacts], service: Service) -> Severity | None:
    """What the rules say; something that should run and does not is never drawn as well."""
    said = view.severity(service=str(service.name))
    return Severity.NOTICE if said is None and service.dead else said


def _processes(number: float) -> str:
    return plural(number, "process", "processes")


def _is_done(service: Service) -> bool:
    """True when nothing of it should run."""
    return service.wanted == 0


def _is_coming(service: Service) -> bool:
    """True while something of it is being started: not dead, and not yet seen to run."""
    return service.running < service.wanted and not service.dead


def _mark(service: Service, severity: Severity | None) -> Span:
    if severity is None and (_is_done(service) or _is_coming(service)):
        return dim((Sign.UNKNOWN if _is_coming(service) else Sign.NONE).value)
    return sign(severity)


def _since(one: Process) -> float | None:
    return one.up if one.up is not None else one.down


def _uptime(service: Service) -> str:
    alive = service.running and not service.dead
    return _or_gone(service.up if alive else _since(service.worst), span)


def _extra(view: View[SupervisorFacts], service: Service) -> str:
    """What a person should know beside the state, in words."""
    words = [service.worst.why.removeprefix(f"{service.worst.word} ").strip("()")]
    if not service.worst.dead and service.restarts_recent and not service.worst.restarts_recent:
        words.append(next(one.why for one in service.processes if one.restarts_recent))
    if view.severity("memory_growth_bytes_per_second", service=str(service.name)) and service.growth:
        words.append(f"memory grows {size(service.growth)}/s")
    return ", ".join(word for word in words if word)


def _row(view: View[SupervisorFacts], service: Service, width: int) -> Line:
    """Sign, name, state, since when, how many, and what else there is to say."""
    severity = _severity(view, service)
    name = name_column(width)
    parts: list[Part] = [
        _mark(service, severity), " ", fit(strong(service.name), name), " ",
        toned(fit(service.worst.word, _WORD).text, severity), " ",
        fit(_uptime(service), 6, right=True), " ", fit(f"{service.running}/{service.wanted}", 5, right=True),
    ]  # fmt: skip
    spare = width - 31 - name
    if width >= _WIDE and service.running:
        course = spark(view.history("memory_bytes", service=str(service.name)), 10)
        use = f"{_cores(service.cpu):>6} cpu  {_or_gone(service.memory, size):>8}"
        parts += ["  ", fit(use, 21), " ", Span(course, Tone.CHART)]
        spare -= 34
    extra = _extra(view, service)
    if extra and spare > 6:
        parts += ["  ", Span(fit(extra, spare).text.rstrip(), toned("", severity).tone)]
    return _cut(line(*parts, key=str(service.name), severity=severity), width)


def _together(services: Sequence[Service], width: int) -> list[Line]:
    """Services that are well, side by side."""

    def mark(service: Service) -> Span:
        several = f" ×{service.running}" if service.running > 1 else ""
        if _is_coming(service):
            return dim(f"{Sign.UNKNOWN.value} {service.name} {service.worst.word}")
        return Span(f"{Sign.FINE.value} {service.name}{several}", Tone.GOOD)

    return side_by_side(map(mark, services), width, lambda left: f"and {plural(left, 'more service')} running")


def _tone(dead: int, done: bool) -> Tone:
    if dead:
        return Tone.CRITICAL
    return Tone.DIM if done else Tone.PLAIN


def _about(one: Process) -> Sequence[Line]:
    """All that is known of a process."""
    ended = (
        ""
        if one.exit_status is None
        else f", exit status {one.exit_status}"
        if one.exit_status >= 0
        else ", by a signal"
    )
    pairs = [
        ("process", one.key),
        ("state", f"{one.word}{ended}"),
        ("for", _or_gone(_since(one), span)),
        ("pid", _GONE if one.pid is None else str(one.pid)),
        ("how it died last", one.died or _GONE),
        ("supervisord says", str(one.trouble) or _GONE),
        ("restarts seen", f"{one.restarts}, {one.restarts_recent} in the last 10 min"),
        ("cpu", f"{_cores(one.use.cpu)} of a core"),
        ("memory", f"{_or_gone(one.use.memory, size)} in {_or_gone(one.use.processes, _processes)}"),
        ("log", "kept by supervisord" if one.has_log else "not kept by supervisord"),
        ("errors", "in a log of their own" if one.has_errors else "in its log, or not kept"),
    ]  # fmt: skip
    return [line(dim(f"{name:<18}"), words) for name, words in pairs]


_SERVICES: Final[Table[SupervisorFacts, Service]] = Table(
    name="services",
    title="services",
    rows=lambda facts: facts.services,
    key=lambda service: str(service.name),
    columns=(
        Column("service", lambda service: service.name, 20),
        Column("state", lambda service: service.worst.word, 11),
        Column("since", lambda service: _uptime(service), 6, lambda service: service.up, right=True),
        Column("run", lambda service: f"{service.running}/{service.wanted}", 5, lambda service: -service.dead, True),
        Column("cpu", lambda service: _cores(service.cpu), 7, lambda service: service.cpu, True, 85, True),
        Column("memory", lambda s: _or_gone(s.memory, size), 9, lambda s: s.memory, True, 76, True),
        Column("restarts", lambda service: count(service.restarts), 8, lambda s: s.restarts, True, 96, True),
        Column("what else", lambda service: service.worst.why or _GONE),
    ),
    empty="supervisord has no process here",
    tone=lambda service: _tone(service.dead, _is_done(service)),
    detail=lambda service: [more for one in service.processes for more in (*_about(one), line())],
    looks=("logs", "errors", "supervisord"),
)

_PROCESSES: Final[Table[SupervisorFacts, Process]] = Table(
    name="processes",
    title="processes",
    rows=lambda facts: facts.processes,
    beyond=lambda facts: facts.more,
    key=lambda one: one.key,
    columns=(
        Column("process", lambda one: one.key, 26),
        Column("state", lambda one: one.word, 11),
        Column("since", lambda one: _or_gone(_since(one), span), 6, _since, right=True),
        Column("pid", lambda one: _GONE if one.pid is None else str(one.pid), 8, lambda one: one.pid, True, 80),
        Column("cpu", lambda one: _cores(one.use.cpu), 7, lambda one: one.use.cpu, True, 90, True),
        Column("memory", lambda one: _or_gone(one.use.memory, size), 9, lambda one: one.use.memory, True, 75, True),
        Column("restarts", lambda one: count(one.restarts), 8, lambda one: one.restarts, True, 110, True),
        Column("what else", lambda one: one.why or _GONE),
    ),
    empty="supervisord has no process here",
    tone=lambda one: _tone(one.dead, not one.wanted),
    detail=_about,
    looks=("logs", "errors", "supervisord"),
)


class SupervisorPanel(Panel[SupervisorFacts]):
    """The services of one supervisord."""

    title = "SERVICES"
    help = (
        "1/2: one of two processes runs that should.\n"
        "should run: running, starting or dead; not what somebody stopped, was never started, or has finished.\n"
        "finished: ended with 0, or as its configuration expects.\n"
        "dead: ended badly, backoff (supervisord tries again) or fatal (supervisord has given up).\n"
        "killed: ended by a signal, which supervisord's own log names. SIGKILL may be the kernel, out of memory.\n"
        "restarts: seen since we watch; supervisord itself does not count them. since: by supervisord's clock.\n"
        "cpu: 100 % is one core. memory: resident, children included, from /proc; – when supervisord runs elsewhere."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_SERVICES, _PROCESSES)

    def headline(self, view: View[SupervisorFacts]) -> Sequence[Part]:
        """How many run, how many are dead."""
        running = sum(service.running for service in view.facts.services)
        wanted = sum(service.wanted for service in view.facts.services)
        dead = sum(service.dead for service in view.facts.services)
        parts: list[Part] = [f"{count(running)} of {_processes(wanted)} running"]
        parts += [toned(f"{count(dead)} dead", view.severity("dead") or Severity.NOTICE)] if dead else []
        return parts

    def brief(self, view: View[SupervisorFacts], width: int) -> Sequence[Line]:
        """A line for each service in trouble, the others together."""
        ranked = [(_severity(view, service), service) for service in view.facts.services]
        bad = sorted((pair for pair in ranked if pair[0] is not None), key=lambda pair: -(pair[0] or 0))
        well = [service for severity, service in ranked if severity is None and not _is_done(service)]
        stopped = [service for severity, service in ranked if severity is None and _is_done(service)]
        lines = [_row(view, service, width) for _, service in bad]
        each = len(well) <= _EACH and (width >= _WIDE or not bad)
        lines += [_row(view, service, width) for service in well] if each else _together(well, width)
        lines += [self._stopped(stopped, width)] if stopped else []
        if not view.facts.services:
            lines.append(line(dim("supervisord has no process here")))
        if view.facts.more:
            lines.append(line(dim(f"and {plural(view.facts.more, 'more process', 'more processes')} not shown")))
        return lines

    def _stopped(self, services: Sequence[Service], width: int) -> Line:
        """Services of which nothing should run, on one line."""
        words = ", ".join(f"{service.name} ({service.worst.word})" for service in services)
        return line(dim(fit(f"  not wanted: {words}", width).text.rstrip()))

    def head(self, view: View[SupervisorFacts], width: int) -> Sequence[Line]:
        """supervisord itself, then what all its processes use."""
        facts = view.facts
        words = [f"supervisord {facts.version or _GONE}", f"pid {_GONE if facts.pid is None else facts.pid}"]
        words += [f"state {facts.state}"] if facts.state and str(facts.state) != "RUNNING" else []
        words += [f"“{facts.identity}”"] if facts.identity and str(facts.identity) != "supervisor" else []
        lines = [line(fit("  ".join(words), width).text.rstrip())]
        if not facts.here and facts.services:
            lines.append(_cut(line(dim("its processes are not on this machine: memory and cpu are not known")), width))
        lines += [self._use(view, service, width) for service in facts.services if service.memory is not None][:6]
        return lines

    def _use(self, view: View[SupervisorFacts], service: Service, width: int) -> Line:
        """Memory and cpu of a service, with the course of its memory."""
        name = name_column(width)
        course = spark(view.history("memory_bytes", service=str(service.name)), max(0, min(40, width - name - 44)))
        busy = bar(None if service.cpu is None else min(service.cpu, 1.0), 8)
        parts: list[Part] = [
            fit(service.name, name), " ", Span(busy, Tone.CHART), f" {_cores(service.cpu):>6}",
            f"  {_or_gone(service.memory, size):>8} ", Span(course, Tone.CHART),
        ]  # fmt: skip
        severity = view.severity("memory_growth_bytes_per_second", service=str(service.name))
        if service.growth and service.growth > _GROWS:
            parts.append(toned(f"  grows {size(service.growth)}/s", severity))
        return _cut(line(*parts), width)


def _cut(whole: Line, width: int) -> Line:
    """A line of at most this width."""
    kept: list[Part] = []
    left = width
    for part in whole.spans:
        cells = width_of((part,))
        kept.append(part if cells <= left else fit(part, left))
        left -= cells
        if left <= 0:
            break
    return line(*kept, key=whole.key, severity=whole.severity)
