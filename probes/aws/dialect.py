"""What command lines of AWS mean, wherever they were written; and those of other clouds and deployment tools.

An operation that isn't named here is judged by its first word: describe, list and get look, delete and terminate take
away, everything else interrupts somebody.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final

from probes.aws import dialect_others
from probes.aws.dialect_carried import carried
from probes.aws.dialect_line import Said, read
from probes.aws.dialect_operations import (
    GONE,
    KINDS,
    LOG_OPERATIONS,
    OPERATIONS,
    REVEALING,
    SYSTEMS,
    by_first_word,
)
from probes.aws.dialect_words import warned
from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.options import is_of_the_system

_PROGRAMS: Final = frozenset({"aws", "awslocal", "aws2", "aws.exe"})
_WRAPPERS: Final = frozenset({"aws-vault", "saml2aws", "chamber", "granted", "assume"})
_OLDER: Final = frozenset(
    {"prev", "previous", "old", "older", "last", "rollback", "known", "good", "stable", "earlier", "before", "prior",
     "original", "n"}
)  # fmt: skip
_NEWER: Final = frozenset({"new", "newest", "latest", "next", "updated", "newer"})
_STARTERS: Final = frozenset(
    {"invoke", "run-task", "start-task", "start-execution", "start-sync-execution", "start-automation-execution",
     "start-build", "submit-job", "start-job-run", "start-pipeline-execution"}
)  # fmt: skip
"""Operations that run a program whose name is all that is known of it."""
_PUTS: Final = frozenset({("secretsmanager", "update-secret"), ("secretsmanager", "put-secret-value")})
_HELD: Final = re.compile(r"[$<{\[]|[A-Z][A-Z0-9_]+\Z")
"""A word that the writer left to be filled in."""
_KEPT: Final = re.compile(r"backup|dump|snapshot|archive|export|\.(?:sql|gz|tar|tgz|bak|rdb|zst|zip)\b", re.I)
"""What files look like that are put away, not published."""


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line means; None when it is none of AWS, of another cloud or of a deployment tool."""
    if line.program in _WRAPPERS and "exec" in line.words[1:2] and "--" in line.words:
        return Within("", words=line.words[line.words.index("--") + 1 :], stdin=line.stdin, system="aws")
    if line.program not in _PROGRAMS:
        return dialect_others.understand(line)
    said = read(line.words[1:])
    within = carried(said, line)
    if within is not None:
        return within
    found = warned(_meaning(said), said, line)
    return replace(found, asked=_asked(said)) if found.sort is Sort.ACTION else found


def _asked(said: Said) -> tuple[str, ...]:
    """The new values of a secret, which are typed into fields; none where a variable or a file gives them."""
    text = said.one("secret-string")
    if (
        (said.service, said.operation) not in _PUTS
        or text is None
        or "$" in text
        or text.startswith(("file:", "fileb:"))
    ):
        return ()
    try:
        keys = json.loads(text)
    except (ValueError, RecursionError):
        return () if text.lstrip().startswith("{") else (text,)
    return tuple(value for value in keys.values() if isinstance(value, str)) if isinstance(keys, dict) else (text,)


def _meaning(said: Said) -> Meaning:
    if said.operation in ("", "help") or said.service in ("", "help") or "help" in said.plain:
        known = said.service in ("", "help") or said.operation == "help" or "help" in said.plain
        return _shell(said, Verb.OTHER, Danger.READ if known and not said.holder else Danger.DISRUPTIVE)
    if said.flags.keys() & {"dry-run", "dryrun", "generate-cli-skeleton"}:
        return replace(_real(said), sort=Sort.SHELL, kind="", danger=Danger.READ)
    return _real(said)


