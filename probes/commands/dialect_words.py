"""What a line can be judged by when nothing but its words is known: names of scripts, targets and sub-commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.base import Danger, Meaning, Sort, Verb
from probes.base.command import named

SHELL: Final = "shell"
WORST: Final = re.compile(
    r"delet|destroy|drop|purge|wipe|reset|reinit|restor|roll-?_?back|truncat|flush|remove|clean|prune|force|revert|undo|erase"
    r"|nuke|teardown|tear-down|uninstall|downgrade|terminate-|decommission|evict|obliterate|expunge|forget|overwrite|nosave"
    r"|unpublish|unregister|assassinate|zeroize|(?:^|[-_/:. ])(?:rm[ir]?|rb|del|delprinc|rmtree|rmsync|seek|skip-all"
    r"|invalidate)(?:$|[-_/:. ])"
    r"|(?:^|[-_/:. ])(?:fresh|clear)(?:$|[-_/:. ])",
    re.IGNORECASE,
)
"""What a name speaks of that can't be had back."""
_VERBS: Final = (
    (Verb.ROLLBACK, r"roll-?_?back|revert|undo|downgrade"),
    (Verb.RESTORE, r"restor|recover"),
    (Verb.BACKUP, r"backup|back-up|dump|snapshot"),
    (Verb.RESTART, r"restart|reboot|bounce"),
    (Verb.DEPLOY, r"deploy|migrat|release|publish|rollout|upgrade|promote|ship"),
    (Verb.SCALE, r"scale|resize"),
    (Verb.HEALTH, r"health|smoke|ping"),
    (Verb.LOGS, r"(?:^|[-_/:. ])logs?(?:$|[-_/:. ])"),
    (Verb.MAINTENANCE, r"clean|prune|vacuum|rotate|renew|purge|archive|maintenance|reindex|compact"),
    (Verb.START, r"(?:^|[-_/:. ])(?:start|up|run|serve|dev|worker|boot)(?:$|[-_/:. ])"),
    (Verb.STOP, r"(?:^|[-_/:. ])(?:stop|down|shutdown|halt|pause|drain)(?:$|[-_/:. ])"),
    (Verb.TERMINATE, r"(?:^|[-_/:. ])kill"),
    (Verb.STATUS, r"status|(?:^|[-_/:. ])(?:ps|list|show|info|check|verify|monitor|report|diagnos\w*)(?:$|[-_/:. ])"),
)
_NO_PROGRAM: Final = re.compile(r"^(?:--?)?(?:version|help)$|^-V$")


def shell(danger: Danger, verb: Verb = Verb.OTHER, target: str = "", system: str = SHELL) -> Meaning:
    """A step of a shell."""
    return Meaning(Sort.SHELL, verb, system, target, danger)


def verb_of(text: str) -> Verb:
    """What a name is about."""
    return next((verb for verb, pattern in _VERBS if re.search(pattern, text, re.IGNORECASE)), Verb.OTHER)


def asks_only(words: Sequence[str]) -> bool:
    """True for a program that is only asked for its version or its help."""
    return len(words) == 2 and bool(_NO_PROGRAM.match(words[1]))


def by_name(words: Sequence[str], least: Danger = Danger.DISRUPTIVE, system: str = SHELL) -> Meaning:
    """An unknown program or script, by what its words speak of."""
    if asks_only(words):
        return shell(Danger.READ, system=system, target=words[0])
    said = [word for word in words if not re.match(r"https?://", word)]
    worst = any(WORST.search(word.rpartition("/")[2] if at == 0 else word) for at, word in enumerate(said))
    worst = worst or ("down" in said and bool({"-v", "--volumes"} & set(said))) or said[1:2] == ["-rf"]
    worst = worst or ("full" in said and bool(re.search(r"maint|database|\bdb\b|house", words[0])))
    text = " ".join([words[0].rpartition("/")[2], *(word for word in words[1:4] if not word.startswith("-"))])
    return shell(max(least, Danger.DESTRUCTIVE if worst else Danger.READ), verb_of(text), words[0], system)


_READS: Final = named(
    """
    list ls describe get show status view info inspect logs log tail plan validate version whoami diff history
    search check checks top stats events read lookup members output outputs graph fmt-check state-list releases ps help
    print get-context config-view doctor ping health metrics monitor watch explain tree env-ls browse wait dashboard
    open apps machines regions services-list verify preview lint template summary active registered reserved
    query scheduled report inspect_active clock whois schema providers account dry-run
    """
)
_GROUPS: Final = named(
    """
    apps machines releases schema providers account health metrics template dashboard events regions stats top logs log
    monitor members summary scheduled reserved active registered env-ls services-list state-list search history check
    """
)
"""Names of things among them: behind these a word that changes something counts."""
_CHANGES: Final = named(
    """
    create update set apply deploy restart start stop scale resume pause suspend add put run exec invoke launch
    enable disable import patch edit rollout promote up down upgrade install push publish attach detach login logout
    init refresh reload sync trigger cancel retry rerun merge approve assign tag untag copy move rename connect
    proxy ssh send call execute abort failover drain cordon uncordon unset unlock lock seal unseal write grant
    new finalize revoke rotate renew join leave maint kill signal register terminate
    """
)


_LOOKED_AT: Final = named("get describe list ls logs show status info view history")
_TAKEN: Final = re.compile(
    r"(?:delete|destroy|drop|purge|wipe|reset|restore|rollback|truncate|flush|remove|clean|prune|rm|del|clear)(?:-\w+)*"
)


def by_verb(words: Sequence[str], system: str) -> Meaning:
    """A program of many sub-commands: the first of them that is known to look, or to change, decides."""
    free = [word.lower() for word in words[1:] if not word.startswith("-")]
    free = [word if _TAKEN.match(word.partition(":")[0]) else word.rpartition(":")[2] for word in free]
    if free[:1] == ["run"] and system in ("gh", "glab", "gcloud", "az"):  # a group of theirs
        free = free[1:]
    target = next((word for word in reversed(words[1:]) if not word.startswith("-")), "")
    if asks_only(words) or "--help" in words:
        return shell(Danger.READ, Verb.OTHER, "", system)
    gone = any(WORST.search(word) for word in words[1:])
    for at, word in enumerate(free):
        if word in _GROUPS and any(one in _CHANGES or _TAKEN.fullmatch(one) for one in free[at + 1 : at + 4]):
            continue
        if word in _CHANGES:
            verb = Verb.DEPLOY if word in ("apply", "up", "push", "promote", "update") else verb_of(word)
            return shell(Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE, verb, target, system)
        looked = " ".join(free[at + 1 : at + 2]) in _LOOKED_AT
        if WORST.search(word) and not (re.fullmatch(r"restores?|resets?|backups?", word) and looked):
            return shell(Danger.DESTRUCTIVE, verb_of(word), target, system)
        if word in _READS or re.match(r"(?:list|describe|get|show)[-_]", word):
            forced = re.compile(r"--(?:delete|destroy|remove|purge|force|reset)\b")
            danger = Danger.DISRUPTIVE if any(map(forced.match, words)) else Danger.READ
            verb = Verb.LOGS if word in ("logs", "log", "tail") else Verb.STATUS
            return shell(danger, verb, target, system)
    return shell(Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE, verb_of(" ".join(free[:3])), target, system)
