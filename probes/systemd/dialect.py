"""What lines of systemd's world mean: systemctl, the older ways to say the same, and the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.command import exchanged, filled, shown
from probes.base.dialect import honest
from probes.base.options import Options, options
from probes.systemd.commands import Here, recognise

_Entry = tuple[Sort, Verb, Danger]
_SEE: Final = (Sort.READING, Verb.STATUS, Danger.READ)
_LOOK: Final = (Sort.SHELL, Verb.OTHER, Danger.READ)
_RESTART: Final = (Sort.ACTION, Verb.RESTART, Danger.DISRUPTIVE)
_RELOAD: Final = (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE)
_START: Final = (Sort.ACTION, Verb.START, Danger.REVERSIBLE)
_STOP: Final = (Sort.ACTION, Verb.STOP, Danger.DISRUPTIVE)
_CHANGE: Final = (Sort.SHELL, Verb.OTHER, Danger.DISRUPTIVE)
_CARE: Final = (Sort.SHELL, Verb.MAINTENANCE, Danger.DISRUPTIVE)
_ENABLE: Final = (Sort.SHELL, Verb.OTHER, Danger.REVERSIBLE)
_GONE: Final = (Sort.SHELL, Verb.MAINTENANCE, Danger.DESTRUCTIVE)
_END: Final = (Sort.SHELL, Verb.TERMINATE, Danger.DISRUPTIVE)
_HALT: Final = (Sort.SHELL, Verb.STOP, Danger.DISRUPTIVE)
_REBOOT: Final = (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE)

_UNITS: Final[dict[str, _Entry]] = {
    "status": _SEE, "show": _SEE, "is-active": _SEE, "is-failed": _SEE, "is-enabled": _SEE, "cat": _SEE,
    "is-system-running": _SEE, "list-units": _SEE, "list-unit-files": _SEE, "list-timers": _SEE, "list-sockets": _SEE,
    "list-dependencies": _SEE, "list-jobs": _SEE, "list-machines": _SEE, "list-paths": _SEE, "list-automounts": _SEE,
    "get-default": _LOOK, "help": _LOOK, "show-environment": _LOOK, "whoami": _LOOK, "log-level": _LOOK,
    "start": _START, "stop": _STOP, "restart": _RESTART, "try-restart": _RESTART, "condrestart": _RESTART,
    "reload-or-restart": _RESTART, "try-reload-or-restart": _RESTART, "force-reload": _RESTART, "reload": _RELOAD,
    "kill": _END, "enable": _ENABLE, "unmask": _ENABLE, "thaw": (Sort.SHELL, Verb.START, Danger.REVERSIBLE),
    "preset": _CHANGE, "disable": _CHANGE, "mask": _CHANGE, "freeze": _HALT, "isolate": _HALT, "cancel": _CHANGE,
    "daemon-reload": _CARE, "daemon-reexec": _CARE, "reset-failed": _CARE, "clean": _GONE, "revert": _GONE,
    "poweroff": _HALT, "halt": _HALT, "suspend": _HALT, "hibernate": _HALT, "exit": _HALT, "rescue": _HALT,
    "emergency": _HALT, "default": _CHANGE, "reboot": _REBOOT, "kexec": _REBOOT, "soft-reboot": _REBOOT,
}  # fmt: skip
_SCRIPT: Final[dict[str, _Entry]] = {
    "status": _SEE, "start": _START, "stop": _STOP, "restart": _RESTART, "condrestart": _RESTART,
    "try-restart": _RESTART, "force-reload": _RESTART, "reload": _RELOAD, "configtest": _LOOK, "full-restart": _RESTART,
}  # fmt: skip
_SESSIONS: Final[dict[str, _Entry]] = {
    "terminate-session": _END, "terminate-user": _END, "terminate-seat": _END, "kill-session": _END, "kill-user": _END,
    "enable-linger": _ENABLE, "disable-linger": _CHANGE, "activate": _CHANGE, "attach": _CHANGE,
    "flush-devices": _CHANGE, "lock-session": _CHANGE, "unlock-session": _CHANGE, "lock-sessions": _CHANGE,
    "unlock-sessions": _CHANGE,
}  # fmt: skip

_VALUED: Final = frozenset({
    "-t", "--type", "-p", "--property", "-P", "--state", "-n", "--lines", "-o", "--output", "-H", "--host", "-M",
    "--machine", "--root", "-s", "--signal", "--kill-whom", "--kill-who", "--job-mode", "--what", "--preset-mode",
    "--boot-loader-menu", "--message", "--check-inhibitors", "--timestamp", "--image",
})  # fmt: skip
_JOURNAL: Final = frozenset({
    "-u", "--unit", "--user-unit", "-n", "--lines", "-p", "--priority", "-o", "--output", "-S", "--since", "-U",
    "--until", "-t", "--identifier", "-g", "--grep", "-M", "--machine", "-D", "--directory", "--file", "--root", "-c",
    "--cursor", "--after-cursor", "--facility", "--output-fields", "--vacuum-size", "--vacuum-time", "--vacuum-files",
    "-F", "--field", "--namespace", "--case-sensitive", "--interval", "-T", "--exclude-identifier", "-I",
    "--cursor-file",
})  # fmt: skip
_VACUUM: Final = ("--vacuum-size", "--vacuum-time", "--vacuum-files")
_INIT: Final = ("/etc/init.d/", "/etc/rc.d/init.d/", "/etc/rc.d/")
_TOLD: Final = {"HUP": Verb.RESTART, "1": Verb.RESTART} | dict.fromkeys(
    ("USR1", "USR2", "WINCH", "CONT", "10", "12", "28", "18"), Verb.OTHER
)
"""Signals that tell a program something, and do not end it."""
_RISKY: Final = ("delet", "drop", "purg", "wip", "reset", "restor", "clean", "flush", "destroy", "remov", "init")

_RESTARTS: Final = frozenset(
    {"try-restart", "condrestart", "reload-or-restart", "try-reload-or-restart", "force-reload"}
)
"""Verbs in the place of which a restart is done."""

_META: Final = (
    "on Debian and Ubuntu postgresql.service is an empty unit that stays active (exited) when the server is down; here "
    "the server itself is asked"
)
_ONE_BY_ONE: Final = "systemctl restarts all of them at once; here one is restarted after the other"
_GLOB: Final = "a pattern means only units that are loaded, so that some that are stopped may not be started; name them"
_ONLY_RUNNING: Final = "a unit that does not run is left alone by this; restart starts it"
_NO_TIME: Final = "SIGKILL gives it no time to finish; a stop waits first, and kills only what does not end"
_SCRIPT_ITSELF: Final = "the script itself is not run: systemd is asked for its unit"
_WHOLE: Final = "without -n, -f or --since this prints the journal from its beginning; here the newest lines come first"
_FILES_GO: Final = "whole files go, so some newer lines go with the old ones, and nobody can bring them back"


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line of systemd's world means; None for every other program."""
    words = line.words
    match line.program:
        case "systemctl":
            return _systemctl(words[1:])
        case "service" | "rc-service" if len(words) > 1:
            return _service(words[1:])
        case "invoke-rc.d" if len(words) > 1:
            return _service([word for word in words[1:] if not word.startswith("-")])
        case "journalctl":
            return _journal(line)
        case "loginctl":
            return _loginctl(words[1:])
        case "update-rc.d" | "chkconfig" | "rc-update":
            return _at_boot(words[1:])
        case "systemd-analyze" if {"log-level", "log-target", "set-log-level", "service-watchdogs"} & set(words):
            return Meaning(Sort.SHELL, Verb.OTHER, "systemd", danger=Danger.DISRUPTIVE)
        case "systemd-analyze" | "systemd-cgls" | "systemd-detect-virt" | "systemd-escape" | "systemd-delta":
            return Meaning(Sort.SHELL, Verb.OTHER, "systemd")
        case "systemd-cgtop":
            return Meaning(Sort.READING, Verb.HOST, "systemd", kind="systemd", endless=not _limited(words[1:]))
        case "systemd-run" | "systemd-cat" | "systemd-inhibit":
            return _carried(line)
        case "coredumpctl":
            asked = options(words[1:], {"-o", "--output"})
            sort = Danger.REVERSIBLE if asked.has("-o", "--output") else Danger.READ
            debug = asked.plain[:1] in (["debug"], ["gdb"])
            return Meaning(Sort.SHELL, Verb.OTHER, "systemd", danger=sort, interactive=debug)
        case "systemd-tmpfiles":
            gone = any(word in ("--clean", "--remove", "--purge") for word in words)
            danger = Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE
            return Meaning(Sort.SHELL, Verb.MAINTENANCE, "systemd", danger=danger)
    if words and words[0].startswith(_INIT):
        found = _service([line.program, *words[1:]])
        return Meaning(found.sort, found.verb, "systemd", found.target, found.danger, "systemd", _SCRIPT_ITSELF)
    return None