def _real(said: Said) -> Meaning:
    special = _special(said)
    if special is not None:
        return special
    if said.service == "logs" and said.operation in LOG_OPERATIONS:
        endless = "follow" in said.flags or said.operation == "start-live-tail"
        return replace(_native(said, Sort.LOG, Verb.LOGS), endless=endless)
    known = OPERATIONS.get((said.service, said.operation))
    if known is not None:
        sort, verb, danger = known
        if said.operation in _STARTERS and _names_the_worst(said):
            danger = Danger.DESTRUCTIVE
        return _native(said, sort, verb, danger)
    verb, danger = by_first_word(said.operation)
    if danger is Danger.READ and said.service in KINDS and (said.service, said.operation) not in REVEALING:
        return _native(said, Sort.READING, verb)
    if (said.holder and any(GONE.search(word) for word in (*said.plain, *said.flags))) or (
        said.operation in _STARTERS and _names_the_worst(said)
    ):
        danger = Danger.DESTRUCTIVE
    return _shell(said, verb, danger)


def _names_the_worst(said: Said) -> bool:
    """Whether what is started has a name that takes something away: a function `purge-carts`, a task `db:drop`."""
    return any(GONE.search(value) for values in said.flags.values() for value in values)


def _native(said: Said, sort: Sort, verb: Verb, danger: Danger = Danger.READ) -> Meaning:
    """What one of our kinds shows or does, and with SHELL what none does."""
    if sort is Sort.SHELL:
        return _shell(said, verb, danger)
    system = SYSTEMS.get(said.service, said.service)
    return Meaning(sort, verb, system, said.target(), danger, KINDS[said.service], reveals=_reveals(said))


def _shell(said: Said, verb: Verb, danger: Danger) -> Meaning:
    named = bool(said.operation) and not said.holder
    system = SYSTEMS.get(said.service, said.service) if named else "aws"
    return Meaning(Sort.SHELL, verb, system, said.target(), danger, reveals=_reveals(said))


def _reveals(said: Said) -> bool:
    if "with-decryption" in said.flags or (said.service, said.operation) in REVEALING:
        return True
    return (said.service, said.operation) == ("ecs", "describe-task-definition")


def _special(said: Said) -> Meaning | None:
    """Operations whose options say what they do."""
    match said.service, said.operation:
        case "ecs", "update-service":
            return _update_service(said)
        case "rds", "modify-db-instance" | "modify-db-cluster":
            return _modify_db(said)
        case "elasticache", "modify-cache-parameter-group":
            words = " ".join(said.flags.get("parameter-name-values", ()))
            sort = Sort.ACTION if "maxmemory-policy" in words else Sort.SHELL
            return _native(said, sort, Verb.MAINTENANCE, Danger.DISRUPTIVE)
        case "s3", _:
            return _files(said)
        case "s3api", "get-object":
            over = any(is_of_the_system(word) for words in (said.plain, *said.flags.values()) for word in words)
            return _shell(said, Verb.OTHER, Danger.DISRUPTIVE if over else Danger.REVERSIBLE)
        case "application-autoscaling", "register-scalable-target" | "describe-scalable-targets" if (
            said.one("service-namespace") == "ecs"
        ):
            looks = said.operation.startswith("describe")
            sort, verb = (Sort.READING, Verb.STATUS) if looks else (Sort.ACTION, Verb.SCALE)
            return Meaning(sort, verb, "ecs", said.target(), Danger.READ if looks else Danger.DISRUPTIVE, "ecs")
        case "route53", "change-resource-record-sets":
            taken = "DELETE" in (said.one("change-batch") or "").upper()
            return _shell(said, Verb.DEPLOY, Danger.DESTRUCTIVE if taken else Danger.DISRUPTIVE)
        case "rds-data" | "dynamodb" | "redshift-data", "execute-statement" | "batch-execute-statement":
            sql = (said.one("sql") or said.one("statement") or "").lstrip("'\"( ").lower()
            looks = sql.startswith("select ") and not GONE.search(sql)
            return _shell(said, Verb.OTHER, Danger.READ if looks else Danger.DESTRUCTIVE)
        case "athena", "start-query-execution":
            sql = (said.one("query-string") or "").lstrip("'\"( ").lower()
            looks = sql.startswith(("select ", "show ", "describe ", "explain ", "with ")) and not GONE.search(sql)
            return _shell(said, Verb.OTHER, Danger.DISRUPTIVE if looks else Danger.DESTRUCTIVE)
        case "configure", _:
            return _configured(said)
        case "ssm", "send-command":
            gone = GONE.search(" ".join(said.flags.get("parameters", ())))
            return _shell(said, Verb.OTHER, Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE)
        case "ssm", "start-session":
            forwarded = "PortForwarding" in (said.one("document-name") or "")
            danger = Danger.REVERSIBLE if forwarded else Danger.DISRUPTIVE
            return replace(_shell(said, Verb.OTHER, danger), endless=forwarded, interactive=not forwarded)
        case "ecs", "stop-service-deployment":
            back = "ROLLBACK" in (said.one("stop-type") or "ROLLBACK").upper()
            return _shell(said, Verb.ROLLBACK if back else Verb.STOP, Danger.DISRUPTIVE)
    return None


