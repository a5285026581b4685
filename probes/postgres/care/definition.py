"""A new index as a person writes it: `name (user_id, created_at DESC) WHERE deleted_at IS NULL`, read whole or not.

definition = ["unique"] [name] ["using" method] "(" column {"," column} ")" ["include" "(" names ")"] ["where" test]
column     = name [opclass] ["asc" | "desc"] ["nulls" ("first" | "last")]
test       = condition {"and" condition}
condition  = ["not"] name | name "is" ["not"] ("null" | "true" | "false") | name operator value
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from probes.postgres.care import names

METHODS: Final = ("btree", "hash", "gin", "gist", "spgist", "brin")
_TOKEN: Final = re.compile(
    r"""\s* (?: (?P<string>'(?:[^'\\]|'')*') | (?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w.])
      | (?P<quoted>"(?:[^"]|"")+") | (?P<word>[^\x00-\x40\x5b-\x5e\x60\x7b-\x7f][\w$]*)
      | (?P<mark><>|!=|<=|>=|[(),=<>.]) )""",
    re.VERBOSE,
)
_OPERATORS: Final = ("=", "<>", "!=", "<", ">", "<=", ">=")
_KEYWORDS: Final = frozenset(
    {"unique", "using", "include", "where", "asc", "desc", "nulls", "and", "or", "not", "is", "null", "true", "false",
     "on", "with", "tablespace", "collate", "if", "concurrently", "only"}
)  # fmt: skip


class Unreadable(Exception):
    """Something in a definition that we don't read; the words say what."""


@dataclass(frozen=True, slots=True)
class Key:
    """One column of an index."""

    column: str
    rest: str = ""
    """What follows it: "DESC NULLS LAST"."""

    def __str__(self) -> str:
        return names.quoted(self.column) + (f" {self.rest}" if self.rest else "")


@dataclass(frozen=True, slots=True)
class Definition:
    """A new index, without its table."""

    keys: tuple[Key, ...]
    name: str = ""
    unique: bool = False
    method: str = "btree"
    include: tuple[str, ...] = ()
    test: str = ""
    """The condition of a partial index, as it is written again."""
    tested: tuple[str, ...] = ()
    """Columns that it speaks of."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column it speaks of."""
        return tuple(dict.fromkeys((*(one.column for one in self.keys), *self.include, *self.tested)))

    def __str__(self) -> str:
        head = f"{'UNIQUE ' if self.unique else ''}{names.quoted(self.name) + ' ' if self.name else ''}"
        return head + self.body

    @property
    def body(self) -> str:
        """What follows the table's name in the statement."""
        method = f"USING {self.method} " if self.method != "btree" else ""
        include = f" INCLUDE ({', '.join(map(names.quoted, self.include))})" if self.include else ""
        return f"{method}({', '.join(map(str, self.keys))}){include}" + (f" WHERE {self.test}" if self.test else "")

    def named(self, table: str) -> str:
        """Its name, or one made from the table and the columns; at most 63 bytes."""
        if self.name:
            return self.name
        made = "_".join([table, *(one.column for one in self.keys)])
        return made.encode()[: names.LONGEST - 4].decode("utf-8", "ignore") + "_idx"


def read(text: str) -> Definition:
    """The definition in a text. Raises `Unreadable`.

    >>> str(read("posts_recent (user_id, Created_At desc) where deleted_at is null and state <> 'it''s'"))
    "posts_recent (user_id, created_at DESC) WHERE deleted_at IS NULL AND state <> 'it''s'"
    >>> str(read("unique (lower(email))"))
    Traceback (most recent call last):
    probes.postgres.care.definition.Unreadable: only plain columns can be indexed from here, not what stands at "("
    """
    return _Reader(text).definition()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at, text = 0, text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise Unreadable(f"the definition can't be read at {text[at : at + 20]!r}")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self._at = 0

    def definition(self) -> Definition:
        unique = self._took("unique")
        name = "" if self._peek() in ("(", "using") else self._name()
        method = self._method() if self._took("using") else "btree"
        keys = self._keys()
        include = self._names() if self._took("include") else ()
        test, tested = self._test() if self._took("where") else ("", ())
        if self._at < len(self._tokens):
            raise Unreadable(f"the definition goes on with {self._tokens[self._at][1]!r}, which is not read here")
        if len(keys) > 32:
            raise Unreadable("an index has 32 columns at most")
        return Definition(keys, name, unique, method, include, test, tested)

    def _method(self) -> str:
        method = self._name()
        if method not in METHODS:
            raise Unreadable(f"{method!r} is no kind of index that is made here")
        return method

    def _keys(self) -> tuple[Key, ...]:
        self._expect("(")
        keys = [self._key()]
        while self._took(","):
            keys.append(self._key())
        self._expect(")", "only plain columns can be indexed from here, not what stands at ")
        return tuple(keys)

    def _key(self) -> Key:
        column, rest = self._name(), []
        kind, value = self._seen()
        if kind == "word" and value.endswith("_ops"):
            rest.append(value)
            self._at += 1
        for word in ("asc", "desc"):
            if self._took(word):
                rest += [] if word == "asc" else ["DESC"]
                break
        if self._took("nulls"):
            where = "first" if self._took("first") else "last"
            if where == "last":
                self._expect("last")
            rest.append(f"NULLS {where.upper()}")
        return Key(column, " ".join(rest))

    def _names(self) -> tuple[str, ...]:
        self._expect("(")
        found = [self._name()]
        while self._took(","):
            found.append(self._name())
        self._expect(")")
        return tuple(found)

    def _test(self) -> tuple[str, tuple[str, ...]]:
        parts, columns = [], []
        while True:
            text, column = self._condition()
            parts.append(text)
            columns.append(column)
            if not self._took("and"):
                return " AND ".join(parts), tuple(columns)

    def _condition(self) -> tuple[str, str]:
        if self._took("not"):
            column = self._name()
            return f"NOT {names.quoted(column)}", column
        column = self._name()
        written = names.quoted(column)
        if self._took("is"):
            negated = "NOT " if self._took("not") else ""
            for word in ("null", "true", "false"):
                if self._took(word):
                    return f"{written} IS {negated}{word.upper()}", column
            raise Unreadable(f"after IS stands {self._seen()[1]!r}, which is not read here")
        if self._seen()[1] not in _OPERATORS:
            return written, column
        operator = self._seen()[1]
        self._at += 1
        kind, value = self._seen()
        if kind not in ("string", "number"):
            raise Unreadable(f"a column is compared with a text or number, not with {value!r}")
        self._at += 1
        return f"{written} {'<>' if operator == '!=' else operator} {value}", column

    def _name(self) -> str:
        kind, value = self._seen()
        if kind not in ("word", "quoted") or (kind == "word" and value.lower() in _KEYWORDS):
            raise Unreadable(f"a name is missing at {value or 'the end'!r}")
        self._at += 1
        name = names.unquoted(value)
        if len(name.encode("utf-8", "replace")) > names.LONGEST:
            raise Unreadable(f"the name {name[:20]!r}... is too long")
        return name

    def _seen(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _peek(self) -> str:
        kind, value = self._seen()
        return value.lower() if kind in ("word", "mark") else ""

    def _took(self, word: str) -> bool:
        if self._peek() == word:
            self._at += 1
            return True
        return False

    def _expect(self, word: str, otherwise: str = "") -> None:
        if not self._took(word):
            found = self._seen()[1] or "the end"
            raise Unreadable(f'{otherwise}"{found}"' if otherwise else f"{word!r} is missing at {found!r}")
