"""What a logical command means: every simple command of it is put to the dialects, and the one that matters decides.

The worst of them decides the danger. Class, verb, system and target are those of the most dangerous one; among equals
of the first that a system of ours knows. What only dresses a command (echo, cd, sleep, a filter behind a pipe) decides
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from desk.runbook.placeholders import secret
from desk.runbook.shell import LONGEST, Leaf, Parsed, parsed
from desk.runbook.words import names, unwrapped
from probes.base import CommandLine, Danger, Dialect, Meaning, Sort, Verb, Within, flaw

DEEPEST: Final = 6
"""Commands within commands that are opened; what is deeper is taken for the worst."""

_DRESS: Final = names("""
    echo printf cd pushd popd sleep export declare local readonly typeset unset set true false : test read exit wait
    source . date clear mkdir tput alias return break continue shift trap
""")
"""Programs that decide nothing beside another one."""
_FILTERS: Final = names("""
    grep egrep fgrep zgrep rg head tail jq yq wc sort uniq awk gawk sed cut tr tee less more cat column xargs nl
    fold paste tac rev bc base64 python python3 json_pp gzip gunzip zcat bzip2 xz zstd pigz gpg openssl cat pv ts
    xxd hexdump strings select-string format-table where-object select-object measure-object
""")
"""Programs that decide nothing of their own when something is piped into them."""
_QUIET: Final = names("""
    echo printf cd pushd popd sleep true false : test read exit wait date clear tput return break continue shift
    grep egrep fgrep head tail jq wc sort uniq cut tr column nl cat less more
""")
_WORSE: Final = re.compile(
    r"delet|destroy|drop|purge|wipe|reset|restor|rollback|truncat|flush|remov|clean|prune|force|erase|nuke|format"
    r"|reinit",
    re.I,
)
_TAKES_TEXT: Final = frozenset(("bash", "sh", "zsh", "ksh", "dash", "python", "python3", "perl", "ruby", "node", "php"))
_TELLS_WHAT: Final = re.compile(r"-[abBcdEhiIlnOpPqsStTuUvVwx0-9]*[me]")
"""Short options up to the one that says what is run, so that the input is read as data: `-m`, `-ne`, `-lane`."""
_GOES_TO: Final = re.compile(r"\+{1,2}(?:\d*[FGgp%]?|[/?&].*)")
"""What a pager is told to begin with and that only moves: `+F`, `+G`, `+120`, `+/error`."""
_TAKES_SQL: Final = frozenset(
    ("psql", "mysql", "mariadb", "sqlite3", "mongorestore", "mysqlimport", "pg_restore", "clickhouse-client", "cqlsh")
)
_KERNEL: Final = re.compile(r"/(?:proc|sys)/|/etc/|/dev/(?!null|std|tty|shm)|/boot/|/usr/|/var/spool/cron")
_DEVICE: Final = re.compile(r"/dev/(?:sd|nvme|vd|xvd|hd|mapper|md|disk)")
_LOGFILE: Final = re.compile(r"\.log\b|/log/|/logs/|\.(?:out|err)$")

_FAULTS: Final = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
_UNKNOWN: Final = Meaning(Sort.SHELL, Verb.OTHER, "shell", danger=Danger.DISRUPTIVE)


@dataclass(frozen=True, slots=True)
class Understood:
    """What a logical command means and what it leaves behind."""

    meaning: Meaning
    sets: tuple[str, ...] = ()
    folder: str = ""
    place: str = ""
    """Where it runs when that is not here."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One simple command with its answer."""

    meaning: Meaning
    place: str = ""
    dress: bool = False
    alone: bool = True
    """False when it was only one of several that another one carries."""


@lru_cache(maxsize=4096)
def understood(text: str, dialects: tuple[Dialect, ...], language: str = "shell") -> Understood:
    """A logical command: its meaning, and what it leaves behind.

    `language`: "shell", "sql", or "redis" for what is typed into redis-cli.
    """
    if language == "redis":
        text = f"redis-cli {text}"
    elif language == "sql" and text.lstrip().startswith("\\"):
        found = (Leaf(CommandLine(words=("psql", "-c", text.strip()))),)
        return _told(text, Parsed(found), dialects)
    elif language == "sql":
        from desk.runbook.sql import statements

        return _told(text, Parsed(tuple(Leaf(CommandLine(sql=one)) for one in statements(text))), dialects)
    return _told(text, parsed(text), dialects)


