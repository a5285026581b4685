"""What an act of care would do, in words: the lock it takes and who waits for that, what it needs, how to stop it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from probes.base import Action, Cause, Identity, ProbeError, Request, SafeText, Subject
from probes.postgres.care import definition, names
from probes.postgres.care.commands import as_word, threshold
from probes.postgres.care.locks import BRIEF, LONG, PATIENT, in_the_way
from probes.postgres.care.retention import Retention
from probes.postgres.care.sight import CareSight, Relation

MOST: Final = 100
"""Relations in one plan."""
WHOLE: Final = "database"
"""How the key of the one subject begins that is no table: the database, or the server, as a whole."""
_KINDS: Final = {"m": "materialised view", "p": "partitioned table", "i": "index", "I": "partitioned index"}
_GIVES: Final = {
    "c": "are deleted with {}", "n": "lose their reference to {}", "d": "get the default reference, not to {} any more",
}  # fmt: skip

LOCKS: Final = {
    "analyze": "takes SHARE UPDATE EXCLUSIVE: queries and writes go on; a vacuum or a change of the table waits",
    "vacuum": "takes SHARE UPDATE EXCLUSIVE: queries and writes go on; another vacuum or a change of the table waits",
    "vacuum-full": "takes ACCESS EXCLUSIVE: every query and write of the table waits until it is done, SELECT too",
    "reindex": "takes SHARE UPDATE EXCLUSIVE: queries and writes go on; vacuum and changes of the table wait",
    "create-index": "takes SHARE UPDATE EXCLUSIVE: queries and writes go on; vacuum and changes of the table wait",
    "drop-index": "takes SHARE UPDATE EXCLUSIVE, and at its end the index alone: queries and writes go on",
    "delete-old": "takes the rows of one batch at a time and skips what others hold: who wants one waits for its batch",
}
"""The lock an act takes, and what waits for it."""
STOPS: Final = {
    "vacuum-full": "until it is done: cancel its session, and the table stays as it was",
    "reindex": "stop it by cancelling its session; what it leaves invalid is told, and can be dropped",
    "create-index": "stop it by cancelling its session; the invalid index it leaves can be dropped; later: drop index",
    "delete-old": "deleted rows are gone; cancel its session to stop after the last finished batch",
    "analyze": "nothing to take back; cancel its session to stop it",
    "vacuum": "nothing to take back; cancel its session to stop it",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows a retention would delete."""

    rows: float | None
    exact: bool
    before: str
    """Rows older than this moment go, the server's text."""
    type: str
    """Of the column."""
    others: tuple[Along, ...] = ()
    """What happens to rows of other tables, the nearest first."""
    more: bool = False
    """True when still more tables refer to those, which were not followed."""


@dataclass(frozen=True, slots=True)
class Along:
    """Rows of another table that refer to rows that go."""

    table: str
    what: str
    """What happens to them: "are deleted with those of public.items"."""
    rows: float | None
    """How many; None: not counted."""
    exact: bool = True
    again: bool = False
    """True when they take along rows of a table that was followed already, and so on: those are not counted."""

    def __str__(self) -> str:
        on = ", and what refers to those in turn, which is not counted" if self.again else ""
        many = "how many was not counted" if self.rows is None else f"{'' if self.exact else 'some '}{count(self.rows)}"
        return f"rows of {self.table} {self.what}: {many}{on}"


def size(value: float | None) -> str:
    """Bytes for a person; "unknown" where nobody could measure.

    >>> size(512.0), size(3.0 * 2**20), size(None)
    ('512 B', '3.0 MiB', 'of unknown size')
    """
    if value is None:
        return "of unknown size"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.0f} B" if unit == "B" else f"{value:,.1f} {unit}"


def count(value: float | None) -> str:
    """A number of rows."""
    return "an unknown number of" if value is None else f"{round(value):,}"


