"""What one line of a fence is: a command, SQL, a word for redis-cli, a comment, or something else."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from desk.runbook.programs import names_program
from desk.runbook.sql import is_sql


class Line(Enum):
    """What a line begins."""

    COMMAND = "command"
    SQL = "sql"
    REDIS = "redis"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment."""

    text: str
    expected: bool = False
    """It says what the command before it should show."""
    choice: bool = False
    """It makes what comes another way, or a conditional."""
    arrow: bool = False
    heads: bool = False
    """What should be shown is in the lines after it."""


LONGEST: Final = 2000
"""Letters of a line by which it is told what it is."""

_REDIS_PROMPT: Final = re.compile(r"\s*(?:redis[\w.-]*|valkey|[\w.-]+:\d+)(?:\[\d+\])?(?:\(\w+\))?>\s+")
_SQL_PROMPT: Final = re.compile(
    r"\s*(?:[\w.-]*[=\-(*'\"!^][\#>]\s|(?:mysql|mariadb|psql|sqlite|sql|postgres\w*|MariaDB\s\[\w*\(?\w*\)?\])>\s+)",
    re.IGNORECASE,
)
REPL_PROMPT: Final = re.compile(rf"{_REDIS_PROMPT.pattern}|{_SQL_PROMPT.pattern}|>\s+(?=[A-Z]{{3,}}\b)", re.IGNORECASE)
"""Of psql (`shop=# `), mysql, redis-cli (`127.0.0.1:6379> `), or a bare `> ` before a word in capitals."""
_FOREIGN_PROMPT: Final = re.compile(
    r"\s*(?:>>>\s|\.\.\.\s+\S|[a-zA-Z][\w.()-]{0,40}>\s+\S|[\w.@-]{1,60}\s:\)\s|irb\([^)\n]*\)[^>\n]{0,20}>\s)"
)
REDIS: Final = re.compile(
    r"""(?:redis>\s*)?(?:ACL|APPEND|AUTH|BGREWRITEAOF|BGSAVE|CLIENT|CLUSTER|CONFIG|COPY|DBSIZE|DEBUG|DECR|DEL|DUMP|ECHO
    |EVAL|EXISTS|EXPIRE|EXPIREAT|FAILOVER|FLUSHALL|FLUSHDB|GET|GETDEL|HDEL|HGET|HGETALL|HKEYS|HLEN|HMGET|HSET|HVALS|INCR
    |INCRBY|INFO|KEYS|LASTSAVE|LATENCY|LINDEX|LLEN|LPOP|LPUSH|LRANGE|LREM|LTRIM|MEMORY|MGET|MIGRATE|MODULE|MONITOR|MOVE
    |OBJECT|PERSIST|PEXPIRE|PING|PTTL|PUBLISH|PUBSUB|QUIT|RANDOMKEY|RENAME|REPLICAOF|RESTORE|ROLE|RPOP|RPUSH|SADD|SAVE
    |SCAN|SCARD|SCRIPT|SELECT\s+\d+|SENTINEL|SET|SETEX|SHUTDOWN|SLAVEOF|SLOWLOG|SMEMBERS|SREM|STRLEN|SUBSCRIBE|SWAPDB
    |SYNC|TIME|TTL|TYPE|UNLINK|WAIT|XACK|XADD|XAUTOCLAIM|XCLAIM|XDEL|XGROUP|XINFO|XLEN|XPENDING|XRANGE|XREAD|XREADGROUP
    |XREVRANGE|XTRIM|ZADD|ZCARD|ZCOUNT|ZRANGE|ZRANGEBYSCORE|ZREM|ZSCORE)(?=\s|$)""",
    re.VERBOSE | re.IGNORECASE,
)
"""A command for redis-cli."""

