"""What the commands of Windows mean: PowerShell by the verb of a cmdlet, and the programs of its older prompt.

The verbs are Microsoft's and say what a cmdlet may do:
https://learn.microsoft.com/powershell/scripting/developer/cmdlet/approved-verbs-for-windows-powershell-commands
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Verb
from probes.base.command import named
from probes.commands.dialect_words import WORST, shell

_CMDLET: Final = re.compile(r"(?P<verb>[A-Z][A-Za-z]+)-(?P<noun>[A-Z]\w*)$")
"""As they are documented: a script of one's own may be called test-restore, and is no cmdlet."""
_LOOKS: Final = named(
    """
    get test show select where measure format sort group compare find resolve search out convertto convertfrom
    convert join split read write wait watch trace debug ping use push pop enter exit
    """
)
_GONE: Final = named("remove clear uninstall unregister reset restore initialize undo unprotect repair")
_BACK: Final = named("new copy move rename export backup checkpoint save enable resume mount tee")
_VERBS: Final = {
    "restart": Verb.RESTART, "start": Verb.START, "stop": Verb.STOP, "resume": Verb.START, "suspend": Verb.STOP,
    "restore": Verb.RESTORE, "undo": Verb.ROLLBACK, "backup": Verb.BACKUP, "checkpoint": Verb.BACKUP,
    "clear": Verb.MAINTENANCE, "remove": Verb.MAINTENANCE, "get": Verb.STATUS, "test": Verb.STATUS,
    "show": Verb.STATUS, "install": Verb.DEPLOY, "update": Verb.DEPLOY, "publish": Verb.DEPLOY,
}  # fmt: skip
_NOUNS: Final = {
    "start-service": Danger.REVERSIBLE,
    "start-website": Danger.REVERSIBLE,
    "start-webapppool": Danger.REVERSIBLE,
    "start-vm": Danger.REVERSIBLE,
    "start-transcript": Danger.REVERSIBLE,
    "format-volume": Danger.DESTRUCTIVE,
    "out-file": Danger.DISRUPTIVE,
    "convert-path": Danger.READ,
    "exit-pssession": Danger.READ,
    "enter-pssession": Danger.DISRUPTIVE,
    **dict.fromkeys(
        (
            "start-sleep", "set-location", "set-variable", "set-strictmode", "new-object", "new-timespan", "new-guid",
            "new-variable", "new-pssession", "import-module", "import-csv", "import-clixml", "clear-host",
            "clear-variable", "remove-variable", "remove-module", "remove-pssession", "stop-transcript",
            "add-member", "add-type", "set-psdebug", "invoke-item",
        ),
        Danger.READ,
    ),
}  # fmt: skip
"""Cmdlets that cost something else than their verb says."""
_SHORT: Final = {
    "iwr": "Invoke-Webrequest", "irm": "Invoke-Restmethod", "gci": "Get-Childitem", "gsv": "Get-Service",
    "gps": "Get-Process", "sasv": "Start-Service", "spsv": "Stop-Service", "spps": "Stop-Process",
    "del": "Remove-Item", "erase": "Remove-Item", "rd": "Remove-Item", "ri": "Remove-Item",
    "gc": "Get-Content", "md": "New-Item", "ren": "Rename-Item", "xcopy": "Copy-Item", "sls": "Select-String",
}  # fmt: skip
"""Other names of cmdlets, and programs of the older prompt that do the same."""


def windows(line: CommandLine) -> Meaning | None:
    """What a command of Windows means; None for what is none."""
    name = line.program.lower().removesuffix(".exe")
    known = _PROGRAMS.get(name)
    if known is not None:
        return known([word.lower() for word in line.words[1:]])
    found = _CMDLET.fullmatch(_SHORT.get(name, line.program))
    if found is None:
        return None
    return _cmdlet(found["verb"].lower(), found["noun"].lower(), line.words[1:])


def _cmdlet(verb: str, noun: str, rest: Sequence[str]) -> Meaning | None:
    free = [word for word in rest if not word.startswith(("-", "{", "$_"))]
    target = free[0].strip("\"'") if free else ""
    found = shell(Danger.DISRUPTIVE, _VERBS.get(verb, Verb.OTHER), target)
    if any(word.lower() in ("-whatif", "-whatif:$true") for word in rest):
        return replace(found, danger=Danger.READ)
    name = f"{verb}-{noun}"
    if name in ("invoke-webrequest", "invoke-restmethod"):
        return _request(rest)
    if name == "invoke-sqlcmd":
        said = " ".join(rest)
        looks = re.search(r"\bselect\b", said, re.I) and not re.search(
            r"\b(?:insert|update|delete|drop|alter|truncate|exec|merge|create|into|restore|backup)\b", said, re.I
        )
        return replace(found, danger=Danger.READ if looks else Danger.DESTRUCTIVE)
    if name in ("foreach-object", "start-job", "start-threadjob"):
        return replace(found, danger=_block(rest, Danger.READ if verb == "foreach" else Danger.DISRUPTIVE))
    if name in ("new-netfirewallrule", "set-netfirewallrule"):
        return found
    if verb == "invoke":
        worst = any(WORST.search(word) for word in rest)
        return replace(found, danger=Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE)
    if name == "stop-process":
        return replace(found, verb=Verb.TERMINATE)
    if name in _NOUNS:
        return replace(found, danger=_NOUNS[name])
    if verb in _GONE:
        return replace(found, danger=Danger.DESTRUCTIVE)
    if verb in _LOOKS:
        return replace(found, danger=Danger.READ)
    if verb in _BACK:
        forced = any(word.lower() == "-force" for word in rest)
        felt = forced or (verb == "move" and noun != "item")
        return replace(found, danger=Danger.DISRUPTIVE if felt else Danger.REVERSIBLE)
    return found if verb in _VERBS or verb in _CHANGES else None


