"""Filter patterns: written so that they mean what a person means, and looked at once more in what comes back.

As a text, 429 is found in every number with these digits; as a field it is a status. A term with anything but letters,
digits and underscores must stand in double quotes, or a - before it leaves it out:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from probes.aws.cloudwatch_logs.settings import PatternSetting
from probes.base import finite

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_WORD: Final = re.compile(r"\[[^\]]*\]|\"(?:[^\"\\]|\\.)*\"|\S+")
_OPS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip

Matching = Callable[[str], bool]


def term(text: str) -> str:
    r"""A text as one quoted term.

    >>> term("X-API-Key: abc"), term('say "no"')
    ('"X-API-Key: abc"', '"say \\"no\\""')
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def filter_of(setting: PatternSetting) -> str:
    """What CloudWatch is asked for.

    >>> filter_of(PatternSetting(name="limited", kind="json-field", field="status", value="429"))
    '{ ($.status = 429) || ($.status = "429") }'
    >>> columns = ("ip", "...", "status", "bytes")
    >>> filter_of(PatternSetting(name="l", kind="space-field", field="status", value="429", columns=columns))
    '[ip, ..., status = 429, bytes]'
    """
    match setting.kind:
        case "filter":
            return setting.pattern.strip()
        case "text":
            return term(setting.pattern)
        case "json-field":
            number = f"($.{setting.field} {setting.op} {setting.value})"
            text = f"($.{setting.field} {setting.op} {term(setting.value)})"
            if setting.op not in ("=", "!="):
                return f"{{ $.{setting.field} {setting.op} {setting.value} }}"
            if not _NUMBER.fullmatch(setting.value):
                return f"{{ $.{setting.field} {setting.op} {term(setting.value)} }}"
            return f"{{ {number} {'||' if setting.op == '=' else '&&'} {text} }}"
        case _:
            value = setting.value if _NUMBER.fullmatch(setting.value) else term(setting.value)
            parts = (f"{one} {setting.op} {value}" if one == setting.field else one for one in setting.columns)
            return f"[{', '.join(parts)}]"


def matching(setting: PatternSetting) -> Matching:
    """Tells whether a line really fits, for the kinds where that can be told here; a filter is left to CloudWatch."""
    match setting.kind:
        case "filter":
            return lambda message: True
        case "text":
            return lambda message: setting.pattern in message
        case "json-field":
            return lambda message: _compares(setting, _of_json(message, setting.field))
        case _:
            return lambda message: _compares(setting, _of_columns(message, setting))


def _compares(setting: PatternSetting, found: object) -> bool:
    if found is None or isinstance(found, bool | dict | list):
        return False
    if _NUMBER.fullmatch(setting.value):
        number = _number(found)
        return setting.op == "!=" if number is None else _OPS[setting.op](number, float(setting.value))
    return _OPS[setting.op](str(found), setting.value)


def _number(found: object) -> float | None:
    if isinstance(found, str):
        return float(found) if _NUMBER.fullmatch(found) else None
    return finite(found)


def _of_json(message: str, field: str) -> object:
    try:
        at: object = json.loads(message)
    except (ValueError, RecursionError):
        return None
    for part in field.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def _of_columns(message: str, setting: PatternSetting) -> object:
    words = [word.strip('[]"') for word in _WORD.findall(message)]
    columns = setting.columns
    place = columns.index(setting.field)
    gap = columns.index("...") if "..." in columns else None
    if gap is None and len(words) != len(columns):
        return None
    if gap is not None and place > gap:
        place -= len(columns)
    if gap is not None and len(words) < len(columns) - 1:
        return None
    return words[place] if -len(words) <= place < len(words) else None
