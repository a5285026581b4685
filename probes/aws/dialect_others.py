"""Command lines of other clouds and of deployment tools, none of which a kind of ours stands for.

Their commands are groups and a verb: `gcloud sql backups list`, `fly machine restart`, `heroku ps:scale`. The first
word that is a verb tells what happens; a program's own table stands before that, and what no table knows is taken for
the worse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from probes.aws.dialect_tools import ASIDE, BARE, NOUNS, OWN, SECRETS, TOOLS, VERBS, Told
from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within

_GONE: Final = re.compile(
    r"delete|destroy|drop|purge|wipe|reset|restore|rollback|truncate|flush|remove|clean|prune|force", re.I
)
_SWITCHES: Final = frozenset(
    {"yes", "y", "force", "quiet", "q", "json", "wait", "detach", "auto-approve", "recursive", "all", "prod", "follow",
     "f", "t", "tail", "verbose", "debug", "dry-run", "dryrun", "help", "h", "remote", "local", "no-color", "raw",
     "destroy", "refresh-only", "reconfigure", "migrate-state", "upgrade", "compact-warnings", "detailed-exitcode",
     "check", "diff", "install", "atomic", "prune", "hard", "now", "skip-preview", "version", "global", "b", "K", "k",
     "become", "r", "m", "R", "production", "staging", "x", "i", "it", "p", "json-full", "list-hosts", "syntax-check",
     "list-tasks", "list-tags", "what-if", "show-secrets", "reveal", "delete", "stream", "non-interactive", "remove"}
)  # fmt: skip
"""Options that take no value in any of these programs' common commands."""
_VALUED_IN: Final = {"ansible": {"m", "i"}, "ansible-playbook": {"i", "t"}, "gsutil": {"h", "o"}, "pulumi": {"r"},
                     "az": {"r"}, "nomad": {"t"}, "fly": {"r"}, "argocd": {"i"}}  # fmt: skip
