"""Gives a restored database the name of the live one: two renames in one statement, both or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from probes.base import Identity

if TYPE_CHECKING:
    import psycopg

SWITCHING: Final[Mapping[str, str]] = {
    "statement_timeout": "40s",
    "lock_timeout": "5s",
    "search_path": "pg_catalog",
}
ANSWERS: Final = 45.0
"""Seconds it may take: each rename waits up to 5 s for sessions that are ending."""
CHANGED: Final = "OR001"
"""SQLSTATE of ours: a name is another database by now."""

_ORDER: Final = """
DO $opsroom$
DECLARE
    tries int := CASE WHEN {ending} THEN 3 ELSE 1 END;
BEGIN
    LOOP
        BEGIN
            IF (SELECT d.oid FROM pg_database d WHERE d.datname = {live}) IS DISTINCT FROM {live_oid}::oid
               OR (SELECT d.oid FROM pg_database d WHERE d.datname = {restored}) IS DISTINCT FROM {restored_oid}::oid
            THEN
                RAISE EXCEPTION 'changed' USING ERRCODE = 'OR001';
            END IF;
            IF {ending} THEN
                PERFORM pg_stat_clear_snapshot();
                PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity a
                WHERE a.datid IN ({live_oid}::oid, {restored_oid}::oid) AND a.pid <> pg_backend_pid()
                  AND a.usesysid IS NOT NULL;  -- the server's own workers make way by themselves
            END IF;
            EXECUTE format('ALTER DATABASE %I RENAME TO %I', {live}, {aside});
            EXECUTE format('ALTER DATABASE %I RENAME TO %I', {restored}, {live});
            IF (SELECT d.datname FROM pg_database d WHERE d.oid = {live_oid}::oid) IS DISTINCT FROM {aside}
               OR (SELECT d.datname FROM pg_database d WHERE d.oid = {restored_oid}::oid) IS DISTINCT FROM {live}
            THEN
                RAISE EXCEPTION 'changed' USING ERRCODE = 'OR001';
            END IF;
            RETURN;
        EXCEPTION WHEN object_in_use THEN
            tries := tries - 1;
            IF tries <= 0 THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END
$opsroom$
"""


def switched(identity: Identity, ending: bool) -> Callable[[psycopg.Connection[Any]], None]:
    """The order. The names must still be these very databases, which the server checks in the same statement."""
    told = dict(identity)

    def order(connection: psycopg.Connection[Any]) -> None:
        from psycopg import sql

        statement = sql.SQL(_ORDER).format(
            ending=sql.Literal(ending),
            live=sql.Literal(told["live"]),
            live_oid=sql.Literal(int(told["live oid"])),
            restored=sql.Literal(told["restored"]),
            restored_oid=sql.Literal(int(told["restored oid"])),
            aside=sql.Literal(told["aside"]),
        )
        connection.execute(statement)

    return order