def _limited(words: Sequence[str]) -> bool:
    return options(words, {"-n", "--iterations", "-d", "--delay"}).has("-n", "--iterations", "-1")


def _systemctl(words: Sequence[str]) -> Meaning:
    found = options(words, _VALUED)
    if not found.plain or found.has("--help", "--version"):
        return Meaning(Sort.READING, Verb.STATUS, "systemd", kind="systemd")
    verb, *units = found.plain
    other = _LOOK if verb.startswith(("list-", "get-", "is-")) else _CHANGE
    sort, about, danger = _UNITS.get(verb, other)
    if verb in ("enable", "disable", "mask") and found.has("--now"):
        about = Verb.START if verb == "enable" else Verb.STOP
    if verb == "kill" and (told := found.value("-s", "--signal").upper().removeprefix("SIG")) in _TOLD:
        about = _TOLD[told]
    if verb == "log-level" and units:
        danger = Danger.DISRUPTIVE
    restart = exchanged(words, verb, "restart") if verb in _RESTARTS else []
    meaning = Meaning(
        sort,
        about,
        "systemd",
        target=" ".join(units),
        danger=danger,
        kind="systemd",
        warning=_unit_warning(verb, units, found),
        becomes=shown(["systemctl", *restart]) if restart else "",
        reveals=verb == "show-environment" or (verb == "show" and not found.has("-p", "--property", "-P")),
        interactive=verb == "edit",
    )
    line = CommandLine(filled(("systemctl", *(restart or words))))
    return honest(meaning, recognise(line, Here(user=found.has("--user"))) is not None)


