"""What lines of `aws` don't do, or do besides what people write them for: one sentence each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from probes.aws.dialect_line import Said
from probes.base import CommandLine, Danger, Meaning, Verb
from probes.base.command import shown
from probes.base.dialect import honest

_WRONG: Final = "there is no `aws logs filter-pattern`; filter-log-events is meant, read through all of its pages"
_DIGITS: Final = "as text {0} is found in any number with these digits; Opsroom looks for it as a status"
_TAIL: Final = "`aws logs tail` is of version 2 of the command line only; Opsroom follows the group without it"
_COUNT: Final = "n is absolute, so it lowers where more run; the count and auto-scaling's bounds are shown first"
_ZERO: Final = "0 ends every task of the service"
_RESTART: Final = "it makes new tasks and pulls the image's tag again, so :latest may be other code; it goes on after"
_BACK: Final = "the database and the configuration are not rolled back with it; pick a revision that did run"
_NOW: Final = "it prints the revision that runs now, not the one before; Opsroom lists those that ran"
_MISSING: Final = "a service that isn't there stands under failures, and the command still ends well; Opsroom says so"
_METRICS_ONLY: Final = (
    "without --alarm-types it lists metric alarms only, and by state those without data are left out; Opsroom shows "
    "every alarm"
)
_METRIC: Final = "it needs --start-time, --end-time, --period and --statistics; Opsroom fills them in"
_EMPTY: Final = "an empty list means no data, or wrong dimensions, and never zero"
_APPROXIMATE: Final = (
    "the counts are approximate, and what is in flight or delayed is not in ApproximateNumberOfMessages; Opsroom shows "
    "all three, and the age of the oldest"
)
_SECRET: Final = "it prints the secret onto the screen; Opsroom shows its names and versions, never its value"
_PUT: Final = (
    "it replaces the whole secret, and leaves the value in the history and the list of processes; Opsroom changes the "
    "named keys only and asks for their values"
)
_NEW_INSTANCE: Final = (
    "it makes a new instance beside the old one, with default security groups unless told otherwise; the application "
    "must be pointed at it"
)

_SAID: Final[Mapping[tuple[str, str], str]] = {
    ("ecs", "stop-task"): "the service starts another task in its place; to stop it for good set its count to 0",
    ("ecs", "describe-tasks"): "tasks that ended must be named by ARN, and are kept for about an hour only",
    ("ecs", "wait"): "it gives up after ten minutes, and a service whose tasks are unhealthy counts as stable too",
    ("ecs", "describe-services"): _MISSING,
    ("sqs", "get-queue-attributes"): _APPROXIMATE,
    ("sqs", "receive-message"): (
        "it hides the messages for a while and counts as a receive, so that they may end up as dead letters; Opsroom "
        "gives them back at once"
    ),
    ("sqs", "purge-queue"): (
        "it takes up to 60 s, takes what is in flight and what is sent meanwhile too, and a second one within 60 s "
        "fails"
    ),
    ("rds", "restore-db-instance-from-db-snapshot"): _NEW_INSTANCE,
    ("rds", "restore-db-instance-to-point-in-time"): _NEW_INSTANCE,
    ("rds", "restore-db-cluster-from-snapshot"): "it makes a new cluster without instances beside the old one",
    ("elasticache", "reboot-cache-cluster"): (
        "all that is cached in a rebooted node is lost, and the database feels it"
    ),
    ("cloudwatch", "disable-alarm-actions"): ("the command itself has no end, and a forgotten silence hides an outage"),
    ("cloudwatch", "enable-alarm-actions"): "an alarm that fired in between stays silent",
    ("cloudwatch", "set-alarm-state"): "this is no rehearsal: the alarm's real actions fire, such as paging",
    ("logs", "put-retention-policy"): "what is older than that becomes due for deletion and can't be had back",
    ("secretsmanager", "get-secret-value"): _SECRET,
    ("secretsmanager", "update-secret"): _PUT,
    ("secretsmanager", "put-secret-value"): _PUT,
    ("secretsmanager", "rotate-secret"): "tasks read a secret at their start only, so they must be restarted after it",
    ("elbv2", "deregister-targets"): "the service that registered it may register it again",
}


def warned(meaning: Meaning, said: Said, line: CommandLine) -> Meaning:
    """The meaning, with what the line gets wrong and with what is done instead."""
    if meaning.danger is Danger.READ and said.flags.keys() & {"dry-run", "dryrun", "generate-cli-skeleton"}:
        return meaning
    becomes = _filtered(line, said) if (said.service, said.operation) == ("logs", "filter-pattern") else ""
    return honest(replace(meaning, warning=_told(meaning, said), becomes=becomes), taken=False)


def _told(meaning: Meaning, said: Said) -> str:
    match said.service, said.operation:
        case "logs", _:
            return _of_logs(said)
        case "ecs", "update-service":
            if meaning.danger is Danger.DESTRUCTIVE:
                return _ZERO
            told = {Verb.ROLLBACK: _BACK, Verb.SCALE: _COUNT, Verb.RESTART: _RESTART}
            return told.get(meaning.verb, "")
        case "ecs", "describe-services" if "taskDefinition" in (said.one("query") or ""):
            return _NOW
        case "cloudwatch", "describe-alarms":
            return "" if "alarm-types" in said.flags or "alarm-names" in said.flags else _METRICS_ONLY
        case "cloudwatch", "get-metric-statistics":
            needed = {"start-time", "end-time", "period"}
            return _EMPTY if needed <= said.flags.keys() else _METRIC
        case "rds", _ if said.zero("backup-retention-period"):
            return "zero days deletes every automated backup at once"
        case "rds", "modify-db-instance" if "allocated-storage" in said.flags:
            return "storage only ever grows, by a tenth at least, and then can't be changed again for hours"
        case "rds", "modify-db-instance" if "apply-immediately" not in said.flags:
            return "as written it waits for the maintenance window"
        case "elasticache", "describe-cache-clusters":
            return "" if "show-cache-node-info" in said.flags else "without --show-cache-node-info it shows no endpoint"
    if "with-decryption" in said.flags:
        return "it prints the parameter in clear onto the screen"
    return _SAID.get((said.service, said.operation), "")


def _of_logs(said: Said) -> str:
    pattern = said.one("filter-pattern") or (said.plain[0] if said.plain else "")
    if said.operation == "filter-pattern":
        return _WRONG
    if said.operation == "filter-log-events" and re.fullmatch(r"\s*\"?[1-5]\d\d\"?\s*", pattern):
        return _DIGITS.format(pattern.strip().strip('"'))
    return _TAIL if said.operation == "tail" else _SAID.get(("logs", said.operation), "")


def _filtered(line: CommandLine, said: Said) -> str:
    """The line with the operation that exists, the pattern given to its option."""
    words = ["filter-log-events" if word == "filter-pattern" else word for word in line.words]
    if said.plain and said.plain[0] in words:
        words.insert(words.index(said.plain[0]), "--filter-pattern")
    return shown(words)