"""Letters that do take one there."""
_LOOKS_ONLY: Final = frozenset(
    {"dry-run", "dryrun", "what-if", "whatif", "validate-only", "noop", "help", "h", "list-hosts", "list-tasks",
     "list-tags", "syntax-check"}
)  # fmt: skip
_MILD: Final = frozenset(
    {"cleanup-on-fail", "reset-values", "reset-then-reuse-values", "rollback-on-failure", "force-conflicts", "no-prune"}
)  # fmt: skip
"""Options whose names sound worse than they are."""
_RUNS: Final = frozenset({"run", "execute", "invoke", "exec", "trigger", "call", "dispatch"})
"""Words behind which the name of a program of their own stands."""
_TEXTS: Final = frozenset({"c", "C", "command", "sql", "query", "exec", "eval", "execute"})
"""Options that hand over a text for another program."""
_SHELL: Final = re.compile(r"\S*/?(?:ba|a|z|da)?sh(?:\s+-l|\s+-i)*")
_ANSIBLE_LOOKS: Final = frozenset({"ping", "setup", "debug", "stat", "slurp", "service_facts", "package_facts", "find"})
_ANSIBLE_RUNS: Final = frozenset({"shell", "command", "raw", "script"})


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line of these programs means; None when it is of none of them."""
    name = TOOLS.get(line.program, "")
    if not name:
        return None
    plain, options = _apart(line.words[1:], name)
    if name == "ansible" or name == "ansible-playbook":
        return _ansible(name, plain, options, line)
    groups = plain[0].split(":") + plain[1:] if plain and name in ("heroku", "scalingo") else plain
    carried = _carried(name, groups, options, line)
    return carried if carried is not None else _meaning(name, plain, options, line)


def _apart(words: tuple[str, ...], name: str) -> tuple[list[str], dict[str, str]]:
    """(words, options with their values); `kv:key` of wrangler is two words."""
    plain: list[str] = []
    options: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            plain += word.split(":") if name == "wrangler" and not plain else [word]
            continue
        option, equals, value = word.lstrip("-").partition("=")
        switch = option.startswith("no-") or (option in _SWITCHES and option not in _VALUED_IN.get(name, ()))
        if not equals and not switch and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
        options[option] = value
    return plain, options


def _meaning(name: str, plain: list[str], options: Mapping[str, str], line: CommandLine) -> Meaning:
    (verb, danger), behind = _told(name, plain, options)
    words = " ".join([name, *plain[:4]])
    danger = _rated(name, danger, plain, behind, options)
    logs = verb is Verb.LOGS
    reveals = any(words.startswith(one) for one in SECRETS) or bool(options.keys() & {"show-secrets", "reveal"})
    if words.startswith(("terraform output", "tofu output", "terragrunt output")):
        reveals = bool(options.keys() & {"raw", "json"})
    target = behind[0] if behind else _named(options)
    return Meaning(
        Sort.SHELL,
        verb,
        name,
        target,
        danger,
        warning=_warning(name, plain),
        reveals=reveals,
        endless=(logs and _goes_on(name, plain, options)) or words.startswith(ASIDE["endless"]),
        interactive=words.startswith(ASIDE["interactive"]) and not options.keys() & {"c", "command", "C"},
    )


def _rated(name: str, danger: Danger, plain: list[str], behind: list[str], options: Mapping[str, str]) -> Danger:
    """What a command can cost with the options it has."""
    if _looks_only(options) or _selects(name, plain, options):
        return Danger.READ
    if name in ("terraform", "terragrunt") and danger is Danger.READ and "out" in options:
        return Danger.REVERSIBLE
    started = bool(_RUNS & set(plain[:5])) and any(_GONE.search(word) for word in behind)
    mirrored = name == "gsutil" and "rsync" in plain and "d" in options
    told = any(_GONE.search(options[name]) for name in _TEXTS & options.keys())
    worse = told or started or mirrored or any(_worsens(option, value) for option, value in options.items())
    return Danger.DESTRUCTIVE if danger >= Danger.DISRUPTIVE and worse else danger


def _told(name: str, plain: list[str], options: Mapping[str, str]) -> tuple[Told, list[str]]:
    """What a command is about and costs, and the words behind its verb."""
    own = OWN.get(name, {})
    for length in (4, 3, 2, 1):
        phrase = " ".join(plain[:length])
        if len(plain) >= length and phrase in own:
            changes = _beginning(plain[length]) if len(plain) > length and own[phrase][1] < Danger.DISRUPTIVE else None
            if changes is not None and own[phrase][1] is Danger.REVERSIBLE and changes[1] < Danger.DESTRUCTIVE:
                changes = None
            return changes or own[phrase], plain[length + bool(changes) :]
    if not plain:
        return BARE.get(name, (Verb.OTHER, Danger.READ)), []
    parts = [*plain[0].split(":"), *plain[1:]]
    for at, word in enumerate(parts):
        found = VERBS.get(word) or _beginning(word)
        if found is None:
            continue
        kept = {"backup", "backups", "snapshot", "snapshots"} & set(parts[: at + 1])
        if kept and found[1] is Danger.DISRUPTIVE and word in ("create", "capture", "run", "take", "add", "export"):
            found = (Verb.BACKUP, Danger.REVERSIBLE)
        if found[1] is Danger.READ and {"logs", "log", "logging"} & set(parts[: at + 1]):
            found = (Verb.LOGS, Danger.READ)
        return found, parts[at + 1 :]
    noun = next((at for at, word in enumerate(parts) if word in NOUNS), None)
    if noun is not None:
        verb = Verb.LOGS if parts[noun] in ("logs", "log", "tail") else Verb.STATUS
        return (verb, Danger.READ), parts[noun + 1 :]
    gone = any(_GONE.search(word) for word in (*parts, *options, *options.values()))
    return (Verb.OTHER, Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE), parts[1:]


def _selects(name: str, plain: list[str], options: Mapping[str, str]) -> bool:
    """Whether a command that carries SQL only reads with it."""
    if not (plain[:2] == ["d1", "execute"] or (name == "bq" and plain[:1] == ["query"]) or "execute-sql" in plain):
        return False
    sql = (options.get("command") or options.get("sql") or plain[-1]).lstrip("\"'( ").lower()
    return sql.startswith("select ") and not _GONE.search(sql) and ";" not in sql.rstrip("; ")


def _beginning(word: str) -> Told | None:
    """What `set-traffic` does by its first part; more than that is not taken back by an opposite for certain."""
    found = VERBS.get(word) or VERBS.get(re.split(r"[-_:]", word, maxsplit=1)[0])
    if found is None or found[1] is not Danger.REVERSIBLE:
        return found
    return found[0], Danger.DISRUPTIVE


def _worsens(option: str, value: str) -> bool:
    """Whether an option makes a change one that takes something away: `--prune`, `--force`, `-replace=`."""
    off = value.lower() in ("false", "no", "0") or option.startswith("no-") or option in _MILD
    return not off and (_GONE.search(option) is not None or option == "replace")


def _looks_only(options: Mapping[str, str]) -> bool:
    told = {name: options[name].lower() for name in _LOOKS_ONLY & options.keys()}
    return any(value not in ("false", "none") and (name != "h" or not value) for name, value in told.items())


def _goes_on(name: str, plain: list[str], options: Mapping[str, str]) -> bool:
    if name in ("fly", "railway"):
        return not options.keys() & {"no-tail", "n"}
    return bool(options.keys() & {"f", "follow", "t", "tail", "stream", "watch", "w"}) or "tail" in plain


def _named(options: Mapping[str, str]) -> str:
    return next((options[name] for name in ("app", "a", "name", "n", "service", "stack", "s") if options.get(name)), "")


def _warning(name: str, plain: list[str]) -> str:
    if (
        name == "fly"
        and plain[:1] == ["scale"]
        and any(word.startswith(("count=", "vm=", "memory=")) for word in plain)
    ):
        return "fly takes the number as a word of its own: `fly scale count 2`"
    if name == "terraform" and plain[:1] == ["destroy"]:
        return "it removes everything that the state knows, data included"
    return ""


def _carried(name: str, plain: list[str], options: Mapping[str, str], line: CommandLine) -> Within | None:
    """A command that runs elsewhere: in a dyno, in a machine, on a host, or here with the service's settings."""
    app = _named(options)
    after = line.words[line.words.index("--") + 1 :] if "--" in line.words else ()
    match name, plain:
        case "dokku", ["run" | "enter", where, *rest]:
            return _within(name, f"app {where}", where, words=after or tuple(rest), line=line)
        case "heroku" | "scalingo", ["run", *rest]:
            rest = rest[1:] if rest[:1] == ["detached"] else rest
            words = after or _from(line.words, rest[0] if rest else "")
            return _within(name, f"dyno of {app}" if app else "dyno", app, words=words, line=line)
        case "heroku", ["pg", "psql", *rest]:
            given = [word for option in ("c", "command") if options.get(option) for word in ("-c", options[option])]
            database = rest[0] if rest else ""
            return _within(name, f"database {database}".strip(), database, words=("psql", *given), line=line)
        case "railway", ["run", *rest]:
            return _within(name, "", "", words=after or _from(line.words, rest[0] if rest else ""), line=line)
        case "railway", ["ssh", *rest]:
            words = after or tuple(rest)
            return _within(name, f"service {app}".strip(), app, words=words, line=line)
        case "fly", ["ssh", "console"]:
            return _within(name, f"app {app}".strip(), app, options.get("C") or options.get("command", ""), line=line)
        case "fly", ["machine" | "machines" | "m", "exec", machine, *rest]:
            return _within(name, f"machine {machine}", machine, " ".join(rest), line=line)
        case "gcloud", ["compute" | "alpha" | "beta", *rest] if "ssh" in rest[:2]:
            host = rest[rest.index("ssh") + 1] if len(rest) > rest.index("ssh") + 1 else ""
            return _within(name, f"host {host}", host, options.get("command", ""), words=after, line=line)
        case "az", ["vm" | "vmss", "run-command", "invoke" | "create", *_]:
            script = options.get("scripts") or options.get("script") or ""
            return _within(name, f"host {app}".strip(), app, script, line=line) if script else None
        case "az", ["containerapp" | "container", "exec", *_]:
            script = options.get("command") or options.get("exec-command") or ""
            return _within(name, f"container {app}".strip(), app, script, line=line)
        case "doctl", ["compute", "ssh", *rest]:
            host = rest[0] if rest else ""
            return _within(name, f"host {host}".strip(), host, options.get("ssh-command", ""), line=line)
        case ("eb", ["ssh", *rest]) | ("copilot", [_, "exec", *rest]):
            place = rest[0] if rest else app
            return _within(
                name, f"{name} {place}".strip(), place, options.get("command") or options.get("c", ""), line=line
            )
        case "kamal", ["app" | "server" | "accessory", "exec", *rest]:
            return _within(name, "container of the app", app, " ".join(rest), line=line)
    return None


