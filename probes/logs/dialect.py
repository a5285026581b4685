"""What lines that read log files mean: a log file is known by its path, whatever program reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.command import instead
from probes.base.options import Options, options

_FILES: Final = re.compile(
    r"(?:^|/)var/log(?:/|$)"
    r"|(?:^|/)logs?(?:/|$)"
    r"|\.log(?:$|[.*\-_]|\.\d)"
    r"|(?:^|/)[\w.*-]*(?:access|error|server|catalina|app|slow|debug|audit)[_.-]?log(?:$|[.*\d])"
    r"|(?:^|/)[\w*-]*logs?-[\d*$%][\w.*-]*$"
    r"|(?:^|/)(?:syslog|catalina\.out|nohup\.out|dmesg|messages)(?:$|\.\d)"
    r"|^\$\{?\w*LOG(?:S|FILE|_FILE|_PATH|S?_DIR)?\}?(?:$|/)"
    r"|^<[^<>]*log[\w -]*(?:file|path)?[^<>]*>$",
    re.I,
)
"""Paths of log files. A change log and a catalogue are none."""
_NEVER: Final = re.compile(
    r"changelog|/(?:etc|proc|sys)/|\.(?:py|js|ts|md|ya?ml|toml|conf|cfg|ini|sql|sh|service|csv)$", re.I
)

_HEADS: Final = frozenset({"tail", "head", "cat", "tac", "less", "more", "zcat", "bzcat", "xzcat", "zstdcat", "zless",
                           "zmore", "bat", "batcat", "most", "tailf", "view", "nl", "ccze", "lnav", "wc", "strings",
                           "multitail", "tailspin", "tspin", "hl", "column", "sort",
                           "cut"})  # fmt: skip
_GREPS: Final = frozenset({"grep", "egrep", "fgrep", "zgrep", "zegrep", "bzgrep", "xzgrep", "rg", "ag", "ack", "ugrep",
                           "zstdgrep"})  # fmt: skip
_PAGERS: Final = frozenset({"less", "more", "most", "zless", "zmore", "view", "lnav", "multitail", "bat", "batcat"})
_VALUED: Final[dict[str, frozenset[str]]] = {
    "tail": frozenset({"-n", "-c", "-s", "--lines", "--bytes", "--pid", "--sleep-interval"}),
    "head": frozenset({"-n", "-c", "--lines", "--bytes"}),
    "sort": frozenset({"-k", "-t", "-o", "--output", "-S", "-T"}),
    "cut": frozenset({"-d", "-f", "-c", "-b"}),
    "less": frozenset({"-p", "-P", "-j", "-x", "-k", "-o"}),
    "multitail": frozenset({"-e", "-n", "-s", "-i", "-l", "-cS"}),
}
_GREP: Final = frozenset({
    "-A", "-B", "-C", "-m", "-e", "-f", "--regexp", "--file", "--max-count", "--include", "--exclude",
    "--after-context", "--before-context", "--context", "--exclude-dir", "-g", "--glob", "-t", "--type", "-d", "-D",
})  # fmt: skip
_PROGRAMS_IN_AWK: Final = re.compile(r"system\s*\(|\|\s*getline|\|\s*\"|print[^;}]*>")
_WRITING_SED: Final = re.compile(r"(?:^|[;}\s\d/])[wWe]\s+\S|/[a-z]*[we]\s*\S*$|^e$")

_ROTATED: Final = (
    "tail -f goes on with the old file after rotation; -F follows the name, and new files are followed here"
)
_PATTERN: Final = (
    "tail follows the files that are there when it starts; here files that are made later are followed too"
)
_COUNTS: Final = "grep -c counts lines of what is there now: one error may take many, and rotated files are not in it"
_BUFFERED: Final = "a grep in the middle of pipes holds lines back until it has many; it needs --line-buffered"
_SLOW: Final = 'PostgreSQL never writes "slow query": its lines say "duration: N ms"'
_FORCED: Final = "a forced rotation counts as one, and the oldest file of each log goes for good"


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line that reads a log file means; None for every other program, and for every other file."""
    name, words = line.program, line.words[1:]
    if name in _READERS:
        return _READERS[name](line)
    if name in _HEADS:
        found = options(words, _VALUED.get(name, ()))
        return _log(line, found, _logs(found.plain))
    if name == "logrotate":
        return _rotation(words)
    return None


def is_log(path: str) -> bool:
    """Whether a path is one of a log file.

    >>> [is_log(path) for path in ("/var/log/syslog", "logs/error-*.log", "app.log.1", "CHANGELOG.md", "blog/post.txt")]
    [True, True, True, False, False]
    """
    return bool(_FILES.search(path)) and not _NEVER.search(path)


def _logs(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if is_log(path)]


