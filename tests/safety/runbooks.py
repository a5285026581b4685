"""Runbooks: no bytes and no Markdown that stop the reader, and commands in every spelling people give them.

python -m tests.safety.runbooks [SECONDS [SPELLINGS]]
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from desk.runbook import assemble, lint
from desk.runbook.book import Runbook
from desk.runbook.meaning import understood
from probes.base import Danger, Sort, Verb
from tui.dialects import dialects

SECONDS: Final = 600.0
SPELLINGS: Final = 10_000
_SLOWEST: Final = 5.0
"""Seconds that a text of 64 KiB at most may take on a busy machine."""

_PIECES: Final = (
    "# Runbook", "## Queue is full", "### Symptoms", "**Resolution:**", "1. Look at it", "- [ ] Disk < 80%",
    "```bash", "```", "````markdown", "~~~", "docker compose ps", "  kubectl get po \\", "  -n shop", "| a |",
    "|---|", "| Error rate > 5% |", "> quoted", "---", "+++", "<details>", "<!-- x", "-->", "# a comment",
    "psql -c \"SELECT '1'\"", "cat <<EOF", "EOF", "for x in a b; do", "done", "$ ls -l", "total 8", "\t- nested", "\\",
    "*/5 * * * * x", "key: value", "{\"a\": [1,", "Option B:", "`systemctl restart x`", "ðŸ“–", "\u200b\u202e",
    "<pid> ${X} $(date) {{.x}} [name] YOUR_KEY", "===", "* * *", "[a]: http://b", "\r", "\x00", "$((", "'", '"',
)  # fmt: skip


def texts(rng: random.Random) -> Iterator[bytes]:
    """Texts for ever: noise, Markdown of all kinds, and Markdown with some bytes of it changed."""
    while True:
        lines = [rng.choice(_PIECES) for _ in range(rng.randint(0, 120))]
        data = rng.choice(("\n", "\r\n", "\n\n")).join(lines).encode()
        match rng.randrange(4):
            case 0:
                yield rng.randbytes(rng.randint(0, 3000))
            case 1:
                changed = bytearray(data)
                for _ in range(rng.randint(1, 20)):
                    if changed:
                        changed[rng.randrange(len(changed))] = rng.randrange(256)
                yield bytes(changed)
            case 2:
                yield (rng.choice(_PIECES) * rng.randint(1, 400)).encode()[: 1 << 16]
            case _:
                yield data


def wrong(book: Runbook, data: bytes) -> str:
    """What a runbook says that can't be so; empty when it holds together."""
    last = max(1, data.count(b"\n") + data.count(b"\r") + 1)
    for one in book.commands:
        if not 1 <= one.line <= one.end_line <= last:
            return f"a command at lines {one.line} to {one.end_line} of {last}"
        if not one.text.strip():
            return f"a command without a word at line {one.line}"
    for line in (*(one.line for one in book.thresholds), *(one.line for one in book.procedures)):
        if not 1 <= line <= last:
            return f"line {line} of {last}"
    return ""


def fuzz(seconds: float, seed: int = 1) -> tuple[int, float, list[str]]:
    """(texts read, the slowest in seconds, violations) in so many seconds."""
    rng = random.Random(seed)
    until, count, slowest = time.monotonic() + seconds, 0, 0.0
    found: list[str] = []
    for data in texts(rng):
        began = time.monotonic()
        if began >= until or len(found) >= 5:
            break
        try:
            book = assemble.read("x.md", data, dialects())
            lint.form(book)
            trouble = wrong(book, data)
        except Exception as error:  # noqa: BLE001  # any at all is what is looked for
            trouble = f"{type(error).__name__}: {error}"
        took = time.monotonic() - began
        slowest, count = max(slowest, took), count + 1
        if took > _SLOWEST:
            trouble = trouble or f"it took {took:.1f} s"
        if trouble:
            found.append(f"{trouble}: {data[:200]!r}")
    return count, slowest, found


@dataclass(frozen=True, slots=True)
class Family:
    """Commands of one world: how they are spelled, and what they mean."""

    name: str
    make: Callable[[random.Random], tuple[str, Sort, Verb, Danger, str]]
    """(line, sort, verb, the least danger, target)."""


_NAMES: Final = ("api", "worker", "web-1", "newsletter-app", "<service>", "$SERVICE", "${APP}", "billing_v2")
_TAILS: Final = ("", "", "", " | head -20", " | grep -i error", " 2>&1 | tail -5", " | less", "  # look at it")


def _shuffled(rng: random.Random, *parts: str) -> str:
    kept = [part for part in parts if part and rng.random() < 0.6]
    rng.shuffle(kept)
    return " ".join(kept)


