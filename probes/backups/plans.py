"""What the acts on backups are called and cost, and which objects a request would touch. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from probes.backups.facts import Backup
from probes.backups.gauges import FORMATS, spoiled, wrong_database
from probes.backups.head import major
from probes.backups.server import Database, Scene, Session
from probes.backups.settings import BackupsSettings
from probes.base import Action, Cause, Danger, Identity, ProbeError, SafeText, Subject, Word, lasted

NEW_NAME: Final = r"[a-z_][a-z0-9_]{0,62}"
"""A name that needs no quotes in any tool."""
A_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_$.-]{0,62}"
SPARED: Final = 3
"""Usable backups, the newest, that are never pruned."""
SKEW: Final = timedelta(minutes=5)
"""How far clocks may differ: a file dated later than that lies in the future, and proves no freshness."""
SCRATCH: Final = "opsroom_verify_"
WORKING: Final = 86400.0
"""Seconds after which a job is given up on."""

DUMP: Final = Action(
    "dump", "take a backup", Danger.REVERSIBLE,
    "Runs pg_dump to a temporary name, reads the result back whole, and gives it its name then; writes over nothing.",
    many=False,
)  # fmt: skip
COPY: Final = Action(
    "copy", "copy off this host", Danger.REVERSIBLE,
    "Copies the backup to the place off this host and compares the sums; writes over nothing.",
    noun="backup",
)  # fmt: skip
FETCH: Final = Action(
    "fetch", "fetch a copy back", Danger.REVERSIBLE,
    "Fetches a copy from off this host to a temporary name, compares it, reads it, and gives it its name then; "
    "writes over nothing.",
    word=Word("copy", r"[^/\x00-\x1f]{1,200}", listed=True), many=False,
)  # fmt: skip
VERIFY: Final = Action(
    "verify", "prove by a restore", Danger.REVERSIBLE,
    "Reads the backup to its end, restores it into a scratch database, asks the row checks and drops exactly that one.",
    many=False,
)  # fmt: skip
RESTORE: Final = Action(
    "restore", "restore into a new database", Danger.REVERSIBLE,
    "Makes a new database of the name you type and restores the backup into it; no other database is touched.",
    word=Word("new database", NEW_NAME), many=False,
)  # fmt: skip
SWITCH: Final = Action(
    "switch", "switch to a restored database", Danger.DESTRUCTIVE,
    "Renames the live database away and the restored one to its name, both or none; refused while anybody is in them.",
    word=Word("database", A_NAME, listed=True), many=False,
)  # fmt: skip
SWITCH_TERMINATE: Final = Action(
    "switch-terminate", "switch, ending all sessions", Danger.DESTRUCTIVE,
    "Ends every session in both databases, renames the live one away and the restored one to its name, both or none.",
    word=Word("database", A_NAME, listed=True), many=False,
)  # fmt: skip
PRUNE: Final = Action(
    "prune", "delete old backups", Danger.DESTRUCTIVE,
    "Deletes these backups if they are older than the profile keeps them; never the newest three, nor the only proven.",
    noun="backup",
)  # fmt: skip
PRUNE_OLD: Final = Action(
    "prune-old", "delete all old backups", Danger.DESTRUCTIVE,
    "Deletes every backup that is older than the profile keeps them; never the newest three, nor the only proven one.",
    many=False,
    noun="backup",
)  # fmt: skip
CLEAN: Final = Action(
    "clean", "remove what a job left", Danger.DESTRUCTIVE,
    "Drops the database, or removes the temporary file, that a job which was cut off has left behind; nothing else.",
    many=False,
)  # fmt: skip
STOP: Final = Action(
    "stop", "stop the job", Danger.DISRUPTIVE,
    "Asks the job to end; it removes what it had begun.",
    many=False,
)  # fmt: skip
ACTIONS: Final = (DUMP, COPY, FETCH, VERIFY, RESTORE, SWITCH, SWITCH_TERMINATE, PRUNE, PRUNE_OLD, CLEAN, STOP)
JOBS: Final = frozenset({DUMP.name, COPY.name, FETCH.name, VERIFY.name, RESTORE.name})
SWITCHES: Final = frozenset({SWITCH.name, SWITCH_TERMINATE.name})
PRUNES: Final = frozenset({PRUNE.name, PRUNE_OLD.name})

_SUFFIXES: Final = {"custom": ".dump", "tar": ".tar", "directory": ".dir", "plain": ".sql", "plain.gz": ".sql.gz"}


def barred(subject: Subject, reason: str) -> Subject:
    """The subject, with why nothing can be done to it."""
    return Subject(
        subject.key, subject.name, subject.identity, subject.before, subject.after, subject.felt, SafeText(reason), True
    )


def spared(subject: Subject, reason: str) -> Subject:
    """The subject, with why it is left alone unless a person takes it in; as it is without a reason."""
    return replace(subject, spared=SafeText(reason)) if reason else subject


def amount(size: float) -> str:
    """Bytes in binary units.

    >>> amount(512), amount(1536), amount(3 * 2**30)
    ('512 B', '1.5 KiB', '3.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"


# a dump


def form_of(settings: BackupsSettings) -> str:
    """The format a dump is taken in: as the profile says, or as its pattern ends."""
    ends = settings.pattern.lower()
    if settings.format is not None:
        return "plain.gz" if settings.format == "plain" and ends.endswith(".gz") else settings.format
    for suffix, form in ((".sql.gz", "plain.gz"), (".sql", "plain"), (".tar", "tar"), (".dir", "directory")):
        if ends.endswith(suffix):
            return form
    return "custom"


def file_name(settings: BackupsSettings, database: str, at: datetime) -> str:
    """The name of a dump: the pattern with the time in the place of its star, in UTC."""
    stamp = f"{at.astimezone(UTC):%Y%m%d-%H%M%S}"
    if settings.pattern == "*":
        return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', database)}-{stamp}{_SUFFIXES[form_of(settings)]}"
    if settings.pattern.count("*") != 1 or re.search(r"[?\[]", settings.pattern) or settings.pattern.startswith("."):
        raise ProbeError(
            Cause.MISSING, "no name can be made from the pattern", "write it with one star, such as newsletter-*.dump"
        )
    return settings.pattern.replace("*", stamp)


def likely_size(newest_first: Sequence[Backup], form: str, database: Database | None) -> tuple[float | None, str]:
    """(bytes a dump will likely have, why): half more than the last one of that format, else the database's size."""
    last = next((one for one in newest_first if one.head.format == form and one.size), None)
    if last is not None:
        return 1.5 * last.size, f"half more than the last one, {amount(last.size)}"
    if database is not None and database.size is not None:
        return database.size, f"the size of the database, {amount(database.size)}"
    return None, ""


def dump_subject(
    scene: Scene, settings: BackupsSettings, newest_first: Sequence[Backup], free: float | None, at: datetime
) -> tuple[Subject, float | None]:
    """(the dump that would be taken, its likely size)."""
    there = scene.databases.get(scene.database)
    form = form_of(settings)
    name = file_name(settings, scene.database, at)
    likely, why = likely_size(newest_first, form, there)
    size = f"{amount(there.size)}" if there is not None and there.size is not None else "of unknown size"
    felt = [
        SafeText(
            "it reads every table and holds them as they are until it is done: ALTER, DROP and TRUNCATE wait for it"
        ),
        SafeText("dead rows can't be cleaned away while it runs"),
    ]
    if scene.standby:
        felt.append(SafeText("on a standby it is cancelled when replay must go on: max_standby_streaming_delay"))
    subject = Subject(
        key=scene.database,
        name=SafeText(scene.database, 63),
        identity=(
            ("server", scene.system or scene.where),
            ("database", scene.database),
            ("oid", str(there.oid) if there else ""),
            ("file", name),
        ),
        before=SafeText(f"{size}; newest backup {_newest(newest_first, at)}"),
        after=SafeText(f"{name}, {FORMATS[form]}"),
        felt=tuple(felt),
    )
    if free is not None and likely is not None and free < likely:
        return barred(subject, f"not enough room: {amount(free)} free, {amount(likely)} needed ({why})"), likely
    return subject, likely


def _newest(newest_first: Sequence[Backup], at: datetime) -> str:
    return f"{lasted(max(0.0, (at - newest_first[0].at).total_seconds()))} old" if newest_first else "none"


# one backup


def identity_of(one: Backup) -> Identity:
    """Which file it is."""
    return (("name", one.name), *one.identity)


def subject_of(one: Backup, after: str, at: datetime, felt: Sequence[str] = ()) -> Subject:
    """One backup, and what will be."""
    form = FORMATS.get(one.head.format, one.head.format)
    age = lasted(max(0.0, (at - one.at).total_seconds()))
    of = f" of {one.head.database}" if one.head.database else ""
    return Subject(
        key=one.name,
        name=one.shown,
        identity=identity_of(one),
        before=SafeText(f"{age} old, {amount(one.size)}, {form}{of}"),
        after=SafeText(after),
        felt=tuple(map(SafeText, felt)),
    )


def hindrance(one: Backup, action: str, settings: BackupsSettings) -> str:
    """Why an act can't be done to a backup now, by what is known of it; empty: it can."""
    form = one.head.format
    if action == COPY.name:
        if settings.offhost is None:
            return "the profile names no place for copies: offhost"
        if form == "directory":
            return "a backup in directory format is many files; take it as custom or tar"
        if form == "empty":
            return "it is empty"
        return "a copy of its size is there already" if one.copied else ""
    if action == VERIFY.name and settings.scratch is None:
        return "the profile names no server for scratch restores: scratch"
    if action == RESTORE.name and settings.admin is None and settings.database is None:
        return "the profile names no server to restore on: database"
    if action in (VERIFY.name, RESTORE.name):
        if form == "empty":
            return "it is empty: 0 bytes"
        if form == "cluster":
            return "it is a dump of a whole cluster: it would make and change databases and roles"
        if not one.head.usable:
            return "it is no PostgreSQL dump"
        if action == RESTORE.name and one.whole is False:
            return f"{one.fault}"
    return ""


def too_new(one: Backup, scene: Scene) -> str:
    """Why a server can't take a backup: it came from a newer one; empty: it can."""
    told = major(one.head.server)
    if told is not None and told > scene.version:
        return f"it was taken from PostgreSQL {told}, {scene.where} is {scene.version}"
    return ""


def too_mighty(scene: Scene) -> str:
    """Why a backup is not read in as that role; empty: it is no more than a backup may be trusted with."""
    if not scene.power:
        return ""
    return f"what is in a backup runs as {scene.role}, which {scene.power}: it could do anything to that server"


def no_room(one: Backup, live: float | None, free: float | None) -> str:
    """Why a server's disk can't hold a restore; empty: it can, or it can't be told.

    A compressed archive grows by some five times; where the live database is known, that is what it will need.
    """
    need = live if live is not None else one.size * (1.3 if one.head.format in ("plain", "tar") else 5.0)
    if free is None or free >= 1.1 * need:
        return ""
    return f"not enough room on the server's disk: {amount(free)} free, some {amount(1.1 * need)} needed"


# prune


def prunable(
    newest_first: Sequence[Backup], settings: BackupsSettings, database: object | None, busy: frozenset[str],
    wanted: Sequence[str], now: datetime,
) -> list[Subject]:  # fmt: skip
    """The backups a prune is about, each with why it is left alone, if it is.

    Only usable ones count among the newest three: else an old good one would give way to three spoiled ones.
    """
    good = [one for one in newest_first if not spoiled(one, settings, database)]
    dated = [one for one in good if one.at <= now + SKEW]
    newest = {one.name for one in (*good[:SPARED], *dated[:SPARED])}
    proven = next((one.name for one in good if one.proof and one.proof.good and one.proof.restored), None)
    old = now - timedelta(hours=settings.keep)
    stopped = not dated or (now - dated[0].at).total_seconds() > settings.fresh * 3600
    found = []
    for one in newest_first:
        if (wanted and one.name not in wanted) or (not wanted and one.at > old):
            continue
        subject = subject_of(one, "gone; it can't be had back", now)
        reason, hard = _kept(one, newest, proven, busy, old, settings)
        if not reason and stopped:
            reason, hard = "no fresh usable backup is here: what there is, is kept", False
        if not reason and wrong_database(one, database):
            reason, hard = f"it is of another database, {one.head.database}", False
        if reason:
            subject = Subject(
                subject.key, subject.name, subject.identity, subject.before, subject.after, (), SafeText(reason), hard
            )
        found.append(subject)
    return found


def _kept(
    one: Backup, newest: set[str], proven: str | None, busy: frozenset[str], old: datetime, settings: BackupsSettings
) -> tuple[str, bool]:
    """(why a backup must be kept, whether for good)."""
    if one.at > old:
        return f"younger than the profile keeps them: {lasted(settings.keep * 3600)}", True
    if one.name in newest:
        return f"one of the newest {SPARED} that can be used", True
    if one.name == proven:
        return "the newest that was proven by a restore", True
    if one.name in busy:
        return "a job works on it", True
    if one.head.format == "directory":
        return "a backup in directory format is a folder; it is removed by hand", True
    if one.head.format in ("unknown", "unread", "unreadable"):
        return "it is no dump that we know: somebody else's file, perhaps", True
    if settings.offhost is not None and one.copied is not True and one.size:
        return "no copy of it off this host is known", False
    return "", False


# switch


def before_name(live: str, at: datetime, taken: Container[str] = ()) -> str:
    """What the live database is called once another has taken its name; a name that is free."""
    ends = f"_before_{at.astimezone(UTC):%Y%m%d_%H%M%S}"
    names = (f"{live[: 63 - len(ends + more)]}{ends}{more}" for more in ("", *(f"_{n}" for n in range(2, 100))))
    return next(name for name in names if name not in taken)


def switch_subject(
    scene: Scene, live: Database, restored: Database, there: Mapping[str, Sequence[Session]], ending: bool, at: datetime
) -> Subject:
    """The two databases that would change their names."""
    aside = before_name(live.name, at, scene.databases)
    who = [(name, one) for name, sessions in there.items() for one in sessions]
    does = "is ended" if ending else "is in the way"
    felt = [SafeText(f"{one.who} in {name} {does}") for name, one in who[:20]]
    if len(who) > 20:
        felt.append(SafeText(f"and {len(who) - 20} more"))
    felt.append(SafeText(f"whoever connects to {live.name} from then on gets what is {restored.name} now"))
    felt.append(SafeText(f"what was written to {live.name} since the backup is in {aside} only"))
    subject = Subject(
        key=restored.name,
        name=SafeText(f"{restored.name} -> {live.name}", 140),
        identity=(
            ("server", scene.system or scene.where),
            ("live", live.name),
            ("live oid", str(live.oid)),
            ("restored", restored.name),
            ("restored oid", str(restored.oid)),
            ("aside", aside),
        ),
        before=SafeText(f"{live.name} {_size(live)}, {restored.name} {_size(restored)}"),
        after=SafeText(f"{live.name} is the restored one, {_size(restored)}; the old one is {aside}"),
        felt=tuple(felt),
    )
    if scene.standby:
        return barred(subject, "this server is a standby: it takes no changes")
    if not (live.mine and restored.mine):
        return barred(subject, f"our role, {scene.role}, does not own both databases: only their owner renames them")
    if who and not ending:
        people = f"{len(who)} sessions are" if len(who) > 1 else "1 session is"
        return barred(subject, f"{people} in them: close them first, or switch and end them")
    if who and not scene.signals:
        return barred(subject, "our role may not end sessions of others: GRANT pg_signal_backend")
    mighty = [one for _, one in who if one.superuser]
    if mighty and not scene.superuser:
        return barred(subject, f"our role may not end a superuser's session: close it first: {mighty[0].who}")
    return subject


def _size(one: Database) -> str:
    return amount(one.size) if one.size is not None else "of unknown size"


def switch_notes(live: Database, restored: Database) -> list[SafeText]:
    """What a renamed database does not bring along."""
    notes = [SafeText("stop whatever writes to it first: with a pool that comes back at once the switch may fail")]
    if live.owner != restored.owner:
        notes.append(SafeText(f"{restored.name} belongs to {restored.owner}, {live.name} to {live.owner}"))
    if live.settings != restored.settings:
        words = f"{live.name} has {live.settings} settings of its own (ALTER DATABASE ... SET), the restored one "
        notes.append(SafeText(f"{words}{restored.settings}: they stay with the old one"))
    if live.granted and not restored.granted:
        notes.append(SafeText(f"the privileges on {live.name} (GRANT ... ON DATABASE) stay with the old one"))
    return notes
