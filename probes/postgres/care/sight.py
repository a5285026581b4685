"""A look before and after an act of care: the relations, whoever holds or will hold them up, and our rights there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from probes.base import Cause, Identity, ProbeError, SafeText
from probes.postgres import parse
from probes.postgres.care import names
from probes.postgres.link import Link
from probes.postgres.questions import chosen, question

CARER: Final = "opsroom-care/"
"""How the application names of sessions that run an act of care begin."""
_ANSWERS: Final = 3.5
"""Seconds for one answer."""


@dataclass(frozen=True, slots=True)
class IndexOf:
    """An index of a relation that was looked at."""

    key: str
    oid: str
    valid: bool
    definition: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    quoted: str
    type: str


@dataclass(frozen=True, slots=True)
class Referrer:
    """A foreign key that points at a table, or at another whose rows go when rows of that table do."""

    table: str
    action: str
    """PostgreSQL's letter for what a delete does there: c cascade, n set null, d set default, a and r refuse."""
    columns: tuple[str, ...]
    refers: tuple[str, ...]
    readable: bool
    of: str
    """The table it points at."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or index as it is now."""

    oid: str
    key: str
    """Its name with its schema, as SQL needs it."""
    kind: str
    """PostgreSQL's letter: r table, m materialised view, p partitioned table, i index, I partitioned index."""
    system: bool
    file: str
    """Number of the file it is in; a rewrite gives it another."""
    tablespace: str
    owned: bool
    database_owned: bool
    maintained: bool
    deletable: bool
    adds: bool
    """True when our role may add something to its schema."""
    owner: SafeText
    rows: float | None
    dead: float | None
    pages: float | None
    bytes: float | None
    index_bytes: float | None
    vacuumed: str
    """When it was last vacuumed by hand, the server's text; empty: never."""
    analysed: str
    table_oid: str = ""
    """Of an index: its table."""
    table: str = ""
    valid: bool = True
    identifies: bool = False
    """Of an index: true when replication tells rows apart by it."""
    excludes: bool = False
    constraint: SafeText = SafeText()
    scans: float | None = None
    definition: str = ""
    indexes: tuple[IndexOf, ...] = ()
    columns: tuple[Column, ...] = ()
    referrers: tuple[Referrer, ...] = ()
    bare: tuple[str, ...] = ()
    """Columns of its foreign keys that no index begins with."""
    triggers: int = 0
    """Triggers of its owner's that a delete fires."""

    @property
    def is_index(self) -> bool:
        """True for an index."""
        return self.kind in ("i", "I")

    @property
    def leftovers(self) -> tuple[IndexOf, ...]:
        """Invalid indexes that a failed REINDEX CONCURRENTLY left on its table."""
        return tuple(one for one in self.indexes if not one.valid and names_leftover(one.key))


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that holds a relation, or a transaction that is open in our database."""

    pid: int
    who: SafeText
    state: str
    backend_type: str
    age: float | None
    """Seconds its transaction is open; None: hidden from us, or a prepared one."""
    relation: str = ""
    """The oid of what it holds."""
    mode: str = ""
    granted: bool = True

    @property
    def yields(self) -> bool:
        """True for autovacuum, which lets go when somebody wants the table."""
        return self.backend_type == "autovacuum worker"


@dataclass(frozen=True, slots=True)
class Carer:
    """A session that runs an act of care."""

    pid: int
    backend_start: str
    state: str
    application: str
    age: float | None
    wait: str


@dataclass(frozen=True, slots=True)
class Share:
    """How far a statement has come, by the server's own tables of progress."""

    command: str
    phase: str
    share: float | None


