"""What lines that look at the network mean, and those that change it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.options import NUMBER, options

_NAMES: Final = frozenset({"dig", "nslookup", "host", "drill", "delv", "kdig", "dog"})
_ROUTES: Final = frozenset({"traceroute", "traceroute6", "tracepath", "tracert", "tcptraceroute", "arping", "fping"})
_SPEAKING: Final = frozenset({"nc", "ncat", "netcat", "telnet", "socat"})
_LOOKS: Final = frozenset({"show", "list", "ls", "lst", "get", "monitor", "help", "sh", "s", "l"})
_WALLS: Final = frozenset({"iptables", "ip6tables", "nft", "ufw", "firewall-cmd", "ipset", "ebtables", "arptables"})
_VALUED: Final = frozenset({"-c", "-i", "-I", "-s", "-t", "-w", "-W", "-p", "-m", "-q", "-f", "-M", "-x", "-o", "-X"})
_STATS: Final = re.compile(r"\s*(?:stats|version|ruok|mntr|stat|srvr|conf|ping|info|show|quit|get|exists)\b", re.I)
"""What a server is asked over a bare connection and changes nothing: memcached, ZooKeeper, Redis, HAProxy."""
_GONE: Final = re.compile(r"flush|delet|drop|purg|reset|clear|remov|destroy|wip|truncat|unlink|\bdel\b", re.I)

_PING: Final = "ping never ends by itself, and networks often drop it; here names, connections and TLS are timed"
_TELNET: Final = "telnet waits for a person; here the connection is tried, timed and closed"


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line about the network means; None for every other program."""
    name, words = line.program, line.words[1:]
    if name in _NAMES:
        plain = [
            word
            for word in options(words, {"-p", "-t", "-x", "-q", "-b", "-f", "-k", "-y"}).plain
            if word[:1] not in "@+"
        ]
        if name == "host" and not _is_name(plain):
            return None
        return _reading(" ".join(plain[:1]))
    if name in ("ping", "ping6"):
        found = options(words, _VALUED)
        endless = not found.has("-c", "-w", NUMBER)
        return Meaning(
            Sort.READING,
            Verb.HOST,
            "net",
            " ".join(found.plain[-1:]),
            kind="net",
            warning=_PING if endless else "",
            endless=endless,
        )
    if name == "arping" and options(words, _VALUED).has("-U", "-A"):
        return _change(" ".join(options(words, _VALUED).plain[:1]))
    if name in _ROUTES:
        return _reading(" ".join(options(words, _VALUED).plain[:1]))
    if name == "mtr":
        found = options(words, _VALUED)
        live = not found.has("-r", "--report", "-w", "--report-wide", "-c", "--report-cycles", "--json", "-j", "-C")
        return _reading(" ".join(found.plain[-1:]), endless=live, interactive=live)
    if name in _SPEAKING:
        return _spoken(line)
    if name in ("whois", "nmap", "getent", "arp", "ethtool", "iperf", "iperf3", "tcpdump", "tshark"):
        return _other(name, words)
    if name in ("ip", "bridge", "tc"):
        return _ip(words)
    if name in ("ifconfig", "route", "brctl", "nmcli", "netplan", "ifup", "ifdown", "networkctl"):
        return _interfaces(name, words)
    if name in ("resolvectl", "systemd-resolve"):
        plain = options(words, {"-i", "--interface", "-t", "--type"}).plain
        changes = {"flush-caches", "reset-statistics", "reset-server-features", "revert", "dns", "domain"} & {*plain, *(
            word.removeprefix("--") for word in words
        )}  # fmt: skip
        return _change(" ".join(plain[1:2])) if changes else _reading(" ".join(plain[1:2]))
    return _wall(name, words) if name in _WALLS else None


def _is_name(plain: Sequence[str]) -> bool:
    """Whether what stands behind `host` is a name to look up: the word also begins lines of pg_hba.conf."""
    return len(plain) in (1, 2) and bool(re.search(r"[.:$<{]|^localhost$", plain[0]))


def _reading(target: str, *, endless: bool = False, interactive: bool = False) -> Meaning:
    return Meaning(Sort.READING, Verb.HOST, "net", target, kind="net", endless=endless, interactive=interactive)


def _look(target: str, *, endless: bool = False) -> Meaning:
    return Meaning(Sort.SHELL, Verb.HOST, "net", target, endless=endless)


def _change(target: str, danger: Danger = Danger.DISRUPTIVE) -> Meaning:
    return Meaning(Sort.SHELL, Verb.OTHER, "net", target, danger)


