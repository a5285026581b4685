"""The reports of the tools, as they print them in JSON.

trivy: https://trivy.dev/latest/docs/configuration/reporting/#json
npm: https://docs.npmjs.com/cli/v10/commands/npm-audit#audit-endpoints
pnpm: https://pnpm.io/cli/audit
pip-audit: https://github.com/pypa/pip-audit#examples
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.scans.facts import Finding, Level, Report

_LEVELS: Final = {
    "critical": Level.CRITICAL,
    "high": Level.HIGH,
    "medium": Level.MEDIUM,
    "moderate": Level.MEDIUM,
    "low": Level.LOW,
    "info": Level.LOW,
    "negligible": Level.LOW,
}
_MOST: Final = 20_000
"""Findings counted of one report."""
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


def report_of(raw: bytes) -> tuple[str, Report]:
    """(tool, what it found), by the shape of its JSON. Raises `ProbeError` in words for anything else."""
    table = _table(raw)
    for tool, is_it, reader in _SHAPES:
        if is_it(table):
            try:
                return tool, reader(table)
            except (TypeError, ValueError, AttributeError, KeyError):
                raise ProbeError(Cause.GARBAGE, f"a report of {tool} that makes no sense") from None
    _refuse(table)
    raise ProbeError(Cause.GARBAGE, "JSON that is no report of a tool we know")


def _table(raw: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise ProbeError(
            Cause.GARBAGE, "the report is empty" if not raw.strip() else "the report is not JSON"
        ) from None
    if not isinstance(found, dict):
        raise ProbeError(Cause.GARBAGE, "JSON that is no report of a tool we know")
    return found


def _refuse(table: Mapping[str, Any]) -> None:
    """npm and pnpm put their errors into JSON."""
    error = table.get("error")
    if not isinstance(error, dict):
        return
    code = str(error.get("code") or "")
    if "LOCK" in code:
        raise ProbeError(Cause.GONE, "there is no lock file to audit", "npm i --package-lock-only writes one")
    status = table.get("statusCode")
    if isinstance(status, int):
        raise ProbeError(Cause.REFUSED, f"the registry refuses to audit: HTTP {status}", "set a registry that audits")
    said = SafeText(str(error.get("summary") or error.get("message") or table.get("message") or code), 200)
    raise ProbeError(Cause.REFUSED, SafeText(f"the audit failed: {said}", 300))


def _sorted(found: Iterable[Finding], skipped: int = 0, note: str = "") -> Report:
    kept: list[Finding] = []
    for one in found:
        kept.append(one)
        if len(kept) >= _MOST:
            note = f"more than {_MOST} findings, the rest is left out"
            break
    kept.sort(key=lambda one: (-one.level, not one.fixable, str(one.package), str(one.id)))
    return Report(tuple(kept), skipped, SafeText(note, 200))


def _text(value: object, limit: int = 160) -> SafeText:
    return SafeText(value if isinstance(value, str) else "" if value is None else str(value), limit)


def _level(value: object) -> Level:
    return _LEVELS.get(str(value).lower(), Level.UNRATED)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# trivy


def _trivy(table: Mapping[str, Any]) -> Report:
    system = (table.get("Metadata") or {}).get("OS") or {}
    note = ""
    if system.get("EOSL"):
        note = f"{_text(system.get('Family'), 40)} {_text(system.get('Name'), 40)} gets no more updates"
    return _sorted(_of_trivy(table), note=note)


def _of_trivy(table: Mapping[str, Any]) -> Iterable[Finding]:
    for result in _list(table.get("Results")):
        for one in _list(result.get("Vulnerabilities")):
            fixed = _text(one.get("FixedVersion"), 80)
            yield Finding(
                id=_text(one.get("VulnerabilityID"), 60),
                package=_text(one.get("PkgName"), 80),
                installed=_text(one.get("InstalledVersion"), 60),
                fixed=fixed,
                level=_level(one.get("Severity")),
                title=_text(one.get("Title")),
                fixable=bool(fixed),
            )


def database_of(raw: bytes) -> datetime | None:
    """When trivy's database was made, from `trivy version --format json`; None where it does not say."""
    try:
        found = json.loads(raw)
        told = _TIME.fullmatch(found["VulnerabilityDB"]["UpdatedAt"])
    except (ValueError, KeyError, TypeError):
        return None
    if told is None:
        return None
    return datetime.fromisoformat(told[1] + told[2].replace("Z", "+00:00")).astimezone(UTC)


# npm and pnpm


def _npm(table: Mapping[str, Any]) -> Report:
    return _sorted(_of_npm(table["vulnerabilities"]))


def _of_npm(packages: Mapping[str, Any]) -> Iterable[Finding]:
    """Each advisory once for each package: a package that is only reached through another names it in words."""
    for name, package in packages.items():
        fix = package.get("fixAvailable")
        for via in _list(package.get("via")):
            if not isinstance(via, dict):
                continue
            url = str(via.get("url") or "")
            yield Finding(
                id=_text(url.rpartition("/")[2] if "GHSA-" in url else via.get("source"), 60),
                package=_text(name, 80),
                installed=_text(via.get("range"), 60),
                fixed=_text(f"{fix.get('name')} {fix.get('version')}" if isinstance(fix, dict) else "", 80),
                level=_level(via.get("severity")),
                title=_text(via.get("title")),
                fixable=bool(fix),
            )


def _pnpm(table: Mapping[str, Any]) -> Report:
    return _sorted(_of_pnpm(table["advisories"]))


def _of_pnpm(advisories: Mapping[str, Any]) -> Iterable[Finding]:
    for number, one in advisories.items():
        fixed = str(one.get("patched_versions") or "")
        fixed = "" if fixed.startswith("<0.0.0") else fixed
        versions = [str(found.get("version")) for found in _list(one.get("findings"))]
        yield Finding(
            id=_text(one.get("github_advisory_id") or number, 60),
            package=_text(one.get("module_name"), 80),
            installed=_text(", ".join(dict.fromkeys(versions)), 60),
            fixed=_text(fixed, 80),
            level=_level(one.get("severity")),
            title=_text(one.get("title")),
            fixable=bool(fixed),
        )


# pip-audit


def _pip(table: Mapping[str, Any]) -> Report:
    packages = table["dependencies"]
    skipped = sum("skip_reason" in one for one in packages)
    return _sorted(_of_pip(packages), skipped)


def _of_pip(packages: Iterable[Mapping[str, Any]]) -> Iterable[Finding]:
    for package in packages:
        for one in _list(package.get("vulns")):
            versions = [str(version) for version in _list(one.get("fix_versions"))]
            known = [str(name) for name in _list(one.get("aliases")) if str(name).startswith("CVE-")]
            yield Finding(
                id=_text(known[0] if known else one.get("id"), 60),
                package=_text(package.get("name"), 80),
                installed=_text(package.get("version"), 60),
                fixed=_text(", ".join(versions), 80),
                title=_text(one.get("description")),
                fixable=bool(versions),
            )


_SHAPES: Final[tuple[tuple[str, Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Report]], ...]] = (
    ("trivy", lambda table: "SchemaVersion" in table and "ArtifactName" in table, _trivy),
    ("npm", lambda table: isinstance(table.get("vulnerabilities"), dict) and "auditReportVersion" in table, _npm),
    ("pnpm", lambda table: isinstance(table.get("advisories"), dict), _pnpm),
    ("pip-audit", lambda table: isinstance(table.get("dependencies"), list), _pip),
)