def _told(text: str, found: Parsed, dialects: tuple[Dialect, ...]) -> Understood:
    if len(text) > 2 * LONGEST:
        return Understood(replace(_UNKNOWN, danger=Danger.DESTRUCTIVE))
    judged = [_judged(leaf, dialects, DEEPEST) for leaf in found.leaves]
    if not judged:
        return Understood(
            Meaning(Sort.SHELL, Verb.OTHER, "shell", danger=_empty(text, found)), found.sets, found.folder
        )
    one = _chosen(judged)
    meant = one.meaning
    others = [other for other in judged if other is not one]
    counted = [other for other in others if not other.dress]
    acts = not others and one.alone and not found.sets and not one.place
    asked, plain = _values(judged)
    meant = replace(
        meant,
        warning=meant.warning
        or flaw(next((other.meaning.warning for other in counted if _matters(other.meaning)), "")),
        becomes=meant.becomes if not counted and one.alone and not found.sets and not one.place else "",
        asked=asked if acts else tuple(value for value in asked if value not in plain),
        plain=plain if acts else (),
        reveals=any(other.meaning.reveals for other in judged),
        endless=found.endless or any(other.meaning.endless for other in judged),
        interactive=any(other.meaning.interactive for other in judged),
        danger=max(other.meaning.danger for other in judged),
    )
    if (late := _LATE_MARK.search(text[:_LOOKED_AT])) is not None:
        danger = max(meant.danger, Danger.DISRUPTIVE)
        meant = replace(meant, danger=danger, warning=_NO_MARK.format(late["mark"]), becomes="")
    cut = _cut_address(text)
    if cut and not meant.warning:
        meant = replace(meant, warning=cut)
    return Understood(meant, found.sets, found.folder, one.place)