def relations(request: Request, sight: CareSight) -> list[Relation]:
    """The relations a request names, each once. `ProbeError` when one is not there, or several are called so."""
    found: dict[str, Relation] = {}
    for subject in request.subjects:
        those = sight.found(subject)
        if subject.startswith(names.INDEX) or request.action == "drop-index":
            those = [one for one in those if one.is_index]
        if not those:
            raise ProbeError(Cause.GONE, f"there is no {SafeText(subject, 150)} in {sight.database}")
        if len({one.oid for one in those}) > 1:
            raise ProbeError(Cause.MISSING, f"several are called {SafeText(subject, 150)}", "name its schema too")
        found[those[0].oid] = those[0]
    return list(found.values())


def subject_of(action: Action, one: Relation, sight: CareSight, free: float | None) -> Subject:
    """A table or index that would be acted on."""
    barred = hindrance(action.name, one, sight, free)
    return Subject(
        key=(names.INDEX if one.is_index else "") + one.key,
        name=SafeText(one.key, 150),
        identity=identity_of(action.name, one),
        before=SafeText(_before(one), 1000),
        after=SafeText(_after(action.name, one)),
        felt=tuple(map(SafeText, _felt(action.name, one, free))),
        spared=SafeText(barred),
        barred=bool(barred),
    )


def identity_of(action: str, one: Relation) -> Identity:
    """What a relation is told by: its oid, its file where that is about to change. The rest is to check it after."""
    found = [("oid", one.oid), ("name", one.key)]
    if action == "vacuum-full":
        found += [("file", one.file), ("bytes", f"{(one.bytes or 0) + (one.index_bytes or 0):.0f}")]
    if action == "analyze":
        found.append(("analysed", one.analysed))
    if action == "vacuum":
        found.append(("vacuumed", one.vacuumed))
    if action == "reindex":
        indexes = [one.oid] if one.is_index else [each.oid for each in one.indexes if each.valid]
        found += [
            ("indexes", ",".join(indexes)),
            ("bytes", f"{(one.bytes if one.is_index else one.index_bytes) or 0:.0f}"),
        ]
        found.append(("table", one.table or one.key))
    return tuple(found)


COMPARED: Final = ("oid", "name", "file", "indexes")
"""What of an identity must still be so when it is done."""


def _before(one: Relation) -> str:
    if one.is_index:
        use = "never used here" if one.scans == 0 else f"used {count(one.scans)} times"
        state = "valid" if one.valid else "INVALID"
        return f"index of {one.table}, {size(one.bytes)}, {state}, {use}; {one.definition}"
    dead = f", {count(one.dead)} dead" if one.dead is not None else ""
    what = _KINDS.get(one.kind, "table")
    return f"{what}, {size(one.bytes)} and {size(one.index_bytes)} of indexes, some {count(one.rows)} rows{dead}"


def _indexes(number: int) -> str:
    return "one index" if number == 1 else f"{number} indexes"


def _after(action: str, one: Relation) -> str:
    return {
        "analyze": "statistics of its columns are new",
        "vacuum": "room of its dead rows usable again, statistics new; the file as big as before",
        "vacuum-full": "written anew without dead rows, its indexes built anew",
        "reindex": "built anew" if one.is_index else f"its {_indexes(len(one.indexes))} built anew",
        "create-index": "has one index more",
        "drop-index": "gone",
    }[action]


def _felt(action: str, one: Relation, free: float | None) -> Iterable[str]:
    yield LOCKS[action]
    if action in ("analyze", "vacuum"):
        yield "reads a sample of its pages" if action == "analyze" else f"reads up to {size(one.bytes)}, writes WAL"
    if action == "vacuum-full":
        yield (
            f"needs {size(_needed(action, one))} more on the disk while it runs"
            f"{f', {size(free)} are free' if free is not None else '; what is free there can not be told from here'}"
        )
        yield "as much WAL goes to replicas and backups; a full disk is not freed by it: make room first"
    if action == "reindex":
        yield f"needs {size(_needed(action, one))} more on the disk while it runs; reads the whole table twice"
    if action == "create-index":
        yield "reads the whole table twice; needs disk for the new index, and memory or temporary files to sort it"
    if action in ("reindex", "create-index", "drop-index"):
        yield f"waits up to {PATIENT:g} s for each older transaction; one open for {LONG:g} s already bars it"


def _needed(action: str, one: Relation) -> float | None:
    if one.is_index:
        return one.bytes
    if action == "reindex":
        return one.index_bytes
    return None if one.bytes is None else one.bytes + (one.index_bytes or 0)