_EXPECTED: Final = re.compile(
    r"""(?:[→⇒✓✔✅➜►]|=>|->|-->|>>>?)\s* | (?:expected\b|expects?\b|should|must\ (?:show|be|return)|returns\b
    |shows?:
    |outputs?(?::|$|\s+should)|results?(?::|$|\s+should)|resultat|response(?::|$|\s*\(|\s+should)|you\ should
    |sample\ output|example\ output|erwartet|sollte|ausgabe
    |esperad|debe|debería|salida|devuelve|attendu|devrait|résultat|sortie|renvoie|retourne|beklenen|çıktı|olmalı|期待
    |预期|應|应该|应返回|输出|返回|结果|出力|結果|resultado|saída|deve|ожид|должен|вывод|ok\ if\b|healthy\ if\b
    |good:|success:)""",
    re.VERBOSE | re.IGNORECASE,
)
_HEADS: Final = re.compile(
    r"(?:expected|sample|example)?\s*(?:response|output|results?|ausgabe|salida|sortie|resultado|输出|结果|出力)?\s*"
    r"(?:\([^)]*\))?\s*:?$",
    re.I,
)
_CHOICE: Final = re.compile(
    r"""[(\[]?(?:or|option|alternative|alternatively|if|otherwise|else|either|when|unless|in\ case|only\ if|oder|falls
    |wenn|alternativ|ou|si|sinon|o|u|opción|opção|se|caso|eğer|veya|ya\ da|seçenek|или|если|вариант|method\s+\d
    |approach\s+\d|variant\s+\w)\b(?!-) | 或者?|如果|若|选项|方式\s*\d|方法\s*\d|または|もし|場合|オプション""",
    re.VERBOSE | re.IGNORECASE,
)
_COMMENT: Final = re.compile(r"\s*(?:#(?!!)+|//(?=\s)|--(?=\s)|rem\s(?=\S)|::\s)(.*)", re.IGNORECASE)
_DECORATION: Final = re.compile(r"^[\s#=*~─━—_-]+|[\s#=*~─━—_-]+$")

