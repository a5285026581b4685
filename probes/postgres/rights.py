"""What the login for acts may do, against what our acts need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probes.base import Grant, Right, SafeText
from probes.postgres.sight import Sight

_FILE = "contrib/postgres/roles.sql"


@dataclass(frozen=True, slots=True)
class CareRights:
    """What the login for acts may do to tables, indexes and settings."""

    number: int
    role: SafeText
    superuser: bool
    tables: int
    """Tables of the database that are not the server's own."""
    maintained: int
    """Those of them that it may vacuum, analyse and reindex."""
    owned: int
    """Those whose indexes it may make and drop."""
    owner: SafeText
    """The role that owns most of the others."""
    logs: bool
    """True when it may make a slow-query threshold last."""
    retained: tuple[tuple[str, bool], ...] = ()
    """(table of a retention, whether it may delete there)."""


def care_rights(seen: CareRights) -> Sequence[Right]:
    """Each right that acts of care need.

    https://www.postgresql.org/docs/current/predefined-roles.html
    """
    role, newer = seen.role, seen.number >= 170000
    membership = f"GRANT {seen.owner or 'OWNER'} TO {role}"
    maintain = f"GRANT MAINTAIN ON ALL TABLES IN SCHEMA ... TO {role}, or GRANT pg_maintain" if newer else membership
    some = f"{seen.maintained} of {seen.tables} tables so far: {maintain}"
    built = f"{seen.owned} of {seen.tables} tables so far: {membership}, which may do anything to them"
    lasting = (
        f"GRANT ALTER SYSTEM ON PARAMETER log_min_duration_statement TO {role}; "
        f"GRANT EXECUTE ON FUNCTION pg_reload_conf() TO {role}"
    )
    found = [
        _right("vacuum, analyse and reindex every table", seen.maintained >= seen.tables, some),
        _right("make and drop indexes of every table", seen.owned >= seen.tables, built),
        _right("make a slow-query threshold last", seen.logs,
               lasting if seen.number >= 150000 else "before PostgreSQL 15 only a superuser may"),
    ]  # fmt: skip
    for table, able in seen.retained:
        remedy = f"GRANT SELECT, UPDATE, DELETE ON {table} TO {role}"
        found.append(_right(f"delete old rows of {table}", able, remedy))
    return found


def rights_of(sight: Sight) -> Sequence[Right]:
    """Each right, and what gives it or takes it away."""
    role = sight.role
    found = [
        _right("see other roles' sessions whole", sight.reads_all, f"GRANT pg_read_all_stats TO {role}"),
    ]
    for action, function in (("cancel", sight.function("cancel")), ("terminate", sight.function("terminate"))):
        able = sight.signals or (function is not None and (function.able or function.all_powerful))
        remedy = f"run {_FILE}, or GRANT pg_signal_backend TO {role}"
        found.append(_right(f"{action} sessions of other roles", able, remedy))
    if sight.superuser:
        found.append(_too_much("superuser: may do everything", f"log in for acts as opsroom_act of {_FILE}"))
        return found
    if sight.signals and sight.function("terminate") is not None:
        words = "signal any session without the guard of opsroom.terminate"
        found.append(_too_much(words, f"REVOKE pg_signal_backend FROM {role}"))
    for power in sight.powers:
        found.append(_too_much(f"member of {power}", f"REVOKE {power} FROM {role}"))
    for name, function in sorted(sight.guarded.items()):
        if function.all_powerful:
            words = f"opsroom.{name} belongs to a superuser: it ends superusers' sessions too"
            found.append(_too_much(words, f"ALTER FUNCTION opsroom.{name} OWNER TO opsroom_signal"))
        if function.everybodys:
            words = f"everybody may call opsroom.{name}"
            found.append(_too_much(words, f"REVOKE ALL ON FUNCTION opsroom.{name} FROM PUBLIC"))
    return found


def _right(name: str, held: bool, remedy: str) -> Right:
    return Right(name, Grant.HELD if held else Grant.MISSING, SafeText() if held else SafeText(remedy))


def _too_much(name: str, remedy: str) -> Right:
    return Right(name, Grant.EXCESS, SafeText(remedy))
