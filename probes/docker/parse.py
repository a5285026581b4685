"""From the Engine's JSON to facts: every field named, checked and bounded; what is not named is dropped.

Nothing here trusts a type: an answer of the wrong shape gives a missing value, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from probes.base import SafeText, finite
from probes.docker.facts import Container, Details, Health, Service, trouble

ID: Final = re.compile(r"[0-9a-f]{64}")
IMAGE_ID: Final = re.compile(r"sha256:[0-9a-f]{64}")
STATES: Final = frozenset({"created", "running", "paused", "restarting", "removing", "exited", "dead"})
POLICIES: Final = frozenset({"no", "always", "unless-stopped", "on-failure"})
NAME: Final = 128
"""Characters kept of a name."""

_STATUS_CODE: Final = re.compile(r"\((-?\d{1,9})\)")
_STATUS_AGE: Final = re.compile(
    r"(?:(\d{1,6})|about an?|less than a) (second|minute|hour|day|week|month|year)", re.IGNORECASE
)
_SECONDS: Final = {
    "second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000,
}  # fmt: skip
_SKEW: Final = 5.0
"""Seconds two clocks may differ before it is worth a word."""
_PORTS: Final = 12
_UNLIMITED: Final = float(1 << 60)
"""A memory limit beyond this is how the kernel writes "none"."""

Row = Mapping[str, Any]


def table(value: object) -> Mapping[str, Any]:
    """The value when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The value when it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object, limit: int = NAME) -> SafeText:
    """The value when it is text, made safe; else empty."""
    return SafeText(value, limit) if isinstance(value, str) else SafeText()


def one_of(value: object, words: frozenset[str]) -> str:
    """The value when it is one of these words; else empty."""
    return value if isinstance(value, str) and value in words else ""


def whole(value: object) -> int | None:
    """The value as an integer; None when it is no honest number."""
    number = finite(value)
    return int(number) if number is not None else None


def amount(value: object) -> float | None:
    """A number that can't be negative; None when it is, or when it is none."""
    number = finite(value)
    return number if number is not None and number >= 0 else None


def moment(value: object) -> datetime | None:
    """A time as the Engine writes it; its year 1 means never.

    >>> moment("2026-03-01T03:12:41.123456789Z").second, moment("0001-01-01T00:00:00Z")
    (41, None)
    """
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None and at.year > 1970 else None


def status_code(status: object) -> int | None:
    """The exit code in a list's status.

    >>> status_code("Exited (137) 4 minutes ago"), status_code("Up 3 hours (healthy)")
    (137, None)
    """
    found = _STATUS_CODE.search(status[:80]) if isinstance(status, str) else None
    return int(found[1]) if found else None


def status_age(status: object) -> int | None:
    """Roughly how old a state is, in seconds, from a list's status.

    >>> status_age("Up About a minute"), status_age("Up 3 hours (Paused)"), status_age("Created")
    (60, 10800, None)
    """
    found = _STATUS_AGE.search(status[:80]) if isinstance(status, str) else None
    if found is None:
        return None
    if found[1] is None and found[0].lower().startswith("less"):
        return 0
    return int(found[1] or 1) * _SECONDS[found[2].lower()]


def status_health(status: object) -> str:
    """The health in a list's status; empty when there is no check.

    >>> status_health("Up 3 hours (healthy)"), status_health("Up 1 second (health: starting)")
    ('healthy', 'starting')
    """
    if not isinstance(status, str):
        return ""
    for word in ("unhealthy", "healthy", "starting"):
        if word in status[:80]:
            return word
    return ""


def details(answer: object) -> Details:
    """The allowed fields of an inspection."""
    whole_answer = table(answer)
    state, host = table(whole_answer.get("State")), table(whole_answer.get("HostConfig"))
    restart = table(host.get("RestartPolicy"))
    limit = amount(host.get("Memory"))
    return Details(
        exit_code=whole(state.get("ExitCode")),
        oom_killed=state.get("OOMKilled") is True,
        error=text(state.get("Error"), 200),
        policy=one_of(restart.get("Name") or "no", POLICIES),
        retries=whole(restart.get("MaximumRetryCount")) or None,
        restarts=whole(whole_answer.get("RestartCount")),
        started=moment(state.get("StartedAt")),
        finished=moment(state.get("FinishedAt")),
        health=_health(state.get("Health")),
        memory_limit=limit if limit and limit < _UNLIMITED else None,
        pid=whole(state.get("Pid")) or None,
        tty=table(whole_answer.get("Config")).get("Tty") is True,
        image=text(table(whole_answer.get("Config")).get("Image"), 512),
    )


def _health(answer: object) -> Health | None:
    found = table(answer)
    word = found.get("Status")
    if word not in ("healthy", "unhealthy", "starting"):
        return None
    log = items(found.get("Log"))
    output = table(log[-1]).get("Output") if log else ""
    lines = [one for one in output[-4096:].splitlines() if one.strip()] if isinstance(output, str) else []
    return Health(word, whole(found.get("FailingStreak")), SafeText(lines[-1].strip() if lines else "", 120))


