"""What ssh complains of, in our words: why nobody was let in, and whether something has begun on the other side."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from probes.base import Cause, ProbeError, SafeText
from probes.exec.program import Ran

_NOWHERE: Final = "unknown port 65535"
"""What ssh calls the other end of a detour: a jump host, or a ProxyCommand; ours for what runs there leads nowhere."""

_CHANGED: Final = "host identification has changed"
_NOT_LED: Final = re.compile(r"open failed: ([a-z ]+?)(?: failed)?: ([^\r\n]{0,120})")
_FINGERPRINT: Final = re.compile(r"\b(SHA256:[A-Za-z0-9+/]{43}|MD5:[0-9a-f:]{47})")
_KEY: Final = re.compile(r"\b(?:No|the) (\w[\w@.-]{1,30}) (?:host )?key", re.IGNORECASE)
_METHODS: Final = re.compile(r"permission denied \(([a-z,-]{1,80})\)", re.IGNORECASE)


class NotBegun(ProbeError):
    """What was to be done on the other side has certainly not begun."""


class SessionsFull(NotBegun):
    """sshd takes no more programs over this connection at once."""


def went_by_detour(ran: Ran) -> bool:
    """True when a login broke off on a detour, whose own complaint ssh keeps to itself while it makes a connection."""
    return _NOWHERE in ran.err.decode("utf-8", "replace").lower()


def jumps_of(configuration: bytes) -> tuple[str, ...]:
    r"""The jump hosts in what `ssh -G` tells; none where the way is a ProxyCommand.

    >>> jumps_of(b"hostname db\nproxyjump ops@gate,inner\n"), jumps_of(b"proxycommand corkscrew %h\n")
    (('ops@gate', 'inner'), ())
    """
    found = (row.partition(b" ")[2] for row in configuration.splitlines() if row.startswith(b"proxyjump "))
    named = next(found, b"").decode("utf-8", "replace").strip()
    return tuple(str(SafeText(one, 80)) for one in named.split(",") if one) if named != "none" else ()


def detour_failed(ran: Ran, destination: str, jumps: tuple[str, ...]) -> NotBegun:
    """Why no connection was made by way of others, by what those and ssh wrote to standard error."""
    kept = [row for row in ran.err.splitlines() if _NOWHERE.encode() not in row.lower() and b"kex_exchange" not in row]
    err = b"\n".join(kept)
    if not jumps:
        last = SafeText(_last(err), 200)
        words = f"the ProxyCommand for {destination} leads nowhere" + (f": {last}" if last else "")
        return NotBegun(Cause.CLOSED_EARLY, words, _CHECK.format(there=destination))
    if not err.strip():  # those on the way have no complaint: it is the other end that hung up
        return login_failed(ran, destination)
    there = " or ".join(jumps)
    if found := _NOT_LED.search(err.decode("utf-8", "replace")):
        if "prohibited" in found[1]:
            hint = "AllowTcpForwarding and PermitOpen of its sshd, or the options of our key there"
            return NotBegun(Cause.DENIED, f"{jumps[-1]} does not lead us on to {destination}", hint)
        return NotBegun(Cause.REFUSED, f"{destination} is not reached from {jumps[-1]}: {SafeText(found[2], 120)}")
    error = login_failed(replace(ran, err=err), there)
    hint = str(error.hint) if len(jumps) == 1 else f"try each by hand: {', '.join(f'`ssh {one}`' for one in jumps)}"
    return NotBegun(error.cause, f"on the way to {destination}: {error.message}", hint)


def silent(destination: str, jumps: tuple[str, ...]) -> NotBegun:
    """Nobody answers at the end of a detour."""
    by = f" by way of {' and '.join(jumps)}" if jumps else " by its ProxyCommand"
    return NotBegun(Cause.TIMEOUT_CONNECT, f"no answer from {destination}{by}", _CHECK.format(there=destination))


def key_has_changed(ran: Ran, destination: str) -> NotBegun | None:
    """That a host key has changed, where ssh goes on in spite of it because its configuration tells it to."""
    text = ran.err.decode("utf-8", "replace")
    return _changed_key(text, destination) if _CHANGED in text.lower() else None


def login_failed(ran: Ran, destination: str) -> NotBegun:
    """Why no connection was made, by what ssh wrote to standard error."""
    text = ran.err.decode("utf-8", "replace")
    said = text.lower()
    if _CHANGED in said:
        return _changed_key(text, destination)
    if "host key verification failed" in said:
        return _unknown_key(text, destination)
    for marks, cause, words, hint in _REASONS:
        if any(mark in said for mark in marks):
            return NotBegun(cause, words.format(there=destination), hint.format(there=destination))
    if found := _METHODS.search(text):
        hint = f"`ssh {destination}` must work without a question: ssh-add, or IdentityFile in your configuration"
        return NotBegun(Cause.AUTH, f"{destination} lets nobody in with the keys we have ({found[1]})", hint)
    last = SafeText(_last(ran.err), 200)
    return NotBegun(Cause.REFUSED, f"ssh does not get through to {destination}: {last or f'it ended with {ran.code}'}")


_CHECK: Final = "try `ssh {there}` by hand"
_REASONS: Final = (
    (("bad configuration option", "terminating, ", "bad owner or permissions", "missing argument"), Cause.LOCAL_PERM,
     "ssh does not take its own configuration", _CHECK),
    (("temporary failure in name resolution",), Cause.DNS_FAIL, "the name of {there} could not be looked up", ""),
    (("could not resolve hostname",), Cause.DNS_NX, "no such host: {there}", "a Host of your ssh configuration?"),
    (("exceeded maxstartups", "not allowed at this time"), Cause.THROTTLED,
     "sshd at {there} takes no more logins just now", "too many at once (MaxStartups), or it bars this address"),
    (("too many authentication failures",), Cause.AUTH, "{there} was offered too many keys",
     "IdentitiesOnly and IdentityFile for it in your ssh configuration"),
    (("connection refused",), Cause.REFUSED, "connection refused by {there}", "is sshd running there?"),
    (("connection timed out", "operation timed out", "timed out during banner exchange"), Cause.TIMEOUT_CONNECT,
     "no answer from {there}", ""),
    (("no route to host", "network is unreachable", "host is down"), Cause.REFUSED, "there is no way to {there}", ""),
    (("unable to negotiate", "protocol major versions differ"), Cause.VERSION,
     "ssh and {there} have no method in common", _CHECK),
    (("banner line contains invalid", "invalid ssh identification", "bad packet length", "protocol mismatch",
      "banner line too long", "no ssh identification", "incorrect signature"), Cause.GARBAGE,
     "what answers at {there} is no sshd", "another port?"),
    (("connection reset",), Cause.RESET, "{there} reset the connection", "too many logins at once, or it is barred"),
    (("connection closed by", "closed by remote host"), Cause.CLOSED_EARLY, "{there} hung up during the login",
     "too many at once (MaxStartups), it bars this address, or it is no sshd"),
    (("agent refused operation", "communication with agent failed"), Cause.AUTH,
     "the agent does not give its key for {there}", "is it locked? ssh-add -l"),
)  # fmt: skip
"""(words of a complaint, cause, what it means, what to do), the surest first."""


def session_failed(ran: Ran, destination: str) -> ProbeError:
    """Why nothing came back of what was to run there. `NotBegun` only where that is certain."""
    said = ran.err.decode("utf-8", "replace").lower()
    nowhere = _NOWHERE in said
    asked = "\n".join(row for row in said.splitlines() if _NOWHERE not in row)  # how it went over the connection
    if nowhere and "from master" not in asked and "broken pipe" not in asked:
        if "session open refused" in said or "session request failed" in said:
            words = f"sshd at {destination} takes no more programs over one connection (MaxSessions)"
            return SessionsFull(Cause.THROTTLED, words)
        return NotBegun(Cause.RESET, f"the connection to {destination} has ended")
    if ran.code in (255, -1) or nowhere:
        return ProbeError(Cause.CLOSED_EARLY, f"the connection to {destination} was lost")
    complaint = SafeText(_last(ran.err) or _last(ran.out), 160)
    words = f"the account on {destination} runs nothing for us" + (f": {complaint}" if complaint else "")
    return ProbeError(Cause.DENIED, words, "a shell, and no other command forced upon its key")


def _unknown_key(text: str, destination: str) -> NotBegun:
    kind = f" {found[1]}" if (found := _KEY.search(text)) else ""
    words = f"the{kind} host key of {destination} is not known here"
    hint = f"log in once by hand, `ssh {destination}`, and compare the fingerprint with one you trust"
    return NotBegun(Cause.HOST_KEY, words, hint)


def _changed_key(text: str, destination: str) -> NotBegun:
    sent = f": it is {found[1]} now" if (found := _FINGERPRINT.search(text)) else ""
    hint = f"set up anew, or not that machine: ask before `ssh-keygen -R {destination}`"
    return NotBegun(Cause.HOST_KEY, f"the host key of {destination} has changed{sent}", hint)


def _last(said: bytes) -> bytes:
    lines = said.strip().splitlines()
    return lines[-1] if lines else b""
