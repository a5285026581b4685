"""Git, package managers, build tools, languages and scripts: what is known by their sub-commands and names.

https://git-scm.com/docs, https://docs.npmjs.com/cli/commands
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Verb, Within
from probes.base.command import named
from probes.base.options import plain_words
from probes.commands.dialect_migrations import NPM_RUN, down, migrations, status, up
from probes.commands.dialect_words import WORST, asks_only, by_name, shell, verb_of

_GIT_READS: Final = named(
    """
    status log diff show fetch blame shortlog describe rev-parse rev-list ls-files ls-remote ls-tree cat-file grep
    version help reflog whatchanged show-ref merge-base name-rev count-objects fsck var check-ignore for-each-ref
    diff-tree cherry range-diff annotate verify-commit verify-tag symbolic-ref remote branch tag stash config
    worktree submodule bisect notes lfs
    """
)
_GIT_GENTLE: Final = named(
    """
    clone init add commit mv archive bundle format-patch branch tag stash config notes
    """
)
_GIT_GONE: Final = named(
    """
    rm clean restore filter-branch filter-repo prune update-ref gc replace expire
    """
)
_MANAGERS: Final = frozenset({"npm", "pnpm", "yarn", "bun"})
_PRODUCTION: Final = frozenset({"--only=production", "--only=prod", "--production"})
LOOSE: Final = (
    "npm calls that --omit=dev now, and install may write other versions into the lock file: npm ci takes those that "
    "stand there"
)
_PACKAGES: Final = named(
    """
    pip pip3 pipx uv poetry pipenv conda mamba apt apt-get aptitude dpkg yum dnf rpm zypper apk pacman brew snap
    flatpak cargo go composer bundle gem bundler mvn gradle nuget dotnet mix rebar3 luarocks opam pdm rye nix-env
    port choco winget scoop rustup nvm pyenv rbenv asdf volta corepack mise sdk pkg emerge microdnf tdnf
    """
)
_LOOKS: Final = named(
    """
    list ls ll show info search outdated audit view why whoami ping doctor fund explain config get tree check
    version freeze env vet help policy madison depends rdepends provides whatprovides repolist history status
    metadata deps --version -V --help -h -v index inspect licenses cache-dir la list-units query validate diagnose
    platform about dependency:tree dependencies projects tasks which current installed
    """
)
_HARMLESS: Final = re.compile(
    r"(?:^|[:_.-])(?:build|lint|format|fmt|typecheck|type-check|tsc|compile|check-types|prettier|eslint|docs?|test|tests"
    r"|unit|coverage|analyze|bundle|codegen|generate)(?:$|[:_.-])"
)
_TESTERS: Final = named(
    """
    pytest jest vitest mocha rspec phpunit tox nox ruff black flake8 mypy eslint prettier tsc shellcheck hadolint
    yamllint markdownlint pre-commit playwright cypress bandit golangci-lint jsonlint ajv prettier-check
    """
)
_MAKERS: Final = named(
    """
    make gmake just task rake invoke inv fab gulp grunt nx turbo ninja cmake bazel mage mvnw gradlew mvn gradle poe
    ant sbt lein moon earthly tilt skaffold
    """
)
_LANGUAGES: Final = re.compile(r"python[\d.]*|pypy\d?|node|nodejs|deno|ruby|php[\d.]*|java|lua|Rscript|go|ts-node|tsx"
                               r"|elixir|iex|irb"
                               r"|ipython|erl|groovy|scala|julia|perl|bun|jshell|dotnet")  # fmt: skip
_VALUED: Final = named(
    """
    -C --prefix --filter -F --cwd --dir -w --workspace -f --file --project -p -e -d --directory --justfile -t
    """
)


def code(line: CommandLine) -> Meaning | Within | None:
    """What a program of developers means; None when it is none of them."""
    name, words = line.program, list(line.words[1:])
    if name in ("git", "git.exe", "tig", "gitk"):
        return _git(words)
    if name.endswith("manage.py"):
        return migrations("manage.py", words)
    if (known := migrations(name, words)) is not None:
        return known
    if name in _MANAGERS:
        return _manager(name, words)
    if name in _TESTERS:
        fixes = any(re.match(r"--(?:fix|write|in-place)|-w$", word) for word in words)
        harmless = name in ("shellcheck", "hadolint", "yamllint", "mypy", "tsc", "bandit")
        least = Danger.READ if harmless and not fixes else Danger.REVERSIBLE
        return shell(Danger.DISRUPTIVE if fixes else least, system=name)
    if name in _MAKERS and not (name in _PACKAGES and words[:1] and words[0] in _LOOKS):
        return _target(name, words)
    if _LANGUAGES.fullmatch(name) and (found := _language(line)) is not None:
        return found
    if name in _PACKAGES:
        return _package(name, words)
    return None


def _git(words: list[str]) -> Meaning:
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-C", "-c", "--git-dir", "--work-tree", "--namespace") and words:
            words.pop(0)
    what = words[0] if words else "status"
    rest = words[1:]
    target = next((word for word in reversed(rest) if not word.startswith("-")), "")
    danger, verb = _git_danger(what, rest), Verb.OTHER
    if what in ("revert", "reset"):
        verb = Verb.ROLLBACK
    return shell(danger, verb, target, "git")


def _git_danger(what: str, rest: Sequence[str]) -> Danger:
    options = {word.partition("=")[0] for word in rest if word.startswith("-")}
    short = "".join(word[1:] for word in rest if re.fullmatch(r"-[A-Za-z]+", word))
    free = [word for word in rest if not word.startswith("-")]
    match what:
        case "push":
            far = named("--force --force-with-lease --delete --mirror --prune --force-if-includes") & options
            forced = bool(far or set(short) & {"f", "d"} or [word for word in free if word[:1] in (":", "+")])
            return Danger.READ if "--dry-run" in options else Danger.DESTRUCTIVE if forced else Danger.DISRUPTIVE
        case "reset":
            return Danger.DESTRUCTIVE if {"--hard", "--merge", "--keep"} & options else Danger.DISRUPTIVE
        case "clean":
            return Danger.READ if "n" in short or "--dry-run" in options else Danger.DESTRUCTIVE
        case "checkout" | "switch":
            if "b" in short or (what == "switch" and "c" in short):
                return Danger.DESTRUCTIVE if "f" in short else Danger.REVERSIBLE
            lost = "--" in rest or "." in free or {"--force", "--discard-changes", "--ours", "--theirs"} & options
            return Danger.DESTRUCTIVE if lost or set(short) & {"f", "B", "C"} else Danger.DISRUPTIVE
        case "branch" | "tag":
            if {"--delete", "--force"} & options or set(short) & {"d", "D", "f", "M"}:
                return Danger.DESTRUCTIVE
            looks = named("--list --contains --merged --no-merged --show-current --points-at --sort") & options
            return Danger.READ if looks or set(short) & set("lnravi") or not free else Danger.REVERSIBLE
        case "stash":
            first = free[0] if free else "push"
            if first in ("drop", "clear"):
                return Danger.DESTRUCTIVE
            return Danger.READ if first in ("list", "show") else Danger.DISRUPTIVE
        case "remote":
            return Danger.DISRUPTIVE if free and free[0] not in ("show", "get-url", "update") else Danger.READ
        case "config":
            shows = {"--get", "--list", "--get-all", "--get-regexp", "--show-origin"} & options or "l" in short
            return Danger.READ if shows or len(free) < 2 else Danger.REVERSIBLE
        case "worktree":
            first = free[0] if free else ""
            return {"list": Danger.READ, "add": Danger.REVERSIBLE}.get(first, Danger.DESTRUCTIVE)
        case "submodule" | "bisect" | "notes" | "lfs":
            only = not free or free[0] in ("status", "summary", "log", "view", "list", "show", "ls-files", "env")
            worst = free[:1] in (["deinit"], ["prune"], ["remove"])
            return Danger.READ if only else Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE
        case "reflog":
            return Danger.DESTRUCTIVE if {"expire", "delete"} & set(free) else Danger.READ
        case "rm" if "--cached" in options:
            return Danger.REVERSIBLE
        case "restore" if "--staged" in options and "--worktree" not in options:
            return Danger.REVERSIBLE
        case "commit" if "--amend" in options:
            return Danger.DISRUPTIVE
        case "symbolic-ref" if len(free) > 1 or "d" in short:
            return Danger.DISRUPTIVE
        case "fetch" if "f" in short or {"--prune", "--force"} & options:
            return Danger.REVERSIBLE
    if what in _GIT_GONE:
        return Danger.DESTRUCTIVE
    return Danger.READ if what in _GIT_READS else Danger.REVERSIBLE if what in _GIT_GENTLE else Danger.DISRUPTIVE


def _manager(name: str, words: list[str]) -> Meaning | Within:
    free = plain_words(words, _VALUED)
    what = free[0] if free else ""
    if not what:
        shows = bool({"--version", "-v", "--help", "-h"} & set(words)) or name in ("npm", "bun")
        return shell(Danger.READ if shows else Danger.DISRUPTIVE, system=name)
    if what in ("run", "run-script", "rum"):
        return _named(name, free[1:]) if len(free) > 1 else shell(Danger.READ, system=name)
    if what in ("test", "t", "tst"):
        return shell(Danger.REVERSIBLE, system=name)
    if what in ("start", "stop", "restart"):
        verb = {"start": Verb.START, "stop": Verb.STOP, "restart": Verb.RESTART}[what]
        return replace(shell(Danger.DISRUPTIVE, verb, system=name), endless=what == "start")
    if what == "audit":
        fixes = "fix" in free or "--fix" in words
        return shell(
            Danger.DISRUPTIVE if fixes else Danger.READ, Verb.MAINTENANCE if fixes else Verb.OTHER, system=name
        )
    if what == "config" and {"set", "delete", "edit", "rm"} & set(free):
        return shell(Danger.DISRUPTIVE, system=name)
    if what in ("unpublish", "deprecate"):
        return shell(Danger.DESTRUCTIVE, system=name)
    if what == "cache" and {"clean", "clear", "rm", "prune"} & set(free):
        return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, system=name)
    if what in _LOOKS or what in ("pack", "bin", "root", "prefix", "store"):
        return shell(Danger.REVERSIBLE if what in ("pack", "store") else Danger.READ, system=name)
    if what in ("install", "i", "ci", "add", "update", "up", "upgrade", "dedupe", "link", "rebuild", "remove",
                "uninstall",
                "un", "login", "logout", "version", "publish", "set", "pkg", "import", "fetch", "patch", "dist-tag",
                "approve-builds", "self-update", "init", "create", "owner", "token"):  # fmt: skip
        made = shell(Danger.DISRUPTIVE, Verb.DEPLOY if what == "publish" else Verb.OTHER, system=name)
        loose = name == "npm" and free in (["install"], ["i"]) and _PRODUCTION & set(words)
        return replace(made, warning=LOOSE, becomes="npm ci --omit=dev") if loose else made
    if name in ("yarn", "pnpm", "bun"):
        behind = words[words.index(what) + 1 :]
        if behind and (found := migrations(what, behind)):
            return found
        return _named(name, free)
    return by_name([name, *words], system=name)


def _named(name: str, said: Sequence[str]) -> Meaning:
    """A script or target of a project, by its name and what stands behind it."""
    text = " ".join(said)
    target = said[0] if said else ""
    if re.search(r"prisma.*studio|(?:^|[:.])studio", text):
        return migrations("prisma", ["studio"]) or shell(Danger.DISRUPTIVE)
    if re.search(r"migrat", text) or re.match(r"db[:_-]|alembic|knex|flyway|typeorm", text):
        if re.search(r"status|list|show|current|history", text) and not re.search(r"down|rollback|reset|undo", text):
            return replace(status(target), danger=Danger.DISRUPTIVE)
        if re.search(r"down|rollback|revert|undo|reset|fresh|drop|clean|wipe|dev\b|truncate|restore", text):
            found = down(target)
            return replace(found, verb=Verb.DEPLOY if re.search(r"dev\b", text) else found.verb)
        if re.search(r"seed|backup|dump", text):
            return shell(Danger.DISRUPTIVE, verb_of(text), target, name)
        return replace(up(target), warning=NPM_RUN if "prisma" in text and name in _MANAGERS else "")
    if WORST.search(text):
        return shell(Danger.DESTRUCTIVE, verb_of(text), target, name)
    endless = bool(re.search(r"(?:^|[:_-])(?:dev|serve|watch|start)(?:$|[:_-])", target))
    risky = re.search(r"e2e|load|stress|perf|prod|deploy|release|publish|migrat|seed|integration", text)
    if _HARMLESS.search(target) and not risky and not endless:
        return shell(Danger.REVERSIBLE, Verb.OTHER, target, name)
    return replace(shell(Danger.DISRUPTIVE, verb_of(text), target, name), endless=endless)


def _target(name: str, words: list[str]) -> Meaning:
    if asks_only([name, *words]) or {"-n", "--dry-run", "--list", "-l", "--summary", "-p"} & set(words[:1]):
        return shell(Danger.READ, system=name)
    free = [word for word in plain_words(words, _VALUED) if not re.match(r"\w+=", word)]
    if name == "cmake" and not {"--install", "--target"} & set(words):
        return shell(Danger.REVERSIBLE, system=name)
    if name in ("nx", "turbo") and free[:1] == ["run"]:
        free = free[1:]
    if any(WORST.search(word) for word in words):
        return shell(Danger.DESTRUCTIVE, verb_of(" ".join(free)), " ".join(free[:1]), name)
    return _named(name, free) if free else shell(Danger.DISRUPTIVE, system=name)


def _language(line: CommandLine) -> Meaning | Within | None:
    """An interpreter: of a module, a text, a script, or a session."""
    name, words = line.program, list(line.words[1:])
    if asks_only(line.words) or words[:1] in (["-V"], ["-v"], ["version"], ["-version"]):
        return shell(Danger.READ, system=name)
    if name in ("go", "dotnet", "bun") and words:
        return _built(name, words)
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-m" and rest:
            return _module(rest)
        if option in ("-c", "-e", "-r", "-p", "--eval", "-E", "--print", "-pe"):
            return _snippet(name, rest[0] if rest else "")
        if option in ("-W", "-X", "--require", "--import", "-I", "-d", "-cp", "-classpath", "--env-file") and rest:
            rest.pop(0)
        if option == "-jar":
            return replace(by_name(rest or ["jar"], system=name), verb=Verb.START)
    if rest:
        script = rest[0].rpartition("/")[2]
        if script in ("run", "task") and name == "deno":
            return by_name(rest[1:] or ["deno"], system=name)
        if script in ("manage.py", "artisan", "console"):
            return migrations(script, rest[1:])
        return by_name(rest, system=name)
    if line.stdin:
        return _snippet(name, line.stdin)
    if line.reads or line.fed:
        return by_name([line.reads or " ".join(line.fed)], system=name)
    return replace(shell(Danger.DISRUPTIVE, system=name), interactive=True)


def _built(name: str, words: list[str]) -> Meaning | None:
    what = words[0]
    if what in ("test", "build", "vet", "fmt", "tool", "doc", "generate", "pub", "restore", "watch"):
        return shell(Danger.REVERSIBLE if what != "watch" else Danger.DISRUPTIVE, system=name)
    if what == "run":
        return by_name(words[1:] or [name], system=name)
    if name == "dotnet" and what.endswith(".dll"):
        return by_name(words, system=name)
    return None


def _module(rest: list[str]) -> Meaning | Within:
    """`python -m NAME`."""
    name = rest[0]
    if name in (
        "json.tool",
        "timeit",
        "platform",
        "site",
        "sysconfig",
        "calendar",
        "this",
        "pydoc",
        "dis",
        "ast",
        "tokenize",
    ):
        return shell(Danger.READ, system="python")
    if name in ("http.server", "SimpleHTTPServer", "smtpd", "aiosmtpd"):
        return replace(shell(Danger.DISRUPTIVE, Verb.START, system="python"), endless=True)
    if name in ("venv", "virtualenv", "compileall", "py_compile", "pytest", "unittest", "build", "coverage", "mypy"):
        return shell(Danger.REVERSIBLE, system="python")
    if name in (
        "pip",
        "alembic",
        "celery",
        "django",
        "flask",
        "uv",
        "poetry",
        "pipx",
        "ruff",
        "ansible",
        "awscli",
        "rq",
    ):
        return Within("", words=("django-admin" if name == "django" else name, *rest[1:]), system="python")
    return by_name(rest, system="python")


_RUBY: Final = re.compile(
    r"(?<![\w.:$@])(?:(?!(?:puts|pp?|print|printf|require|if|unless|while|until|and|or|not|do|then|end|else|return)\b)"
    r"[a-z_]\w*[!?]?(?=[ \t]+['\"\w:\[$@])|(?:[A-Z][\w:]*|[$@]?[a-z_]\w*|\.)\s*&?\.\s*[a-z_]\w*[!?]?)"
)
"""A call in Ruby, where it needs no brackets: a word with something behind it, and a method of something."""
_RUBY_READS: Final = re.compile(
    r".*\.\s*(?:each\w*|map|select|reject|sort\w*|first|last|size|length|count|sum|min|max|join|split|strip|chomp|chars|lines"
    r"|bytes|to_\w+|inspect|upcase|downcase|g?sub|scan|match\??|\w+\?|keys|values|read|readlines|hex\w*|\w*base64|uuid|now"
    r"|utc|iso8601|strftime|parse|\w*generate|reverse|uniq|zip|flatten|compact|class|dig|fetch|format|\w*(?:en|de)code\w*"
    r"|times|step|abs|round|floor|ceil|random_number|alphanumeric|random_bytes|new)",
    re.DOTALL,
)
_RUBY_RUNS: Final = re.compile(
    r"\b(?:IO|Open3|PTY|Kernel|Process|Rails|ActiveRecord)\b|require\w*\W+[./]|require_relative"
)


def _snippet(name: str, text: str) -> Meaning:
    """A few words of a language: harmless only where they can do nothing but print."""
    code_ = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "''", text)
    if WORST.search(code_) or re.search(
        r"unlink|rmtree|rmsync|rmdir|\brm\s*\(|execute|flushall|flushdb|\.kill|delete", text, re.IGNORECASE
    ):
        return shell(Danger.DESTRUCTIVE, system=name)
    if name.startswith(("ruby", "irb", "php", "perl")) and (inner := re.findall(r"`([^`]*)`|%x\W(.*)", text)):
        worst = any(re.search(r"\b(?:rm|dd|shred|mkfs)\b", one) or WORST.search(one) for pair in inner for one in pair)
        return shell(Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE, system=name)
    calls = set(re.findall(r"([\w.]+)\s*\(", code_)) | set(re.findall(r"\b(puts|p|echo|print)\b", code_))
    if name.startswith(("ruby", "irb")) and (
        _RUBY_RUNS.search(text) or not all(map(_RUBY_READS.fullmatch, _RUBY.findall(code_)))
    ):
        return shell(Danger.DISRUPTIVE, system=name)
    harmless = re.compile(
        r"print|console\.log|puts|p|echo|json\.(?:load|loads|dump|dumps)|len|str|int|float|sorted|sum|max|min|JSON\.\w+"
        r"|sys\.stdin\.read|secrets\.\w+|(?:crypto|require)\.?\w*|(?:uuid|base64|hashlib|datetime|time|math|random|string|os\.path"
        r"|os\.environ|platform|sys)\.[\w.]+|.*\.(?:get|items|keys|values|hexdigest|encode|decode|toString|strip|split|join"
        r"|isoformat|strftime|format|hex|now|utcnow|version|choice|randint|token_\w+|randomBytes|generate_key)|range|list|dict|set"
        r"|round|phpversion|phpinfo|open|Fernet\.generate_key|read|enumerate|zip|any|all|bool|type|repr|isinstance|hasattr",
    )
    writes = re.search(
        r"open\([^)]*['\"][wax+]|\bsystem\b|subprocess|popen|exec|spawn|eval|post\(|put\(", text, re.IGNORECASE
    )
    if all(map(harmless.fullmatch, calls)) and not writes:
        return replace(shell(Danger.READ, system=name), reveals=bool(re.search(r"secrets\.|randomBytes|environ", text)))
    return shell(Danger.DISRUPTIVE, system=name)


def _package(name: str, words: Sequence[str]) -> Meaning:
    free = plain_words(words, _VALUED)
    what = free[0] if free else ""
    first = words[0] if words else ""
    if name in ("rpm", "pacman", "dpkg", "emerge") and re.match(
        r"-q|-Q|-l|-L|-s|-S[sil]|-V|--list|--status|--get", first
    ):
        return shell(Danger.READ, system=name)
    if name in ("brew", "rustup") and what == "services":
        second = free[1] if len(free) > 1 else "list"
        verb = {"start": Verb.START, "stop": Verb.STOP, "restart": Verb.RESTART}.get(second, Verb.STATUS)
        danger = Danger.READ if second in ("list", "info") else Danger.DISRUPTIVE
        return shell(danger, verb, " ".join(free[2:3]), "brew")
    if {"--dry-run", "--simulate", "-s"} & set(words) and name in ("apt", "apt-get", "pip", "pip3"):
        return shell(Danger.READ, system=name)
    cleans = {
        "purge",
        "autoremove",
        "clean",
        "autoclean",
        "prune",
        "cache",
        "remove",
        "uninstall",
        "erase",
        "del",
        "rm",
    }
    if what in cleans or re.match(r"-[eRr](?:[a-z]*\b)|--purge|--erase|--remove", first):
        light = what in ("clean", "autoclean", "cache")
        gone = Danger.DESTRUCTIVE
        looks = what == "cache" and {"dir", "info", "list"} & set(free)
        return shell(Danger.READ if looks else gone, Verb.MAINTENANCE if light else Verb.OTHER, system=name)
    if what in _LOOKS or first in _LOOKS or asks_only([name, *words]):
        changes = {"set", "edit", "delete", "fix", "--fix", "undo", "rollback", "unset", "create", "update"} & set(
            words
        )
        if what in ("config", "env", "index", "history", "projects") and {"remove", "rm", "purge", "delete"} & set(
            free
        ):
            return shell(Danger.DESTRUCTIVE, system=name)
        return shell(Danger.DISRUPTIVE if changes else Danger.READ, system=name)
    if what in ("update", "makecache") and name in ("apt", "apt-get", "apk", "brew", "aptitude"):
        return shell(Danger.REVERSIBLE, Verb.MAINTENANCE, system=name)
    if what in ("build", "test", "fmt", "clippy", "lint", "compile", "lock", "download", "venv", "init", "new", "mod"):
        return shell(Danger.REVERSIBLE, system=name)
    if what in ("run", "exec", "tool") and len(free) > 1:
        return _named(name, free[1:])
    if not words:
        return shell(Danger.DISRUPTIVE if name in ("bundle", "poetry") else Danger.READ, system=name)
    upgrades = what in ("upgrade", "dist-upgrade", "full-upgrade", "update", "do-release-upgrade", "self-update")
    worst = any(WORST.search(word) for word in words)
    return shell(Danger.DESTRUCTIVE if worst and "force" not in " ".join(words) else Danger.DISRUPTIVE,
                 Verb.MAINTENANCE if upgrades else Verb.OTHER, free[-1] if len(free) > 1 else "", name)  # fmt: skip