def _unit_warning(verb: str, units: Sequence[str], found: Options) -> str:
    if verb in ("status", "is-active", "is-failed", "show") and set(units) & {"postgresql", "postgresql.service"}:
        return _META
    if verb == "kill" and found.value("-s", "--signal").upper().removeprefix("SIG") in ("KILL", "9"):
        return _NO_TIME
    if verb == "start" and any("*" in unit or "?" in unit for unit in units):
        return _GLOB
    if verb in ("try-restart", "condrestart"):
        return _ONLY_RUNNING
    return _ONE_BY_ONE if verb == "restart" and (len(units) > 1 or any("*" in unit for unit in units)) else ""


def _service(words: Sequence[str]) -> Meaning:
    """`service NAME VERB`, and what means the same."""
    plain = [word for word in words if not word.startswith("-")]
    if len(plain) < 2:
        changes = any(word == "--full-restart" for word in words)
        danger = Danger.DISRUPTIVE if changes else Danger.READ
        verb = Verb.RESTART if changes else Verb.STATUS
        sort = Sort.SHELL if changes else Sort.READING
        return Meaning(sort, verb, "systemd", " ".join(plain), danger, "systemd")
    name, verb_word = plain[0], plain[1]
    if "--full-restart" in words:
        verb_word = "restart"
    risky = any(part in word.lower() for word in plain[1:] for part in _RISKY)
    sort, about, danger = _SCRIPT.get(verb_word, (*_CHANGE[:2], Danger.DESTRUCTIVE if risky else Danger.DISRUPTIVE))
    warning = _META if verb_word == "status" and name == "postgresql" else ""
    return Meaning(sort, about, "systemd", name, danger, "systemd", warning)


