"""The page on the profile: everything that may stand in one, but for the settings of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from desk.profile import schema
from probes.base.target import Settings
from tui.kinds import Kinds
from tui.manual.markdown import Schema, settings, table
from tui.preferences import Preferences

_TABLES: Final = {
    "rule": ("[[rule]]", "A limit of your own, or a change to one of ours."),
    "checklist": ("[[checklist]]", "What a shift goes through. It may stand in the runbook instead."),
    "severity": ("[[severity]]", "The levels of an incident, worst first. Without any there are four of ours."),
    "incident": ("[incident]", "How incidents go here."),
    "contacts": ("[contacts.NAME]", "Who is told, and how."),
    "escalation": ("[[escalation]]", "Who is next when nobody answers."),
    "message": ("[[message]]", "Texts that are filled in from an incident."),
}


def profile_page(kinds: Kinds) -> str:
    """The whole page, Markdown."""
    whole = schema(kinds)
    definitions = whole["$defs"]
    names = kinds.names()
    own = [*names, *_TABLES, "notify"]
    lines = ["# The profile", ""]
    lines += [
        "One TOML file per system, in your configuration folder (`opsroom info` says where) or given with `-c`. The",
        "names of targets are unique in it, unknown keys are errors, secrets are only ever references. `opsroom init`",
        "writes one, `opsroom config validate` tells every mistake at once, `opsroom config schema` serves an editor.",
        "",
        "## The head",
        "",
        *settings(whole, own),
        "",
        "## Targets: `[KIND.NAME]`",
        "",
        "Every kind has these; a page of its own tells the rest.",
        "",
        *settings(Settings.model_json_schema()),
        "",
        *table(["kind", "what it watches"], ((f"[{one.name}](kinds/{one.name}.md)", one.summary) for one in kinds)),
    ]
    for key, (head, about) in _TABLES.items():
        lines += ["", f"## `{head}`", "", about, "", *settings(_of(whole, key))]
    lines += _channels({key: one for key, one in definitions.items() if key.startswith("notify-")})
    lines += ["", "## `preferences.toml`", "", "What is yours and no system's: theme, keys.", ""]
    lines += settings(Preferences.model_json_schema())
    return "\n".join(lines) + "\n"


def _channels(schemas: Mapping[str, Schema]) -> list[str]:
    """What every channel has, once, and then what each has for itself."""
    every = list(schemas.values())
    keys = every[0]["properties"]
    shared = [key for key in keys if all(one["properties"].get(key) == keys[key] for one in every)]
    lines = ["", "## `[notify.NAME]`", "", "Through which people are told of alerts. Every channel has:", ""]
    lines += settings({**every[0], "properties": {key: keys[key] for key in shared}})
    for key, one in schemas.items():
        lines += ["", f'With `kind = "{key.removeprefix("notify-")}"` also:', "", *settings(one, (*shared, "kind"))]
    return lines


def _of(whole: Schema, key: str) -> dict[str, Any]:
    """The schema of one table, with what it refers to."""
    node = whole["properties"][key]
    for step in ("items", "additionalProperties"):
        if isinstance(node.get(step), dict):
            node = node[step]
            break
    if "$ref" in node:
        node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    return {**node, "$defs": {**whole["$defs"], **node.get("$defs", {})}}