def hindrance(action: str, one: Relation, sight: CareSight, free: float | None = None) -> str:
    """Why an act can't be done to a relation now; empty when it can."""
    if sight.standby:
        return "this server is a standby: it is done on its primary"
    if one.system:
        return "it belongs to the server's own catalogue"
    if why := _unfit(action, one):
        return why
    if why := not_allowed(action, one, sight):
        return why
    if why := in_the_way(action, one, sight):
        return why
    needed = _needed(action, one)
    if action in ("vacuum-full", "reindex") and free is not None and needed is not None and free < needed:
        return f"it needs {size(needed)} on the disk and {size(free)} are free"
    return ""


def _unfit(action: str, one: Relation) -> str:
    """Why an act makes no sense for what it is aimed at."""
    what = _KINDS.get(one.kind, "table")
    if one.is_index and action not in ("reindex", "drop-index"):
        return f"an index: {action} is done to its table {one.table}"
    if action == "drop-index":
        if not one.is_index:
            return f"a {what}, not an index"
        if one.constraint:
            return f"constraint {one.constraint} stands on it: ALTER TABLE ... DROP CONSTRAINT takes both away"
        if one.identifies:
            return "replication tells rows apart by it"
        if one.valid and one.scans is None:
            return "whether it is used is not known"
        if one.valid and one.scans:
            return f"queries have used it {count(one.scans)} times"
    if one.kind in ("p", "I") and action not in ("analyze", "delete-old"):
        return f"a {what}: this is done to its partitions one by one"
    if action == "create-index" and one.kind not in ("r", "m"):
        return f"a {what} gets no index this way"
    if action == "reindex" and not one.is_index and not any(each.valid for each in one.indexes):
        return "it has no valid index"
    if action == "reindex" and one.excludes:
        return "an exclusion constraint stands on it: such an index can't be rebuilt concurrently"
    return ""


def not_allowed(action: str, one: Relation, sight: CareSight) -> str:
    """Why our role may not; empty when it may.

    https://www.postgresql.org/docs/current/ddl-priv.html#DDL-PRIV-MAINTAIN
    """
    if sight.superuser:
        return ""
    if one.owned and action == "create-index" and not one.adds:
        schema = names.quoted((names.split(one.key) or ("", ""))[0] or "")
        return f"{sight.role} may not: GRANT CREATE ON SCHEMA {schema} TO {sight.role}"
    if one.owned:
        return ""
    if action in ("analyze", "vacuum", "vacuum-full", "reindex") and one.maintained:
        return ""
    if action in ("analyze", "vacuum", "vacuum-full") and one.database_owned:
        return ""
    if action in ("create-index", "drop-index"):
        return f"{sight.role} may not: only a member of its owner {one.owner} makes and drops indexes"
    newer = sight.number >= 170000
    needs = f"MAINTAIN on it, or pg_maintain; or to be a member of {one.owner}" if newer else f"a member of {one.owner}"
    return f"{sight.role} may not: it {'needs' if newer else 'must be'} {needs}"


def whole(action: Action, sight: CareSight) -> Subject:
    """The database as a whole, table by table."""
    known = "every table" if sight.superuser else "every table that we may"
    standby = "this server is a standby: it is done on its primary" if sight.standby else ""
    return Subject(
        key=f"{WHOLE} {sight.database}",
        name=SafeText(f"database {sight.database}"),
        identity=(("database", str(sight.database)), ("now", sight.now)),
        before=SafeText("as it is"),
        after=SafeText(f"{known} is done, one after the other; what is locked is skipped"),
        felt=(SafeText(LOCKS[action.name]), SafeText("reads and writes as much as it can: choose a quiet hour")),
        spared=SafeText(standby),
        barred=bool(standby),
    )