def _at_boot(words: Sequence[str]) -> Meaning:
    """What starts by itself with the machine, told in the older ways."""
    plain = [word for word in words if not word.startswith("-")]
    if not plain or "--list" in words or plain[0] == "show":
        return Meaning(Sort.READING, Verb.STATUS, "systemd", " ".join(plain[:1]), kind="systemd")
    on = bool({"on", "enable", "defaults", "add"} & set(plain))
    return Meaning(Sort.SHELL, Verb.OTHER, "systemd", plain[0], Danger.REVERSIBLE if on else Danger.DISRUPTIVE)


def _loginctl(words: Sequence[str]) -> Meaning:
    plain = options(words, _VALUED).plain
    verb = plain[0] if plain else "list-sessions"
    see = verb.startswith(("list-", "show-")) or verb.endswith("-status")
    sort, about, danger = (Sort.SHELL, Verb.STATUS, Danger.READ) if see else _SESSIONS.get(verb, _CHANGE)
    return Meaning(sort, about, "systemd", " ".join(plain[1:]), danger)


def _journal(line: CommandLine) -> Meaning:
    found = options(line.words[1:], _JOURNAL)
    if found.has(*_VACUUM):
        return Meaning(Sort.ACTION, Verb.MAINTENANCE, "systemd", "journal", Danger.DESTRUCTIVE, "rotation", _FILES_GO)
    if found.has("--rotate", "--flush", "--sync", "--relinquish-var", "--smart-relinquish-var", "--setup-keys"):
        return Meaning(Sort.SHELL, Verb.MAINTENANCE, "systemd", "journal", Danger.DISRUPTIVE)
    if found.has("--update-catalog"):
        return Meaning(Sort.SHELL, Verb.MAINTENANCE, "systemd", "journal", Danger.REVERSIBLE)
    if found.has("--disk-usage", "--header", "--verify", "--list-boots", "-N", "--fields", "-F", "--field"):
        verb = Verb.HOST if found.has("--disk-usage") else Verb.STATUS
        return Meaning(Sort.READING, verb, "systemd", "journal", kind="rotation")
    units = found.values("-u", "--unit", "--user-unit") or found.values("-t", "--identifier")
    endless = found.has("-f", "--follow")
    bounded = found.has("-n", "--lines", "-S", "--since", "-b", "--boot", "-e", "--pager-end", "-r", "--reverse", "-g",
                        "--grep", "-c", "--cursor", "--after-cursor", "-#")  # fmt: skip
    target = " ".join(units) or ("kernel" if found.has("-k", "--dmesg") else "")
    whole = not bounded and not endless and not line.piped
    return Meaning(
        Sort.LOG, Verb.LOGS, "systemd", target, kind="logs", warning=_WHOLE if whole else "", endless=endless
    )


def _carried(line: CommandLine) -> Within | Meaning:
    """A command that systemd starts for somebody."""
    valued = {"-u", "--unit", "-p", "--property", "-t", "--identifier", "--slice", "--uid", "--gid", "-E", "--setenv",
              "--description", "--on-calendar", "--on-active", "--on-boot", "-M", "--machine", "-H", "--host",
              "--working-directory", "--nice", "--service-type", "--what", "--who", "--why", "--mode",
              "--priority"}  # fmt: skip
    found = options(line.words[1:], valued, first=True)
    if not found.plain:
        return Meaning(Sort.SHELL, Verb.OTHER, "systemd", danger=Danger.DISRUPTIVE)
    return Within("", tuple(found.plain), system="systemd", least=Danger.REVERSIBLE)
