"""What lines of supervisorctl and pm2 mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import parse
from probes.base import CommandLine, Danger, Dialect, Meaning, Request, Sort
from probes.supervisor import dialect as module
from tests.probes.spoken import line, meant, said, words
from tests.probes.test_supervisor_commands import actuator, subjects

DIALECT = cast(Dialect, module)

ROWS = [
    ("supervisorctl status", "reading status read", ""),
    ("supervisorctl", "reading status read", ""),
    ("sudo supervisorctl status shop", "reading status read", "shop"),
    ("supervisorctl -c /etc/sup.conf status all", "reading status read", ""),
    ("supervisorctl restart shop", "action restart disruptive", "shop"),
    ("supervisorctl -s unix:///run/s.sock -u a -p b restart mail:*", "action restart disruptive", "mail:*"),
    ("supervisorctl restart all", "action restart disruptive", ""),
    ("supervisorctl restart <program>", "action restart disruptive", "<program>"),
    ("python3 -m supervisor.supervisorctl stop shop mail", "action stop disruptive", "shop mail"),
    ("supervisorctl start shop", "action start reversible", "shop"),
    ("supervisorctl scale mail=4", "action scale disruptive", "mail"),
    ("supervisorctl tail -f shop stderr", "log logs read", "shop"),
    ("supervisorctl tail -5000 shop", "log logs read", "shop"),
    ("supervisorctl maintail", "log logs read", ""),
    ("supervisorctl reread", "shell other reversible", ""),
    ("supervisorctl update", "shell deploy disruptive", ""),
    ("supervisorctl reload", "shell restart disruptive", ""),
    ("supervisorctl shutdown", "shell stop disruptive", ""),
    ("supervisorctl signal HUP shop", "shell restart disruptive", "shop"),
    ("supervisorctl signal SIGTERM shop", "shell terminate disruptive", "shop"),
    ("supervisorctl remove shop", "shell stop disruptive", "shop"),
    ("supervisorctl clear shop", "shell maintenance destructive", "shop"),
    ("supervisorctl fg shop", "shell other disruptive", "shop"),
    ("supervisorctl frobnicate", "shell other disruptive", ""),
    ("supervisord -c /etc/sup.conf", "shell start disruptive", ""),
    ("pm2 list", "shell status read", ""),
    ("pm2 describe shop", "shell status read", "shop"),
    ("pm2 logs shop --lines 50 --nostream", "log logs read", "shop"),
    ("pm2 monit", "shell host read", ""),
    ("pm2 restart shop", "shell restart disruptive", "shop"),
    ("npx pm2 reload shop --update-env", "shell restart disruptive", "shop"),
    ("pm2 start server.js --name shop -i 4", "shell start disruptive", "shop"),
    ("pm2 stop 0", "shell stop disruptive", "0"),
    ("pm2 delete shop", "shell stop destructive", "shop"),
    ("pm2 scale shop 4", "shell scale disruptive", "shop"),
    ("pm2 flush", "shell maintenance destructive", ""),
    ("pm2 save", "shell other reversible", ""),
    ("pm2 kill", "shell stop disruptive", ""),
    ("pm2 deploy production", "shell deploy disruptive", "production"),
    ("pm2 --version", "shell other read", ""),
    ("pm2 frobnicate", "shell other disruptive", ""),
]


@pytest.mark.parametrize(("text", "expected", "target"), ROWS)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("supervisorctl restart shop", "changed configuration"),
        ("supervisorctl restart all", "one is restarted after the other"),
        ("supervisorctl restart mail:", "one is restarted after the other"),
        ("supervisorctl reload", "every program"),
        ("supervisorctl update", "restarts every program"),
        ("supervisorctl shutdown", "started again"),
        ("supervisorctl clear shop", "empties"),
        ("supervisorctl stop shop", ""),
        ("pm2 restart shop", "--update-env"),
        ("pm2 restart shop --update-env", ""),
        ("pm2 flush", "empties"),
    ],
)
def test_what_a_line_gets_wrong_is_said(text: str, part: str) -> None:
    warning = meant(DIALECT, text).warning
    assert part in warning
    assert bool(part) == bool(warning)


def test_what_is_fed_to_supervisorctl_is_not_only_a_look() -> None:
    assert meant(DIALECT, "supervisorctl", stdin="stop all\n").danger is Danger.DISRUPTIVE
    assert meant(DIALECT, "supervisorctl", fed=("echo", "clear", "shop")).danger is Danger.DESTRUCTIVE


def test_lines_that_never_end_or_are_typed_into_are_marked() -> None:
    assert meant(DIALECT, "supervisorctl").interactive
    assert meant(DIALECT, "supervisorctl tail -f shop").endless
    assert not meant(DIALECT, "supervisorctl tail shop").endless
    assert meant(DIALECT, "pm2 logs").endless
    assert meant(DIALECT, "pm2 env 0").reveals


@pytest.mark.parametrize("text", ["python3 -m http.server", "npx prisma migrate deploy", "supervise shop"])
def test_other_programs_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


@given(some.sampled_from(["supervisorctl", "supervisord", "pm2", "npx", "python3"]), words)
def test_no_words_are_too_strange(program: str, rest: list[str]) -> None:
    module.understand(CommandLine((program, *rest)))


@given(some.sampled_from(["start", "stop", "restart"]), some.lists(subjects, unique=True, max_size=3))
def test_every_act_of_ours_is_one_in_its_own_line_and_no_less_dangerous(action: str, chosen: list[str]) -> None:
    ours = actuator()
    (one,) = parse(ours.render(Request(action, tuple(chosen))))
    found = module.understand(one)
    assert isinstance(found, Meaning)
    assert (found.sort, found.verb.value) == (Sort.ACTION, action)
    assert found.danger >= next(known.danger for known in ours.actions if known.name == action)
