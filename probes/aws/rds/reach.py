"""Whether a port is open from somewhere, by the security groups of what listens there.

Only groups are looked at: network ACLs, routes and the sender's own outgoing rules can still be in the way
(https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from probes.aws.rds.facts import Reach
from probes.aws.values import named, table, tables, whole
from probes.base import SafeText

_EVERYBODY: Final = ("0.0.0.0/0", "::/0")
_SHOWN: Final = 3


def rules_for(port: int, groups: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Incoming rules of DescribeSecurityGroups that let a TCP port through."""
    return [rule for group in groups for rule in tables(group.get("IpPermissions")) if _lets(rule, port)]


def _lets(rule: Mapping[str, Any], port: int) -> bool:
    protocol = str(rule.get("IpProtocol", ""))
    if protocol == "-1":
        return True
    first, last = whole(rule.get("FromPort")), whole(rule.get("ToPort"))
    return protocol in ("tcp", "6") and first is not None and last is not None and first <= port <= last


def networks(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The networks that rules let in."""
    for rule in rules:
        yield from (named(one.get("CidrIp")) for one in tables(rule.get("IpRanges")))
        yield from (named(one.get("CidrIpv6")) for one in tables(rule.get("Ipv6Ranges")))


def is_open_to_all(rules: Iterable[Mapping[str, Any]]) -> bool:
    """True when some rule lets every address in."""
    return not set(_EVERYBODY).isdisjoint(networks(rules))


def judged(source: str, port: int, rules: Sequence[Mapping[str, Any]]) -> Reach:
    """Whether one source is let in."""
    pairs = [named(table(one).get("GroupId")) for rule in rules for one in tables(rule.get("UserIdGroupPairs"))]
    lists = [named(one.get("PrefixListId")) for rule in rules for one in tables(rule.get("PrefixListIds"))]
    there = list(networks(rules))
    if source.startswith("sg-"):
        if source in pairs:
            return Reach(source, True, SafeText(f"port {port} is open to that group"))
    else:
        wanted = _network(source)
        for one in there:
            given = _network(one)
            if wanted is None or given is None or given.version != wanted.version:
                continue
            if wanted.subnet_of(given):  # type: ignore[arg-type]
                return Reach(source, True, SafeText(f"port {port} is open to {one}"))
    everybody = [one for one in there if one in _EVERYBODY]
    if everybody:
        return Reach(source, True, SafeText(f"port {port} is open to everybody ({everybody[0]})"))
    others = list(dict.fromkeys([*pairs, *there, *lists]))
    said = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
    if lists:
        return Reach(source, None, SafeText(f"a prefix list may let it in: {said}"))
    if source.startswith("sg-") and there:  # its addresses may be among them
        return Reach(source, None, SafeText(f"not to that group, but to {said}: its addresses may be among them"))
    return Reach(source, False, SafeText(f"port {port} is open to {said}" if said else f"nobody reaches port {port}"))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
