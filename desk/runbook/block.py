"""The parts of a Markdown file, in order, with the lines they stand on: what reading starts from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Form(Enum):
    """What a block is."""

    HEADING = "heading"
    LABEL = "label"
    """A bold line that works as a heading: `**Resolution:**`, alone or with text after it."""
    PARAGRAPH = "paragraph"
    ITEM = "item"
    """One item of a list: its own text, without what is nested in it."""
    FENCE = "fence"
    """Code: between fences, or indented."""
    TABLE = "table"
    QUOTE = "quote"
    FRONT = "front"
    """Front matter."""
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of code within a text: `like this`."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    line: int
    cells: tuple[str, ...]
    """Text of each cell, without marks of emphasis; code keeps its backticks."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of the file."""

    form: Form
    line: int
    """First line, from 1; of a fence the line with the ticks."""
    end_line: int
    """Last line, inclusive."""
    text: str = ""
    """Without marks of emphasis, links as their text; code spans keep their backticks. Of a fence: its lines, joined
    by line feeds, indentation of the fence taken off. Of a LABEL: the label alone, without its colon."""
    rest: str = ""
    """Of a LABEL: what stands after it on the line."""
    level: int = 0
    """Of a heading 1 to 6; of an item how deep it is nested, from 1."""
    tag: str = ""
    """Of a fence: the first word after the ticks, lower case."""
    number: int | None = None
    """Of an item of a numbered list: its number."""
    checked: bool | None = None
    """Of an item with a box: whether it is ticked. None: it has no box."""
    spans: tuple[Span, ...] = ()
    header: Row | None = None
    rows: tuple[Row, ...] = ()
    first: int = 0
    """Of a fence: the line of its first line of code."""
    depth: int = 0
    """How many lists it is nested in."""
    raw: str = ""
    """Of a paragraph: its lines as they are written, marks of emphasis and all."""
