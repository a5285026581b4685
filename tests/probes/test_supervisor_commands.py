"""supervisorctl's lines, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.base import Context, Request, Target
from probes.supervisor.act import SupervisorActuator
from probes.supervisor.address import SupervisorSettings
from tests.probes.acting import comes_back
from tests.toys import NoSecrets

HERE = "unix:///run/app/supervisor.sock"


def actuator(url: str = HERE) -> Any:
    return SupervisorActuator(Target("app", "supervisor", SupervisorSettings(url=url)), Context(NoSecrets()))


names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters=":*/-"), min_size=1)
subjects = st.one_of(names, st.tuples(names, names).map(":".join), names.map(lambda name: f"{name}:{name}"))


@given(st.sampled_from(["start", "stop", "restart"]), st.lists(subjects, unique=True, max_size=4))
def test_every_request_comes_back_from_its_own_line(action: str, chosen: list[str]) -> None:
    for url in (HERE, "http://10.0.0.7:9001", "http://[::1]:9001", "env:NOT_SET"):
        assert comes_back(actuator(url), Request(action, tuple(chosen)))


@given(subjects, st.integers(1, 500))
def test_a_number_of_processes_comes_back_from_its_own_line(chosen: str, number: int) -> None:
    assert comes_back(actuator(), Request("scale", (chosen,), number))


@pytest.mark.parametrize(
    ("line", "action", "chosen"),
    [
        ("supervisorctl restart newsletter-app", "restart", ("newsletter-app:newsletter-app",)),
        ("supervisorctl restart worker:worker-1", "restart", ("worker:worker-1",)),
        ("supervisorctl restart worker:*", "restart", ("worker",)),
        ("supervisorctl restart 'worker:*'", "restart", ("worker",)),
        ("supervisorctl restart worker:", "restart", ("worker",)),
        ("supervisorctl stop all", "stop", ()),
        ("supervisorctl start a b c:*", "start", ("a:a", "b:b", "c")),
        ("supervisorctl stop a a", "stop", ("a:a",)),
        ("sudo supervisorctl restart web", "restart", ("web:web",)),
        ("$ sudo -u root /usr/bin/supervisorctl restart web", "restart", ("web:web",)),
        ("supervisorctl -c /etc/supervisord.conf restart web", "restart", ("web:web",)),
        ("supervisorctl --configuration=/etc/supervisord.conf restart web", "restart", ("web:web",)),
        ("supervisorctl -c/etc/supervisord.conf restart web", "restart", ("web:web",)),
        (f"supervisorctl -s {HERE} restart web", "restart", ("web:web",)),
        (f"supervisorctl --serverurl={HERE} start web", "start", ("web:web",)),
        (f"supervisorctl --serverurl {HERE} -u ops -p secret start web", "start", ("web:web",)),
        ("python3 -m supervisor.supervisorctl restart web", "restart", ("web:web",)),
        ("supervisorctl stop a && supervisorctl stop b", "stop", ("a:a", "b:b")),
        ("supervisorctl restart web | cat", "restart", ("web:web",)),
    ],
)
def test_the_spellings_people_write(line: str, action: str, chosen: tuple[str, ...]) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert found.request == Request(action, chosen)


@pytest.mark.parametrize(
    "line",
    [
        "supervisorctl",
        "supervisorctl restart",
        "supervisorctl status",
        "supervisorctl reload",
        "supervisorctl update",
        "supervisorctl shutdown",
        "supervisorctl signal HUP web",
        "supervisorctl restart -x",
        "supervisorctl restart web --now",
        "supervisorctl restart all web",
        "supervisorctl restart a:b:c",
        "supervisorctl restart '*'",
        "supervisorctl restart 'wor*'",
        "supervisorctl restart $NAME",
        "supervisorctl restart $(cat names)",
        "supervisorctl restart 'a b'",
        "supervisorctl -x restart web",
        "supervisorctl -s",
        "supervisorctl -s unix:///run/other.sock restart web",
        f"supervisorctl -s {HERE} -s {HERE} restart web",
        "supervisorctl -s http://other:9001 restart web",
        "supervisorctl -s nonsense restart web",
        "docker exec app supervisorctl restart web",
        "ssh host supervisorctl restart web",
        "systemctl restart web",
        "python3 -m supervisor.supervisord restart web",
        "supervisorctl stop a && supervisorctl start a",
        "supervisorctl stop a && rm -rf /tmp/x",
        "SELECT 1",
    ],
)
def test_what_is_not_certain_means_nothing(line: str) -> None:
    assert recognised(line, actuator()) is None


def test_an_address_on_the_line_is_compared_by_what_it_means() -> None:
    port = actuator("http://localhost:9001")
    assert recognised("supervisorctl -s http://127.0.0.1:9001 stop web", port) is not None
    assert recognised("supervisorctl -s http://localhost stop web", port) is not None
    assert recognised("supervisorctl -s http://localhost:9002 stop web", port) is None
    assert recognised("supervisorctl -s http://localhost:9001 stop web", actuator("env:URL")) is None


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("supervisorctl restart web", ""),
        ("supervisorctl stop a b", ""),
        ("supervisorctl restart a b", "one is restarted after the other"),
        ("supervisorctl restart worker:*", "one is restarted after the other"),
        ("supervisorctl restart all", "one is restarted after the other"),
        ("supervisorctl -c /etc/x.conf stop web", "/etc/x.conf is not read here"),
    ],
)
def test_a_line_that_does_something_else_than_people_think_is_warned_of(line: str, warning: str) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert warning in found.warning if warning else found.warning == ""


def test_the_line_names_the_place_and_never_a_password() -> None:
    line = actuator("http://ops:hunter2@10.0.0.7:9001").render(Request("restart", ("worker", "web:web")))
    assert line == "supervisorctl -s http://10.0.0.7:9001 restart 'worker:*' web"
    assert actuator("env:URL").render(Request("stop")) == "supervisorctl stop all"
