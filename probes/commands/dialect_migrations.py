"""Migrations of a database's schema, by whatever program runs them.

https://www.prisma.io/docs/orm/reference/prisma-cli-reference, https://alembic.sqlalchemy.org/en/latest/api/commands.html,
https://docs.djangoproject.com/en/stable/ref/django-admin/, https://guides.rubyonrails.org/active_record_migrations.html,
https://knexjs.org/guide/migrations.html, https://documentation.red-gate.com/flyway
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from probes.base import Danger, Meaning, Verb
from probes.base.command import named
from probes.commands.dialect_words import by_name, shell

NPM_RUN: Final = (
    "npm puts the last word behind whatever the script is, which may be migrate dev and may empty the database: npx "
    "prisma migrate deploy applies what is pending and no more"
)
STUDIO: Final = "it is an editor with write access that never ends: prisma migrate status tells what is applied"
RESOLVE: Final = "it edits the record of a failed migration only: no SQL is undone by it"
DEVELOPS: Final = "it may empty the database: prisma migrate deploy applies what is pending and no more"
NO_ROLLBACK: Final = "prisma migrate has no rollback: write the SQL that undoes it, or restore"
DOWNGRADE: Final = "a downgrade may drop columns and their data, and needs the code that fits the older schema"
_TOOLS: Final = named(
    """
    alembic knex sequelize sequelize-cli typeorm typeorm-ts-node-commonjs flyway liquibase dbmate goose sqitch
    migrate golang-migrate drizzle-kit mikro-orm node-pg-migrate db-migrate phinx yoyo atlas sql-migrate
    migrate-mongo umzug ecto refinery diesel sea-orm-cli aerich tern pgroll graphile-migrate bytebase skeema gh-ost
    rambler
    """
)
_READS: Final = re.compile(
    r"(?:migrat\w*[:. ]|db[:. ])*(?:status|current|history|heads?|show|branches|check|list|info|validate|version|log"
    r"|plan|currentversion|pending|verify|migrate:status|db:migrate:status|abort_if_pending_migrations|showmigrations"
    r"|diff|inspect|lint|sqlmigrate|ls|print)"
)
_DOWN: Final = re.compile(
    r"(?:^|[:._ /-])(?:down|downgrade|rollback|roll_back|revert|undo|undo:all|rollback:all|redo|down-to|unlock)"
    r"(?:$|[:._ /-])",
)
_WORST: Final = re.compile(
    r"reset|fresh|refresh|drop|clean|purge|wipe|force|truncate|schema:sync|schema:load|sync|drop-all|repair|delete"
)
_UP: Final = re.compile(
    r"(?:^|[:. ])(?:upgrade|up|latest|deploy|run|migrate|apply|push|up:all|update|migrate:up|create|goto|to)(?:$|[:. ])"
)
_GENTLE: Final = re.compile(
    r"(?:^|[:. ])(?:revision|generate|make|make:\w+|init|new|add|format|merge|edit|snapshot)(?:$|[:. ])"
)
_HARMLESS_DJANGO: Final = named(
    """
    check showmigrations sqlmigrate diffsettings inspectdb sqlsequencereset help version sqlflush show_urls
    findstatic validate_templates print_settings
    """
)


def up(target: str = "") -> Meaning:
    """Migrations that are applied."""
    return shell(Danger.DISRUPTIVE, Verb.DEPLOY, target, "migrations")


def down(target: str = "", warning: str = "") -> Meaning:
    """Migrations that are taken back."""
    return replace(shell(Danger.DESTRUCTIVE, Verb.ROLLBACK, target, "migrations"), warning=warning)


def status(target: str = "") -> Meaning:
    """Which migrations are applied."""
    return shell(Danger.READ, Verb.STATUS, target, "migrations")


def migrations(name: str, words: Sequence[str]) -> Meaning | None:
    """What a program that runs migrations does; None when it is none."""
    if name == "prisma":
        return _prisma(words)
    if name in ("manage.py", "django-admin"):
        return _django(words)
    if name in ("rails", "rake", "artisan", "console", "hanami"):
        return _framework(name, words)
    if name == "flask" and words[:1] == ["db"]:
        return _tool(words[1:])
    if name == "mix" and words and words[0].startswith(("ecto.", "ash.")):
        return _tool([words[0].partition(".")[2], *words[1:]])
    if name == "dotnet" and words[:1] == ["ef"]:
        return up() if "update" in words else _tool(words[1:])
    if name in ("hasura", "supabase") and words and words[0] in ("migrate", "migration", "db"):
        return _tool(words[1:])
    if name in _TOOLS:
        return _tool(words)
    return None


def _tool(words: Sequence[str]) -> Meaning:
    free: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            free.append(word.lower())
        elif re.fullmatch(r"-(?:c|n|x|path|source|database|dir|d|f|u|e|config|env|url|p)|--(?:config|env|database"
                          r"|url|path|knexfile|migrations-path|name|dir|datasource"
                          r"|data-source|dataSource|source)", word):  # fmt: skip
            rest = rest[1:]
    text = " ".join(free[:3])
    first = free[0] if free else ""
    if {"--sql", "--dry-run", "--pretend", "--plan", "--help", "--version"} & set(words) and "--execute" not in words:
        return status()
    if _DOWN.search(text):
        return down(free[-1], DOWNGRADE)
    if _WORST.search(text):
        return down(free[-1])
    if _READS.fullmatch(first) or _READS.fullmatch(" ".join(free[:2])):
        return status()
    if _GENTLE.search(text):
        return shell(Danger.REVERSIBLE, system="migrations")
    if _UP.search(text):
        return up(free[-1])
    return shell(Danger.DISRUPTIVE if free else Danger.READ, Verb.DEPLOY if free else Verb.OTHER, system="migrations")


def _prisma(words: Sequence[str]) -> Meaning:
    free = [word for word in words if not word.startswith("-")]
    first, second = [*free, "", ""][:2]
    match first, second:
        case "migrate", "deploy":
            return up()
        case "migrate", "status" | "diff":
            return status()
        case "migrate", "dev":
            return replace(up(), danger=Danger.DESTRUCTIVE, warning=DEVELOPS, becomes="npx prisma migrate deploy")
        case "migrate", "reset":
            return down(warning=DEVELOPS)
        case "migrate", "resolve":
            verb = Verb.ROLLBACK if "--rolled-back" in words else Verb.DEPLOY
            return replace(shell(Danger.DISRUPTIVE, verb, system="migrations"), warning=RESOLVE)
        case "migrate", "rollback" | "down" | "undo":
            return down(warning=NO_ROLLBACK)
        case "db", "push" | "execute":
            return replace(up(), danger=Danger.DESTRUCTIVE, warning=DEVELOPS if second == "push" else "")
        case "db", "seed":
            return shell(Danger.DISRUPTIVE, Verb.OTHER, system="migrations")
        case "db", "pull":
            return shell(Danger.REVERSIBLE, Verb.OTHER, system="migrations")
        case "studio", _:
            found = shell(Danger.DISRUPTIVE, Verb.OTHER, system="migrations")
            return replace(found, warning=STUDIO, becomes="npx prisma migrate status", endless=True, interactive=True)
        case "generate" | "format" | "init", _:
            return shell(Danger.REVERSIBLE, Verb.OTHER, system="migrations")
        case "validate" | "version" | "debug" | "", _:
            return shell(Danger.READ, Verb.STATUS, system="migrations")
    return by_name(["prisma", *words])


def _django(words: Sequence[str]) -> Meaning:
    free = [word for word in words if not word.startswith("-")]
    first = free[0] if free else ""
    if first in _HARMLESS_DJANGO or not first:
        return shell(Danger.READ, Verb.STATUS, first, "django")
    if first == "migrate":
        if {"--plan", "--check"} & set(words):
            return status()
        return down(" ".join(free[1:3]), DOWNGRADE) if len(free) > 2 else up(" ".join(free[1:2]))
    if first == "makemigrations":
        dry = {"--check", "--dry-run"} & set(words)
        return shell(Danger.READ if dry else Danger.REVERSIBLE, system="django")
    if first in ("shell", "shell_plus", "dbshell", "createsuperuser", "changepassword"):
        code = " ".join(words[words.index("-c") :]) if "-c" in words else ""
        worst = re.search(r"delete|truncate|drop|raw\(|execute", code)
        found = shell(Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE, target=first, system="django")
        return replace(found, interactive=not code)
    if first.startswith("runserver"):
        return replace(shell(Danger.DISRUPTIVE, Verb.START, system="django"), endless=True)
    if first == "loaddata":
        return shell(Danger.DESTRUCTIVE, Verb.RESTORE, free[-1], "django")
    if first == "dumpdata":
        return replace(shell(Danger.READ, Verb.BACKUP, system="django"), reveals=True)
    if first == "clearsessions":
        return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, system="django")
    return by_name([first, *words], system="django")


def _framework(name: str, words: Sequence[str]) -> Meaning | None:
    """Rails, Rake, Laravel's artisan, Symfony's console."""
    free = [word for word in words if not word.startswith("-") and "=" not in word]
    first = free[0] if free else ""
    if re.match(r"(?:db|migrate|migrations|doctrine|schema|model)\b", first):
        if first in ("migrate", "db:migrate", "doctrine:migrations:migrate", "doctrine:migrations:execute"):
            taken_back = any(re.match(r"VERSION=|--down|prev", word) for word in words)
            return down(first, DOWNGRADE) if taken_back else up(first)
        if re.search(r"status|version|list|show|diff$|validate|current", first):
            return status(first)
        if first in (
            "db:seed",
            "db:prepare",
            "db:create",
            "db:setup",
            "db:dump",
            "db:structure:dump",
            "db:schema:dump",
        ):
            return shell(Danger.DESTRUCTIVE if first == "db:setup" else Danger.DISRUPTIVE, target=first, system=name)
        return down(first)
    if first in ("console", "c", "dbconsole", "db", "tinker", "runner", "r"):
        code = " ".join(words[1:]) if first in ("runner", "r") or "--execute" in " ".join(words) else ""
        worst = re.search(r"delete|destroy|truncate|drop|clear|execute|flush|update_all", code)
        found = shell(Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE, target=first, system=name)
        return replace(found, interactive=not code)
    if first in ("routes", "about", "stats", "notes", "route:list", "list", "env", "queue:failed", "schedule:list",
                 "debug:router", "version", "-T", "middleware") or {"-T", "--tasks", "-P"} & set(words):  # fmt: skip
        return shell(Danger.READ, Verb.STATUS, first, name)
    if first in ("server", "s", "serve", "queue:work", "queue:listen", "schedule:work", "horizon"):
        return replace(shell(Danger.DISRUPTIVE, Verb.START, first, name), endless=True)
    return by_name([first or name, *words[1:]], system=name)
