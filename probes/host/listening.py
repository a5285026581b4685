"""Who listens on which port: the kernel's lists of sockets, and the processes that hold them.

Form of the lists: https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.rst
"""

from __future__ import annotations

import os
import socket
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from probes.base import Cause, ProbeError, SafeText
from probes.host.numbers import natural, slurp

_LISTS: Final = ("tcp", "tcp6", "udp", "udp6")
_WAITS: Final = {"tcp": b"0A", "udp": b"07"}
"""The kernel's number of a socket that waits for somebody; of UDP: that is not tied to a peer."""
_MOST: Final = 200_000
"""Open files that are looked at, of all processes together."""


class Listener(NamedTuple):
    """One socket that waits."""

    port: int
    over: str
    """tcp or udp."""
    address: str
    uid: int
    """Whose it is."""
    inode: bytes
    """Identity of the socket, by which its process is found."""


def parse_listeners(raw: bytes | None, over: str) -> Iterator[Listener]:
    """Sockets that wait, out of `net/tcp` and its like; lines of another form are left out.

    >>> [(one.port, one.address) for one in parse_listeners(b"sl\\n 0: 0100007F:0BB8 0:0 0A 0:0 0:0 0 33 0 77", "tcp")]
    [(3000, '127.0.0.1')]
    """
    for row in (raw or b"").splitlines()[1:]:
        words = row.split(None, 10)
        if len(words) < 10 or words[3].upper() != _WAITS[over]:
            continue
        place, _, port = words[1].partition(b":")
        uid = natural(words[7])
        try:
            found = Listener(int(port, 16), over, _address(place), -1 if uid is None else uid, words[9])
        except (ValueError, struct.error):
            continue
        if 0 <= found.port < 1 << 16 and (over == "tcp" or words[2].rpartition(b":")[2] in (b"0000", b"0")):
            yield found


def _address(text: bytes) -> str:
    """An address as the kernel writes it: words of 32 bits, each in the machine's own order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))


def _holders(proc: str, wanted: frozenset[bytes]) -> Mapping[bytes, list[str]]:
    """Names and numbers of the processes that hold these sockets; those of others are seen by root alone."""
    found: dict[bytes, list[str]] = defaultdict(list)
    left = _MOST
    for pid in filter(str.isdigit, _names(proc)):
        held = set()
        for name in _names(f"{proc}/{pid}/fd"):
            left -= 1
            try:
                held.add(os.readlink(f"{proc}/{pid}/fd/{name}".encode()))
            except OSError:
                continue
        for inode in wanted & {link[8:-1] for link in held if link.startswith(b"socket:[")}:
            called = SafeText((slurp(f"{proc}/{pid}/comm", 64) or b"?").strip(), 32)
            found[inode].append(f"{called} (pid {pid})")
        if left <= 0:
            break
    return found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def listening(proc: str) -> list[SafeText]:
    """A line for each socket that waits: port, how, address, who. Blocking.

    Raises `ProbeError` where none of the lists can be read; a machine without IPv6 has no lists of that.
    """
    lists = {name: slurp(f"{proc}/net/{name}") for name in _LISTS}
    unread = [name for name in _WAITS if lists[name] is None]
    if len(unread) == len(_WAITS):
        raise ProbeError(Cause.MISSING, f"who listens can't be read: {SafeText(proc, 100)}/net has no lists of sockets")
    waiting = sorted({one for name, raw in lists.items() for one in parse_listeners(raw, name.removesuffix("6"))})
    held = _holders(proc, frozenset(one.inode for one in waiting))
    lines = [_line(one, held.get(one.inode, ())) for one in waiting]
    return [*lines, *(SafeText(f"who listens over {over} can't be read") for over in unread)]


def _line(one: Listener, who: Iterable[str]) -> SafeText:
    hidden = f"uid {one.uid}: only root sees its process"
    return SafeText(f"{one.port:>5}  {one.over}  {one.address:<24}  {', '.join(sorted(who)[:5]) or hidden}", 300)
