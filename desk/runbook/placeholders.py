"""What the reader of a runbook has to fill in, as it is written, and one parameter for all spellings of a thing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from desk.runbook.book import Command, Parameter
from desk.runbook.sql import is_sql
from desk.runbook.words import names

LONGEST: Final = 20_000
"""Letters of a command that are looked through."""

MOST: Final = 300
"""Placeholders of one command."""

_ANGLE: Final = re.compile(
    r"(?<![<\w$-])(?<!\$\()<(?![\s(</&=>!?-])(?P<one>[^<>\n\"'`;&$(){}=]{1,80}?)(?<![\s/=-])>(?!>|=(?!\w))"
    r"|(?<=[\w=/:.@\"'-])<(?![\s(</&=>!?-])(?P<two>[^<>\n\"'`;&$(){}=]{1,80}?)(?<![\s/=-])>(?!>|=(?!\w))"
)
_TAGS: Final = names("""
    a b br p i em strong html body head div span table tr td th ul ol li h1 h2 h3 code pre details summary title
    link script style form input button img
""")
_NOTHING: Final = names("none nil null unknown missing stdin eof br hr no-value invalid unset empty")
_VARIABLE: Final = re.compile(
    r"(?<![\\$])\$(?:\{(?P<brace>[A-Za-z_]\w*)(?P<rest>[^{}]*)\}|env:(?P<env>[A-Za-z_]\w*)|(?P<bare>[A-Za-z_]\w*))"
)
_AMBIENT: Final = names("""
    PATH HOME USER PWD SHELL LOGNAME HOSTNAME RANDOM SECONDS LINENO IFS UID EUID PPID OLDPWD LANG TERM EDITOR TMPDIR
    BASH_SOURCE FUNCNAME PIPESTATUS REPLY OPTARG OPTIND BASHPID EPOCHSECONDS COLUMNS LINES DISPLAY _ LASTEXITCODE
    null true false
