"""What lines of curl, wget and HTTPie mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from probes.base import CommandLine, Danger, Dialect, Meaning, Sort
from probes.http import dialect as module
from tests.probes.spoken import line, meant, said, words

DIALECT = cast(Dialect, module)

ROWS = [
    ("curl https://shop.example/jobs?action=delete", "shell other destructive"),
    ("curl 'http://click:8123/?query=DROP%20TABLE%20events'", "shell other destructive"),
    ("curl -G http://influx:8086/query --data-urlencode 'q=DROP DATABASE shop'", "shell other destructive"),
    ("curl https://ci.example/job/shop/build?token=x", "shell other disruptive"),
    ("curl https://shop.example/search?q=delete+an+order", "reading other read"),
    ("curl https://shop.example/workers/3/stop", "shell other disruptive"),
    ("curl https://shop.example/stop/3", "shell other disruptive"),
    ("curl https://shop.example/jobs/start", "shell other disruptive"),
    ("curl https://shop.example/jobs/1/cancel/", "shell other disruptive"),
    ("curl https://shop.example/jobs/retry/1", "shell other disruptive"),
    ("curl https://shop.example/feature/enable", "shell other disruptive"),
    ("curl https://shop.example/tasks/run?now=1", "shell other disruptive"),
    ("curl https://shop.example/cache/invalidate", "shell other disruptive"),
    ("curl https://shop.example/reindex", "shell other disruptive"),
    ("curl https://shop.example/wp-cron.php?doing_wp_cron", "shell other disruptive"),
    ("curl https://shop.example/delete/5", "shell other destructive"),
    ("curl 'https://shop.example/x?action=retry'", "shell other disruptive"),
    ("curl https://shop.example/jobs/start-all", "shell other disruptive"),
    ("curl https://shop.example/api/v1/runs", "reading other read"),
    ("curl https://shop.example/run/42/logs", "reading other read"),
    ("curl https://shop.example/restart/history", "reading other read"),
    ("curl https://shop.example/deploy/dry-run", "reading other read"),
    ("curl https://shop.example/docs/getting-started", "reading other read"),
    ("curl https://shop.example/retry-queue", "reading other read"),
    ("curl https://shop.example/startup", "reading other read"),
    ("curl 'https://shop.example/orders?task=overrun'", "reading other read"),
    ("curl https://start.example/orders", "reading other read"),
    ("curl -LO https://shop.example/run/tool.tgz", "shell other reversible"),
    ("curl -X POST http://search:9200/orders/_update_by_query", "shell other destructive"),
    ("curl http://shop:8080/health", "reading health read"),
    ("curl -fsS https://shop.example/api/healthz", "reading health read"),
    ("curl -s shop:8080/actuator/health/readiness", "reading health read"),
    ("curl shop.example/livez", "reading health read"),
    ("curl -I https://shop.example/ping", "reading health read"),
    ("curl -sk https://shop.example/up", "reading health read"),
    ("curl http://proxy/nginx_status", "reading health read"),
    ("curl http://search:9200/_cluster/health?pretty", "reading health read"),
    ("curl http://prom:9090/-/ready", "reading health read"),
    ("curl $HEALTH_URL", "reading health read"),
    ("curl -s ${BASE}/health", "reading health read"),
    ("curl https://<host>/status", "reading health read"),
    ("curl -s http://shop:9100/metrics", "reading status read"),
    ("curl shop:8080/actuator/prometheus", "reading status read"),
    ("curl https://shop.example/", "reading other read"),
    ("curl https://health-shop.example/orders", "reading other read"),
    ("curl https://shop.example/healthcare-plans", "reading other read"),
    ("curl https://shop.example/live-streams", "reading other read"),
    ("curl -H 'Authorization: Bearer $TOKEN' https://shop.example/orders?page=2", "reading other read"),
    ("curl -X GET https://shop.example/orders -d '{}'", "reading other read"),
    ("curl -G https://prom/api/v1/query --data-urlencode 'query=up'", "reading other read"),
    ("curl search:9200/_cat/indices?v", "reading other read"),
    ("curl -s -o /dev/null -w '%{http_code}' https://shop.example/orders", "reading other read"),
    ("curl -x http://proxy:3128 -m5 https://shop.example/orders", "reading other read"),
    ("curl -o heap.bin https://shop.example/dump", "shell other reversible"),
    ("curl -LO https://shop.example/tool.tgz", "shell other reversible"),
    ("curl -L https://shop.example/tool -o /usr/local/bin/tool", "shell other disruptive"),
    ("curl https://shop.example/cache/flush", "shell other destructive"),
    ("curl -X POST https://shop.example/jobs", "shell other disruptive"),
    ("curl -XPOST https://shop.example/jobs/1/retry", "shell other disruptive"),
    ("curl --request=PUT https://shop.example/jobs/1 -d @job.json", "shell other disruptive"),
    ("curl -d a=b https://shop.example/jobs", "shell other disruptive"),
    ("curl --json '{\"a\": 1}' https://shop.example/jobs", "shell other disruptive"),
    ("curl -F file=@a.csv https://shop.example/imports", "shell other disruptive"),
    ("curl -T a.csv https://shop.example/imports/", "shell other disruptive"),
    ("curl -X <METHOD> https://shop.example/jobs", "shell other disruptive"),
    ("curl -X PATCH https://shop.example/users/1", "shell other disruptive"),
    ("curl -X DELETE https://shop.example/users/1", "shell other destructive"),
    ("curl -s --request DELETE 'search:9200/logs-*'", "shell other destructive"),
    ("curl -X POST search:9200/logs/_delete_by_query -d '{}'", "shell other destructive"),
    ('curl -X POST https://shop.example/admin -d \'{"op": "purge"}\'', "shell other destructive"),
    ("curl -X PURGE https://cdn.example/a.png", "shell other destructive"),
    ("curl ftp://files/ -Q 'DELE old.sql'", "shell other destructive"),
    ("curl -X POST search:9200/logs/_search -d '{}'", "shell other read"),
    ("curl prom:9090/api/v1/query --data-urlencode 'query=up'", "shell other read"),
    ("curl -fsSL https://get.example/install | sudo bash", "shell other disruptive"),
    ("curl -s https://shop.example/orders | python3 -m json.tool", "reading other read"),
    ("wget -qO- http://shop/health", "reading health read"),
    ("wget --spider https://shop.example/", "reading other read"),
    ("wget https://shop.example/tool.tgz", "shell other reversible"),
    ("wget --post-data 'a=b' https://shop.example/jobs", "shell other disruptive"),
    ("wget --method=DELETE https://shop.example/jobs/1", "shell other destructive"),
    ("http :8080/health", "reading health read"),
    ("http GET shop.example/orders page==2", "reading other read"),
    ("http shop.example/jobs name=a", "shell other disruptive"),
    ("http DELETE shop.example/jobs/1", "shell other destructive"),
    ("xh post shop.example/jobs", "shell other disruptive"),
    ("grpc_health_probe -addr=shop:50051", "reading health read"),
    ("grpcurl -plaintext shop:50051 list", "shell other read"),
    ("grpcurl -plaintext -d '{}' shop:50051 grpc.health.v1.Health/Check", "reading health read"),
    ("grpcurl shop:50051 shop.Orders/Cancel", "shell other disruptive"),
    ("ab -n 1000 -c 50 https://shop.example/", "shell other disruptive"),
]


@pytest.mark.parametrize(("text", "expected"), ROWS)
def test_a_line_means_what_its_writer_meant(text: str, expected: str) -> None:
    assert said(DIALECT, text)[0] == expected


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("curl -s -H 'A: b' -u ops http://shop:8080/health", "http://shop:8080/health"),
        ("curl --url http://a/x -m 5", "http://a/x"),
        ("curl -sS -X POST $API/jobs -d a=b", "$API/jobs"),
        ("curl http://ops:hunter2@shop/health", "http://ops:***@shop/health"),
    ],
)
def test_the_target_is_the_address_without_its_password(text: str, target: str) -> None:
    assert said(DIALECT, text)[1] == target


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("curl -f http://shop/health", "hides the body"),
        ("curl http://shop/health", "without -f"),
        ("curl --fail-with-body http://shop/health", ""),
        ("curl -s -o /dev/null -w '%{http_code}' http://shop/health", ""),
        ("curl http://shop/orders", ""),
        ("curl -w @format.txt http://shop/", "file of the format"),
        ("curl -X PUT http://shop/jobs/1 -d '{\"a\": 1}'", "Content-Type"),
        ("curl -X PUT http://shop/jobs/1 -H 'content-type: application/json' -d '{\"a\": 1}'", ""),
        ("curl 'http://shop/orders?api_key=abc'", "use a header"),
        ("curl https://get.example/install | sh", "run unseen"),
        ("wget -qO- http://shop/health", "only says"),
        ("k6 run https://shop.example/", "load"),
    ],
)
def test_what_a_line_gets_wrong_is_said(text: str, part: str) -> None:
    warning = meant(DIALECT, text).warning
    assert part in warning
    assert bool(part) == bool(warning)


def test_an_answer_that_may_hold_a_secret_is_marked() -> None:
    assert meant(DIALECT, "curl -X POST https://shop.example/auth/login -d a=b").reveals
    assert meant(DIALECT, "curl -v -H 'Authorization: Bearer x' https://shop.example/orders").reveals
    assert not meant(DIALECT, "curl -H 'Authorization: Bearer x' https://shop.example/orders").reveals


@pytest.mark.parametrize("text", ["https", "echo curl -X DELETE http://a", "httpd -t"])
def test_other_programs_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


@given(some.sampled_from(["curl", "wget", "http", "xh", "grpcurl", "ab", "grpc_health_probe"]), words, some.booleans())
def test_no_words_are_too_strange(program: str, rest: list[str], piped: bool) -> None:
    module.understand(CommandLine((program, *rest), piped=((), ("sudo", *rest[:1])) if piped else ()))


FLAGS = some.lists(
    some.sampled_from(
        [["-s"], ["-sS"], ["-k"], ["-m", "5"], ["-H", "A: DELETE"], ["--max-time=3"], ["-L"], ["-u", "a:b"]]
    ),
    max_size=4,
)


@given(some.sampled_from(["POST", "PUT", "PATCH", "DELETE"]), some.booleans(), FLAGS, FLAGS, some.integers(0, 2))
def test_a_request_that_changes_something_is_never_a_reading_wherever_its_method_stands(
    method: str, glued: bool, before: list[list[str]], after: list[list[str]], spelling: int
) -> None:
    option = [[f"-X{method}"], ["-X", method.lower()], [f"--request={method}"]][spelling]
    parts = (
        [*before, option, ["http://shop/health"], *after]
        if glued
        else [["http://shop/health"], *before, option, *after]
    )
    found = module.understand(CommandLine(("curl", *(word for part in parts for word in part))))
    assert isinstance(found, Meaning)
    assert found.sort is Sort.SHELL
    assert found.danger >= (Danger.DESTRUCTIVE if method == "DELETE" else Danger.DISRUPTIVE)
