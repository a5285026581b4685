"""What operations of AWS do: those of the services that we have a kind for, those whose first word misleads, the rest.

Names of operations are those of the services' models; what they cost is in the API reference of each service
(https://docs.aws.amazon.com/cli/latest/reference/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from probes.base import Danger, Sort, Verb

GONE: Final = re.compile(
    r"delete|destroy|drop|purge|wipe|reset|restore|rollback|truncate|flush|remove|clean|prune|force|terminate", re.I
)
"""Words that make an operation nobody knows one that may take something away for good."""

KINDS: Final[Mapping[str, str]] = {
    "ecs": "ecs", "sqs": "sqs", "rds": "rds", "elasticache": "elasticache", "cloudwatch": "cloudwatch",
    "logs": "cloudwatch_logs", "elbv2": "alb", "s3": "s3", "s3api": "s3", "secretsmanager": "secrets",
}  # fmt: skip
"""Service -> the kind of ours that shows it."""
SYSTEMS: Final[Mapping[str, str]] = {"logs": "cloudwatch-logs", "s3api": "s3", "elbv2": "alb"}
"""Service -> what it is called here, where that is not its own name."""
LOG_OPERATIONS: Final = frozenset(
    {"tail", "filter-log-events", "filter-pattern", "get-log-events", "start-live-tail", "start-query",
     "get-query-results", "filter", "get-log-record"}
)  # fmt: skip
"""Operations of `aws logs` that show what was written, the wrong spelling of one included."""
REVEALING: Final = frozenset(
    {
        ("secretsmanager", "get-secret-value"), ("secretsmanager", "batch-get-secret-value"),
        ("secretsmanager", "get-random-password"), ("ecr", "get-login-password"), ("ecr", "get-authorization-token"),
        ("ecr", "get-login"), ("ec2", "get-password-data"), ("rds", "generate-db-auth-token"), ("kms", "decrypt"),
        ("sts", "assume-role"), ("sts", "get-session-token"), ("sts", "assume-role-with-web-identity"),
        ("iam", "create-access-key"), ("eks", "get-token"), ("lambda", "get-function-configuration"),
        ("lambda", "get-function"), ("codeartifact", "get-authorization-token"), ("kms", "generate-data-key"),
        ("cognito-idp", "describe-user-pool-client"), ("appconfig", "get-configuration"),
        ("redshift", "get-cluster-credentials"),
    }
)  # fmt: skip
"""Operations whose answer is, or may hold, a secret."""

_A, _S = Sort.ACTION, Sort.SHELL
_READ, _BACK, _BREAKS, _LOST = Danger.READ, Danger.REVERSIBLE, Danger.DISRUPTIVE, Danger.DESTRUCTIVE

_TABLE: Final[Mapping[str, Mapping[str, tuple[Sort, Verb, Danger]]]] = {
    "ecs": {
        "stop-task": (_A, Verb.STOP, _BREAKS),
        "run-task": (_S, Verb.START, _BREAKS),
        "start-task": (_S, Verb.START, _BREAKS),
        "register-task-definition": (_S, Verb.DEPLOY, _BACK),
        "create-service": (_S, Verb.DEPLOY, _BREAKS),
        "wait": (Sort.READING, Verb.STATUS, _READ),
        "list-tags-for-resource": (_S, Verb.STATUS, _READ),
    },
    "sqs": {
        "get-queue-attributes": (Sort.READING, Verb.QUEUE_DEPTH, _READ),
        "receive-message": (_A, Verb.QUEUE_DEPTH, _BREAKS),
        "purge-queue": (_A, Verb.MAINTENANCE, _LOST),
        "start-message-move-task": (_A, Verb.MAINTENANCE, _BREAKS),
        "cancel-message-move-task": (_A, Verb.STOP, _BACK),
        "change-message-visibility": (_S, Verb.OTHER, _BREAKS),
    },
    "rds": {
        "create-db-snapshot": (_A, Verb.BACKUP, _BACK),
        "create-db-cluster-snapshot": (_A, Verb.BACKUP, _BACK),
        "copy-db-snapshot": (_S, Verb.BACKUP, _BACK),
        "reboot-db-instance": (_A, Verb.RESTART, _BREAKS),
        "reboot-db-cluster": (_A, Verb.RESTART, _BREAKS),
        "start-db-instance": (_A, Verb.START, _BACK),
        "start-db-cluster": (_A, Verb.START, _BACK),
        "stop-db-instance": (_A, Verb.STOP, _BREAKS),
        "stop-db-cluster": (_A, Verb.STOP, _BREAKS),
        "failover-db-cluster": (_A, Verb.MAINTENANCE, _BREAKS),
        "promote-read-replica": (_S, Verb.MAINTENANCE, _BREAKS),
        "restore-db-instance-from-db-snapshot": (_A, Verb.RESTORE, _BREAKS),
        "restore-db-instance-to-point-in-time": (_A, Verb.RESTORE, _BREAKS),
        "restore-db-cluster-from-snapshot": (_A, Verb.RESTORE, _BREAKS),
        "restore-db-cluster-to-point-in-time": (_A, Verb.RESTORE, _BREAKS),
        "apply-pending-maintenance-action": (_S, Verb.MAINTENANCE, _BREAKS),
        "backtrack-db-cluster": (_S, Verb.RESTORE, _LOST),
        "download-db-log-file-portion": (_S, Verb.LOGS, _READ),
    },
    "elasticache": {
        "reboot-cache-cluster": (_A, Verb.RESTART, _LOST),
        "test-failover": (_A, Verb.MAINTENANCE, _BREAKS),
        "modify-cache-cluster": (_A, Verb.SCALE, _BREAKS),
        "modify-replication-group": (_A, Verb.SCALE, _BREAKS),
        "increase-replica-count": (_S, Verb.SCALE, _BREAKS),
        "decrease-replica-count": (_S, Verb.SCALE, _BREAKS),
        "create-snapshot": (_S, Verb.BACKUP, _BACK),
        "modify-cache-parameter-group": (_S, Verb.MAINTENANCE, _BREAKS),
    },
    "cloudwatch": {
        "disable-alarm-actions": (_A, Verb.MAINTENANCE, _BREAKS),
        "enable-alarm-actions": (_A, Verb.MAINTENANCE, _BACK),
        "set-alarm-state": (_A, Verb.OTHER, _BREAKS),
    },
    "logs": {
        "put-retention-policy": (_A, Verb.MAINTENANCE, _LOST),
        "create-log-group": (_S, Verb.OTHER, _BACK),
        "create-export-task": (_S, Verb.BACKUP, _BACK),
        "test-metric-filter": (_S, Verb.OTHER, _READ),
    },
    "secretsmanager": {
        "update-secret": (_A, Verb.MAINTENANCE, _BREAKS),
        "put-secret-value": (_A, Verb.MAINTENANCE, _BREAKS),
        "update-secret-version-stage": (_A, Verb.ROLLBACK, _BREAKS),
        "rotate-secret": (_S, Verb.MAINTENANCE, _BREAKS),
        "create-secret": (_S, Verb.OTHER, _BACK),
        "restore-secret": (_S, Verb.RESTORE, _BACK),
    },
    "ssm": {"start-automation-execution": (_S, Verb.OTHER, _BREAKS), "resume-session": (_S, Verb.OTHER, _BREAKS)},
    "ec2": {
        "create-image": (_S, Verb.BACKUP, _BREAKS),
        "create-snapshot": (_S, Verb.BACKUP, _BACK),
        "create-snapshots": (_S, Verb.BACKUP, _BACK),
        "copy-snapshot": (_S, Verb.BACKUP, _BACK),
        "create-tags": (_S, Verb.OTHER, _BACK),
        "start-instances": (_S, Verb.START, _BACK),
        "modify-instance-attribute": (_S, Verb.SCALE, _BREAKS),
        "release-address": (_S, Verb.OTHER, _LOST),
        "get-console-output": (_S, Verb.LOGS, _READ),
    },
    "lambda": {
        "invoke": (_S, Verb.OTHER, _BREAKS),
        "update-function-code": (_S, Verb.DEPLOY, _BREAKS),
        "publish-version": (_S, Verb.DEPLOY, _BACK),
        "update-alias": (_S, Verb.DEPLOY, _BREAKS),
        "put-function-concurrency": (_S, Verb.SCALE, _BREAKS),
    },
    "autoscaling": {
        "set-desired-capacity": (_S, Verb.SCALE, _BREAKS),
        "update-auto-scaling-group": (_S, Verb.SCALE, _BREAKS),
        "start-instance-refresh": (_S, Verb.RESTART, _BREAKS),
        "rollback-instance-refresh": (_S, Verb.ROLLBACK, _BREAKS),
        "set-instance-health": (_S, Verb.TERMINATE, _LOST),
        "suspend-processes": (_S, Verb.STOP, _BREAKS),
        "resume-processes": (_S, Verb.START, _BACK),
    },
    "application-autoscaling": {
        "register-scalable-target": (_S, Verb.SCALE, _BREAKS),
        "put-scaling-policy": (_S, Verb.SCALE, _BREAKS),
    },
    "cloudformation": {
        "deploy": (_S, Verb.DEPLOY, _BREAKS),
        "execute-change-set": (_S, Verb.DEPLOY, _BREAKS),
        "create-stack": (_S, Verb.DEPLOY, _BREAKS),
        "create-change-set": (_S, Verb.DEPLOY, _BACK),
        "update-stack": (_S, Verb.DEPLOY, _BREAKS),
        "rollback-stack": (_S, Verb.ROLLBACK, _BREAKS),
        "cancel-update-stack": (_S, Verb.ROLLBACK, _BREAKS),
        "continue-update-rollback": (_S, Verb.ROLLBACK, _BREAKS),
        "detect-stack-drift": (_S, Verb.STATUS, _READ),
    },
    "dynamodb": {
        "scan": (_S, Verb.OTHER, _READ),
        "query": (_S, Verb.OTHER, _READ),
        "create-backup": (_S, Verb.BACKUP, _BACK),
        "export-table-to-point-in-time": (_S, Verb.BACKUP, _BACK),
        "restore-table-from-backup": (_S, Verb.RESTORE, _BREAKS),
        "restore-table-to-point-in-time": (_S, Verb.RESTORE, _BREAKS),
        "put-item": (_S, Verb.OTHER, _LOST),
        "update-item": (_S, Verb.OTHER, _LOST),
        "batch-write-item": (_S, Verb.OTHER, _LOST),
        "transact-write-items": (_S, Verb.OTHER, _LOST),
        "update-table": (_S, Verb.SCALE, _BREAKS),
    },
    "backup": {
        "start-backup-job": (_S, Verb.BACKUP, _BACK),
        "start-copy-job": (_S, Verb.BACKUP, _BACK),
        "start-restore-job": (_S, Verb.RESTORE, _BREAKS),
    },
    "eks": {"update-kubeconfig": (_S, Verb.OTHER, _BACK), "update-nodegroup-config": (_S, Verb.SCALE, _BREAKS)},
    "s3api": {
        "put-bucket-lifecycle-configuration": (_S, Verb.MAINTENANCE, _LOST),
        "put-bucket-versioning": (_S, Verb.MAINTENANCE, _BREAKS),
        "restore-object": (_S, Verb.RESTORE, _BACK),
        "create-bucket": (_S, Verb.OTHER, _BACK),
        "select-object-content": (_S, Verb.OTHER, _READ),
    },
    "kms": {"schedule-key-deletion": (_S, Verb.OTHER, _LOST), "decrypt": (_S, Verb.OTHER, _READ)},
    "codedeploy": {"create-deployment": (_S, Verb.DEPLOY, _BREAKS)},
    "codepipeline": {"start-pipeline-execution": (_S, Verb.DEPLOY, _BREAKS)},
    "codebuild": {"start-build": (_S, Verb.DEPLOY, _BREAKS)},
    "elasticbeanstalk": {
        "restart-app-server": (_S, Verb.RESTART, _BREAKS),
        "rebuild-environment": (_S, Verb.DEPLOY, _LOST),
        "update-environment": (_S, Verb.DEPLOY, _BREAKS),
    },
    "cloudfront": {"create-invalidation": (_S, Verb.MAINTENANCE, _BREAKS)},
    "iam": {
        "simulate-principal-policy": (_S, Verb.OTHER, _READ),
        "generate-credential-report": (_S, Verb.STATUS, _BACK),
    },
    "sts": {
        "get-caller-identity": (_S, Verb.STATUS, _READ),
        "assume-role": (_S, Verb.OTHER, _BACK),
        "decode-authorization-message": (_S, Verb.OTHER, _READ),
    },
    "sso": {"login": (_S, Verb.OTHER, _BACK), "logout": (_S, Verb.OTHER, _BACK)},
    "ecr": {"put-image": (_S, Verb.DEPLOY, _BREAKS), "start-image-scan": (_S, Verb.STATUS, _BACK)},
}
OPERATIONS: Final[Mapping[tuple[str, str], tuple[Sort, Verb, Danger]]] = {
    (service, operation): what for service, operations in _TABLE.items() for operation, what in operations.items()
}
"""Operations that are known one by one."""

_LOOKING: Final = frozenset(
    {"describe", "list", "get", "head", "filter", "tail", "wait", "lookup", "search", "ls", "preview", "estimate",
     "validate", "view", "count", "discover", "query", "scan", "simulate", "show"}
)  # fmt: skip
_VERBS: Final[Mapping[str, tuple[Verb, Danger]]] = {
    "delete": (Verb.OTHER, _LOST), "terminate": (Verb.TERMINATE, _LOST), "purge": (Verb.MAINTENANCE, _LOST),
    "deregister": (Verb.OTHER, _LOST), "remove": (Verb.OTHER, _LOST), "rm": (Verb.OTHER, _LOST),
    "rb": (Verb.OTHER, _LOST), "reset": (Verb.OTHER, _LOST), "release": (Verb.OTHER, _LOST),
    "restore": (Verb.RESTORE, _LOST), "reboot": (Verb.RESTART, _BREAKS), "restart": (Verb.RESTART, _BREAKS),
    "start": (Verb.START, _BREAKS), "stop": (Verb.STOP, _BREAKS), "run": (Verb.START, _BREAKS),
    "cancel": (Verb.STOP, _BREAKS), "abort": (Verb.STOP, _BREAKS), "rollback": (Verb.ROLLBACK, _LOST),
    "rotate": (Verb.MAINTENANCE, _BREAKS), "tag": (Verb.OTHER, _BACK), "deploy": (Verb.DEPLOY, _BREAKS),
    "failover": (Verb.MAINTENANCE, _BREAKS), "batch": (Verb.OTHER, _LOST), "enable": (Verb.OTHER, _BREAKS),
    "disable": (Verb.OTHER, _BREAKS), "put": (Verb.OTHER, _BREAKS), "update": (Verb.OTHER, _BREAKS),
}  # fmt: skip


def by_first_word(operation: str) -> tuple[Verb, Danger]:
    """What an operation is about and costs, by what its name begins with; the greater where that is in doubt.

    >>> by_first_word("describe-clusters")[1].name, by_first_word("batch-delete-image")[1].name
    ('READ', 'DESTRUCTIVE')
    >>> by_first_word("batch-get-item")[1].name, by_first_word("reconfigure-all")[1].name
    ('READ', 'DISRUPTIVE')
    """
    first, _, rest = operation.partition("-")
    if first == "batch" and rest.partition("-")[0] in _LOOKING:
        first = "get"
    if first in _LOOKING:
        return Verb.STATUS, _READ
    verb, danger = _VERBS.get(first, (Verb.OTHER, _BREAKS))
    return verb, _LOST if GONE.search(operation) else danger