""")
"""Variables that the shell or the machine has set."""
_SQUARE: Final = re.compile(r"(?<![\w$\]\\*?.{\[(|])\[(?P<name>[A-Za-z][A-Za-z0-9 _./:-]{1,50})\](?![\w(*+?{\]\[^-])")
_SQUARE_IN: Final = re.compile(r"(?<=[/=:@-])\[(?P<name>[A-Za-z][A-Za-z0-9 _-]{2,40})\](?![*+?{\[(])")
_USAGE: Final = re.compile(
    r"\.\.\.|…|^[:|-]|\||^(?:args|options?|flags|opts|command|y/n|a-z|A-Z|0-9|ERROR|INFO|WARN|x|y|n|OK)$|^[a-zA-Z]-[a-zA-Z]|\d-\d"
)
_BRACE: Final = re.compile(
    r"(?<![$%{\\\w@^])\{(?P<name>[A-Za-z][A-Za-z0-9_-]*)\}(?!\})|(?<=[/=:@_.-])\{(?P<two>[A-Za-z][A-Za-z0-9_-]*)\}(?!\})"
)
_YOURS: Final = re.compile(
    r"(?<![\w$<\[{%-])(?:(?:YOUR|MY|REPLACE|CHANGE|INSERT|ENTER|PUT|SEU|SUA|TU|SU|VOTRE|IHR|IHRE|DEIN|SENIN)[_-][A-Z][A-Z0-9_-]*|CHANGEME|CHANGE_ME|REPLACE_ME"
    r"|REPLACEME|TODO|TBD|FIXME|your[-_][a-z0-9][\w-]*|(?:change|replace|insert|enter)[-_](?:me|this|with|your|here)\b[\w-]*|changeme)(?![\w>\]}=(])"
    r"|(?<=[/:@=_.-])(?:YOUR[_-]?[A-Z][A-Z0-9_-]*|your[-_][a-z0-9][\w-]*|CHANGEME)(?![\w>\]}=(])"
)
_CROSSES: Final = re.compile(
    r"(?<![\w$<\[{\\])(?:(?:[\w-]{1,40}-)?[xX]{3,}(?:[-.][xX\w]+)*|v?(?:\d+|[xXyYzZ])(?:\.(?:\d+|[xXyYzZ])){1,3}|"
    r"(?:N{3}\.){3}N{3}|v[X]\.[Y](?:\.[Z])?|(?:YYYY|yyyy|AAAA|JJJJ)[-_/]?(?:MM|mm)[-_/]?(?:DD|dd|JJ|TT)(?:[-_T]?HH[:-]?(?:MM|mm)(?:[:-]?(?:SS|ss))?)?|\w+[-_](?:YYYY|AAAA|JJJJ)[-_]?MM[-_]?(?:DD|JJ|TT)\w*|\?{3,})(?![\w>\]}])"
)
_EXAMPLE: Final = re.compile(
    r"(?<![\w.$@<-])(?:[\w-]+\.)*(?:example\.(?:com|org|net|io|co)|example-\w+\.com|your-?(?:domain|company|app|site|server|host|org|"
    r"api|project|service|cluster|instance|bucket|registry|vps|ip)[\w-]*\.(?:[a-z]{2,})(?:\.[a-z]{2,})?|mydomain\.com|domain\.com|"
    r"my-?(?:company|app|site)\.com|company\.com|acme\.com)(?![\w-])",
    re.IGNORECASE,
)
_UPPER: Final = re.compile(r"(?<![\w$<\[{%./:=@\\-])[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)*(?![\w>\]}=(.*/%\\-]|:(?!\d))")
_UPPER_IN: Final = re.compile(
    r"(?<=[/:=@-])(?P<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|PID|POD|NODE|TAG|NAME|ID|HOST|VERSION|IP|SHA|COMMIT|N|UUID"
    r"|USERNAME|PASSWORD)(?![\w>\]}=(%*])"
)
_WHOLE: Final = re.compile(
    r"PID|POD|NODE|TAG|NAME|ID|HOST|HOSTNAME|SERVICE|VERSION|IP|PORT|USERNAME|PASSWORD|SHA|COMMIT|"
    r"BRANCH|FILE|FILENAME|BACKUP|CONTAINER|DATABASE|DBNAME|BUCKET|CLUSTER|REGION|NAMESPACE|QUEUE|DEPLOYMENT|UUID|JOBID|"
    r"TIMESTAMP|DOMAIN|EMAIL|TOKEN|URL|REVISION|TASK|INSTANCE|SNAPSHOT|MIGRATION|PATTERN|KEYNAME|N|X|JOB|TABLE|"
    r"TABLENAME|IMAGE|ENVIRONMENT|ENV|SERVER|TARGET|ADDRESS|XXX+|DATE|RELEASE|TENANT|ACCOUNT|ORDER|SESSION|"
    r"ENDPOINT|URI|PROFILE|STACK"
)
"""Words that are a placeholder of their own, in capitals as an argument."""
_PARTS: Final = re.compile(
    r"(?:^|_)(?:ID|NAME|TAG|VERSION|PID|HOST|IP|PORT|URL|ARN|KEY|TOKEN|PASSWORD|SECRET|USER|SHA|HASH|COMMIT|BRANCH|FILE|"
    r"PATH|DIR|NUMBER|NUM|POD|NODE|SERVICE|CONTAINER|INSTANCE|CLUSTER|REGION|NAMESPACE|BUCKET|DATABASE|DB|TABLE|EMAIL|"
    r"DATE|TIME|TIMESTAMP|DOMAIN|REVISION|RELEASE|BACKUP|SNAPSHOT|QUEUE|DEPLOYMENT|IMAGE|HERE|HANDLE|ACCOUNT|PROJECT|ADDRESS|"
    r"SERVER|PREFIX|UUID|VALUE|HOSTNAME|USERNAME|DIGEST|MEMBER|JOB|TASK|WORKER|ORG|REPO|MIGRATION|SLOT|PARTITION|TOPIC|GROUP|"
    r"ENDPOINT|URI|DSN|CONTEXT|PROFILE|ZONE|STACK|FUNCTION|ROLE|SUBNET|CHANNEL|COUNT|STAGE|TENANT|ORDER|SESSION)\d*$"
    r"|^(?:NEW|OLD|PREVIOUS|CURRENT|TARGET|LATEST|SOME|THE|FAILED|FAILING)_|_HERE$"
)
_NOT: Final = re.compile(
    r"(?:SELECT|FROM|WHERE|AND|OR|NOT|NULL|GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|INFO|PING|ERROR|WARN|WARNING|DEBUG|FATAL|"
    r"CRITICAL|LISTEN|ESTABLISHED|TIME_WAIT|CLOSE_WAIT|SYN_SENT|FAILED|RUNNING|PENDING|ALARM|OK|INSUFFICIENT_DATA|TRUE|"
    r"FALSE|EOF|EOL|SQL|END|UTC|GMT|JSON|YAML|CSV|TEXT|UTF-?8|ASCII|INT|HUP|TERM|KILL|USR1|USR2|SIG[A-Z]+|RETAIN|LATEST|"
    r"RUNTIME|ACTIVE|ENABLED|DISABLED|PRIMARY|REPLICA|MASTER|SLAVE|DESC|ASC|LIMIT|ALL|ANY|HTTP|HTTPS|TCP|UDP|TLS|DNS|API|"
    r"CPU|MEM|RAM|RSS|COMMAND|STDIN|STDOUT|STDERR|PASS|FAIL|DONE|NEW|OLD|YES|NO|HEAD~?\d*|ORIG_HEAD|FETCH_HEAD|MERGE_HEAD|README|LICENSE|MAKEFILE|INPUT|OUTPUT|"
    r"FORWARD|ACCEPT|DROP|REJECT|DENY|ALLOW|ON|OFF|CONCURRENTLY|AWSCURRENT|AWSPREVIOUS|KEYS|VALUES|Average|Sum)$"
)
_VALUE: Final = re.compile(r"(?<=:)\s*\\?[\"'](?P<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\\?[\"']")
"""A word in capitals that is a value of a JSON body."""
_LITERAL: Final = re.compile(r"'(?:[^'\\]|\\.)*'")
_PROGRAMMED: Final = re.compile(
    r"\b(?:awk|gawk|jq|yq|sed|perl|python3?|node|ruby)\b(?:\s+(?:-F\s*(?:'[^']*'|\"[^\"]*\"|\S+)|-v\s*\S+|-\S+))*\s+(?P<body>'[^']*'|\"(?:\\.|[^\"\\])*\")"
)
_FORMATS: Final = re.compile(
    r"%\{[^}]*\}|\{\{.{0,300}?\}\}|\\[rnt]|"
    r"(?:--format|-o|--output|--query|--template|-ojsonpath)[ =](?P<body>'[^']*'|\"[^\"]*\"|\S*)",
    re.DOTALL,
)
_PATTERN: Final = re.compile(
    r"\b(?:grep|egrep|zgrep|rg|pgrep|--filter-pattern|--grep|-g)\b((?:\s+-{1,2}[\w-]+(?:=\S+|\s\d+)?)*)\s+(?P<body>'[^']*'|\"(?:\\.|[^\"\\])*\"|[^\s<$\[{-]\S*)"
)
_LOOPS: Final = re.compile(
    r"\b(?:for|select)\s+([A-Za-z_]\w*)\s+in\b|\bread\s+(?:-\w+\s+)*([A-Za-z_]\w*)|\b(?:local|declare)\s+(?:-\w+\s+)*([A-Za-z_]\w*)"
)
_SET: Final = re.compile(r"(?:^|[;&|({\n]|\b(?:export|do|then|else)\s)\s*([A-Za-z_]\w*)\+?=", re.MULTILINE)
_SECRET: Final = re.compile(
    r"pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credential|passwort|contraseña|mot-de-passe|密码|\bpwd\b|(?:^|[_-])key$|auth",
    re.I,
)
_NOT_SECRET: Final = re.compile(
    r"key[_-]?(?:id|name|pattern|path|file|prefix|vault)|secret[_-]?(?:name|id|arn)|token[_-]?(?:id|name)|author", re.I
)


def placeholders(text: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """What must be filled in before a command can run, in order, exactly as it is written.

    `known`: variables that the document sets before; those are no placeholders.

    >>> placeholders("kubectl logs <pod-name> -n $NAMESPACE --tail=50")
    ('<pod-name>', '$NAMESPACE')
    >>> placeholders("SELECT pg_terminate_backend(<pid>);"), placeholders("echo $(<names.txt) > out")
    (('<pid>',), ())
    >>> placeholders("psql shop < backup.sql"), placeholders("ps aux | awk '{print $2}'")
    ((), ())
    """
    found = sorted(_found(text[:LONGEST], known))
    kept: dict[str, None] = {}
    for _, one in found:
        kept.setdefault(one)
    return tuple(kept)


def within(values: Iterable[str], found: Iterable[str], text: str, plain: Collection[str] = ()) -> tuple[str, ...]:
    """Those of the placeholders found in a text that stand in these values of it; in plain ones, and nowhere else.

    >>> within(["<value>"], ["<value>", "<place>"], "sed -i 's|^KEY=.*|KEY=<value>|' <place>/.env")
    ('<value>',)
    """
    parts = tuple(values)

    def stands(one: str) -> bool:
        unsure = any(_times(one, part) for part in parts if part not in plain)
        return unsure or _times(one, text) <= sum(_times(one, part) for part in parts)

    return tuple(filter(stands, found))


def _times(written: str, text: str) -> int:
    """How often a placeholder stands in a text: a name is not found within a longer one."""
    before = r"(?<!\w)" if re.match(r"\w", written) else ""
    return len(re.findall(before + re.escape(written) + (r"(?!\w)" if re.search(r"\w\Z", written) else ""), text))


def _found(text: str, known: Collection[str]) -> Iterator[tuple[int, str]]:
    taken: list[tuple[int, int]] = []

    def free(match: re.Match[str]) -> bool:
        if len(taken) >= MOST or any(start < match.end() and match.start() < end for start, end in taken):
            return False
        taken.append(match.span())
        return True

    bare = _blotted(text)
    for match in _ANGLE.finditer(_without(text, _FORMATS)):
        name = match["one"] or match["two"]
        if not _is_tag(name, text) and _fills(name) and free(match):
            yield match.start(), match[0]
    own = _own(text)
    for match in _VARIABLE.finditer(_quoted_code(text)):
        name = match["brace"] or match["bare"] or match["env"]
        if name in known or name in own or name in _AMBIENT or (match["rest"] or "").startswith((":-", "-", ":=", "=")):
            continue
        if name.islower() and own and "\n" in text and len(name) < 3:
            continue
        if free(match):
            yield match.start(), match[0]
    for pattern in (_SQUARE, _SQUARE_IN):
        for match in pattern.finditer(bare):
            if not _USAGE.search(match["name"]) and not _tests(bare, match) and free(match):
                yield match.start(), match[0]
    for match in _BRACE.finditer(bare):
        if free(match):
            yield match.start(), match[0]
    for pattern in (_EXAMPLE, _YOURS):
        for match in pattern.finditer(text):
            if free(match):
                yield match.start(), match[0]
    for match in _CROSSES.finditer(text):
        if (
            re.search(r"[xXyYzZN?]|YYYY|yyyy|AAAA|JJJJ", match[0])
            and not re.fullmatch(r"v?\d+(?:\.\d+)+|[xyzn]\.[xyzn]", match[0], re.IGNORECASE)
            and free(match)
        ):
            yield match.start(), match[0]
    for match in _VALUE.finditer(text):
        if _PARTS.search(match["name"]) and not _NOT.match(match["name"]) and free(match):
            yield match.start(), match["name"]
    sql = is_sql(text)
    for pattern in (_UPPER, _UPPER_IN):
        for match in pattern.finditer(_upper_text(bare, sql=sql)):
            word = match[0]
            if _uppercase(word, text, match, sql=sql) and word not in known and free(match):
                yield match.start(), word


def _is_tag(name: str, text: str) -> bool:
    """Whether angle brackets hold a tag of HTML, or what a program prints for nothing."""
    bare = name.lower().strip()
    return bare in _NOTHING or (bare.partition(" ")[0] in _TAGS and f"</{bare.partition(' ')[0]}" in text.lower())


def _fills(name: str) -> bool:
    """Whether what stands between angle brackets is a name for something, not two redirects or comparisons."""
    return (
        re.search(r"[^\W\d_]", name) is not None
        and not re.search(r"\s\d$|\s\d?>|\|\s|\b(?:AND|OR|and)\b.*\s\w+$", name)
        and not re.match(r"\d+\s|EOF", name)
    )


def _without(text: str, pattern: re.Pattern[str]) -> str:
    def blot(found: re.Match[str]) -> str:
        body = found.groupdict().get("body")
        if body is not None and "<" in body:
            return found[0]
        return re.sub(r"[^\n]", "·", found[0])

    return pattern.sub(blot, text)


def _blotted(text: str) -> str:
    """The text with programs in other languages, formats, patterns and substitutions' marks blotted out."""

    def blot(found: re.Match[str]) -> str:
        start, end = found.span("body") if found.groupdict().get("body") is not None else found.span()
        start, end = start - found.start(), end - found.start()
        return found[0][:start] + "·" * (end - start) + found[0][end:]

    for pattern in (_PROGRAMMED, _FORMATS, _PATTERN):
        text = pattern.sub(blot, text)
    text = re.sub(r"(?<![\w$])\{\s*[\"'][^{}]*[\"']\s*:[^{}]*\}", lambda found: _keep_slots(found[0]), text)
    return re.sub(r"\[\[?\s[^\]]*\s\]\]?", lambda found: "·" * len(found[0]), text)


