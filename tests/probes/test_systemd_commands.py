"""The lines of systemd's world, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.base import Context, Request, Target
from probes.systemd.act import SystemdActuator
from probes.systemd.commands import full_name
from probes.systemd.probe import SystemdSettings
from tests.probes.acting import comes_back
from tests.toys import NoSecrets


def actuator(**settings: Any) -> Any:
    given = SystemdSettings.model_validate(settings)
    return SystemdActuator(Target("box", "systemd", given), Context(NoSecrets()))


PLACES: list[dict[str, Any]] = [
    {},
    {"user": True},
    {"sudo": True},
    {"prefix": ["ssh", "-o", "BatchMode=yes", "web1"]},
    {"prefix": ["ssh", "web1"], "sudo": True},
    {"prefix": ["sudo", "-u", "ops", "env", "A=b", "docker", "exec", "box"], "user": True},
]

letters = "ABCxyz019:_.\\@-"
units = (
    st.tuples(st.sampled_from("abz09_"), st.text(letters, max_size=20), st.sampled_from(["service", "timer", "socket"]))
    .map(lambda parts: f"{parts[0]}{parts[1]}.{parts[2]}")
    .filter(lambda name: not name.partition(".")[0].endswith("@"))
)


@given(st.sampled_from(["start", "stop", "restart"]), st.lists(units, min_size=1, max_size=4, unique=True))
def test_every_request_comes_back_from_its_own_line(action: str, chosen: list[str]) -> None:
    for place in PLACES:
        assert comes_back(actuator(**place), Request(action, tuple(chosen)))


@pytest.mark.parametrize(
    ("line", "action", "chosen"),
    [
        ("systemctl restart token-refresh", "restart", ("token-refresh.service",)),
        ("sudo systemctl restart token-refresh.service", "restart", ("token-refresh.service",)),
        ("$ sudo -n /usr/bin/systemctl restart nginx", "restart", ("nginx.service",)),
        ("systemctl stop backup.timer", "stop", ("backup.timer",)),
        ("systemctl start -- web@1.service", "start", ("web@1.service",)),
        ("systemctl --system --no-pager -q restart nginx", "restart", ("nginx.service",)),
        ("systemctl restart nginx --no-block", "restart", ("nginx.service",)),
        ("systemctl --job-mode=replace restart nginx", "restart", ("nginx.service",)),
        ("systemctl --job-mode fail restart nginx", "restart", ("nginx.service",)),
        ("systemctl restart a b.socket a", "restart", ("a.service", "b.socket")),
        ("systemctl restart node.js", "restart", ("node.js.service",)),
        ("systemctl restart postgresql@15-main", "restart", ("postgresql@15-main.service",)),
        (r"systemctl restart 'dev-disk\x2da.service'", "restart", (r"dev-disk\x2da.service",)),
        ("service nginx restart", "restart", ("nginx.service",)),
        ("sudo /usr/sbin/service nginx stop", "stop", ("nginx.service",)),
        ("invoke-rc.d nginx start", "start", ("nginx.service",)),
        ("/etc/init.d/nginx restart", "restart", ("nginx.service",)),
        ("sudo /etc/rc.d/init.d/nginx restart", "restart", ("nginx.service",)),
        ("systemctl stop a && systemctl stop b", "stop", ("a.service", "b.service")),
        ("time systemctl restart nginx", "restart", ("nginx.service",)),
    ],
)
def test_the_spellings_people_write(line: str, action: str, chosen: tuple[str, ...]) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert found.request == Request(action, chosen)


@pytest.mark.parametrize(
    "line",
    [
        "systemctl",
        "systemctl restart",
        "systemctl status nginx",
        "systemctl reload nginx",
        "systemctl reload-or-restart nginx",
        "systemctl try-restart nginx",
        "systemctl kill nginx",
        "systemctl isolate rescue.target",
        "systemctl daemon-reload",
        "systemctl daemon-reload && systemctl restart nginx",
        "systemctl enable --now nginx",
        "systemctl -f restart nginx",
        "systemctl --user restart nginx",
        "systemctl -H web1 restart nginx",
        "systemctl --host=web1 restart nginx",
        "systemctl -M box restart nginx",
        "systemctl --root=/ restart nginx",
        "systemctl restart 'web@*'",
        "systemctl restart web@",
        "systemctl restart web@.service",
        "systemctl restart ../nginx",
        "systemctl restart 'a;reboot'",
        "systemctl restart 'a b'",
        "systemctl restart -- --root=x",
        "systemctl restart $UNIT",
        "systemctl restart $(cat units)",
        "ssh web1 systemctl restart nginx",
        "docker exec box systemctl restart nginx",
        "service nginx status",
        "service --status-all",
        "service nginx",
        "/etc/init.d/nginx",
        "/etc/init.d/nginx reload",
        "/tmp/etc/init.d/nginx restart",
        "systemctl stop a && systemctl start a",
        "supervisorctl restart nginx",
    ],
)
def test_what_is_not_certain_means_nothing(line: str) -> None:
    assert recognised(line, actuator()) is None


@pytest.mark.parametrize(
    ("line", "settings", "known", "warning"),
    [
        ("systemctl --user restart x", {"user": True}, True, ""),
        ("sudo -u bob systemctl --user restart x", {"user": True}, False, ""),
        ("XDG_RUNTIME_DIR=/run/user/1001 systemctl --user restart x", {"user": True}, False, ""),
        ("sudo -R /mnt systemctl restart x", {}, False, ""),
        ("systemctl restart x | ssh web2 systemctl restart x", {}, False, ""),
        ("systemctl restart x > /etc/nginx/nginx.conf", {}, False, ""),
        ("systemctl restart x", {"user": True}, False, ""),
        ("systemctl --user --system restart x", {"user": True}, False, ""),
        ("service x restart", {"user": True}, False, ""),
        ("ssh web1 systemctl restart x", {"prefix": ["ssh", "web1"]}, True, ""),
        ("ssh web1 sudo -n systemctl restart x", {"prefix": ["ssh", "web1"]}, True, ""),
        ("ssh web1 service x restart", {"prefix": ["ssh", "web1"]}, True, ""),
        ("ssh web2 systemctl restart x", {"prefix": ["ssh", "web1"]}, False, ""),
        ("ssh web1", {"prefix": ["ssh", "web1"]}, False, ""),
        ("systemctl restart x", {"prefix": ["ssh", "web1"]}, True, "this is done by ssh web1"),
        ("systemctl restart x y", {}, True, "one is restarted after the other"),
        ("systemctl stop x y", {}, True, ""),
        ("/etc/init.d/x restart", {}, True, "The script itself is not run"),
    ],
)
def test_a_line_belongs_to_its_place(line: str, settings: dict[str, Any], known: bool, warning: str) -> None:
    found = recognised(line, actuator(**settings))
    assert (found is not None) is known
    if found is not None:
        assert warning in found.warning if warning else found.warning == ""


def test_the_line_is_one_a_person_would_type() -> None:
    request = Request("restart", ("nginx.service", "web@1.service"))
    assert actuator(sudo=True).render(request) == "sudo systemctl restart nginx.service web@1.service"
    assert actuator(prefix=["ssh", "web1"]).render(request).startswith("ssh web1 systemctl restart nginx.service")


def test_a_name_is_completed_as_systemctl_does() -> None:
    assert [full_name(name) for name in ("a", "a.b", "a.timer", "timer")] == [
        "a.service",
        "a.b.service",
        "a.timer",
        "timer.service",
    ]
