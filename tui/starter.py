"""What `opsroom init` writes: a commented profile of everything discovered on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from probes.base import Found, SafeText
from tui.kinds import Kinds


def starter(found: Iterable[tuple[str, Found]], kinds: Kinds) -> str:
    """The text of a profile; every setting that isn't set stands there commented out with its default."""
    name = os.uname().nodename.split(".")[0]
    parts = [
        "# A profile describes one system. Check it with: opsroom config validate",
        f"system = {_toml(name)}",
        '# environment = "production"   # shown beside the name',
        "# production = true            # marks every screen",
        '# runbook = "RUNBOOK.md"       # or several, beside this file: p opens their procedures',
        "",
    ]
    there = list(found)
    for kind, one in there:
        parts += [f"# {SafeText(one.why)}", *_table(kind, one.name, one.settings, kinds)]
    missing = [kind for kind in kinds.names() if kind not in {name for name, _ in there}]
    if missing:
        parts.append("# Other kinds, not found on this machine:")
        parts += [f"#   [{name}.NAME]  {kinds.kind(name).summary}" for name in missing]
    parts += ["", *_PEOPLE]
    parts += [
        "",
        "# A rule of your own, another limit for a known one, or one switched off:",
        "# [[rule]]",
        '# kind = "host"',
        '# name = "memory"',
        "# threshold = 0.95",
    ]
    return "\n".join(parts) + "\n"


_PEOPLE: Final = (
    "# Who is told of alerts. Secrets are references; opsroom notify test team sends a test:",
    "# [notify.team]",
    '# kind = "slack"',
    '# url = "env:OPSROOM_SLACK"',
    "#",
    "# [notify.pager]",
    '# kind = "pagerduty"',
    '# routing_key = "env:OPSROOM_PAGERDUTY"',
    "",
    "# How incidents are handled: who is to be at it when, who is told how often, whom to call.",
    "# [incident]",
    '# respond = "15m"',
    '# internal = "30m"',
    '# public = "1h"',
    '# watch = "30m"',
    "#",
    "# [[severity]]",
    '# name = "P1"',
    '# about = "a complete outage, data loss"',
    '# page = ["pager"]',
    '# notify = ["lead"]',
    "#",
    "# [contacts.lead]",
    '# role = "engineering lead"',
    '# phone = "555-0100"',
    "#",
    "# [[escalation]]",
    '# contact = "lead"',
    '# after = "15m"',
    '# since = "unacknowledged"',
)
"""Examples of what nobody can find out by looking at a machine."""


def _table(kind: str, name: str, settings: Mapping[str, Any], kinds: Kinds) -> list[str]:
    lines = [f"[{kind}.{name}]", *(f"{key} = {_toml(value)}" for key, value in settings.items())]
    model: type[BaseModel] = kinds.facts(kind).settings_type
    for key, field in model.model_fields.items():
        if key not in settings:
            default = field.get_default(call_default_factory=True)
            shown = "..." if default is None or default is PydanticUndefined else _toml(default)
            lines.append(f"# {key} = {shown}   # {' '.join((field.description or '').split())}".rstrip(" #"))
    return [*lines, ""]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_toml(str(key))} = {_toml(one)}" for key, one in value.items()) + " }"
            if value
            else "{}"
        )
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, Enum):
        return _toml(value.value)
    return json.dumps(str(SafeText(str(value))), ensure_ascii=False)