def _line(rng: random.Random, *words: str, tail: bool = True) -> str:
    front = rng.choice(("", "", "", "sudo ", "sudo -n ", "time ", "env LANG=C ", "$ "))
    space = rng.choice((" ", " ", "  "))
    return front + space.join(word for word in words if word) + (rng.choice(_TAILS) if tail else "")


def _compose(rng: random.Random) -> tuple[str, Sort, Verb, Danger, str]:
    program = rng.choice(("docker compose", "docker-compose"))
    where = _shuffled(rng, "-f docker-compose.prod.yml", "-p shop", "--project-name=shop", "--env-file .env")
    name = rng.choice(_NAMES)
    match rng.randrange(6):
        case 0:
            wait = rng.choice(("", "-t 10", "--timeout=10"))
            return (
                _line(rng, program, where, "restart", wait, name, tail=False),
                Sort.ACTION,
                Verb.RESTART,
                Danger.DISRUPTIVE,
                name,
            )
        case 1:
            lines = rng.choice(("--tail=50", "--tail 50", "-n 50", ""))
            words = [lines, name] if rng.random() < 0.5 else [name, lines]
            return _line(rng, program, where, "logs", *words), Sort.LOG, Verb.LOGS, Danger.READ, name
        case 2:
            return (
                _line(rng, program, where, "ps", rng.choice(("", "-a", name))),
                Sort.READING,
                Verb.STATUS,
                Danger.READ,
                "",
            )
        case 3:
            how = _shuffled(rng, "--no-recreate", "--no-deps")
            scale = rng.choice((f"--scale {name}=3", f"--scale={name}=3"))
            return (
                _line(rng, program, where, "up -d", how, scale, tail=False),
                Sort.ACTION,
                Verb.SCALE,
                Danger.REVERSIBLE,
                name,
            )
        case 4:
            return _line(rng, program, where, "stop", name, tail=False), Sort.ACTION, Verb.STOP, Danger.DISRUPTIVE, name
        case _:
            volumes = rng.choice(("-v", "--volumes"))
            return (
                _line(rng, program, where, "down", volumes, tail=False),
                Sort.ACTION,
                Verb.STOP,
                Danger.DESTRUCTIVE,
                "",
            )


def _systemd(rng: random.Random) -> tuple[str, Sort, Verb, Danger, str]:
    name = rng.choice(("nginx", "app.service", "worker@2", "<unit>", "token-refresh"))
    option = rng.choice(("", "--no-pager", "--user", "-q"))
    match rng.randrange(5):
        case 0:
            return (
                _line(rng, "systemctl", option, "restart", name, tail=False),
                Sort.ACTION,
                Verb.RESTART,
                Danger.DISRUPTIVE,
                name,
            )
        case 1:
            return (
                _line(rng, "service", name, "restart", tail=False),
                Sort.ACTION,
                Verb.RESTART,
                Danger.DISRUPTIVE,
                name,
            )
        case 2:
            return _line(rng, "systemctl", option, "status", name), Sort.READING, Verb.STATUS, Danger.READ, name
        case 3:
            how = _shuffled(rng, "-n 100", "--no-pager", '--since "1 hour ago"', "-p err", "-f")
            return (
                _line(rng, "journalctl", rng.choice(("-u ", "--unit=")) + name, how),
                Sort.LOG,
                Verb.LOGS,
                Danger.READ,
                name,
            )
        case _:
            return _line(rng, "systemctl", "stop", name, tail=False), Sort.ACTION, Verb.STOP, Danger.DISRUPTIVE, name


def _kubernetes(rng: random.Random) -> tuple[str, Sort, Verb, Danger, str]:
    space = rng.choice(("-n shop", "--namespace=shop", "--namespace shop", "-n <namespace>", ""))
    name = rng.choice(("api", "<deployment>", "web"))
    kind = rng.choice(("deployment/", "deploy/", "deployments/", "deployment ", "deployment.apps/"))
    first, after = (space, "") if rng.random() < 0.5 else ("", space)
    match rng.randrange(6):
        case 0:
            return (
                _line(rng, "kubectl", first, "rollout restart", kind + name, after, tail=False),
                Sort.ACTION,
                Verb.RESTART,
                Danger.DISRUPTIVE,
                name,
            )
        case 1:
            number = rng.choice(("--replicas=5", "--replicas 5"))
            words = [number, kind + name] if rng.random() < 0.5 else [kind + name, number]
            return (
                _line(rng, "kubectl", first, "scale", *words, after, tail=False),
                Sort.ACTION,
                Verb.SCALE,
                Danger.REVERSIBLE,
                name,
            )
        case 2:
            return (
                _line(
                    rng,
                    "kubectl",
                    first,
                    "get",
                    rng.choice(("pods", "po", "hpa", "nodes")),
                    after,
                    rng.choice(("", "-o wide", "-w")),
                ),
                Sort.READING,
                Verb.STATUS,
                Danger.READ,
                "",
            )
        case 3:
            lines = _shuffled(rng, "--tail=100", "--previous", "-f", "--since=1h", "-c app")
            return (
                _line(
                    rng,
                    "kubectl",
                    first,
                    "logs",
                    rng.choice((kind.strip() + name, f"-l app={name}")) if "/" in kind else f"-l app={name}",
                    lines,
                    after,
                ),
                Sort.LOG,
                Verb.LOGS,
                Danger.READ,
                "",
            )
        case 4:
            return (
                _line(rng, "kubectl", first, "rollout undo", kind + name, after, tail=False),
                Sort.ACTION,
                Verb.ROLLBACK,
                Danger.DISRUPTIVE,
                name,
            )
        case _:
            force = _shuffled(rng, "--force", "--grace-period=0")
            return (
                _line(
                    rng,
                    "kubectl",
                    first,
                    "delete",
                    rng.choice(("pod", "pods", "po")),
                    "<pod-name>",
                    force,
                    after,
                    tail=False,
                ),
                Sort.ACTION,
                Verb.RESTART,
                Danger.DISRUPTIVE,
                "<pod-name>",
            )


