"""Which numbers of backups everybody may use, and which are worth a person's attention by default."""

from __future__ import annotations

from typing import Final

from probes.backups.facts import Backup, BackupsFacts
from probes.backups.settings import BackupsSettings
from probes.base import Capacity, Gauges, GaugeSpec, Rule, Severity, Unit

SPECS: Final = (
    GaugeSpec("newest_age_seconds", "Age of the newest backup, by what is in it.", Unit.SECONDS, better="low"),
    GaugeSpec("newest_good_age_seconds", "Age of the newest backup that was read to its end, with nothing against it.",
              Unit.SECONDS, better="low"),
    GaugeSpec("newest_late_seconds", "How much older that is than the profile allows.", Unit.SECONDS, better="low"),
    GaugeSpec("newest_bytes", "Size of the newest backup.", Unit.BYTES),
    GaugeSpec("size_ratio", "That size against the median of the seven before it.", Unit.RATIO),
    GaugeSpec("shrunk", "1 when that is less than the profile allows.", better="low"),
    GaugeSpec("missing", "1 when no backup is in the folder.", better="low"),
    GaugeSpec("newest_empty", "1 when the newest backup has 0 bytes.", better="low"),
    GaugeSpec("too_small", "1 when the newest backup is smaller than the profile allows.", better="low"),
    GaugeSpec("truncated", "1 when the newest backup, read to its end, is not whole; 0 when it is.", better="low"),
    GaugeSpec("wrong_format", "1 when the newest is no dump, or of another format than asked.", better="low"),
    GaugeSpec("wrong_database", "1 when the newest backup is of another database.", better="low"),
    GaugeSpec("touched", "1 when the newest file is much younger than the backup in it.", better="low"),
    GaugeSpec("spoiled", "Backups that can't be used: empty, no dump, of another database, not whole.", better="low"),
    GaugeSpec("proven_age_seconds", "Time since one that is still there was restored.", Unit.SECONDS, better="low"),
    GaugeSpec("unproven", "1 when that is longer than the profile allows, or never was.", better="low"),
    GaugeSpec("proof_failed", "1 when the last proof of the newest backup failed.", better="low"),
    GaugeSpec("gaps", "Times of the last 14 days in which a backup is missing.", better="low"),
    GaugeSpec("backups", "Backups in the folder."),
    GaugeSpec("total_bytes", "Size of them all.", Unit.BYTES, capacity=Capacity.SIZE),
    GaugeSpec("unfinished", "Files that were begun and are not written any more.", better="low"),
    GaugeSpec("free_bytes", "Room in the folder.", Unit.BYTES, better="high"),
    GaugeSpec("room_ratio", "Room in the folder against the size of the newest backup.", Unit.RATIO, better="high"),
    GaugeSpec("copies", "Copies off this host."),
    GaugeSpec("copy_late_seconds", "How much older the newest copy is than allowed.", Unit.SECONDS, better="low"),
    GaugeSpec("copy_missing", "1 when no backup has a copy off this host.", better="low"),
    GaugeSpec("copies_differing", "Copies of another size than their backup.", better="low"),
    GaugeSpec("left_over", "Jobs of ours that have left something behind.", better="low"),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="missing", gauge="missing", op=">", threshold=0, severity=Severity.CRITICAL,
        say="there is no backup in {place}",
    ),
    Rule(
        name="old", gauge="newest_late_seconds", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup is {newest_age_seconds} old",
    ),
    Rule(
        name="empty", gauge="newest_empty", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup is empty: 0 bytes",
    ),
    Rule(
        name="too-small", gauge="too_small", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup has only {newest_bytes}",
    ),
    Rule(
        name="shrunk", gauge="shrunk", op=">", threshold=0, severity=Severity.WARNING,
        say="the newest backup has {size_ratio} of the usual size, {newest_bytes}",
    ),
    Rule(
        name="truncated", gauge="truncated", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup can't be restored: {why}",
    ),
    Rule(
        name="wrong-format", gauge="wrong_format", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup is {found}, not {wanted}",
    ),
    Rule(
        name="wrong-database", gauge="wrong_database", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup is of database {found}, not of {wanted}",
    ),
    Rule(
        name="touched", gauge="touched", op=">", threshold=0, severity=Severity.WARNING,
        say="the newest file holds an old backup: it was copied or touched, not taken",
    ),
    Rule(
        name="proof-failed", gauge="proof_failed", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup failed its proof: {why}",
    ),
    Rule(
        name="unproven", gauge="unproven", op=">", threshold=0, severity=Severity.NOTICE,
        say="no backup here was proven by a restore {since}",
    ),
    Rule(
        name="gaps", gauge="gaps", op=">", threshold=0, severity=Severity.NOTICE,
        say="gaps between backups in the last 14 days: {value}",
    ),
    Rule(
        name="unfinished", gauge="unfinished", op=">", threshold=0, severity=Severity.NOTICE,
        say="files here that were begun and never finished: {value}",
    ),
    Rule(
        name="no-room", gauge="room_ratio", op="<", threshold=1.2, severity=Severity.WARNING,
        say="only {free_bytes} free here, the newest backup has {newest_bytes}",
    ),
    Rule(
        name="no-copy", gauge="copy_missing", op=">", threshold=0, severity=Severity.WARNING,
        say="no backup here has a copy at {place}",
    ),
    Rule(
        name="copy-old", gauge="copy_late_seconds", op=">", threshold=0, severity=Severity.WARNING,
        say="the newest copy off this host is late by {value}",
    ),
    Rule(
        name="copy-differs", gauge="copies_differing", op=">", threshold=0, severity=Severity.WARNING,
        say="copies that are not the size of their backup: {value}",
    ),
    Rule(
        name="left-over", gauge="left_over", op=">", threshold=0, severity=Severity.WARNING,
        say="jobs that have left a database or a file behind: {value}",
    ),
)  # fmt: skip