def _values(judged: Sequence[_Judged]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(values that are not taken over, those of them that are plainly no secret wherever they stand)."""
    told = [one.meaning for one in judged]
    asked = tuple(value for one in told for value in one.asked)
    unsure = {value for one in told for value in one.asked if value not in one.plain}
    return asked, tuple(value for value in asked if value not in unsure)


def _matters(meant: Meaning) -> bool:
    return bool(meant.warning) and meant.danger > Danger.READ


def _empty(text: str, found: Parsed) -> Danger:
    """The danger of a text without commands: none when it only sets variables or tests something."""
    bare = re.sub(r"(?m)^\s*#.*$", "", text).strip()
    return Danger.READ if found.certain or not bare else Danger.DISRUPTIVE


_LATE_MARK: Final = re.compile(
    r"<<-?\s*(?P<quote>['\"]?)(?P<mark>\w+)(?P=quote).*\n(?:.*\n)*?(?P=mark)[ \t]*(?:\||>|&&)"
)
_LOOKED_AT: Final = 20_000
"""Letters of a text in which that is looked for."""
_NO_MARK: Final = "{0} does not end the text unless it stands alone: what follows it belongs on the line with <<{0}."
_CUT_ADDRESS: Final = re.compile(r"(?<![\w'\"])https?://[^\s'\"|;&]*\?[^\s'\"|;&]*&[\w.\[\]%-]+=")


def _cut_address(text: str) -> str:
    if _CUT_ADDRESS.search(text) is None:
        return ""
    return "The & in the address is not quoted, so a shell cuts the line there; Opsroom asks for the whole address."


def _chosen(judged: Sequence[_Judged]) -> _Judged:
    worst = max(one.meaning.danger for one in judged)
    among = [one for one in judged if one.meaning.danger == worst]
    counted = [one for one in among if not one.dress] or among
    return next((one for one in counted if one.meaning.sort is not Sort.SHELL), counted[0])


def _judged(leaf: Leaf, dialects: tuple[Dialect, ...], depth: int) -> _Judged:
    line = leaf.line
    answer = _asked(line, dialects)
    place = ""
    alone = True
    if isinstance(answer, Within):
        judged, alone = _opened(answer, line, dialects, depth)
        meant, place = judged.meaning, judged.place
    else:
        meant = answer
    if _shows_secret(line):
        meant = replace(meant, reveals=True)
    floor = max(_floor(line), _written(leaf))
    if meant.interactive and _WORSE.search(line.stdin):
        floor = Danger.DESTRUCTIVE  # a session that is told what to do
    if floor > meant.danger:
        meant = replace(meant, danger=floor)
    return _Judged(meant, place, _dressing(line), alone)


def _dressing(line: CommandLine) -> bool:
    program = line.program.lower()
    if line.through and program not in _QUIET:
        return False
    return program in _DRESS or (program in _FILTERS and bool(line.fed))


def _asked(line: CommandLine, dialects: Iterable[Dialect]) -> Meaning | Within:
    for dialect in dialects:
        try:
            answer = dialect.understand(line)
        except _FAULTS:  # a runbook must open: what one dialect fails on is asked of the next
            continue
        if answer is not None:
            return _kept(_helped(answer, line), line)
    if line.program in _QUIET and line.words[1:2] != ("-i",):
        return replace(_UNKNOWN, danger=Danger.READ)
    if _WORSE.search(" ".join((*line.words, line.sql, line.stdin))):
        return replace(_UNKNOWN, danger=Danger.DESTRUCTIVE)
    if line.words and line.words[0] in _DRESS:
        return replace(_UNKNOWN, danger=Danger.READ)
    return _UNKNOWN


def _helped(answer: Meaning | Within, line: CommandLine) -> Meaning | Within:
    """A program known by its name that is only asked how it is used; a script may do as it likes."""
    words = line.words
    if isinstance(answer, Within) or words[-1:] != ("--help",) or "--" in words or len(words) < 2:
        return answer
    if "/" in words[0] or "." in words[0] or answer.target == words[0] or line.program in _TAKES_TEXT:
        return answer
    return replace(answer, danger=Danger.READ)


def _kept(answer: Meaning | Within, line: CommandLine) -> Meaning | Within:
    """The answer without what is done instead where an assignment may say where it goes: `KUBECONFIG=x kubectl`."""
    if isinstance(answer, Within) or not answer.becomes or not line.environment:
        return answer
    return replace(answer, becomes="")


def _opened(within: Within, outer: CommandLine, dialects: tuple[Dialect, ...], depth: int) -> tuple[_Judged, bool]:
    """(what a command carries, as its own; whether it is the only one)."""
    inner: list[Leaf]
    if within.script:
        inner = list(parsed(within.script).leaves)
        told = {outer.stdin.strip(), " ".join(outer.fed[1:])} if outer.program not in ("xargs", "parallel") else set()
        if inner and within.script.strip() not in told:
            inner[0] = _handed(inner[0], within, outer)
    elif within.words:
        inner = [_handed(_simple(within.words), within, outer)]
    else:
        inner = []
    if not inner:
        bare = Meaning(
            Sort.SHELL,
            Verb.OTHER,
            within.system or "shell",
            within.target,
            danger=max(within.least, Danger.DISRUPTIVE if within.script.strip() else Danger.READ),
            kind=within.kind,
            warning=within.warning,
            endless=within.endless,
            interactive=within.interactive,
        )
        return _Judged(bare, within.place), True
    if depth <= 0:
        return _Judged(replace(_UNKNOWN, danger=Danger.DESTRUCTIVE), within.place), False
    judged = [_judged(leaf, dialects, depth - 1) for leaf in inner]
    one = _chosen(judged)
    asked, plain = _values(judged)
    meant = replace(
        one.meaning,
        asked=asked,
        plain=plain,
        danger=max(within.least, *(other.meaning.danger for other in judged)),
        system=one.meaning.system if one.meaning.sort is not Sort.SHELL else one.meaning.system or within.system,
        target=one.meaning.target or within.target,
        kind=one.meaning.kind or within.kind,
        warning=one.meaning.warning or within.warning,
        reveals=any(other.meaning.reveals for other in judged),
        endless=within.endless or any(other.meaning.endless for other in judged),
        interactive=within.interactive or any(other.meaning.interactive for other in judged),
    )
    return _Judged(meant, within.place or one.place), one.alone and len(judged) == 1


def _simple(words: tuple[str, ...]) -> Leaf:
    """The words another command carries; given as one, they are a line."""
    if len(words) == 1 and " " in words[0]:
        found = parsed(words[0]).leaves
        if len(found) == 1:
            return found[0]
        return Leaf(CommandLine(words=("sh", "-c", words[0])))
    bare, through, given = unwrapped(words)
    return Leaf(CommandLine(words=bare, through=through, environment=given))


def _handed(leaf: Leaf, within: Within, outer: CommandLine) -> Leaf:
    """The first inner command reads what the outer one is given."""
    line = leaf.line
    return replace(
        leaf,
        line=replace(
            line,
            stdin=line.stdin or within.stdin or ("" if within.script else outer.stdin),
            fed=line.fed or outer.fed,
            reads=line.reads or outer.reads,
            piped=line.piped or outer.piped,
            writes=line.writes or outer.writes,
        ),
    )


def _noisy(line: CommandLine) -> bool:
    """Whether a program that only shows does more here: `uniq a b` writes b, `less +!x` runs x, an alias makes what
    stands in later lines mean something else."""
    words = line.words[1:]
    match line.program:
        case "uniq":
            taken = {number + 1 for number, word in enumerate(words) if word in ("-f", "-s", "-w")}
            named = (word == "-" or word[:1] not in "-+" for number, word in enumerate(words) if number not in taken)
            return sum(named) > 1
        case "less" | "more" | "zless" | "zmore":
            return any(word.startswith("+") and _GOES_TO.fullmatch(word) is None for word in words)
        case "alias":
            return any("=" in word for word in words)
    return False


def _floor(line: CommandLine) -> Danger:
    """What a command costs at least for what is put into it, whatever a dialect says."""
    program = line.program
    if _noisy(line):
        return Danger.DISRUPTIVE
    unseen = re.fullmatch(r"\s*\$[\w{}]+;?\s*", line.stdin) is not None
    given = line.reads or (line.fed and not line.stdin) or unseen
    if (program in _TAKES_SQL or {"dbshell", "dbconsole"} & set(line.words[1:])) and given:
        return Danger.DESTRUCTIVE
    if program in _TAKES_TEXT and (line.fed or line.reads) and all(one.startswith("-") for one in line.words[1:]):
        if program.startswith(("python", "perl", "ruby", "node", "php")) and any(
            _TELLS_WHAT.match(one) for one in line.words[1:]
        ):
            return Danger.READ  # `python -m json.tool`, `perl -ne ...` read it as data
        said = f"{line.stdin} {' '.join(line.fed)}"
        return Danger.DESTRUCTIVE if _WORSE.search(said) else Danger.DISRUPTIVE
    return Danger.READ


def _shows_secret(line: CommandLine) -> bool:
    """Whether a secret variable is written to the screen."""
    if line.program not in ("echo", "printf", "printenv") or line.piped or line.writes:
        return False
    named = line.program == "printenv"
    return any(("$" in one or named) and secret(one) for one in line.words[1:])


def _written(leaf: Leaf) -> Danger:
    """What the files cost that a command's output goes to."""
    line = leaf.line
    if not line.writes:
        return Danger.READ
    if any(_DEVICE.match(one) or re.match(r"/sys/.*/(?:delete|remove)$", one) for one in line.writes):
        return Danger.DESTRUCTIVE
    if _says_nothing(line) and all(re.match(r"/dev/(?:tcp|udp)/", one) for one in line.writes):
        return Danger.READ  # a connection that is only opened
    if _WORSE.search(" ".join(line.words)) and any(re.match(r"/dev/(?:tcp|udp)/", one) for one in line.writes):
        return Danger.DESTRUCTIVE
    if leaf.replaces and _says_nothing(line):
        return Danger.DESTRUCTIVE
    if any(_KERNEL.match(one) for one in line.writes):
        return Danger.DISRUPTIVE
    if any(_LOGFILE.search(one) for one in leaf.replaces) and line.program in ("echo", "printf"):
        return Danger.DESTRUCTIVE
    return Danger.REVERSIBLE


def _says_nothing(line: CommandLine) -> bool:
    """Whether nothing is written, so that a file is emptied: `> app.log`, `: > app.log`, `cat /dev/null > app.log`."""
    words = line.words
    if line.program in (":", "true"):
        return not line.piped
    if line.program == "cat":
        return words[1:] == ("/dev/null",) or (len(words) == 1 and line.reads == "/dev/null")
    return line.program in ("echo", "printf") and not "".join(words[1:]).strip("-n'\" \\")
