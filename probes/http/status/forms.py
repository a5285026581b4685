"""The forms in which status pages tell machines how it is: three of JSON, and feeds.

https://metastatuspage.com/api (Statuspage, API v2), https://help.incident.io/articles/status-page-widget (the widget's
summary), https://instatus.com/help/widgets/status-json-api (Instatus), https://www.rfc-editor.org/rfc/rfc4287 (Atom).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Final
from xml.etree import ElementTree

from probes.base import SafeText
from probes.http.body import parse_json
from probes.http.status.facts import Component, Incident, Level, Maintenance

MOST: Final = 300
"""Components, and as many incidents and maintenances, of one page that are kept."""
_RECENT: Final = 86400.0
"""Seconds for which an entry of a feed that does not say whether it is over counts as open."""

_LEVELS: Final[Mapping[str, Level]] = {
    "operational": Level.FINE, "up": Level.FINE, "none": Level.FINE,
    "undermaintenance": Level.MAINTENANCE, "maintenance": Level.MAINTENANCE,
    "degradedperformance": Level.DEGRADED, "minor": Level.DEGRADED, "hasissues": Level.DEGRADED,
    "partialoutage": Level.PARTIAL, "minoroutage": Level.PARTIAL, "major": Level.PARTIAL,
    "majoroutage": Level.MAJOR, "fulloutage": Level.MAJOR, "critical": Level.MAJOR,
}  # fmt: skip
_OVER: Final = re.compile(r"\b(resolved|completed|postmortem|closed|operating normally|is over|fixed)\b", re.I)
_STRONG: Final = re.compile(r"<(?:strong|b)>\s*([A-Za-z][A-Za-z ]{2,30}?)\s*</(?:strong|b)>")
_TAGS: Final = re.compile(r"<[^>]{0,500}>")


class NotUnderstood(ValueError):
    """A body in none of the forms; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Page:
    """A status page, read."""

    form: str
    name: SafeText
    says: SafeText = SafeText()
    components: tuple[Component, ...] = ()
    incidents: tuple[Incident, ...] = ()
    maintenances: tuple[Maintenance, ...] = ()
    updated: datetime | None = None
    more: int = 0


def understood(body: bytes, now: datetime) -> Page:
    """A page in whichever form it comes. Raises `NotUnderstood`."""
    parsed = parse_json(body)
    if not parsed.is_json:
        return _feed(body, now)
    told = parsed.value
    if isinstance(told, dict):
        if isinstance(told.get("ongoing_incidents"), list):
            return _widget(told)
        if isinstance(told.get("page"), dict) and ("activeIncidents" in told or "status" in told["page"]):
            return _instatus(told)
        if isinstance(told.get("page"), dict):
            return _statuspage(told)
    raise NotUnderstood("gives JSON, and not that of a status page")


def components_of(body: bytes) -> tuple[Component, ...]:
    """The components of an Instatus page, which stand in a list of their own."""
    told = parse_json(body).value
    return tuple(_component(one) for one in _tables(told.get("components") if isinstance(told, dict) else None)[:MOST])


# JSON


def _statuspage(told: Mapping[str, Any]) -> Page:
    page, status = told["page"], told.get("status")
    listed = _tables(told.get("components"))
    groups = {one.get("id"): one.get("name") for one in listed if one.get("group") is True}
    components = [_component(one, groups.get(one.get("group_id"))) for one in listed if one.get("group") is not True]
    incidents = [_incident(one) for one in _tables(told.get("incidents"))]
    works = [_maintenance(one) for one in _tables(told.get("scheduled_maintenances"))]
    says = status.get("description") if isinstance(status, dict) else None
    return _page("statuspage", page, says, components, incidents, works, moment(page.get("updated_at")))


def _widget(told: Mapping[str, Any]) -> Page:
    """incident.io's summary: it names components only where something touches them."""
    incidents = [_incident(one) for one in _tables(told["ongoing_incidents"])]
    running, planned = _tables(told.get("in_progress_maintenances")), _tables(told.get("scheduled_maintenances"))
    touched = {
        _text(part.get("id")) or _text(part.get("name")): _component(part)
        for one in _tables(told["ongoing_incidents"])
        for part in _tables(one.get("affected_components"))
    }
    stamps = [moment(one.get("last_update_at")) for one in (*_tables(told["ongoing_incidents"]), *running)]
    updated = max((stamp for stamp in stamps if stamp is not None), default=None)
    page = {"name": told.get("page_title")}
    works = [_maintenance(one, running=True) for one in running] + [_maintenance(one) for one in planned]
    return _page("incident.io", page, None, list(touched.values()), incidents, works, updated)


def _instatus(told: Mapping[str, Any]) -> Page:
    incidents = [_incident(one) for one in _tables(told.get("activeIncidents"))]
    works = [_maintenance(one) for one in _tables(told.get("activeMaintenances"))]
    says = _text(told["page"].get("status"))
    components = [_component(one) for one in _tables(told.get("components"))]
    return _page("instatus", told["page"], says, components, incidents, works, None)


def _page(
    form: str,
    page: Mapping[str, Any],
    says: Any,
    components: list[Component],
    incidents: list[Incident],
    works: list[Maintenance],
    updated: datetime | None,
) -> Page:
    more = sum(max(0, len(some) - MOST) for some in (components, incidents, works))
    return Page(
        form, SafeText(_text(page.get("name")), 80), SafeText(_text(says), 160), _once(components), _once(incidents),
        _once(works), updated, more,
    )  # fmt: skip


def _once(some: list[Any]) -> tuple[Any, ...]:
    """Each key once, the first wins; `MOST` at most."""
    return tuple({one.key: one for one in reversed(some[:MOST])}.values())[::-1]


