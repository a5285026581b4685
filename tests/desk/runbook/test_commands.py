"""Commands of a whole file: fences, code spans that ask for something, and nothing that is prose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.runbook.asked import Quoted, asks
from desk.runbook.block import Block, Form, Row, Span
from desk.runbook.book import Command
from desk.runbook.commands import commands
from desk.runbook.markdown import blocks
from desk.runbook.programs import names_program
from probes.base import Sort
from tui.dialects import dialects


def read(text: str) -> list[Command]:
    return commands(blocks(text)[0], dialects())


def of(*parts: Block) -> list[str]:
    return [one.text for one in commands(parts, dialects()) if one.is_command]


def item(text: str) -> Block:
    return Block(Form.ITEM, 1, 1, text, spans=tuple(Span(1, "") for _ in range(text.count("`") // 2)))


@pytest.mark.parametrize(
    "text",
    [
        "Restart the cache: `sudo systemctl restart redis-server`",
        "Run `docker compose ps`",
        "Check that it listens (`ss -tlnp`)",
        "Restart the web tier (`systemctl restart web`)",
        "Verify with `curl -f http://localhost/health`.",
        "If it is down, start it with `systemctl start web`",
        "`kubectl get pods -n prod`",
        "`kubectl get pods -n prod` – all of them",
        "You can look at the log using `docker logs api`",
        "On `db2`, run `pg_isready -h db1`",
        "Then stop the worker: `docker compose stop worker`",
        "Reiniciar el servicio: `systemctl restart web`",
        "Logs prüfen (`journalctl -u web -n 50`)",
        "检查服务状态 `systemctl status web`",
        "Execute `SELECT count(*) FROM jobs;`",
        "From the pod, `curl http://api:8080/ready` to confirm that it answers",
        "Run `./scripts/backup.sh`",
        "Apply what is new: `prisma migrate deploy`",
        "✅ `curl -f http://shop/health` returns 200",
        "Verify that `systemctl is-active web` says active",
        "Pare o serviço com `systemctl stop web`",
        "Остановите воркер `docker compose stop worker`",
        "`systemctl restart web` を実行してください",
        "`docker compose restart web` komutunu çalıştırın",
        "Den Dienst mit `systemctl restart web` neu starten",
        "Finally, restart it via `docker compose restart api`",
    ],
)
def test_a_code_span_that_the_reader_is_asked_to_run_is_a_command(text: str) -> None:
    assert len(of(item(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Queue depth `queue_depth` is above 100",
        "Look at `/var/log/app.log`",
        "Set `max_connections` to 200",
        "Open `htop`",
        "Edit `docker-compose.yml`",
        "The pipeline runs `npm run build` for every commit",
        "Do not run `docker system prune -f`",
        "Never use `kubectl delete pod api-1` here",
        "It was caused by a `git push origin main`",
        "The job that executes `pg_dump shop` fails",
        "`systemctl start web` fails with code 1",
        "This is the same as `docker compose up -d`",
        "The service is called `web start`",
        "Use `docker exec` to look inside",
        "It takes `kubectl apply -f ...` and its kin",
        "We used to run `systemctl restart web` by hand",
        "`docker compose down -v` must never be used here",
        "Não execute `docker compose down -v` em produção",
        "不要在生产环境执行 `docker compose down -v`",
        "`docker compose down -v` は実行しないでください",
        "`docker compose down -v` komutunu asla çalıştırmayın",
        "Every deploy runs `alembic upgrade head` automatically",
        "Some list, e.g. `kubectl get pods -n shop`",
        "Warning: `docker compose down -v` takes the data with it",
        "Check `redis_memory_used_bytes`",
        "See `make`",
        "`host all all 10.0.0.0/8 md5`",
    ],
)
def test_a_code_span_that_only_names_something_is_none(text: str) -> None:
    assert of(item(text)) == []


def test_a_cell_of_a_table_counts_by_its_column() -> None:
    table = Block(
        Form.TABLE,
        1,
        3,
        header=Row(1, ("Problem", "Cause", "Fix")),
        rows=(Row(3, ("`systemctl status web` is red", "`git push origin main`", "`systemctl restart web`")),),
    )
    (found,) = commands([table], dialects())
    assert (found.text, found.line, found.inline) == ("systemctl restart web", 3, True)


def test_what_stands_under_symptoms_is_not_asked_for() -> None:
    label = Block(Form.LABEL, 1, 1, "Symptoms")
    assert of(label, item("`systemctl status web` shows failed")) == []
    assert len(of(Block(Form.LABEL, 1, 1, "Verify"), item("`systemctl status web` shows running"))) == 1


def test_an_inline_command_is_named_by_the_words_before_it() -> None:
    (found,) = commands([item("Restart the cache: `systemctl restart redis`")], dialects())
    assert (found.comment, found.inline, found.sort) == ("Restart the cache", True, Sort.ACTION)


def test_a_whole_file_is_read_in_order_with_what_one_command_leaves_to_the_next() -> None:
    text = """# Queue

Check it first: `docker compose ps`.

```bash
# Where it is
cd /srv/app
URL=$(aws sqs get-queue-url --queue-name jobs --output text)

aws sqs get-queue-attributes --queue-url $URL --attribute-names All --profile <profile>
```

