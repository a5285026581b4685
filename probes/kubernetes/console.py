"""A shell in a pod's container: kubectl, with context and namespace said and the pod by its name.

kubectl knows a pod by its name alone. Directly before it begins the cluster is asked whether the pod of that name still
has the uid that was looked at.
"""

from __future__ import annotations

from functools import partial

from probes.base import Cause, Console, ProbeError, SafeText
from probes.kubernetes.api import KubeApi
from probes.kubernetes.complaints import Asked
from probes.kubernetes.discovery import CORE
from probes.kubernetes.facts import KubernetesFacts, Pod
from probes.kubernetes.parse import table
from probes.kubernetes.settings import KubernetesSettings

_PROMPTED = "PS1=$0; export PS1; exec sh"
"""A shell with the prompt that is given as its name."""
_MOST = 20
"""Containers of one row that are offered."""


def consoles(
    facts: KubernetesFacts | None, subject: str, settings: KubernetesSettings, api: KubeApi
) -> tuple[Console, ...]:
    """One for each running container of a pod, or of the pods that a workload made; `api` reads a pod once more."""
    if facts is None or not subject:
        return ()
    pods = [pod for pod in facts.pods if subject in (pod.key, pod.owner) and pod.deleted is None and not pod.done]
    found = [
        _console(pod, str(container.name), facts, settings, api)
        for pod in pods
        for container in pod.containers
        if str(container.word) == "Running"
    ]
    return tuple(found[:_MOST])


def _console(pod: Pod, container: str, facts: KubernetesFacts, settings: KubernetesSettings, api: KubeApi) -> Console:
    context = settings.context or str(facts.context)
    chosen = ["--context", context] if context else []
    where = ["-n", str(pod.namespace), "exec", "-it", str(pod.name), "-c", container, "--", "sh"]
    argv = ("kubectl", *chosen, *where)
    return Console(
        name=f"{pod.name}/{container}",
        title=f"sh in {pod.name}, container {container}",
        argv=argv,
        prompted=lambda words: (*argv, "-c", _PROMPTED, f"{words} {pod.name} $ "),
        place=SafeText(f"context {context or 'of this pod'}, namespace {pod.namespace}, as {facts.user}", 300),
        identity=(("cluster", facts.cluster), ("pod", str(pod.name)), ("uid", pod.uid), ("container", container)),
        env={"KUBECONFIG": settings.kubeconfig} if settings.kubeconfig else {},
        again=partial(_again, pod, api),
        note="kubectl takes the pod by its name: the cluster is asked directly before whether it is still this one",
    )


async def _again(pod: Pod, api: KubeApi) -> str:
    """Read the pod once more: one GET."""
    namespace, name = str(pod.namespace), str(pod.name)
    try:
        found = table(await api.get(CORE["pods"].path(namespace, name), Asked("get", "pods", namespace, name)))
    except ProbeError as error:
        if error.cause is Cause.GONE:
            return f"the pod {name} is gone"
        raise
    about = table(found.get("metadata"))
    if about.get("uid") != pod.uid:
        return f"another pod is called {name} now"
    return f"the pod {name} is being ended" if about.get("deletionTimestamp") else ""