def _update_service(said: Said) -> Meaning:
    """A restart, a number of tasks, or another revision."""
    forced = "force-new-deployment" in said.flags
    revision = said.one("task-definition")
    danger = Danger.DESTRUCTIVE if said.zero("desired-count") else Danger.DISRUPTIVE
    if revision is not None:
        return _native(said, Sort.ACTION, Verb.ROLLBACK if _is_older(revision) else Verb.DEPLOY, danger)
    if "desired-count" in said.flags:
        return _native(said, Sort.ACTION, Verb.SCALE, danger)
    if forced:
        return _native(said, Sort.ACTION, Verb.RESTART, Danger.DISRUPTIVE)
    return _shell(said, Verb.DEPLOY, Danger.DISRUPTIVE)


def _is_older(revision: str) -> bool:
    """Whether a revision that is named one by one, or by a word, is one from before: a family alone is its newest."""
    family, colon, number = revision.rpartition("task-definition/")[2].rpartition(":")
    told = number if colon or _HELD.match(number) else ""
    words = set(re.findall(r"[a-z]+", told.lower()))
    if re.search(r"-\s*1\b", told) or words & _OLDER:
        return True
    return bool(family and colon) and not words & _NEWER


def _modify_db(said: Said) -> Meaning:
    if said.zero("backup-retention-period"):
        return _shell(said, Verb.BACKUP, Danger.DESTRUCTIVE)
    if said.operation == "modify-db-instance" and said.flags.keys() & {"allocated-storage", "db-instance-class"}:
        return _native(said, Sort.ACTION, Verb.SCALE, Danger.DISRUPTIVE)
    return _shell(said, Verb.MAINTENANCE, Danger.DISRUPTIVE)


def _files(said: Said) -> Meaning:
    """`aws s3`: copies that overwrite, and what goes away."""
    target = next((word for word in said.plain if word.startswith("s3://")), said.plain[0] if said.plain else "")
    to = said.plain[-1] if len(said.plain) > 1 else ""
    found = replace(_shell(said, Verb.OTHER, Danger.DISRUPTIVE), target=target)
    match said.operation:
        case "ls":
            return Meaning(Sort.READING, Verb.STATUS, "s3", target, kind=KINDS["s3"])
        case "rm" | "rb":
            return replace(found, danger=Danger.DESTRUCTIVE)
        case "mb":
            return replace(found, danger=Danger.REVERSIBLE)
        case "presign":
            return replace(found, danger=Danger.READ, reveals=True)
        case "sync" | "cp":
            if "delete" in said.flags:
                return replace(found, danger=Danger.DESTRUCTIVE)
            if to == "-":
                return replace(found, danger=Danger.READ)
            up = to.startswith("s3://") or not to
            verb = Verb.BACKUP if up and _KEPT.search(" ".join(said.plain)) else Verb.OTHER
            felt = up or is_of_the_system(to)
            return replace(found, verb=verb, danger=Danger.DISRUPTIVE if felt else Danger.REVERSIBLE)
    return found


def _configured(said: Said) -> Meaning:
    looks = said.operation in ("list", "get", "list-profiles", "export-credentials")
    shown = said.operation in ("export-credentials", "get")
    return replace(_shell(said, Verb.OTHER, Danger.READ if looks else Danger.REVERSIBLE), reveals=shown, target="")
