"""All dialects together: a warning promises nothing that is not done, and reads like every other one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

from desk.commandline import recognised
from desk.runbook.meaning import understood
from probes.base import Actuator, CommandLine, Context, Danger, Meaning, Sort, Target
from probes.base.command import filled
from probes.base.dialect import LONGEST_WARNING
from tests.probes.spoken import spelled
from tests.toys import NoSecrets
from tui.dialects import dialects
from tui.kinds import KINDS, Kinds

_PROMISES = re.compile(r"\b(?:here|opsroom)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[A-Z][a-z']*\s")
_PLACES = re.compile(r"-H|--host|--context|--kubeconfig|--root|--config-dir|--namespace|--region|--profile|-n|-h|-p")
"""Options that say where a line goes."""


def after(text: str, *options: str, default: str = "") -> str:
    """The value of an option somewhere in a line."""
    found = re.search(rf"(?:^|\s)(?:{'|'.join(options)})(?:=|\s+)(\S+)", text)
    return found[1].strip("'\"") if found else default


def _postgres(text: str) -> list[dict[str, Any]]:
    host, port, user = after(text, "-h", "--host", default="db"), after(text, "-p", default="5432"), after(text, "-U")
    names = {"shop", "orders", after(text, "-d", "--dbname", default="shop")}
    urls = [f"postgresql://{user or 'app'}@{host}:{port}/{name}" for name in sorted(names) if name.isidentifier()]
    return [{"url": url} for url in urls]


def _backups(text: str) -> list[dict[str, Any]]:
    folders = {found.rpartition("/")[0] or "/" for found in re.findall(r"(?<![\w.])/[\w./-]+", text)} | {"/"}
    return [{"folder": folder, "database": {"url": "env:ANY"}} for folder in sorted(folders)]


def _redis(text: str) -> list[dict[str, Any]]:
    url = f"redis://{after(text, '-h', default='127.0.0.1')}:{after(text, '-p', default='6379')}"
    return [{"url": f"{url}/{after(text, '-n', default='0')}"}]


def _docker(text: str) -> list[dict[str, Any]]:
    url = {"url": after(text, "-H", "--host")} if after(text, "-H", "--host") else {}
    return [url, url | {"project": after(text, "-p", "--project-name", default="shop")}]


def _kubernetes(text: str) -> list[dict[str, Any]]:
    place = {name: value for name in ("context", "kubeconfig") if (value := after(text, f"--{name}"))}
    return [place | {"namespaces": [after(text, "-n", "--namespace", default="shop")]}]


def _settings(text: str) -> list[dict[str, Any]]:
    files = [word.removeprefix("./") for word in text.split() if word.endswith(".env") or ".env." in word]
    return [{"file": file if file.startswith("/") else f"/srv/shop/{file}"} for file in files]


PROFILES: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "docker": _docker,
    "kubernetes": _kubernetes,
    "postgres": _postgres,
    "backups": _backups,
    "redis": _redis,
    "queues": _redis,
    "settings": _settings,
    "systemd": lambda _: [{}, {"user": True}],
    "supervisor": lambda text: [{"url": after(text, "-s", "--serverurl", default="http://127.0.0.1:9001")}],
    "certificates": lambda text: [{"certbot": after(text, "--config-dir", default="/etc/letsencrypt")}],
}
"""What a profile says of the target that a line speaks of: its place granted, the acts are the question."""


def actuator(kind: str, given: dict[str, Any]) -> Actuator[Any]:
    module, name = next(one.act for one in KINDS if one.name == kind).split(":")
    settings = Kinds().facts(kind).settings_type.model_validate(given)
    made: Actuator[Any] = getattr(import_module(module), name)(Target("it", kind, settings), Context(NoSecrets()))
    return made


def is_taken(kind: str, text: str) -> bool:
    """Whether an actuator of a kind takes a line, as a person would have filled it in."""
    (text,) = filled([text.replace("$REDIS_URL", "redis://127.0.0.1:6379/0")])
    for given in PROFILES[kind](text):
        hands = actuator(kind, given)
        if recognised(text, hands) is not None or hands.recognise(CommandLine(sql=text.rstrip(";"))) is not None:
            return True
    return False


@cache
def meanings() -> tuple[tuple[str, Meaning], ...]:
    """Every line of the tables of all dialects, as a shell's and as SQL, with what it means."""
    return tuple(_meanings())


def _meanings() -> Iterator[tuple[str, Meaning]]:
    for text in dict.fromkeys(spelled()):
        for language in ("shell", "sql"):
            yield text, understood(text, dialects(), language).meaning


def test_what_only_runs_as_it_stands_promises_nothing() -> None:
    wrong = [
        (text, found) for text, found in meanings() if found.sort is Sort.SHELL and _PROMISES.search(found.warning)
    ]
    assert not wrong


def test_what_is_done_here_instead_is_done_by_an_actuator_of_that_kind() -> None:
    tried, wrong = 0, []
    for text, found in meanings():
        if found.sort is not Sort.ACTION or not (found.becomes or _PROMISES.search(found.warning)):
            continue
        tried += 1
        if not (is_taken(found.kind, text) or (found.becomes and is_taken(found.kind, found.becomes))):
            wrong.append((text, found.warning, found.becomes))
    assert tried > 40
    assert not wrong


def test_what_is_done_instead_goes_where_the_line_went_and_costs_no_more() -> None:
    tried, wrong = 0, []
    for text, found in meanings():
        if not found.becomes:
            continue
        tried += 1
        places = [word for word in text.split() if _PLACES.fullmatch(word.partition("=")[0])]
        instead = understood(found.becomes, dialects()).meaning
        lost = [word for word in places if word not in found.becomes.replace("--single-transaction", "").split()]
        if lost or (not found.becomes.endswith(";") and instead.danger > max(found.danger, Danger.REVERSIBLE)):
            wrong.append((text, found.becomes, lost, instead.danger))
    assert tried > 40
    assert not wrong


def test_an_assignment_that_may_say_where_a_line_goes_is_never_lost() -> None:
    for text in ("docker kill shop-1", "kubectl restart deploy/web -n shop", "redis-cli FLUSHDB"):
        assert understood(text, dialects()).meaning.becomes
        assert not understood(f"PLACE=x {text}", dialects()).meaning.becomes


def test_every_warning_is_a_clause_that_fits_on_three_lines() -> None:
    told = {found.warning for _, found in meanings() if found.warning}
    assert len(told) > 100
    wrong = [one for one in told if one.endswith((".", ";")) or _SENTENCE.match(one) or len(one) > LONGEST_WARNING]
    assert not wrong
