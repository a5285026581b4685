"""What the clients of other databases mean: MySQL and MariaDB, SQLite, MongoDB and some more; always a shell's step.

https://dev.mysql.com/doc/refman/8.4/en/programs-client.html, https://www.sqlite.org/cli.html,
https://www.mongodb.com/docs/mongodb-shell/reference/methods/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb
from probes.base.command import named
from probes.base.options import plain_words
from probes.postgres.dialect_sql import as_one, judge

_MYSQL: Final = frozenset({"mysql", "mariadb"})
_VALUED: Final = named(
    """
    -h --host -P --port -u --user -D --database -S --socket --protocol --login-path
    """
)
_MONGO_READS: Final = re.compile(
    r"(?:find|findone|count|countdocuments|estimateddocumentcount|distinct|stats|storagesize|datasize|totalsize|explain"
    r"|getindexes|getcollectionnames|getcollectioninfos|getmongo|getname|getsiblingdb|getcollection|serverstatus"
    r"|currentop|hostinfo|version|status|conf|ismaster|hello|isdbprinting|printreplicationinfo|listdatabases"
    r"|printsecondaryreplicationinfo|printslavereplicationinfo|getreplicationinfo|getprofilingstatus|limit|sort|skip"
    r"|pretty|toarray|foreach|map|print|printjson|tojson|aggregate|objectid|isodate|date|hasnext|next|size|length"
    r"|getusers|getuser|getroles|getshardversion|getbalancerstate|isbalancerrunning|help|ping|projection|hint)"
)
_MONGO_PING: Final = re.compile(
    r"\s*(?:printjson\()?\s*(?:\w+\.)*(?:runCommand|adminCommand)\(.{0,4}ping.{0,8}\)(?:\.ok)?\)?\s*;?\s*"
)
_MONGO_WORST: Final = re.compile(
    r"delete|drop|remove|update|replace|findandmodify|findoneand|bulkwrite|\$out|\$merge|rename|save\b|force\W",
    re.IGNORECASE,
)


def elsewhere(line: CommandLine) -> Meaning | None:
    """What a client of another database means; None when it is none of them."""
    name = line.program.lower()
    if name in _MYSQL:
        return _mysql(line)
    if name in ("mysqladmin", "mariadb-admin"):
        return _mysqladmin(line.words[1:])
    if name in ("mysqldump", "mariadb-dump", "mysqlpump", "xtrabackup", "mariabackup", "mongodump", "mongoexport"):
        worst = {"--prepare", "--copy-back", "--move-back"} & set(line.words)
        piped = any(one and one[0].rpartition("/")[2] in _MYSQL for one in line.piped)
        verb = Verb.RESTORE if worst or piped else Verb.BACKUP
        danger = Danger.DESTRUCTIVE if worst or piped else Danger.REVERSIBLE
        return Meaning(Sort.SHELL, verb, "mongodb" if name.startswith("mongo") else "mysql", "", danger)
    if name in ("mongorestore", "mongoimport", "mysqlimport", "mariadb-import"):
        return Meaning(
            Sort.SHELL, Verb.RESTORE, "mongodb" if name.startswith("mongo") else "mysql", "", Danger.DESTRUCTIVE
        )  # fmt: skip
    if name in ("mysqlcheck", "mariadb-check", "myisamchk", "mysql_upgrade", "pt-online-schema-change"):
        return Meaning(Sort.SHELL, Verb.MAINTENANCE, "mysql", "", Danger.DISRUPTIVE)
    if name in ("mongosh", "mongo"):
        return _mongo(line)
    if name in ("mongostat", "mongotop", "mytop", "innotop"):
        return Meaning(Sort.SHELL, Verb.STATUS, "mongodb" if name.startswith("mongo") else "mysql", endless=True)
    if name in ("sqlite3", "sqlite", "litecli"):
        return _sqlite(line)
    if name in ("cqlsh", "clickhouse-client", "sqlcmd", "sqlplus", "duckdb", "cockroach", "bq", "snowsql"):
        return _others(line, name)
    return None


def _given(line: CommandLine, options: Sequence[str], glued: str = "") -> list[str]:
    """The texts that options hand over, and what stands on its input."""
    texts: list[str] = []
    for at, word in enumerate(line.words):
        name, mark, value = word.partition("=")
        if word in options and at + 1 < len(line.words):
            texts.append(line.words[at + 1])
        elif mark and name in options:
            texts.append(value)
        elif glued and word.startswith(glued) and not word.startswith("--") and len(word) > 2 and word not in options:
            texts.append(word[2:])
    if line.stdin:
        texts.append(line.stdin)
    if line.fed and line.fed[0].rpartition("/")[2] in ("echo", "printf"):
        texts.append(" ".join(line.fed[1:]))
    return texts


def _sql(texts: Sequence[str], system: str, target: str, backslashes: bool) -> Meaning:
    found = as_one([judge(text, backslashes) for text in texts])
    verb = found.verb
    return Meaning(Sort.SHELL, verb, system, target, found.danger, reveals=found.reveals, endless=found.endless)


def _mysql(line: CommandLine) -> Meaning:
    free = plain_words(line.words[1:], _VALUED | {"-e", "--execute"})
    target = free[0] if free else ""
    texts = [
        text if not re.match(r"\s*(?:source|\\\.)\s", text) else "call restore()"
        for text in _given(line, ("-e", "--execute", "-Be", "-Ne", "-sNe", "-NBe", "-BNe", "-se"), "-e")
    ]
    if texts:
        return _sql(texts, "mysql", target, backslashes=True)
    if line.reads or line.fed:
        return Meaning(Sort.SHELL, Verb.RESTORE, "mysql", target, Danger.DESTRUCTIVE)
    return Meaning(Sort.SHELL, Verb.OTHER, "mysql", target, Danger.DISRUPTIVE, interactive=True)


def _mysqladmin(words: Sequence[str]) -> Meaning:
    free = plain_words(words, _VALUED | {"-i", "--sleep", "-w", "--wait"})
    what = free[0] if free else ""
    reads = {"status", "extended-status", "processlist", "variables", "version", "ping"}
    if what in reads:
        health = what == "ping"
        endless = any(re.match(r"-i|--sleep", one) for one in words)
        return Meaning(Sort.SHELL, Verb.HEALTH if health else Verb.STATUS, "mysql", endless=endless)
    verbs = {"shutdown": Verb.STOP, "kill": Verb.TERMINATE}
    danger = Danger.DESTRUCTIVE if "drop" in free or not free else Danger.DISRUPTIVE
    return Meaning(Sort.SHELL, verbs.get(what, Verb.OTHER), "mysql", "", danger)


def _mongo(line: CommandLine) -> Meaning:
    texts = _given(line, ("--eval", "-eval"))
    scripts = [word for word in line.words[1:] if word.endswith((".js", ".mongodb"))]
    if scripts or line.reads or (line.fed and not texts):
        return Meaning(Sort.SHELL, Verb.OTHER, "mongodb", "", Danger.DESTRUCTIVE)
    if not texts:
        return Meaning(Sort.SHELL, Verb.OTHER, "mongodb", "", Danger.DISRUPTIVE, interactive=True)
    danger, verb = Danger.READ, Verb.STATUS
    for text in texts:
        code = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", lambda found: found[0] if "$" in found[0] else "''", text)
        if _MONGO_WORST.search(text if "ommand" in text else code):
            return Meaning(Sort.SHELL, Verb.OTHER, "mongodb", "", Danger.DESTRUCTIVE)
        if _MONGO_PING.fullmatch(text):
            verb = Verb.HEALTH
            continue
        calls = [one.lower() for one in re.findall(r"(\w+)\s*\(", code)]
        if any(not _MONGO_READS.fullmatch(one) for one in calls) or "=" in code:
            danger, verb = Danger.DISRUPTIVE, Verb.OTHER
        if any(one in ("killop", "stepdown", "shutdownserver") for one in calls):
            verb = Verb.TERMINATE if "killop" in calls else Verb.STOP
    return Meaning(Sort.SHELL, verb, "mongodb", "", danger)


def _sqlite(line: CommandLine) -> Meaning:
    free = plain_words(line.words[1:], frozenset({"-cmd", "-separator", "-newline", "-nullvalue", "-init"}))
    path, texts = free[0] if free else "", [*free[1:], *_given(line, ("-cmd",))]
    if not texts:
        if line.reads or line.fed:
            return Meaning(Sort.SHELL, Verb.RESTORE, "sqlite", path, Danger.DESTRUCTIVE)
        return Meaning(Sort.SHELL, Verb.OTHER, "sqlite", path, Danger.DISRUPTIVE, interactive=True)
    danger, verb, sql = Danger.READ, Verb.OTHER, list[str]()
    for text in texts:
        for part in text.splitlines():
            if not re.match(r"\s*\.[a-z]", part):
                sql.append(part)
                continue
            name = part.split()[0].lstrip(".")
            if name in ("backup", "save", "clone", "dump", "output", "once"):
                verb = Verb.BACKUP
                danger = max(danger, Danger.READ if name == "dump" else Danger.REVERSIBLE)
            elif name in ("restore", "read", "import", "recover", "shell", "system", "load", "archive"):
                verb, danger = Verb.RESTORE if name in ("restore", "read", "import") else verb, Danger.DESTRUCTIVE
    code = "\n".join(sql)
    if re.search(r"\bpragma\b", code, re.IGNORECASE):
        changing = re.search(r"\bpragma\s+(?:\w+\.)?\w+\s*=|wal_checkpoint|optimize|incremental_vacuum", code, re.I)
        danger = max(danger, Danger.DISRUPTIVE if changing else Danger.READ)
        verb = Verb.MAINTENANCE if changing else Verb.STATUS
        code = re.sub(r"(?i)\bpragma\b[^;\n]*", "", code)
    if code.strip():
        found = judge(code)
        vacuum = re.match(r"\s*vacuum", code, re.IGNORECASE)
        danger = max(danger, found.danger, Danger.DISRUPTIVE if vacuum else Danger.READ)
        verb = found.verb if found.verb is not Verb.OTHER else verb
    return Meaning(Sort.SHELL, verb, "sqlite", path, danger)


def _others(line: CommandLine, name: str) -> Meaning:
    options = ("-e", "-q", "--query", "-Q", "-c", "--execute", "--multiquery")
    texts = _given(line, options)
    if name in ("bq", "duckdb", "cockroach") and not texts:
        texts = [word for word in line.words[1:] if " " in word]
    if texts:
        return _sql(texts, name.removesuffix("-client"), "", backslashes=name.startswith("clickhouse"))
    if line.reads or line.fed or any(word in ("-f", "-i", "--file") for word in line.words):
        return Meaning(Sort.SHELL, Verb.OTHER, name, "", Danger.DESTRUCTIVE)
    shows = name == "cockroach" and {"status", "list", "version"} & set(line.words)
    if shows:
        return Meaning(Sort.SHELL, Verb.STATUS, name)
    worst = any(re.search(r"drop|delete|rm|restore|decommission", word) for word in line.words[1:])
    danger = Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE
    return Meaning(Sort.SHELL, Verb.OTHER, name, "", danger, interactive=len(line.words) == 1)
