"""What lines that read log files mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from probes.base import CommandLine, Danger, Dialect, Meaning, Sort, Verb
from probes.logs import dialect as module
from tests.probes.spoken import line, meant, said, words

DIALECT = cast(Dialect, module)

ROWS = [
    ("tail -f /var/log/shop/shop.log", "/var/log/shop/shop.log"),
    ("sudo tail -n 200 /var/log/syslog", "/var/log/syslog"),
    ("tail -100f app.log", "app.log"),
    ("tail -F logs/error-*.log", "logs/error-*.log"),
    ("tail --lines=50 --follow=name shop.log other.log", "shop.log other.log"),
    ("tail -50 $FILE", "$FILE"),
    ("tail -f <logfile>", "<logfile>"),
    ("tail -f nohup.out", "nohup.out"),
    ("head -20 /srv/shop/log/production.log", "/srv/shop/log/production.log"),
    ("cat /var/log/nginx/error.log.1", "/var/log/nginx/error.log.1"),
    ("less +G /var/log/messages", "/var/log/messages"),
    ("zcat /var/log/nginx/access.log.2.gz", "/var/log/nginx/access.log.2.gz"),
    ("zless catalina.out", "catalina.out"),
    ("grep -i error /var/log/shop.log", "/var/log/shop.log"),
    ("grep -rn -A 3 -e timeout -e refused logs/", "logs/"),
    ("egrep 'a|b' access_log", "access_log"),
    ("zgrep ' 500 ' /var/log/nginx/access.log.*.gz", "/var/log/nginx/access.log.*.gz"),
    ("rg -i panic /srv/shop/logs", "/srv/shop/logs"),
    ("awk '$9 >= 500 {print $7}' /var/log/nginx/access.log", "/var/log/nginx/access.log"),
    ("awk -F'|' '{print $2}' shop.log", "shop.log"),
    ("sed -n '/12:00/,/13:00/p' shop.log", "shop.log"),
    ("jq -r .msg logs/shop.json", "logs/shop.json"),
    ("wc -l /var/log/auth.log", "/var/log/auth.log"),
    ("sort -k 2 shop.log", "shop.log"),
    ("multitail a.log b.log", "a.log b.log"),
    ("lnav /var/log", "/var/log"),
    ("cat $LOG_DIR/shop.txt", "$LOG_DIR/shop.txt"),
    ("cat shop-error.log-20310101", "shop-error.log-20310101"),
]


@pytest.mark.parametrize(("text", "target"), ROWS)
def test_a_line_that_reads_a_log_file_is_a_log_view(text: str, target: str) -> None:
    assert said(DIALECT, text) == ("log logs read", target)


@pytest.mark.parametrize(
    "text",
    [
        "cat README.md",
        "cat CHANGELOG.md",
        "grep -r log_level /srv/shop",
        "grep 'app.log' /srv/shop/main.py",
        "cat /etc/logrotate.d/shop",
        "less blog/post.txt",
        "tail /proc/net/dev",
        "cat catalogue.txt",
        "sed -i s/a/b/ shop.log",
        "sed --in-place=.bak d shop.log",
        "sed 'w /etc/passwd' shop.log",
        "awk '{print > \"/tmp/a\"}' shop.log",
        "awk '{system(\"rm \" $1)}' shop.log",
        "gawk -i inplace '{print}' shop.log",
        "rm /var/log/shop.log",
        "truncate -s 0 shop.log",
        "cat",
    ],
)
def test_other_files_and_programs_that_write_are_no_log_view(text: str) -> None:
    assert module.understand(line(text)) is None


def test_a_sort_that_writes_over_a_log_takes_it_away() -> None:
    assert said(DIALECT, "sort -o shop.log shop.log")[0] == "shell logs destructive"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("logrotate -f /etc/logrotate.d/shop", "action maintenance destructive"),
        ("logrotate -vf /etc/logrotate.conf", "action maintenance destructive"),
        ("logrotate /etc/logrotate.conf", "action maintenance disruptive"),
        ("logrotate -d /etc/logrotate.conf", "shell maintenance read"),
    ],
)
def test_rotation_is_an_act_and_its_rehearsal_is_none(text: str, expected: str) -> None:
    assert said(DIALECT, text)[0] == expected


@pytest.mark.parametrize(
    ("text", "part", "becomes"),
    [
        ("tail -f shop.log", "after rotation", "tail -F shop.log"),
        ("tail -f shop.log | grep 'a b'", "after rotation", "tail -F shop.log | grep 'a b'"),
        ("tail -n5 -f shop.log", "after rotation", "tail -n5 -F shop.log"),
        ("tail -20f shop.log", "after rotation", "tail -n 20 -F shop.log"),
        ("tail -F shop.log", "", ""),
        ("tail -f logs/error-*.log", "made later", ""),
        ("tail -f shop.log | grep a | grep b", "line-buffered", ""),
        ("tail -f /var/log/postgresql/a.log | grep 'slow query'", "duration:", ""),
        ("grep 'slow query' /var/log/postgresql/a.log", "duration:", ""),
        ("grep -c ERROR shop.log", "counts lines", ""),
        ("grep ERROR shop.log", "", ""),
    ],
)
def test_what_a_line_gets_wrong_is_said_with_what_is_done_instead(text: str, part: str, becomes: str) -> None:
    found = meant(DIALECT, text)
    assert part in found.warning
    assert bool(part) == bool(found.warning)
    assert found.becomes == becomes


@pytest.mark.parametrize(
    ("text", "endless", "interactive"),
    [
        ("tail -f a.log", True, False),
        ("tail -20 a.log", False, False),
        ("less +F a.log", True, True),
        ("less a.log", False, True),
        ("multitail a.log", True, True),
        ("cat a.log", False, False),
    ],
)
def test_views_that_never_end_or_are_typed_into_are_marked(text: str, endless: bool, interactive: bool) -> None:
    found = meant(DIALECT, text)
    assert (found.endless, found.interactive) == (endless, interactive)


READERS = sorted({*module._HEADS, *module._READERS, "logrotate"})


@given(some.sampled_from(READERS), words)
def test_no_words_are_too_strange(program: str, rest: list[str]) -> None:
    module.understand(CommandLine((program, *rest)))


numbers = some.integers(0, 9999).flatmap(
    lambda n: some.sampled_from([["-n", f"{n}"], [f"-n{n}"], [f"--lines={n}"], [f"-{n}"]])
)


@given(
    some.lists(some.one_of(numbers, some.sampled_from([["-f"], ["-F"], ["-q"], ["--retry"], ["-s", "2"]])), max_size=3),
    some.booleans(),
)
def test_options_of_tail_may_stand_anywhere(flags: list[list[str]], first: bool) -> None:
    given_flags = [word for flag in flags for word in flag]
    file = ["/var/log/shop.log"]
    found = module.understand(CommandLine(("tail", *(file + given_flags if first else given_flags + file))))
    assert isinstance(found, Meaning)
    assert (found.sort, found.verb, found.danger, found.target) == (Sort.LOG, Verb.LOGS, Danger.READ, file[0])
