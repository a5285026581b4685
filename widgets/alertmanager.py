"""What an Alertmanager looks like: what fires and what is silent; its cluster in the head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from desk.words import plural
from probes.alerting.facts import AlertmanagerFacts
from widgets.alerts import ALERTS, SILENCES, clock_line, counted, rows, since
from widgets.lines import Line, Part, dim, fit, line, toned
from widgets.panel import Panel, Table, View


class AlertmanagerPanel(Panel[AlertmanagerFacts]):
    """Draws an Alertmanager."""

    title = "ALERTS"
    help = (
        "firing: the Alertmanager holds it and tells somebody. silenced: a silence holds it back until its end.\n"
        "held back: another alert that fires inhibits it. since: by startsAt, on the server's clock.\n"
        "severity: the alert's own label; critical, warning and their like are told apart, none and info want nobody.\n"
        "A silence that ends within 15 minutes is said: what still fires is told again then. Ended ones stay listed\n"
        "for 16 hours. All of it from the API v2: status, alerts, silences."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (ALERTS, SILENCES)

    def headline(self, view: View[AlertmanagerFacts]) -> Sequence[Part]:
        """How many fire by severity, how many are silent."""
        return counted(view)

    def brief(self, view: View[AlertmanagerFacts], width: int) -> Sequence[Line]:
        """The alerts that fire, the worst first."""
        return rows(view, width)

    def head(self, view: View[AlertmanagerFacts], width: int) -> Sequence[Line]:
        """The server and its cluster."""
        facts = view.facts
        cluster = "no cluster" if facts.cluster == "disabled" else f"cluster {facts.cluster or '–'}"
        members = "" if facts.cluster == "disabled" else f", {plural(len(facts.peers), 'member')}"
        said = f"Alertmanager {facts.version}  up {since(facts.uptime)}  {cluster}{members}"
        state = toned(fit(said, width).text.rstrip(), view.severity("cluster_ready"))
        peers = [line(dim(fit(f"member {one}", width).text.rstrip())) for one in facts.peers[:4]]
        return (line(state), *peers, *clock_line(facts))