_USER: Final = re.compile(
    r"""\s*(?:\([\w./-]+\)\s*)?(?:
      \$\s+(?=\S) | \[[\w.-]+@[\w.-]+[^\]\n]{0,80}\][$\#%]\s* | [\w.-]+@[\w.-]+(?::|\s)[^$\#%>\n"']{0,80}[$\#%>]\s+
      | [\w.-]+@[\w.-]+[$\#%>]\s+ | PS(?:\s[A-Za-z]:[^>\n]*)?>\s* | [A-Z]:\\[^>\n]*>\s* | [❯➜λ]\s+(?=\S)
      | [\w.-]{1,80}\s*[:~/\w.-]{0,80}\s*[$]\s+(?=\S) | [a-z][\w.]*-[\w.-]*\d[\w.-]*\s+\#\s+(?=\S)
      | bash(?:-[\d.]+)?[$\#]\s+ )""",
    re.VERBOSE,
)
_ASSIGNED: Final = re.compile(r"(?P<name>[A-Za-z_]\w*)\+?=(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"';&|()]*)\s*(?:#.*)?$")
_EDIT: Final = re.compile(
    r"""\b(?:edit|update|add|change|modify|put|set|append|adjust|increase|decrease|configure|in)\b .*
    (?:\.(?:env|ya?ml|conf|cfg|toml|ini|json|properties|service)\b|\benv(?:ironment)?\s+(?:var|file)|\bconfig|/etc/
    |docker-compose)""",
    re.VERBOSE | re.IGNORECASE,
)
_OTHER: Final = re.compile(
    r"""(?:@(?:reboot|hourly|daily|weekly|monthly|yearly|annually)|(?:[\d*][\d*,/-]*\s+){4}[\d*A-Z][\w*,/-]*)\s+\S
    | <?https?://\S+>?\s*$ | (?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s+(?:/|https?:|\{) | HTTP/\d
    | \[[^\[\]=]*\]\s*$ | [\]}]+[,;]?\s*$ | [{]\s*$ | [{\[]\s*["'{\[] | [\[{]\s*\}?\]?\s*$ | "[^"]*"\s*:
    | "[^"]*",?\s*$
    | [\w.-]+:\s+\S | [\w./"'*-]+:\s*[|>]?\s*$ | -\s+\S | [*•·▪●○–—]\s | \d+[.)]\s | [|+]\s?[-=\w|+ ] | \+[-=+]+
    | [-=_~*]{3,}\s*$ | \.{3,}\s*$ | …\s*$ | \(\d+\s+rows?\) | [\w.\[\]-]+\s+=\s | [\w.-]+\s*:=\s
    | (?:const|let|var|await|import|from|def|class|async|return|print
       |console\.|require|module\.|public|private|elif|except
       |try|raise|lambda|yield|interface|enum|package|func)(?:\s+[\w{*]|\s*\() (?!.*\bdo\b)
    | (?:server|location|upstream|http|events|stream)\s[^|$]*\{(?:\s|$)
    | (?:proxy_\w+|fastcgi_\w+|listen|server_name|root|ssl_\w+
       |access_log|error_log|add_header|limit_\w+|worker_\w+|client_\w+|keepalive\w*|return)\s.*;\s*$
    | /[^\s]*\s*\{\s*$ | [│├└┌┐┘─▼▲▶◀↓↑→←⇒✓✔✗✘✅❌⚠] | <[/!?]?[a-zA-Z][^>]*>.*</ | <\?xml | <!--
    | /[a-z][\w-]*(?:\s+[\w@\#"'<-].*)?$ | @[\w-]+\s | (?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL|TRACE|CRITICAL|PANIC
       |NOTICE)\b(?!\s*(?:$|replication|memory|stats|server|clients|persistence|keyspace|all|cpu|commandstats))
    | \d{4}-\d\d-\d\d
    | \[?\d\d:\d\d | \d+(?:\.\d+)?\s*[%\w]*$ | \d[\d.]*\s | Error\b | Exception | Traceback | \s+at\s\S+\(
    | PONG\b | OK\b
    | [A-Z][a-z]+[A-Za-z]*=\S | (?:maxmemory[\w-]*\s+\w|bind\s+[\d*:]|port\s+\d+$|replicaof\s|slaveof\s
      |sentinel\s+[a-z]+-?[\w-]*\s
      |requirepass\s|masterauth\s|append(?:only|fsync)\s|save\s+\d+\s+\d|protected-mode\s|tcp-\w+\s\d|daemonize\s
      |dbfilename\s
      |(?:host|hostssl|local)\s+(?:all|replication)\s) | <[^<>]+>\s*$
    | \{\{ | \{% | [^\x00-\x7f] | --(?:\s|-) | \*\*\S | ~~~ | ```""",
    re.VERBOSE,
)
_SENTENCE: Final = re.compile(r"[A-Z][a-z']+(?:\s|,|:|$|\.\s*$)(?![=])")
_WINDOWS: Final = re.compile(r"[A-Z][a-z]+-[A-Z]\w+|[A-Z]\w*\.exe\b|Rscript\b|[A-Z]:\\|MSBuild|Xvfb|Xcode")
_TABLE: Final = re.compile(
    r"[A-Z][A-Z0-9 _%/()-]*(?:\s{2,}[A-Z][A-Z0-9_%/()-]*)+\s*$|[A-Z]{3,}\s+[A-Z]{3,}(?:\s+[A-Z]+)*\s*$"
)
_LOWER: Final = re.compile(r"[a-z]+(?:\s+[a-z']+){3,}[.:!]?$")
_VARIABLE: Final = re.compile(r"\$(?:\{[#!]?([A-Za-z_]\w*)|([A-Za-z_]\w*))")


def variables(text: str) -> set[str]:
    """Names of the variables that a text reads."""
    return {one or other for one, other in _VARIABLE.findall(text)}


def said(text: str) -> Remark:
    """A comment by its words."""
    bare = _DECORATION.sub("", text) if not _EXPECTED.match(text.lstrip("# ")) else text.strip("# ")
    found = _EXPECTED.match(bare)
    arrow = found is not None and not found[0][:1].isalpha()
    return Remark(
        bare.strip(),
        expected=found is not None,
        choice=_CHOICE.match(bare) is not None,
        arrow=arrow,
        heads=found is not None and _HEADS.fullmatch(bare) is not None,
    )


def remark(row: str, *, powershell: bool = False) -> Remark | None:
    """The comment that a line is; None: it is none."""
    found = _COMMENT.match(row)
    return said(found[1]) if found is not None else None


def trailing(text: str) -> Remark | None:
    """The comment after a command on its line."""
    at = comment_at(text)
    return said(text[at:].lstrip("# ")) if at is not None and text[at:].strip("# ") else None


def comment_at(text: str) -> int | None:
    """Where the comment of a line begins."""
    if " #" not in text and "\t#" not in text:
        return None
    quote = ""
    position = 0
    while position < len(text):
        letter = text[position]
        if letter == "\\" and quote != "'":
            position += 1
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and position and text[position - 1] in " \t":
            return position
        position += 1
    return None


def prompted(rows: Sequence[str], *, session: bool) -> dict[int, int]:
    """Lines that begin with a prompt, with where their command begins; empty: the fence has no prompts.

    A `# ` is a prompt in a session only, and only before a known program when something stands below it.
    """
    found = {
        number: match.end() for number, row in enumerate(rows) if (match := _USER.match(row[:LONGEST])) is not None
    }
    if not found and session:
        hashes = [number for number, row in enumerate(rows) if re.match(r"#\s+\S", row)]
        if hashes and len(hashes) < sum(1 for row in rows if row.strip()):
            names = [n for n in hashes if names_program(rows[n].lstrip("# "), alone=True)]
            others = [row for row in rows if row.strip() and not row.startswith("#")]
            if len(names) == len(hashes) and not any(names_program(row) for row in others):
                found = {n: len(rows[n]) - len(rows[n].lstrip("# ")) for n in names}
    if not found:
        given = [number for number, row in enumerate(rows) if row.strip()]
        if (
            given
            and rows[given[0]].startswith("> ")
            and (session or all(rows[number].startswith("> ") for number in given))
        ):
            found = {number: 2 for number in given if rows[number].startswith("> ")}
    if found:
        for number, row in enumerate(rows):
            if number not in found and (match := REPL_PROMPT.match(row)) is not None:
                found[number] = match.end()
    return found


def repl(row: str) -> Line | None:
    """What is typed after the prompt of a client, by its prompt; None: the line has none."""
    if _REDIS_PROMPT.match(row):
        return Line.REDIS
    if _SQL_PROMPT.match(row):
        return Line.SQL
    if REPL_PROMPT.match(row):
        return None
    return Line.OTHER if _FOREIGN_PROMPT.match(row) else None


def skipped(row: str) -> int:
    """Where a line's command begins: after its indentation, or the prompt of a session."""
    found = REPL_PROMPT.match(row)
    return found.end() if found is not None and row[found.end() :].strip() else len(row) - len(row.lstrip())


def continued(row: str, prompts: dict[int, int]) -> int:
    """Where a line that goes on begins, in a fence with prompts: after its `> `."""
    return 2 if prompts and row.startswith("> ") else 0


def kind(
    row: str,
    *,
    sure: bool,
    powershell: bool = False,
    read: Collection[str] = (),
    rest: Sequence[str] = (),
    remark: str = "",
) -> Line:
    """What a line begins. `sure`: it stands in a fence for a shell; `rest`: the lines after it."""
    row = row[:LONGEST]
    bare = row.strip()
    if is_sql(bare) or (
        re.fullmatch(r"(?i)select|with|update|insert into|delete from|from", bare) and is_sql("\n".join((bare, *rest)))
    ):
        return Line.SQL if sure or names_program(bare) or rest else Line.OTHER
    if re.match(r"\\(?:[a-z]{1,4}\+?|\?|!)(?:\s|$)", bare):
        return Line.SQL
    if not sure:
        if re.match(r"[A-Za-z_]\w*=\$\(", bare) or (
            (given := _ASSIGNED.match(bare)) is not None and given["name"] in read
        ):
            return Line.COMMAND
        return Line.COMMAND if names_program(bare) and not elided(bare) else Line.OTHER
    if (given := _ASSIGNED.match(bare)) is not None:
        literal = "$" not in given["value"] and "`" not in given["value"]
        used = given["name"] in read and not _EDIT.search(remark)
        return Line.COMMAND if used or not literal else Line.OTHER
    if powershell:
        return Line.OTHER if re.match(r"[{\[]\s*$|https?://|-{3,}|[│├└]", bare) else Line.COMMAND
    if re.match(r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s+(?:/|https?:|\{)", bare):
        return Line.OTHER
    if (
        REDIS.match(bare)
        and bare[:4].isupper()
        and not re.match(r"(?:INFO|TIME|TYPE|ECHO|SAVE|MOVE|WAIT|PING)\b", bare)
    ):
        return Line.REDIS
    if re.match(r"\[\[?\s.*\s\]\]?|\{\s+\S", bare) or re.match(r"(?:return|exit)(?:\s+\d+)?$", bare):
        return Line.COMMAND if not re.match(r"return", bare) else Line.OTHER
    if _OTHER.match(row.rstrip()) or _OTHER.match(bare) or elided(bare):
        return Line.COMMAND if _nevertheless(bare) else Line.OTHER
    if _TABLE.match(bare) or (_SENTENCE.match(bare) and not _WINDOWS.match(bare)):
        return Line.OTHER
    if _LOWER.match(bare) and not names_program(bare) and bare.split()[0] not in ("echo", "sudo"):
        return Line.OTHER if bare.endswith((".", ":")) or len(bare.split()) > 6 else Line.COMMAND
    return Line.COMMAND


def elided(text: str) -> bool:
    """Whether a line leaves out what it is: `...` alone."""
    return re.fullmatch(r"(?:\.{3,}|…)(?:\s.*)?", text) is not None


def _nevertheless(text: str) -> bool:
    """Whether what looks like something else is a command after all."""
    first = text.split()[0]
    if re.match(r"(?:from|import|import\b|http|root|class)$", first):
        return (
            names_program(text) and re.search(r"\s-|\.\w+", text) is not None and not re.search(r"\bimport\b.*\w", text)
        )
    if re.match(r"\[[^\]]*\]\s*$|[\d.]+\s|-", text):
        return False
    if re.match(r"/[\w.-]+$|/[a-z][\w-]*\s", text):
        return False
    return False


def _breaks(row: str) -> bool:
    return row.lstrip().startswith("#") or names_program(row)


def region(rows: Sequence[str], most: int = 400) -> int:
    """How many lines belong to what is no command and begins with the first: a JSON body, a block of a configuration.

    One, where nothing says that it is longer. `most`: lines that are looked at.
    """
    head = rows[0].strip()
    if _TABLE.match(head):
        count = 1
        while count < min(len(rows), most) and rows[count].strip() and not _breaks(rows[count]):
            count += 1
        return count
    opening = re.match(r"[{\[]|.*[{\[]\s*$", head)
    if opening is not None and not re.fullmatch(r"\[[\w .@-]+\]", head):
        depth = 0
        for count, row in enumerate(rows[:most], 1):
            bare = re.sub(r"\"(?:\\.|[^\"\\])*\"|'[^']*'", "", row)
            depth += len(re.findall(r"[{\[]", bare)) - len(re.findall(r"[}\]]", bare))
            if depth <= 0:
                return count
        return 1
    if head.endswith("\\"):
        count = 1
        while count < min(len(rows), most) and re.search(r"\\\s*(?:#.*)?$", rows[count - 1]):
            count += 1
        while count < min(len(rows), most) and re.match(r"\s+(?:-|\.\.\.)", rows[count]):
            count += 1
        return count
    if re.match(r"[\w./\"'-]+:(?:\s|$)|-\s", head):
        count = 1
        indent = len(rows[0]) - len(rows[0].lstrip())
        for row in rows[1:most]:
            deeper = len(row) - len(row.lstrip()) > indent
            if not row.strip() or not (deeper or re.match(r"\s*(?:[\w./\"'-]+:(?:\s|$)|-\s)", row)):
                break
            count += 1
        return count
    return 1