def row_key(row: object) -> str | None:
    """The identity of a row of the list; None when it has none worth trusting."""
    found = table(row).get("Id")
    return found if isinstance(found, str) and ID.fullmatch(found) else None


def container(row: Row, known: Details | None, now: datetime) -> Container:
    """One container from its row in the list and, where there is one, its inspection."""
    labels = table(row.get("Labels"))
    names = [one for one in items(row.get("Names")) if isinstance(one, str)]
    name = text(min(names, key=len, default="").lstrip("/")) or SafeText(str(row["Id"])[:12])
    state = one_of(row.get("State"), STATES) or "unknown"
    up, clock = _age(known.started if known else None, now) if state in ("running", "paused") else (None, False)
    down = _age(known.finished if known else None, now)[0] if state in ("exited", "dead", "restarting") else None
    digest = row.get("ImageID")
    return Container(
        id=str(row["Id"]),
        name=name,
        project=text(labels.get("com.docker.compose.project")),
        service=text(labels.get("com.docker.compose.service")) or name,
        oneoff=labels.get("com.docker.compose.oneoff") in ("True", "true"),
        version=str(text(labels.get("com.docker.compose.config-hash"))),
        image=text(row.get("Image")),
        digest=digest.removeprefix("sha256:")[:12] if isinstance(digest, str) and digest[:7] == "sha256:" else "",
        image_id=digest if isinstance(digest, str) and IMAGE_ID.fullmatch(digest) else "",
        state=state,
        ports=_ports(row.get("Ports")),
        up=up if not clock else None,
        down=down,
        clock=clock,
        exit_code=_exit_code(state, row, known),
        health=_state_health(state, row, known),
        by_hand=by_rule(state, known),
        oom_recent=known is not None and known.oom_killed,
        details=known,
    )


def by_rule(state: str, known: Details | None) -> bool:
    """True when only a person (or a program acting for one) can have stopped it: its policy restarts all else."""
    if state != "exited" or known is None or known.error:
        return False
    return known.policy in ("always", "unless-stopped")


def _exit_code(state: str, row: Row, known: Details | None) -> int | None:
    if state not in ("exited", "dead", "restarting"):
        return None
    listed = status_code(row.get("Status"))
    return listed if listed is not None else known.exit_code if known else None


def _state_health(state: str, row: Row, known: Details | None) -> Health | None:
    word = status_health(row.get("Status")) if state == "running" else ""
    if not word:
        return None
    seen = known.health if known else None
    return seen if seen is not None and seen.word == word else Health(word)


def _age(since: datetime | None, now: datetime) -> tuple[float | None, bool]:
    """(seconds, the clocks differ)."""
    if since is None:
        return None, False
    seconds = (now - since) / timedelta(seconds=1)
    return max(seconds, 0.0), seconds < -_SKEW


def _ports(answer: object) -> tuple[SafeText, ...]:
    """Published ports first, each once: IPv4 and IPv6 of the same port are one."""
    found: dict[str, None] = {}
    for one in sorted(map(table, items(answer)[:200]), key=lambda port: port.get("PublicPort") is None):
        inner, outer, kind = whole(one.get("PrivatePort")), whole(one.get("PublicPort")), text(one.get("Type"), 8)
        if inner is not None:
            place = "" if one.get("IP") in ("0.0.0.0", "::", "", None) else f"{text(one.get('IP'), 45)}:"
            shown = f"{inner}" if outer is None else f"{place}{outer}→{inner}"
            found[shown if str(kind) in ("tcp", "") else f"{shown}/{kind}"] = None
    return tuple(SafeText(one) for one in list(found)[:_PORTS])


def compose_file(row: Row) -> str:
    """Which Compose file a container was made from, for comparison only."""
    labels = table(row.get("Labels"))
    return str(text(labels.get("com.docker.compose.project.config_files"), 1024))


def strays(rows: Iterable[Row]) -> set[str]:
    """Ids of containers whose Compose file is not the one most of their project was made from."""
    files: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        project = str(text(table(row.get("Labels")).get("com.docker.compose.project")))
        if project and (made_from := compose_file(row)):
            files.setdefault(project, {}).setdefault(made_from, []).append(str(row["Id"]))
    found: set[str] = set()
    for by_file in files.values():
        most = max(by_file.values(), key=len)
        found.update(one for ids in by_file.values() if len(ids) < len(most) for one in ids)
    return found


def services(containers: Iterable[Container]) -> tuple[Service, ...]:
    """Containers put together by service, the ones in most trouble first."""
    groups: dict[tuple[str, str], list[Container]] = {}
    for one in containers:
        groups.setdefault((str(one.project), str(one.service)), []).append(one)
    several = len({project for project, _ in groups if project}) > 1
    plain = {service for project, service in groups if not project}
    found = []
    for (project, service), members in groups.items():
        full = project and (several or service in plain)
        name = f"{project}/{service}" if full else service
        found.append(Service(name, tuple(sorted(members, key=lambda one: (trouble(one), str(one.name))))))
    return tuple(sorted(found, key=lambda one: (trouble(one.worst), one.name)))