def _component(one: Mapping[str, Any], group: Any = None) -> Component:
    name = SafeText(_text(one.get("name")) or "unnamed", 80)
    word = _text(one.get("status")) or _text(one.get("current_status"))
    if group is None and isinstance(one.get("group"), dict):
        group = one["group"].get("name")
    return Component(
        key=str(SafeText(_text(one.get("id")) or str(name), 80)),
        name=name,
        word=SafeText(word.replace("_", " ").lower() or "not told", 40),
        level=level_of(word),
        group=SafeText(_text(group or one.get("group_name")), 60),
        updated=moment(one.get("updated_at")),
    )


def _incident(one: Mapping[str, Any]) -> Incident:
    updates = _tables(one.get("incident_updates"))
    word = _text(one.get("status")).lower().replace("_", " ")
    latest = _text(updates[0].get("body")) if updates else _text(one.get("last_update_message"))
    name = SafeText(_text(one.get("name")) or "unnamed", 160)
    return Incident(
        key=str(SafeText(_text(one.get("id")) or str(name), 80)),
        name=name,
        word=SafeText(word or "not told", 40),
        open=not _OVER.search(word),
        level=level_of(_text(one.get("impact")) or _text(one.get("current_worst_impact"))),
        started=moment(one.get("started_at") or one.get("created_at") or one.get("started")),
        updated=moment(one.get("updated_at") or one.get("last_update_at")),
        latest=SafeText(_plain(latest), 400),
        parts=_parts(one),
    )


def _maintenance(one: Mapping[str, Any], running: bool = False) -> Maintenance:
    word = _text(one.get("status")).lower().replace("_", " ")
    name = SafeText(_text(one.get("name")) or "unnamed", 160)
    return Maintenance(
        key=str(SafeText(_text(one.get("id")) or str(name), 80)),
        name=name,
        word=SafeText(word or "not told", 40),
        running=running or word in ("in progress", "inprogress", "verifying", "maintenance in progress"),
        begins=moment(one.get("scheduled_for") or one.get("starts_at") or one.get("start") or one.get("started_at")),
        ends=moment(one.get("scheduled_until") or one.get("ends_at")),
        parts=_parts(one),
    )


def _parts(one: Mapping[str, Any]) -> tuple[SafeText, ...]:
    there = _tables(one.get("components")) or _tables(one.get("affected_components"))
    return tuple(SafeText(_text(part.get("name")), 80) for part in there[:MOST] if _text(part.get("name")))


def level_of(word: str) -> Level | None:
    """How bad a page's word is.

    >>> level_of("degraded_performance"), level_of("MAJOROUTAGE"), level_of("purple")
    (<Level.DEGRADED: 2>, <Level.MAJOR: 4>, None)
    """
    return _LEVELS.get(re.sub(r"[^a-z]", "", word.lower()))


# feeds


def _feed(body: bytes, now: datetime) -> Page:
    start = body.lstrip()[:1]
    if start != b"<":
        raise NotUnderstood("gives neither JSON nor a feed")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body or b"<!doctype" in body:
        raise NotUnderstood("gives a web page")
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise NotUnderstood("gives a web page, or a feed that is broken off") from None
    name = _local(root)
    if name not in ("feed", "rss", "RDF"):
        raise NotUnderstood("gives a web page" if name == "html" else "gives XML that is no feed")
    entries = [one for one in root.iter() if _local(one) in ("entry", "item")]
    holder = root if name == "feed" else next((one for one in root if _local(one) == "channel"), root)
    incidents = [_entry(one, now) for one in entries[:MOST]]
    stamps = [one.updated for one in incidents if one.updated is not None]
    own = moment(_child(holder, "updated", "lastBuildDate", "pubDate"))
    return Page(
        form="feed",
        name=SafeText(_child(holder, "title"), 80),
        incidents=_once(incidents),
        updated=max(stamps, default=own),
        more=max(0, len(entries) - MOST),
    )


def _entry(one: ElementTree.Element, now: datetime) -> Incident:
    title, text = _child(one, "title"), _child(one, "content", "description", "summary")
    updated = moment(_child(one, "updated", "pubDate", "date"))
    first = _STRONG.search(text[:4000])
    word = first[1].strip().lower() if first is not None else ""
    over = _OVER.search(title) or _OVER.search(word)
    age = (now - updated).total_seconds() if updated is not None else None
    told = False if over else True if word else None
    if told is None and (age is None or age > _RECENT):
        told = False if age is not None else None
    return Incident(
        key=str(SafeText(_child(one, "id", "guid", "link") or title, 200)),
        name=SafeText(_plain(title) or "unnamed", 160),
        word=SafeText(word or ("resolved" if over else "not told"), 40),
        open=told,
        started=moment(_child(one, "published")),
        updated=updated,
        latest=SafeText(_plain(text), 400),
    )


def _local(one: ElementTree.Element) -> str:
    return str(one.tag).rpartition("}")[2]


def _child(one: ElementTree.Element, *names: str) -> str:
    """The text of the first child with the first of these names that there is."""
    for name in names:
        found = next((child for child in one if _local(child) == name), None)
        if found is not None:
            return (found.text or found.get("href") or "").strip()
    return ""


# what stands in them


def moment(value: object) -> datetime | None:
    """A time with its zone, as JSON, Atom and RSS write it, aware UTC; None when there is none."""
    if not isinstance(value, str) or not value:
        return None
    found = None
    try:
        found = datetime.fromisoformat(value[:40])
    except ValueError:
        try:
            found = parsedate_to_datetime(value[:60])
        except (ValueError, TypeError, OverflowError):
            return None
    try:
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def _tables(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _plain(text: str) -> str:
    """Text out of HTML, on one line."""
    return " ".join(unescape(_TAGS.sub(" ", text[:8000])).split())