def _block(words: Sequence[str], least: Danger) -> Danger:
    """What a block of script costs that is handed to a cmdlet."""
    if any(WORST.search(word) for word in words):
        return Danger.DESTRUCTIVE
    inner = (_CMDLET.fullmatch(_SHORT.get(word.lower(), word).strip("{}();&")) for word in words)
    known = (_cmdlet(one["verb"].lower(), one["noun"].lower(), ()) for one in inner if one is not None)
    calls = any(re.search(r"\.(?:kill|stop|start|restart|close)\(", word, re.IGNORECASE) for word in words)
    return max(least, Danger.DISRUPTIVE if calls else Danger.READ, *(one.danger for one in known if one is not None))


_CHANGES: Final = named("set add disable install update register connect disconnect import send publish")


def _request(rest: Sequence[str]) -> Meaning:
    said = " ".join(rest)
    method = re.search(r"-method\s+[\"']?(\w+)", said, re.IGNORECASE)
    sends = re.search(r"-(?:body|infile|form)\b", said, re.IGNORECASE)
    if (method is not None and method[1].lower() not in ("get", "head", "options")) or (sends and method is None):
        gone = method is not None and method[1].lower() == "delete"
        return shell(Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE)
    address = re.search(r"https?://\S+", said)
    health = address is not None and re.search(r"health|ready|live|ping|status", address[0], re.IGNORECASE)
    kept = re.search(r"-outfile\b", said, re.IGNORECASE)
    return shell(Danger.REVERSIBLE if kept else Danger.READ, Verb.HEALTH if health else Verb.OTHER)


def _asked(looks: str, gone: str = "", back: str = "") -> Callable[[list[str]], Meaning]:
    """A program by the first of its words that tells what it does; without any it looks."""
    reads, deletes, returns = named(looks), named(gone), named(back)

    def meant(words: list[str]) -> Meaning:
        for word in words:
            if word in deletes:
                return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE)
            if word in reads:
                return shell(Danger.READ, Verb.STATUS)
            if word in returns:
                return shell(Danger.REVERSIBLE, Verb.START if "start" in word else Verb.OTHER)
            if word in ("stop", "/end"):
                return shell(Danger.DISRUPTIVE, Verb.STOP)
        return shell(Danger.DISRUPTIVE if words else Danger.READ)

    return meant


def _always(danger: Danger, verb: Verb = Verb.OTHER) -> Callable[[list[str]], Meaning]:
    return lambda _words: shell(danger, verb)


def _mirrors(words: list[str]) -> Meaning:
    gone = bool({"/mir", "/purge", "/mov", "/move"}.intersection(words))
    return shell(Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE)


def _folder(words: list[str]) -> Meaning:
    """rmdir takes an empty folder away, and with /s all that is in it."""
    return shell(Danger.DESTRUCTIVE if {"/s", "-recurse", "-r"}.intersection(words) else Danger.REVERSIBLE)


_NET: Final = _asked("view statistics accounts", "/delete", "start")
_PROGRAMS: Final[dict[str, Callable[[list[str]], Meaning]]] = {
    "net": lambda words: shell(Danger.READ, Verb.STATUS) if words == ["start"] else _NET(words),
    "sc": _asked("query queryex qc qdescription enumdepend", "delete", "start"),
    "schtasks": _asked("/query", "/delete"),
    "tasklist": _always(Danger.READ, Verb.HOST),
    "taskkill": _always(Danger.DISRUPTIVE, Verb.TERMINATE),
    "systeminfo": _always(Danger.READ, Verb.HOST),
    "findstr": _always(Danger.READ),
    "iisreset": _always(Danger.DISRUPTIVE, Verb.RESTART),
    "wevtutil": _asked("qe el gl gp ep", "cl clear-log"),
    "reg": _asked("query export", "delete restore import"),
    "netsh": _asked("show", "delete reset"),
    "rmdir": _folder,
    "ipconfig": _asked("/all /displaydns"),
    "format": _always(Danger.DESTRUCTIVE),
    "cipher": lambda words: shell(Danger.DESTRUCTIVE if any(word[:2] == "/w" for word in words) else Danger.DISRUPTIVE),
    "diskpart": _always(Danger.DESTRUCTIVE),
    "robocopy": _mirrors,
    "qwinsta": _always(Danger.READ, Verb.HOST),
    "bcdedit": _asked("/enum", "/delete"),
    "appcmd": _asked("list", "delete restore", "start"),
    "wmic": _asked("get list", "delete uninstall"),
}
