"""The lines of rq, of node for BullMQ, and of redis-cli, both ways."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.base import Context, Request, SafeText, Target
from probes.redis.queues.act import QueuesActuator
from probes.redis.queues.probe import QueuesSettings
from tests.probes.acting import comes_back
from tests.toys import NoSecrets

HERE = "redis://10.0.0.7:6380/2"
LOCAL = "redis://127.0.0.1:6379/0"
PLACES = (
    LOCAL,
    HERE,
    "rediss://cache.example.com/0",
    "unix:///run/redis/redis.sock",
    "redis://[::1]:6379/1",
    "env:URL",
)


def actuator(url: str = LOCAL, **settings: Any) -> Any:
    return QueuesActuator(Target("jobs", "queues", QueuesSettings(url=url, **settings)), Context(NoSecrets()))


drawn = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).map(lambda text: str(SafeText(text)))
names = drawn.filter(lambda text: bool(text) and "/" not in text)
jobs = st.tuples(names, drawn.filter(bool)).map("/".join)


@given(
    st.sampled_from(PLACES),
    st.sampled_from(["auto", "bullmq", "rq"]),
    st.sampled_from(["retry-all", "pause", "resume"]),
    st.lists(names, min_size=1, max_size=4, unique=True),
)
def test_every_request_for_queues_comes_back_from_its_own_line(
    url: str, library: str, action: str, chosen: list[str]
) -> None:
    if library != "rq" or action == "retry-all":
        assert comes_back(actuator(url, type=library), Request(action, tuple(chosen)))


@given(
    st.sampled_from(PLACES),
    st.sampled_from(["auto", "bullmq", "rq"]),
    st.lists(jobs, min_size=1, max_size=5, unique=True),
)
def test_every_request_for_jobs_comes_back_from_its_own_line(url: str, library: str, chosen: list[str]) -> None:
    assert comes_back(actuator(url, type=library), Request("retry", tuple(chosen)))


def test_a_queue_with_a_slash_in_its_name_comes_back_when_it_is_known() -> None:
    act = actuator(type="rq", queues=("shop/mail", "shop"))
    assert act.render(Request("retry", ("shop/mail/17",))) == f"rq requeue --url {LOCAL} --queue shop/mail 17"
    assert comes_back(act, Request("retry", ("shop/mail/17", "shop/x/1")))


def test_the_line_for_bullmq_keeps_names_out_of_the_script() -> None:
    line = actuator().render(Request("retry", ('ma"il/1', 'ma"il/$(reboot)')))
    words = shlex.split(line)
    assert words[:3] == [f"REDIS_URL={LOCAL}", "node", "-e"]
    assert words[4:] == ["--", "bull", 'ma"il', "1", "$(reboot)"]
    assert "reboot" not in words[3]
    assert actuator("env:URL").render(Request("pause", ("mail",))).startswith("node -e ")


def test_the_line_names_the_place_and_never_a_password() -> None:
    for library in ("rq", "bullmq"):
        line = actuator("redis://ops:hunter2@10.0.0.7:6380/2", type=library).render(Request("retry-all", ("mail",)))
        assert "hunter2" not in line
        assert HERE in line


def node(request: Request) -> str:
    return str(actuator("env:URL").render(request))


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("rq requeue --queue mail --all", Request("retry-all", ("mail",))),
        ("rq requeue --queue=mail -a", Request("retry-all", ("mail",))),
        ("rq requeue -a --queue mail", Request("retry-all", ("mail",))),
        ("rq requeue --queue mail f1 f2", Request("retry", ("mail/f1", "mail/f2"))),
        ("rq requeue f1 --queue mail", Request("retry", ("mail/f1",))),
        ("rq requeue --queue mail -- -f1", Request("retry", ("mail/-f1",))),
        ("rq requeue --queue mail f1 f1", Request("retry", ("mail/f1",))),
        ("$ rq requeue --queue mail f1", Request("retry", ("mail/f1",))),
        ("sudo -u app /srv/venv/bin/rq requeue --queue mail --all", Request("retry-all", ("mail",))),
        ("python3 -m rq.cli requeue --queue mail --all", Request("retry-all", ("mail",))),
        (f"rq requeue --url {LOCAL} --queue mail --all", Request("retry-all", ("mail",))),
        ("rq requeue -u redis://localhost --queue mail --all", Request("retry-all", ("mail",))),
        (f"RQ_REDIS_URL={LOCAL} rq requeue --queue mail --all", Request("retry-all", ("mail",))),
        ("rq requeue --queue mail --all && rq requeue --queue post --all", Request("retry-all", ("mail", "post"))),
        ("rq requeue --queue mail --all f1", Request("retry-all", ("mail",))),
        (node(Request("retry", ("mail/17", "mail/18"))), Request("retry", ("mail/17", "mail/18"))),
        (f"REDIS_URL={LOCAL} {node(Request('resume', ('mail',)))}", Request("resume", ("mail",))),
        ("redis-cli RPOPLPUSH bull:mail:failed bull:mail:wait", Request("retry-all", ("mail",))),
        ("redis-cli rpoplpush bull:mail:failed bull:mail:waiting", Request("retry-all", ("mail",))),
        ("redis-cli LMOVE bull:mail:failed bull:mail:wait RIGHT LEFT", Request("retry-all", ("mail",))),
        ("redis-cli RENAME bull:mail:failed bull:mail:wait", Request("retry-all", ("mail",))),
        ("redis-cli -h 127.0.0.1 -p 6379 RENAME bull:mail:failed bull:mail:wait", Request("retry-all", ("mail",))),
        ("redis-cli -u redis://localhost:6379/0 RENAME bull:a:b:failed bull:a:b:wait", Request("retry-all", ("a:b",))),
        (
            "redis-cli ZRANGE bull:mail:failed 0 -1 | xargs -n1 redis-cli LPUSH bull:mail:wait",
            Request("retry-all", ("mail",)),
        ),
        (
            "redis-cli --raw zrange bull:mail:failed 0 -1 | xargs -I{} redis-cli rpush bull:mail:wait {}",
            Request("retry-all", ("mail",)),
        ),
        ("redis-cli HSET bull:mail:meta paused 1", Request("pause", ("mail",))),
        ("redis-cli -n 0 HDEL bull:mail:meta paused", Request("resume", ("mail",))),
    ],
)
def test_the_spellings_people_write(line: str, request_: Request) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert found.request == request_


@pytest.mark.parametrize(
    "line",
    [
        "rq",
        "rq requeue",
        "rq requeue --queue mail",
        "rq requeue --queue",
        "rq requeue --all",
        "rq requeue f1",
        "rq requeue --queue mail --queue post --all",
        "rq requeue --queue mail --at-front f1",
        "rq requeue --queue mail --serializer json f1",
        "rq requeue --queue '' --all",
        "rq requeue --queue mail ''",
        "rq requeue --queue $Q --all",
        "rq requeue --queue mail $(cat ids)",
        "rq requeue --queue 'a\x1b[2J' --all",
        "rq requeue --url redis://elsewhere:6379/0 --queue mail --all",
        "rq requeue --url redis://127.0.0.1:6379/1 --queue mail --all",
        "rq requeue --url nonsense --queue mail --all",
        "RQ_REDIS_HOST=elsewhere rq requeue --queue mail --all",
        "RQ_REDIS_URL=redis://elsewhere rq requeue --queue mail --all",
        "rq empty mail",
        "rq suspend",
        "rq worker mail",
        "node app.js",
        "node -e 'process.exit()' -- bull mail 17",
        node(Request("retry", ("mail/17",))).replace("-- bull", "-- shop"),
        node(Request("retry", ("mail/17",))).replace(" 17", ""),
        node(Request("pause", ("mail",))) + " 17",
        node(Request("pause", ("mail",))).replace("queue.pause", "queue.obliterate"),
        f"REDIS_URL=redis://elsewhere {node(Request('pause', ('mail',)))}",
        "redis-cli",
        "redis-cli FLUSHALL",
        "redis-cli ZRANGE bull:mail:failed 0 -1",
        "redis-cli ZRANGE bull:mail:failed 0 9 | xargs redis-cli LPUSH bull:mail:wait",
        "redis-cli ZRANGE bull:mail:failed 0 -1 | xargs redis-cli LPUSH bull:post:wait",
        "redis-cli ZRANGE bull:mail:failed 0 -1 | xargs redis-cli -h elsewhere LPUSH bull:mail:wait",
        "redis-cli ZRANGE bull:mail:failed 0 -1 | xargs redis-cli DEL",
        "redis-cli ZRANGE bull:mail:failed 0 -1 | head",
        "redis-cli RPOPLPUSH bull:mail:failed bull:post:wait",
        "redis-cli RPOPLPUSH bull:mail:wait bull:mail:failed",
        "redis-cli RPOPLPUSH bull:mail:failed bull:mail:completed",
        "redis-cli RENAME shop:mail:failed shop:mail:wait",
        "redis-cli LMOVE bull:mail:failed bull:mail:wait",
        "redis-cli LMOVE bull:mail:failed bull:mail:wait UP DOWN",
        "redis-cli -h elsewhere RENAME bull:mail:failed bull:mail:wait",
        "redis-cli -p 6380 RENAME bull:mail:failed bull:mail:wait",
        "redis-cli -n 3 RENAME bull:mail:failed bull:mail:wait",
        "redis-cli -s /run/other.sock RENAME bull:mail:failed bull:mail:wait",
        "redis-cli -c RENAME bull:mail:failed bull:mail:wait",
        "redis-cli -r 5 RPOPLPUSH bull:mail:failed bull:mail:wait",
        "redis-cli HSET bull:mail:meta paused 0",
        "redis-cli HSET bull:mail:meta paused 1 concurrency 3",
        "redis-cli DEL bull:mail:meta",
        "redis-cli ZREM bull:mail:failed 17",
        "redis-cli LPUSH bull:mail:wait 17",
        "docker exec redis redis-cli RENAME bull:mail:failed bull:mail:wait",
        "ssh host rq requeue --queue mail --all",
        "rq requeue --queue mail --all && rm -rf /tmp/x",
        "rq requeue --queue mail --all && rq requeue --queue mail f1",
        "SELECT 1",
    ],
)
def test_what_is_not_certain_means_nothing(line: str) -> None:
    assert recognised(line, actuator()) is None


def test_a_line_of_another_library_means_nothing() -> None:
    assert recognised("rq requeue --queue mail --all", actuator(type="bullmq")) is None
    assert recognised(node(Request("pause", ("mail",))), actuator(type="rq")) is None
    assert recognised("redis-cli HSET bull:mail:meta paused 1", actuator(type="rq")) is None


def test_another_prefix_is_another_queue() -> None:
    act = actuator(prefix="{shop}")
    assert recognised("redis-cli HSET {shop}:mail:meta paused 1", act) is not None
    assert recognised("redis-cli HSET bull:mail:meta paused 1", act) is None
    assert comes_back(act, Request("retry", ("mail/17",)))


@pytest.mark.parametrize(
    ("url", "line", "here"),
    [
        (HERE, "rq requeue -u redis://10.0.0.7:6380/2 --queue mail f1", True),
        (HERE, "rq requeue -u redis://ops:secret@10.0.0.7:6380/2 --queue mail f1", True),
        (HERE, "rq requeue -u redis://10.0.0.7:6380 --queue mail f1", False),
        (HERE, "redis-cli -h 10.0.0.7 -p 6380 -n 2 HDEL bull:mail:meta paused", True),
        (HERE, "redis-cli -h 10.0.0.7 -p 6380 HDEL bull:mail:meta paused", False),
        ("unix:///run/r.sock", "redis-cli -s /run/r.sock HDEL bull:mail:meta paused", True),
        ("unix:///run/r.sock", "redis-cli -h 127.0.0.1 HDEL bull:mail:meta paused", False),
        ("redis://cache", "redis-cli -h CACHE HDEL bull:mail:meta paused", True),
        ("env:URL", "redis-cli -h cache HDEL bull:mail:meta paused", False),
        ("env:URL", "redis-cli HDEL bull:mail:meta paused", True),
    ],
)
def test_a_place_on_the_line_is_compared_by_what_it_means(url: str, line: str, here: bool) -> None:
    assert (recognised(line, actuator(url)) is not None) is here


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        (f"rq requeue --url {LOCAL} --queue mail f1", ""),
        ("rq requeue --queue mail f1", "does not say where: this is done at 127.0.0.1:6379"),
        (f"rq requeue --url {LOCAL} --queue mail --all", "only what had failed when you looked"),
        (node(Request("retry", ("mail/17",))), ""),
        (node(Request("retry-all", ("mail",))), "goes on until none is left"),
        ("redis-cli RPOPLPUSH bull:mail:failed bull:mail:wait", "breaks the jobs' state"),
        ("redis-cli HSET bull:mail:meta paused 1", "The flag alone"),
    ],
)
def test_a_line_that_does_something_else_than_people_think_is_warned_of(line: str, warning: str) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert warning in found.warning if warning else found.warning == ""
