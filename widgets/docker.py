"""Draws the services of a Docker Engine: what does not run and why comes first, what is well takes one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from desk.words import clock, count, plural, ratio, size, span
from probes.base import Severity
from probes.docker.facts import Container, DockerFacts, Event, Image, Service
from widgets.draw.marks import Sign, bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, side_by_side, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_EACH: Final = 4
"""So many services that are well get a line each; more share lines."""
_WIDE: Final = 90
"""Cells from which a line shows what a service uses."""
_WORD: Final = 13


def _or_gone(value: float | None, words: Any) -> str:
    return _GONE if value is None else str(words(value))


def _cores(value: float | None) -> str:
    """Cpu in the way of `docker stats`: 100 % is one core."""
    return _GONE if value is None else ratio(round(value, 3))


def _severity(view: View[DockerFacts], service: Service) -> Severity | None:
    """What the rules say; something that should run and does not is never drawn as well."""
    said = view.severity(service=service.name)
    return Severity.NOTICE if said is None and (service.missing or _troubled(service.worst)) else said


def _troubled(one: Container) -> bool:
    return one.state in ("restarting", "dead", "paused") or one.word == "unhealthy"


def _is_done(service: Service) -> bool:
    return service.wanted == 0 and service.running == 0


def _word(service: Service) -> str:
    return service.worst.word if service.missing or not _is_done(service) else "finished"


def _since(one: Container) -> str:
    """How long it has been as it is."""
    if one.clock:
        return "clock?"
    return _or_gone(one.up if one.up is not None else one.down, span)


def _uptime(service: Service) -> str:
    return _since(service.worst) if service.missing or service.up is None else span(service.up)


def _extra(service: Service) -> str:
    """What a person should know beside the state, in words."""
    words = [service.worst.why]
    again = service.restarts_recent
    words += [f"restarted {'once' if again == 1 else f'{again} times'} in 10 min"] if again else []
    words += ["ran out of memory"] if any(one.oom_recent for one in service.members) and not service.missing else []
    words += ["replicas differ in configuration"] if service.mixed else []
    words += ["a newer image is here"] if service.outdated else []
    words += ["not of this Compose file"] if any(one.stray for one in service.members) else []
    return ", ".join(word for word in words if word)


def _use(service: Service) -> str:
    share = f" ({ratio(round(service.memory_ratio, 3))})" if service.memory_ratio is not None else ""
    return f"{_cores(service.cpu):>6} cpu  {_or_gone(service.memory, size):>8}{share}"


def _is_coming(service: Service) -> bool:
    """True while its own check has not passed yet."""
    return service.worst.word == "starting"


def _mark(service: Service, severity: Severity | None) -> Span:
    if _is_done(service):
        return dim(Sign.NONE.value)
    return dim(Sign.UNKNOWN.value) if severity is None and _is_coming(service) else sign(severity)


def _row(view: View[DockerFacts], service: Service, width: int) -> Line:
    """Sign, name, state, since when, how many, and what else there is to say."""
    severity, name = _severity(view, service), name_column(width)
    parts: list[Part] = [
        _mark(service, severity), " ", fit(strong(service.name), name), " ",
        toned(fit(_word(service), _WORD).text, severity), " ",
        fit(_uptime(service), 6, right=True), " ", fit(f"{service.running}/{service.wanted}", 5, right=True),
    ]  # fmt: skip
    spare = width - 31 - name
    if width >= _WIDE and service.running:
        course = spark(view.history("memory_bytes", service=service.name), 10)
        parts += ["  ", fit(_use(service), 28), " ", Span(course, Tone.CHART)]
        spare -= 41
    extra = _extra(service)
    if extra and spare > 6:
        parts += ["  ", Span(fit(extra, spare).text.rstrip(), toned("", severity).tone)]
    return line(*parts, key=service.name, severity=severity)


def _together(services: Sequence[Service], width: int) -> list[Line]:
    """Services that are well, side by side."""

    def mark(service: Service) -> Span:
        replicas = f" ×{service.running}" if service.running > 1 else ""
        if _is_coming(service):
            return dim(f"{Sign.UNKNOWN.value} {service.name}{replicas} starting")
        return Span(f"{Sign.FINE.value} {service.name}{replicas}", Tone.GOOD)

    return side_by_side(map(mark, services), width, lambda left: f"and {plural(left, 'more service')} running")


def _short(words: str, width: int) -> Line:
    """A remark, cut to the room there is."""
    return line(dim(fit(words, width).text.rstrip()))


def _filled(name: str, share: float | None, said: str, width: int) -> Line:
    """A bar with its name and its figures."""
    cells = 20 if width > 70 else 10
    filled = Span(bar(share, cells), Tone.CHART)
    return line(dim(f"{name:<8}"), filled, "  ", Span(fit(said, width - cells - 10).text.rstrip()))


def _tone(service: Service) -> Tone:
    if service.missing or _troubled(service.worst):
        return Tone.CRITICAL if not service.running or _troubled(service.worst) else Tone.WARNING
    return Tone.DIM if _is_done(service) else Tone.PLAIN


def _container_tone(one: Container) -> Tone:
    if (one.wanted and not one.running) or one.word == "unhealthy":
        return Tone.CRITICAL
    return Tone.PLAIN if one.running else Tone.DIM


def _limit(one: Container) -> str:
    limit = one.details.memory_limit if one.details else None
    return "no limit" if limit is None else f"{size(limit)} at most"


def _about(one: Container) -> Sequence[Line]:
    """All that is known of a container."""
    known = one.details
    pairs = [
        ("container", str(one.name)),
        ("id", one.id),
        ("image", f"{one.image_name}  {one.digest}{_built(one.image_created)}"),
        ("its name means", _means(one)),
        ("state", f"{one.word}{', ' + one.why if one.why else ''}, for {_since(one)}"),
        ("restart policy", (known.policy or _GONE) if known else _GONE),
        ("restarts", _or_gone(known.restarts if known else None, count)),
        ("health", _health(one)),
        ("ports", ", ".join(map(str, one.ports)) or "none"),
        ("cpu", f"{_cores(one.use.cpu)} of a core"),
        ("memory", f"{_or_gone(one.use.memory, size)}, {_limit(one) if known else _GONE}"),
        ("killed for memory", _or_gone(one.use.oom_kills, count) + " since its start"),
        ("Compose", f"{one.project or _GONE} / {one.service}{', one-off task' if one.oneoff else ''}"),
    ]
    return [line(dim(f"{name:<18}"), words) for name, words in pairs]


def _built(at: datetime | None) -> str:
    return f", built {at:%Y-%m-%d %H:%M}" if at is not None else ""


def _means(one: Container) -> str:
    """Which image the container's image name means now; whether that name stays the same image."""
    if one.outdated is None:
        return _GONE
    said = f"{one.image_now.removeprefix('sha256:')[:12]}: deploy applies it" if one.outdated else "this image"
    name = str(one.image_name).rpartition("/")[2]
    floats = "@" not in name and (":" not in name or name.endswith(":latest"))
    return said + ("; latest means whatever was pushed or built last" if floats else "")


