"""The statements of care, one for each act: each changes something, with names that the server itself has quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from probes.base import Plan, Subject
from probes.postgres.address import ACTING
from probes.postgres.care import definition, names
from probes.postgres.care.commands import THRESHOLD, threshold
from probes.postgres.care.deleting import old
from probes.postgres.care.locks import BRIEF, CONCURRENT, PATIENT
from probes.postgres.care.retention import Retention
from probes.postgres.care.sight import CARER, Relation

_BATCHES: Final = """
DECLARE
    gone bigint;
    total bigint := 0;
BEGIN
    LOOP
        IF pg_catalog.to_regclass({name})::oid IS DISTINCT FROM {oid}::oid THEN
            RAISE EXCEPTION USING ERRCODE = 'OR001', MESSAGE = 'another table has that name now';
        END IF;
        WITH doomed AS MATERIALIZED (
            SELECT t.tableoid AS part, t.ctid AS place FROM {table} AS t WHERE {test}
            LIMIT {batch} FOR UPDATE SKIP LOCKED
        )
        DELETE FROM {table} AS t USING doomed WHERE t.tableoid = doomed.part AND t.ctid = doomed.place;
        GET DIAGNOSTICS gone = ROW_COUNT;
        total := total + gone;
        PERFORM pg_catalog.set_config('application_name', '{carer}' || total || ' of {rows}', false);
        COMMIT;
        EXIT WHEN gone = 0;
        PERFORM pg_catalog.pg_sleep({pause});
    END LOOP;
END"""


def session_of(action: str, within: float) -> Mapping[str, str]:
    """Settings of the session that runs an act: it gives up early where others would queue behind it.

    The search path is the role's own, since triggers and expressions of the table may rely on it. A message that
    nobody reads any more would end the statement, so the server sends none.
    """
    patient = PATIENT if action in CONCURRENT else BRIEF
    own = {
        "statement_timeout": f"{within:.0f}s",
        "lock_timeout": f"{patient * 1000:.0f}ms",
        "client_min_messages": "error",
        "idle_in_transaction_session_timeout": "0",
    }
    return {name: value for name, value in {**ACTING, **own}.items() if name != "search_path"}


def statement_of(plan: Plan, subject: Subject, one: Relation | None, retention: Retention | None, act: str) -> str:
    """The one statement for a subject, as it is now."""
    action = plan.action.name
    mark = f"/* opsroom {act} */"
    if one is None:
        skip = "(ANALYZE, SKIP_LOCKED)" if action == "vacuum" else "(SKIP_LOCKED)"
        return f"{action.upper()} {mark} {skip}"
    if action == "delete-old" and retention is not None:
        planned = dict(subject.identity)
        body = _BATCHES.format(
            name=names.literal(one.key), oid=int(one.oid), table=one.key, carer=CARER,
            test=old(retention, planned["before"]), batch=retention.batch, rows=int(planned["rows"]),
            pause=retention.pause,
        )  # fmt: skip
        return f"DO {mark} {names.literal(body)}"
    if action == "create-index":
        made = definition.read(plan.request.word)
        name = (names.split(dict(subject.identity)["index"]) or (None, ""))[1]
        unique = "UNIQUE " if made.unique else ""
        return f"CREATE {unique}INDEX {mark} CONCURRENTLY {names.quoted(name)} ON {one.key} {made.body}"
    return {
        "analyze": f"ANALYZE {mark} {one.key}",
        "vacuum": f"VACUUM {mark} (ANALYZE) {one.key}",
        "vacuum-full": f"VACUUM {mark} (FULL, ANALYZE) {one.key}",
        "reindex": f"REINDEX {mark} {'INDEX' if one.is_index else 'TABLE'} CONCURRENTLY {one.key}",
        "drop-index": f"DROP INDEX {mark} CONCURRENTLY {one.key}",
    }[action]


def setting_of(word: str, how: str, database: str, act: str) -> str:
    """The statement that makes a threshold last."""
    value = (threshold(word) or (None, None))[0]
    what = f"RESET {THRESHOLD}" if value is None else f"SET {THRESHOLD} = {value}"
    head = f"ALTER /* opsroom {act} */"
    return f"{head} SYSTEM {what}" if how == "system" else f"{head} DATABASE {names.quoted(database)} {what}"


RELOAD: Final = "SELECT /* opsroom {act} */ pg_catalog.pg_reload_conf()"
FORGET: Final = "SELECT /* opsroom {act} */ {schema}.pg_stat_statements_reset()"
ENTER: Final = (
    "SELECT pg_catalog.set_config('application_name', %(name)s, false), pg_catalog.pg_backend_pid(), "
    "(SELECT backend_start::text FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid())"
)
"""Gives the session a name by which it is found again, and tells which session it is."""
