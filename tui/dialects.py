"""The dialects a runbook is read with: one line for each world of command lines, in the order they are asked.

Like the table of kinds these are names, resolved when a runbook is read; none of them loads a driver or a probe.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from probes.base import Dialect

DIALECTS = (
    "probes.docker.dialect",
    "probes.kubernetes.dialect",
    "probes.systemd.dialect",
    "probes.supervisor.dialect",
    "probes.postgres.dialect",
    "probes.redis.dialect",
    "probes.backups.dialect",
    "probes.aws.dialect",
    "probes.http.dialect",
    "probes.certificates.dialect",
    "probes.settings.dialect",
    "probes.net.dialect",
    "probes.logs.dialect",
    "probes.host.dialect",
    "probes.commands.dialect",
)
"""The last one knows the programs of no system of ours; it has an answer for every command."""


@cache
def dialects() -> tuple[Dialect, ...]:
    """All of them."""
    return tuple(cast(Dialect, import_module(name)) for name in DIALECTS)
