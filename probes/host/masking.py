"""Hides what looks like a secret in a command line, before it goes anywhere.

Rather too much is hidden than too little: a masked file name costs a person nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

MASK: Final = "***"

_SECRET: Final = (
    r"(?:pass|pwd|secret|token|credential|private|cookie|signature|dsn|auth(?!or(?!i))|session.?id"
    r"|conn(?:ection)?.?str|keys?(?![a-z]))"
)
_NAME: Final = rf"[\w.\-\[\]]*{_SECRET}[\w.\-\[\]]*"
_ASSIGNED: Final = re.compile(rf"""{_SECRET}[\w.\-\[\]]*["']?\s*(?:=>|:=|=|:)\s*(?=\S)""", re.IGNORECASE)
_OPTION: Final = re.compile(rf"-{{1,2}}{_NAME}", re.IGNORECASE)
_WORD_AFTER: Final = re.compile(rf"((?:^|\s)-{{1,2}}{_NAME}\s+)(\S+)", re.IGNORECASE)
_LOGIN: Final = re.compile(r"(://)[^\s'\"]*@")
_SCHEME: Final = re.compile(r"\b(bearer|basic|digest)\s+\S+", re.IGNORECASE)
_SHAPES: Final = re.compile(
    r"\b(?:A(?:KIA|SIA)[0-9A-Z]{16}|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?|gh[opsur]_\w{16,}|github_pat_\w{16,}"
    r"|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{8,}|[rsp]k_(?:live|test)_\w{8,}|sk-[\w-]{16,}|npm_\w{20,})"
)
"""Keys that tell what they are by their form: cloud, web tokens, code hosts, chat, payments."""

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "su", "runuser"})

_SHORT: Final[Mapping[str, str]] = {
    "mysql": "p", "mysqldump": "p", "mysqladmin": "p", "mariadb": "p", "mariadb-dump": "p", "mariadb-admin": "p",
    "sshpass": "p", "redis-cli": "a", "valkey-cli": "a", "curl": "uU", "wget": "", "mongo": "p", "mongosh": "p",
    "mongodump": "p", "ldapsearch": "w", "ldapmodify": "w", "ldapadd": "w", "smbclient": "U", "docker": "p",
    "podman": "p", "htpasswd": "b", "sqlcmd": "P", "bcp": "P", "isql": "P", "7z": "p", "zip": "P", "unzip": "P",
    "rabbitmqadmin": "p", "ipmitool": "P", "snmpget": "AXc", "snmpwalk": "AXc", "openssl": "k",
}  # fmt: skip
"""One-letter options that carry a secret, by program."""

_ATTACHED_ONLY: Final = frozenset(
    {"mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "mariadb-admin", "7z"}
)
"""Programs where the next word is never the value of the one-letter option."""


def _inside(text: str) -> str:
    """One argument with its addresses, tokens and assignments masked; an assignment hides all that follows it."""
    if "://" in text:
        text = _LOGIN.sub(rf"\1{MASK}@", text)
    text = _SHAPES.sub(MASK, _SCHEME.sub(rf"\1 {MASK}", text))
    if (found := _ASSIGNED.search(text)) is not None:
        return text[: found.end()] + MASK
    return _WORD_AFTER.sub(rf"\g<1>{MASK}", text) if " " in text else text


def _words(script: str) -> list[str]:
    try:
        return shlex.split(script)
    except ValueError:
        return script.split()


def _short(word: str, program: str) -> tuple[str, bool]:
    """(the word as shown, whether the next word is a secret) for a one-letter option of a known program."""
    flags = _SHORT.get(program, "")
    if len(word) < 2 or word[0] != "-" or word[1] not in flags:
        return word, False
    if len(word) == 2:
        return word, program not in _ATTACHED_ONLY
    return word[:2] + MASK, False


def masked(words: Sequence[str], depth: int = 0) -> str:
    """A command line as one text, its secrets masked. A script given to a shell is looked through too.

    >>> masked(["app", "--password", "hunter2", "--port=80", "API_KEY=abc", "redis://:pw@cache/0"])
    'app --password *** --port=80 API_KEY=*** redis://***@cache/0'
    >>> masked(["sh", "-c", "PGPASSWORD=x pg_dump -h db"])
    'sh -c PGPASSWORD=*** pg_dump -h db'
    >>> masked(["mysql", "-phunter2", "shop"])
    'mysql -p*** shop'
    """
    shown: list[str] = []
    program = ""
    hide = False
    shell = bool(words) and words[0].rsplit("/", 1)[-1].lstrip("-") in _SHELLS
    for word in words:
        if hide:
            shown.append(MASK)
            hide = False
            continue
        base = word.rsplit("/", 1)[-1]
        program = base if base in _SHORT else program
        if shell and depth < 2 and any(mark in word for mark in " \t\n"):
            shown.append(masked(_words(word), depth + 1))
            continue
        text, hide = _short(word, program)
        if text == word:
            text = _inside(word)
            hide = hide or _OPTION.fullmatch(word) is not None
        shown.append(text)
    return " ".join(shown)
