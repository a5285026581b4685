"""Runbooks made by hand, for tests of what is done with them."""

from __future__ import annotations

from typing import Any

from desk.runbook.book import Command, Parameter, Part, Phase, Procedure, Runbook, Step, StepKind
from probes.base import Danger, Sort, Verb


def command(text: str, sort: Sort = Sort.SHELL, **more: Any) -> Command:
    return Command(1, 1, text, sort=sort, verb=more.pop("verb", Verb.OTHER), **more)


def step(title: str, kind: StepKind = StepKind.NOTE, made: Command | None = None, **more: Any) -> Step:
    return Step(more.pop("line", 1), more.pop("line", 1), kind, title, command=made, **more)


def action(text: str, title: str = "", kind: str = "toy", **more: Any) -> Step:
    made = command(text, Sort.ACTION, kind=kind, danger=more.pop("danger", Danger.DISRUPTIVE), **more)
    return step(title or text, StepKind.ACTION, made)


def reading(text: str, target: str = "", kind: str = "toy", **more: Any) -> Step:
    return step(text, StepKind.READING, command(text, Sort.READING, kind=kind, target=target, **more))


def shell(text: str, **more: Any) -> Step:
    return step(text, StepKind.SHELL, command(text, danger=more.pop("danger", Danger.DISRUPTIVE), **more))


def part(title: str, *steps: Step, phase: Phase = Phase.INVESTIGATION) -> Part:
    return Part(1, title, phase, steps)


def procedure(title: str, *parts: Part, **more: Any) -> Procedure:
    return Procedure(more.pop("line", 10), more.pop("end_line", 40), title, more.pop("level", 2), parts, **more)


def runbook(*procedures: Procedure, path: str = "/srv/RUNBOOK.md", sha256: str = "a" * 64, **more: Any) -> Runbook:
    return Runbook(path, sha256, more.pop("title", "Toys at night"), procedures, **more)


NAME = Parameter("name", ("<name>",), (3,))
TOKEN = Parameter("token", ("<token>",), (4,), secret=True)

KITES = procedure(
    "Too many kites",
    part(
        "Symptoms",
        step("Children point at the sky."),
        reading("toy list", "kite"),
    ),
    part(
        "Resolution",
        step("Which way?", StepKind.DECISION),
        action("toy restart -- <name>", "Start it anew", placeholders=("<name>",)),
        shell("cd /srv/toys && TOKEN=$(toy login)", sets=("TOKEN",), folder="/srv/toys"),
        step("Let it settle", StepKind.TIMER, seconds=300.0),
        phase=Phase.RESOLUTION,
    ),
    part("Verification", step("The sky is empty", StepKind.SIGN_OFF), phase=Phase.VERIFICATION),
)
