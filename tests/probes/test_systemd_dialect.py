"""What lines of systemctl, the older ways and the journal mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import parse
from probes.base import CommandLine, Dialect, Meaning, Request, Sort
from probes.systemd import dialect as module
from tests.probes.spoken import carried, line, meant, said, words
from tests.probes.test_systemd_commands import actuator, units

DIALECT = cast(Dialect, module)

ROWS = [
    ("systemctl restart shop", "action restart disruptive", "shop"),
    ("sudo systemctl restart shop.service mailer", "action restart disruptive", "shop.service mailer"),
    ("sudo /bin/systemctl --no-block restart 'shop-*'", "action restart disruptive", "shop-*"),
    ("systemctl --user restart shop@3.service", "action restart disruptive", "shop@3.service"),
    ("systemctl restart <unit>", "action restart disruptive", "<unit>"),
    ("systemctl -H ops@db1 restart $UNIT", "action restart disruptive", "$UNIT"),
    ("systemctl try-restart shop", "action restart disruptive", "shop"),
    ("systemctl reload-or-restart shop", "action restart disruptive", "shop"),
    ("systemctl start shop", "action start reversible", "shop"),
    ("systemctl start shop --no-pager", "action start reversible", "shop"),
    ("systemctl stop shop mailer.timer", "action stop disruptive", "shop mailer.timer"),
    ("systemctl reload nginx", "shell restart disruptive", "nginx"),
    ("systemctl kill shop", "shell terminate disruptive", "shop"),
    ("systemctl kill -s SIGKILL --kill-whom=main shop", "shell terminate disruptive", "shop"),
    ("systemctl kill --signal=HUP shop", "shell restart disruptive", "shop"),
    ("systemctl kill -s USR1 shop", "shell other disruptive", "shop"),
    ("systemctl status shop", "reading status read", "shop"),
    ("systemctl status", "reading status read", ""),
    ("systemctl --failed", "reading status read", ""),
    ("systemctl list-units --type=service --state=failed", "reading status read", ""),
    ("systemctl list-timers --all", "reading status read", ""),
    ("systemctl is-active --quiet shop", "reading status read", "shop"),
    ("systemctl is-enabled shop", "reading status read", "shop"),
    ("systemctl show shop -p MainPID --value", "reading status read", "shop"),
    ("systemctl cat shop", "reading status read", "shop"),
    ("systemctl enable shop", "shell other reversible", "shop"),
    ("systemctl enable --now shop", "shell start reversible", "shop"),
    ("systemctl disable shop", "shell other disruptive", "shop"),
    ("systemctl disable --now shop", "shell stop disruptive", "shop"),
    ("systemctl mask shop", "shell other disruptive", "shop"),
    ("systemctl unmask shop", "shell other reversible", "shop"),
    ("systemctl daemon-reload", "shell maintenance disruptive", ""),
    ("systemctl reset-failed", "shell maintenance disruptive", ""),
    ("systemctl clean --what=state shop", "shell maintenance destructive", "shop"),
    ("systemctl revert shop", "shell maintenance destructive", "shop"),
    ("systemctl set-property shop MemoryMax=1G", "shell other disruptive", "shop MemoryMax=1G"),
    ("systemctl edit shop", "shell other disruptive", "shop"),
    ("systemctl isolate rescue.target", "shell stop disruptive", "rescue.target"),
    ("systemctl reboot", "shell restart disruptive", ""),
    ("systemctl poweroff", "shell stop disruptive", ""),
    ("systemctl frobnicate shop", "shell other disruptive", "shop"),
    ("service shop restart", "action restart disruptive", "shop"),
    ("sudo service shop status", "reading status read", "shop"),
    ("service --status-all", "reading status read", ""),
    ("service nginx configtest", "shell other read", "nginx"),
    ("service mysql initdb", "shell other destructive", "mysql"),
    ("service shop upgrade", "shell other disruptive", "shop"),
    ("rc-service shop stop", "action stop disruptive", "shop"),
    ("invoke-rc.d --quiet shop start", "action start reversible", "shop"),
    ("/etc/init.d/shop restart", "action restart disruptive", "shop"),
    ("/etc/init.d/shop status", "reading status read", "shop"),
    ("update-rc.d shop enable", "shell other reversible", "shop"),
    ("chkconfig shop off", "shell other disruptive", "shop"),
    ("chkconfig --list shop", "reading status read", "shop"),
    ("journalctl -u shop -n 50 --no-pager", "log logs read", "shop"),
    ("journalctl -fu shop", "log logs read", "shop"),
    ("journalctl --unit=shop -u mailer --since '1 hour ago' -p err", "log logs read", "shop mailer"),
    ("journalctl -ushop -o json", "log logs read", "shop"),
    ("journalctl --user-unit shop -b -1", "log logs read", "shop"),
    ("journalctl -k --since today", "log logs read", "kernel"),
    ("journalctl -xe", "log logs read", ""),
    ("journalctl --disk-usage", "reading host read", "journal"),
    ("journalctl --list-boots", "reading status read", "journal"),
    ("journalctl --vacuum-size 500M", "action maintenance destructive", "journal"),
    ("journalctl --rotate --vacuum-time=2d", "action maintenance destructive", "journal"),
    ("journalctl --rotate", "shell maintenance disruptive", "journal"),
    ("loginctl list-sessions", "shell status read", ""),
    ("loginctl terminate-user ops", "shell terminate disruptive", "ops"),
    ("loginctl enable-linger ops", "shell other reversible", "ops"),
    ("systemd-analyze blame", "shell other read", ""),
    ("systemd-analyze log-level debug", "shell other disruptive", ""),
    ("systemd-tmpfiles --clean", "shell maintenance destructive", ""),
    ("coredumpctl list", "shell other read", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "target"), ROWS)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


@pytest.mark.parametrize(
    ("text", "part", "becomes"),
    [
        ("systemctl status postgresql", "active (exited)", ""),
        ("service postgresql status", "active (exited)", ""),
        ("systemctl status postgresql@16-main", "", ""),
        ("systemctl restart a b", "one is restarted after the other", ""),
        ("systemctl restart 'a-*'", "all of them at once", ""),
        ("systemctl -H db1 restart a b", "all of them at once", ""),
        ("systemctl -H db1 try-restart a", "does not run", ""),
        ("systemctl --root=/mnt try-restart a", "does not run", ""),
        ("systemctl --no-block try-restart a", "does not run", "systemctl --no-block restart a"),
        ("systemctl restart a", "", ""),
        ("systemctl start 'a-*'", "units that are loaded", ""),
        ("systemctl kill -s KILL a", "no time", ""),
        ("systemctl try-restart a", "does not run", "systemctl restart a"),
        ("systemctl --user reload-or-restart a", "", "systemctl --user restart a"),
        ("/etc/init.d/a restart", "script itself", ""),
        ("journalctl -u a", "from its beginning", ""),
        ("journalctl -u a -50", "", ""),
        ("journalctl -u a --since yesterday", "", ""),
        ("journalctl --vacuum-time=1d", "nobody can bring them back", ""),
    ],
)
def test_what_a_line_gets_wrong_is_said_with_what_is_done_instead(text: str, part: str, becomes: str) -> None:
    found = meant(DIALECT, text)
    assert part in found.warning
    assert bool(part) == bool(found.warning)
    assert found.becomes == becomes


def test_a_journal_that_goes_through_a_filter_is_no_whole_journal() -> None:
    assert not meant(DIALECT, "journalctl -u shop | grep error").warning


def test_lines_that_never_end_or_are_typed_into_are_marked() -> None:
    assert meant(DIALECT, "journalctl -u shop --follow").endless
    assert meant(DIALECT, "systemd-cgtop").endless
    assert not meant(DIALECT, "systemd-cgtop -n 1").endless
    assert meant(DIALECT, "systemctl edit shop").interactive
    assert meant(DIALECT, "systemctl show shop").reveals


def test_a_command_that_systemd_starts_is_carried() -> None:
    assert carried(DIALECT, "systemd-run --unit=tidy -p MemoryMax=1G rm -rf /srv/old").words == (
        "rm",
        "-rf",
        "/srv/old",
    )


@pytest.mark.parametrize("text", ["systemd --version", "nginx -s reload", "service", "echo systemctl stop shop"])
def test_other_programs_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


PROGRAMS = ["systemctl", "service", "journalctl", "loginctl", "chkconfig", "systemd-run", "coredumpctl",
            "/etc/init.d/x", "invoke-rc.d", "systemd-cgtop", "systemd-analyze"]  # fmt: skip


@given(some.sampled_from(PROGRAMS), words)
def test_no_words_are_too_strange(program: str, rest: list[str]) -> None:
    module.understand(CommandLine((program, *rest)))


@given(some.sampled_from(["start", "stop", "restart"]), some.lists(units, min_size=1, max_size=3, unique=True))
def test_every_act_of_ours_is_one_in_its_own_line_and_no_less_dangerous(action: str, chosen: list[str]) -> None:
    ours = actuator(user=True)
    (one,) = parse(ours.render(Request(action, tuple(chosen))))
    found = module.understand(one)
    assert isinstance(found, Meaning)
    assert (found.sort, found.verb.value, found.target) == (Sort.ACTION, action, " ".join(chosen))
    assert found.danger >= next(known.danger for known in ours.actions if known.name == action)
