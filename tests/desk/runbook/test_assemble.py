"""A whole file becomes procedures, and their steps are what the author meant."""

from __future__ import annotations

import hashlib
from datetime import date
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.runbook import assemble
from desk.runbook.book import Phase, Procedure, Runbook, Step, StepKind
from probes.base import CommandLine
from tui.dialects import dialects


def read(text: str) -> Runbook:
    return assemble.read("ops/book.md", dedent(text).lstrip("\n").encode(), dialects())


def one(text: str) -> Procedure:
    (procedure,) = read(text).procedures
    return procedure


def steps(text: str) -> list[tuple[str, str]]:
    return [(step.kind.value, step.title) for step in one(text).steps]


def phases(procedure: Procedure) -> list[tuple[int, Phase]]:
    return [(part.line, part.phase) for part in procedure.parts]


PLAIN = """
    # Shop

    ## Queue is stuck

    **Symptoms:**
    - orders wait
    - mails are late

    **Diagnosis:**
    ```bash
    # How long is it
    redis-cli llen orders

    # Who works on it
    docker compose ps
    docker compose logs worker --tail=50
    ```

    **Fix:**
    1. Look at the dashboard
    2. Restart the worker: `docker compose restart worker`
    3. Wait 5 minutes

    **Verification**
    ```bash
    curl -f https://shop.example.com/health
    ```
    """


def test_a_procedure_has_parts_by_label_and_a_step_for_each_command() -> None:
    book = read(PLAIN)
    procedure = book.procedures[0]
    assert (book.title, procedure.title, procedure.line, procedure.path) == ("Shop", "Queue is stuck", 3, ("Shop",))
    assert phases(procedure) == [
        (5, Phase.SYMPTOMS),
        (9, Phase.INVESTIGATION),
        (19, Phase.RESOLUTION),
        (24, Phase.VERIFICATION),
    ]
    assert steps(PLAIN) == [
        ("note", "Symptoms"),
        ("reading", "How long is it"),
        ("reading", "Who works on it (1 of 2)"),
        ("log", "Who works on it (2 of 2)"),
        ("note", "Look at the dashboard"),
        ("action", "Restart the worker"),
        ("timer", "Wait 5 minutes"),
        ("reading", "Verification"),
    ]
    found = list(procedure.steps)
    assert found[0].text == "- orders wait\n- mails are late"
    assert found[6].seconds == 300
    assert [step.command.line for step in found if step.command] == [12, 15, 16, 21, 26]


def test_the_file_is_named_by_its_hash_and_its_words() -> None:
    data = b"Some words and nothing to do.\n"
    book = assemble.read("ops/book.md", data, dialects())
    assert (book.path, book.sha256, book.title) == ("ops/book.md", hashlib.sha256(data).hexdigest(), "book.md")
    assert book.procedures == ()


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("**Last Updated:** 2025-11-10\n", date(2025, 11, 10)),
        ("Last reviewed on 3 Feb 2026 by Ann\n", date(2026, 2, 3)),
        ("| Last tested | February 15, 2026 |\n", date(2026, 2, 15)),
        ("Last updated: 2024-01-02\n\n# Disk\n\n- **Last Updated**: 2025-01-02\n", date(2025, 1, 2)),
        ("Last updated: 2025-02-30\n", None),
        ("The last backup was updated 2025-01-02\n", None),
        ("Last updated: May contain nuts\n", None),
    ],
)
def test_a_runbook_tells_when_somebody_last_went_through_it(text: str, day: date | None) -> None:
    for whole in (text, text + "words of a very long file\n" * 100_000):
        assert assemble.read("book.md", whole.encode(), dialects()).reviewed == day


def test_prose_is_no_step_that_runs_and_stays_with_the_step_it_introduces() -> None:
    (step,) = one("## Disk\n\nThe disk fills up. Never run anything twice.\n\n```bash\ndf -h\n```\n").steps
    assert (step.title, step.text) == ("Disk", "The disk fills up. Never run anything twice.")
    assert all(step.command is None for step in one("## Disk\n\n1. Stop the press\n2. Kill the lights\n").steps)


def test_a_chapter_is_no_procedure_and_its_headings_are() -> None:
    text = "# A\n\n## Incidents\n\n### Disk full\n\n1. Look\n\n### Queue stuck\n\n1. Look\n\n## Contacts\n\n1. Ada\n"
    assert [(one.title, one.path, one.end_line) for one in read(text).procedures] == [
        ("Disk full", ("A", "Incidents"), 8),
        ("Queue stuck", ("A", "Incidents"), 12),
    ]


