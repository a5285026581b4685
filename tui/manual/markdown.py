"""The few shapes of Markdown that the manual has, and the words for what a schema allows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Schema = Mapping[str, Any]

_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "table",
    "null": "nothing",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, its bars escaped.

    >>> table(["a", "b"], [["1", "x|y"]])
    ['| a | b |', '|---|---|', '| 1 | x\\\\|y |']
    """
    made = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *made]


def allows(node: Schema, definitions: Mapping[str, Schema]) -> str:
    """What may stand there, in words.

    >>> allows({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {})
    'whole number'
    >>> allows({"type": "array", "items": {"enum": ["a", "b"]}}, {})
    'list of "a" or "b"'
    """
    if "$ref" in node:
        found = definitions.get(_name(node["$ref"]), {})
        return "table" if "properties" in found else allows(found, definitions)
    if "enum" in node:
        return " or ".join(_toml(one) for one in node["enum"])
    if "const" in node:
        return _toml(node["const"])
    if ways := node.get("anyOf") or node.get("oneOf"):
        words = [allows(one, definitions) for one in ways if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words)) or "nothing"
    match node.get("type"):
        case "array":
            items = node.get("items")
            return f"list of {_many(allows(items, definitions))}" if items else "list"
        case "object" if isinstance(inner := node.get("additionalProperties"), Mapping) and inner:
            return f"table of {_many(allows(inner, definitions))}"
        case str(word):
            return _WORDS.get(word, word)
    return "anything"


def settings(schema: Schema, without: Iterable[str] = (), head: str = "") -> list[str]:
    """Every key of a table with what it means; tables within it follow, each under the key that leads there."""
    definitions: Mapping[str, Schema] = schema.get("$defs", {})
    return _keys(schema, definitions, frozenset(without), head)


def _keys(schema: Schema, definitions: Mapping[str, Schema], without: frozenset[str], head: str) -> list[str]:
    lines: list[str] = []
    within: list[tuple[str, Schema]] = []
    needed = schema.get("required", ())
    for key, node in schema.get("properties", {}).items():
        if key in without:
            continue
        about = [allows(node, definitions)]
        if key in needed:
            about.append("**needed**")
        elif (usual := node.get("default")) not in (None, "", [], {}):
            about.append(f"default {_toml(usual)}")
        told = node.get("description", "") or _told(node, definitions)
        lines.append(f"- `{head}{key}` ({', '.join(about)})" + (f": {told}" if told else ""))
        path, inner = _inner(node, definitions)
        if inner is not None:
            within.append((f"{head}{key}{path}.", inner))
    for path, inner in within:
        lines += ["", f"In `{path.rstrip('.')}`:", "", *_keys(inner, definitions, frozenset(), path)]
    return lines


def _inner(node: Schema, definitions: Mapping[str, Schema]) -> tuple[str, Schema | None]:
    """The table that a key leads to, and how it is written behind the key."""
    if "$ref" in node:
        found = definitions.get(_name(node["$ref"]), {})
        return ("", found) if "properties" in found else ("", None)
    if "properties" in node:
        return "", node
    for way in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        path, inner = _inner(way, definitions)
        if inner is not None:
            return path, inner
    if node.get("type") == "array" and isinstance(node.get("items"), Mapping):
        path, inner = _inner(node["items"], definitions)
        return f"[]{path}", inner
    more = node.get("additionalProperties")
    if isinstance(more, Mapping):
        path, inner = _inner(more, definitions)
        return f".NAME{path}", inner
    return "", None


def _told(node: Schema, definitions: Mapping[str, Schema]) -> str:
    _, inner = _inner(node, definitions)
    return str(inner.get("description", "")) if inner is not None else ""


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _many(words: str) -> str:
    """The plural of a single word of ours; anything longer stays as it is.

    >>> _many("text"), _many("table"), _many("text or number")
    ('texts', 'tables', 'text or number')
    """
    return f"{words}s" if words in ("text", "whole number", "number", "table") else words


def _toml(value: Any) -> str:
    """A value as a profile has it; a list or a table in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