def _log(line: CommandLine, found: Options, files: Sequence[str]) -> Meaning | None:
    """The log view of these files; None when there is none of them."""
    name = line.program
    if name in ("tail", "tailf"):
        files = files or [path for path in found.plain if path != "-" and not _NEVER.search(path)]
    if not files:
        return None
    following = name in ("multitail", "tailf") or (name == "tail" and found.has("-f", "-F", "--follow"))
    following = following or (name == "less" and any(word.startswith("+F") for word in line.words))
    alters = (name == "sort" and found.has("-o", "--output")) or (name == "less" and found.has("-o"))
    if alters:
        return Meaning(Sort.SHELL, Verb.LOGS, "logs", " ".join(files), Danger.DESTRUCTIVE)
    warning, becomes = _better(line, found, files)
    return Meaning(
        Sort.LOG,
        Verb.LOGS,
        "logs",
        " ".join(files),
        kind="logs",
        warning=warning,
        becomes=becomes,
        endless=following,
        interactive=name in _PAGERS and not line.piped,
    )


def _better(line: CommandLine, found: Options, files: Sequence[str]) -> tuple[str, str]:
    """(what it does not do as people think, what is done instead)."""
    greps = [words for words in line.piped if words and words[0].rpartition("/")[2] in _GREPS]
    if any("postgres" in one for one in files) and any("slow query" in word for words in greps for word in words):
        return _SLOW, ""
    if line.program == "tail" and found.has("-f") and not found.has("-F", "--retry"):
        if any("*" in one for one in files):
            return _PATTERN, ""
        if len(line.piped) > 1 and greps and greps[0] == line.piped[0] and "--line-buffered" not in greps[0]:
            return _BUFFERED, ""
        return _ROTATED, instead(line, ["tail", *chain.from_iterable(map(_by_name, line.words[1:]))])
    return "", ""


def _by_name(word: str) -> Sequence[str]:
    """An option of tail with -F for -f; the old form -100f has no such letter."""
    if old := re.fullmatch(r"-(\d+)f", word):
        return "-n", old[1], "-F"
    return [word.replace("f", "F", 1) if re.fullmatch(r"-[a-z]*f[a-z0-9]*", word) else word]


def _grep(line: CommandLine) -> Meaning | None:
    words = line.words[1:]
    found = options(words, _GREP)
    given = found.has("-e", "-f", "--regexp", "--file")
    paths = found.plain if given else found.plain[1:]
    if line.program in ("rg", "ag", "ack", "ugrep"):
        paths = [path for path in paths if path]
    files = _logs(paths)
    if not files:
        return None
    if not given and any("slow query" in word for word in found.plain[:1]) and any("postgres" in one for one in files):
        warning = _SLOW
    else:
        warning = _COUNTS if found.has("-c", "--count") else ""
    return Meaning(Sort.LOG, Verb.LOGS, "logs", " ".join(files), kind="logs", warning=warning)


def _awk(line: CommandLine) -> Meaning | None:
    found = options(line.words[1:], {"-F", "-v", "-f", "--file", "--assign", "--field-separator"})
    script = "" if found.has("-f", "--file") else "".join(found.plain[:1])
    files = _logs(found.plain if found.has("-f", "--file") else found.plain[1:])
    if not files or found.has("-i", "--include", "-f", "--file") or _PROGRAMS_IN_AWK.search(script):
        return None
    return Meaning(Sort.LOG, Verb.LOGS, "logs", " ".join(files), kind="logs")


def _sed(line: CommandLine) -> Meaning | None:
    found = options(line.words[1:], {"-e", "--expression", "-f", "--file", "-l"})
    if found.has("-i", "--in-place", "-f", "--file") or any(word.startswith("--in-place") for word in line.words):
        return None
    scripts = found.values("-e", "--expression") or found.plain[:1]
    files = _logs(found.plain if found.has("-e", "--expression") else found.plain[1:])
    if not files or any(map(_WRITING_SED.search, scripts)):
        return None
    return Meaning(Sort.LOG, Verb.LOGS, "logs", " ".join(files), kind="logs")


def _jq(line: CommandLine) -> Meaning | None:
    files = _logs(options(line.words[1:]).plain[1:])
    return Meaning(Sort.LOG, Verb.LOGS, "logs", " ".join(files), kind="logs") if files else None


def _rotation(words: Sequence[str]) -> Meaning:
    found = options(words, {"-s", "--state", "-m", "--mail", "-l", "--log"})
    target = " ".join(found.plain)
    if found.has("-d", "--debug", "--version", "--usage", "-?"):
        return Meaning(Sort.SHELL, Verb.MAINTENANCE, "logrotate", target, kind="rotation")
    forced = found.has("-f", "--force")
    danger = Danger.DESTRUCTIVE if forced else Danger.DISRUPTIVE
    warning = _FORCED if forced else ""
    return Meaning(Sort.ACTION, Verb.MAINTENANCE, "logrotate", target, danger, "rotation", warning)


_READERS: Final[dict[str, Callable[[CommandLine], Meaning | None]]] = {
    **dict.fromkeys(_GREPS, _grep),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), _awk),
    "sed": _sed,
    "jq": _jq,
}
"""Programs whose first word is not a file."""