def test_headings_that_are_phases_are_parts_of_one_procedure() -> None:
    text = "# Ops\n\n## Disk full\n\n### Symptoms\n\n- slow\n\n### Fix\n\n1. Clean\n\n### Rollback\n\nNone.\n"
    procedure = one(text)
    assert (procedure.title, procedure.level, procedure.end_line) == ("Disk full", 2, 15)
    assert phases(procedure) == [(5, Phase.SYMPTOMS), (9, Phase.RESOLUTION), (13, Phase.ROLLBACK)]


def test_a_file_may_be_one_procedure() -> None:
    text = (
        "# Failover of the database\n\n## Prerequisites\n\n- access\n\n## Procedure\n\n"
        "1. Stop\n\n## Verification\n\n1. Look\n"
    )
    procedure = one(text)
    assert procedure.level == 1
    assert [phase for _, phase in phases(procedure)] == [Phase.PREREQUISITES, Phase.RESOLUTION, Phase.VERIFICATION]
    steps = "# Failover\n\n## Step 1: Stop\n\n```bash\ndf -h\n```\n\n## Step 2: Start\n\n```bash\nfree -m\n```\n"
    assert [part.title for part in one(steps).parts] == ["Step 1: Stop", "Step 2: Start"]


def test_numbered_headings_are_steps_unless_each_is_a_procedure_of_its_own() -> None:
    steps = "## Boot\n\n### 1. Read the log\n\n```sh\ndf -h\n```\n\n### 2. Restart it\n\n```sh\nfree -m\n```\n"
    assert [one.title for one in read(steps).procedures] == ["Boot"]
    whole = (
        "## Alerts\n\n### 1. Disk\n\n**Symptoms:**\n- a\n\n**Fix:**\n1. b\n\n"
        "### 2. Queue\n\n**Symptoms:**\n- a\n\n**Fix:**\n1. b\n"
    )
    assert [one.title for one in read(whole).procedures] == ["1. Disk", "2. Queue"]


def test_numbered_items_that_are_phases_are_parts() -> None:
    text = (
        "## Key leaked\n\n"
        "1. **Immediate actions**\n   - lock it\n2. **Investigation**\n   - logs\n3. **Remediation**\n   - new key\n"
    )
    assert phases(one(text)) == [(3, Phase.RESOLUTION), (5, Phase.INVESTIGATION), (7, Phase.RESOLUTION)]


def test_a_sheet_of_commands_is_a_menu_with_no_order() -> None:
    text = (
        "## Useful commands\n\n### Logs\n\n"
        "```bash\n# Follow\ndocker compose logs -f web\n\n# Or\ndocker compose ps\n```\n"
    )
    procedure = one(text)
    assert procedure.menu
    assert [step.kind for step in procedure.steps] == [StepKind.LOG, StepKind.READING]
    assert not any(step.choice for step in procedure.steps)


def test_options_are_ways_with_a_decision_before_them() -> None:
    text = """
        ## Slow

        ```bash
        # Option A: restart it
        docker compose restart web

        # Option B: scale out
        docker compose up -d --scale web=3
        docker compose ps
        ```
        """
    found = list(one(text).steps)
    assert [step.kind for step in found] == [StepKind.DECISION, StepKind.ACTION, StepKind.ACTION, StepKind.READING]
    assert found[0].text == "Option A: restart it\nOption B: scale out"
    assert [step.choice for step in found[1:]] == ["Option A: restart it", "Option B: scale out", "Option B: scale out"]


def test_or_makes_the_step_before_it_a_way_too() -> None:
    text = (
        "## Slow\n\n```bash\n# Scale out\ndocker compose up -d --scale web=3\n\n"
        "# Or restart\ndocker compose restart web\n```\n"
    )
    assert [(step.kind.value, step.choice) for step in one(text).steps] == [
        ("decision", ""),
        ("action", "Scale out"),
        ("action", "Or restart"),
    ]


def test_conditions_of_items_and_headings_of_methods_are_ways() -> None:
    items = (
        "## Down\n\n"
        "1. **Look:**\n   ```bash\n   df -h\n   ```\n"
        "2. **If the disk is full:**\n   ```bash\n   docker system prune -f\n   ```\n"
    )
    assert [(step.kind.value, step.choice) for step in one(items).steps] == [
        ("reading", ""),
        ("decision", ""),
        ("action", "If the disk is full"),
    ]
    ways = (
        "## Start\n\n### Method 1: Compose\n\n```bash\ndocker compose start web\n```\n\n"
        "### Method 2: systemd\n\n```bash\nsystemctl start web\n```\n"
    )
    found = list(one(ways).steps)
    assert [step.kind for step in found] == [StepKind.DECISION, StepKind.ACTION, StepKind.ACTION]
    assert found[0].text == "Method 1: Compose\nMethod 2: systemd"