def _keep_slots(text: str) -> str:
    return "·" + text[1:-1] + "·"


def _quoted_code(text: str) -> str:
    """The text without programs for awk, jq and the like, whose `$` are their own, and without escaped ones."""

    def blot(found: re.Match[str]) -> str:
        start, end = found.span("body")
        start, end = start - found.start(), end - found.start()
        if found["body"].startswith('"'):
            return found[0]
        return found[0][:start] + "·" * (end - start) + found[0][end:]

    text = _PROGRAMMED.sub(blot, text)
    return re.sub(r"\$\$|\$\(\(", "··", text) if "$$" in text else text


def _own(text: str) -> set[str]:
    """Variables that a command sets for itself."""
    found = {one for groups in _LOOPS.findall(text) for one in groups if one}
    for match in _SET.finditer(text):
        value = text[match.end() :]
        if not re.match(rf"[\"']?\$\{{?{match[1]}\b", value):
            found.add(match[1])
    if "\n" in text or ";" in text:
        found |= set(re.findall(r"(?m)^\s*([A-Za-z_]\w*)=", text))
    found |= set(re.findall(r"(?m)^\s*\$([A-Za-z_]\w*)\s*=(?!=)", text))  # as PowerShell sets one
    return found


def _tests(text: str, match: re.Match[str]) -> bool:
    """Whether square brackets are a test or an index."""
    before = text[: match.start()].rstrip()
    return before.endswith(("if", "while", "&&", "||", "[")) and " -" in match["name"]