def new_index(one: Relation, word: str, sight: CareSight) -> tuple[Subject, str]:
    """The table as it would be with a new index, and that index's name with its schema."""
    try:
        made = definition.read(word)
    except definition.Unreadable as error:
        like = "such as: posts_recent (user_id, created_at DESC) WHERE deleted_at IS NULL"
        raise ProbeError(Cause.MISSING, SafeText(str(error), 200), like) from None
    schema, table = names.split(one.key) or (None, "")
    key = f"{names.quoted(schema or '')}.{names.quoted(made.named(table))}"
    subject = subject_of(_action("create-index"), one, sight, None)
    missing = [name for name in made.columns if name not in {column.name for column in one.columns}]
    taken = sight.found(key)
    barred = str(subject.spared)
    if not barred and missing:
        barred = f"it has no column {missing[0]}"
    if not barred and taken:
        what = "an invalid index" if taken[0].is_index and not taken[0].valid else "something else"
        barred = f"{what} is called {key} already" + (": drop it first" if what.startswith("an") else "")
    space = _estimated(one, made)
    more = [SafeText(f"the index takes some {size(space)} (an estimate)")] if space else []
    if made.unique:
        more.append(SafeText("it refuses a second row of the same values to everybody, perhaps even when left INVALID"))
    return replace(
        subject,
        identity=(("oid", one.oid), ("name", one.key), ("index", key)),
        after=SafeText(f"has the index {key} {made.body}", 600),
        felt=(*subject.felt, *more),
        spared=SafeText(barred),
        barred=bool(barred),
    ), key


_WIDTHS: Final = {"smallint": 2, "integer": 4, "bigint": 8, "boolean": 1, "date": 4, "uuid": 16, "real": 4,
                  "double precision": 8, "timestamp with time zone": 8, "timestamp without time zone": 8}  # fmt: skip


def _estimated(one: Relation, made: definition.Definition) -> float | None:
    """Bytes of a B-tree: 16 bytes of entry and the columns, 90 % filled; text counts as 24 bytes."""
    if one.rows is None or made.method != "btree":
        return None
    types = {column.name: column.type for column in one.columns}
    wide = sum(_WIDTHS.get(types.get(name, ""), 24) for name in (*(key.column for key in made.keys), *made.include))
    return one.rows * (16 + wide) / 0.9


def _action(name: str) -> Action:
    from probes.postgres.care.catalogue import BY_NAME

    return BY_NAME[name]


def old_rows(word: str, retention: Retention, one: Relation, counted: Counted, sight: CareSight) -> Subject:
    """The rows that a retention does not keep any more."""
    barred = hindrance("delete-old", replace(one, owned=one.deletable, maintained=one.deletable), sight)
    if not barred and one.kind not in ("r", "p"):
        barred = f"a {_KINDS.get(one.kind, 'relation')} has no rows of its own"
    if not barred and not counted.type.startswith(("timestamp", "date")):
        barred = f"{retention.column} is of type {counted.type}, which is no moment"
    if not barred and counted.rows == 0:
        barred = "no row is that old"
    about = "" if counted.exact else "some "
    felt = [LOCKS["delete-old"], f"{about}{count(counted.rows)} rows in batches of {retention.batch:,}, "
            f"{retention.pause:g} s between them; WAL and dead rows grow with them: vacuum follows"]  # fmt: skip
    felt += map(str, counted.others)
    if counted.more:
        felt.append("more tables refer to rows that go than are listed here: look at them first")
    if one.triggers:
        felt.append(f"{one.triggers} triggers of the table fire for each row")
    return Subject(
        key=f"retention {word}",
        name=SafeText(f"{retention.table} older than {retention.keep}"),
        identity=(("oid", one.oid), ("name", one.key), ("before", counted.before),
                  ("rows", f"{counted.rows or 0:.0f}")),
        before=SafeText(f"{about}{count(counted.rows)} rows with {retention.column} before {counted.before}"),
        after=SafeText("those rows are gone, and newer ones stay"),
        felt=tuple(map(SafeText, felt)),
        spared=SafeText(barred),
        barred=bool(barred),
    )  # fmt: skip


def gives(action: str, of: str = "") -> str:
    """What a delete does to the rows that refer to rows of a table; without a name: of the table itself.

    >>> gives("c"), gives("n", "public.items")
    ('are deleted with them', 'lose their reference to those of public.items')
    >>> gives("r")
    'that refer to one of them stop their batch'
    """
    those = f"those of {of}" if of else "them"
    return _GIVES.get(action, "that refer to one of {} stop their batch").format(those)


