"""What a profile says of a cluster, and the one place it leads to for as long as this process lives."""

from __future__ import annotations

import os
from typing import Final
from weakref import WeakKeyDictionary

from pydantic import ConfigDict, Field

from probes.base import Cause, ProbeError, SafeText, Settings
from probes.kubernetes.kubeconfig import Place, find

_NAME: Final = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
EVERYWHERE: Final = "*"
"""Stands for all namespaces."""


class KubernetesSettings(Settings):
    """A cluster, or the namespaces of it that one system lives in."""

    model_config = ConfigDict(hide_input_in_errors=True)

    every: float = Field(default=5.0, ge=0.5, le=3600, description="Seconds between two readings.")
    timeout: float = Field(default=10.0, gt=0, le=60, description="Seconds a reading may take in all.")
    context: str | None = Field(
        None, max_length=300, description="Context of the kubeconfig. Default: its current context, looked up once."
    )
    kubeconfig: str | None = Field(
        None, max_length=2000, description="Path of the kubeconfig, or several as in KUBECONFIG. Default: as kubectl."
    )
    namespaces: tuple[str, ...] = Field(
        (), max_length=20, description='Namespaces to read; ["*"] for all. Default: the context\'s own.'
    )
    selector: str | None = Field(
        None, max_length=500, description='Only pods, workloads and jobs with these labels: "app=shop,tier!=test".'
    )
    server: str | None = Field(
        None, max_length=300, description="Address the context must lead to; any other is refused."
    )
    expect_nodes: int | None = Field(None, ge=1, le=100_000, description="Nodes there should be.")
    first: tuple[str, ...] = Field((), max_length=40, description="Names of workloads to be shown first.")
    certificates: bool = Field(False, description="Say so when cert-manager is not installed.")


_pins: Final[WeakKeyDictionary[KubernetesSettings, Place]] = WeakKeyDictionary()


def pinned(settings: KubernetesSettings) -> Place:
    """Where these settings lead: found at the first call, the same ever after. Blocks; raises `ProbeError`.

    Whoever reads and whoever acts for one target gets the same place.
    """
    place = _pins.get(settings)
    if place is None:
        place = find(settings.kubeconfig, settings.context, dict(os.environ))
        if settings.server is not None and place.server.rstrip("/") != settings.server.rstrip("/"):
            raise ProbeError(
                Cause.MISSING,
                f"context {SafeText(place.context, 100)} leads to another server: {SafeText(place.server, 200)}",
                "set context or server in the profile",
            )
        _pins[settings] = place
    return place


def namespaces_of(settings: KubernetesSettings, place: Place) -> tuple[str, ...]:
    """The namespaces to be read; an empty one stands for all of them."""
    if EVERYWHERE in settings.namespaces:
        return ("",)
    return tuple(dict.fromkeys(settings.namespaces)) or (place.namespace,)
