"""What systemctl's answer to a request means: done, not done and why, or nobody knows."""

from __future__ import annotations

from typing import Final

from probes.base import Cause, Outcome, ProbeError, Result, SafeText
from probes.exec import Ran
from probes.systemd.probe import SystemdSettings
from probes.systemd.verdict import LIMIT

_ASKS_SUDO: Final = "denied: sudo asks for a password; allow systemctl for these units without one (NOPASSWD)"
_NO_POLKIT: Final = "denied: it needs the right org.freedesktop.systemd1.manage-units: a polkit rule, root"
_REASONS: Final = (
    (("a password is required", "a terminal is required"), _ASKS_SUDO),
    (("not in the sudoers", "not allowed to execute", "may not run sudo"), "denied: sudoers does not allow this"),
    (("permission denied (", "host key verification failed"), "ssh was not let in there"),
    (("access denied", "authentication required", "not authorized", "permission denied"), _NO_POLKIT),
    ((" not found.", "not loaded"), "systemd knows no such unit"),
    (("is masked",), "masked: it can't be started"),
    (("is destructive",), "systemd has another job for it already, which is not replaced"),
    (("requested by dependency only", "refusing to operate"), "it refuses to be started or stopped by hand"),
    (("attempted too often", "start-limit"), LIMIT),
    (("bad unit file", "bad-setting", "has a bad"), "its file is not usable"),
    (("not been booted",), "this machine does not run systemd"),
    (("failed to connect to bus",), "no answer from systemd's bus"),
    (("unrecognized option", "unknown option", "invalid option"), "this systemctl is too old for us"),
    (("no such container",), "there is no such container"),
)
"""Words in a complaint that leave no doubt that nothing was done, and what they mean."""

_NOT_RUN: Final = (126, 127)
"""What shells, docker and the like end with when a program can't be run; systemctl never does."""


def answered(ran: Ran, settings: SystemdSettings) -> Outcome:
    """Raises `ProbeError` when nobody knows whether it was done."""
    if ran.code == 0:
        return Outcome(Result.DONE, SafeText("accepted: the job is in systemd's queue"))
    said = ran.err.decode("utf-8", "replace").lower()
    for marks, meaning in _REASONS:
        if any(mark in said for mark in marks):
            hint = ", or sudo = true in the profile" if meaning is _NO_POLKIT and not settings.sudo else ""
            return Outcome(Result.FAILED, SafeText(meaning + hint))
    if ran.code in _NOT_RUN:
        return Outcome(Result.FAILED, SafeText(f"{'sudo or systemctl' if settings.sudo else 'systemctl'} is not there"))
    words = f"systemctl ended with {ran.code}" + (f": {ran.complaint}" if ran.complaint else "")
    raise ProbeError(Cause.CLOSED_EARLY, words)
