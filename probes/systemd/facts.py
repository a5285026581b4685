"""What is known about units, and what a person calls their states.

systemd's own words mislead: "active" may mean that a program ended long ago, "inactive" may be all that is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.base import SafeText

_STEPS: Final = {
    200: "its working directory is missing",
    202: "file descriptors could not be set up",
    203: "its program can't be run",
    209: "its output could not be set up",
    214: "its scheduling could not be set",
    216: "its group is unknown",
    217: "its user is unknown",
    226: "its namespace could not be set up",
    227: "its sandbox could not be set up",
    233: "its runtime directory could not be made",
    238: "its state directory could not be made",
    243: "its credentials could not be read",
}
"""Exit codes systemd itself gives when it could not start the program (systemd.exec(5), "Process Exit Codes")."""

_SIGNALS: Final = {1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 11: "SEGV",
                   13: "PIPE", 14: "ALRM", 15: "TERM"}  # fmt: skip

_RESULTS: Final = {
    "oom-kill": "killed for lack of memory",
    "timeout": "took too long to start or stop",
    "watchdog": "stopped answering its watchdog",
    "start-limit-hit": "given up: failed too often too quickly",
    "resources": "systemd could not get what it needs to start it",
    "protocol": "did not report its start as agreed",
    "exec-condition": "its start condition said no",
    "unit-start-failed": "the unit it starts could not be started",
    "service-failed-permanent": "its service failed",
}
"""The property Result (systemd.service(5), org.freedesktop.systemd1(5))."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The last words of a unit."""

    lines: tuple[SafeText, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit."""

    id: str
    """Canonical name, whatever alias was asked for. Safe text."""
    asked: str = ""
    """The name in the profile; empty: not in the profile, shown because it failed."""
    description: SafeText = SafeText()
    load: str = ""
    """loaded, not-found, masked, error, bad-setting..."""
    active: str = ""
    """active, reloading, inactive, failed, activating, deactivating."""
    sub: str = ""
    """running, exited, dead, waiting, auto-restart..."""
    kind: str = ""
    """Type of a service: simple, notify, oneshot..."""
    enabled: str = ""
    """enabled, disabled, static, masked... what happens at boot."""
    result: str = ""
    """success, or why it ended badly."""
    since: datetime | None = None
    """When it came into this state, aware UTC."""
    age: float | None = None
    """Seconds in this state."""
    pid: int | None = None
    """Main process; None: there is none."""
    invocation: str = ""
    """Identity of this run: differs after every start."""
    restarts: int | None = None
    """Automatic restarts since it was last started by request."""
    restarts_recent: int | None = None
    """Automatic restarts in the last ten minutes, as far as they were seen."""
    restart: str = ""
    """Restart policy: no, always, on-failure..."""
    memory: float | None = None
    """Bytes; None: not accounted."""
    memory_limit: float | None = None
    """Bytes; None: no limit."""
    tasks: int | None = None
    cpu: float | None = None
    """Cores used between the last two readings."""
    cpu_seconds: float | None = None
    """Seconds of cpu time used since its start; None: not accounted."""
    exit_kind: str = ""
    """exited, killed or dumped; empty: the main process has not ended."""
    exit_status: int | None = None
    """Exit code, or the number of the signal."""
    status: SafeText = SafeText()
    """What the service says about itself."""
    triggers: tuple[SafeText, ...] = ()
    """Units it starts."""
    triggered_by: tuple[SafeText, ...] = ()
    """Timers, sockets and paths that start it."""
    next_run: datetime | None = None
    """A timer's next elapse."""
    last_run: datetime | None = None
    """A timer's last elapse."""
    needs_reload: bool = False
    """Its file changed since systemd read it."""
    job: bool = False
    """systemd works on it now: a start, stop or restart that is not done."""
    journal: Journal = Journal()

    @property
    def suffix(self) -> str:
        """Its sort: service, timer, socket..."""
        return self.id.rpartition(".")[2]

    @property
    def usable(self) -> bool:
        """systemd knows it and could run it."""
        return self.load in ("loaded", "")

    @property
    def runs(self) -> bool | None:
        """True when it does its work now, False when not; None when its state says nothing about that."""
        if not self.usable:
            return False
        if self.active in ("active", "reloading"):
            return None if self.sub == "exited" and self.suffix == "service" else True
        if self.active in ("activating", "deactivating", "failed"):
            return False
        return None if self.waits else False

    @property
    def waits(self) -> bool:
        """It is meant to be off between its runs: a task, or something that another unit starts."""
        return bool(self.triggered_by) or self.kind == "oneshot"

    @property
    def idle(self) -> bool:
        """It is off, as it is meant to be between its runs."""
        return self.active == "inactive" and self.waits and self.usable

    @property
    def failed(self) -> bool:
        """systemd calls it failed."""
        return self.active == "failed"

    @property
    def looping(self) -> bool:
        """It waits for its next automatic restart."""
        return self.sub.startswith("auto-restart")

    @property
    def returning(self) -> bool:
        """Its next automatic restart stands in the queue; until that has its turn, the unit counts as inactive."""
        return self.job and bool(self.restarts) and self.active in ("inactive", "failed")

    @property
    def word(self) -> str:
        """Its state in one or two words."""
        if not self.usable:
            return {"not-found": "not found", "masked": "masked"}.get(self.load, "can't be loaded")
        if self.looping or self.returning:
            return "restarting"
        if self.active == "active":
            return {"exited": "exited", "waiting": "waiting", "listening": "listening"}.get(self.sub, self.sub)
        if self.active == "inactive":
            return "between runs" if self.waits else "stopped"
        return {"activating": "starting", "deactivating": "stopping"}.get(self.active, self.active or "unknown")

    @property
    def why(self) -> str:
        """Why it is as it is, in words; empty when there is nothing to say."""
        if not self.usable:
            return {"not-found": "systemd knows no such unit", "masked": "masked: it can't be started"}.get(
                self.load, f"its file is not usable ({self.load})"
            )
        if self.active == "active" and self.sub == "exited" and self.suffix == "service":
            return "its program has ended; says nothing about a server"
        if self.failed and self.restarts and self.restart != "no":
            return f"{self.ending}, given up after {self.restarts} restarts"
        if self.failed or self.looping or (self.result not in ("", "success")):
            return self.ending
        if self.active == "inactive" and not self.waits:
            return "ended without an error, or stopped by hand"
        return ""

    @property
    def ending(self) -> str:
        """How its main process ended."""
        said = _RESULTS.get(self.result)
        if said:
            return said
        if self.exit_kind in ("killed", "dumped") and self.exit_status is not None:
            name = _SIGNALS.get(self.exit_status, str(self.exit_status))
            return f"killed by SIG{name}" if self.exit_kind == "killed" else f"crashed with SIG{name}"
        if self.exit_kind == "exited" and self.exit_status is not None:
            step = _STEPS.get(self.exit_status)
            return f"exit code {self.exit_status}{', ' + step if step else ''}"
        return self.result


@dataclass(frozen=True, slots=True)
class SystemdFacts:
    """A machine's units that matter here."""

    version: SafeText = SafeText()
    state: SafeText = SafeText()
    """running, degraded, starting, maintenance..."""
    failed: int | None = None
    """Failed units of the whole machine."""
    units: tuple[Unit, ...] = ()
    """Those of the profile first in its order, then what else has failed."""
    more: int = 0
    """Units that are there and not shown."""
