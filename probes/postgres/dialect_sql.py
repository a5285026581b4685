"""What SQL means and can cost, statement by statement: PostgreSQL's, and that of its relatives.

A small reader of tokens, not a grammar: quoted text and comments never decide, a function decides by its name, and
what is not known counts as something that interrupts somebody.
https://www.postgresql.org/docs/current/sql-commands.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from probes.base import Danger, Sort, Verb
from probes.base.command import named
from probes.postgres.dialect_functions import HARMLESS, HARMLESS_PREFIX, KNOWN, WORDS_BEFORE_BRACKETS
from probes.postgres.dialect_tokens import Token, statements, tokens

_WORST: Final = re.compile(
    r"delete|destroy|drop|purge|wipe|reset|restore|rollback|truncate|flush|remove|clean|prune|force|clear|erase|archive",
    re.IGNORECASE,
)
"""What a name speaks of that takes something away."""
_ENDS: Final = re.compile(r"(?:^|[\s/;&|(`'\"])(?:rm|rmdir|dd|shred|unlink|mkfs[.\w]*|wipefs)(?=\s|$)")
"""Programs with which a shell takes something away."""
LONGEST: Final = 1 << 14
"""Characters of a text that are read; a longer one is taken for the worst."""

_WRITES: Final = {
    "insert": Danger.DISRUPTIVE, "update": Danger.DESTRUCTIVE, "delete": Danger.DESTRUCTIVE,
    "merge": Danger.DESTRUCTIVE, "truncate": Danger.DESTRUCTIVE, "drop": Danger.DESTRUCTIVE,
    "alter": Danger.DISRUPTIVE, "create": Danger.REVERSIBLE, "grant": Danger.REVERSIBLE, "revoke": Danger.DISRUPTIVE,
    "into": Danger.REVERSIBLE, "overwrite": Danger.DESTRUCTIVE,
}  # fmt: skip
"""Words that make a query more than a query, wherever they stand in it."""
_SESSION: Final = named(
    """
    begin start commit end abort rollback savepoint release close fetch move declare discard deallocate use unlisten
    listen describe desc help
    """
)
"""Statements that change nothing but their own session."""
_FIRST: Final = {
    "reindex": (Verb.MAINTENANCE, Danger.DISRUPTIVE), "cluster": (Verb.MAINTENANCE, Danger.DISRUPTIVE),
    "checkpoint": (Verb.MAINTENANCE, Danger.REVERSIBLE), "refresh": (Verb.MAINTENANCE, Danger.DISRUPTIVE),
    "optimize": (Verb.MAINTENANCE, Danger.DISRUPTIVE), "repair": (Verb.MAINTENANCE, Danger.DISRUPTIVE),
    "grant": (Verb.OTHER, Danger.REVERSIBLE), "revoke": (Verb.OTHER, Danger.DISRUPTIVE),
    "truncate": (Verb.OTHER, Danger.DESTRUCTIVE), "drop": (Verb.OTHER, Danger.DESTRUCTIVE),
    "delete": (Verb.OTHER, Danger.DESTRUCTIVE), "update": (Verb.OTHER, Danger.DESTRUCTIVE),
    "merge": (Verb.OTHER, Danger.DESTRUCTIVE), "replace": (Verb.OTHER, Danger.DESTRUCTIVE),
    "insert": (Verb.OTHER, Danger.DISRUPTIVE), "comment": (Verb.OTHER, Danger.REVERSIBLE),
    "kill": (Verb.TERMINATE, Danger.DISRUPTIVE), "import": (Verb.OTHER, Danger.DISRUPTIVE),
    "load": (Verb.RESTORE, Danger.DISRUPTIVE), "shutdown": (Verb.STOP, Danger.DISRUPTIVE),
    "purge": (Verb.MAINTENANCE, Danger.DESTRUCTIVE), "flush": (Verb.MAINTENANCE, Danger.DISRUPTIVE),
}  # fmt: skip

UNSEEN: Final = (
    "one statement signals whoever it finds by then and stops at the first it may not: here they are listed first, and "
    "each is signalled by its identity"
)
ALONE: Final = "a pid alone may belong to another session by then: here the one that has it now is shown and named"
SESSION: Final = "SET holds for that one session, which ends at once; here it is set so that it lasts"
ONE_SESSION: Final = "SET holds for that one session only and changes nothing for the others"
BLOCKS: Final = "without CONCURRENTLY it locks the table until it is done; here it is done concurrently"
FULL: Final = "VACUUM FULL locks the table and needs room for a second copy of it: on a full disk it makes things worse"
BATCHES: Final = "one big DELETE is one long transaction; here a retention of the profile is done in small batches"
COUNTS: Final = (
    "it counts background processes and this very look too: here clients are counted, against what the server allows"
)
COLUMNS: Final = "that view has no tablename and indexname: they are relname and indexrelname, and here they are shown"
STATISTICS: Final = "pg_stats describes the values of columns, not how indexes are used: that is a view of its own here"
SECRETS: Final = "it shows every column: tokens and passwords in it come onto the screen too"


@dataclass(frozen=True, slots=True)
class Judged:
    """What some SQL means."""

    sort: Sort = Sort.READING
    verb: Verb = Verb.OTHER
    danger: Danger = Danger.READ
    target: str = ""
    kind: str = "sql"
    warning: str = ""
    reveals: bool = False
    endless: bool = False
    shell: str = ""
    """What it hands to a shell."""
    neutral: bool = False
    """True for what says nothing of its own: BEGIN, a comment, a format."""


def judge(text: str, backslashes: bool = False) -> Judged:
    """What a text of SQL means as a whole: the greatest danger in it decides, then the first that says something."""
    if len(text) > LONGEST:
        return Judged(Sort.SHELL, Verb.OTHER, Danger.DESTRUCTIVE, kind="")
    try:
        found = [_judged(one) for one in statements(text, backslashes)]
        if backslashes:
            found += [_judged(one) for one in statements(text)]
    except RecursionError:  # PREPARE a AS PREPARE b AS ...
        return Judged(Sort.SHELL, Verb.OTHER, Danger.DESTRUCTIVE, kind="")
    return as_one(found)


def as_one(found: Sequence[Judged]) -> Judged:
    """Several judgements as one."""
    if not found:
        return Judged(neutral=True, verb=Verb.STATUS, kind="postgres")
    telling = [one for one in found if not one.neutral] or list(found)
    worst = max(telling, key=lambda one: one.danger)
    meant = {(one.sort, one.verb) for one in telling if one.danger is worst.danger}
    if worst.danger is not Danger.READ and len(meant) > 1:
        ours = next((one for one in telling if one.sort is Sort.ACTION and one.danger is worst.danger), None)
        worst = replace(ours or worst, sort=Sort.SHELL)
    return replace(
        worst,
        warning=worst.warning or next((one.warning for one in found if one.warning), ""),
        reveals=any(one.reveals for one in found),
        endless=any(one.endless for one in found),
        shell="\n".join(one.shell for one in found if one.shell),
    )


def _judged(pieces: list[Token]) -> Judged:
    if pieces[0].sort == "meta":
        return _meta(pieces[0].text)
    while pieces and pieces[0].text == "(":
        pieces = pieces[1:]
    if not pieces:
        return Judged(neutral=True)
    words = [one.text.lower() if one.sort == "word" else "" for one in pieces]
    first = words[0]
    match first:
        case "select" | "with" | "values" | "table":
            return _query(pieces, words)
        case "show" if words[1:2] == ["create"] or not _words_danger(words):
            return Judged(verb=Verb.STATUS, kind="postgres")
        case "explain":
            return _explain(pieces, words)
        case "vacuum" | "analyze" | "analyse":
            return _vacuum(pieces, words)
        case "create" | "alter":
            return _defines(pieces, words)
        case "start" if words[1:2] and words[1] in ("slave", "replica", "group_replication"):
            return Judged(Sort.SHELL, Verb.START, Danger.DISRUPTIVE, kind="")
        case "set" | "reset":
            return _set(words)
        case "copy":
            return _copy(pieces, words)
        case "do" | "call" | "execute" | "exec":
            return _runs(pieces)
        case "prepare":
            start = words.index("as") + 1 if "as" in words else len(pieces)
            inner = _judged(pieces[start:]) if start < len(pieces) else Judged(danger=Danger.DISRUPTIVE)
            return replace(inner, sort=Sort.SHELL, danger=max(inner.danger, Danger.DISRUPTIVE))
        case "lock" | "notify" | "security" | "reassign":
            return Judged(Sort.SHELL, Verb.OTHER, Danger.DISRUPTIVE, kind="")
        case "":
            unseen = pieces[0].sort == "blank" or pieces[0].text[:1] in ("$", "`")
            least = Danger.DESTRUCTIVE if unseen else Danger.DISRUPTIVE
            return Judged(Sort.SHELL, Verb.OTHER, max(least, _words_danger(words)), kind="")
    if first in _SESSION:
        least = max(Danger.DISRUPTIVE if "prepared" in words else Danger.READ, _words_danger(words))
        return Judged(danger=least, neutral=least is Danger.READ, sort=Sort.SHELL, kind="")
    if first in _FIRST:
        return _known(pieces, words)
    danger = Danger.DESTRUCTIVE if any(map(_WORST.search, words)) else Danger.DISRUPTIVE
    return Judged(Sort.SHELL, Verb.OTHER, max(danger, _words_danger(words)), kind="")


def _words_danger(words: Sequence[str]) -> Danger:
    """The greatest of the words that write; `ON DELETE CASCADE` writes nothing."""
    found = (_WRITES[word] for at, word in enumerate(words) if word in _WRITES and words[at - 1 if at else 0] != "on")
    return max(found, default=Danger.READ)


def _known(pieces: list[Token], words: list[str]) -> Judged:
    verb, danger = _FIRST[words[0]]
    if words[0] not in ("grant", "revoke"):
        danger = max(danger, _words_danger(words))
    target = _target(
        pieces, words, {"index", "table", "into", "from", "update", "truncate", "only", "database", "view"}
    )
    if words[0] == "reindex":
        concurrently = "concurrently" in words
        return Judged(Sort.ACTION, verb, danger, target, "postgres", "" if concurrently else BLOCKS)
    if words[:2] == ["drop", "index"]:
        warning = "" if "concurrently" in words else BLOCKS
        return Judged(Sort.ACTION, Verb.MAINTENANCE, danger, target, "postgres", warning)
    if words[0] == "delete" and "where" in words and "interval" in words:
        return Judged(Sort.ACTION, Verb.MAINTENANCE, danger, target, "postgres", BATCHES)
    if words[0] == "insert" and ("conflict" in words or "duplicate" in words) and "update" in words:
        danger = Danger.DESTRUCTIVE
    return Judged(Sort.SHELL, verb, danger, target, "", reveals="password" in words)


def _target(pieces: list[Token], words: list[str], after: set[str]) -> str:
    """The first name that stands after one of these words."""
    skipped = {"if", "exists", "not", "only", "concurrently", "table", "index", "unique", "full", "verbose", "analyze"}
    for at, word in enumerate(words[:-1]):
        if word in after:
            rest = at + 1
            while rest < len(pieces) and words[rest] in skipped:
                rest += 1
            return _name(pieces[rest:])
    return ""


def _name(pieces: Sequence[Token]) -> str:
    """A name, with its schema, as it is written."""
    said: list[str] = []
    for one in pieces:
        joined = bool(said) and said[-1] != "."
        if one.sort in ("word", "name", "blank") and not joined:
            said.append(one.text.strip('"`'))
        elif one.text == "." and joined:
            said.append(".")
        else:
            break
    return "".join(said)


def _query(pieces: list[Token], words: list[str]) -> Judged:
    danger, kind, verb, sort = Danger.READ, "sql", Verb.OTHER, Sort.READING
    target = ""
    warning = ""
    for at, word in enumerate(words):
        locks = word in ("update", "share") and set(words[max(0, at - 3) : at]) & {"for"}
        danger = max(danger, Danger.DISRUPTIVE if locks else _WRITES.get(word, Danger.READ))
    if danger is not Danger.READ:
        sort, kind = Sort.SHELL, ""
    for name, inside in _calls(pieces, words):
        known = KNOWN.get(name)
        if known is not None:
            danger = max(danger, known.danger)
            if known.action and (sort is not Sort.SHELL):
                sort, verb, kind = Sort.ACTION, known.verb, "postgres"
            elif known.danger is not Danger.READ:
                sort, verb = Sort.SHELL, known.verb
            if name in ("pg_terminate_backend", "pg_cancel_backend"):
                target = inside if re.fullmatch(r"\d+|<.*>|\$.*|\{.*\}|[A-Z_]{3,}", inside) else ""
                warning = ALONE if target else UNSEEN
        elif not (name in HARMLESS or name.startswith(HARMLESS_PREFIX)):
            worst = Danger.DESTRUCTIVE if _WORST.search(name) else Danger.DISRUPTIVE
            danger, sort = max(danger, worst), Sort.SHELL
    if danger is Danger.READ:
        verb, kind = _looks_at(pieces, words)
        target = _target(pieces, words, {"from"}) if kind == "sql" else ""
        warning = _mistaken(words) if kind == "postgres" else ""
        bare = "*" in [one.text for one in pieces[1:2]] and kind == "sql"
        if bare and target and re.search(r"account|user|token|credential|secret|key", target):
            warning = SECRETS
    reveals = any(re.search(r"passw|secret|token|pg_shadow|pg_authid", one.text, re.I) for one in pieces) or bool(
        warning == SECRETS
    )
    return Judged(sort, verb, danger, target, kind if sort is not Sort.SHELL else "", warning, reveals)


def _mistaken(words: list[str]) -> str:
    """What people take the statistics views for."""
    said = set(words)
    if "pg_stat_user_indexes" in said and said & {"tablename", "indexname"}:
        return COLUMNS
    if "pg_stats" in said and "n_distinct" in said:
        return STATISTICS
    if "pg_stat_activity" in said and "count" in said and "where" not in said and "group" not in said:
        return COUNTS
    return ""


def _calls(pieces: list[Token], words: list[str]) -> Iterator[tuple[str, str]]:
    """(name, the first piece inside) of every function that is called; a function of another schema by both names."""
    for at, one in enumerate(pieces[:-1]):
        if one.sort not in ("word", "name") or pieces[at + 1].text != "(" or words[at] in WORDS_BEFORE_BRACKETS:
            continue
        before = pieces[at - 1] if at else Token("mark", "")
        if before.text == ")" or words[at - 1 if at else 0] in ("as", "recursive", "into", "table", "references"):
            continue
        if words[at - 1 if at else 0] == "with" or (before.text == "," and _is_table(pieces, words, at)):
            continue
        name = words[at] or one.text.strip('"`').lower()
        if before.text == "." and at > 1:
            schema = pieces[at - 2].text.strip('"`').lower()
            name = name if schema == "pg_catalog" else f"{schema}.{name}"
        yield name, pieces[at + 2].text if at + 2 < len(pieces) else ""


def _is_table(pieces: list[Token], words: list[str], at: int) -> bool:
    """Whether `name (a, b) AS (` stands there, of a query that begins with WITH."""
    if words[0] != "with":
        return False
    end = next((n for n in range(at, len(pieces)) if pieces[n].text == ")"), len(pieces))
    return words[end + 1 : end + 2] == ["as"] and pieces[end + 2 : end + 3] == [Token("mark", "(")]


def _looks_at(pieces: list[Token], words: list[str]) -> tuple[Verb, str]:
    """What a harmless query is about."""
    names = [one.text.strip('"').lower() for one in pieces if one.sort in ("word", "name")]
    catalogue = re.compile(r"pg_\w+|information_schema|performance_schema|processlist|innodb_\w+")
    asks = any(name == "version" for name, _ in _calls(pieces, words))
    if asks or any(catalogue.fullmatch(name) for name in names):
        return Verb.STATUS, "postgres"
    if "from" not in words and all(one.sort == "number" or words[0] == "select" for one in pieces) and len(pieces) < 5:
        return Verb.HEALTH, "postgres"
    return Verb.OTHER, "sql"


def _explain(pieces: list[Token], words: list[str]) -> Judged:
    starts = {
        "select",
        "with",
        "values",
        "table",
        "insert",
        "update",
        "delete",
        "merge",
        "create",
        "execute",
        "declare",
    }
    at = next((n for n, word in enumerate(words) if n and word in starts), len(words))
    if not {"analyze", "analyse"} & set(words[:at]):
        return Judged(kind="postgres")
    if at == len(words):
        return Judged(Sort.SHELL, Verb.OTHER, max(Danger.DISRUPTIVE, _words_danger(words)), kind="")
    inner = _judged(pieces[at:])
    return replace(inner, verb=Verb.OTHER, kind="postgres") if inner.danger is Danger.READ else inner


def _vacuum(pieces: list[Token], words: list[str]) -> Judged:
    full = "full" in words
    options = {"vacuum", "analyze", "analyse", "full", "freeze", "verbose"}
    depth = 0
    at = 0
    for at, one in enumerate(pieces):
        depth += {"(": 1, ")": -1}.get(one.text, 0)
        if not depth and words[at] not in options and one.text not in "()":
            break
    else:
        at = len(pieces)
    danger = max(Danger.DISRUPTIVE if full else Danger.REVERSIBLE, _words_danger(words))
    return Judged(Sort.ACTION, Verb.MAINTENANCE, danger, _name(pieces[at:]), "postgres", FULL if full else "")


def _defines(pieces: list[Token], words: list[str]) -> Judged:
    """CREATE and ALTER."""
    later = max(_words_danger(words[1:]), Danger.DISRUPTIVE if words[0] == "alter" else Danger.READ)
    secret = "password" in words or "identified" in words
    if "index" in words[1:3] and words[0] == "create":
        warning = "" if "concurrently" in words else BLOCKS
        danger = max(Danger.REVERSIBLE if "concurrently" in words else Danger.DISRUPTIVE, later)
        target = _target(pieces, words, {"on"})
        return Judged(Sort.ACTION, Verb.MAINTENANCE, danger, target, "postgres", warning)
    if words[:2] == ["alter", "system"]:
        return Judged(Sort.ACTION, Verb.MAINTENANCE, Danger.DISRUPTIVE, _name(pieces[3:]), "postgres")
    if words[:2] == ["alter", "database"] and "rename" in words:
        return Judged(Sort.ACTION, Verb.RESTORE, Danger.DESTRUCTIVE, _name(pieces[2:]), "backups")
    danger = max(Danger.REVERSIBLE, later, Danger.DISRUPTIVE if "replace" in words[:3] else Danger.READ)
    if any(one.sort == "dollar" for one in pieces):
        danger = max(danger, Danger.DISRUPTIVE)
    if words[0] == "create" and "select" in words:
        danger = max(danger, _query(pieces[words.index("select") :], words[words.index("select") :]).danger)
    target = _target(pieces, words, {"table", "database", "user", "role", "extension", "view", "schema"})
    return Judged(Sort.SHELL, Verb.OTHER, danger, target, "", reveals=secret)


def _set(words: list[str]) -> Judged:
    replication = words[0] == "reset" and words[1:2] in (["master"], ["slave"], ["replica"], ["binary"], ["persist"])
    if words[0] == "set" and any(word.lstrip("@") in ("global", "persist", "persist_only") for word in words[1:5]):
        return Judged(Sort.SHELL, Verb.MAINTENANCE, Danger.DISRUPTIVE, kind="")
    if words[1:2] in (["global"], ["persist"], ["persist_only"]) or replication:
        worst = Danger.DESTRUCTIVE if replication else Danger.DISRUPTIVE
        return Judged(Sort.SHELL, Verb.MAINTENANCE, worst, kind="")
    lasts = any(
        word.startswith("log_") or word in ("work_mem", "max_connections", "shared_buffers") for word in words[:4]
    )
    if words[0] == "set" and lasts and "local" not in words:
        return Judged(Sort.ACTION, Verb.MAINTENANCE, Danger.DISRUPTIVE, kind="postgres", warning=SESSION)
    return Judged(Sort.SHELL, kind="", neutral=True, warning=ONE_SESSION if words[0] == "set" else "")


def _copy(pieces: list[Token], words: list[str]) -> Judged:
    danger = Danger.READ
    depth = 0
    into = program = False
    shell = ""
    for at, one in enumerate(pieces):
        depth += {"(": 1, ")": -1}.get(one.text, 0)
        into = into or (not depth and words[at] == "from")
        if program and not shell and one.sort in ("string", "dollar"):
            shell = one.text.partition("'")[2].rstrip("'") if one.sort == "string" else one.text
        program = program or (not depth and words[at] == "program")
    if pieces[1:2] == [Token("mark", "(")] and len(pieces) > 2:
        end = next((n for n in range(len(pieces) - 1, 2, -1) if pieces[n].text == ")"), len(pieces))
        danger = _judged(pieces[2:end]).danger if end > 2 else danger
    if program:
        danger = max(danger, _shell_danger(shell))
    elif into:
        danger = max(danger, Danger.DISRUPTIVE)
    elif "stdout" not in words and any(one.sort == "string" for one in pieces):
        danger = max(danger, Danger.REVERSIBLE)
    sort = Sort.SHELL if danger is not Danger.READ else Sort.READING
    return Judged(sort, Verb.OTHER, max(danger, _words_danger(words)), _name(pieces[1:]), "", shell=shell)


def _shell_danger(text: str) -> Danger:
    """What a text costs that is handed to a shell: a program is run, and nobody knows which."""
    return Danger.DESTRUCTIVE if _ENDS.search(text) or _WORST.search(text) else Danger.DISRUPTIVE


def _runs(pieces: list[Token]) -> Judged:
    """DO and CALL: what their text says, and never less than an interruption."""
    danger = Danger.DISRUPTIVE
    for one in pieces[1:]:
        texts = [one.text] if one.sort == "word" else []
        if one.sort in ("dollar", "string"):
            texts = [piece.text for piece in tokens(one.text.strip("'")) if piece.sort in ("word", "string")]
        lowered = [text.lower() for text in texts]
        if any(map(_WORST.search, lowered)) or _words_danger(lowered) is Danger.DESTRUCTIVE or "execute" in lowered:
            danger = Danger.DESTRUCTIVE
    return Judged(Sort.SHELL, Verb.OTHER, danger, kind="")


def _meta(text: str) -> Judged:
    """A meta-command of psql.

    https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-META-COMMANDS
    """
    found = re.match(r"\\([A-Za-z!?]*)\+?\s*(.*)", text, re.DOTALL)
    name, rest = (found[1], found[2].strip()) if found else ("", "")
    if name in ("", "G", "gset"):
        return judge(rest) if name != "gset" and rest.strip(";").strip() else Judged(kind="postgres", neutral=True)
    if name == "!":
        return Judged(Sort.SHELL, Verb.OTHER, _shell_danger(rest), shell=rest, kind="")
    if name in ("i", "ir", "include", "include_relative", "gexec"):
        return Judged(Sort.SHELL, Verb.OTHER, Danger.DESTRUCTIVE, rest, "")
    if name == "copy":
        inner = judge("copy " + rest)
        return replace(inner, danger=max(inner.danger, Danger.REVERSIBLE), sort=Sort.SHELL, kind="")
    if name in ("password", "e", "edit", "ef", "ev", "lo_import", "lo_export"):
        return Judged(Sort.SHELL, Verb.OTHER, Danger.DISRUPTIVE, kind="")
    if name == "lo_unlink":
        return Judged(Sort.SHELL, Verb.OTHER, Danger.DESTRUCTIVE, kind="")
    if name in ("w", "write", "o", "out", "s", "g", "gx") and rest:
        to = re.sub(r"\A\([^)]*\)\s*", "", rest)  # \g (format=csv) |sort
        if to.startswith("|"):
            return Judged(Sort.SHELL, Verb.OTHER, _shell_danger(to), shell=to.lstrip("| "), kind="")
        return Judged(Sort.SHELL, Verb.OTHER, Danger.REVERSIBLE, kind="")
    if name == "watch":
        return Judged(verb=Verb.STATUS, kind="postgres", endless=True, neutral=True)
    if re.fullmatch(r"l|list|z|s[fv]|d[A-Za-z]*|conninfo|du|errverbose", name):
        return Judged(verb=Verb.STATUS, kind="postgres")
    if re.fullmatch(r"x|q|quit|c|connect|timing|pset|set|unset|echo|qecho|warn|a|t|f|H|C|T|h|help|\?|r|p|encoding"
                    r"|if|elif|else|endif|prompt|cd|getenv|setenv|gset|gdesc|crosstabview|g|gx|o|out|restrict"
                    r"|unrestrict|bind|parse|s|", name):  # fmt: skip
        danger = Danger.DISRUPTIVE if re.search(r"`", rest) else Danger.READ
        return Judged(Sort.SHELL if danger else Sort.READING, Verb.STATUS, danger, kind="postgres", neutral=not danger)
    said = [one.text.lower() for one in tokens(text.lstrip("\\")) if one.sort == "word"]
    worst = Danger.DESTRUCTIVE if any(map(_WORST.search, said)) else Danger.DISRUPTIVE
    return Judged(Sort.SHELL, Verb.OTHER, max(worst, _words_danger(said)), kind="")