def test_causes_in_a_list_are_ways() -> None:
    text = """
        ## Down

        **Common causes and solutions:**

        1. **Disk full**
           ```bash
           # Look
           df -h
           ```
        2. **No memory**
           ```bash
           # Look again
           free -m
           ```
        """
    assert [step.choice for step in one(text).steps] == ["", "Disk full", "No memory"]


def test_boxes_are_signed_off() -> None:
    found = list(one("## Release\n\n- [ ] tell the team\n- [x] disk: `df -h`\n").steps)
    assert [(step.kind, step.title, step.checked) for step in found] == [
        (StepKind.SIGN_OFF, "tell the team", False),
        (StepKind.SIGN_OFF, "disk", True),
    ]
    assert found[1].command is not None
    assert found[1].command.text == "df -h"


def test_a_box_that_changes_something_is_an_act_and_then_signed_off() -> None:
    found = list(one("## Release\n\n- [ ] restart: `systemctl restart web`\n").steps)
    assert [step.kind for step in found] == [StepKind.ACTION, StepKind.SIGN_OFF]
    assert found[1].command is None


def test_instructions_in_comments_are_steps_by_hand() -> None:
    text = (
        "## Pool\n\n```bash\n# Raise the pool in the settings\n# Tell the team\n\n"
        "# Restart\nsystemctl restart web\n# Wait for 2 minutes\n```\n"
    )
    assert steps(text) == [
        ("note", "Raise the pool in the settings"),
        ("action", "Restart"),
        ("timer", "Wait for 2 minutes"),
    ]


def test_what_a_command_should_show_stands_with_it() -> None:
    text = "## Disk\n\n```bash\ndf -h\n```\n\nExpected output:\n\n```\n/dev/sda1 40%\n```\n"
    (step,) = one(text).steps
    assert step.expected == "/dev/sda1 40%"
    (step,) = one(text.replace("Expected output:", "**Expected output:**")).steps
    assert step.expected == "/dev/sda1 40%"
    (step,) = one("## Disk\n\n```bash\ndf -h\n\n# Expected:\n# /dev/sda1 40%\n```\n").steps
    assert "/dev/sda1 40%" in step.expected


def test_a_table_of_faults_is_a_choice_of_commands() -> None:
    text = """
        ## Faults

        | Fault | Fix |
        |---|---|
        | 502 | `systemctl restart web` |
        | 503 | `systemctl restart postgresql` |
        | slow | think |
        """
    assert [(step.kind.value, step.title, step.choice) for step in one(text).steps] == [
        ("decision", "Which way: 502 / 503", ""),
        ("action", "502", "502"),
        ("action", "503", "503"),
    ]


def test_other_languages_are_read_as_well() -> None:
    text = (
        "# 手順書\n\n## キュー停止\n\n**症状:**\n- 遅い\n\n"
        "**対応手順:**\n1. 5分待つ\n2. 再起動: `systemctl restart web`\n\n## Platte voll\n\n"
        "### Diagnose\n\n1. Schauen\n\n### Lösung\n\n1. Warte 10 Minuten\n"
    )
    first, second = read(text).procedures
    assert [phase for _, phase in phases(first)] == [Phase.SYMPTOMS, Phase.RESOLUTION]
    assert [step.kind for step in first.steps] == [StepKind.NOTE, StepKind.TIMER, StepKind.ACTION]
    assert [phase for _, phase in phases(second)] == [Phase.INVESTIGATION, Phase.RESOLUTION]
    assert [step.seconds for step in second.steps] == [None, 600]


def test_without_headings_labels_are_the_procedures() -> None:
    text = "**Disk full**\n\n```bash\ndf -h\n```\n\n**Queue stuck**\n\n```bash\nredis-cli llen orders\n```\n"
    assert [procedure.title for procedure in read(text).procedures] == ["Disk full", "Queue stuck"]


def large() -> bytes:
    part = PLAIN.replace("\n    ", "\n").replace("# Shop", "Words of the shop.")
    text = "# Shop\n" + "".join(part.replace("Queue is stuck", f"Queue {number} is stuck") for number in range(15_000))
    return text.encode()[: 5 * 1024 * 1024]