def _redis(rng: random.Random) -> tuple[str, Sort, Verb, Danger, str]:
    where = _shuffled(rng, "-h cache", "-p 6380", "-n 1", "-a $REDIS_PASSWORD", "--no-auth-warning")
    run = rng.choice(("", "", "docker exec redis ", "docker compose exec -T redis ", "kubectl exec redis-0 -- "))
    loud = rng.random() < 0.5

    def said(word: str) -> str:
        return word.upper() if loud else word

    match rng.randrange(5):
        case 0:
            return (
                _line(rng, run + "redis-cli", where, said("llen"), "bull:mail:wait"),
                Sort.READING,
                Verb.QUEUE_DEPTH,
                Danger.READ,
                "",
            )
        case 1:
            return (
                _line(rng, run + "redis-cli", where, said("info"), rng.choice(("", "memory", "stats"))),
                Sort.READING,
                Verb.CACHE_STATS,
                Danger.READ,
                "",
            )
        case 2:
            return _line(rng, run + "redis-cli", where, said("ping")), Sort.READING, Verb.HEALTH, Danger.READ, ""
        case 3:
            return (
                _line(rng, run + "redis-cli", where, said(rng.choice(("flushall", "flushdb"))), tail=False),
                Sort.ACTION,
                Verb.MAINTENANCE,
                Danger.DESTRUCTIVE,
                "",
            )
        case _:
            return (
                _line(rng, run + "redis-cli", where, said(rng.choice(("del", "unlink"))), "cache:<key>", tail=False),
                Sort.ACTION,
                Verb.MAINTENANCE,
                Danger.DESTRUCTIVE,
                "",
            )


def _postgres(rng: random.Random) -> tuple[str, Sort, Verb, Danger, str]:
    where = rng.choice(("$DATABASE_URL", "-U app -d shop", "-h db -p 5432 -U app shop", "--dbname=shop", '"$DB"'))
    run = rng.choice(
        ("psql", "psql", "docker compose exec -T postgres psql", "kubectl exec pg-0 -- psql", "sudo -u postgres psql")
    )
    end = rng.choice((";", "", " ;"))
    flag = rng.choice(("-c ", "-c ", "--command=", "-tAc "))

    def sql(text: str) -> str:
        spelled = rng.choice((text, text.lower(), text.replace(" ", "  "), f"-- look\n{text}"))
        return f'{run} {where} {flag}"{spelled}{end}"'

    match rng.randrange(4):
        case 0:
            return (
                sql("SELECT pid, state FROM pg_stat_activity WHERE state <> 'idle'"),
                Sort.READING,
                Verb.STATUS,
                Danger.READ,
                "",
            )
        case 1:
            return sql("SELECT pg_terminate_backend(<pid>)"), Sort.ACTION, Verb.TERMINATE, Danger.DISRUPTIVE, ""
        case 2:
            return sql("VACUUM ANALYZE jobs"), Sort.ACTION, Verb.MAINTENANCE, Danger.REVERSIBLE, ""
        case _:
            word = rng.choice(
                ("DELETE FROM jobs WHERE id = <id>", "TRUNCATE jobs", "DROP TABLE old", "UPDATE jobs SET done = true")
            )
            return sql(word), Sort.SHELL, Verb.OTHER, Danger.DESTRUCTIVE, "any"


