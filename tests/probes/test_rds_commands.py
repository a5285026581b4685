"""The dialect of `aws rds`: which lines mean one of our acts, and which mean none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import recognised
from probes.aws.rds.act import RdsActuator
from probes.aws.rds.commands import NAME, restored_name, snapshot_id
from probes.aws.rds.settings import RdsSettings
from probes.base import Context, Recognised, Request, Target
from tests.probes.acting import comes_back
from tests.probes.rigs import TestSecrets
from tests.toys import StillClock

names = some.from_regex(NAME, fullmatch=True)
ids = some.from_regex(r"(rds:)?[a-zA-Z][a-zA-Z0-9-]{0,60}", fullmatch=True)


def actuator(**settings: Any) -> RdsActuator:
    made = RdsSettings.model_validate({"region": "eu-west-1", "profile": "ops"} | settings)
    clock = StillClock()
    return RdsActuator(Target("db", "rds", made), Context(TestSecrets(), clock.monotonic, clock.now))


def meaning(line: str, **settings: Any) -> Recognised | None:
    return recognised(line, actuator(**settings))


@given(names, some.sampled_from(["snapshot", "reboot"]))
def test_every_snapshot_and_reboot_comes_back_from_its_line(name: str, action: str) -> None:
    assert comes_back(actuator(), Request(action, (name,)))
    assert comes_back(actuator(region=None, profile=None), Request(action, (name,)))


@given(names, some.integers(20, 65536))
def test_every_size_comes_back_from_its_line(name: str, number: int) -> None:
    assert comes_back(actuator(), Request("grow", (name,), number))


@given(some.one_of(some.just(()), some.tuples(names)), ids)
def test_every_restore_comes_back_from_its_line(subjects: tuple[str, ...], id: str) -> None:
    assert comes_back(actuator(), Request("restore", subjects, word=id))


@given(names)
def test_the_names_that_are_made_are_names_that_rds_takes(name: str) -> None:
    at = StillClock().now()
    assert NAME.fullmatch(restored_name(name, at))
    assert len(f"{snapshot_id(name, at)}-{'f' * 12}") <= 255


SNAPSHOT = Request("snapshot", ("whatsapp-notif-db",))
GROW = Request("grow", ("social-analytics-db",), 200)
RESTORE = Request("restore", (), word="manual-snapshot-before-deploy")


@pytest.mark.parametrize(
    ("line", "request_", "warned"),
    [
        (
            "aws rds create-db-snapshot --db-instance-identifier whatsapp-notif-db "
            "--db-snapshot-identifier backup-20240101-120000",
            SNAPSHOT,
            "an id of its own",
        ),
        (
            "sudo aws --region eu-west-1 rds create-db-snapshot --db-snapshot-identifier=x "
            "--db-instance-identifier=whatsapp-notif-db --output json | jq .DBSnapshot",
            SNAPSHOT,
            "an id of its own",
        ),
        (
            "AWS_PROFILE=ops aws rds create-db-snapshot --db-instance-identifier WhatsApp-Notif-DB "
            "--db-snapshot-identifier x --no-cli-pager --query 'DBSnapshot.Status'",
            SNAPSHOT,
            "an id of its own",
        ),
        (
            "aws rds modify-db-instance --db-instance-identifier social-analytics-db --allocated-storage 200 "
            "--apply-immediately",
            GROW,
            "",
        ),
        (
            "aws rds modify-db-instance --allocated-storage=200 --db-instance-identifier social-analytics-db",
            GROW,
            "at once",
        ),
        (
            "aws rds restore-db-instance-from-db-snapshot --db-instance-identifier social-analytics-db-restored "
            "--db-snapshot-identifier manual-snapshot-before-deploy",
            RESTORE,
            "default security group",
        ),
        (
            "aws rds restore-db-instance-from-db-snapshot --db-instance-identifier copy "
            "--db-snapshot-identifier manual-snapshot-before-deploy --vpc-security-group-ids sg-1 sg-2 --multi-az",
            RESTORE,
            "a name with the time",
        ),
        ("aws rds reboot-db-instance --db-instance-identifier main --profile ops", Request("reboot", ("main",)), ""),
        (
            "aws rds reboot-db-instance --no-force-failover --db-instance-identifier main",
            Request("reboot", ("main",)),
            "",
        ),
    ],
)
def test_a_line_means_what_it_says_done_rightly(line: str, request_: Request, warned: str) -> None:
    found = meaning(line)
    assert found is not None
    assert found.request == request_
    assert (warned in found.warning) if warned else not found.warning


@pytest.mark.parametrize(
    "line",
    [
        "aws rds reboot-db-instance --db-instance-identifier main --force-failover",
        "aws rds reboot-db-instance --db-instance-identifier main --region us-east-1",
        "aws --profile other rds reboot-db-instance --db-instance-identifier main",
        "AWS_REGION=us-east-1 aws rds reboot-db-instance --db-instance-identifier main",
        "AWS_ACCESS_KEY_ID=x aws rds reboot-db-instance --db-instance-identifier main",
        "aws rds reboot-db-instance --db-instance-identifier main --endpoint-url http://127.0.0.1:1",
        "aws rds reboot-db-instance --db-instance-identifier",
        "aws rds reboot-db-instance main",
        "aws rds reboot-db-instance --db-instance-identifier main --db-instance-identifier other",
        "aws rds reboot-db-instance --db-instance-identifier $DB",
        "aws rds reboot-db-instance --db-instance-identifier -x",
        "aws rds reboot-db-cluster --db-cluster-identifier main",
        "aws rds stop-db-instance --db-instance-identifier main",
        "aws rds delete-db-instance --db-instance-identifier main --skip-final-snapshot",
        "aws rds delete-db-snapshot --db-snapshot-identifier x",
        "aws rds modify-db-instance --db-instance-identifier main --allocated-storage 200 --multi-az",
        "aws rds modify-db-instance --db-instance-identifier main --allocated-storage 0",
        "aws rds modify-db-instance --db-instance-identifier main --allocated-storage 1e3",
        "aws rds modify-db-instance --db-instance-identifier main --apply-immediately",
        "aws rds restore-db-instance-from-db-snapshot --db-instance-identifier copy --db-snapshot-identifier 'a b'",
        "aws rds restore-db-instance-from-db-snapshot --db-instance-identifier c --db-snapshot-identifier x --engine y",
        "aws rds restore-db-instance-to-point-in-time --source-db-instance-identifier main",
        "aws rds describe-db-instances --db-instance-identifier main",
        "aws ec2 reboot-instances --instance-ids i-1",
        "aws rds",
        "aws",
        "rds reboot-db-instance --db-instance-identifier main",
        "echo aws rds reboot-db-instance --db-instance-identifier main",
    ],
)
def test_a_line_that_means_something_else_or_speaks_of_another_place_means_nothing(line: str) -> None:
    assert meaning(line) is None


@given(some.text(max_size=80))
def test_no_text_breaks_the_dialect(text: str) -> None:
    meaning(f"aws rds reboot-db-instance --db-instance-identifier {text}")
    meaning(f"aws {text}")