@dataclass(frozen=True, slots=True)
class CareSight:
    """What was seen in one look."""

    where: str
    number: int
    version: SafeText
    role: SafeText
    database: SafeText
    pin: Identity
    superuser: bool
    now: str
    """The server's clock, its text."""
    notices: bool
    """True when the server notices within the statement that a client has gone, and then ends it."""
    folder: str
    """Where it keeps its data, as far as we may know."""
    own: int
    replicas: int
    relations: tuple[tuple[tuple[str | None, str], Relation], ...]
    """((schema or nothing, name) as it was asked for, what was found)."""
    holders: tuple[Holder, ...]
    transactions: tuple[Holder, ...]
    carers: tuple[Carer, ...]
    progress: dict[int, Share]
    slow_log: tuple[str, str, bool]
    """(log_min_duration_statement in ms as new sessions get it, where from, whether ALTER SYSTEM has set it)."""
    reloads: bool
    statements: str
    """Schema of pg_stat_statements, quoted; empty: not there."""

    @property
    def standby(self) -> bool:
        """True on a copy."""
        return dict(self.pin)["standby"] == "yes"

    @property
    def place(self) -> SafeText:
        """Which server and database this is, for a person."""
        copy = ", a standby" if self.standby else ""
        return SafeText(
            f"PostgreSQL {self.version} at {self.where}{copy}, database {self.database}, as {self.role}", 300
        )

    def found(self, key: str) -> list[Relation]:
        """What a written name means: nothing, one relation, or several of the same name."""
        wanted = names.split(key.removeprefix(names.INDEX))
        return [one for asked, one in self.relations if asked == wanted]

    def by_oid(self, oid: str) -> Relation | None:
        """The relation of that oid."""
        return next((one for _, one in self.relations if one.oid == oid), None)

    def carer(self, pid: int, backend_start: str) -> Carer | None:
        """The session that runs an act, while it lives."""
        return next((one for one in self.carers if (one.pid, one.backend_start) == (pid, backend_start)), None)


def names_leftover(key: str) -> bool:
    """True for the names that REINDEX CONCURRENTLY gives to what is not finished.

    https://www.postgresql.org/docs/current/sql-reindex.html#SQL-REINDEX-CONCURRENTLY

    >>> names_leftover("public.orders_pkey_ccnew"), names_leftover('public."x y_ccold2"'), names_leftover("public.cc")
    (True, True, False)
    """
    bare = key.rstrip('"').rstrip("0123456789")
    return bare.endswith(("_ccnew", "_ccold"))


async def ask(link: Link, text: str, within: float = _ANSWERS) -> object:
    """One answer within its time; a server that does not answer is hung up on. Raises `ProbeError`."""
    try:
        async with asyncio.timeout(within):
            return await link.ask(text)
    except TimeoutError:
        raise ProbeError(Cause.TIMEOUT_READ, f"no answer from {link.where} within {within:g} s") from None


async def look(link: Link, keys: Iterable[str]) -> CareSight:
    """See the server and these relations. Raises `ProbeError`."""
    control: parse.Document = {}
    try:
        control = parse.part(await ask(link, question("control", 120000)))
    except ProbeError:
        if not link.is_open:
            raise
    bare = (names.split(one.removeprefix(names.INDEX)) for one in keys)
    wanted = dict.fromkeys(one for one in bare if one is not None)
    document = parse.part(await ask(link, question("care", 120000, names=names.asked(wanted))))
    if not parse.word(document.get("started")):
        raise ProbeError(Cause.GARBAGE, f"{link.where} answers, but not as PostgreSQL does")
    chosen("care", parse.whole(document.get("number")))
    return _seen(link.where, document, parse.word(control.get("system_identifier")))


def _seen(where: str, document: parse.Document, system: str) -> CareSight:
    pin = (
        ("system_identifier", system),
        ("started", parse.word(document.get("started"))),
        ("standby", "yes" if document.get("in_recovery") is True else "no"),
        ("database", parse.word(document.get("database"))),
    )
    slow = parse.part(document.get("slow_log"))
    return CareSight(
        where=where,
        number=parse.whole(document.get("number")),
        version=parse.name(document.get("version")),
        role=parse.name(document.get("role")),
        database=parse.name(document.get("database")),
        pin=tuple(pair for pair in pin if pair[1]),
        superuser=document.get("superuser") is True,
        now=parse.word(document.get("now")),
        notices=parse.word(document.get("checks")) not in ("", "0"),
        folder=str(document.get("folder") or ""),
        own=parse.whole(document.get("own")),
        replicas=parse.whole(document.get("replicas")),
        relations=tuple(
            ((row.get("within"), str(row.get("wanted"))), relation_of(row))
            for row in parse.rows(document.get("relations"))
        ),
        holders=tuple(_holder(row) for row in parse.rows(document.get("holders"))),
        transactions=tuple(_holder(row) for row in parse.rows(document.get("transactions"))),
        carers=tuple(_carer(row) for row in parse.rows(document.get("sessions"))),
        progress={parse.whole(row.get("pid")): _share(row) for row in parse.rows(document.get("progress"))},
        slow_log=(parse.word(slow.get("value")), parse.word(slow.get("source")), slow.get("automatic") is True),
        reloads=document.get("reloads") is True,
        statements=str(document.get("statements") or ""),
    )