def _spoken(line: CommandLine) -> Meaning:
    """A bare connection: tried only, or something is said over it."""
    valued = {"-w", "-s", "-x", "-X", "-i", "-q", "-e", "-c", "-T"}
    found = options(line.words[1:], valued | {"-l", "-b"} if line.program == "telnet" else valued)
    plain = found.plain
    target = ":".join(plain[:2])
    said = line.stdin or " ".join(word for word in line.fed[1:] if not word.startswith("-"))
    if found.has("-z", "--zero"):
        return _reading(target)
    runs = found.has("-e", "-c", "--exec", "--sh-exec", "-l", "--listen")
    if runs or line.reads or (line.program == "socat" and not said.strip()):
        return _change(target)
    if not said.strip():
        warning = _TELNET if line.program == "telnet" else ""
        return Meaning(
            Sort.READING, Verb.HOST, "net", target, kind="net", warning=warning, endless=not line.fed,
            interactive=not line.fed,
        )  # fmt: skip
    if _GONE.search(said):
        return _change(target, Danger.DESTRUCTIVE)
    if all(map(_STATS.match, filter(str.strip, re.split(r"\\r|\\n|[\r\n]+", said)))):
        health = bool(re.match(r"\s*(?:ruok|ping)\b", said, re.I))
        return Meaning(Sort.SHELL, Verb.HEALTH if health else Verb.STATUS, "net", target)
    return _change(target)


def _other(name: str, words: Sequence[str]) -> Meaning:
    found = options(words, _VALUED)
    target = " ".join(found.plain[-1:])
    if name == "arp":
        return _change(target) if found.has("-d", "-s", "--delete", "--set") else _look(target)
    if name == "ethtool":
        return _change(target) if found.has("-s", "-K", "-G", "-A", "-r", "-E", "--reset") else _look(target)
    if name in ("iperf", "iperf3"):
        return _change(target)
    if name in ("tcpdump", "tshark"):
        writes = "-w" in words
        endless = not found.has("-c") and "-r" not in words
        return Meaning(
            Sort.SHELL, Verb.HOST, "net", danger=Danger.REVERSIBLE if writes else Danger.READ, reveals=True,
            endless=endless,
        )  # fmt: skip
    return _look(target)


def _ip(words: Sequence[str]) -> Meaning | Within:
    inside = options(words, first=True).plain
    if inside[:2] == ["netns", "exec"] and len(inside) > 3:
        return Within("", tuple(inside[3:]), system="net")
    if {"-b", "-batch", "--batch"} & set(words):
        return _change("")
    plain = options(words, {"-n", "-netns", "-f", "-family"}, dashed=True).plain
    verb = plain[1] if len(plain) > 1 else "show"
    target = " ".join(plain[2:3])
    changes = {
        "add", "del", "delete", "set", "change", "replace", "append", "flush", "up", "down", "save", "restore", "a",
        "d", "attach",
    }  # fmt: skip
    if verb in _LOOKS or not (verb in changes or changes & set(plain)):
        return _look(target, endless=verb == "monitor" or plain[:1] == ["monitor"])
    return _change(target, Danger.DESTRUCTIVE if "flush" in plain else Danger.DISRUPTIVE)


def _interfaces(name: str, words: Sequence[str]) -> Meaning:
    plain = [word for word in words if not word.startswith("-")]
    verbs = {
        "show",
        "status",
        "list",
        "device",
        "dev",
        "connection",
        "con",
        "general",
        "get",
        "monitor",
        "lldp",
        "d",
        "c",
    }
    if name in ("ifup", "ifdown", "netplan"):
        looks = plain[:1] in (["get"], ["status"], ["info"])
    elif name == "ifconfig":
        looks = len(plain) < 2
    elif name == "route":
        looks = not plain
    elif name == "brctl":
        looks = plain[:1] in (["show"], ["showmacs"], ["showstp"])
    else:
        looks = set(plain[:2]) <= verbs and len(plain) < 4 and not {"up", "down", "reload", "delete"} & set(plain)
    return _look(" ".join(plain[:1])) if looks else _change(" ".join(plain[:1]))


def _wall(name: str, words: Sequence[str]) -> Meaning:
    """A packet filter: listing it, changing it, emptying it."""
    plain = [word for word in words if not word.startswith("-")]
    if name == "ufw":
        looks = plain[:1] in (["status"], ["show"], ["version"], ["app"])
        gone = plain[:1] in (["reset"], ["delete"])
    elif name == "firewall-cmd":
        looks = all(
            word.startswith(("--list", "--get", "--state", "--query", "--zone", "--permanent", "--info"))
            for word in words
        )
        gone = any(word.startswith("--remove") for word in words)
    elif name in ("nft", "ipset"):
        looks = plain[:1] in (["list"], ["monitor"], ["test"], ["save"]) and "flush" not in plain
        gone = bool({"flush", "delete", "destroy", "reset"} & set(plain))
    else:
        found = options(words, {"-t", "--table", "-w", "-W"})
        looks = found.has("-L", "--list", "-S", "--list-rules", "-C", "--check") and not found.has(
            "-F", "-Z", "-D", "-X"
        )
        gone = found.has("-F", "--flush", "-X", "--delete-chain", "-Z", "--zero", "-D", "--delete")
    if looks and not gone:
        return _look(name)
    return _change(name, Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE)
