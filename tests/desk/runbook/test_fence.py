"""Fences: their logical commands, what names them, and what in them is no command at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.runbook.block import Block, Form
from desk.runbook.fence import Language, Logical, logical

PIECES = [
    "docker ps",
    "$ docker ps",
    "> FLUSHDB",
    "# why",
    "",
    "  rm -rf x \\",
    "echo 'a",
    "cat <<EOF",
    "EOF",
    "for i in 1; do",
    "done",
    "if x; then",
    "fi",
    "f() {",
    "}",
    "{",
    "SELECT 1",
    "FROM t;",
    "key: value",
    "A=1",
    "psql",
    "redis-cli",
    "ssh h",
    "exit",
    "#!/bin/sh",
    "user@h:~$ ls",
    "→ ok",
    "# Expected: ok",
    "a |",
    "| b",
    "&& c",
    "server {",
    "NAME   READY",
    "é",
]
TAGS = ["", "bash", "console", "sql", "powershell", "python", "redis", "yaml", "text"]


def fence(text: str, tag: str = "bash", first: int = 2) -> Block:
    return Block(Form.FENCE, first - 1, first + text.count("\n") + 1, text, tag=tag, first=first)


def told(text: str, tag: str = "bash") -> list[str]:
    return [one.text for one in logical(fence(text, tag)) if one.is_command]


def one(text: str, tag: str = "bash") -> Logical:
    (found,) = [one for one in logical(fence(text, tag)) if one.is_command]
    return found


@pytest.mark.parametrize(
    "text",
    [
        "docker compose \\\n  restart \\\n  api",
        'psql shop -c "\n  SELECT 1\n"',
        "cat > app.conf <<EOF\n# a comment\nport: 1\nEOF",
        "cat <<'A' | kubectl apply -f -\nkind: Pod\nA",
        "for h in a b; do\n  ping -c1 $h\n\n  sleep 1\ndone",
        "if curl -f http://h; then\n  echo up\nelse\n  systemctl restart web\nfi",
        "while read line; do\n  echo $line\ndone < list",
        "case $1 in\n  a) echo a ;;\n  *) echo b ;;\nesac",
        "deploy() {\n  git pull\n  make up\n}",
        "ps aux |\n  grep web |\n  wc -l",
        "ps aux \\\n  | grep web",
        "cat list\n  | sort\n  && echo done",
        "function deploy {\n  make up\n}",
        "X=$(\n  aws sts get-caller-identity\n)",
        "make a &&\n  make b",
        "curl -d '{\n  \"a\": 1\n}' http://h",
        "aws ecs update-service \\\n  --service a \\\n  # how many\n  --desired-count 3",
        "cd /srv; git pull && make up",
    ],
)
def test_what_belongs_together_is_one_command_and_its_text_is_unchanged(text: str) -> None:
    found = one(text)
    assert found.text == text
    assert (found.line, found.end_line) == (2, 2 + text.count("\n"))


def test_a_here_document_is_one_command_however_long_it_is() -> None:
    text = "psql shop <<'SQL'\n" + "delete from t;\n" * 900 + "SQL\nuptime"
    assert [len(one.splitlines()) for one in told(text)] == [902, 1]


def test_each_line_is_a_command_with_its_line() -> None:
    found = logical(fence("df -h\n\nfree -m\nuptime", first=10))
    assert [(one.line, one.text) for one in found] == [(10, "df -h"), (12, "free -m"), (13, "uptime")]


def test_a_comment_names_the_command_below_it_and_is_none_itself() -> None:
    first, second = logical(
        fence("# 1. Look at the disk\n# on every host\ndf -h\n# docker restart api\n\nfree -m  # memory")
    )
    assert first.comment == "1. Look at the disk on every host"
    assert second.comment == "memory"
    assert told("# docker restart api\n# rm -rf /") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis-cli ping\n# Expected: PONG", "Expected: PONG"),
        ("redis-cli ping\n# → PONG", "→ PONG"),
        ("redis-cli ping\n# => PONG", "=> PONG"),
        ("redis-cli ping\n# Should answer PONG", "Should answer PONG"),
        ("redis-cli ping\n# Returns PONG\n# and nothing else", "Returns PONG\nand nothing else"),
        ("free\n# Expected:\n# some\n# left\n\n# Next", "Expected:\nsome\nleft"),
        ("redis-cli ping  # should be PONG", "should be PONG"),
        ('curl -s http://h\n\n# Expected response\n{\n  "ok": true\n}', 'Expected response\n{\n  "ok": true\n}'),
    ],
)
def test_what_it_should_show_belongs_to_the_command_before(text: str, expected: str) -> None:
    assert one(text).expected == expected


@pytest.mark.parametrize(
    "comment",
    [
        "Or, on the old host",
        "Option B: start afresh",
        "If the disk is full",
        "Alternatively",
        "Otherwise",
        "oder neu starten",
        "或者重启",
    ],
)
def test_another_way_or_a_condition_is_a_choice(comment: str) -> None:
    first, second = logical(fence(f"df -h\n# {comment}\ndocker restart api"))
    assert (first.choice, second.choice) == ("", comment)


@pytest.mark.parametrize("comment", ["Response times", "Return to the old version", "Expectations", "Result set"])
def test_a_comment_that_only_begins_like_an_expectation_names_what_follows(comment: str) -> None:
    first, second = logical(fence(f"df -h\n# {comment}\nuptime"))
    assert (first.expected, second.comment) == ("", comment)


def test_prompts_and_the_output_below_them_are_left_out() -> None:
    text = "$ docker ps\nCONTAINER ID  IMAGE\nabc  api\n$ docker logs api \\\n>   --tail 5\nstarted\n# again\n"
    text += "$ docker restart api"
    found = logical(fence(text, "console"))
    assert [(one.line, one.text) for one in found] == [
        (2, "docker ps"),
        (5, "docker logs api \\\n  --tail 5"),
        (9, "docker restart api"),
    ]
    assert found[2].comment == "again"
    assert told("ops@web1:~$ df -h\nFilesystem Size\nops@web1:~$ free", "") == ["df -h", "free"]
    assert told("[root@db ~]# systemctl status x\nactive") == ["systemctl status x"]
    assert told("# systemctl status web\nactive (running)\n# df -h\n/dev/sda1 40%", "console") == [
        "systemctl status web",
        "df -h",
    ]
    assert told("PS C:\\> Get-Service web\nStopped", "powershell") == ["Get-Service web"]


@pytest.mark.parametrize(
    "text",
    [
        "LOG_LEVEL=debug\nWORKERS=4",
        "[pool]\nmax_size = 20",
        "replicas: 3\nimage: shop:1",
        "server {\n  listen 80;\n  location / { root /srv; }\n}",
        "/var/log/shop/*.log {\n  daily\n  rotate 7\n}",
        "0 3 * * * /opt/backup.sh",
        "@daily /opt/backup.sh",
        '{\n  "status": "ok"\n}',
        "https://grafana.internal/d/1",
        "2026-01-01 10:00:00 INFO started",
        "ERROR could not connect",
        "┌────┐\n│ db │\n└────┘",
        "NAME    READY   STATUS\napi-1   1/1     Running",
        "GET /health",
        "HTTP/1.1 200 OK",
        "Check the logs first.\nThen restart it.",
        "1. Do this\n- and that",
        "/incident declare\n@bot help",
        "const x = 1\nawait run()",
        "...",
        "<the command>",
        ">>> import x",
        "shop> status",
        "maxmemory 2gb\nbind 0.0.0.0",
        "User=shop\nExecStart=/opt/shop/run \\\n  --fast",
    ],
)
def test_what_is_no_command_in_a_shell_fence_is_said_to_be_none(text: str) -> None:
    found = logical(fence(text))
    assert found
    assert not any(one.is_command for one in found)
    assert {line for one in found for line in range(one.line, one.end_line + 1)} == set(range(2, 3 + text.count("\n")))


def test_an_assignment_is_a_command_where_its_variable_is_read() -> None:
    assert told("NS=prod\nkubectl get pods -n $NS") == ["NS=prod", "kubectl get pods -n $NS"]
    assert told("NS=prod") == []
    assert [one.is_command for one in logical(fence("NS=prod"), {"NS"})] == [True]
    assert [one.is_command for one in logical(fence("# Edit the .env file\nNS=prod"), {"NS"})] == [False]
    assert told("X=$(date +%F)\nexport Y=1") == ["X=$(date +%F)", "export Y=1"]


def test_the_text_of_a_file_that_an_editor_opens_is_no_command() -> None:
    assert told("sudo vi /etc/shop.conf\nworkers 8\nname shop\n\nsystemctl restart shop") == [
        "sudo vi /etc/shop.conf",
        "systemctl restart shop",
    ]


def test_sql_among_shell_lines_is_sql_and_reaches_to_its_end() -> None:
    found = logical(fence("# Who waits\nSELECT pid\nFROM pg_locks\nWHERE NOT granted;\n\n# Restart\ndocker restart db"))
    assert [(one.language, one.line, one.end_line, one.comment) for one in found] == [
        (Language.SQL, 3, 5, "Who waits"),
        (Language.SHELL, 8, 8, "Restart"),
    ]


def test_in_a_fence_for_sql_each_statement_is_a_command() -> None:
    text = "-- Who waits\nSELECT ';'\nFROM t;\nDELETE FROM t\n\nWHERE a = 1;\n-- Expected: 0\n\\dt\nVACUUM t"
    found = logical(fence(text, "sql"))
    assert [(one.line, one.end_line) for one in found] == [(3, 4), (5, 7), (9, 9), (10, 10)]
    assert (found[0].comment, found[1].expected) == ("Who waits", "Expected: 0")
    assert all(one.language is Language.SQL for one in found)


def test_lines_after_a_client_run_inside_it() -> None:
    found = logical(fence("redis-cli -h cache\n> FLUSHDB\nllen jobs\nexit\ndf -h"))
    assert [one.language for one in found] == [
        Language.SHELL,
        Language.REDIS,
        Language.REDIS,
        Language.SHELL,
        Language.SHELL,
    ]
    assert [one.text for one in found][1:3] == ["FLUSHDB", "llen jobs"]
    found = logical(fence("psql shop\n\\dt\nSELECT 1;\n\\q\ndf -h"))
    assert [one.language.value for one in found] == ["shell", "sql", "sql", "sql", "shell"]
    found = logical(fence("ssh ops@db1\nsudo systemctl stop x\nexit\ndf -h"))
    assert [one.place for one in found] == ["", "host ops@db1", "host ops@db1", ""]
    found = logical(fence("docker exec -it -u app api bash\nls\ndocker ps"))
    assert [one.place for one in found] == ["", "container api", ""]
    found = logical(fence("kubectl exec -it api-1 -n prod -- sh\nenv\n\nkubectl get pods"))
    assert [one.place for one in found] == ["", "pod api-1", ""]
    assert told("rails console\nUser.count\nexit") == ["rails console", "exit"] or "User.count" not in told(
        "rails console\nUser.count\nexit"
    )


def test_a_script_with_its_interpreter_is_one_command() -> None:
    found = one("# backup.sh\n#!/bin/bash\n# Saves all\nsave() {\n  pg_dump shop > x\n}\nsave\n")
    assert (found.line, found.end_line, found.comment) == (3, 8, "Saves all")
    for bound in (
        'cp "$1" /srv',
        "read -p 'Sure? ' yes",
        "df -h || exit 1",
        "A=(1 2)",
        "if [ $? -ne 0 ]; then echo; fi",
    ):
        assert one(f"#!/usr/bin/env bash\nuptime\n{bound}\n").end_line == 4
    assert one("#!/usr/bin/env python3\nprint('x')\n").line == 2


def test_a_script_whose_lines_stand_for_themselves_is_read_line_by_line() -> None:
    text = (
        "#!/bin/bash\n# morning.sh\n\nset -e\n# 1. Disks\ndf -h\nps | awk '{print $2}'\nfor h in a; do\n  ping $h\ndone"
    )
    found = logical(fence(text))
    assert [(one.line, one.end_line) for one in found] == [(5, 5), (7, 7), (8, 8), (9, 11)]
    assert found[1].comment == "1. Disks"
    assert told("#!/bin/sh\ndocker ps\ndf -h", "") == ["docker ps", "df -h"]


def test_a_text_for_a_command_ends_where_its_author_meant_it_to() -> None:
    text = "psql shop <<EOF\nSELECT 1;\nEOF | gzip > x.gz\n\ndf -h"
    assert told(text) == ["psql shop <<EOF\nSELECT 1;\nEOF | gzip > x.gz", "df -h"]


def test_without_a_tag_only_what_begins_with_a_known_program_counts() -> None:
    text = "The worker is down\nkubectl get pods\nmake sure it runs\n$ frobnicate --all\nfind the cause\ntop"
    assert told(text, "") == ["frobnicate --all"]
    assert told(text.replace("$ ", ""), "") == ["kubectl get pods", "top"]
    assert told("import os\ndocker ps\nprint(1)", "python") == ["docker ps"]


@pytest.mark.parametrize(
    "tag", ["yaml", "json", "promql", "mermaid", "text", "markdown", "javascript", "note", "ini", "dotenv"]
)
def test_other_languages_hold_no_commands(tag: str) -> None:
    assert logical(fence("docker ps\nrm -rf x", tag)) == []


def test_powershell_is_read_by_its_own_rules() -> None:
    text = "# Look\nGet-Service web\nRestart-Service web `\n  -Force\nif ($x) {\n  Stop-Process 1\n}"
    assert told(text, "powershell") == [
        "Get-Service web",
        "Restart-Service web `\n  -Force",
        "if ($x) {\n  Stop-Process 1\n}",
    ]


def test_a_quote_that_is_never_closed_swallows_nothing() -> None:
    assert told("echo don't\nrm -rf /srv\ndf -h") == ["echo don't", "rm -rf /srv", "df -h"]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("\n".join), st.sampled_from(TAGS))
def test_every_command_lies_in_its_fence_in_order_and_none_twice(text: str, tag: str) -> None:
    rows = text.split("\n")
    last = 1
    for found in logical(fence(text, tag)):
        assert last < found.line <= found.end_line <= 1 + len(rows)
        last = found.end_line
        for part in found.text.split("\n"):
            assert any(part.strip() in row for row in rows[found.line - 2 : found.end_line - 1])


@given(st.text(max_size=300), st.sampled_from(TAGS))
def test_any_text_is_read(text: str, tag: str) -> None:
    logical(fence(text, tag))