def relation_of(row: parse.Document) -> Relation:
    """A relation out of the server's document."""
    tuples = parse.number(row.get("tuples"))
    live = parse.number(row.get("live"))
    return Relation(
        oid=str(row.get("oid")),
        key=str(row.get("key")),
        kind=str(row.get("kind")),
        system=row.get("system") is True,
        file=str(row.get("file")),
        tablespace=str(row.get("tablespace")),
        owned=row.get("owned") is True,
        database_owned=row.get("database_owned") is True,
        maintained=row.get("maintained") is True,
        deletable=row.get("deletable") is True,
        adds=row.get("adds") is True,
        owner=parse.name(row.get("owner")),
        rows=max(tuples, live or 0.0) if tuples is not None else live,
        dead=parse.number(row.get("dead")),
        pages=parse.number(row.get("pages")),
        bytes=parse.number(row.get("bytes")),
        index_bytes=parse.number(row.get("index_bytes")),
        vacuumed=parse.word(row.get("vacuumed")),
        analysed=parse.word(row.get("analysed")),
        table_oid=parse.word(row.get("table_oid")),
        table=str(row.get("table") or ""),
        valid=row.get("valid") is not False,
        identifies=row.get("identifies") is True,
        excludes=row.get("excludes") is True,
        constraint=parse.name(row.get("constraint")),
        scans=parse.number(row.get("scans")),
        definition=str(row.get("definition") or ""),
        indexes=tuple(
            IndexOf(str(one.get("key")), str(one.get("oid")), one.get("valid") is True, str(one.get("definition")))
            for one in parse.rows(row.get("indexes"))
        ),
        columns=tuple(
            Column(str(one.get("name")), str(one.get("quoted")), str(one.get("type")))
            for one in parse.rows(row.get("columns"))
        ),
        referrers=tuple(_referrer(one) for one in parse.rows(row.get("referrers"))),
        bare=tuple(str(one) for one in row.get("bare") or ()),
        triggers=parse.whole(row.get("triggers")),
    )


def _referrer(row: parse.Document) -> Referrer:
    columns, refers = (tuple(map(str, row.get(name) or ())) for name in ("columns", "refers"))
    readable = row.get("readable") is True
    return Referrer(str(row.get("table")), str(row.get("action")), columns, refers, readable, str(row.get("of")))


def _holder(row: parse.Document) -> Holder:
    kind = parse.word(row.get("backend_type"))
    who = parse.name(row.get("application")) or parse.name(row.get("user")) or SafeText(kind)
    return Holder(
        pid=parse.whole(row.get("pid")),
        who=who or SafeText("hidden from us" if row.get("pid") else "a prepared transaction"),
        state=parse.word(row.get("state")),
        backend_type=kind,
        age=parse.seconds(row.get("age")),
        relation=parse.word(row.get("relation")),
        mode=parse.word(row.get("mode")),
        granted=row.get("granted") is not False,
    )


def _carer(row: parse.Document) -> Carer:
    waits = (parse.word(row.get("wait_type")), parse.word(row.get("wait_event")))
    return Carer(
        parse.whole(row.get("pid")),
        parse.word(row.get("backend_start")),
        parse.word(row.get("state")),
        parse.word(row.get("application")),
        parse.seconds(row.get("age")),
        ":".join(one for one in waits if one),
    )


def _share(row: parse.Document) -> Share:
    done, total = parse.number(row.get("done")), parse.number(row.get("total"))
    share = min(done / total, 1.0) if done is not None and total else None
    return Share(parse.word(row.get("command")), parse.word(row.get("phase")), share)
