"""Commands inside a line of `aws`: what Systems Manager sends to instances, and what runs in a task of ECS."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from probes.aws.dialect_line import Said
from probes.base import CommandLine, Danger, Within

_BETWEEN: Final = re.compile(r"(?<!\\)[\"']\s*,\s*[\"']")
_SHELL: Final = re.compile(r"\S*/?(?:ba|a|z|da)?sh(?:\s+-l|\s+-i)*")
_SESSION: Final = "it needs the Session Manager plugin, and a task that was started with ECS Exec turned on"


def carried(said: Said, line: CommandLine) -> Within | None:
    """The command that a line carries; None when it carries none, or none that can be read."""
    match said.service, said.operation:
        case "ssm", "send-command":
            script = "\n".join(_sent(said))
            hosts = said.target()
            return _within(f"instance {hosts}".strip(), hosts, script, "ssm", line) if script else None
        case "ssm", "start-session":
            script = "\n".join(_parameter(" ".join(said.flags.get("parameters", ())), "command"))
            interactive = "Interactive" in (said.one("document-name") or "")
            return _within(f"instance {said.target()}", said.target(), script, "ssm", line) if interactive else None
        case "ecs", "execute-command":
            script = " ".join(said.flags.get("command", ()))
            task = said.one("task") or ""
            place = " ".join([f"task {task}", *(f"container {name}" for name in said.flags.get("container", ()))])
            return _within(place, task, script, "ecs", line, _SESSION)
    return None


def _within(place: str, target: str, script: str, system: str, line: CommandLine, warning: str = "") -> Within:
    typed = not script.strip() or _SHELL.fullmatch(script.strip()) is not None
    return Within(
        place,
        script=script,
        stdin=line.stdin,
        system=system,
        kind="ecs" if system == "ecs" else "",
        target=target,
        least=Danger.DISRUPTIVE if typed else Danger.READ,
        interactive=typed,
        warning=warning,
    )


def _sent(said: Said) -> Sequence[str]:
    """The commands of AWS-RunShellScript, in each of the ways `--parameters` is written.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
    """
    if "PowerShell" in (said.one("document-name") or ""):
        return ()
    return _parameter(" ".join(said.flags.get("parameters", ())), "commands")


def _parameter(text: str, name: str) -> list[str]:
    """A parameter's values out of JSON or of the shorthand; what is neither is one value as it stands.

    >>> _parameter('{"commands": ["df -h", "uptime"]}', "commands")
    ['df -h', 'uptime']
    >>> _parameter('commands=["systemctl restart web"],executionTimeout=["60"]', "commands")
    ['systemctl restart web']
    >>> _parameter("commands=uptime", "commands")
    ['uptime']
    """
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict):
        found = told.get(name, told.get("commands", []))
        return [str(one) for one in (found if isinstance(found, list) else [found])]
    found = re.search(rf"(?:^|[,\s]){name}\s*=\s*(.*)", text, re.DOTALL)
    return _values(found[1]) if found else []


def _values(text: str) -> list[str]:
    """What stands after `commands=`."""
    if text.startswith("["):
        try:
            listed, _ = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list):
            return [str(one) for one in listed]
        inside = text[1 : text.rfind("]")] if "]" in text else text[1:]
        return [part.strip().strip("\"'").replace('\\"', '"') for part in _BETWEEN.split(inside) if part.strip()]
    return [text.strip().strip("\"'")] if text.strip() else []
