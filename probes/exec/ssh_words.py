"""What ssh complains of, in our words: why nobody was let in, and whether something has begun on the other side."""

from __future__ import annotations

import re
from typing import Final

from probes.base import Cause, ProbeError, SafeText
from probes.exec.program import Ran

_NO_LINE: Final = "closed by unknown port 65535"
"""How ssh takes leave of a detour that leads nowhere: it had no connection to go over, so nothing went anywhere."""

_FINGERPRINT: Final = re.compile(r"\b(SHA256:[A-Za-z0-9+/]{43}|MD5:[0-9a-f:]{47})")
_KEY: Final = re.compile(r"\b(?:No|the) (\w[\w@.-]{1,30}) (?:host )?key", re.IGNORECASE)
_METHODS: Final = re.compile(r"permission denied \(([a-z,-]{1,80})\)", re.IGNORECASE)


class NotBegun(ProbeError):
    """What was to be done on the other side has certainly not begun."""


class SessionsFull(NotBegun):
    """sshd takes no more programs over this connection at once."""


def login_failed(ran: Ran, destination: str) -> NotBegun:
    """Why no connection was made, by what ssh wrote to standard error."""
    text = ran.err.decode("utf-8", "replace")
    said = text.lower()
    if "host identification has changed" in said:
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
    if _NO_LINE in said and "from master" not in said and "broken pipe" not in said:
        if "session open refused" in said or "session request failed" in said:
            words = f"sshd at {destination} takes no more programs over one connection (MaxSessions)"
            return SessionsFull(Cause.THROTTLED, words)
        return NotBegun(Cause.RESET, f"the connection to {destination} has ended")
    if ran.code in (255, -1) or _NO_LINE in said:
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
