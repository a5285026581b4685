"""Sessions that a line of a fence opens: what the lines after it are, and where they run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from desk.runbook.lines import REDIS, Line
from desk.runbook.programs import names_program
from desk.runbook.shell import leaves
from desk.runbook.sql import is_sql
from desk.runbook.words import names

_VALUED: Final = {
    "ssh": frozenset("bcDEeFIiJLlmOopQRSWw"),
    "docker": frozenset("euw"),
    "psql": frozenset("dhUpvLoFRTP"),
    "redis-cli": frozenset("hpanusrix"),
    "kubectl": frozenset("nc"),
}
"""Letters of options that take a value."""
_LONG: Final = names("""
    --user --env --workdir --index --namespace --container --context --host --port --dbname --username --profile
    --file --project-name --pass --kubeconfig --set --variable
""")
_SHELL: Final = frozenset(("bash", "sh", "ash", "zsh", "/bin/bash", "/bin/sh", "/bin/ash", "/bin/zsh"))
_CODE: Final = frozenset(("python", "python3", "node", "irb", "mongosh", "mongo", "iex", "php"))
_END: Final = re.compile(r"(?:exit|logout|quit|\\q|bye)\b;?\s*(?:#.*)?$", re.IGNORECASE)
_OUTER: Final = re.compile(r"(?:sudo\s+)?(?:docker|docker-compose|kubectl|ssh|aws|gcloud|helm|podman|nerdctl|scp)\s")


@dataclass(frozen=True, slots=True)
class Inside:
    """A session that is open."""

    place: str = ""
    language: str = "shell"
    """"shell", "sql", "redis", "code" for a language that is none of ours, "editor" for the text of a file."""
    container: bool = False

    @property
    def shell(self) -> bool:
        """Whether a shell reads what is typed."""
        return self.language == "shell"

    def kind(self, row: str) -> Line | None:
        """What a line is in here; None: it is none of this session's, or a shell reads it."""
        bare = row.strip()
        match self.language:
            case "sql":
                return Line.SQL if is_sql(bare) or bare.startswith("\\") else None
            case "redis":
                known = REDIS.match(bare) is not None and not (bare.islower() and names_program(bare, alone=False))
                return Line.REDIS if known else None
            case "code" | "editor":
                return None if names_program(bare) else Line.OTHER
            case _:
                return None

    def left_by(self, row: str) -> bool:
        """Whether a line can only be meant outside."""
        return self.container and _OUTER.match(row.strip()) is not None

    def ends(self, *, blank: bool, comment: str) -> bool:
        """Whether an empty line or a comment says that the session is over."""
        if comment and re.search(r"\b(?:outside|back on|on the host|locally|from your|exit)\b", comment, re.I):
            return True
        return blank and ((self.container and self.shell) or self.language in ("code", "editor"))

    def closed_by(self, text: str) -> bool:
        """Whether a command ends it."""
        return _END.match(text.strip()) is not None


def inside(text: str, now: Inside | None = None) -> Inside | None:
    """The session that a command opens; None: it opens none.

    >>> inside("ssh -i key admin@db1"), inside("docker exec -it cache redis-cli").language
    (Inside(place='host admin@db1', language='shell', container=False), 'redis')
    """
    if "\n" in text:
        return None
    found = leaves(text)
    if not found or found[-1].piped or found[-1].fed or found[-1].reads or found[-1].stdin:
        return None
    if len(found) > 1 and not all(one.program in ("cd", "export", "source") for one in found[:-1]):
        return None
    return _opened(found[-1].words, now.place if now is not None else "")


def _opened(words: tuple[str, ...], place: str) -> Inside | None:
    program = words[0].rpartition("/")[2] if words else ""
    match program:
        case "ssh" | "mosh":
            names = _plain(words[1:], "ssh")
            return Inside(f"host {names[0]}") if len(names) == 1 else None
        case "docker" | "podman" | "docker-compose" | "kubectl" | "k" | "oc" | "nerdctl":
            return _container(words, program)
        case "psql" | "mysql" | "mariadb" | "sqlite3" | "pgcli" | "gitlab-psql" | "cqlsh":
            said = any(re.match(r"-(?:c|f|l|e)$|--(?:command|file|list|execute|version)", one) for one in words[1:])
            said = said or (program == "sqlite3" and len(_plain(words[1:], "psql")) > 1)
            return None if said else Inside(place, "sql")
        case "redis-cli" | "valkey-cli":
            modes = any(
                re.match(r"--(?:bigkeys|memkeys|hotkeys|stat|latency|rdb|pipe|scan|version|eval)", one) for one in words
            )
            return None if modes or _plain(words[1:], "redis-cli") else Inside(place, "redis")
        case name if name in _CODE:
            return Inside(place, "code") if len(words) == 1 else None
        case "vi" | "vim" | "nano" | "nvim" | "emacs" | "visudo" | "pico" | "gedit" | "notepad":
            return Inside(place, "editor")
        case "crontab":
            return Inside(place, "editor") if "-e" in words else None
        case "su" | "bash" | "sh":
            names = [one for one in words[1:] if not one.startswith("-")]
            return Inside(place) if len(names) <= (program == "su") else None
        case _:
            framework = re.search(r"\b(?:rails|flask|manage\.py|tinker|gitlab-rails)\b", " ".join(words))
            console = framework is not None and words[-1] in ("console", "c", "shell", "tinker", "shell_plus")
            return Inside(place, "code") if console else None


def _plain(words: tuple[str, ...], program: str) -> list[str]:
    """Words that are neither options nor their values."""
    names: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return names + rest
        if word.startswith("--"):
            if word in _LONG and rest:
                rest.pop(0)
        elif word.startswith("-") and len(word) > 1:
            if word[-1] in _VALUED[program] and rest and (len(word) == 2 or word[1] not in _VALUED[program]):
                rest.pop(0)
        else:
            names.append(word)
    return names


def _container(words: tuple[str, ...], program: str) -> Inside | None:
    if "exec" not in words:
        return None
    after = words[words.index("exec") + 1 :]
    kind = "kubectl" if program in ("kubectl", "k", "oc") else "docker"
    names = _after(after, kind)
    if len(names) < 2:
        return None
    place = f"{'pod' if kind == 'kubectl' else 'container'} {names[0]}"
    inner = tuple(names[1:])
    if inner[0] in _SHELL and not any(one.startswith("-") and "c" in one for one in inner[1:]):
        return Inside(place, "shell", container=True)
    opened = _opened(inner, place)
    return Inside(place, opened.language, container=True) if opened is not None else None


def _after(words: tuple[str, ...], kind: str) -> list[str]:
    """(the container, then its command) with the options before each of them left out."""
    rest = list(words)
    names: list[str] = []
    while rest:
        word = rest.pop(0)
        if word == "--":
            return names + rest
        if word.startswith("-"):
            takes = word in _LONG or (not word.startswith("--") and word[-1] in _VALUED[kind])
            if takes and rest:
                rest.pop(0)
            continue
        names.append(word)
        if len(names) == 1 and kind == "docker":
            return names + rest
    return names
