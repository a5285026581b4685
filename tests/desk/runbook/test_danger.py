"""Ordinary lines of runbooks: none is rated less than what it costs, none that only looks more than a look.

The lines stand in `lines/*.txt`, by what they cost; a pilcrow there is the end of a line. A test is one program's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest

from desk.runbook.meaning import understood
from probes.base import Danger, Meaning
from tui.dialects import dialects

LINES: Final = Path(__file__).parent / "lines"
LEVELS: Final = {
    "read": Danger.READ,
    "reversible": Danger.REVERSIBLE,
    "disruptive": Danger.DISRUPTIVE,
    "destructive": Danger.DESTRUCTIVE,
}
EVERY: Final = 40
"""Every so many lines one is tried within all other commands, which keeps it quick."""


def lines(name: str) -> list[str]:
    """The lines of one file."""
    text = (LINES / f"{name}.txt").read_text(encoding="utf-8")
    return [line.replace("\N{PILCROW SIGN}", "\n") for line in text.splitlines() if line and not line.startswith("# ")]


def programs(name: str) -> Iterator[tuple[str, list[str]]]:
    """The lines of one file by the word they begin with."""

    def first(line: str) -> str:
        return line.split()[0]

    for program, found in groupby(sorted(lines(name), key=first), first):
        yield program, list(found)


def meant(text: str) -> Meaning:
    """What a line means."""
    return understood(text, dialects()).meaning


CHANGES: Final = [
    pytest.param(LEVELS[name], found, id=f"{name}-{program}")
    for name in ("reversible", "disruptive", "destructive")
    for program, found in programs(name)
]


@pytest.mark.parametrize(("least", "found"), CHANGES)
def test_no_line_that_changes_something_is_rated_less_than_it_costs(least: Danger, found: list[str]) -> None:
    assert [(line, meant(line).danger.name) for line in found if meant(line).danger < least] == []


@pytest.mark.parametrize("found", [pytest.param(found, id=program) for program, found in programs("read")])
def test_no_line_that_only_looks_is_rated_more_than_a_look(found: list[str]) -> None:
    assert [(line, meant(line).danger.name) for line in found if meant(line).danger > Danger.READ] == []


def native() -> Iterator[tuple[str, str, str]]:
    """(class, verb, line) of the native vocabulary."""
    for line in lines("native"):
        sort, verb, text = line.split("|", 2)
        yield sort, verb, text


@pytest.mark.parametrize("sort", sorted({sort for sort, _, _ in native()}))
def test_the_native_vocabulary_is_known_however_it_is_spelled(sort: str) -> None:
    wrong = []
    for expected, verb, text in native():
        found = meant(text)
        if expected == sort and (found.sort.value, found.verb.value) != (sort, verb):
            wrong.append((text, found.sort.value, found.verb.value))
    assert wrong == []


PLAIN: Final = re.compile(r"[^|;&<>(){}`!#'\"\n=\[\\]+")
"""A line that may stand behind any other word."""
NOT_ALONE: Final = re.compile(
    r"(?:[A-Z]+ |[A-Z]\w+-[A-Z]|export|command|exec|eval|trap|del |rd |ri |spps|erase|net |sc |move |copy |format |iwr "
    r"|cmd)"
)
"""SQL and words of Windows, which no shell of Unix takes."""
WRAPPED: Final[dict[str, Callable[[str], str]]] = {
    "sudo": lambda text: f"sudo -u app -E {text}",
    "ssh": lambda text: f"ssh -p 22 -o BatchMode=yes ops@web1 {shlex.quote(text)}",
    "ssh with a text": lambda text: f"ssh web1 <<'END'\n{text}\nEND",
    "docker exec": lambda text: f"docker exec -it api sh -c {shlex.quote(text)}",
    "compose exec": lambda text: f"docker compose -f prod.yml exec -T api bash -c {shlex.quote(text)}",
    "compose run": lambda text: f"docker compose run --rm -e A=b api {text}",
    "kubectl exec": lambda text: f"kubectl exec -n shop deploy/api -c app -- {text}",
    "bash": lambda text: f"bash -lc {shlex.quote(text)}",
    "a text for bash": lambda text: f"bash <<END\n{text}\nEND",
    "piped into bash": lambda text: f"echo {shlex.quote(text)} | bash",
    "piped on": lambda text: f"{text} 2>&1 | tee -a out.txt | tail -5",
    "a chain": lambda text: f"cd /srv/app && {text} && echo done",
    "or": lambda text: f"{text} || true",
    "a condition": lambda text: f"if [ -f lock ]; then\n  {text}\nfi",
    "a loop": lambda text: f"while read -r one; do {text}; done < list",
    "a function": lambda text: f"go() {{\n  {text}\n}}\ngo",
    "timeout": lambda text: f"timeout -k 5 30 {text}",
    "nohup": lambda text: f"nohup {text} > /dev/null 2>&1 &",
    "flock": lambda text: f"flock -n /run/lock {text}",
    "nice": lambda text: f"nice -n 10 ionice -c3 {text}",
    "watch": lambda text: f"watch -n 5 {shlex.quote(text)}",
    "xargs": lambda text: f"cat list | xargs -n1 {text}",
    "a comment": lambda text: f"{text}  # careful, don't",
    "a prompt": lambda text: f"$ {text}",
    "a variable": lambda text: f"FOUND=$({text})",
    "within words": lambda text: f'echo "said: $({text})"',
    "a subshell in one": lambda text: f'echo "said: $((cd /srv && {text}))"' if text[0].islower() else f"({text})",
    "su": lambda text: f"su - app -c {shlex.quote(text)}",
    "crontab": lambda text: f"echo {shlex.quote(f'0 3 * * * {text}')} | crontab -",
    "ansible": lambda text: f"ansible all -b -m shell -a {shlex.quote(text)}",
    "gcloud": lambda text: f"gcloud compute ssh vm1 --zone z --command {shlex.quote(text)}",
    "heroku": lambda text: f"heroku run -a shop -- {text}",
    "continued": lambda text: text.replace(" ", " \\\n  "),
    "a blank that does not break": lambda text: text.replace(" ", "\N{NO-BREAK SPACE}", 1),
    "line ends of Windows": lambda text: f"{text}\r\n",
}
SAMPLE: Final = [
    line
    for name in ("disruptive", "destructive")
    for line in [one for one in lines(name) if PLAIN.fullmatch(one) and not NOT_ALONE.match(one)][::EVERY]
]


@pytest.mark.parametrize("way", WRAPPED)
def test_what_carries_a_line_takes_nothing_from_its_danger(way: str) -> None:
    wrong = []
    for line in SAMPLE:
        text = WRAPPED[way](line)
        if meant(text).danger < meant(line).danger:
            wrong.append((text, meant(text).danger.name))
    assert wrong == []


def test_there_are_lines_of_every_kind() -> None:
    assert len(SAMPLE) > 30
    assert len(lines("read")) > 500
    assert sum(len(lines(name)) for name in ("reversible", "disruptive", "destructive")) > 2000
    assert sum(1 for _ in native()) > 250
