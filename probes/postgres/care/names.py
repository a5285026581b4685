"""Names of tables and indexes as SQL writes them, both ways, and texts as SQL literals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

_BARE: Final = re.compile(r"[a-z_][a-z0-9_]*")
PART: Final = r'(?:"(?:[^"\x00]|"")+"|[^\x00-\x40\x5b-\x5e\x60\x7b-\x7f][\w$]*)'
NAME: Final = rf"{PART}(?:\s*\.\s*{PART})?"
"""A name with or without its schema."""
_NAME: Final = re.compile(rf"({PART})(?:\s*\.\s*({PART}))?")
INDEX: Final = "index "
"""How a subject begins that is an index, where a table could be meant as well."""
LONGEST: Final = 63
"""Bytes of a name that the server keeps.
https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS"""

_WORDS: Final = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
    cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default
    deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
    greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
    json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
    json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national
    natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
    placing position precision primary real references returning right row select session_user setof similar
    smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true
    union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
    xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_RESERVED: Final = frozenset(_WORDS.split())
"""Words that need quotes as names.
https://www.postgresql.org/docs/current/sql-keywords-appendix.html"""


def quoted(name: str) -> str:
    """One name as the server itself would write it.

    >>> quoted("orders"), quoted("My Table"), quoted("user")
    ('orders', '"My Table"', '"user"')
    """
    if _BARE.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def unquoted(part: str) -> str:
    """The name behind one written part: capitals without quotes mean small letters."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.lower()


def split(text: str) -> tuple[str | None, str] | None:
    """(schema or nothing, name) of a written name; None when it is none.

    >>> split('public."Order Lines"'), split("Orders"), split("a.b.c"), split("18422 x")
    (('public', 'Order Lines'), (None, 'orders'), None, None)
    """
    found = _NAME.fullmatch(text.strip())
    if found is None:
        return None
    first, second = unquoted(found[1]), unquoted(found[2]) if found[2] else None
    if any(len(one.encode("utf-8", "replace")) > LONGEST for one in (first, second) if one is not None):
        return None
    return (None, first) if second is None else (first, second)


def written(text: str) -> str | None:
    """A name as the server would write it; None when it is none.

    >>> written('Public.Orders'), written('"x"')
    ('public.orders', 'x')
    """
    found = split(text)
    if found is None:
        return None
    return quoted(found[1]) if found[0] is None else f"{quoted(found[0])}.{quoted(found[1])}"


def literal(text: str) -> str:
    r"""A text as a literal that means the same whatever standard_conforming_strings says.

    >>> print(literal("it's"), literal("a\\b"))
    'it''s' E'a\\b'
    """
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"


def asked(names: Iterable[tuple[str | None, str]]) -> str:
    """Names for the question `care`."""
    return literal(json.dumps([list(one) for one in names]))
