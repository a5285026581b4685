"""A pasted or written command line, parsed by a real bash grammar: words and statements, never a string to run.

What can't be read for certain (a variable, a substitution, a syntax error) gives no command at all: better nothing
recognised than something else than was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from probes.base import Actuator, CommandLine, Recognised, after_options

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST: Final = 1 << 16
"""Characters of a text that is looked at."""

_SQL: Final = re.compile(
    r"\s*(?:select|with|vacuum|analyze|reindex|create|alter|delete|update|insert|drop|truncate|show|explain)\s", re.I
)
_TOKENS: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/ | (?P<end>;)""",
    re.VERBOSE | re.DOTALL,
)
_PROMPT: Final = re.compile(r"^\s*\$\s+", re.MULTILINE)
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]")
_OPERATOR: Final = re.compile(r"(?<!\S)=(?=[=~](?!\S))")
"""A word `==` or `=~`, which the grammar takes for an operator in any command."""
_STRANGE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Control characters that no command line has."""
_BETWEEN: Final = re.compile(rb"(?:[ \t]|\\\n)+")
"""What stands between two words of one command."""
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)

_WRAPPERS: Final = {
    "sudo": "ugpCDRTh",
    "doas": "uC",
    "env": "uCS",
    "nohup": "",
    "time": "",
    "command": "",
    "exec": "a",
    "nice": "n",
    "ionice": "cnp",
    "stdbuf": "ioe",
    "timeout": "ks",
}
"""Programs that run another one, with the letters of their options that take a value."""

_ELSEWHERE: Final = {
    "sudo": ("RDhleVvK", frozenset({"chroot", "chdir", "host", "list", "edit", "validate", "version", "help"})),
    "doas": ("C", frozenset[str]()),
    "env": ("CS", frozenset({"chdir", "split-string"})),
    "command": ("vV", frozenset[str]()),
}
"""Options with which these run a command in another folder, system or machine, or only tell of it."""

_PLAIN: Final = frozenset({"program", "list", "comment", "heredoc_body", "heredoc_content", "heredoc_end"})
"""What is no command itself, and in which every command is done: no condition, no loop, no assignment."""

_READERS: Final = frozenset({"cat", "head", "tail", "less", "more", "grep", "egrep", "fgrep", "wc", "sort", "cut", "tr",
                             "jq", "column", "nl"})  # fmt: skip
"""Programs that only show what they are given."""
_KEPT: Final = re.compile(r"/dev/(?:null|stdout|stderr|tty)|(?:/tmp/|/var/tmp/|\./|~/)?\w[\w.-]*\.(?:log|txt|out)")
"""Where output goes that is not wanted, or is kept as a log of what was done."""

_PARSERS: list[Parser] = []


def parse(text: str) -> list[CommandLine]:
    """Every simple command of a text, in order, wrappers taken off.

    >>> [one.words for one in parse("$ sudo -n systemctl restart web.service && echo done")]
    [('systemctl', 'restart', 'web.service'), ('echo', 'done')]
    >>> parse("select pg_cancel_backend(12);")[0].sql
    'select pg_cancel_backend(12)'
    >>> parse("kill $PID")
    []
    """
    return [one for one in _parsed(text) if one is not None]


def _parsed(text: str) -> list[CommandLine | None]:
    """The same, with None for each part that nobody can say of what it does before it is done."""
    if len(text) > LONGEST or _STRANGE.search(text):
        return []
    if _SQL.match(text):
        return [CommandLine(sql=statement) for statement in _statements(text)]
    mark = _mark(text)

    def spelled(found: re.Match[str]) -> str:
        return f"{mark}{ord(found[0]):x}{mark}"

    ascii_only = _FOREIGN.sub(spelled, _PROMPT.sub("", text))
    tree = _parser().parse(_OPERATOR.sub(spelled, ascii_only).encode())
    if tree.root_node.has_error:  # in a test, [[ a == b ]], it is an operator
        tree = _parser().parse(ascii_only.encode())
    if tree.root_node.has_error:
        return []
    return [line and _restored(line, mark) for line in _commands(tree.root_node)]


def _mark(text: str) -> str:
    """Letters that don't occur in a text.

    The grammar's scanner reads beyond its tables for letters outside ASCII, so each of these is spelled between marks
    while it is parsed.
    """
    mark = "zq"
    while mark in text:
        mark += "q"
    return mark


def _restored(line: CommandLine, mark: str) -> CommandLine:
    """The command with the letters it was written with."""
    spelled = re.compile(f"{mark}([0-9a-f]+){mark}")

    def back(text: str) -> str:
        return spelled.sub(lambda found: chr(int(found[1], 16)), text)

    return replace(
        line,
        words=tuple(map(back, line.words)),
        stdin=back(line.stdin),
        environment={name: back(value) for name, value in line.environment.items()},
        piped=tuple(tuple(map(back, words)) for words in line.piped),
        reads=back(line.reads),
        writes=tuple(map(back, line.writes)),
        appends=tuple(map(back, line.appends)),
    )


def recognised(text: str, actuator: Actuator[Any]) -> Recognised | None:
    """The one request that a whole text means to an actuator: None unless every command of it belongs to that, and
    all of them are done, whatever becomes of the others."""
    lines = _parsed(text)
    found = [actuator.recognise(line) if line is not None and _ends_here(line, actuator) else None for line in lines]
    if not found or None in found:
        return None
    meant = [one for one in found if one is not None]
    first = meant[0].request
    if any(replace(one.request, subjects=()) != replace(first, subjects=()) for one in meant):
        return None
    if any(bool(one.request.subjects) != bool(first.subjects) for one in meant):
        return None  # the whole and a part of it are not one request
    subjects = tuple(dict.fromkeys(subject for one in meant for subject in one.request.subjects))
    return replace(meant[0], request=replace(first, subjects=subjects))


def _turns(wrapper: str, options: tuple[str, ...]) -> bool:
    """Whether a wrapper runs its command in another place, or not at all.

    >>> _turns("sudo", ("-n", "-u", "app")), _turns("sudo", ("-nl",)), _turns("env", ("--chdir=/srv",))
    (False, True, True)
    """
    letters, long = _ELSEWHERE.get(wrapper, ("", frozenset[str]()))
    valued = _WRAPPERS[wrapper]
    for one in options:
        if one.startswith("--"):
            if one[2:].partition("=")[0] in long:
                return True
            continue
        for letter in one[1:] if one.startswith("-") else "":
            if letter in letters:
                return True
            if letter in valued:
                break  # the rest of the word is its value
    return False


def _ends_here(line: CommandLine, actuator: Actuator[Any]) -> bool:
    """Whether a line does nothing but what its first command does: its output is read, or kept as a log."""
    piped = actuator.reads_pipes or all(map(_only_shows, line.piped))
    return piped and (actuator.reads_files or all(map(_KEPT.fullmatch, line.writes)))


def _only_shows(words: tuple[str, ...]) -> bool:
    """Whether a command that output goes through changes nothing.

    >>> _only_shows(("tail", "-n", "5")), _only_shows(("tee", "restart.log")), _only_shows(("tee", "/etc/motd"))
    (True, True, False)
    """
    program, *rest = words or ("",)
    if program == "tee":
        return all(_KEPT.fullmatch(one) for one in rest if one not in ("-a", "--append"))
    if any(one.startswith(("+", "-o", "--output")) for one in rest) and program in ("less", "more", "sort"):
        return False
    return program in _READERS


def _parser() -> Parser:
    if not _PARSERS:
        import tree_sitter_bash
        from tree_sitter import Language, Parser

        _PARSERS.append(Parser(Language(tree_sitter_bash.language())))
    return _PARSERS[0]


def _statements(text: str) -> Iterator[str]:
    """SQL statements without comments, quotes respected."""
    start = 0
    cuts = [found.start() for found in _TOKENS.finditer(text) if found["end"]]
    for cut in (*cuts, len(text)):
        statement = _TOKENS.sub(_without_comment, text[start:cut]).strip()
        if statement:
            yield statement
        start = cut + 1


def _without_comment(found: re.Match[str]) -> str:
    return " " if found[0].startswith(("--", "/*")) else found[0]


def _commands(
    node: Node,
    piped: Sequence[tuple[str, ...]] = (),
    stdin: str = "",
    reads: str = "",
    writes: Sequence[str] = (),
    appends: Sequence[str] = (),
) -> Iterator[CommandLine | None]:
    if node.type == "command":
        line = _command(node, piped, stdin)
        yield line and replace(line, reads=reads, writes=tuple(writes), appends=tuple(appends))
    elif node.type == "pipeline":
        first, *rest = node.named_children
        through = [_words(one) if one.type == "command" else None for one in rest]
        yield from _commands(first, [words for words in through if words is not None], stdin, reads, writes, appends)
        yield from (None for words in through if words is None)
    elif node.type == "redirected_statement":
        body = node.child_by_field_name("body")
        if body is not None:
            here = "".join(_here(one) for one in node.named_children)
            file = next(filter(None, map(_file, node.named_children)), reads)
            more, kept = _written(node)
            yield from _commands(body, piped, here, file, [*writes, *more], [*appends, *kept])
    else:
        if node.type not in _PLAIN or any(one.type == "||" for one in node.children):
            yield None
        for child in node.named_children:
            yield from _commands(child)


def _here(node: Node) -> str:
    """The text of a here-document or here-string."""
    if node.type == "herestring_redirect":
        return "".join(_text(one) or "" for one in node.named_children)
    bodies = (one.text or b"" for one in node.named_children if one.type == "heredoc_body")
    return b"".join(bodies).decode() if node.type == "heredoc_redirect" else ""


def _file(node: Node) -> str:
    """The file that a command reads by `< file`, as it is written; empty for every other redirection."""
    place = node.child_by_field_name("destination")
    if node.type != "file_redirect" or place is None or not any(one.type == "<" for one in node.children):
        return ""
    return (place.text or b"").decode()


def _written(node: Node) -> tuple[list[str], list[str]]:
    """(the files that output goes to, as they are written; those of them that keep what they hold)."""
    writes: list[str] = []
    appends: list[str] = []
    for one in node.named_children:
        place = one.child_by_field_name("destination") if one.type == "file_redirect" else None
        signs = {each.type for each in one.children} & {">", ">>", "&>", "&>>", ">|", ">&", "<>"}
        name = (place.text or b"").decode() if place is not None else ""
        if not signs or (">&" in signs and (name.isdecimal() or name == "-")):
            continue
        writes.append(name)
        if signs & {">>", "&>>"}:
            appends.append(name)
    return writes, appends


def _command(node: Node, piped: Sequence[tuple[str, ...]], stdin: str) -> CommandLine | None:
    words = _words(node)
    given = [one.text or b"" for one in node.named_children if one.type == "variable_assignment"]
    here = [_here(one) for one in node.named_children if one.type.endswith("_redirect")]
    if words is None or any(b"$" in one or b"`" in one for one in given):
        return None
    environment = dict(part.decode().split("=", 1) for part in given)
    unwrapped = _unwrapped(words)
    if unwrapped is None or not unwrapped[0]:
        return None
    words, through, more = unwrapped
    return CommandLine(
        words=words,
        stdin=stdin or "".join(here),
        environment={name: value.strip("'\"") for name, value in environment.items()} | more,
        through=through,
        piped=tuple(piped),
    )


def _words(node: Node) -> tuple[str, ...] | None:
    """The command's words; None when one of them is not known before it runs."""
    parts = [one for one in node.children if one.type not in ("variable_assignment", "herestring_redirect")]
    if any(one.type.endswith("_redirect") for one in parts) or not _apart(node):
        return None
    found = [_text(one) for one in parts]
    return None if None in found else tuple(word for word in found if word is not None)


