"""Every simple command of a text, read loosely: what a runbook says is looked at, never run as it stands.

`desk.commandline` is the strict reader, for what becomes a request. This one keeps variables, substitutions and
placeholders as the text they are written with, and has an answer for every text: what the grammar does not take is
split by hand, rather into too many commands than too few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from desk.runbook.sql import is_sql, statements
from desk.runbook.words import apart, lines_of, names, unwrapped
from probes.base import CommandLine

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST: Final = 1 << 16
"""Characters of a text that the grammar is given; a longer one is split by hand."""
DEEPEST: Final = 200
"""How deep nodes may lie within each other."""

_STRANGE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_PROMPT: Final = re.compile(r"^\s*\$\s+", re.MULTILINE)
_BROKEN: Final = re.compile(r"\\[ \t]+(?:#[^\n]*)?\n")
"""A continuation with blanks or a comment after it: a shell stops there, its author did not."""
_REMARKED: Final = re.compile(r"\\\n(?:[ \t]*#[^\n]*\n)+(?=[ \t]+-)")
"""A comment among continued lines."""
_NESTED: Final = re.compile(r"\$\(\((?=\s*[a-z_][\w-]*\s+(?:[\w/$\"'.;]|-[a-z]))")
"""A substitution that begins with a subshell, which the grammar takes for arithmetic."""
_SPELLED: Final = re.compile(
    r"""(?<![<\w])<(?![\s(</&=>-])[^<>\n"'`;&$]{0,60}(?<![\s/])>   # <pod-name>, <name of the table>
    | (?<=[\w=/:.@-])<(?![\s(</&=>])[\w\ .|:/-]{1,60}(?<![\s/])>    # backup-<date>.sql
    | (?<![$%{])\{[A-Za-z_][\w.-]*\}(?!\})                          # {name}
    | \{\{[^{}\n]*\}\}                                              # {{.State.Status}}
    | [^\x00-\x7f]+ """,
    re.VERBOSE,
)
"""What the grammar takes for something else than a part of a word.

The grammar's scanner reads beyond its tables for letters outside ASCII, so these are spelled too.
"""
_OPERATOR: Final = re.compile(r"(?<!\S)=(?=[=~](?!\S))")
"""A word `==` or `=~`, which the grammar takes for an operator in any command."""
_ADDRESS: Final = re.compile(r"(?<![\w'\"])https?://(?:<[\w .-]+>|[^\s'\"<>|;])*")
_BETWEEN: Final = re.compile(rb"(?:[ \t]|\\\r?\n)+")
_NOWHERE: Final = frozenset(("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"))
_HEREDOC: Final = frozenset(("heredoc_start", "heredoc_body", "heredoc_end", "file_descriptor"))
_WORDS: Final = frozenset(("word", "string", "raw_string", "number", "concatenation", "simple_expansion"))
_NESTS: Final = frozenset(("command_substitution", "process_substitution", "subshell"))

_PARSERS: list[Parser] = []


@dataclass(frozen=True, slots=True)
class Leaf:
    """One simple command of a text."""

    line: CommandLine
    replaces: tuple[str, ...] = ()
    """Files that its output takes the place of: those of `>`, not of `>>`."""
    inner: bool = False
    """True inside a substitution."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A whole text, read loosely."""

    leaves: tuple[Leaf, ...] = ()
    sets: tuple[str, ...] = ()
    """Variables that it leaves set."""
    folder: str = ""
    """Where it leaves the shell standing: the path of its last `cd`."""
    endless: bool = False
    """True for a loop that nothing ends."""
    certain: bool = True
    """False when the grammar did not take the text and it was split by hand."""


@dataclass(slots=True)
class _Way:
    """What a command is given by what stands around it."""

    piped: tuple[tuple[str, ...], ...] = ()
    fed: tuple[str, ...] = ()
    stdin: str = ""
    reads: str = ""
    writes: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    """Arguments that stand after a redirect."""
    inner: bool = False


@dataclass(slots=True)
class _Reading:
    mark: str
    leaves: list[Leaf] = field(default_factory=list)
    sets: dict[str, None] = field(default_factory=dict)
    folder: str = ""
    endless: bool = False


def leaves(text: str) -> list[CommandLine]:
    """Every simple command of a text, in order: of pipelines, chains, blocks and substitutions. Never raises.

    >>> [one.words for one in leaves("sudo kill <pid> && docker logs $NAME | tail -5")]
    [('kill', '<pid>'), ('docker', 'logs', '$NAME'), ('tail', '-5')]
    """
    return [leaf.line for leaf in parsed(text).leaves]


@lru_cache(maxsize=4096)
def parsed(text: str) -> Parsed:
    """A whole text. Pure, never raises."""
    if is_sql(text):
        return Parsed(tuple(Leaf(CommandLine(sql=one)) for one in statements(text)))
    text = _STRANGE.sub(" ", text.replace("\r\n", "\n").replace("\xa0", " "))
    text = _NESTED.sub("$( (", text)
    text = _REMARKED.sub("\\\\\n", _BROKEN.sub("\\\\\n", _PROMPT.sub("", text)))
    if len(text) <= LONGEST and (found := _by_grammar(text)) is not None:
        return found
    return _by_hand(text[: 2 * LONGEST])


def _by_grammar(text: str) -> Parsed | None:
    mark = "zq"
    while mark in text:
        mark += "q"

    def spelled(found: re.Match[str]) -> str:
        return f"{mark}{found[0].encode().hex()}{mark}"

    def whole(found: re.Match[str]) -> str:
        return re.sub(r"&(?=[\w.\[\]%-]+=)", spelled, found[0])

    plain = _SPELLED.sub(spelled, _ADDRESS.sub(whole, text))
    for given in (_OPERATOR.sub(spelled, plain), plain):
        root = _parser().parse(given.encode()).root_node
        if not root.has_error:
            break
    else:
        return None
    reading = _Reading(mark)
    try:
        _walk(root, _Way(), reading, DEEPEST)
    except (_Torn, RecursionError):
        return None
    if mark not in given:
        return Parsed(tuple(reading.leaves), tuple(reading.sets), reading.folder, reading.endless)
    back = re.compile(f"{mark}((?:[0-9a-f][0-9a-f])+){mark}")

    def restored(value: str) -> str:
        return back.sub(lambda found: bytes.fromhex(found[1]).decode(errors="replace"), value)

    def words(values: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(restored, values))

    return Parsed(
        leaves=tuple(
            replace(
                leaf,
                replaces=words(leaf.replaces),
                line=replace(
                    leaf.line,
                    words=words(leaf.line.words),
                    stdin=restored(leaf.line.stdin),
                    environment={name: restored(value) for name, value in leaf.line.environment.items()},
                    piped=tuple(map(words, leaf.line.piped)),
                    fed=words(leaf.line.fed),
                    reads=restored(leaf.line.reads),
                    writes=words(leaf.line.writes),
                ),
            )
            for leaf in reading.leaves
        ),
        sets=tuple(reading.sets),
        folder=restored(reading.folder),
        endless=reading.endless,
    )


class _Torn(Exception):
    """The grammar lost letters between two words."""


def _parser() -> Parser:
    if not _PARSERS:
        import tree_sitter_bash
        from tree_sitter import Language, Parser

        _PARSERS.append(Parser(Language(tree_sitter_bash.language())))
    return _PARSERS[0]


def _raw(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


def _walk(node: Node, way: _Way, reading: _Reading, depth: int) -> None:
    if depth <= 0:
        raise _Torn
    match node.type:
        case "command":
            _command(node, way, reading, depth)
        case "declaration_command" | "unset_command":
            _declaration(node, way, reading, depth)
        case "pipeline":
            _pipeline(node.named_children, way, reading, depth)
        case "redirected_statement":
            _redirected(node, way, reading, depth)
        case "variable_assignment":
            name = node.child_by_field_name("name")
            if name is not None and not way.inner and (found := re.match(r"\w+", _raw(name))):
                reading.sets[found[0]] = None
            _within(node, reading, depth)
        case "while_statement":
            condition = node.child_by_field_name("condition")
            first = condition if condition is not None else node
            if _raw(first).rstrip("; \n") in ("true", ":", "[ 1 ]", "((1))", "[ true ]"):
                reading.endless = "break" not in _raw(node)
            _children(node, way, reading, depth)
        case kind if kind in _NESTS:
            _children(node, replace(way, inner=True), reading, depth)
        case "file_redirect":
            own, _ = _ways([node], way)
            if own.writes:
                reading.leaves.append(_leaf((":",), own))
        case "comment" | "word" | "variable_name" | "heredoc_start" | "heredoc_end":
            pass
        case _:
            _children(node, way, reading, depth)


def _children(node: Node, way: _Way, reading: _Reading, depth: int) -> None:
    for child in node.named_children:
        _walk(child, way, reading, depth - 1)


def _within(node: Node, reading: _Reading, depth: int) -> None:
    """The commands in the substitutions of a word."""
    if depth <= 0:
        raise _Torn
    for child in node.named_children:
        if child.type in _NESTS:
            _children(child, _Way(inner=True), reading, depth - 1)
        else:
            _within(child, reading, depth - 1)


def _pipeline(stages: list[Node], way: _Way, reading: _Reading, depth: int) -> None:
    spoken = [_stage(one) for one in stages]
    for index, stage in enumerate(stages):
        first = index == 0
        own = replace(
            way,
            piped=tuple(words for words in spoken[index + 1 :] if words) + way.piped,
            fed=way.fed if first else ("{",) if _several(stages[index - 1]) else spoken[index - 1],
            stdin=way.stdin if first else _said(stages[index - 1], way if index == 1 else _Way()),
            reads=way.reads if first else "",
            more=way.more if index == len(stages) - 1 else (),
        )
        _walk(stage, own, reading, depth - 1)


def _stage(node: Node) -> tuple[str, ...]:
    """The words of a stage of a pipeline."""
    if node.type == "redirected_statement":
        body = node.child_by_field_name("body")
        return _stage(body) if body is not None else ()
    if node.type == "command":
        return _bare(_words(node))
    condition = node.child_by_field_name("condition")
    for child in node.named_children:
        if child != condition and (found := _stage(child)):
            return found
    return ()


_GROUPS: Final = names("""
    compound_statement subshell list do_group for_statement c_style_for_statement while_statement if_statement
    elif_clause else_clause case_statement case_item
""")
_SAYING: Final = frozenset(("command", "pipeline", "redirected_statement", "declaration_command", "negated_command"))


def _several(node: Node) -> list[Node]:
    """The commands of a group before a pipe, when there are more than one: what each of them writes goes in."""
    if node.type not in _GROUPS:
        return []
    condition = node.child_by_field_name("condition")
    inner = [one for one in node.named_children if one.type in _GROUPS | _SAYING and one != condition]
    if len(inner) == 1:
        return _several(inner[0])
    return [part for one in inner for part in _several(one) or [one]]


def _bare(words: tuple[str, ...]) -> tuple[str, ...]:
    return unwrapped(words)[0] or words


def _said(node: Node, way: _Way) -> str:
    """What a command before a pipe is known to write: the words of an echo, a here-document given to cat."""
    body = node.child_by_field_name("body")
    if node.type == "redirected_statement" and body is not None and body.type in _GROUPS:
        return _said(body, way)
    if several := _several(node):
        texts = [_said(one, _Way()) for one in several]
        return "\n".join(texts) if all(texts) else ""
    words = _stage(node)
    if not words:
        return ""
    if words[0] == "cat" and all(one.startswith("-") for one in words[1:]):
        inside = "".join(_here(one) for one in node.named_children)
        return inside or way.stdin
    if words[0] in ("echo", "printf"):
        said = words[1:]
        while words[0] == "echo" and said and re.fullmatch(r"-[neE]+", said[0]):
            said = said[1:]
        if words[0] == "printf" and len(said) > 1 and "%" in said[0]:
            said = said[1:]
        return " ".join(said).replace("\\n", "\n")
    return ""


def _here(node: Node) -> str:
    """The text of a here-document or here-string."""
    if node.type == "herestring_redirect":
        return "".join(_text(one) for one in node.named_children)
    if node.type == "heredoc_redirect":
        return "".join(_raw(one) for one in node.named_children if one.type == "heredoc_body")
    return ""


def _redirected(node: Node, way: _Way, reading: _Reading, depth: int) -> None:
    body = node.child_by_field_name("body")
    redirects = [one for one in node.named_children if one.type.endswith("_redirect")]
    own, after = _ways(redirects, way)
    if body is None:
        if own.writes or own.reads:
            reading.leaves.append(_leaf((":",), own))
    elif after and after[0].type == "pipeline":
        # `cat <<EOF | psql`: the grammar hangs the rest of the line into the here-document
        stages = list(after[0].named_children)
        words = _stage(body)
        piped = tuple(found for one in stages if (found := _stage(one)))
        _walk(body, replace(own, piped=piped), reading, depth - 1)
        said = own.stdin if words[:1] in (("cat",), ()) else ""
        _pipeline(stages, replace(way, fed=words, stdin=said), reading, depth)
        after = after[1:]
    else:
        _walk(body, own, reading, depth - 1)
    for one in redirects:
        _within(one, reading, depth - 1)
    for one in after:
        if one.type != "pipeline" or body is None:
            _walk(one, way, reading, depth - 1)


def _ways(redirects: list[Node], way: _Way) -> tuple[_Way, list[Node]]:
    """What redirects add to a way, and commands that the grammar hung into them."""
    own = replace(way)
    after: list[Node] = []
    for one in redirects:
        if one.type == "file_redirect":
            _file(one, own)
            continue
        own.stdin = _here(one) or own.stdin
        for part in one.named_children:
            if part.type == "file_redirect":
                _file(part, own)
            elif one.type == "heredoc_redirect" and part.type not in _HEREDOC:
                if part.type in _WORDS:
                    own.more += (_text(part),)
                else:
                    after.append(part)
    return own, after


def _file(node: Node, way: _Way) -> None:
    parts = [one for one in node.named_children if one.type != "file_descriptor"]
    operator = next((_raw(one) for one in node.children if not one.is_named), ">")
    if not parts:
        return
    target, *rest = [_text(one) for one in parts]
    way.more += tuple(rest)  # the grammar takes all words after a redirect into it
    if operator.startswith("<"):
        if not operator.endswith("&"):
            way.reads = target
    elif operator == ">&" and re.fullmatch(r"\d+-?|-", target):
        pass
    elif target not in _NOWHERE:
        way.writes += (target,)
        if ">>" not in operator:
            way.replaces += (target,)


def _command(node: Node, way: _Way, reading: _Reading, depth: int) -> None:
    redirects = [one for one in node.named_children if one.type.endswith("_redirect")]
    own, after = _ways(redirects, way)
    given = [one for one in node.named_children if one.type == "variable_assignment"]
    environment = dict(_pair(one) for one in given)
    words = _words(node)
    leaf = _leaf(words, own, environment)
    if leaf.line.words:
        reading.leaves.append(leaf)
    _noted(leaf, way, reading)
    for child in node.named_children:
        _within(child, reading, depth - 1)
        if child.type in _NESTS:
            _children(child, _Way(inner=True), reading, depth - 1)
    for one in after:
        _walk(one, way, reading, depth - 1)


def _noted(leaf: Leaf, way: _Way, reading: _Reading) -> None:
    """What a command leaves behind in its shell."""
    words = leaf.line.words
    if way.inner or not words:
        return
    if words[0] in ("cd", "pushd"):
        reading.folder = next((one for one in words[1:] if not one.startswith("-")), "~")
    elif words[0] == "read":
        for one in reversed(words[1:]):
            if not re.fullmatch(r"[A-Za-z_]\w*", one):
                break
            reading.sets[one] = None


def _pair(node: Node) -> tuple[str, str]:
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    return (_raw(name) if name is not None else ""), (_text(value) if value is not None else "")


def _leaf(words: tuple[str, ...], way: _Way, environment: dict[str, str] | None = None) -> Leaf:
    words, through, more = unwrapped(words + way.more)
    line = CommandLine(
        words=words,
        stdin=way.stdin,
        environment=(environment or {}) | more,
        through=through,
        piped=way.piped,
        fed=way.fed,
        reads=way.reads,
        writes=way.writes,
    )
    return Leaf(line, way.replaces, way.inner)


def _declaration(node: Node, way: _Way, reading: _Reading, depth: int) -> None:
    words = tuple(_text(one) for one in node.children if not one.type.endswith("_redirect"))
    reading.leaves.append(_leaf(words, way))
    if node.type == "declaration_command" and not way.inner:
        for one in words[1:]:
            if found := re.match(r"([A-Za-z_]\w*)\+?=", one):
                reading.sets[found[1]] = None
    _within(node, reading, depth)


def _words(node: Node) -> tuple[str, ...]:
    parts = [one for one in node.children if one.type != "variable_assignment" and not one.type.endswith("_redirect")]
    source, start = node.text or b"", node.start_byte
    for one, other in pairwise(node.children):
        if not _BETWEEN.fullmatch(source[one.end_byte - start : other.start_byte - start]):
            if one.type.endswith("_redirect") or other.type.endswith("_redirect"):
                continue
            raise _Torn
    return tuple(_text(one) for one in parts)


def _text(node: Node) -> str:
    """A word with its quotes resolved; what is only known when it runs stays as it is written."""
    raw = _raw(node)
    match node.type:
        case "command_name" | "concatenation":
            children = node.children
            if any(one.end_byte != other.start_byte for one, other in pairwise(children)):
                raise _Torn
            return "".join(map(_text, children)) if children else raw
        case "word" | "extglob_pattern":
            return re.sub(r"\\(.)", r"\1", raw.replace("\\\n", ""))
        case "raw_string":
            return raw[1:-1]
        case "ansi_c_string":
            return raw[2:-1]
        case "string" | "translated_string":
            return re.sub(r'\\([$`"\\])', r"\1", raw[raw.index('"') + 1 : -1].replace("\\\n", ""))
        case "variable_assignment":
            name, value = _pair(node)
            return f"{name}={value}"
        case _:
            return raw


def _by_hand(text: str) -> Parsed:
    """The commands of a text that the grammar does not take: line by line, then between operators."""
    found: list[Leaf] = []
    sets: dict[str, None] = {}
    folder = ""
    for line in lines_of(text):
        whole = _by_grammar(line) if line != text and len(line) <= LONGEST else None
        if whole is not None:
            found.extend(whole.leaves)
            sets.update(dict.fromkeys(whole.sets))
            folder = whole.folder or folder
            continue
        for words, writes, reads in apart(line):
            leaf = _leaf(words, _Way(writes=writes, replaces=writes, reads=reads))
            if leaf.line.words:
                found.append(leaf)
                if leaf.line.words[0] == "cd":
                    folder = leaf.line.words[-1]
        sets.update(dict.fromkeys(_assigned(line)))
    return Parsed(tuple(found), tuple(sets), folder, certain=False)


def _assigned(line: str) -> Iterator[str]:
    return (found[1] for found in re.finditer(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=", line))
