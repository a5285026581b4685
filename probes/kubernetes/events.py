"""Warnings the cluster reports, put together by object and reason; and the certificates of cert-manager."""

from __future__ import annotations

from collections.abc import Iterable

from probes.base import SafeText
from probes.kubernetes.facts import Certificate, Event
from probes.kubernetes.parse import (
    Row,
    conditions,
    holds,
    items,
    moment,
    names,
    raw,
    row_of,
    sentence,
    table,
    text,
    whole,
)


def event(item: Row) -> Event | None:
    """One event of core/v1, also as the newer API writes it there (eventTime and series)."""
    about = table(item.get("involvedObject"))
    name = raw(about.get("name"))
    if not name:
        return None
    series = table(item.get("series"))
    last = (
        moment(series.get("lastObservedTime"))
        or moment(item.get("lastTimestamp"))
        or moment(item.get("eventTime"))
        or moment(table(item.get("metadata")).get("creationTimestamp"))
    )
    return Event(
        about=row_of(about.get("kind"), about.get("namespace"), name),
        kind=text(about.get("kind"), 60),
        namespace=text(about.get("namespace")),
        name=text(name),
        reason=text(item.get("reason"), 80),
        said=sentence(item.get("message"), 400),
        count=max(1, whole(series.get("count")) or whole(item.get("count"), 1)),
        first=moment(item.get("firstTimestamp")) or moment(item.get("eventTime")) or last,
        last=last,
    )


def grouped(found: Iterable[Event], most: int) -> tuple[Event, ...]:
    """Events of the same object and reason as one, the newest first, at most so many."""
    together: dict[str, Event] = {}
    for one in found:
        known = together.get(one.key)
        together[one.key] = one if known is None else _joined(known, one)
    ranked = sorted(together.values(), key=lambda one: one.last.timestamp() if one.last else 0.0, reverse=True)
    return tuple(ranked[:most])


def _joined(one: Event, other: Event) -> Event:
    newer = other if (other.last and one.last and other.last > one.last) else one
    firsts = [moment for moment in (one.first, other.first) if moment is not None]
    return Event(
        about=newer.about,
        kind=newer.kind,
        namespace=newer.namespace,
        name=newer.name,
        reason=newer.reason,
        said=newer.said,
        count=one.count + other.count,
        first=min(firsts, default=None),
        last=newer.last,
    )


def certificate(item: Row) -> Certificate | None:
    """One Certificate of cert-manager (https://cert-manager.io/docs/reference/api-docs/)."""
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    spec, status = table(item.get("spec")), table(item.get("status"))
    ready = conditions(status).get("Ready")
    said = sentence(table(ready).get("message"), 240)
    return Certificate(
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        ready=holds(ready) is True,
        why=SafeText() if holds(ready) else said or SafeText("has not been issued yet"),
        not_before=moment(status.get("notBefore")),
        not_after=moment(status.get("notAfter")),
        renewal=moment(status.get("renewalTime")),
        names=tuple(text(one) for one in items(spec.get("dnsNames"))[:12]),
        secret=text(spec.get("secretName")),
    )