def _apart(node: Node) -> bool:
    """Whether the grammar has lost no letter between two words and torn none apart."""
    source, start = node.text or b"", node.start_byte
    gaps = (source[one.end_byte - start : other.start_byte - start] for one, other in pairwise(node.children))
    return all(_BETWEEN.fullmatch(gap) for gap in gaps)


def _text(node: Node) -> str | None:
    raw = (node.text or b"").decode()
    match node.type:
        case "command_name" | "concatenation":
            parts = [_text(one) for one in node.children]
            return None if None in parts else "".join(part for part in parts if part is not None)
        case "word" | "number":
            return None if any(one.type != "word" for one in node.named_children) else re.sub(r"\\(.)", r"\1", raw)
        case "raw_string":
            return raw[1:-1]
        case "string" | "translated_string":
            if any(one.type != "string_content" for one in node.named_children):
                return None
            return re.sub(r'\\([$`"\\])', r"\1", raw[raw.index('"') + 1 : -1])
        case "string_content":
            return raw
        case _:
            return None


def _unwrapped(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]] | None:
    """(the command itself, its wrappers, assignments given to env) of a command's words; None where a wrapper takes it
    to another place, or does not run it."""
    through: list[str] = []
    given: dict[str, str] = {}
    while words and (name := words[0].rpartition("/")[2]) in _WRAPPERS:
        through.append(name)
        rest = after_options(words[1:], _WRAPPERS[name])
        if _turns(name, words[1 : len(words) - len(rest)]):
            return None
        words = rest
        while name in ("env", "sudo") and words and (pair := _ASSIGNMENT.fullmatch(words[0])):
            given[pair[1]] = pair[2]
            words = words[1:]
        if name == "timeout":
            words = words[1:]
    return words, tuple(through), given
