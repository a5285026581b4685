"""A shell in a task's container through ECS Exec
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html).

The task must have been started with it switched on, and the AWS command line needs the Session Manager plugin.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from probes.aws.ecs.facts import EcsFacts, Task
from probes.aws.ecs.settings import EcsSettings
from probes.base import Cause, Console, Context, ProbeError, SafeText

_MOST = 20
"""Containers of one row that are offered."""
_PLUGIN = "session-manager-plugin"


def consoles(facts: EcsFacts | None, subject: str, settings: EcsSettings, context: Context) -> tuple[Console, ...]:
    """One for each running container of a task, by its ARN, or of a service's tasks."""
    if facts is None or not subject:
        return ()
    tasks = [one for one in facts.tasks if subject in (one.arn, one.service) and not one.over]
    found = [
        _console(task, str(one.name), facts, settings, context)
        for task in tasks
        for one in task.containers
        if one.status in ("RUNNING", "")
    ]
    return tuple(found[:_MOST])


def _console(task: Task, container: str, facts: EcsFacts, settings: EcsSettings, context: Context) -> Console:
    region = settings.region or _region(task.arn)
    chosen = ["--region", region, *(["--profile", settings.profile] if settings.profile else [])]
    if settings.endpoint is not None and not settings.endpoint.startswith(("env:", "file:", "command:")):
        chosen += ["--endpoint-url", settings.endpoint]
    what = ["--cluster", settings.cluster, "--task", task.arn, "--container", container]
    return Console(
        name=f"{task.id}/{container}",
        title=f"/bin/sh in {task.service or 'task'} {task.id[:8]}, container {container}",
        argv=("aws", *chosen, "ecs", "execute-command", *what, "--interactive", "--command", "/bin/sh"),
        place=SafeText(f"Amazon ECS, cluster {settings.cluster_name}, {facts.seat.place}", 300),
        identity=(("task", task.arn), ("container", container)),
        secrets=lambda: _keys(settings, context),
        note="ECS Exec runs it as root in the container; AWS records the session in CloudTrail",
        refused=_why_not(task),
    )


def _why_not(task: Task) -> str:
    if task.exec_enabled is False:
        return "ECS Exec was off when the task started: enableExecuteCommand, then a new deployment"
    if shutil.which(_PLUGIN) is None:
        return "the Session Manager plugin is not installed here"
    return ""


def _region(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else ""


def _keys(settings: EcsSettings, context: Context) -> Mapping[str, str]:
    if settings.key_id is None or settings.secret_key is None:
        return {}
    try:
        return {
            "AWS_ACCESS_KEY_ID": context.secrets.resolve(settings.key_id),
            "AWS_SECRET_ACCESS_KEY": context.secrets.resolve(settings.secret_key),
        }
    except LookupError as error:
        raise ProbeError(Cause.AUTH, str(error.args[0]) if error.args else "a secret can't be had") from None
