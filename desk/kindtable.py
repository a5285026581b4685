"""What the desk needs to know of the kinds to check a profile; the roof has the table itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from probes.base import GaugeSpec, Rule, Settings


class KindFacts(Protocol):
    """What the desk needs to know of a kind to check a profile."""

    @property
    def settings_type(self) -> type[Settings]:
        """The schema of a target's table."""
        ...

    @property
    def gauges(self) -> tuple[GaugeSpec, ...]:
        """The gauges its rules may ask for."""
        ...

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Its default rules."""
        ...


class KindTable(Protocol):
    """The table of kinds, injected by the roof."""

    def names(self) -> Iterable[str]:
        """All kinds, in the order of the overview."""
        ...

    def facts(self, kind: str) -> KindFacts:
        """One kind's schema; loads its probe module, never its driver. KeyError for an unknown kind."""
        ...
