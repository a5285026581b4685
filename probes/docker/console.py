"""A shell in a container that runs, by its whole id: another container is never met instead."""

from __future__ import annotations

import os
from collections.abc import Mapping

from probes.base import BadUrl, Console, Context, ProbeError, SafeText, parse_url
from probes.docker.compose import engine_environment
from probes.docker.engine import SCHEMES, chosen_url, tls_folder
from probes.docker.facts import Container, DockerFacts

_MOST = 20
"""Containers of one service that are offered."""


def consoles(
    facts: DockerFacts | None, subject: str, url: str | None, tls: str | None, context: Context
) -> tuple[Console, ...]:
    """One for each running container of a row: a service, or a container by name or id."""
    if facts is None or not subject:
        return ()
    meant = [
        one
        for service in facts.services
        for one in service.containers
        if one.state == "running" and subject in (service.name, one.id, str(one.name))
    ]
    refused = ""
    env: Mapping[str, str] = {}
    try:
        env = _environment(url, tls, context)
    except (ProbeError, BadUrl) as error:
        refused = str(getattr(error, "message", error))
    return tuple(_console(one, facts, env, refused) for one in meant[:_MOST])


def _environment(url: str | None, tls: str | None, context: Context) -> Mapping[str, str]:
    """What makes docker's own program speak to the Engine that was read."""
    endpoint = parse_url(chosen_url(url, context), SCHEMES)
    return engine_environment(endpoint, tls or tls_folder(os.environ))


def _console(one: Container, facts: DockerFacts, env: Mapping[str, str], refused: str) -> Console:
    project = f", project {one.project}" if one.project else ""
    return Console(
        name=str(one.name),
        title=f"sh in {one.name}",
        argv=("docker", "exec", "-it", one.id, "sh"),
        prompted=lambda words: ("docker", "exec", "-it", "-e", f"PS1={words} {one.name} $ ", one.id, "sh"),
        place=SafeText(f"container {one.name}{project} of the Docker Engine on {facts.machine}", 300),
        identity=(("engine", str(facts.engine)), ("container", one.id), ("image", str(one.image))),
        env=env,
        note="it is a process in that container, with the rights of its user",
        refused=refused,
    )
