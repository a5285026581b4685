"""Containers whose log is a JSON file without a limit: https://docs.docker.com/engine/logging/drivers/json-file/"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from probes.base import SafeText
from probes.rotation.facts import Loose

_MOST: Final = 500
_LIMIT: Final = 1 << 20


def loose_ends(root: str) -> tuple[list[Loose], int, int] | None:
    """(containers whose log grows without end, containers with such a log at all, those not looked at); None when that
    can't be read."""
    folder = Path(root) / "containers"
    try:
        names = sorted(one for one in folder.iterdir() if one.is_dir())
    except OSError:
        return None
    found: list[Loose] = []
    number = 0
    for one in names[:_MOST]:
        host = _table(one / "hostconfig.json").get("LogConfig")
        if not isinstance(host, dict) or host.get("Type") != "json-file":
            continue
        number += 1
        config = host.get("Config")
        if isinstance(config, dict) and config.get("max-size") not in (None, "", "-1"):
            continue
        name = str(_table(one / "config.v2.json").get("Name") or one.name[:12]).lstrip("/")
        found.append(Loose(SafeText(name, 80), _size(one / f"{one.name}-json.log")))
    return found, number, max(0, len(names) - _MOST)


def _table(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(_LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
