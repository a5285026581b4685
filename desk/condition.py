"""What a rule's `when` says: an expression over gauges, compared with a limit, for some time.

    notifications.depth > 1000 for 5m
    api.errors_total / api.requests_total > 5%
    rate(api.errors_total, 5m) / rate(api.requests_total, 5m) >= 5% for 5m
    max(api.latency_seconds, 10m) / max(api.latency_seconds, 10m ago 50m) > 2
    sum(jobs.depth{state="failed"}) > 100

A gauge is `target.gauge`, or `kind.gauge` for every target of a kind; labels narrow it, and without them a condition
speaks of each labelled gauge by itself. Values are in base units; a limit may be written in human ones (`5%`, `2GiB`,
`1.5s`). Reading a condition knows nothing of what is configured; `desk.evaluate` gives it values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, TypeAlias, cast, get_args

Comparison: TypeAlias = Literal[">", ">=", "<", "<=", "==", "!="]
Match: TypeAlias = Literal["=", "!=", "=~", "!~"]
Statistic: TypeAlias = Literal["avg", "min", "max", "p50", "p90", "p95", "p99", "rate", "delta"]
Total: TypeAlias = Literal["sum", "avg", "min", "max", "count"]

LONGEST: Final = 3600.0
"""Seconds that a window and its distance may reach back together: what is kept in memory (`desk.series`)."""

_DEEPEST: Final = 20
"""Parentheses within parentheses."""


class ConditionError(ValueError):
    """A condition that can't be read: what is wrong, in words for the person who wrote it."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.at = at
        """Where, as an index into the text."""


@dataclass(frozen=True, slots=True)
class Where:
    """What a label must be."""

    label: str
    how: Match
    text: str

    def suits(self, value: str) -> bool:
        """True when a label's value is allowed; an absent label is an empty one."""
        if self.how in ("=", "!="):
            return (value == self.text) is (self.how == "=")
        return (re.fullmatch(self.text, value) is not None) is (self.how == "=~")

    def __str__(self) -> str:
        return f"{self.label}{self.how}{_quoted(self.text)}"


@dataclass(frozen=True, slots=True)
class Gauge:
    """Gauges of one target (or of every target of a kind): of one name, with suitable labels."""

    source: str
    """Name of a target, or of a kind."""
    name: str
    where: tuple[Where, ...] = ()

    def __str__(self) -> str:
        narrowed = "{" + ",".join(map(str, self.where)) + "}" if self.where else ""
        return f"{self.source}.{self.name}{narrowed}"


@dataclass(frozen=True, slots=True)
class Over:
    """A statistic of a gauge over the last seconds, or over as many seconds some time ago."""

    statistic: Statistic
    gauge: Gauge
    window: float
    ago: float = 0.0

    def __str__(self) -> str:
        back = f" ago {duration(self.ago)}" if self.ago else ""
        return f"{self.statistic}({self.gauge}, {duration(self.window)}{back})"


@dataclass(frozen=True, slots=True)
class Across:
    """One number out of all the gauges that suit."""

    total: Total
    of: Expression

    def __str__(self) -> str:
        return f"{self.total}({self.of})"


@dataclass(frozen=True, slots=True)
class Number:
    """A number that stands in an expression."""

    value: float

    def __str__(self) -> str:
        return number(self.value)


@dataclass(frozen=True, slots=True)
class Sum:
    """Two expressions and what is done with them."""

    op: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"{self._side(self.left, False)} {self.op} {self._side(self.right, True)}"

    def _side(self, side: Expression, right: bool) -> str:
        bound = isinstance(side, Sum) and (_rank(side) < _rank(self) or (right and _rank(side) == _rank(self)))
        return f"({side})" if bound else str(side)


Expression: TypeAlias = Gauge | Over | Across | Number | Sum


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value is compared with, and for how long that must be so."""

    op: Comparison
    value: float
    """In the base unit."""
    hold: float = 0.0
    """Seconds."""

    def __str__(self) -> str:
        lasting = f" for {duration(self.hold)}" if self.hold else ""
        return f"{self.op} {number(self.value)}{lasting}"


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression and its limit."""

    of: Expression
    limit: Limit

    def __str__(self) -> str:
        return f"{self.of} {self.limit}"


def _rank(sum_: Sum) -> int:
    return 1 if sum_.op in "*/" else 0


def gauges(of: Expression) -> Iterator[Gauge]:
    """Every gauge an expression names, in the order of writing."""
    match of:
        case Gauge():
            yield of
        case Over():
            yield of.gauge
        case Across():
            yield from gauges(of.of)
        case Sum():
            yield from gauges(of.left)
            yield from gauges(of.right)
        case Number():
            pass


