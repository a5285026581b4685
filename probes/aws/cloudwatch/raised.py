"""The alarms that have gone off, as alerts for the inbox. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from probes.aws.cloudwatch.facts import Alarm, CloudWatchFacts
from probes.base import Raised, SafeText, Severity, fingerprint_of, secure_link

CONSOLES: Final = {"cn": "console.amazonaws.cn", "us-gov": "console.amazonaws-us-gov.com"}
"""Hosts of the console in partitions of their own."""
_RUNBOOK: Final = re.compile(
    r"(?i)\b(?:runbook|playbook|procedure)(?:[ _]url)?\b[\"']?\s*[:=]?\s*[\"']?([^\s\"'<>,]{2,500})"
)
"""Where a description names the procedure: "Runbook: https://wiki.example/cpu"."""


def raised_of(facts: CloudWatchFacts) -> Iterator[Raised]:
    """The alarms in ALARM that are news to a person. CloudWatch gives no severity: each counts as critical."""
    for one in facts.raised:
        yield Raised(
            key=one.key,
            name=one.name,
            severity=Severity.CRITICAL,
            words=SafeText(f"{one.name} in ALARM: {_why(one)}", 600),
            since=one.since,
            labels=(("type", one.type),),
            value=one.value,
            limit=one.limit,
            row=one.key,
            fingerprint=fingerprint_of([("arn", one.arn)]),
            link=_link(one),
            procedure=_procedure(str(one.description)),
            silenced=not one.enabled or bool(one.suppressed),
        )


def _why(one: Alarm) -> str:
    if one.type != "metric" or not one.threshold:
        return str(SafeText(str(one.reason or one.threshold), 300))
    at = f", at {one.value:g}" if one.value is not None else ""
    return f"{SafeText(str(one.threshold), 300)}{at}"


def _link(one: Alarm) -> str:
    region = one.arn.split(":")[3] if one.arn.count(":") >= 6 else ""
    if not re.fullmatch(r"[a-z0-9-]{5,30}", region):
        return ""
    return secure_link(f"{console(region)}#alarmsV2:alarm/{quote(one.key, safe='')}")


def console(region: str) -> str:
    """Where a region's console shows CloudWatch."""
    own = next((host for start, host in CONSOLES.items() if region.startswith(f"{start}-")), "")
    return f"https://{own or f'{region}.console.aws.amazon.com'}/cloudwatch/home?region={region}"


def _procedure(description: str) -> str:
    found = _RUNBOOK.search(description)
    if found is None:
        return ""
    name = found[1].rstrip(".;)")
    return secure_link(name) if "://" in name else name
