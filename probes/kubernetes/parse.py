"""Single values of the API's objects, each checked: what is not as documented is missing, never an error.

Quantities: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from probes.base import SafeText, finite

Row = Mapping[str, Any]
"""An object of the API as it came."""

_QUANTITY: Final = re.compile(r"([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?:[eE]([+-]?\d{1,3})|([a-zA-Z]{1,2}))?")
_SUFFIXES: Final[Mapping[str, float]] = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
_NONE: Final[Row] = {}
NOTHING: Final = SafeText()
"""The one empty text: ten thousand pods have tens of thousands."""


def table(value: object) -> Row:
    """The value as an object; an empty one when it is none."""
    return value if isinstance(value, dict) else _NONE


def items(value: object) -> list[Any]:
    """The value as a list; an empty one when it is none."""
    return value if isinstance(value, list) else []


def rows(value: object) -> list[Row]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def raw(value: object, limit: int = 300) -> str:
    """A short text for comparing and asking again; not for the screen."""
    return value[:limit] if isinstance(value, str) else ""


def text(value: object, limit: int = 253) -> SafeText:
    """A text, safe to draw. Names and images repeat: the same text is the same object."""
    return _shared(value, limit) if isinstance(value, str) and value else NOTHING


@lru_cache(maxsize=30_000)
def _shared(value: str, limit: int) -> SafeText:
    return SafeText(value, limit)


def sentence(value: object, limit: int = 300) -> SafeText:
    """A message, safe to draw; messages differ and are not kept."""
    return SafeText(value, limit) if isinstance(value, str) and value else NOTHING


def whole(value: object, default: int = 0) -> int:
    """A whole number; the default where there is none: the API leaves out zeros."""
    number = finite(value)
    return default if number is None else int(number)


def finite_or(value: object, default: float) -> float:
    """A number; the default where there is none."""
    number = finite(value)
    return default if number is None else number


def some(value: object) -> int | None:
    """A whole number, or None."""
    number = finite(value)
    return None if number is None else int(number)


def moment(value: object) -> datetime | None:
    """A moment in RFC 3339, aware UTC."""
    if not isinstance(value, str) or len(value) < 19:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def quantity(value: object) -> float | None:
    """A Kubernetes quantity in its base unit.

    >>> quantity("100m"), quantity("64Mi"), quantity(2), quantity("1e3"), quantity("1E"), quantity("much")
    (0.1, 67108864.0, 2.0, 1000.0, 1e+18, None)
    """
    if not isinstance(value, str):
        return finite(value)
    return _quantity(value)


@lru_cache(maxsize=4096)
def _quantity(value: str) -> float | None:
    found = _QUANTITY.fullmatch(value.strip()[:80])
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    if suffix is not None and suffix not in _SUFFIXES:
        return None
    factor = 10.0 ** int(exponent) if exponent and abs(int(exponent)) < 100 else _SUFFIXES.get(suffix or "", 1.0)
    return finite(float(number) * factor)


def conditions(status: Row) -> dict[str, Row]:
    """Conditions by type."""
    return {one["type"]: one for one in rows(status.get("conditions")) if isinstance(one.get("type"), str)}


def holds(condition: Row | None) -> bool | None:
    """A condition's status: True, False, or None when it is unknown or absent."""
    return {"True": True, "False": False}.get(raw(condition.get("status"))) if condition else None


def selector(value: object) -> str:
    """A label selector as kubectl takes it; empty when there is none or it is too odd to be written.

    >>> selector({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "t", "operator": "Exists"}]})
    'app=web,t'
    """
    given = table(value)
    plain = "matchLabels" not in given and "matchExpressions" not in given
    labels = given if plain else table(given.get("matchLabels"))
    parts = [f"{key}={one}" for key, one in sorted(labels.items()) if isinstance(one, str)]
    for one in rows(given.get("matchExpressions")):
        key, operator = raw(one.get("key")), one.get("operator")
        values = ",".join(value for value in items(one.get("values")) if isinstance(value, str))
        written = {"Exists": key, "DoesNotExist": f"!{key}", "In": f"{key} in ({values})",
                   "NotIn": f"{key} notin ({values})"}.get(operator if isinstance(operator, str) else "")  # fmt: skip
        if written is None:
            return ""
        parts.append(written)
    return ",".join(parts)[:1000]


def names(item: Row) -> tuple[SafeText, SafeText, str, str]:
    """(namespace, name, uid, resourceVersion) of an object."""
    meta = table(item.get("metadata"))
    return (
        text(meta.get("namespace")),
        text(meta.get("name")),
        raw(meta.get("uid"), 64),
        raw(meta.get("resourceVersion"), 64),
    )


def row_of(kind: object, namespace: object, name: object) -> str:
    """The row of an object by its kind: "deployment/shop/web", "node/worker-1"."""
    short = _ROWS.get(raw(kind), raw(kind).lower())
    return f"{short}/{text(namespace)}/{text(name)}" if raw(namespace) and short != "node" else f"{short}/{text(name)}"


_ROWS: Final[Mapping[str, str]] = {
    "HorizontalPodAutoscaler": "hpa",
    "PodDisruptionBudget": "pdb",
}