def _upper_text(text: str, *, sql: bool) -> str:
    """Where a word in capitals may be an argument: not in quotes, unless it is SQL; not in a comment."""
    text = re.sub(r"(?m)(?:^|\s)#.*$", lambda found: "·" * len(found[0]), text)
    text = _HERE.sub(lambda found: found["head"] + "·" * len(found["text"]) + found["end"], text)
    if sql:
        return _LITERAL.sub(
            lambda found: found[0] if re.fullmatch(r"'[A-Z0-9_]+'", found[0]) else "·" * len(found[0]), text
        )

    def blot(found: re.Match[str]) -> str:
        inner = found[0][1:-1]
        if re.fullmatch(r"[A-Z][A-Z0-9_]*", inner) or re.match(
            r"(?i)\s*select\b.*pg_(?:terminate|cancel)_backend", inner
        ):
            return found[0]
        if re.match(r"(?:https?://|[\w.-]*=|\$\{?\w+\}?/)", inner) or "Bearer" in inner:
            return found[0]
        return "·" * len(found[0])

    return re.sub(r"\"(?:\\.|[^\"\\])*\"|'[^']*'", blot, text)


def _uppercase(word: str, text: str, match: re.Match[str], *, sql: bool) -> bool:
    if _NOT.match(word) or match.start() == 0:
        return False
    before = text[: match.start()]
    if re.search(r"(?:^|[;&|\n]|(?<!\w)\(|\$\()\s*$", before) and not sql:
        return False  # a program's place
    if re.search(
        r"(?:<<-?\s*['\"]?|\$\{?|--attribute-names?\s|--metric-name\s|-k\s|--statistics?\s"
        r"|--state\w*\s|--unit\w*\s|export\s|unset\s"
        r"|printenv\s|-e\s|--env\s|-X\s*|--request\s|--type\s|--level\s|--priority\s|-p\s(?=[A-Z]+\b)|--signal[= ]"
        r"|kill\s-"
        r"|\bredis-cli\b[^|;&]*(?<!\s-[hanu])\s|--\w*status\w*[= ])$",
        before,
    ):
        return word in ("PID",) or (
            word.endswith(("_ID", "_NAME"))
            and not before.rstrip().endswith(("-e", "--env", "export", "unset", "printenv", "{", "$"))
        )
    if sql:
        return (
            re.search(r"\(\s*$|=\s*'?$", before) is not None
            and (_WHOLE.fullmatch(word) or _PARTS.search(word)) is not None
        )
    if re.search(r"\b(?:echo|grep|git\s+commit|printf)\b[^|;&]*$", before):
        return False
    if "_" in word or "-" in word:
        return _PARTS.search(word.replace("-", "_")) is not None
    return _WHOLE.fullmatch(word) is not None


