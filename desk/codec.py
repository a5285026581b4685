"""Readings as JSON, and back: what the recorder keeps and what evidence is made of.

It works from the type hints of the facts, so that a kind does nothing for it. A field that equals its default is left
out; a name that is not known is ignored, and one that is absent is its default: facts of another version are read as
far as they can be, or not at all, but never wrongly.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from math import isfinite
from typing import Any, Final, Literal

from probes.base import Failure, Gap, GaugeKey, SafeText, Snapshot

FORM: Final = 1
"""Version of this form; raised when an older reader would misread it."""

_LONGEST: Final = 1 << 20
"""Characters of a safe text: it was cut when it came in, and is not cut again."""


class CodecError(ValueError):
    """What was recorded can't be read as these facts: another version wrote it, or it is damaged."""


Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]


def reading(found: Snapshot[Any] | Failure) -> dict[str, Any]:
    """A reading as JSON values."""
    if isinstance(found, Failure):
        return {"v": FORM, "failure": _pair(Failure)[0](found)}
    facts_type: Any = type(found.facts)
    made: dict[str, Any] = {
        "v": FORM,
        "at": found.taken_at.isoformat(),
        "took": found.took,
        "gauges": _gauges(found.gauges),  # before the facts: who needs only these stops here
        "facts": _pair(facts_type)[0](found.facts),
    }
    if found.gaps:
        made["gaps"] = [_pair(Gap)[0](gap) for gap in found.gaps]
    return made


