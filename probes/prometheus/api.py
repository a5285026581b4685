"""The HTTP API of Prometheus, version 1, as far as it only reads: https://prometheus.io/docs/prometheus/latest/querying/api/.

What the server says about one question (a bad expression, too many samples) is `Refused` and costs that question only;
everything else that goes wrong is the server's trouble and a `ProbeError`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.prometheus.place import Place
from probes.prometheus.wire import BODY_LIMIT, Reply, Wire

Json = Any

_ACCEPT: Final = "application/json"
_BIG: Final = 256 << 10
"""Bytes of a body from which it is read in a thread."""
_NOTES: Final = 5
_REFUSALS: Final = {
    "bad_data": Cause.MISSING,
    "execution": Cause.OVERLOADED,
    "timeout": Cause.OVERLOADED,
    "canceled": Cause.OVERLOADED,
    "not_found": Cause.MISSING,
}
_WORDS: Final = {
    "bad_data": "the expression is refused",
    "execution": "the expression can't be worked out",
    "timeout": "the expression takes the server too long",
    "canceled": "the server gave up on the expression",
    "not_found": "not found",
}


class Refused(ProbeError):
    """The server is well and says no to this one question."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer."""

    labels: Mapping[str, str]
    """As they came: not safe to show."""
    points: tuple[tuple[float, float | None], ...]
    """(seconds since 1970 by the server's clock, value); None is a number that is none: NaN, infinite."""
    odd: str = ""
    """The last value as it was written, when it is no number: NaN, +Inf."""

    @property
    def value(self) -> float | None:
        """The last value."""
        return self.points[-1][1] if self.points else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an expression gives."""

    series: tuple[Series, ...]
    kind: str
    """vector, matrix, scalar or string."""
    notes: tuple[SafeText, ...] = ()
    """What the server warns of."""
    histograms: int = 0
    """Series left out since they are native histograms."""


class Api:
    """One server."""

    def __init__(self, wire: Wire, place: Place, patience: float) -> None:
        """`patience` in seconds: how long the server may work on one expression."""
        self._wire = wire
        self._place = replace(place, url=place.url.rstrip("/"))
        self._patience = patience

    @property
    def where(self) -> str:
        """The server for a person."""
        return self._place.where

    async def query(self, expression: str, most: int) -> Answer:
        """An expression's value now. `most` series are asked for (servers before 2.54 give all)."""
        return _answer(await self._data("query", query=expression, limit=str(most), timeout=self._limit))

    async def query_range(self, expression: str, start: float, end: float, step: float, most: int) -> Answer:
        """An expression's course; `start` and `end` in seconds since 1970 by the server's clock."""
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return _answer(await self._data("query_range", query=expression, limit=str(most), timeout=self._limit, **times))

    async def get(self, path: str, **query: str) -> Json:
        """The `data` of another endpoint: targets, alerts, rules, status/..."""
        return (await self._data(path, **query))[0]

    @property
    def _limit(self) -> str:
        return f"{max(1, round(self._patience))}s"

    async def _data(self, path: str, **query: str) -> tuple[Json, tuple[SafeText, ...]]:
        """(data, warnings) of a good answer."""
        reply = await self._wire.get(self._place, f"/api/v1/{path}", query, _ACCEPT, BODY_LIMIT)
        value = await self._wire.work(_read, reply.body) if len(reply.body) > _BIG else _read(reply.body)
        if not isinstance(value, dict) or value.get("status") not in ("success", "error"):
            raise bad_status(reply, self.where) or ProbeError(
                Cause.GARBAGE, f"{self.where} does not answer as Prometheus does", "is this the server's address?"
            )
        if value["status"] == "error" and reply.status not in (401, 403, 429):
            raise _refusal(value, self.where)
        wrong = bad_status(reply, self.where)
        if wrong is not None:
            raise wrong
        said = [note for key in ("warnings", "infos") for note in _list(value.get(key)) if isinstance(note, str)]
        return value.get("data"), tuple(SafeText(note, 300) for note in said[:_NOTES])


def bad_status(reply: Reply, where: str) -> ProbeError | None:
    """What a status other than 2xx means; None for 2xx."""
    status = reply.status
    said = f"{where} answers {status} {reply.reason}".rstrip()
    if 200 <= status < 300:
        return None
    if status == 401:
        return ProbeError(Cause.AUTH, f"{said}: it wants a login", "set token, or a user in url and password")
    if status == 403:
        return ProbeError(Cause.DENIED, f"{said}: this login may not read it")
    if status == 404:
        return ProbeError(Cause.MISSING, f"{said}: there is nothing at this path", "correct the url of this target")
    if status == 429:
        return ProbeError(Cause.THROTTLED, f"{said}: too many requests")
    if status in (502, 503, 504):
        return ProbeError(Cause.OVERLOADED, said)
    if 300 <= status < 400:
        to = f" to {reply.location}" if reply.location else ""
        return ProbeError(Cause.GARBAGE, f"{where} redirects{to}, which is not followed", "set url to where it leads")
    return ProbeError(Cause.GARBAGE, said)


def _refusal(value: Mapping[str, Json], where: str) -> ProbeError:
    kind = str(value.get("errorType"))
    said = SafeText(value.get("error") if isinstance(value.get("error"), str) else "", 240)
    if kind == "unavailable":
        return ProbeError(Cause.OVERLOADED, f"{where} says it is not available: {said}")
    words = _WORDS.get(kind, f"{where} reports an error of its own")
    return Refused(_REFUSALS.get(kind, Cause.OVERLOADED), f"{words}: {said}")


def _read(body: bytes) -> Json:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()


def _answer(said: tuple[Json, tuple[SafeText, ...]]) -> Answer:
    data, notes = said
    kind = data.get("resultType") if isinstance(data, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if kind in ("scalar", "string"):
        return Answer((_series({}, [result]),), kind, notes)
    found, histograms = [], 0
    for one in _list(result):
        if not isinstance(one, dict):
            continue
        points = _list(one.get("values")) or ([one["value"]] if "value" in one else [])
        histograms += not points and ("histogram" in one or "histograms" in one)
        if points:
            found.append(_series(one.get("metric"), points))
    return Answer(tuple(found), str(kind), notes, histograms)


def _series(metric: Json, points: Sequence[Json]) -> Series:
    labels = {str(key): str(value) for key, value in metric.items()} if isinstance(metric, dict) else {}
    read: list[tuple[float, float | None]] = []
    odd = ""
    for point in points:
        if isinstance(point, list) and len(point) == 2 and isinstance(point[0], int | float):
            value = number(point[1])
            odd = "" if value is not None else str(point[1])[:20]
            read.append((float(point[0]), value))
    return Series(labels, tuple(read), odd)


_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


def number(text: Json) -> float | None:
    """A sample's value, which travels as text; None for NaN, infinities and anything else.

    >>> number("0.25"), number("1e3"), number("NaN"), number("+Inf"), number("1_0"), number(7)
    (0.25, 1000.0, None, None, None, None)
    """
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


_SELECTOR: Final = re.compile(
    r"""[A-Za-z_:][\w:]*\s*(?:\{(?:[^{}"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\})?""", re.ASCII
)


def is_selector(expression: str) -> bool:
    """True for a plain selector, whose samples have a time of their own.

    >>> is_selector('up{job="node"}'), is_selector("sum(up)"), is_selector("rate(x[5m])")
    (True, False, False)
    """
    return _SELECTOR.fullmatch(expression.strip()) is not None
