"""Who is called, in which order, and how soon."""

from __future__ import annotations

from textwrap import dedent

import pytest

from desk.runbook.block import Block
from desk.runbook.book import Contact, Level, Rung
from desk.runbook.markdown import blocks
from desk.runbook.people import after, contacts, ladder, levels


def read(text: str) -> list[Block]:
    return blocks(dedent(text).lstrip("\n"))[0]


def test_contacts_are_read_from_lists_labels_and_lines() -> None:
    text = """
        # Ops

        ## Emergency contacts

        - **On-call engineer:** [Phone]
        - Database: Ada Byron, +44 20 7946 0000, ada@example.com
        - Hosting - https://status.example.com

        **Network team:** #network on Slack
        Vendor: vendor@example.com

        ## Restart

        - Note: call nobody
        """
    assert list(contacts(read(text))) == [
        Contact(5, "On-call engineer", "", ("[Phone]",)),
        Contact(6, "Database", "Ada Byron", ("+44 20 7946 0000", "ada@example.com")),
        Contact(7, "Hosting", "", ("https://status.example.com",)),
        Contact(9, "Network team", "", ("#network",)),
        Contact(10, "Vendor", "", ("vendor@example.com",)),
    ]


def test_contacts_are_read_from_tables() -> None:
    text = """
        ## Who to call

        | Role | Name | Phone | Slack |
        |---|---|---|---|
        | **Primary** | Ada | +1-555-0100 | @ada |
        | Secondary | - | | #ops |
        """
    assert list(contacts(read(text))) == [
        Contact(5, "Primary", "Ada", ("+1-555-0100", "@ada")),
        Contact(6, "Secondary", "-", ("#ops",)),
    ]


def test_a_table_of_limits_holds_no_contacts() -> None:
    text = "## Alerts\n\n| Alert | Threshold | Action |\n|---|---|---|\n| Queue | > 500 | ask #ops |\n"
    assert contacts(read(text)) == ()


def test_a_ladder_has_its_times() -> None:
    text = """
        ## Escalation path

        1. On-call engineer (0-15 minutes)
        2. **Team lead** (if it lasts > 1 hour)
        3. No answer (30 min): call the manager
        """
    assert list(ladder(read(text))) == [
        Rung(3, "On-call engineer", 0.0, "On-call engineer (0-15 minutes)"),
        Rung(4, "Team lead", 3600.0, "Team lead (if it lasts > 1 hour)"),
        Rung(5, "manager", 1800.0, "No answer (30 min): call the manager"),
    ]


def test_a_ladder_stands_under_contacts_too_and_on_call_is_a_name() -> None:
    text = """
        ## Astreinte

        1. Niveau 1 : call the on-call engineer (0-15 min)
        2. Niveau 2 : responsable (15-30 min)
        """
    assert [(one.who, one.after) for one in ladder(read(text))] == [("on-call engineer", 0.0), ("responsable", 900.0)]


def test_a_ladder_may_be_a_table() -> None:
    text = "## Eskalation\n\n| Zeit | Kontakt |\n|---|---|\n| sofort | Bereitschaft |\n| nach 30 Minuten | Leitung |\n"
    assert [(rung.who, rung.after) for rung in ladder(read(text))] == [("Bereitschaft", 0.0), ("Leitung", 1800.0)]


def test_levels_are_read_from_a_table_with_their_response_times() -> None:
    text = """
        ## Severity

        | Severity | Description | Response time | Resolution time |
        |---|---|---|---|
        | **SEV1** | All down | 15 minutes | 4 hours |
        | SEV2 | Some down | 1 hour | 1 day |
        | SEV3 | Ugly | next day | - |
        """
    assert list(levels(read(text))) == [
        Level(5, "SEV1", "All down", 900.0),
        Level(6, "SEV2", "Some down", 3600.0),
        Level(7, "SEV3", "Ugly", None),
    ]


def test_levels_are_read_from_headings_and_from_lists() -> None:
    headings = "## Severity levels\n\n### P1 (Critical)\n\n- All down\n- Response: < 5 min\n\n### P2\n\n- Slow\n"
    assert [(level.name, level.about, level.respond) for level in levels(read(headings))] == [
        ("P1 (Critical)", "All down", 300.0),
        ("P2", "Slow", None),
    ]
    items = "## Severity levels\n\n- **P1**: all down, respond within 10 minutes\n- **P2**: slow\n"
    assert [(level.name, level.respond) for level in levels(read(items))] == [("P1", 600.0), ("P2", None)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15-30 minutes", 900.0),
        ("30+ min", 1800.0),
        ("after 2 hours", 7200.0),
        ("at once", 0.0),
        ("即时", 0.0),
        ("the CTO", None),
    ],
)
def test_the_time_of_a_rung_is_the_shorter_end(text: str, seconds: float | None) -> None:
    assert after(text) == seconds
