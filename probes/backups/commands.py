"""The command lines people take, prove, restore and delete backups with, both ways.

What such a line does wrongly is done rightly, and said: a pipe hides that pg_dump has failed, a list of contents is no
proof, a restore over a live database doubles its rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from probes.backups import plans
from probes.backups.facts import TEXTS, Backup
from probes.backups.settings import REFERENCE, SCHEMES, BackupsSettings
from probes.base import BadUrl, CommandLine, ProbeError, Recognised, Request, parse_url, quoted

Place = Mapping[str, str]

_FETCHABLE: Final = plans.FETCH.word.pattern if plans.FETCH.word is not None else ""
_VALUED: Final = {
    "-h": "host", "--host": "host", "-p": "port", "--port": "port", "-U": "user", "--username": "user",
    "-d": "dbname", "--dbname": "dbname", "-f": "file", "--file": "file", "-F": "format", "--format": "format",
    "-Z": "", "--compress": "", "-j": "", "--jobs": "", "-v": "set", "--set": "set", "--variable": "set",
    "-c": "sql", "--command": "sql", "--lock-wait-timeout": "", "-E": "", "--encoding": "", "-T": "", "--template": "",
    "-O": "", "--owner": "", "--maintenance-db": "",
}  # fmt: skip
_ODD: Final = frozenset(
    {"-t", "--table", "-n", "--schema", "-N", "--exclude-schema", "--exclude-table", "-a", "--data-only", "-s",
     "--schema-only", "-L", "--use-list", "--section", "-I", "-P", "--index", "--function", "-g", "--globals-only"}
)  # fmt: skip
"""Options that make it a part of a database: no backup, and no restore of one."""
_FLAGS: Final = {"pg_dump": "vObcCxwW1", "pg_restore": "vlcCeOx1wW", "psql": "XAtq1wWeb", "createdb": "ewW",
                 "dropdb": "eifwW"}  # fmt: skip
_READERS: Final = frozenset({"head", "tail", "less", "more", "wc", "grep", "cat", "tee"})
_HERE: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})
_VARIABLES: Final = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}

_REDIRECT: Final = (
    "A redirect makes the file even when pg_dump fails: here it gets a temporary name, is read back whole, and only "
    "then its own, in the configured folder."
)
_PIPE: Final = (
    "A pipe hides that pg_dump has failed, and leaves a small file that looks like a backup: here the result is read "
    "back whole before it gets its name."
)
_TTY: Final = " Through docker exec a terminal can get its line ends into the dump: pg_dump runs here instead."
_LIST: Final = (
    "A list of contents is read from the beginning: an archive that is cut off passes it. Here it is read to its end, "
    "restored into a scratch database and asked."
)
_GLANCE: Final = (
    "That shows some lines and proves nothing: here the backup is read to its end, restored into a scratch database "
    "and asked."
)
_SUMS: Final = (
    "That proves the compression only: here the backup is restored into a scratch database and asked as well."
)
_OVER: Final = (
    "Into a database that has its tables it fails half-way or doubles rows, with exit code 0: here it goes into a new "
    "database of a name you type, and a switch is an act of its own."
)
_GOES_ON: Final = "psql goes on after an error and says 0: here it ends at the first one, in one transaction."
_AGE: Final = (
    "find deletes by age alone, the only good backup too: here the newest three that can be used stay, and the newest "
    "that was proven."
)
_REMOVED: Final = "rm asks nothing: here it is the very file that was looked at, and never one of the newest three."
_FETCHED: Final = (
    "It writes straight to the name, over a file that has it: here it gets a temporary one, is compared and read to "
    "its end, and only then its own."
)
_SYNCED: Final = "Sizes and sums are compared after, and nothing is written over."


# ours to theirs


def place_of(settings: BackupsSettings, which: str) -> Place:
    """What the profile itself says of a login's place; nothing when it is a reference."""
    login = {"database": settings.database, "admin": settings.admin or settings.database, "scratch": settings.scratch}
    found = login[which]
    if found is None or found.url.startswith(REFERENCE):
        return {}
    try:
        end = parse_url(re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", found.url), SCHEMES)
    except BadUrl:
        return {}
    given = {
        "host": end.host or end.query.get("host", ""),
        "port": str(end.port or end.query.get("port", "")),
        "user": end.user or "",
        "dbname": end.path.strip("/") if end.host else end.path.strip("/") or end.query.get("dbname", ""),
    }
    return {name: value for name, value in given.items() if value}


def _at(place: Place) -> list[str]:
    flags = (("host", "-h"), ("port", "-p"), ("user", "-U"))
    return [part for name, flag in flags if place.get(name) for part in (flag, place[name])]


def dump_line(settings: BackupsSettings, database: str, name: str, place: Place) -> str:
    """`pg_dump -h db -U app -Fc -d newsletter -f /backups/newsletter-20260301-031241.dump`."""
    form = plans.form_of(settings)
    letter = {"custom": "-Fc", "tar": "-Ft", "directory": "-Fd", "plain": "-Fp", "plain.gz": "-Fp"}[form]
    words = ["pg_dump", *_at(place), letter, *(["-Z", "6"] if form == "plain.gz" else [])]
    return quoted([*words, *(["-d", database] if database else []), "-f", f"{settings.folder}/{name}"])


def copy_line(settings: BackupsSettings, name: str, back: bool = False) -> str:
    """`cp -n` to a folder, `aws s3 cp` to a bucket; or back from there."""
    place = settings.offhost
    here = f"{settings.folder}/{name}"
    if place is None or place.folder is not None:
        ends = [here, f"{place.folder if place and place.folder else '.'}/{name}"]
        return quoted(["cp", "-n", *(reversed(ends) if back else ends)])
    more = ["--endpoint-url", place.endpoint] if place.endpoint and not place.endpoint.startswith(REFERENCE) else []
    ends = [here, f"s3://{place.bucket}/{place.prefix}{name}"]
    return quoted(["aws", "s3", "cp", *(reversed(ends) if back else ends), *more])


def _fill(settings: BackupsSettings, name: str, form: str, new: str, place: Place) -> str:
    path = f"{settings.folder}/{name}"
    once = ["-X", "-v", "ON_ERROR_STOP=1", "--single-transaction"]
    if form == "plain.gz":
        return f"{quoted(['gunzip', '-c', path])} | {quoted(['psql', *_at(place), *once, '-d', new])}"
    if form in TEXTS:
        return quoted(["psql", *_at(place), *once, "-d", new, "-f", path])
    return quoted(["pg_restore", *_at(place), "--exit-on-error", "-d", new, path])


def restore_lines(settings: BackupsSettings, one: Backup, new: str, place: Place) -> list[str]:
    """What a person would type to restore one backup into a new database."""
    lines = [quoted(["createdb", *_at(place), "-T", "template0", new])]
    lines.append(_fill(settings, one.name, one.head.format, new, place))
    if new.startswith(plans.SCRATCH):
        lines += [quoted(["psql", *_at(place), "-d", new, "-c", check.sql]) for check in settings.checks.values()]
        lines.append(quoted(["dropdb", *_at(place), new]))
    return lines


def switch_line(live: str, restored: str, aside: str, ending: bool, place: Place) -> str:
    """One psql with the renames."""
    names = "', '".join(one.replace("'", "''") for one in (live, restored))
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('{names}'); " if ending else ""
    sql = f"{end}ALTER DATABASE {_q(live)} RENAME TO {_q(aside)}; ALTER DATABASE {_q(restored)} RENAME TO {_q(live)}"
    return quoted(["psql", *_at(place), "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", sql])


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def prune_lines(settings: BackupsSettings, names: Sequence[str]) -> list[str]:
    """`rm` for each file."""
    return [quoted(["rm", f"{settings.folder}/{name}"]) for name in names]


def job_lines(action: str, act: str, left: str) -> list[str]:
    """What a person would do to a job, or to what it left."""
    if action == plans.STOP.name:
        return [quoted(["pkill", "-TERM", "-f", act])]
    kind, _, name = left.partition(" ")
    return [quoted(["dropdb", name] if kind == "database" else ["rm", name])] if name else []


def _by_name(name: str) -> str:
    """The format that a name speaks of."""
    lowered = name.lower()
    return "plain.gz" if lowered.endswith(".gz") else "plain" if lowered.endswith(".sql") else "custom"


def render(request: Request, settings: BackupsSettings, at: datetime) -> str:
    """The line for a request, as far as it can be told without a look."""
    place = place_of(settings, "admin")
    live = place_of(settings, "database").get("dbname", "")
    match request.action:
        case "dump":
            try:
                name = plans.file_name(settings, live or "database", at)
            except ProbeError:
                name = settings.pattern
            return dump_line(settings, live, name, place_of(settings, "database"))
        case "copy":
            return "\n".join(copy_line(settings, name) for name in request.subjects)
        case "fetch":
            return copy_line(settings, request.word, back=True)
        case "verify":
            new = f"{plans.SCRATCH}database"
            scratch = place_of(settings, "scratch")
            return "\n".join(_fill(settings, name, _by_name(name), new, scratch) for name in request.subjects)
        case "restore":
            return "\n".join(_fill(settings, name, _by_name(name), request.word, place) for name in request.subjects)
        case "switch" | "switch-terminate":
            aside = plans.before_name(live or "live", at)
            return switch_line(live or "live", request.word, aside, request.action != "switch", place)
        case "prune":
            return "\n".join(prune_lines(settings, request.subjects))
        case "prune-old":
            days = ["-mtime", f"+{max(0, int(settings.keep // 24) - 1)}"]
            return quoted(["find", settings.folder, "-name", settings.pattern, *days, "-delete"])
        case "stop":
            return "\n".join(job_lines("stop", act, "")[0] for act in request.subjects)
        case "clean":
            return "\n".join(quoted(["dropdb", f"{plans.SCRATCH}{act.replace('-', '')}"]) for act in request.subjects)
    return ""


# theirs to ours


@dataclass(slots=True)
class _Given:
    """What a line of PostgreSQL's programs says."""

    place: dict[str, str] = field(default_factory=dict)
    file: str = ""
    sql: list[str] = field(default_factory=list)
    free: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    stops: bool = False
    """ON_ERROR_STOP."""


def _read(name: str, words: Sequence[str], environment: Mapping[str, str]) -> _Given | None:
    """A line, option by option; None when it holds one that we don't know or that makes it something else."""
    given = _Given({_VARIABLES[key]: value for key, value in environment.items() if key in _VARIABLES})
    if any(key.startswith("PG") and key not in _VARIABLES and key != "PGPASSWORD" for key in environment):
        return None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            given.free.append(word)
        elif not _option(name, word, rest, given):
            return None
    return given


def _option(name: str, word: str, rest: list[str], given: _Given) -> bool:
    if word.startswith("--"):
        option, mark, value = word.partition("=")
        if option in _ODD:
            return False
        if option in _VALUED and (mark or rest) and not (name == "pg_restore" and option == "--clean"):
            return _take(given, _VALUED[option], value if mark else rest.pop(0))
        given.flags.add(option)
        return not mark
    letters = word[1:]
    while letters:
        option, letters = f"-{letters[0]}", letters[1:]
        if option[1] in _FLAGS.get(name, ""):
            given.flags.add(option)
        elif option in _ODD and not (name == "createdb" and option in ("-T", "-O")):
            return False
        elif option in _VALUED and (letters or rest):
            return _take(given, _VALUED[option], letters or rest.pop(0))
        else:
            return False
    return True


def _take(given: _Given, name: str, value: str) -> bool:
    if name == "dbname" and "://" in value:
        try:
            end = parse_url(value, SCHEMES)
        except BadUrl:
            return False
        found = {"host": end.host, "port": str(end.port or ""), "user": end.user or "", "dbname": end.path.strip("/")}
        given.place |= {key: one for key, one in found.items() if one}
    elif name == "sql":
        given.sql.append(value)
    elif name == "set":
        given.stops = given.stops or value == "ON_ERROR_STOP=1"
    elif name == "file":
        given.file = value
    elif name and name != "format":
        given.place[name] = value
    return True


def _fits(given: _Given, place: Place, database: bool = True) -> bool:
    """True when what a line says of a place is true of ours; what ours does not tell can't be held against it."""
    for name, value in given.place.items():
        ours = place.get(name, "")
        if not place or (name == "dbname" and not database):
            continue
        if name == "host":
            if value != ours and not {value, ours} <= _HERE:
                return False
        elif name == "port":
            if value != (ours or "5432"):
                return False
        elif ours and value != ours:
            return False
    return True


def _inside(words: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """(the command, whether it was to run in a container)."""
    name = words[0].rpartition("/")[2]
    rest = list(words[1:])
    if name == "docker" and rest[:1] == ["compose"]:
        name, rest = "docker-compose", rest[1:]
    if name not in ("docker", "docker-compose") or rest[:1] != ["exec"]:
        return words, False
    rest = rest[1:]
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-u", "--user", "-e", "--env", "-w", "--workdir") and rest:
            rest.pop(0)
    return tuple(rest[1:]), True


def _name_in(settings: BackupsSettings, path: str) -> str:
    """The name of a backup in our folder; empty: the path leads elsewhere."""
    base, _, name = path.rpartition("/")
    return name if base.rstrip("/") == settings.folder.rstrip("/") and name not in ("", ".", "..") else ""


def recognise(line: CommandLine, settings: BackupsSettings) -> Recognised | None:
    """The request that a line means here; None when it means none, or speaks of another place."""
    if not line.words:
        return None
    words, contained = _inside(line.words)
    if not words:
        return None
    name = words[0].rpartition("/")[2]
    piped = line.piped
    if name in ("cat", "gunzip", "zcat", "gzip") and piped and piped[0][:1] == ("psql",):
        return _piped_in(words, piped, line.environment, settings)
    if name == "pg_dump":
        return _dump(words[1:], piped, line.environment, settings, contained)
    if any(one[:1] and one[0] not in _READERS for one in piped):
        return None
    match name:
        case "pg_restore":
            return _pg_restore(words[1:], line.environment, settings)
        case "psql":
            return _psql(words[1:], line.environment, settings)
        case "dropdb":
            return _dropdb(words[1:], line.environment)
        case "pkill":
            return _pkill(words[1:])
        case "aws" | "cp" | "rsync" | "scp":
            return _copied(name, words[1:], settings)
        case "gzip" | "gunzip" | "zcat" | "cat" | "head" | "tail" | "file":
            return _glanced(name, words[1:], settings)
        case "find":
            return _found(words[1:], settings)
        case "rm":
            names = [_name_in(settings, one) for one in words[1:] if not one.startswith("-")]
            known = names and all(names)
            return Recognised(Request("prune", tuple(dict.fromkeys(names))), _REMOVED) if known else None
    return None


def _dump(
    words: Sequence[str], piped: Sequence[tuple[str, ...]], environment: Mapping[str, str], settings: BackupsSettings,
    contained: bool,
) -> Recognised | None:  # fmt: skip
    given = _read("pg_dump", words, environment)
    if given is None or settings.database is None or len(given.free) > 1:
        return None
    place = place_of(settings, "database")
    if given.free:
        given.place["dbname"] = given.free[0]
    if contained:
        given.place.pop("host", None)
        given.place.pop("port", None)
    if not _fits(given, place):
        return None
    if piped and piped[0][:1] not in (("gzip",), ("pigz",), ("zstd",), ("xz",), ("bzip2",)):
        return None
    warning = _PIPE if piped else "" if _name_in(settings, given.file) else _REDIRECT
    return Recognised(Request("dump"), warning + (_TTY if contained else ""))


def _into(given: _Given, path: str, settings: BackupsSettings, warning: str = "") -> Recognised | None:
    """A restore of one file into the database that a line names."""
    name = _name_in(settings, path)
    new = given.place.get("dbname", "")
    if not name or not new:
        return None
    if new.startswith(plans.SCRATCH) or re.match(r"(?:test_restore|verify|scratch)", new):
        return Recognised(Request("verify", (name,)), warning) if _fits_any(given, settings, "scratch") else None
    if not _fits_any(given, settings, "admin"):
        return None
    live = place_of(settings, "database").get("dbname")
    over = new == live or bool({"-c", "--clean", "-C", "--create"} & given.flags)
    if over or not re.fullmatch(plans.NEW_NAME, new):
        return Recognised(Request("restore", (name,)), _OVER)
    return Recognised(Request("restore", (name,), word=new), warning)


def _fits_any(given: _Given, settings: BackupsSettings, which: str) -> bool:
    return _fits(given, place_of(settings, which), database=False)


def _pg_restore(words: Sequence[str], environment: Mapping[str, str], settings: BackupsSettings) -> Recognised | None:
    given = _read("pg_restore", words, environment)
    if given is None or len(given.free) != 1:
        return None
    listing = bool({"-l", "--list"} & given.flags)
    if listing or given.file in ("/dev/null", "-"):
        name = _name_in(settings, given.free[0])
        return Recognised(Request("verify", (name,)), _LIST if listing else "") if name else None
    return None if given.file else _into(given, given.free[0], settings)


def _psql(words: Sequence[str], environment: Mapping[str, str], settings: BackupsSettings) -> Recognised | None:
    given = _read("psql", words, environment)
    if given is None or len(given.free) > 1:
        return None
    if given.sql and not given.file and not given.free:
        return _renames(given, settings)
    if given.free:
        given.place["dbname"] = given.free[0]
    warning = "" if given.stops else _GOES_ON
    return None if given.sql or not given.file else _into(given, given.file, settings, warning)


def _piped_in(
    words: tuple[str, ...], piped: Sequence[tuple[str, ...]], environment: Mapping[str, str], settings: BackupsSettings
) -> Recognised | None:
    paths = [one for one in words[1:] if not one.startswith("-")]
    given = _read("psql", piped[0][1:], environment)
    if given is None or len(paths) != 1 or len(piped) != 1 or len(given.free) > 1 or given.sql or given.file:
        return None
    if given.free:
        given.place["dbname"] = given.free[0]
    return _into(given, paths[0], settings, "" if given.stops else _GOES_ON)


_NAMED: Final = r'(?:"((?:[^"]|"")+)"|([A-Za-z_][\w$]*))'
_RENAME: Final = re.compile(rf"\s*ALTER\s+DATABASE\s+{_NAMED}\s+RENAME\s+TO\s+{_NAMED}\s*", re.IGNORECASE)
_ENDING: Final = re.compile(r"\s*SELECT\s+(?:pg_catalog\.)?pg_terminate_backend\s*\(\s*pid\s*\).*", re.I | re.DOTALL)


def _renames(given: _Given, settings: BackupsSettings) -> Recognised | None:
    """The live database renamed away, and another to its name."""
    if settings.database is None or not _fits_any(given, settings, "admin"):
        return None
    parts = [one for one in re.split(r";\s*(?=ALTER|SELECT|$)", "; ".join(given.sql), flags=re.I) if one.strip()]
    ending = bool(parts) and _ENDING.fullmatch(parts[0]) is not None
    found = [_RENAME.fullmatch(one) for one in parts[1 if ending else 0 :]]
    if len(found) != 2 or found[0] is None or found[1] is None:
        return None
    first, _, second, name = (*_pair(found[0]), *_pair(found[1]))
    live = place_of(settings, "database").get("dbname") or name
    if first != name or (live != name and name != "live") or not re.fullmatch(plans.A_NAME, second):
        return None
    return Recognised(Request("switch-terminate" if ending else "switch", (), word=second))


def _pair(found: re.Match[str]) -> tuple[str, str]:
    def name(quoted_: str | None, bare: str | None) -> str:
        return quoted_.replace('""', '"') if quoted_ is not None else (bare or "").lower()

    return name(found[1], found[2]), name(found[3], found[4])


def _dropdb(words: Sequence[str], environment: Mapping[str, str]) -> Recognised | None:
    given = _read("dropdb", words, environment)
    if given is None or len(given.free) != 1:
        return None
    hexadecimal = "-?".join(f"([0-9a-f]{{{length}}})" for length in (8, 4, 4, 4, 12))
    found = re.fullmatch(f"{plans.SCRATCH}{hexadecimal}", given.free[0])
    return Recognised(Request("clean", ("-".join(found.groups()),))) if found else None


def _pkill(words: Sequence[str]) -> Recognised | None:
    if list(words[:-1]) not in (["-TERM", "-f"], ["-f"], ["-15", "-f"]):
        return None
    found = re.fullmatch(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", words[-1])
    return Recognised(Request("stop", (words[-1],))) if found else None


def _copied(program: str, words: Sequence[str], settings: BackupsSettings) -> Recognised | None:
    place = settings.offhost
    if place is None:
        return None
    if program == "aws":
        if list(words[:2]) != ["s3", "cp"] or len(words) < 4:
            return None
        ends, options = list(words[2:4]), list(words[4:])
        if options and options != ["--endpoint-url", place.endpoint]:
            return None
        away = f"s3://{place.bucket}/{place.prefix}"
    else:
        ends = [one for one in words if not one.startswith("-")]
        if len(ends) != 2 or place.folder is None:
            return None
        away = f"{place.folder.rstrip('/')}/"
    here = settings.folder.rstrip("/") + "/"
    if (name := _below(away, ends[0])) and ends[1] in (here, here[:-1], here + name):
        warned = "" if program != "aws" and "-n" in words else _FETCHED
        return Recognised(Request("fetch", (), word=name), warned) if re.fullmatch(_FETCHABLE, name) else None
    name = _below(here, ends[0])
    fits = ends[1] in (away, away + name) or (program != "aws" and ends[1] == away[:-1])
    warned = "" if program == "aws" or "-n" in words else _SYNCED
    return Recognised(Request("copy", (name,)), warned) if name and fits else None


def _below(place: str, path: str) -> str:
    """The name of what lies directly there; empty: the path leads elsewhere."""
    name = path.removeprefix(place)
    return name if path.startswith(place) and "/" not in name and name not in (".", "..") else ""


def _glanced(program: str, words: Sequence[str], settings: BackupsSettings) -> Recognised | None:
    paths = [one for one in words if one.startswith("/")]
    name = _name_in(settings, paths[0]) if len(paths) == 1 else ""
    if not name or settings.scratch is None:
        return None
    tested = program == "gzip" or (program == "gunzip" and {"-t", "--test"} & set(words))
    if program == "gzip" and not {"-t", "--test", "-l", "--list"} & set(words):
        return None
    if program == "gunzip" and not tested:
        return None  # it would replace the file by its contents
    return Recognised(Request("verify", (name,)), _SUMS if tested else _GLANCE)


def _found(words: Sequence[str], settings: BackupsSettings) -> Recognised | None:
    """`find <folder> ... -mtime +30 -delete`."""
    if not words or words[0].rstrip("/") != settings.folder.rstrip("/"):
        return None
    rest = list(words[1:])
    deletes = aged = False
    while rest:
        word = rest.pop(0)
        if word == "-delete" or (word == "-exec" and rest[:1] == ["rm"]):
            deletes, rest = True, rest if word == "-delete" else []
        elif word in ("-mtime", "-mmin", "-ctime") and rest and re.fullmatch(r"\+\d+", rest[0]):
            aged = bool(rest.pop(0))
        elif word in ("-name", "-type", "-maxdepth") and rest:
            rest.pop(0)
        else:
            return None
    return Recognised(Request("prune-old"), _AGE) if deletes and aged else None
