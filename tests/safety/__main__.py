"""Every long proof, one after the other: a figure line each, and exit code 1 when any of them found a violation.

python -m tests.safety [NAME ...]; one name may be followed by its own options: together --minutes 1
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PROOFS: Final = (
    "tamper",
    "kills",
    "disk",
    "notices",
    "typeahead",
    "monkey",
    "pid_reuse",
    "pgbouncer",
    "recording",
    "runbooks",
    "together",
)
ONCE: Final = "once"
"""The tests marked `once`: what each kind sends is counted on its real engine's wire, however the answer is lost."""


def prove(name: str, *options: str) -> bool:
    """Run one proof; True when it found nothing."""
    if name == ONCE:
        began = time.monotonic()
        argv = [sys.executable, "-m", "pytest", "-q", "-m", "once", "-p", "no:warnings", "tests/probes"]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        said = done.stdout.strip().splitlines()[-1:] or [done.stderr.strip()[-300:]]
        sys.stdout.write(f"once: one request for each act, {said[0]}; {time.monotonic() - began:.0f} s\n")
        return done.returncode == 0
    return (
        subprocess.run([sys.executable, "-m", f"tests.safety.{name}", *options], cwd=ROOT, check=False).returncode == 0
    )


def main(names: list[str]) -> int:
    """Run the named proofs, or all."""
    known = (*PROOFS, ONCE)
    if len(names) > 1 and names[0] in known and names[1].startswith("-"):
        return 0 if prove(*names) else 1
    if strange := [name for name in names if name not in known]:
        sys.stderr.write(f"there is no proof {', '.join(strange)}; known: {', '.join(known)}\n")
        return 2
    found = [name for name in names or known if not prove(name)]
    sys.stdout.write("violations: " + (", ".join(found) if found else "none") + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