def number(value: float) -> str:
    """A number as it is written in a condition.

    >>> number(1000.0), number(0.05), number(1e21)
    ('1000', '0.05', '1e+21')
    """
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


_LENGTHS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def duration(seconds: float) -> str:
    """A length of time as it is written in a condition.

    >>> duration(300), duration(5400), duration(0.5)
    ('5m', '1h30m', '0.5s')
    """
    left, parts = seconds, list[str]()
    for unit in ("d", "h", "m"):
        whole = int(left // _LENGTHS[unit])
        if whole:
            parts.append(f"{whole}{unit}")
            left -= whole * _LENGTHS[unit]
    if left or not parts:
        parts.append(f"{number(left)}s")
    return "".join(parts)


_SCALES: Final = {
    "%": 0.01, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0,
    "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0, "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6,
    "GB": 1e9, "TB": 1e12, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
}  # fmt: skip
_TIMES: Final = {name: scale for name, scale in _SCALES.items() if name[0] in "smhd"}

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d+)?)(?P<unit>\s?(?:%|[A-Za-z]+(?![A-Za-z_.({-])))?
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*)
    |(?P<text>"(?:[^"\\]|\\["\\])*")
    |(?P<sign>>=|<=|==|!=|=~|!~|[<>=+\-*/(){},.]))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    what: str
    text: str
    at: int
    value: float = 0.0
    unit: str = ""


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise ConditionError(f"can't be read from {_shown(text[start:])} on", start)
        start, at = found.start(found.lastgroup or 0), found.end()
        if found["number"]:
            unit = (found["unit"] or "").strip()
            if unit in ("for", "ago", "and", "or"):
                at, unit = found.end("number"), ""
            value = float(found["number"])
            if not math.isfinite(value):
                raise ConditionError(f"{_shown(found['number'])} is too large a number", found.start("number"))
            yield _Token("number", found["number"], found.start("number"), value, unit)
        elif found["name"]:
            yield _Token("name", found["name"], start)
        elif found["text"]:
            yield _Token("text", re.sub(r"\\(.)", r"\1", found["text"][1:-1]), start)
        else:
            yield _Token("sign", found["sign"], start)
    yield _Token("end", "", len(text))


def parse(text: str) -> Condition:
    """A condition out of its text. Raises `ConditionError`.

    >>> str(parse("rate(api.errors_total,5 min)/rate(api.requests_total, 300s)>5% for 5 minutes"))
    'rate(api.errors_total, 5m) / rate(api.requests_total, 5m) > 0.05 for 5m'
    """
    reader = _Reader(text)
    found = reader.expression()
    if reader.peek.what == "end":
        raise ConditionError("has no limit: write for example > 1000", reader.peek.at)
    limit = reader.limit()
    reader.done()
    if not any(gauges(found)):
        raise ConditionError("names no gauge: write target.gauge, for example host.disk_used_ratio")
    return Condition(found, limit)


def parse_expression(text: str) -> Expression:
    """An expression without a limit. Raises `ConditionError`."""
    reader = _Reader(text)
    found = reader.expression()
    reader.done()
    return found


def parse_limit(text: str) -> Limit:
    """A limit by itself: "> 95% for 10m". Raises `ConditionError`."""
    reader = _Reader(text)
    found = reader.limit()
    reader.done()
    return found