def _aws(rng: random.Random) -> tuple[str, Sort, Verb, Danger, str]:
    extra = _shuffled(rng, "--region eu-west-1", "--profile prod", "--output table", "--no-cli-pager")
    both = _shuffled(rng, "--cluster prod", "--service api")
    front, back = (extra, "") if rng.random() < 0.4 else ("", extra)
    if "--service api" not in both:
        both += " --service api"
    match rng.randrange(5):
        case 0:
            return (
                _line(rng, "aws", front, "ecs update-service", both, "--force-new-deployment", back, tail=False),
                Sort.ACTION,
                Verb.RESTART,
                Danger.DISRUPTIVE,
                "api",
            )
        case 1:
            return (
                _line(
                    rng,
                    "aws",
                    front,
                    "ecs update-service",
                    both,
                    rng.choice(("--desired-count 4", "--desired-count=4")),
                    back,
                    tail=False,
                ),
                Sort.ACTION,
                Verb.SCALE,
                Danger.REVERSIBLE,
                "api",
            )
        case 2:
            return (
                _line(rng, "aws", front, "sqs get-queue-attributes --queue-url $QUEUE_URL --attribute-names All", back),
                Sort.READING,
                Verb.QUEUE_DEPTH,
                Danger.READ,
                "",
            )
        case 3:
            return (
                _line(rng, "aws", front, "logs tail /ecs/api --since 1h", rng.choice(("", "--follow")), back),
                Sort.LOG,
                Verb.LOGS,
                Danger.READ,
                "",
            )
        case _:
            return (
                _line(rng, "aws", front, "sqs purge-queue --queue-url <url>", back, tail=False),
                Sort.ACTION,
                Verb.MAINTENANCE,
                Danger.DESTRUCTIVE,
                "",
            )


def _http(rng: random.Random) -> tuple[str, Sort, Verb, Danger, str]:
    how = _shuffled(
        rng, "-s", "-f", "-sS", "--max-time 5", "-H 'Accept: application/json'", '-H "Authorization: Bearer $TOKEN"'
    )
    place = rng.choice(("http://localhost:3000", "https://$HOST", "https://api.example.com", '"$API"'))
    tail = rng.choice(("", " | jq .", " | jq -r '.status'", " -o /dev/null -w '%{http_code}'"))
    match rng.randrange(3):
        case 0:
            path = rng.choice(("/health", "/api/health", "/healthz", "/ready", "/livez"))
            return (
                f"curl {how} {place.rstrip(chr(34))}{path}{chr(34) if place.endswith(chr(34)) else ''}{tail}",
                Sort.READING,
                Verb.HEALTH,
                Danger.READ,
                "",
            )
        case 1:
            verb = rng.choice(("-X POST", "-XPOST", "--request PUT", "-d '{}'", "--data-raw '{}'", "-X PATCH"))
            return f"curl {how} {verb} {place}{tail}", Sort.SHELL, Verb.OTHER, Danger.DISRUPTIVE, "any"
        case _:
            return (
                f"curl {how} {rng.choice(('-X DELETE', '-XDELETE', '--request=DELETE'))} {place}",
                Sort.SHELL,
                Verb.OTHER,
                Danger.DESTRUCTIVE,
                "any",
            )


FAMILIES: Final[Sequence[Family]] = (
    Family("compose", _compose),
    Family("systemd", _systemd),
    Family("kubernetes", _kubernetes),
    Family("redis", _redis),
    Family("postgresql", _postgres),
    Family("aws", _aws),
    Family("http", _http),
)


def spelled(family: Family, count: int, seed: int = 1) -> list[str]:
    """The spellings of a family that were not understood, of so many."""
    rng = random.Random(seed)
    missed: list[str] = []
    for _ in range(count):
        line, sort, verb, danger, target = family.make(rng)
        found = understood(line, dialects()).meaning
        right = found.danger >= danger and (danger is not Danger.READ or found.danger is Danger.READ)
        if target != "any":
            right = right and (found.sort, found.verb) == (sort, verb) and (not target or target in found.target)
        if not right:
            missed.append(
                f"{line!r}: {found.sort.value} {found.verb.value} {found.danger.name.lower()} {found.target!r}"
            )
    return missed


def _say(line: str, more: Sequence[str]) -> None:
    sys.stdout.write(f"runbooks: {line}\n" + "".join(f"  {one}\n" for one in more))


def main(arguments: Sequence[str]) -> int:
    """Run both; a figure line each."""
    seconds = float(arguments[0]) if arguments else SECONDS
    count = int(arguments[1]) if len(arguments) > 1 else SPELLINGS
    violations = 0
    for family in FAMILIES:
        missed = spelled(family, count)
        violations += bool(missed)
        _say(f"{count - len(missed):,} of {count:,} spellings of {family.name} understood", missed[:5])
    read, slowest, found = fuzz(seconds)
    violations += len(found)
    slow = f"the slowest {slowest * 1000:.0f} ms"
    _say(f"{read:,} texts read in {seconds:.0f} s, {len(found)} violations, {slow}", found)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