def read(target: str, facts_type: Any, recorded: Mapping[str, Any]) -> Snapshot[Any] | Failure:
    """The reading that was recorded; `facts_type` is that of the target's kind. Raises `CodecError`."""
    if recorded.get("v") != FORM:
        raise CodecError(f"recorded in form {recorded.get('v')!r}, known is {FORM}")
    try:
        if "failure" in recorded:
            failure: Failure = _pair(Failure)[1](recorded["failure"])
            return failure
        return Snapshot(
            target=target,
            taken_at=datetime.fromisoformat(recorded["at"]),
            took=float(recorded["took"]),
            facts=_pair(facts_type)[1](recorded["facts"]),
            gauges=_read_gauges(recorded["gauges"]),
            gaps=tuple(_pair(Gap)[1](gap) for gap in recorded.get("gaps", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CodecError(f"not as {facts_type.__name__} is written: {type(error).__name__}") from None


def gauges_of(written: str) -> dict[GaugeKey, float] | None:
    """Only the gauges of a reading as it was written; None for one that failed. Raises `CodecError`."""
    place = written.find(_GAUGES)
    if place < 0:
        if '"failure":' in written[:40]:
            return None
        raise CodecError("it has no gauges")
    try:
        return _read_gauges(_DECODER.raw_decode(written, place + len(_GAUGES))[0])
    except (ValueError, TypeError, IndexError, AttributeError):
        raise CodecError("its gauges can't be read") from None


_GAUGES: Final = '"gauges":'
_DECODER: Final = json.JSONDecoder()


def _gauges(gauges: Mapping[GaugeKey, float]) -> dict[str, list[Any]]:
    """By name: a value, or [label, text, ..., value] for each set of labels."""
    found: dict[str, list[Any]] = {}
    for key, value in gauges.items():
        flat = [part for pair in key.labels for part in pair]
        found.setdefault(key.name, []).append([*flat, value] if flat else value)
    return found


def _read_gauges(recorded: Mapping[str, Sequence[Any]]) -> dict[GaugeKey, float]:
    found = {}
    for name, values in recorded.items():
        for value in values:
            flat = value if isinstance(value, list) else [value]
            labels = tuple(zip(flat[:-1:2], flat[1:-1:2], strict=True))
            found[GaugeKey(name, labels)] = float(flat[-1])
    return found


@cache
def _pair(hint: Any) -> tuple[Encode, Decode]:
    """What writes and what reads a type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _optional(*_pair(next(one for one in arguments if one is not types.NoneType)))
    if origin is Literal:
        return _same, _one_of(arguments)
    if origin is tuple and arguments[-1:] != (Ellipsis,):
        return _fixed([_pair(one) for one in arguments])
    if origin in (tuple, list, frozenset, set):
        return _many(origin, *_pair(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_pair(arguments[0]), _pair(arguments[1]))
    if is_dataclass(hint):
        return _record(hint)
    if hint is SafeText:
        return str, _safe
    if isinstance(hint, type) and issubclass(hint, Enum):
        return (lambda value: value.name), hint.__getitem__
    if hint in (datetime, date):
        return (lambda value: value.isoformat()), hint.fromisoformat
    if hint in (str, int, bool):
        return _same, _exactly(hint)
    if hint is float:
        return _same, _number
    raise NotImplementedError(f"facts hold {hint!r}, which has no form in JSON")


def _same(value: Any) -> Any:
    return value


def _safe(value: Any) -> SafeText:
    if not isinstance(value, str):
        raise TypeError
    return SafeText(value, _LONGEST)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _exactly(wanted: type) -> Decode:
    def decode(value: Any) -> Any:
        if type(value) is not wanted:
            raise TypeError
        return value

    return decode


def _one_of(words: tuple[Any, ...]) -> Decode:
    def decode(value: Any) -> Any:
        if value not in words:
            raise ValueError
        return value

    return decode


def _optional(encode: Encode, decode: Decode) -> tuple[Encode, Decode]:
    return (
        lambda value: None if value is None else encode(value),
        lambda value: None if value is None else decode(value),
    )


def _many(origin: Any, encode: Encode, decode: Decode) -> tuple[Encode, Decode]:
    if origin in (frozenset, set):
        return (lambda values: sorted(map(encode, values))), (lambda values: origin(map(decode, values)))
    if encode is _same:
        return list, (lambda values: origin(map(decode, values)))
    return (lambda values: [encode(value) for value in values]), (lambda values: origin(map(decode, values)))


def _fixed(pairs: Sequence[tuple[Encode, Decode]]) -> tuple[Encode, Decode]:
    return (
        lambda values: [encode(value) for (encode, _), value in zip(pairs, values, strict=True)],
        lambda values: tuple(decode(value) for (_, decode), value in zip(pairs, values, strict=True)),
    )


def _mapping(key: tuple[Encode, Decode], value: tuple[Encode, Decode]) -> tuple[Encode, Decode]:
    return (
        lambda found: [[key[0](name), value[0](one)] for name, one in found.items()],
        lambda found: {key[1](name): value[1](one) for name, one in found},
    )


def _default(of: Field[Any]) -> Any:
    if of.default_factory is not MISSING:
        return of.default_factory()
    return of.default


def _record(made: Any) -> tuple[Encode, Decode]:
    @cache
    def parts() -> list[tuple[str, Any, Encode, Decode]]:
        """(name, default, write, read) of each field; found when first needed, since a type may hold itself."""
        hints = typing.get_type_hints(made)
        return [(one.name, _default(one), *_pair(hints[one.name])) for one in fields(made) if one.init]

    def encode(value: Any) -> dict[str, Any]:
        found = {}
        for name, default, write, _ in parts():
            part = getattr(value, name)
            if part is not default and part != default:
                found[name] = write(part)
        return found

    def decode(recorded: Any) -> Any:
        if not isinstance(recorded, dict):
            raise TypeError
        return made(**{name: read(recorded[name]) for name, _, _, read in parts() if name in recorded})

    return encode, decode


def plain(value: Any) -> Any:
    """A value of any of these types as JSON values, by the type hints of its class."""
    of: Any = type(value)
    return _pair(of)[0](value)


def made(of: Any, recorded: Any) -> Any:
    """The value of type `of` that `plain` wrote. Raises `CodecError`."""
    try:
        return _pair(of)[1](recorded)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise CodecError(f"not as {of.__name__} is written: {type(error).__name__}") from None


_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Moments that can be counted from, in any zone, without an end of the calendar in the way."""


def shared(of: Any, recorded: Any) -> Any:
    """As `made`, for what other people's sessions wrote: also every moment in it has a zone and can be counted from,
    every number is one, and every text can be written down. Raises `CodecError`."""
    found = made(of, recorded)
    try:
        _plausible(found)
    except (ValueError, TypeError) as error:
        raise CodecError(f"not as {of.__name__} is written: {error}") from None
    return found


def _plausible(value: Any) -> None:
    """Raises `ValueError`; `TypeError` for a moment without a zone."""
    if isinstance(value, str):
        if not value.isascii():
            value.encode()  # half a character
    elif isinstance(value, datetime):
        if not _FIRST <= value <= _LAST:
            raise ValueError("a moment out of all reach")
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueError("a number that is none")
    elif is_dataclass(value):
        of: Any = type(value)
        for one in _names(of):
            _plausible(getattr(value, one))
    elif isinstance(value, tuple | list | frozenset | set):
        for one in value:
            _plausible(one)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            _plausible(name)
            _plausible(one)


@cache
def _names(of: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(of))
