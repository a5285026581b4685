"""Checklists as they are written."""

from __future__ import annotations

from textwrap import dedent

from desk.runbook.book import BoxList, Command, Phase, StepKind
from desk.runbook.boxes import checklists
from desk.runbook.commands import commands
from desk.runbook.markdown import blocks
from desk.runbook.steps import Commands, Steps, answer
from probes.base import Danger
from tui.dialects import dialects


def read(text: str) -> tuple[BoxList, ...]:
    found, _ = blocks(dedent(text).lstrip("\n"))
    return checklists(found, commands(found, dialects()))


def texts(one: BoxList) -> list[str]:
    return [box.text for box in one.boxes]


def test_boxes_are_grouped_by_label_and_heading_with_their_cadence() -> None:
    found = read(
        """
        ## Checks

        **Daily**
        - [ ] look at the queue
        - [x] look at the disk

        **Weekly**
        1. [ ] restore a backup

        ## Before a release

        * [ ] tell the team
        """
    )
    assert [(one.line, one.title, one.cadence, texts(one)) for one in found] == [
        (3, "Checks: Daily", "daily", ["look at the queue", "look at the disk"]),
        (7, "Checks: Weekly", "weekly", ["restore a backup"]),
        (10, "Before a release", "", ["tell the team"]),
    ]
    assert [box.checked for box in found[0].boxes] == [False, True]
    assert [box.line for box in found[0].boxes] == [4, 5]


def test_a_box_is_answered_by_the_command_it_holds_when_that_only_looks() -> None:
    (one,) = read("## Checks\n\n- [ ] disk: `df -h`\n- [ ] restart: `systemctl restart web`\n- [ ] think\n")
    assert [box.command.text if box.command else None for box in one.boxes] == ["df -h", None, None]


def test_boxes_in_templates_do_not_count_and_those_in_plain_fences_do() -> None:
    text = "## After\n\n```markdown\n- [ ] report\n[ ] page\n```\n\n```\n[ ] lights out\n[x] door shut\nnotes\n```\n"
    (one,) = read(text)
    assert [(box.line, box.text, box.checked) for box in one.boxes] == [
        (9, "lights out", False),
        (10, "door shut", True),
    ]


def test_a_routine_without_boxes_is_a_list_too() -> None:
    daily, monthly = read(
        """
        ## Maintenance tasks

        ### Daily tasks

        1. **Look at the disk:**
           ```bash
           df -h
           ```
        2. Read the mail

        ### Monthly maintenance

        ```bash
        # Reclaim space
        docker system prune -f
        ```

        ## Restart

        1. Stop it
        """
    )
    assert (daily.title, daily.cadence, daily.boxed, texts(daily)) == (
        "Daily tasks",
        "daily",
        False,
        ["Look at the disk", "Read the mail"],
    )
    assert isinstance(daily.boxes[0].command, Command)
    assert (texts(monthly), monthly.boxes[0].command) == (["Reclaim space"], None)


def test_the_numbered_comments_of_a_routine_script_are_its_boxes() -> None:
    text = "## Morning checklist\n\n```bash\n#!/bin/bash\n# 1. Disks\ndf -h\n\n# 2. Memory\nfree -m\n```\n"
    (one,) = read(text)
    assert [(box.line, box.text) for box in one.boxes] == [(5, "Disks"), (8, "Memory")]
    assert [box.command and box.command.text for box in one.boxes] == ["df -h", "free -m"]
    (one,) = read(text.replace("df -h", 'echo "Disks"\ndf -h\ndf -i').replace("free -m", "exit 0"))
    assert [(box.text, box.command) for box in one.boxes] == [("Disks", None), ("Memory", None)]
    (one,) = read(
        text.replace("df -h", 'echo "Disks"\ndf -h\ndf -i').replace("free -m", "free -m\nsync\nrm -rf /tmp/x")
    )
    assert texts(one) == ["Disks: df -h", "Disks: df -i", "Memory"]
    assert [box.command and box.command.text for box in one.boxes] == ["df -h", "df -i", None]


def test_a_box_without_the_mark_of_a_list_is_the_same_for_checklists_and_for_steps() -> None:
    text = "## Checks\n\n**Resolution:**\n\n```\n[ ] lights out\n[✓] door shut\n[✔] key left\n[?] no box\n```\n"
    found, _ = blocks(text)
    known = commands(found, dialects())
    (one,) = checklists(found, known)
    listed = [(box.text, box.checked) for box in one.boxes]
    assert listed == [("lights out", False), ("door shut", True), ("key left", True)]
    steps = Steps(Commands(known), Phase.RESOLUTION, "Checks").read(found)
    assert [(step.title, step.checked) for step in steps if step.kind is StepKind.SIGN_OFF] == listed


def test_a_box_is_answered_by_the_only_command_with_it_and_only_when_that_looks() -> None:
    look, change = Command(1, 1, "df -h"), Command(1, 1, "reboot", danger=Danger.DISRUPTIVE)
    assert answer([look]) is look
    assert answer([change]) is None
    assert answer([look, look]) is None
    assert answer([]) is None