def test_a_line_that_names_a_way_is_that_way_also_without_a_colon() -> None:
    text = "# Queue\n\n## Full\n\nOption A: more hands\n\n```bash\nuptime\n```\n"
    text += "\nOption B: start anew\n\n```bash\ndf -h\n```\n"
    book = assemble.read("x.md", text.encode(), dialects())
    (full,) = [one for one in book.procedures if one.title == "Full"]
    ways = [(step.kind.value, step.choice) for step in full.steps if step.command is not None]
    assert ways == [("reading", "Option A: more hands"), ("reading", "Option B: start anew")]


def test_a_runbook_of_five_mebibytes_opens_by_its_headings_alone_and_a_procedure_by_its_own_lines() -> None:
    asked: list[CommandLine] = []

    class Counting:
        """A dialect that is asked first and knows nothing."""

        @staticmethod
        def understand(line: CommandLine) -> None:
            asked.append(line)

    data, known = large(), [Counting(), *dialects()]
    book = assemble.read("large.md", data, known)
    assert asked == []
    wanted = book.procedures[7_000]
    procedure, _ = assemble.opened(data, wanted.line, known)
    assert 0 < len(asked) < 20
    assert book.partial
    assert len(book.procedures) > 10_000
    assert "its sections are read as they are opened" in book.repairs[0].what
    assert procedure is not None
    assert (procedure.line, procedure.title) == (wanted.line, wanted.title)
    assert [step.kind.value for step in procedure.steps][:2] == ["note", "reading"]


def test_a_large_file_may_be_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "LARGE", 10)
    data = dedent(PLAIN).encode()
    assert assemble.read("x.md", data, dialects()).partial
    assert assemble.read("x.md", data, dialects(), whole=True).procedures[0].parts


PIECES = st.sampled_from(
    (
        "# A",
        "## Fix it",
        "### Step 1: x",
        "### Option A",
        "**Symptoms:**",
        "**Owner:** me",
        "```bash\ndf -h\n# Or\nfree -m\n```",
        "```\n[ ] x\n```",
        "```bash",
        "```",
        "1. do `ls`",
        "   ```sh\n   ls\n   ```",
        "- [ ] box",
        "- If x: wait 5 minutes",
        "Expected: ok",
        "If it is full:",
        "| A | B |\n|---|---|\n| x | `ls` |",
        "> note",
        "text `uptime` text",
        "",
        "## Contacts\n- Ada: +1 555 0100",
        "## Severity\n- P1: all, respond within 5 min",
        "## Escalation\n1. Ada (5 min)",
    )
)


@settings(max_examples=80, deadline=None)
@given(st.lists(PIECES, max_size=14))
def test_whatever_is_written_every_step_stands_within_its_procedure(pieces: list[str]) -> None:
    book = read("\n".join(pieces))
    lines = "\n".join(pieces).count("\n") + 1
    for procedure in book.procedures:
        assert 1 <= procedure.line <= procedure.end_line <= lines
        found: list[Step] = list(procedure.steps)
        assert found
        assert all(procedure.line <= step.line <= procedure.end_line for step in found)
    commands = [step.command for procedure in book.procedures for step in procedure.steps if step.command]
    assert all(command in book.commands for command in commands)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    assemble.read("x.md", data, dialects())


def test_what_a_script_only_says_is_no_step_and_what_it_says_to_do_is_one() -> None:
    text = """
        ## Morning check

        ```bash
        #!/bin/bash
        # morning.sh
        set -euo pipefail
        echo "== $(date) =="

        # 1. Disks
        echo "Disks"
        df -h

        # 2. Look at the dashboard
        echo "Dashboard"

        # 3. Queue
        redis-cli llen jobs
        echo "token: $TOKEN"
        ```
        """
    assert steps(text) == [
        ("reading", "1. Disks"),
        ("note", "2. Look at the dashboard"),
        ("reading", "3. Queue (1 of 2)"),
        ("shell", "3. Queue (2 of 2)"),
    ]
    assert [one.text for one in read(text).commands][:2] == ["set -euo pipefail", 'echo "== $(date) =="']


def test_a_file_without_headings_is_called_by_its_first_line() -> None:
    found = read(
        "Mail relay\n\nRestart it:\n\nsudo systemctl restart relay\n\nrelayctl drain --force\n\nIt takes --a while.\n"
    )
    assert found.title == "Mail relay"
    assert [one.text for one in found.commands] == ["sudo systemctl restart relay", "relayctl drain --force"]
    assert read("`df` is a program\n\ndf -h\n").title == "book.md"