@dataclass(frozen=True, slots=True)
class Way:
    """How a threshold can be made to last here."""

    how: str
    """"system" or "database"; empty: not at all."""
    why: str = ""


def way_of(sight: CareSight, alters: bool, sets: bool) -> Way:
    """`alters`: our role may ALTER SYSTEM this setting; `sets`: it may set it for the database it owns."""
    _, source, _ = sight.slow_log
    if source == "command line":
        return Way("", "the server was started with it on its command line, which wins over every file")
    if (sight.superuser or alters) and sight.reloads:
        return Way("system")
    if sight.superuser or sets:
        return Way("database")
    needs = (
        f"GRANT ALTER SYSTEM ON PARAMETER log_min_duration_statement TO {sight.role}; "
        f"GRANT EXECUTE ON FUNCTION pg_reload_conf() TO {sight.role}"
        if sight.number >= 150000
        else "before PostgreSQL 15 only a superuser may"
    )
    return Way("", f"{sight.role} may not: {needs}; on a managed service the parameter group sets it")


def previous(sight: CareSight) -> str:
    """The word that brings back the threshold as it is."""
    value, source, automatic = sight.slow_log
    try:
        milliseconds = int(value)
    except ValueError:
        return "default"
    return as_word(milliseconds) if automatic or source == "database" else "default"


def slow_log(word: str, sight: CareSight, way: Way) -> Subject:
    """The threshold as it is and as it would be."""
    known = threshold(word)
    if known is None:
        raise ProbeError(Cause.MISSING, f"{SafeText(word, 60)} is no threshold", "such as: 250 ms, off, default")
    value, source, _ = sight.slow_log
    now = spoken(value)
    wanted = "what the file says" if known[0] is None else spoken(str(known[0]))
    barred = way.why
    if not barred and way.how == "database" and sight.standby:
        barred = "this server is a standby: what belongs to a database is set on its primary"
    felt = ["new sessions have it at once, running ones at their next statement"]
    if way.how == "system":
        felt.append("the server reads its files anew: what else was changed in them, and not applied, takes effect too")
    if way.how == "database":
        felt = ["sessions that are open keep the old value until they connect anew"]
    if known[0] == 0:
        felt.append("every statement is logged: the log grows fast, and texts of queries may hold secrets")
    return Subject(
        key="setting log_min_duration_statement",
        name=SafeText("log_min_duration_statement"),
        identity=(("value", value), ("source", source), ("how", way.how)),
        before=SafeText(f"{now}, from the {source}"),
        after=SafeText(f"{wanted}, from {'postgresql.auto.conf' if way.how == 'system' else 'the database'}"),
        felt=tuple(map(SafeText, felt)),
        spared=SafeText(barred),
        barred=bool(barred),
    )


def spoken(value: str) -> str:
    """A threshold for a person.

    >>> spoken("-1"), spoken("250"), spoken("0")
    ('off', 'statements of 250 ms and more', 'every statement')
    """
    if value == "-1":
        return "off"
    return "every statement" if value == "0" else f"statements of {value} ms and more"


def notes_of(action: str, subjects: Sequence[Subject], found: Sequence[Relation], sight: CareSight) -> Iterable[str]:
    """What else a person should know."""
    if action in LOCKS:
        wait = f"gives up when a lock is not to be had within {BRIEF:g} s"
        if action not in ("reindex", "create-index", "drop-index"):
            yield f"{wait}, so nobody queues behind it"
        yield (
            "should Opsroom end, the server notices it and ends the statement too"
            if sight.notices
            else "should Opsroom end, the server goes on with it to its end"
        )
    if action == "reindex":
        for one in found:
            for left in one.leftovers:
                yield f"{left.key} is left of an earlier attempt: drop it"
    if action == "drop-index":
        yield "use is counted on this server only, since its statistics begin" + (
            f"; it has {sight.replicas} replicas, whose queries are not counted" if sight.replicas else ""
        )
    if action == "vacuum-full":
        yield "pg_repack does it without shutting everybody out; plain vacuum is enough where the room is used again"
    if action == "delete-old":
        yield "counted in UTC where the column knows no time zone"