TOO_SMALL: Final = "too small"
FORMATS: Final = {
    "custom": "an archive (custom)",
    "tar": "an archive (tar)",
    "directory": "an archive (directory)",
    "plain": "plain SQL",
    "plain.gz": "plain SQL, compressed",
    "cluster": "a dump of a whole cluster",
    "empty": "empty",
    "unknown": "no PostgreSQL dump",
    "unread": "not looked at",
    "unreadable": "not to be read by us",
}
"""Each format in words."""


def wrong_format(one: Backup, wanted: str | None) -> bool | None:
    """Whether a backup is no dump, or not of the format asked for; None: it can't be told, or it is empty."""
    form = one.head.format
    if form in ("empty", "unread", "unreadable"):
        return None
    return not one.head.usable or (wanted is not None and form.removesuffix(".gz") != wanted)


def wrong_database(one: Backup, wanted: object | None) -> bool | None:
    """Whether a backup is of another database; None: it can't be told."""
    if wanted is None or one.head.database is None:
        return None
    return str(one.head.database) != str(wanted)


def fault_of(one: Backup, settings: BackupsSettings, database: object | None) -> tuple[str, str]:
    """(why a backup can't be used in one or two words, the same in more); empty: nothing speaks against it."""
    form = one.head.format
    if form == "empty":
        return "empty", "it is empty: 0 bytes"
    if form == "cluster":
        return "whole cluster", "it is a dump of a whole cluster (pg_dumpall), not of a database"
    if form == "unknown":
        return "no dump", "it is no PostgreSQL dump"
    if one.whole is False:
        return "not whole", str(one.fault)
    if wrong_format(one, settings.format):
        return "wrong format", f"it is {FORMATS.get(form, form)}, wanted is {FORMATS[settings.format or form]}"
    if wrong_database(one, database):
        return "wrong database", f"it is of database {one.head.database}, not of {database}"
    if one.proof is not None and not one.proof.good:
        return "failed proof", str(one.proof.words)
    return (TOO_SMALL, "it is smaller than the profile allows") if one.size < settings.min_size else ("", "")


def spoiled(one: Backup, settings: BackupsSettings, database: object | None) -> bool:
    """True for a backup of which we know that it can't be used; a small one perhaps can."""
    return fault_of(one, settings, database)[0] not in ("", TOO_SMALL)


def measured(facts: BackupsFacts, settings: BackupsSettings, now_proven: float | None, since: str) -> Gauges:
    """The gauges of a reading. `now_proven` are the seconds since the last proof; None: there never was one."""
    gauges = Gauges()
    gauges.put("backups", facts.count)
    gauges.put("total_bytes", facts.total)
    gauges.put("free_bytes", facts.free)
    gauges.put("unfinished", sum(not one.live for one in facts.unfinished))
    gauges.put("left_over", sum(bool(one.left) for one in facts.work))
    gauges.put("spoiled", sum(spoiled(one, settings, facts.database) for one in facts.last))
    if facts.count == 0:
        gauges.put("missing", 1, place=facts.folder)
    gauges.put("gaps", len(facts.gaps) if facts.cadence is not None else None)
    _copies(gauges, facts, settings)
    newest = facts.newest
    if newest is None:
        return gauges
    gauges.put("unproven", int(now_proven is None or now_proven > settings.proven * 3600), since=since)
    gauges.put("proven_age_seconds", now_proven)
    _newest(gauges, facts, newest, settings)
    return gauges


def _newest(gauges: Gauges, facts: BackupsFacts, newest: Backup, settings: BackupsSettings) -> None:
    gauges.put("newest_age_seconds", facts.age)
    gauges.put("newest_good_age_seconds", facts.vouched_age)
    gauges.put("newest_late_seconds", None if facts.age is None else facts.age - settings.fresh * 3600)
    gauges.put("newest_bytes", newest.size)
    gauges.put("newest_empty", int(newest.size == 0))
    gauges.put("too_small", int(0 < newest.size < settings.min_size))
    gauges.put("touched", int(newest.touched))
    ratio = facts.size_ratio
    gauges.put("size_ratio", ratio)
    gauges.put("shrunk", None if ratio is None else int(0 < ratio < settings.shrink))
    if facts.free is not None and newest.size:
        gauges.put("room_ratio", facts.free / newest.size)
    wanted = FORMATS[settings.format] if settings.format else "a PostgreSQL dump"
    odd = wrong_format(newest, settings.format)
    if odd is not None:
        gauges.put("wrong_format", int(odd), found=FORMATS.get(newest.head.format, "unknown"), wanted=wanted)
    other = wrong_database(newest, facts.database)
    if other is not None:
        gauges.put("wrong_database", int(other), found=newest.head.database or "", wanted=facts.database or "")
    if newest.whole is not None and newest.size:
        gauges.put("truncated", int(not newest.whole), why=newest.fault)
    if newest.proof is not None:
        gauges.put("proof_failed", int(not newest.proof.good), why=newest.proof.words)


def _copies(gauges: Gauges, facts: BackupsFacts, settings: BackupsSettings) -> None:
    there = facts.offsite
    if there is None or there.count is None:
        return
    gauges.put("copies", there.count)
    gauges.put("copies_differing", len(there.differing))
    gauges.put("copy_missing", int(there.newest is None), place=there.place)
    gauges.put("copy_late_seconds", None if there.age is None else there.age - settings.fresh * 3600)
