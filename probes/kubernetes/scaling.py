"""What bounds how many pods there are: autoscalers in autoscaling v2, v2beta2 and v1, and disruption budgets.

v1 keeps what later versions say in annotations, as JSON
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v1/).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from probes.base import SafeText
from probes.kubernetes.facts import Autoscaler, Budget, Measure
from probes.kubernetes.parse import (
    Row,
    conditions,
    holds,
    items,
    moment,
    names,
    quantity,
    raw,
    row_of,
    rows,
    selector,
    sentence,
    some,
    table,
    text,
    whole,
)

_OLD: Final = "autoscaling.alpha.kubernetes.io/"
_SOURCES: Final = ("resource", "containerResource", "pods", "object", "external")


def autoscaler(item: Row) -> Autoscaler | None:
    """One HorizontalPodAutoscaler of a list; None when it has no name or uid."""
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    spec, status = table(item.get("spec")), table(item.get("status"))
    target = table(spec.get("scaleTargetRef"))
    found = conditions(status) or _old_conditions(item)
    able, active, limited = (found.get(one) for one in ("AbleToScale", "ScalingActive", "ScalingLimited"))
    wrong = next((one for one in (able, active) if one and holds(one) is False), limited if holds(limited) else None)
    return Autoscaler(
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        target=row_of(target.get("kind"), table(item.get("metadata")).get("namespace"), target.get("name")),
        least=whole(spec.get("minReplicas"), 1),
        most=whole(spec.get("maxReplicas")),
        current=whole(status.get("currentReplicas")),
        desired=whole(status.get("desiredReplicas")),
        measures=tuple(_measures(spec, status)),
        able=holds(able),
        active=holds(active),
        limited=holds(limited),
        why=sentence(table(wrong).get("message"), 240) or text(table(wrong).get("reason"), 80),
        scaled_at=moment(status.get("lastScaleTime")),
    )


def _old_conditions(item: Row) -> Mapping[str, Row]:
    """Conditions as autoscaling/v1 keeps them."""
    annotations = table(table(item.get("metadata")).get("annotations"))
    return conditions({"conditions": _json(annotations.get(f"{_OLD}conditions"))})


def _json(value: object) -> Any:
    if not isinstance(value, str) or len(value) > 1 << 16:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _measures(spec: Row, status: Row) -> Iterator[Measure]:
    if "targetCPUUtilizationPercentage" in spec:
        current, target = status.get("currentCPUUtilizationPercentage"), spec.get("targetCPUUtilizationPercentage")
        yield _measure("cpu", _percent(current), _percent(target), some(current), some(target))
    read = [_source(one) for one in rows(status.get("currentMetrics"))]
    for name, wanted in (_source(one) for one in rows(spec.get("metrics"))[:20]):
        target = table(wanted.get("target"))
        current = next((table(one.get("current")) for known, one in read if known == name), {})
        if "averageUtilization" in target:
            now, want = current.get("averageUtilization"), target.get("averageUtilization")
            yield _measure(name, _percent(now), _percent(want), some(now), some(want))
            continue
        field = "averageValue" if "averageValue" in target else "value"
        now, want = current.get(field), target.get(field)
        yield _measure(name, str(text(now, 20)), str(text(want, 20)), quantity(now), quantity(want))


def _source(metric: Row) -> tuple[str, Row]:
    """(name, what stands under the metric's type)."""
    kind = next((one for one in _SOURCES if isinstance(metric.get(one), dict)), "")
    source = table(metric.get(kind))
    name = raw(source.get("name")) or raw(table(source.get("metric")).get("name"))
    container = raw(source.get("container"), 60)
    return f"{container} {name}".strip() or "metric", source


def _percent(value: object) -> str:
    number = some(value)
    return "" if number is None else f"{number} %"


def _measure(name: str, current: str, target: str, now: float | None, want: float | None) -> Measure:
    ratio = now / want if now is not None and want else None
    return Measure(SafeText(name, 80), SafeText(current, 40), SafeText(target, 40), ratio)


def budget(item: Row) -> Budget | None:
    """One PodDisruptionBudget of a list."""
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    spec, status = table(item.get("spec")), table(item.get("status"))
    least, away = spec.get("minAvailable"), spec.get("maxUnavailable")
    rule = f"at least {least} there" if least is not None else f"at most {away} away" if away is not None else "no rule"
    return Budget(
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        rule=SafeText(rule, 40),
        healthy=whole(status.get("currentHealthy")),
        wanted=whole(status.get("desiredHealthy")),
        expected=whole(status.get("expectedPods")),
        allowed=whole(status.get("disruptionsAllowed")),
        selector=selector(spec.get("selector")) if items(list(table(spec.get("selector")))) else "",
    )