def _from(words: tuple[str, ...], first: str) -> tuple[str, ...]:
    """The words from the first one of a command on, its own options with it."""
    return words[words.index(first) :] if first and first in words else ()


def _within(
    name: str, place: str, target: str, script: str = "", *, words: tuple[str, ...] = (), line: CommandLine
) -> Within:
    told = " ".join(words) or script
    typed = not told.strip() or _SHELL.fullmatch(told.strip()) is not None
    least = Danger.DISRUPTIVE if typed else Danger.READ
    apart = bool(words) and not (len(words) == 1 and " " in told)
    return Within(place, words if apart else (), "" if apart else told, line.stdin, name, "", target, least, typed)


def _ansible(name: str, plain: list[str], options: Mapping[str, str], line: CommandLine) -> Meaning | Within:
    """`ansible HOSTS -m MODULE -a ARGUMENTS`, and playbooks."""
    target = plain[0] if plain else ""
    looks = _looks_only(options) or bool(options.keys() & {"check", "C"})
    if name == "ansible-playbook":
        gone = any(_GONE.search(word) for word in (*plain, *options.values()))
        danger = Danger.READ if looks else Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE
        back = any("rollback" in word for word in plain)
        return Meaning(Sort.SHELL, Verb.ROLLBACK if back else Verb.DEPLOY, name, target, danger)
    module = (options.get("m") or options.get("module-name") or "command").rpartition(".")[2]
    told = options.get("a") or options.get("args") or ""
    if looks or module in _ANSIBLE_LOOKS:
        return Meaning(Sort.SHELL, Verb.STATUS, name, target, Danger.READ)
    if module in _ANSIBLE_RUNS and told:
        return _within(name, f"hosts {target}".strip(), target, told, line=line)
    states = {"restarted": Verb.RESTART, "reloaded": Verb.RESTART, "stopped": Verb.STOP, "started": Verb.START}
    verb = next((verb for state, verb in states.items() if f"state={state}" in told), Verb.OTHER)
    gone = "state=absent" in told or _GONE.search(told) is not None
    return Meaning(Sort.SHELL, verb, name, target, Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE)