_HERE: Final = re.compile(
    r"(?P<head><<-?\s*(?P<quote>['\"]?)(?P<mark>[A-Za-z_]\w*)(?P=quote)[^\n]*\n)(?P<text>.*?)(?P<end>^\s*(?P=mark)\s*$)",
    re.DOTALL | re.MULTILINE,
)
_NAME: Final = re.compile(r"[^\W_]+", re.UNICODE)


def _name(written: str) -> str:
    """One name for all spellings: `<pod-name>`, `$POD_NAME`, `POD_NAME` and `[pod name]` are "pod-name"."""
    bare = re.sub(r"^\$(?:env:)?\{?([A-Za-z_]\w*).*$", r"\1", written) if written.startswith("$") else written
    bare = re.sub(r"^[<\[{]+|[>\]}]+$", "", bare)
    if _EXAMPLE.fullmatch(bare):
        return bare.lower()
    bare = re.sub(r"^(?:your|my)[-_ ](?=\w)", "", bare, flags=re.IGNORECASE)
    bare = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", bare)
    return "-".join(_NAME.findall(bare)).lower() or written


def parameters(commands: Sequence[Command]) -> tuple[Parameter, ...]:
    """What a whole document asks for: each thing once, in the order it is first met."""
    written: dict[str, dict[str, None]] = {}
    lines: dict[str, dict[int, None]] = {}
    hidden: set[str] = set()
    for command in commands:
        for one in command.placeholders:
            name = _name(one)
            written.setdefault(name, {})[one] = None
            lines.setdefault(name, {})[command.line] = None
            if secret(one) or _hides(command.text, one):
                hidden.add(name)
    return tuple(
        Parameter(name, tuple(spelled), tuple(lines[name]), secret=name in hidden) for name, spelled in written.items()
    )


def secret(written: str) -> bool:
    """Whether what is to be filled in is a password, a token or a key.

    >>> secret("<db-password>"), secret("$API_KEY"), secret("<key-pattern>")
    (True, True, False)
    """
    return _SECRET.search(written.strip("<>[]{}$")) is not None and not _NOT_SECRET.search(written)


def _hides(text: str, one: str) -> bool:
    """Whether it stands where a secret does: behind an option for one, or as the value of a variable named like one."""
    if any(secret(found[1]) for found in re.finditer(rf"(?<![\w-])([A-Z][A-Z0-9_]*)=[\"']?{re.escape(one)}", text)):
        return True
    spots: Iterable[str] = (
        r"(?:redis-cli\b[^|;&]*\s-a\s+",
        r"(?:--(?:password|token|secret|api-key)[= ]",
        r"(?:Bearer\s+",
    )
    return any(re.search(spot + r"[\"']?)" + re.escape(one), text) for spot in spots)
