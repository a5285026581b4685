"""Incidents for who has no screen: a list, one in words, and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from desk.incident.incident import Incident, Item
from desk.incident.postmortem import Took, took
from desk.incident.record import Role
from desk.incident.scheme import Scheme
from desk.incident.timeline import Entry, skews_of
from desk.incident.timers import timers
from desk.words import plural, span
from probes.base import SafeText

VERSION: Final = 1
"""Of the JSON form; grows when it changes."""

_NAME: Final = 60
_LONG: Final = 300


def as_list(incidents: Sequence[Incident], items: Sequence[tuple[Incident, Item]], now: datetime) -> str:
    """A line each, the newest first, and the action items that are not done."""
    if not incidents:
        return "there was no incident"
    lines = []
    for one in reversed(incidents):
        stage = "joined" if one.joined else one.stage.value
        lasted = span((_end(one, now) - one.at).total_seconds())
        line = f"{one.short}  {_time(one.at)}  {_text(one.level, 8):<8}  {stage:<13}  {lasted:>7}  {_text(one.title)}"
        lines.append(line + ("  SECURITY" if one.security is not None else ""))
    if items:
        late = sum(item.overdue(now) for _, item in items)
        lines += ["", f"{plural(len(items), 'action item')} to do, {late} overdue:"]
        lines += [_item(item, now, one.short) for one, item in items]
    return "\n".join(lines)


def as_text(incident: Incident, entries: Sequence[Entry], scheme: Scheme, now: datetime) -> str:
    """One incident: what is so now, what is due, how long things took, and its timeline."""
    lines = [
        f"{incident.short}  {_text(incident.level)}  {_text(incident.title, _LONG)}",
        f"{incident.stage.value}, declared {_time(incident.at)} by {_text(incident.by)}, lasting "
        + span(max(0.0, (_end(incident, now) - incident.at).total_seconds())),
        *_now(incident),
    ]
    if due := timers(incident, scheme, now):
        lines += ["", "due"]
        for one in due:
            left = one.left(now)
            when = f"in {span(left)}" if left > 0 else f"for {span(-left)}"
            lines.append(f"  {_time(one.due)}  {when:>10}  {_text(one.words, _LONG)}")
            if one.contact is not None and one.contact.ways:
                lines.append(f"{'':32}{_text(', '.join(one.contact.ways), _LONG)}")
    lines += ["", "took"]
    lines += [f"  to {one.name:<12}{one!s:>10}  {_text(one.how, _LONG)}" for one in took(incident)]
    if incident.items:
        lines += ["", "action items", *(_item(item, now) for item in incident.items)]
    lines += ["", "timeline (UTC)", *(f"  {skew}" for skew in map(_skew, skews_of(entries)))]
    lines += [_entry(one) for one in entries]
    return "\n".join(lines)


def as_json(incident: Incident, entries: Sequence[Entry], scheme: Scheme, now: datetime) -> str:
    """One incident for programs: moments as ISO 8601, lengths in seconds, null for what is not known; in ASCII."""
    due = timers(incident, scheme, now)
    body = {
        "version": VERSION,
        **_head(incident, now),
        "declared_by": incident.by,
        "detected": _iso(incident.detected),
        "began": _iso(incident.began),
        "acknowledged": _iso(incident.acknowledged.at) if incident.acknowledged is not None else None,
        "mitigated": _iso(incident.mitigated),
        "resolved": _iso(incident.resolved),
        "eta": _iso(incident.eta),
        "impact": incident.impact,
        "cause": incident.cause,
        "roles": {role.value: incident.roles.get(role) for role in Role},
        "people": list(incident.people),
        "flags": {name: _iso(at) for name, at in incident.flags.items()},
        "links": [{"kind": one.kind, "id": one.id, "words": one.words} for one in incident.links],
        "phases": [{"stage": one.stage.value, "at": _iso(one.at), "by": one.by} for one in incident.phases],
        "took": {one.name: _took(one) for one in took(incident)},
        "due": [{"kind": one.kind.value, "at": _iso(one.due), "words": one.words} for one in due],
        "items": [_told_item(one, now) for one in incident.items],
        "clocks": [str(one) for one in skews_of(entries)],
        "timeline": [_told_entry(one) for one in entries],
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def list_as_json(incidents: Sequence[Incident], now: datetime) -> str:
    """All of them for programs, the newest first."""
    body = {"version": VERSION, "incidents": [_head(one, now) for one in reversed(incidents)]}
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def _head(incident: Incident, now: datetime) -> dict[str, Any]:
    return {
        "id": incident.id,
        "short": incident.short,
        "title": incident.title,
        "severity": incident.level,
        "status": incident.stage.value,
        "open": incident.open,
        "joined": incident.joined or None,
        "security": incident.security.reason if incident.security is not None else None,
        "declared": _iso(incident.at),
        "ended": _iso(incident.resolved),
        "seconds": round((_end(incident, now) - incident.at).total_seconds(), 3),
        "items_open": len(incident.open_items()),
    }


def _now(incident: Incident) -> Iterator[str]:
    said: Mapping[str, str] = {
        "impact": incident.impact,
        "expected end": _time(incident.eta) if incident.eta is not None else "",
        "roles": ", ".join(f"{role.value} {who}" for role, who in incident.roles.items()),
        "so": ", ".join(incident.flags),
        "evidence": incident.security.reason if incident.security is not None else "",
        "cause": incident.cause,
        "joined with": incident.joined[-6:],
    }
    yield from (f"{name}: {_text(text, _LONG)}" for name, text in said.items() if text)


def _entry(entry: Entry) -> str:
    mark = "*" if entry.behind else " "
    change = f" ({_text(entry.before) or '?'} -> {_text(entry.after) or '?'})" if entry.before or entry.after else ""
    verdict = f" [{_text(entry.verdict)}]" if entry.verdict else ""
    who = f"  {_text(entry.by)}" if entry.by else ""
    where = f"{_text(entry.target)}: " if entry.target else ""
    return f"  {_time(entry.at, seconds=True)}{mark} {where}{_text(entry.words, _LONG)}{change}{verdict}{who}"


def _item(item: Item, now: datetime, short: str = "") -> str:
    box = "[x]" if item.done is not None else "[ ]"
    due = f", due {item.due:%Y-%m-%d}" if item.due is not None else ""
    late = ", OVERDUE" if item.overdue(now) else ""
    owner = _text(item.owner) if item.owner else "nobody"
    return f"  {box} {short + '  ' if short else ''}{_text(item.text, _LONG)}  ({owner}{due}{late})"


def _told_item(item: Item, now: datetime) -> dict[str, Any]:
    return {
        "id": item.id, "text": item.text, "owner": item.owner or None, "due": _iso(item.due),
        "done": _iso(item.done.at) if item.done is not None else None, "overdue": item.overdue(now),
    }  # fmt: skip


def _told_entry(entry: Entry) -> dict[str, Any]:
    more = {
        "target": entry.target, "before": entry.before, "after": entry.after, "verdict": entry.verdict,
        "detail": entry.detail, "about": entry.about, "host": entry.host, "reactions": list(entry.reactions),
    }  # fmt: skip
    told = {"id": entry.id, "at": _iso(entry.at), "source": entry.source.value, "by": entry.by, "words": entry.words}
    return told | {name: value for name, value in more.items() if value} | ({"behind": True} if entry.behind else {})


def _took(one: Took) -> dict[str, Any]:
    return {"seconds": one.seconds, "how": one.how}


def _end(incident: Incident, now: datetime) -> datetime:
    if incident.resolved is not None:
        return max(incident.at, incident.resolved)
    return max(incident.at, incident.last.at if incident.joined else now)


def _skew(skew: object) -> SafeText:
    return SafeText(str(skew), _LONG)


def _text(text: str, most: int = _NAME) -> str:
    return str(SafeText(" ".join(text.split()), most))


def _time(at: datetime | None, seconds: bool = False) -> str:
    return f"{at.astimezone(UTC):{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}}" if at is not None else "-"


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="milliseconds") if at is not None else None
