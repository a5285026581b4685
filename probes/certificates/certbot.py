"""What certbot's folders and its log tell: https://eff-certbot.readthedocs.io/en/stable/using.html#where-are-my-certificates

Its files are only read. Its rule for when to renew, without what an authority may ask for besides: as long before the
end as the configuration says, else when a third of the whole time is left, or half of it where that is under ten days.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from probes.base import Cause, ProbeError, SafeText
from probes.base.log import masked
from probes.base.x509 import Certificate
from probes.certificates.facts import Lineage, Seen, Unread
from probes.certificates.files import leaves, read_file

NAME: Final = re.compile(r"(?![.-])[A-Za-z0-9_.*-]{1,200}")
MOST: Final = 300
"""Certificates of certbot read at most."""
_LOG: Final = 1 << 18
"""Bytes read from the end of each of its logs."""
_RUNS: Final = 30
"""Runs whose logs are looked through: two a day are usual."""
_DRY: Final = "simulated renewals"
"""In the log of a dry run."""
_SHORT: Final = timedelta(days=10)
_SPAN: Final = re.compile(r"\s*(\d{1,5})\s*(second|minute|hour|day|week|month|year)s?\s*", re.I)
_SECONDS: Final = {
    "second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 30 * 86400, "year": 365 * 86400,
}  # fmt: skip
_FAILED: Final = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.]\d+:\w+:[\w.]+:"
    r"(?:Failed to renew certificate|Attempting to renew cert \()\s*([^\s)]+)\)?"
    r"(?: with error: | from \S+ produced an unexpected error: )(.*)$",
    re.M,
)
"""As certbot words it since 1.8, and as it did before."""
_TIMERS: Final = (
    "etc/cron.d/certbot",
    "etc/systemd/system/timers.target.wants/certbot.timer",
    "etc/systemd/system/timers.target.wants/certbot-renew.timer",
    "etc/systemd/system/timers.target.wants/snap.certbot.renew.timer",
    "etc/cron.daily/certbot",
    "etc/cron.weekly/certbot",
)


def read_certbot(folder: Path, log: Path, now: datetime) -> tuple[list[Seen], list[Lineage], list[Unread]]:
    """(its certificates, its lineages, what could not be read). Raises `ProbeError` when its folder can't be read."""
    try:
        files = sorted(path for path in (folder / "renewal").iterdir() if path.suffix == ".conf")
    except FileNotFoundError:
        raise ProbeError(Cause.GONE, "certbot has no folder there") from None
    except PermissionError:
        raise ProbeError(
            Cause.LOCAL_PERM,
            "this user may not look into certbot's folder",
            "setfacl -R -m u:USER:rX on its live, archive and renewal folders also shows the keys: "
            "look at the servers instead, or run as root",
        ) from None
    except OSError as error:
        raise ProbeError(Cause.LOCAL_DISK, f"certbot's folder can't be read: {error.strerror}") from None
    errors = _errors(log)
    seen: list[Seen] = []
    lineages: list[Lineage] = []
    unread: list[Unread] = []
    for path in files[:MOST]:
        try:
            one, lineage = read_lineage(folder, path.stem, now)
        except ProbeError as error:
            unread.append(Unread(SafeText(f"certbot {path.stem}", 200), error.cause, error.message, error.hint))
            continue
        at, said = errors.get(lineage.name, (None, ""))
        if at is not None and (one.changed is None or at > one.changed):
            lineage = replace(lineage, error=SafeText(said, 300), error_at=at)
        seen.append(one)
        lineages.append(lineage)
    return seen, lineages, unread


def read_lineage(folder: Path, name: str, now: datetime) -> tuple[Seen, Lineage]:
    """One certificate of certbot, with what its configuration says. Raises `ProbeError`."""
    if not NAME.fullmatch(name):
        raise ProbeError(Cause.MISSING, "that is no name certbot gives")
    try:
        values = _values((folder / "renewal" / f"{name}.conf").read_text("utf-8", "replace")[:100_000])
    except FileNotFoundError:
        raise ProbeError(Cause.GONE, f"certbot knows no certificate {name}") from None
    except OSError as error:
        raise ProbeError(Cause.LOCAL_PERM, f"its configuration can't be read: {error.strerror}") from None
    path = values.get("fullchain") or str(folder / "live" / name / "fullchain.pem")
    contents = read_file(path)
    one = replace(next(iter(leaves(contents, now))), lineage=name)
    due = due_at(one.certificate, values)
    return one, Lineage(
        name=name,
        key=one.key,
        due=due,
        is_due=None if due is None else now >= due,
        renews=values.get("autorenew", "True").lower() != "false",
        means=SafeText(values.get("authenticator", ""), 40),
        hooks=tuple(_hooks(folder, values)),
    )


def _hooks(folder: Path, values: Mapping[str, str]) -> Iterable[SafeText]:
    """What runs before and after each try, by the configuration and by certbot's folders for it.

    https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks
    """
    for name, when in (("pre", "before it"), ("post", "after it")):
        given = values.get(f"{name}_hook", "None")
        if given not in ("", "None"):
            yield SafeText(f"{when}: {masked(given)}", 200)
        try:
            there = sorted((folder / "renewal-hooks" / name).iterdir())[:20]
        except OSError:
            continue
        for path in there:
            if path.is_file() and os.access(path, os.X_OK) and not path.name.endswith("~"):
                yield SafeText(f"{when}: {path}", 200)


def due_at(certificate: Certificate, values: Mapping[str, str]) -> datetime | None:
    """When certbot would renew it by the time that is left."""
    if certificate.not_before is None or certificate.not_after is None:
        return None
    before = _SPAN.fullmatch(values.get("renew_before_expiry", ""))
    if before is not None:
        due = certificate.not_after - timedelta(seconds=int(before[1]) * _SECONDS[before[2].lower()])
        return max(due, certificate.not_before)
    whole = certificate.not_after - certificate.not_before
    return certificate.not_after - (whole / 2 if whole < _SHORT else whole / 3)


def _values(text: str) -> dict[str, str]:
    """Names and values of a configuration file; those that stand behind a # are not in force."""
    found: dict[str, str] = {}
    for one in text.splitlines():
        name, equals, value = one.partition("=")
        if equals and not name.lstrip().startswith("#"):
            found.setdefault(name.strip(), value.strip().strip("\"'"))
    return found


def _errors(log: Path) -> dict[str, tuple[datetime, str]]:
    """(when, what) of the last failure of each certificate; nothing where the log can't be read.

    certbot begins a new log with each run and puts the one before away as `.1`. A dry run's failures are none.
    """
    found: dict[str, tuple[datetime, str]] = {}
    for number in range(_RUNS):
        text = _end_of(log.with_name(f"{log.name}.{number}") if number else log)
        if _DRY in text:
            continue
        for at, name, said in reversed(_FAILED.findall(text)):
            found.setdefault(name, (_moment(at), said))
    return found


def _end_of(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        try:
            file.seek(max(0, os.fstat(descriptor).st_size - _LOG))
            return file.read(_LOG).decode("utf-8", "replace")
        except OSError:
            return ""


def _moment(text: str) -> datetime:
    """Its log tells the time of this machine's zone."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").astimezone().astimezone(UTC)


def timers(root: Path = Path("/")) -> Iterable[str]:
    """Files of this machine that run certbot by themselves."""
    for name in _TIMERS:
        if os.path.lexists(root / name):
            yield str(root / name)
