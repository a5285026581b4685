"""`opsroom incident`: what there was, one of them in full, and its post-mortem, without a screen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui import verb

if TYPE_CHECKING:
    from desk.incident.incident import Incident
    from tui.incident_papers import Papers


@click.group(cls=verb.Verbs)
def incident() -> None:
    """Incidents that were declared, with everything that happened in their time. Reads only; no system is asked."""


@incident.command(name="list")
@verb.PROFILE
@click.option("--open", "only_open", is_flag=True, help="Only those that go on.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(profile: str | None, only_open: bool, as_json: bool) -> None:
    """All of them, the newest first, and the action items that are not done."""
    from desk.incident import paper
    from desk.incident.timers import open_items

    every, now = _all(_papers(profile)), datetime.now(UTC)
    there = [one for one in every if one.open] if only_open else every
    verb.say(paper.list_as_json(there, now) if as_json else paper.as_list(there, open_items(every), now) + "\n", end="")


@incident.command()
@verb.PROFILE
@click.argument("name", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(profile: str | None, name: str, as_json: bool) -> None:
    """One of them: what is so, what is due, how long things took, and its timeline.

    ID is its id, the beginning or the end of it, or "last".
    """
    papers, now = _papers(profile), datetime.now(UTC)
    verb.say(_told(papers, _one(papers, name), "json" if as_json else "text", now), end="")


@incident.command()
@verb.PROFILE
@click.argument("name", metavar="ID")
@click.option("--markdown", "form", flag_value="markdown", default="markdown", help="The draft of a post-mortem.")
@click.option("--json", "form", flag_value="json", help="Everything that is known, as JSON.")
@click.option("--to", type=click.Path(path_type=Path), help="A file to write; it must not be there.")
def export(profile: str | None, name: str, form: str, to: Path | None) -> None:
    """The draft of a post-mortem in Markdown, in the profile's template, or everything as JSON."""
    from desk.incident.postmortem import strange

    papers, now = _papers(profile), datetime.now(UTC)
    found = _one(papers, name)
    text = _told(papers, found, form, now)
    template = papers.template() if form == "markdown" else None
    if template is not None and (unknown := strange(template)):
        verb.complain(f"opsroom: nothing fills in {', '.join(f'{{{one}}}' for one in unknown)} of the template")
    if to is None:
        verb.say(text, end="")
        return
    try:
        with to.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        verb.refuse(f"opsroom: {to} is already there; it was not touched")
    except OSError as error:
        verb.refuse(f"opsroom: {to} cannot be written: {(error.strerror or '').lower()}")
    verb.say(f"wrote {to}")


def _papers(profile: str | None) -> Papers:
    from tui.incident_papers import Papers

    return Papers(verb.profile_of(profile), verb.whereabouts())


def _all(papers: Papers) -> list[Incident]:
    from tui.incident_papers import NoPapers

    try:
        return papers.incidents()
    except NoPapers as error:
        verb.refuse(f"opsroom: {error}")


def _one(papers: Papers, name: str) -> Incident:
    from desk.incident.incidents import found
    from probes.base import SafeText

    every = _all(papers)
    there = found(every, name)
    if not there:
        newest = ", ".join(one.short for one in reversed(every[-5:]))
        verb.refuse(f"opsroom: there is no incident {SafeText(name, 60)}; there are: {newest or 'none'}")
    if len(there) > 1:
        several = ", ".join(f"{one.short} {SafeText(one.title, 40)}" for one in there[-5:])
        verb.refuse(f"opsroom: {SafeText(name, 60)} is several of them: {several}")
    return there[0]


def _told(papers: Papers, found: Incident, form: str, now: datetime) -> str:
    from desk.incident import paper
    from tui.incident_papers import NoPapers

    try:
        if form == "markdown":
            return papers.post_mortem(found, now)
        entries = papers.entries(found, now)
    except NoPapers as error:
        verb.refuse(f"opsroom: {error}")
    scheme = papers.profile.incidents
    if form == "json":
        return paper.as_json(found, entries, scheme, now)
    return paper.as_text(found, entries, scheme, now) + "\n"
