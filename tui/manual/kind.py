"""The page of one kind: what it reads, what is worth attention, what can be done, and the rights for both."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

from desk.words import amount, counted, plural, span
from probes.base import Action, GaugeSpec, Rule
from probes.base.target import Settings
from tui.keys import KEYS, shown
from tui.kinds import Kind, Kinds
from tui.manual.markdown import settings, table

RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "alb": ("aws/alb-read.json",),
    "alertmanager": ("grafana/README.md",),
    "backups": ("backups/roles.sql", "backups/s3.json"),
    "certificates": ("certbot/opsroom.sudoers",),
    "cloudwatch": ("aws/cloudwatch-read.json", "aws/cloudwatch-act.json"),
    "cloudwatch_logs": ("aws/cloudwatch_logs-read.json", "aws/cloudwatch_logs-act.json"),
    "docker": ("docker/README.md", "ssh/authorized_keys"),
    "ecs": ("aws/ecs-read.json", "aws/ecs-act.json"),
    "elasticache": ("aws/elasticache-read.json", "aws/elasticache-act.json"),
    "grafana": ("grafana/README.md",),
    "host": ("ssh/authorized_keys",),
    "kubernetes": ("kubernetes/view.yaml", "kubernetes/act.yaml"),
    "pagerduty": ("pagerduty/README.md",),
    "postgres": ("postgres/roles.sql", "postgres/care.sql"),
    "queues": ("redis/opsroom_read.acl", "redis/opsroom_act.acl"),
    "rds": ("aws/rds-read.json", "aws/rds-act.json"),
    "redis": ("redis/opsroom_read.acl", "redis/opsroom_cache.acl", "redis/opsroom_cache_admin.acl"),
    "rotation": ("rotation/opsroom.sudoers",),
    "s3": ("aws/s3-read.json",),
    "secrets": ("aws/secrets-read.json", "aws/secrets-act.json"),
    "sentry": ("sentry/README.md",),
    "sql": ("postgres/saved.sql",),
    "sqs": ("aws/sqs-read.json", "aws/sqs-act.json"),
    "systemd": ("systemd/50-opsroom.rules", "systemd/opsroom.sudoers", "ssh/authorized_keys"),
}
"""Files of `contrib/` that grant what a kind needs, and no more. One that is not here needs only to be reached."""

_SYSTEMS: Final = ("newsletter", "whatsapp_notifications", "social_live", "social_analytics", "insta_connect")
_DANGERS: Final = ("changes nothing", "reversible", "disruptive", "destructive")


def kind_page(kind: Kind, kinds: Kinds) -> str:
    """The whole page, Markdown."""
    facts = kinds.facts(kind.name)
    lines = [f"# {kind.name}: {kind.summary}", "", *_about(facts), ""]
    if example := _example(kind.name):
        lines += ["## In a profile", "", "```toml", *example, "```", ""]
    lines += ["## Settings", "", *settings(facts.settings_type.model_json_schema(), _shared(facts.settings_type)), ""]
    lines += ["What every kind has besides (`every`, `timeout`, ...) is in the page on the profile.", ""]
    lines += ["## Gauges", "", "For rules, charts, checklists and replay, as `NAME.gauge`.", ""]
    lines += [*table(["gauge", "unit", "what it says"], map(_gauge, facts.gauges)), ""]
    if facts.rules:
        units = {one.name: one for one in facts.gauges}
        lines += ["## What is worth attention by itself", ""]
        lines += ["Limits of ours, where the profile says nothing; `[[rule]]` changes or mutes them.", ""]
        lines += [*table(["alert", "when", "severity", "what it says"], (_rule(one, units) for one in facts.rules)), ""]
    lines += ["## Acts", "", *_acts(kind, kinds), "", "## Rights", "", *_rights(kind.name)]
    return "\n".join(lines) + "\n"


def _about(facts: type[Any]) -> Iterator[str]:
    """What its module says of itself."""
    module = sys.modules[facts.__module__]
    yield from (module.__doc__ or "").strip().splitlines()


def _shared(model: type[Settings]) -> list[str]:
    """Keys that every kind has, where this one does not think differently of them."""
    return [
        name
        for name, field in Settings.model_fields.items()
        if model.model_fields[name].get_default() == field.get_default()
    ]


def _gauge(one: GaugeSpec) -> tuple[str, str, str]:
    return f"`{one.name}`", one.unit.value, one.help + (" Grows until its source restarts." if one.counter else "")


def _rule(one: Rule, specs: Mapping[str, GaugeSpec]) -> tuple[str, str, str, str]:
    spec = specs[one.gauge]
    said = f"`{one.gauge}` {one.op} {amount(one.threshold, spec.unit)}"
    if one.hold:
        said += f" for {span(one.hold)}"
    if one.consecutive > 1:
        said += f", {plural(one.consecutive, 'reading')} in a row"
    if one.samples:
        floor = amount(one.min_samples, specs[one.samples].unit) if one.samples in specs else f"{one.min_samples:g}"
        said += f", while `{one.samples}` >= {floor}"
    if one.clear is not None:
        said += f"; clear at {amount(one.clear, spec.unit)}"
    told = re.sub(r"\{(\w+):([\w ]+)\}", lambda found: counted(f"{{{found[1]}}}", found[2]), one.say)
    return f"`{one.name}`", said, one.severity.name.lower(), told


def _acts(kind: Kind, kinds: Kinds) -> Iterator[str]:
    actuator = kinds.actuator(kind.name)
    if actuator is None:
        yield "None: it is only looked at."
        return
    key = next(shown(one.keys) for one in KEYS if one.id == "over.act")
    yield f"`{key}` on a row lists them; each goes through the dialog, once, and is looked at until it is true."
    yield ""
    yield from table(["act", "what it does", "needs", "cost"], map(_act, actuator.actions))


def _act(one: Action) -> tuple[str, str, str, str]:
    needs = []
    if one.number is not None:
        needs.append(f"{one.number.what} ({one.number.least} to {one.number.most})")
    if one.word is not None:
        needs.append(one.word.what)
    if one.hidden:
        needs.append(one.hidden if one.shown else f"{one.hidden}, unseen")
    return f"`{one.name}`", one.what, ", ".join(needs), _DANGERS[one.danger]


def _rights(kind: str) -> Iterator[str]:
    granted = RIGHTS.get(kind)
    if granted:
        yield "Ready to adapt, and no more than is needed:"
        yield ""
        yield from (f"- `contrib/{path}`" for path in granted)
        yield ""
    else:
        yield "Who can reach it can read it; there is nothing to grant."
    yield "`opsroom doctor` tells what is missing for looking and for acting, and what is too much."


def _example(kind: str) -> list[str]:
    """The first target of that kind in the profiles of the example systems; none: nobody has one."""
    for system in _SYSTEMS:
        text = (files("systems") / system / "opsroom.toml").read_text(encoding="utf-8")
        found = re.search(rf"^\[{kind}\.([A-Za-z0-9_-]+)\]\n(?:(?!\[(?!{kind}\.\1\.)).*\n)*", text, re.M)
        if found:
            lines = found[0].rstrip().splitlines()
            while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
                lines.pop()  # a comment at the end belongs to what follows
            return lines
    return []