def parse_duration(text: str) -> float:
    """Seconds out of "5m", "1h30m", "10 minutes". Raises `ConditionError`."""
    reader = _Reader(text)
    found = reader.duration()
    reader.done()
    return found


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._left = list(_tokens(text))
        self._deep = 0

    @property
    def peek(self) -> _Token:
        return self._left[0]

    def next(self) -> _Token:
        return self._left.pop(0) if self.peek.what != "end" else self.peek

    def takes(self, *signs: str) -> str | None:
        """The sign or word that comes next, if it is one of these; then it is taken."""
        token = self.peek
        if token.what in ("sign", "name") and token.text in signs:
            return self.next().text
        return None

    def expects(self, sign: str, why: str) -> None:
        if self.takes(sign) is None:
            self.fail(why)

    def fail(self, why: str) -> NoReturn:
        token = self.peek
        found = "the end" if token.what == "end" else _shown(token.text)
        raise ConditionError(f"{why}, found {found}", token.at)

    def done(self) -> None:
        if self.peek.what != "end":
            self.fail("should end here")

    def expression(self) -> Expression:
        found = self._product()
        while op := self.takes("+", "-"):
            found = Sum(cast("Literal['+', '-']", op), found, self._product())
        return found

    def _product(self) -> Expression:
        found = self._factor()
        while op := self.takes("*", "/"):
            found = Sum(cast("Literal['*', '/']", op), found, self._factor())
        return found

    def _factor(self) -> Expression:
        if self.peek.what == "number":
            return Number(self.quantity())
        if self.takes("("):
            self._deep += 1
            if self._deep > _DEEPEST:
                self.fail(f"has more than {_DEEPEST} parentheses within each other")
            found = self.expression()
            self.expects(")", "a parenthesis is not closed")
            self._deep -= 1
            return found
        if self.peek.what != "name":
            self.fail("should be a gauge such as host.disk_used_ratio, or a number")
        token = self.next()
        if self.takes("("):
            return self._call(token)
        return self._gauge(token)

    def _call(self, token: _Token) -> Expression:
        statistics, totals = get_args(Statistic), get_args(Total)
        if token.text not in (*statistics, *totals):
            known = ", ".join(dict.fromkeys((*statistics, *totals)))
            raise ConditionError(f"{_shown(token.text)} is no statistic; known are {known}", token.at)
        self._deep += 1
        if self._deep > _DEEPEST:
            self.fail(f"has more than {_DEEPEST} parentheses within each other")
        begin = self.peek.at
        of = self.expression()
        if self.takes(","):
            found = self._over(token, of, begin)
        elif token.text in totals:
            found = Across(cast("Total", token.text), of)
        else:
            self.fail(f"{token.text} needs a length of time: {token.text}(target.gauge, 5m)")
        self.expects(")", "a parenthesis is not closed")
        self._deep -= 1
        return found

    def _over(self, token: _Token, of: Expression, begin: int) -> Expression:
        if token.text not in get_args(Statistic):
            raise ConditionError(f"{token.text} has no length of time: it goes across gauges", token.at)
        if not isinstance(of, Gauge):
            raise ConditionError(f"{token.text} over time takes one gauge, not a sum", begin)
        at = self.peek.at
        window = self.duration()
        ago = self.duration() if self.takes("ago") else 0.0
        if not 0 < window + ago <= LONGEST:
            raise ConditionError(f"reaches back further than {duration(LONGEST)}", at)
        if window <= 0:
            raise ConditionError("a length of time is more than nothing", at)
        return Over(cast("Statistic", token.text), of, window, ago)

    def _gauge(self, token: _Token) -> Gauge:
        self.expects(".", f"after {_shown(token.text)} a dot and a gauge should come")
        name = self.next() if self.peek.what == "name" else self.fail("after the dot a gauge should come")
        if "-" in name.text:
            raise ConditionError("a gauge has no dash in its name: put spaces around a minus", name.at)
        where = list[Where]()
        if self.takes("{"):
            while not self.takes("}"):
                where.append(self._where())
                if self.peek.text != "}":
                    self.expects(",", "labels are parted by commas and end with }")
        return Gauge(token.text, name.text, tuple(where))

    def _where(self) -> Where:
        label = self.next() if self.peek.what == "name" else self.fail("should be a label")
        how = self.takes(*get_args(Match)) or self.fail("after a label one of = != =~ !~ should come")
        if self.peek.what != "text":
            self.fail('a label\'s value stands in quotes: queue="mail"')
        token = self.next()
        if how in ("=~", "!~"):
            try:
                re.compile(token.text)
            except re.error as error:
                raise ConditionError(f"{_shown(token.text)} is no pattern: {error.msg}", token.at) from None
        return Where(label.text, cast("Match", how), token.text)

    def limit(self) -> Limit:
        op = self.takes(*get_args(Comparison)) or self.fail("should be one of > >= < <= == !=")
        sign = -1.0 if self.takes("-") else 1.0
        if self.peek.what != "number":
            self.fail("after the comparison a number should come")
        value = sign * self.quantity()
        hold = self.duration() if self.takes("for") else 0.0
        return Limit(cast("Comparison", op), value, hold)

    def quantity(self) -> float:
        token = self.next()
        if token.unit and token.unit not in _SCALES:
            known = "%, ms, s, min, h, d, kB, MB, GB, KiB, MiB, GiB"
            raise ConditionError(f"{_shown(token.unit)} is no unit; known are {known}", token.at)
        return token.value * _SCALES.get(token.unit, 1.0)

    def duration(self) -> float:
        if self.peek.what != "number":
            self.fail("a length of time such as 5m should come")
        total = 0.0
        while self.peek.what == "number":
            token = self.next()
            if token.unit not in _TIMES:
                raise ConditionError(f"a length of time needs s, m, h or d: {number(token.value)}m", token.at)
            total += token.value * _TIMES[token.unit]
        return total


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shown(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"
