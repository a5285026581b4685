"""How each tool is run: for looking only, in JSON, after everything else on the machine, with an end in time and size.

None of them runs code of what it scans: npm and pnpm read the lock file, pip-audit reads what is installed or a list of
exact versions, trivy reads layers and files.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probes import exec as programs
from probes.base import Cause, ProbeError, SafeText

LIMIT: Final = 64 << 20
"""Bytes of output that are read."""
_PASSED: Final = (
    "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "TRIVY_CACHE_DIR", "TRIVY_DB_REPOSITORY", "XDG_CACHE_HOME",
    "npm_config_registry", "NPM_CONFIG_REGISTRY",
)  # fmt: skip
"""What tools need to reach their lists of vulnerabilities through a company's network."""
_TAMED: Final = {"npm_config_ignore_pnpmfile": "true", "npm_config_manage_package_manager_versions": "false"}
"""Keep pnpm from running a project's .pnpmfile.cjs, which it does before any command, and from fetching the release of
itself that a project names (https://pnpm.io/settings)."""
_SOURCES: Final = {
    "trivy": "see trivy.dev for its package, or scan elsewhere and name the report under reports",
    "npm": "it comes with Node.js",
    "pnpm": "npm install -g pnpm, or corepack enable pnpm",
    "pip-audit": "pipx install pip-audit",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to scan."""

    tool: str
    subject: str
    files: bool = False
    """For trivy: a folder rather than an image."""

    @property
    def key(self) -> str:
        """What it is called: "trivy newsletter-app:latest"."""
        return f"{self.tool} {self.subject}"


def arguments(job: Job) -> list[str]:
    """The command that scans it. Raises `ProbeError` when there is nothing of the kind to scan."""
    if job.tool == "trivy":
        what = "fs" if job.files else "image"
        return ["trivy", what, "--format", "json", "--quiet", "--scanners", "vuln", "--", job.subject]
    if job.tool == "npm":
        return ["npm", "--prefix", job.subject, "audit", "--json"]
    if job.tool == "pnpm":
        return ["pnpm", "--dir", job.subject, "audit", "--json"]
    return ["pip-audit", "--format", "json", "--progress-spinner", "off", *_of_python(Path(job.subject))]


def _of_python(path: Path) -> list[str]:
    """Installed packages of an environment where there are some, else a list of exact versions."""
    for folder in (path, path / ".venv", path / "venv"):
        for packages in (*sorted(folder.glob("lib/python3*/site-packages")), folder / "Lib" / "site-packages"):
            if packages.is_dir():
                return ["--path", str(packages)]
    if path.name == "site-packages" and path.is_dir():
        return ["--path", str(path)]
    listed = path / "requirements.txt" if path.is_dir() else path
    if listed.is_file():
        return ["--no-deps", "--disable-pip", "-r", str(listed)]
    raise ProbeError(
        Cause.GONE, "no Python environment and no requirements.txt there", "name an environment or a list of versions"
    )


def absent(tool: str) -> ProbeError | None:
    """Why a tool can't be run, with where it comes from; None: it is here."""
    if shutil.which(tool) is not None:
        return None
    return ProbeError(Cause.MISSING, f"{tool} is not installed here", _SOURCES[tool])


async def run(words: list[str], within: float) -> programs.Ran:
    """Run a tool last among all programs. Raises `ProbeError`, MISSING with where the tool comes from."""
    if (missing := absent(words[0])) is not None:
        raise missing
    env = {name: os.environ[name] for name in _PASSED if name in os.environ} | _TAMED
    try:
        ran = await programs.run(["nice", "-n", "19", *words], within, LIMIT, env)
    except ProbeError as error:
        if error.cause is Cause.TIMEOUT_READ:
            raise ProbeError(Cause.SLOW, f"{words[0]} was not done in {within:g} s and was ended") from None
        raise
    if ran.cut:
        raise ProbeError(Cause.TOO_BIG, f"{words[0]} printed more than {LIMIT >> 20} MiB")
    return ran


def complaint(tool: str, ran: programs.Ran) -> ProbeError:
    """Why a tool gave no report, in our words with its last line."""
    said = ran.err.decode("utf-8", "replace").lower()
    if "no space left" in said:
        return ProbeError(Cause.LOCAL_DISK, f"{tool} found no space left on this machine")
    if "unable to find the specified image" in said or "no such image" in said:
        return ProbeError(Cause.GONE, f"{tool} finds no such image here")
    if "lockfile" in said or "enolock" in said:
        return ProbeError(Cause.GONE, "there is no lock file to audit", f"{tool} install writes one")
    if "audit endpoint" in said:
        return ProbeError(Cause.REFUSED, "the registry refuses to audit", "set a registry that audits")
    if "permission denied" in said:
        return ProbeError(Cause.LOCAL_PERM, f"{tool} may not read what it should scan")
    if any(word in said for word in ("no such host", "connection refused", "enotfound", "econnrefused", "timeout",
                                     "connectionerror", "failed to download")):  # fmt: skip
        return ProbeError(Cause.REFUSED, f"{tool} does not reach its list of vulnerabilities", "is there a proxy?")
    words = f": {ran.complaint}" if ran.complaint else ""
    return ProbeError(Cause.GARBAGE, SafeText(f"{tool} ended with {ran.code}{words}", 300))