def _users(facts: DockerFacts, image: Image) -> str:
    """Which of the services shown run an image."""
    names = [service.name for service in facts.services if any(one.image_id == image.id for one in service.containers)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _images(facts: DockerFacts) -> Sequence[tuple[Image, str]]:
    """Images with who runs them, those that nobody here runs last."""
    pairs = [(image, _users(facts, image)) for image in facts.images]
    return sorted(pairs, key=lambda pair: not pair[1])


def _health(one: Container) -> str:
    if one.health is None:
        return "has no check of its own"
    streak = f", {plural(one.health.failures, 'failure')} in a row" if one.health.failures else ""
    return f"{one.health.word}{streak}{': ' + str(one.health.said) if one.health.said else ''}"


_SERVICES: Final[Table[DockerFacts, Service]] = Table(
    name="services",
    title="services",
    rows=lambda facts: facts.services,
    key=lambda service: service.name,
    columns=(
        Column("service", lambda service: service.name, 22),
        Column("state", lambda service: _word(service), 13),
        Column("since", lambda service: _uptime(service), 6, lambda service: service.up, right=True),
        Column("run", lambda service: f"{service.running}/{service.wanted}", 5, lambda service: -service.missing, True),
        Column("cpu", lambda service: _cores(service.cpu), 7, lambda service: service.cpu, True, 70, True),
        Column("memory", lambda s: _or_gone(s.memory, size), 9, lambda s: s.memory, True, 70, True),
        Column("of limit", lambda s: _or_gone(s.memory_ratio, ratio), 8, lambda s: s.memory_ratio, True, 90, True),
        Column("restarts", lambda s: _or_gone(s.restarts, count), 8, lambda s: s.restarts, True, 90, True),
        Column("image", lambda service: service.worst.image_name, 26, least=150),
        Column("ports", lambda service: ", ".join(map(str, service.worst.ports)) or _GONE, 22, least=170),
        Column("what else", lambda service: _extra(service)),
    ),
    empty="there is no container here",
    tone=_tone,
    detail=lambda service: [more for one in service.containers for more in (*_about(one), line())],
    looks=("logs", "top", "deploys", "df"),
)

_CONTAINERS: Final[Table[DockerFacts, Container]] = Table(
    name="containers",
    title="containers",
    rows=lambda facts: facts.containers,
    beyond=lambda facts: facts.more,
    key=lambda one: one.id,
    label=lambda one: one.name,
    columns=(
        Column("container", lambda one: one.name, 26),
        Column("state", lambda one: one.word, 13),
        Column("since", lambda one: _since(one), 6, lambda one: one.up, right=True),
        Column("cpu", lambda one: _cores(one.use.cpu), 7, lambda one: one.use.cpu, True, 70, True),
        Column("memory", lambda one: _or_gone(one.use.memory, size), 9, lambda one: one.use.memory, True, 60, True),
        Column("id", lambda one: one.id[:12], 12, least=100),
        Column("image", lambda one: one.image_name, 26, least=120),
        Column("policy", lambda one: (one.details.policy if one.details else "") or _GONE, 14, least=140),
        Column("why, or its ports", lambda one: one.why or ", ".join(map(str, one.ports)) or _GONE),
    ),
    empty="there is no container here",
    tone=_container_tone,
    detail=_about,
    looks=("logs", "top"),
)

_IMAGES: Final[Table[DockerFacts, tuple[Image, str]]] = Table(
    name="images",
    title="images",
    rows=_images,
    beyond=lambda facts: facts.images_more,
    key=lambda pair: pair[0].id,
    label=lambda pair: next(iter(pair[0].names), pair[0].id.removeprefix("sha256:")[:12]),
    columns=(
        Column("image", lambda pair: pair[0].id.removeprefix("sha256:")[:12], 12),
        Column("size", lambda pair: _or_gone(pair[0].size, size), 9, lambda pair: pair[0].size, True, 60, True),
        Column("built", lambda p: f"{p[0].created:%Y-%m-%d}" if p[0].created else _GONE, 10, lambda p: p[0].created),
        Column("run by", lambda pair: pair[1] or _GONE, 26, least=80),
        Column("names", lambda pair: ", ".join(pair[0].names) or "no name"),
    ),
    empty="the images are not known",
    tone=lambda pair: Tone.PLAIN if pair[1] else Tone.DIM,
    looks=("df",),
)

_EVENTS: Final[Table[DockerFacts, Event]] = Table(
    name="events",
    title="events",
    rows=lambda facts: facts.events,
    key=lambda event: f"{event.at.timestamp():.9f} {event.id} {event.what}",
    columns=(
        Column("utc", lambda event: clock(event.at), 8, lambda event: event.at),
        Column("container", lambda event: event.name, 26),
        Column("what happened", lambda event: event.what),
    ),
    empty="the Engine reported nothing in the last hour",
    subject=lambda event: event.id,
    looks=("logs",),
)


class DockerPanel(Panel[DockerFacts]):
    """The services of one Engine."""

    title = "SERVICES"
    help = (
        "run 1/2: one of two replicas runs. A finished task (ended with 0, no restart policy) counts as done.\n"
        "stopped by hand: ended though its policy would restart it, so somebody asked the Engine to stop or kill it.\n"
        "killed for lack of memory: the kernel ended it at its memory limit; exited 137 alone only means SIGKILL.\n"
        "cpu: 100 % is one core. memory: without cache the kernel could take back. From control groups or the Engine.\n"
        "restarts: by the restart policy, since the container was made. health: the container's own check.\n"
        "a newer image is here: its image's name means another one since a pull or build; deploy applies it.\n"
        "not of this Compose file: made from another file than the rest of its project, often left over."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_SERVICES, _CONTAINERS, _IMAGES, _EVENTS)

    def headline(self, view: View[DockerFacts]) -> Sequence[Part]:
        """How many run, how many do not."""
        facts = view.facts
        missing = sum(service.missing for service in facts.services)
        sick = sum(service.unhealthy or 0 for service in facts.services)
        parts: list[Part] = [f"{count(facts.total_running)} of {plural(facts.total, 'container')} running"]
        parts += [toned(f"{missing} missing", view.severity() or Severity.NOTICE)] if missing else []
        parts += [toned(f"{sick} unhealthy", view.severity("unhealthy") or Severity.NOTICE)] if sick else []
        return parts

    def brief(self, view: View[DockerFacts], width: int) -> Sequence[Line]:
        """A line for each service in trouble, the others together."""
        facts = view.facts
        ranked = [(_severity(view, service), service) for service in facts.services]
        bad = sorted((pair for pair in ranked if pair[0] is not None), key=lambda pair: -(pair[0] or 0))
        well = [service for severity, service in ranked if severity is None and not _is_done(service)]
        each = len(well) <= _EACH and (width >= _WIDE or not bad)
        lines = [_row(view, service, width) for service in (*(one for _, one in bad), *(well if each else ()))]
        lines += _together(well, width) if not each else []
        if not facts.services:
            where = f" of project {facts.project}" if facts.project else ""
            lines.append(_short(f"there is no container{where} here", width))
        if facts.more:
            lines.append(_short(f"and {plural(facts.more, 'more container')} not shown", width))
        return lines

    def head(self, view: View[DockerFacts], width: int) -> Sequence[Line]:
        """The Engine itself, then what all containers use."""
        facts = view.facts
        engine = [f"Docker Engine {facts.version}", f"API {facts.api}"]
        engine += [f"on {facts.machine}"] if facts.machine else []
        engine += [f"project {facts.project}"] if facts.project else []
        lines = [line(fit("  ".join(engine), width).text.rstrip())]
        lines += [self._cpu(facts, width), self._memory(facts, width)] if facts.services else []
        if facts.root:
            lines.append(_short("this socket gives root's power on the machine; a socket proxy would not", width))
        return lines

    def _cpu(self, facts: DockerFacts, width: int) -> Line:
        used = [service.cpu for service in facts.services if service.cpu is not None]
        share = sum(used) / facts.cores if used and facts.cores else None
        said = f"{_cores(sum(used)) if used else _GONE} of {_or_gone(facts.cores, lambda n: plural(n, 'core'))}"
        return _filled("cpu", share, said, width)

    def _memory(self, facts: DockerFacts, width: int) -> Line:
        used = [service.memory for service in facts.services if service.memory is not None]
        share = sum(used) / facts.memory if used and facts.memory else None
        said = f"{size(sum(used)) if used else _GONE} of {_or_gone(facts.memory, size)}"
        return _filled("memory", share, said, width)