`docker compose restart worker`
"""
    found = read(text)
    assert [one.line for one in found] == [3, 7, 8, 10, 13]
    assert [one.inline for one in found] == [True, False, False, False, True]
    assert found[1].folder == "/srv/app"
    assert found[2].sets == ("URL",)
    assert found[3].uses == ("URL",)
    assert found[3].placeholders == ("<profile>",)


def test_in_a_file_without_fences_a_bare_paragraph_may_be_a_command() -> None:
    found = read("# Restart\n\nStop it first.\n\ndocker compose stop api\n\nThen go on.\n\ndocker compose start api\n")
    assert [(one.line, one.text) for one in found] == [(5, "docker compose stop api"), (9, "docker compose start api")]


def test_with_fences_a_bare_paragraph_is_prose() -> None:
    assert [one.text for one in read("docker compose stop api\n\n```bash\ndf -h\n```\n")] == ["df -h"]


def test_equal_commands_stay_as_many_as_they_are() -> None:
    assert len(read("```bash\ndf -h\n```\n\n```bash\ndf -h\n```\n")) == 2


def test_a_line_that_is_none_says_so_and_nothing_more() -> None:
    (found,) = read("```bash\nLOG_LEVEL=debug\n```\n")
    assert (found.is_command, found.sort, found.placeholders) == (False, None, ())


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("kubectl get pods", True),
        ("sudo frobnicate -x", True),
        ("./run.sh", True),
        ("FOO=1 make up", True),
        ("make sure it works", False),
        ("find the reason", False),
        ("kill the process", False),
        ("top of the list", False),
        ("docker is down", False),
        ("git is broken", False),
        ("service worker", False),
        ("/etc/hosts", False),
        ("time to go", False),
        ("test the API", False),
        ("sort by date", False),
        ("select one of them", False),
        ("less than 5", False),
        ("watch out", False),
        ("for each host do", False),
        ("if it fails then stop", False),
        ("curl is missing", False),
        ("redis_up == 0", False),
        ("", False),
        ("host name", False),
        ("read the docs", False),
    ],
)
def test_prose_that_begins_like_a_program_is_prose(line: str, known: bool) -> None:
    assert names_program(line) is known


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_any_words_around_a_span_are_read(before: str, text: str, after: str) -> None:
    asks(Quoted(1, text, before, after, column=before, under=after))
    asks(Quoted(1, "docker compose ps", before, after, item=True))


@given(st.text(max_size=400))
def test_any_markdown_is_read_in_order(text: str) -> None:
    found = read(text)
    assert [one.line for one in found] == sorted(one.line for one in found)


def test_the_value_of_an_edited_settings_file_is_no_placeholder_but_its_path_is() -> None:
    found = {
        one.text: (one.placeholders, one.asked)
        for one in read("""
```bash
sed -i -e 's|^API_KEY=.*|API_KEY=<value>|' <folder>/.env

tee -a /srv/.env <<< 'API_KEY=<generated hex>'

sed -i "s|^API_KEY=.*|API_KEY=$NEW_KEY|" /srv/.env

sed -i "s|^REGION=.*|REGION=$REGION|" /srv/$REGION/.env

sed -i 's|^API_KEY=.*|API_KEY=<value>|' /srv/.env && systemctl restart api

ssh web1 "sed -i 's|^API_KEY=.*|API_KEY=<value>|' /srv/.env"
```
""")
    }
    assert list(found.values()) == [
        (("<folder>",), ("<value>",)),
        ((), ("<generated hex>",)),
        ((), ("$NEW_KEY",)),
        (("$REGION",), ()),
        ((), ("<value>",)),
        ((), ("<value>",)),
    ]


@pytest.mark.parametrize(
    ("line", "filled_in", "typed"),
    [
        ("sed -i 's|^DATABASE_URL=.*|DATABASE_URL=<value>|' .env && docker compose up -d", (), ("<value>",)),
        ("sed -i 's|^STRIPE=.*|STRIPE=<value>|' .env; docker compose up -d", (), ("<value>",)),
        ("cd /srv/shop && sed -i 's|^PIN=.*|PIN=<number>|' .env", (), ("<number>",)),
        (
            "ssh <host> \"sed -i 's|^STRIPE=.*|STRIPE=<value>|' .env && systemctl restart api\"",
            ("<host>",),
            ("<value>",),
        ),
        ("sed -i -e 's|^PORT=.*|PORT=<value>|' -e 's|^STRIPE=.*|STRIPE=<value>|' .env && ls", (), ("<value>",)),
        ("sed -i 's|^STRIPE=.*|STRIPE=<one>|' /srv/<one>/.env && ls", (), ("<one>",)),
        ("tee -a .env <<< 'STRIPE=<value>' && docker compose up -d", (), ("<value>",)),
        ("sed -i 's|^RELEASE=.*|RELEASE=<value>|' .env && docker compose up -d", ("<value>",), ()),
        ("sed -i 's|^SHOP=.*|SHOP=<release>|' .env && docker compose up -d", ("<release>",), ()),
        ("cd /srv/shop && sed -i 's|^WORKERS=.*|WORKERS=<number>|' .env", ("<number>",), ()),
    ],
)
def test_of_a_line_that_does_more_than_its_act_only_a_plain_value_is_filled_in(
    line: str, filled_in: tuple[str, ...], typed: tuple[str, ...]
) -> None:
    (found,) = read(f"```bash\n{line}\n```\n")
    assert (found.placeholders, found.asked) == (filled_in, typed)


def test_a_line_that_runs_elsewhere_becomes_nothing_that_would_be_done_here() -> None:
    line = "docker-compose restart api"
    assert [one.becomes for one in read(f"```bash\n{line}\n\nssh web1 '{line}'\n```")] == [
        "docker compose restart api",
        "",
    ]
