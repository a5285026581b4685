"""What lines about the network mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from probes.base import CommandLine, Danger, Dialect, Verb
from probes.net import dialect as module
from tests.probes.spoken import carried, line, meant, said, words

DIALECT = cast(Dialect, module)

ROWS = [
    ("arping -U -I eth0 10.0.0.5", "shell other disruptive", "10.0.0.5"),
    ("arping -c 2 10.0.0.5", "reading host read", "10.0.0.5"),
    ("ping shop.example", "reading host read", "shop.example"),
    ("ping -c 4 -W 2 10.0.0.4", "reading host read", "10.0.0.4"),
    ("ping6 <host>", "reading host read", "<host>"),
    ("dig shop.example", "reading host read", "shop.example"),
    ("dig @10.0.0.2 -p 5353 +short shop.example MX", "reading host read", "shop.example"),
    ("nslookup db.internal 10.0.0.2", "reading host read", "db.internal"),
    ("host shop.example", "reading host read", "shop.example"),
    ("traceroute -n shop.example", "reading host read", "shop.example"),
    ("mtr --report shop.example", "reading host read", "shop.example"),
    ("nc -zv db 5432", "reading host read", "db:5432"),
    ("nc -z -w 3 db 5432", "reading host read", "db:5432"),
    ("nc -l 9000", "shell other disruptive", "9000"),
    ("telnet db 5432", "reading host read", "db:5432"),
    ("socat - TCP:db:5432", "shell other disruptive", "-:TCP:db:5432"),
    ("whois shop.example", "shell host read", "shop.example"),
    ("nmap -p 443 shop.example", "shell host read", "shop.example"),
    ("getent hosts db", "shell host read", "db"),
    ("ip addr show eth0", "shell host read", "eth0"),
    ("ip -br a", "shell host read", ""),
    ("ip route get 10.0.0.4", "shell host read", "10.0.0.4"),
    ("ip link set eth0 down", "shell other disruptive", "eth0"),
    ("ip addr add 10.0.0.9/24 dev eth0", "shell other disruptive", "10.0.0.9/24"),
    ("ip route flush cache", "shell other destructive", "cache"),
    ("tc qdisc add dev eth0 root netem delay 100ms", "shell other disruptive", "dev"),
    ("tc qdisc show", "shell host read", ""),
    ("ifconfig", "shell host read", ""),
    ("ifconfig eth0 down", "shell other disruptive", "eth0"),
    ("route -n", "shell host read", ""),
    ("route add default gw 10.0.0.1", "shell other disruptive", "add"),
    ("nmcli device status", "shell host read", "device"),
    ("nmcli con up office", "shell other disruptive", "con"),
    ("arp -an", "shell host read", ""),
    ("tcpdump -i eth0 port 5432", "shell host read", ""),
    ("tcpdump -c 100 -w /tmp/a.pcap", "shell host reversible", ""),
    ("iperf3 -c shop.example", "shell other disruptive", ""),
    ("resolvectl status", "reading host read", ""),
    ("resolvectl flush-caches", "shell other disruptive", ""),
    ("systemd-resolve --flush-caches", "shell other disruptive", ""),
    ("iptables -L -n -v", "shell host read", "iptables"),
    ("iptables -A INPUT -s 10.0.0.9 -j DROP", "shell other disruptive", "iptables"),
    ("iptables -t nat -F", "shell other destructive", "iptables"),
    ("nft list ruleset", "shell host read", "nft"),
    ("nft flush ruleset", "shell other destructive", "nft"),
    ("ufw status verbose", "shell host read", "ufw"),
    ("ufw deny from 10.0.0.9", "shell other disruptive", "ufw"),
    ("ufw reset", "shell other destructive", "ufw"),
    ("firewall-cmd --list-all", "shell host read", "firewall-cmd"),
    ("firewall-cmd --reload", "shell other disruptive", "firewall-cmd"),
]


@pytest.mark.parametrize(("text", "expected", "target"), ROWS)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


@pytest.mark.parametrize(
    ("fed", "verb", "danger"),
    [
        (("echo", "stats"), Verb.STATUS, Danger.READ),
        (("echo", "-n", "ruok"), Verb.HEALTH, Danger.READ),
        (("printf", "stats\\r\\nquit\\r\\n"), Verb.STATUS, Danger.READ),
        (("echo", "flush_all"), Verb.OTHER, Danger.DESTRUCTIVE),
        (("printf", "stats\\r\\nset a 0 0 1\\r\\n"), Verb.OTHER, Danger.DISRUPTIVE),
        (("cat", "commands.txt"), Verb.OTHER, Danger.DISRUPTIVE),
        (("echo",), Verb.HOST, Danger.READ),
    ],
)
def test_what_is_said_over_a_bare_connection_decides(fed: tuple[str, ...], verb: Verb, danger: Danger) -> None:
    found = meant(DIALECT, "nc cache 11211", fed=fed)
    assert (found.verb, found.danger) == (verb, danger)


def test_a_file_that_is_sent_may_be_anything() -> None:
    assert meant(DIALECT, "nc db 9000", reads="dump.sql").danger is Danger.DISRUPTIVE


def test_lines_that_never_end_say_so() -> None:
    assert meant(DIALECT, "ping shop.example").endless
    assert "never ends" in meant(DIALECT, "ping shop.example").warning
    assert not meant(DIALECT, "ping -c4 shop.example").endless
    assert not meant(DIALECT, "ping -c4 shop.example").warning
    assert meant(DIALECT, "telnet db 5432").interactive
    assert meant(DIALECT, "tcpdump -i eth0").endless
    assert meant(DIALECT, "mtr shop.example").endless


def test_a_command_in_a_network_namespace_is_carried() -> None:
    assert carried(DIALECT, "ip netns exec blue rm -f /tmp/a").words == ("rm", "-f", "/tmp/a")


@pytest.mark.parametrize("text", ["host all all 10.0.0.0/8 md5", "host shop scram", "pinging", "echo ping x"])
def test_other_lines_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


PROGRAMS = ["dig", "host", "ping", "mtr", "nc", "telnet", "ip", "tc", "ifconfig", "nmcli", "resolvectl", "iptables",
            "nft", "ufw", "firewall-cmd", "tcpdump", "arp", "ethtool", "route", "netplan", "traceroute",
            "socat"]  # fmt: skip


@given(some.sampled_from(PROGRAMS), words, some.text(max_size=10))
def test_no_words_are_too_strange(program: str, rest: list[str], fed: str) -> None:
    module.understand(CommandLine((program, *rest), fed=("echo", fed)))
