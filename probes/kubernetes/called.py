"""Which rows of a cluster a line of kubectl means: "deployment/backend", "app=backend", "pods", a pod's bare name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from probes.kubernetes.commands import KINDS
from probes.kubernetes.facts import KubernetesFacts

_KINDS: Final = {
    **KINDS,
    "node": "node", "nodes": "node", "no": "node", "service": "service", "services": "service", "svc": "service",
    "job": "job", "jobs": "job", "cronjob": "cronjob", "cronjobs": "cronjob", "cj": "cronjob",
    "poddisruptionbudget": "pdb", "poddisruptionbudgets": "pdb", "pdb": "pdb", "certificate": "certificate",
    "certificates": "certificate", "cert": "certificate",
}  # fmt: skip
_WHOLE: Final = frozenset({"pod", "node", "event", "events", "ev", "all"})
"""What a cluster's own headline tells of."""


def called(facts: KubernetesFacts, name: str) -> tuple[str, ...] | None:
    """The rows that a line means by a name; none of them: the cluster as a whole; None: nothing that was read.

    A selector means the workloads whose pods it picks.
    """
    if "=" in name:
        wanted = set(name.replace("==", "=").split(","))
        picked = tuple(one.key for one in facts.workloads if wanted <= set(one.selector.split(",")))
        return picked or None
    found: list[str] = []
    for word in name.split():
        kind, slash, own = word.rpartition("/")
        whole = _KINDS.get(own.lower(), own.lower())
        if not slash and whole in _WHOLE:
            return ()
        rows = [key for key in _rows(facts) if _means(key, _KINDS.get(kind.lower(), kind.lower()), own, whole)]
        if not rows:
            return None
        found += rows
    return tuple(dict.fromkeys(found)) or None


def _means(key: str, kind: str, own: str, whole: str) -> bool:
    sort, _, rest = key.partition("/")
    if kind:
        return sort == kind and rest.rpartition("/")[2] == own
    return sort == whole or (sort == "pod" and rest.rpartition("/")[2] == own)


def _rows(facts: KubernetesFacts) -> Iterator[str]:
    tables: tuple[tuple[Any, ...], ...] = (
        facts.workloads, facts.pods, facts.nodes, facts.autoscalers, facts.services, facts.jobs, facts.budgets,
        facts.certificates,
    )  # fmt: skip
    for table in tables:
        yield from (str(one.key) for one in table)
