"""The rules of the house that no linter knows: nothing is forgotten, and nothing dangerous is written.

A kind that is in a folder and not in the table, a rule about a gauge nobody gives, a driver loaded for a kind nobody
watches: each fails here, by name.
"""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Final

import pytest

from desk.rules import placeholders
from desk.ruletable import RuleTable
from probes.base import Actuator, Danger, Probe
from tests.missing import missing
from tui.keys import KEYS, shown
from tui.kinds import KINDS, Kind, Kinds
from widgets.panel import Panel

ROOT: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = ("tui", "widgets", "desk", "probes", "systems")
DRIVERS: Final = ("psycopg", "redis", "docker", "httpx", "psutil", "boto3", "supervisor")
LONGEST: Final = 650
"""Lines of a module; a longer one wants to be two."""

KIND: Final = {kind.name: kind for kind in KINDS}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(
            path for path in (ROOT / folder).rglob("*.py") if not {"__pycache__", "out"} & set(path.parts)
        )


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def module_of(dotted: str) -> str:
    return dotted.partition(":")[0]


def home_of(kind: Kind) -> Path:
    """The package of a kind's probe; the module itself where it is all there is."""
    module = ROOT / module_of(kind.probe).replace(".", "/")
    return module.with_suffix(".py") if module.parent == ROOT / "probes" else module.parent


def files_of(kind: Kind) -> list[Path]:
    """Where a kind's probe is written: a module, or a package without the kinds that live inside it."""
    home = home_of(kind)
    if home.is_file():
        return [home]
    guests = {home_of(one) for one in KINDS} - {home, *home.parents}
    return [path for path in home.rglob("*.py") if not any(path.is_relative_to(guest) for guest in guests)]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def dotted(path: Path) -> str:
    """A module's name."""
    return named(path)[:-3].replace("/", ".").removesuffix(".__init__")


def run(code: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# The table of kinds


@EVERY_KIND
def test_every_kind_of_the_table_resolves(kind: Kind) -> None:
    probe, panel = Kinds().facts(kind.name), Kinds().panel(kind.name)
    assert issubclass(probe, Probe)
    assert isinstance(panel, Panel)
    assert probe.kind == kind.name
    assert kind.summary


@EVERY_KIND
def test_every_kind_says_what_its_numbers_mean(kind: Kind) -> None:
    panel = Kinds().panel(kind.name)
    assert panel.title.isupper()
    assert 1 <= len(panel.help.strip().splitlines()) <= 12
    assert len(panel.help) > 60


@EVERY_KIND
def test_every_kind_is_tested_on_both_sides(kind: Kind) -> None:
    for folder, dotted in (("probes", kind.probe), ("widgets", kind.panel)):
        name = dotted.partition(":")[2]
        texts = [path.read_text("utf-8") for path in sources(f"tests/{folder}")]
        assert any(re.search(rf"\b{name}\b", text) for text in texts), f"no test in tests/{folder} speaks of {name}"


def subclasses(folder: str, base: str) -> set[str]:
    """`module:Class` of every class in a room whose base is `base[...]`."""
    found = set()
    for path in sources(folder):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and any(_base_name(one) == base for one in node.bases):
                found.add(node.name)
    return found


def _base_name(node: ast.expr) -> str:
    inner = node.value if isinstance(node, ast.Subscript) else node
    return inner.id if isinstance(inner, ast.Name) else ""


def test_no_probe_and_no_panel_is_missing_from_the_table() -> None:
    assert subclasses("probes", "Probe") == {kind.probe.partition(":")[2] for kind in KINDS}
    assert subclasses("widgets", "Panel") == {kind.panel.partition(":")[2] for kind in KINDS}


def test_every_module_of_the_probes_belongs_to_a_kind() -> None:
    there = {path.stem if path.is_file() else path.name for path in (ROOT / "probes").iterdir()}
    there -= {"__init__", "__pycache__", "base", "exec", "py"}
    there -= {"store"}  # where people meet, which is no system under watch either
    there -= {"notify"}  # tells people, and watches nothing: see the test of the one place that does
    known = {module_of(kind.probe).split(".")[1] for kind in KINDS}
    assert {name for name in there if not name.startswith(".")} == known


# Gauges and rules


@EVERY_KIND
def test_every_gauge_is_declared_once_and_explained(kind: Kind) -> None:
    specs = Kinds().facts(kind.name).gauges
    names = [spec.name for spec in specs]
    assert len(set(names)) == len(names)
    assert names
    for spec in specs:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", spec.name), spec.name
        words = [value for value in (getattr(spec, field) for field in spec.__slots__) if isinstance(value, str)]
        assert any(" " in text for text in words), f"{spec.name} is not explained"


@EVERY_KIND
def test_every_rule_is_about_a_declared_gauge(kind: Kind) -> None:
    facts = Kinds().facts(kind.name)
    gauges = {spec.name for spec in facts.gauges}
    names = [rule.name for rule in facts.rules]
    assert facts.rules
    assert len(set(names)) == len(names)
    for rule in facts.rules:
        assert rule.gauge in gauges, f"{rule.name}: {rule.gauge}"
        assert rule.samples is None or rule.samples in gauges, f"{rule.name}: {rule.samples}"
        RuleTable(name=rule.name, gauge=rule.gauge, op=rule.op, threshold=rule.threshold, hold=rule.hold)


def spoken_of(kind: Kind) -> set[str]:
    """Names that a label of this kind can have: the keywords and the short texts in its source."""
    found: set[str] = set()
    for path in files_of(kind):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


@EVERY_KIND
def test_every_rule_speaks_of_things_that_exist(kind: Kind) -> None:
    facts = Kinds().facts(kind.name)
    known = {"value", "limit"} | {spec.name for spec in facts.gauges} | spoken_of(kind)
    for rule in facts.rules:
        assert rule.say
        assert placeholders(rule.say) <= known, f"{rule.name}: {placeholders(rule.say) - known}"


@EVERY_KIND
def test_a_rule_that_clears_later_clears_on_the_right_side(kind: Kind) -> None:
    for rule in Kinds().facts(kind.name).rules:
        if rule.clear is not None and rule.op in (">", ">="):
            assert rule.clear <= rule.threshold, rule.name
        if rule.clear is not None and rule.op in ("<", "<="):
            assert rule.clear >= rule.threshold, rule.name


@EVERY_KIND
def test_every_setting_is_explained(kind: Kind) -> None:
    for name, field in Kinds().facts(kind.name).settings_type.model_fields.items():
        assert field.description, f"{kind.name}.{name}"


# What is loaded when


def test_the_command_line_does_not_load_the_screen() -> None:
    heavy = (*DRIVERS, "textual", "rich.console", "rich.text")
    code = f"import sys, tui.cli; print([name for name in {heavy!r} if name in sys.modules])"
    assert run(code) == "[]"


def test_no_panel_and_no_probe_loads_a_driver() -> None:
    modules = {module_of(dotted) for kind in KINDS for dotted in (kind.probe, kind.panel)}
    modules |= {dotted(path) for path in sources("widgets", "desk")}
    code = "import sys, importlib\n" + f"for name in {sorted(modules)!r}: importlib.import_module(name)\n"
    code += f"print([name for name in {DRIVERS!r} if name in sys.modules])"
    assert run(code) == "[]"


def test_reading_a_runbook_loads_no_probe() -> None:
    modules = {module_of(kind.probe) for kind in KINDS}
    code = "import sys; from tui.dialects import dialects; dialects()\n"
    assert run(code + f"print([name for name in {sorted(modules)!r} if name in sys.modules])") == "[]"


def test_a_package_of_a_kind_brings_nothing_by_itself() -> None:
    """So that who needs its facts, or its dialect, loads those alone."""
    doors = {"probes/base/__init__.py", "probes/exec/__init__.py"}
    packages = [path for path in sources("probes") if path.name == "__init__.py" and named(path) not in doors]
    assert len(packages) > len(KINDS) // 2
    assert [named(path) for path in packages if len(tree(path).body) != 1] == []


def test_the_desk_and_the_probes_never_load_the_screen() -> None:
    modules = {module_of(kind.probe) for kind in KINDS} | {dotted(path) for path in sources("desk")}
    code = "import sys, importlib\n" + f"for name in {sorted(modules)!r}: importlib.import_module(name)\n"
    assert run(code + "print([name for name in ('textual', 'rich') if name in sys.modules])") == "[]"


# What is written how


def test_every_module_says_why_it_exists() -> None:
    silent = [
        named(path) for path in sources(*ROOMS, "tests", "screenshots", "bench") if not ast.get_docstring(tree(path))
    ]
    assert silent == []


def test_what_a_test_needs_and_is_missing_is_told_in_one_way() -> None:
    """By `tests.missing` alone: a reason that is seen, and an error where CI is set."""
    own = re.compile(r'environ\b.{0,8}"CI"|skipif\((?:shutil\.which|not .*(?:which|exists)\()')
    allowed = {"tests/missing.py", "tests/stack/__main__.py", "tests/test_house.py"}
    assert {named(path) for path in sources("tests") if own.search(path.read_text("utf-8"))} - allowed == set()


def test_no_module_is_longer_than_a_person_can_hold() -> None:
    long = [named(path) for path in sources(*ROOMS) if path.read_text("utf-8").count("\n") > LONGEST]
    assert long == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = [named(path) for path in sources(*ROOMS) if path.stem in ("utils", "helpers", "common", "manager")]
    assert drawers == []


def keeps_everything(node: ast.ExceptHandler) -> bool:
    """Catches every exception, and does not pass it on."""
    if any(isinstance(one, ast.Raise) and one.exc is None for one in node.body):
        return False
    if node.type is None:
        return True
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(isinstance(one, ast.Name) and one.id in ("Exception", "BaseException") for one in caught)


def test_only_poller_action_runner_and_the_lane_that_hands_it_on_catch_every_exception() -> None:
    found = {
        named(path)
        for path in sources(*ROOMS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and keeps_everything(node)
    }
    assert found == {"desk/actions.py", "desk/poller.py", "probes/base/lane.py"}


# One door


def acts(path: Path) -> bool:
    """True for a module in which something may be changed."""
    return path.stem == "act" or path.stem.startswith("act_")


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """(name of what is called, the call) of each call in a module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", ""), node


def texts(node: ast.AST) -> list[str]:
    """Every text that is written out in a piece of code."""
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


ACTING: Final = [kind for kind in KINDS if kind.act]
EVERY_ACTING_KIND = pytest.mark.parametrize("kind", ACTING, ids=lambda kind: kind.name)


@EVERY_ACTING_KIND
def test_every_act_is_named_explained_and_tested(kind: Kind) -> None:
    actuator = Kinds().actuator(kind.name)
    assert actuator is not None
    assert issubclass(actuator, Actuator)
    assert actuator.kind == kind.name
    names = [action.name for action in actuator.actions]
    assert len(set(names)) == len(names)
    assert names
    for action in actuator.actions:
        assert action.title
        assert action.what.endswith("."), f"{action.name}: {action.what}"
        assert action.danger > Danger.READ
    tests = [
        path.read_text("utf-8") for path in sources("tests/probes") if actuator.__name__ in path.read_text("utf-8")
    ]
    for needed in ("comes_back", "Truth.CONFIRMED", "changed since you looked"):
        assert any(needed in text for text in tests), f"no test of {kind.name} speaks of {needed}"


@EVERY_ACTING_KIND
def test_every_act_on_several_things_says_what_one_of_them_is_called(kind: Kind) -> None:
    actuator = Kinds().actuator(kind.name)
    assert actuator is not None
    nameless = [one.name for one in actuator.actions if one.many and not one.noun]
    assert kind.name == "settings" or not nameless, "only there several rows are one subject: a change of the file"


def test_the_readme_tells_of_every_kind_that_acts() -> None:
    acting = text_of("README.md").partition("## Acting")[2].partition("\n## ")[0]
    assert [kind.name for kind in ACTING if f"| `{kind.name}` |" not in acting] == []


def test_only_the_runner_carries_out_and_only_the_wiring_makes_one() -> None:
    carrying = {named(path) for path in sources(*ROOMS) for name, _ in calls(path) if name == "carry_out"}
    assert carrying == {"desk/actions.py"}
    making = {named(path) for path in sources(*ROOMS) for name, _ in calls(path) if name == "Runner"}
    assert making == {"tui/wiring.py"}
    loading = {named(path) for path in sources(*ROOMS) for name, _ in calls(path) if name == "actuator"}
    assert loading <= {"tui/wiring.py", "tui/acting.py", "tui/doctor.py", "tui/manual/kind.py"}


WRITES: Final = re.compile(
    r"^(?:EVAL\w*|FCALL|DEL|UNLINK|FLUSH\w+|[LR]PUSHX?|[LR]POP\w*|LREM|LMOVE|LTRIM|LSET|LINSERT|ZADD|ZREM\w*|ZPOP\w*|HSET"
    r"\w*|HDEL|HINCRBY\w*|SET|SETEX|EXPIRE\w*|PERSIST|RENAME\w*|MOVE|COPY|XADD|XDEL|XTRIM|XACK|XCLAIM|XAUTOCLAIM|XGROUP"
    r"|SADD|SREM|INCR\w*|DECR\w*|APPEND|EXEC|SHUTDOWN|REPLICAOF|PUBLISH|RESTORE|SWAPDB|SCRIPT|FUNCTION|MIGRATE)$"
)
"""Commands of Redis that change something."""


VERBS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ROOMS_OF_PROBES: Final = (
    "supervisor", "docker", "systemd", "postgres", "redis", "http", "host", "alerting", "aws", "kubernetes",
    "prometheus", "backups", "settings", "commands", "certificates", "rotation", "scans", "logs", "net",
)  # fmt: skip

SQL: Final = re.compile(
    r"\s*(?:CREATE|DROP|ALTER|INSERT|UPDATE|DELETE|TRUNCATE|GRANT|REVOKE|VACUUM|REINDEX|CLUSTER|ANALYZE|COMMENT|DO)\s+\S"
)
"""How a statement of PostgreSQL begins that changes something."""
FILES: Final = frozenset(
    {"rename", "replace", "renames", "unlink", "remove", "removedirs", "rmdir", "rmtree", "truncate", "ftruncate",
     "chmod", "fchmod", "chown", "fchown", "lchown", "link", "symlink", "mkdir", "makedirs", "mkfifo", "utime", "copy",
     "copy2", "copyfile", "copytree", "move", "setxattr", "removexattr"}
)  # fmt: skip
"""Functions of os and shutil that change a file or a folder."""
PATHS: Final = frozenset({"unlink", "rmdir", "write_text", "write_bytes", "touch", "symlink_to", "hardlink_to"})
"""Methods of a path that do, and that nothing else has."""
OPENS: Final = frozenset({"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"})
STORES: Final = re.compile(
    r"(?:put|delete|copy|restore)_objects?|(?:create|complete|abort)_multipart_upload|upload_(?:part\w*|file|fileobj)"
)
"""Calls of a store that speaks S3 that change something."""
FORCES: Final = frozenset(
    {"renew", "certonly", "revoke", "--force", "-f", "--rotate", "--flush", "fix", "--fix", "update", "install"}
)
"""Words of a command line with which the programs of these rooms change something."""
FORCING: Final = ("certbot", "logrotate", "journalctl", "npm", "pnpm", "pip-audit", "trivy")
KEEPING: Final = frozenset({"probes/settings/undo.py", "probes/docker/history.py"})
"""What keeps records of ours in the folder for what outlives a session: that is no system."""


def writes_a_file(path: Path, name: str, call: ast.Call) -> bool:
    """True for a call that changes a file or a folder of this machine."""
    if named(path) in KEEPING:
        return False
    owner = call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""
    inside = {one.attr for one in ast.walk(call) if isinstance(one, ast.Attribute)}
    mode = [one for at, one in enumerate(call.args) if at == 1] + [
        one.value for one in call.keywords if one.arg == "mode"
    ]
    return (
        (owner in ("os", "shutil") and name in FILES)
        or name in PATHS
        or (name == "open" and owner == "os" and bool(OPENS & inside))
        or (name == "open" and owner != "os" and any(set("wax+") & set(text) for one in mode for text in texts(one)))
    )


def forces_a_program(node: ast.AST) -> bool:
    """True for a command line, written out, with which a program changes something."""
    said = texts(node) if isinstance(node, ast.List | ast.Tuple) else []
    tells = FORCES & set(said) or any(one.startswith("--vacuum-") for one in said)
    return bool(tells) and any(one.rpartition("/")[2] in FORCING for one in said)


@pytest.mark.parametrize("room", ROOMS_OF_PROBES)
def test_nothing_outside_the_modules_that_act_can_change_a_system(room: str) -> None:
    """Each driver's ways of changing something, by the calls and texts they take."""
    found = []
    for path in (path for path in sources(f"probes/{room}") if not acts(path)):
        for name, call in calls(path):
            said = texts(call)
            if (
                name in ("post", "patch", "together", "restart", "kill", "killpg", "send_signal")
                or (room == "supervisor" and name == "call" and said and not re.match("get|read|tail", said[0]))
                or (room != "supervisor" and name in ("stream", "request") and VERBS & set(said))
                or (room == "aws" and name in ("send", "admitted", "answer") and path.stem != "calls")
                or (room == "systemd" and name in ("_systemctl", "run") and {"start", "stop", "restart"} & set(said))
                or (room == "docker" and name in ("run", "_ask") and "up" in said and "--help" not in said)
                or writes_a_file(path, name, call)
                or (room == "backups" and STORES.fullmatch(name))
                or ast.unparse(call.func) in ("job.begin", "job.stop")
            ):
                found.append(f"{named(path)}:{call.lineno}: {name} {said[:3]}")
        for node in ast.walk(tree(path)):
            if room == "redis" and path.stem != "commands" and isinstance(node, ast.Tuple) and node.elts:
                first = texts(node.elts[0])[:1] if isinstance(node.elts[0], ast.Constant) else []
                found += [f"{named(path)}:{node.lineno}: {one}" for one in first if WRITES.match(one)]
            if path.stem != "commands" and forces_a_program(node):
                found.append(f"{named(path)}:{node.lineno}: {texts(node)[:3]}")  # type: ignore[attr-defined]
        if room in ("postgres", "backups") and path.stem != "commands":
            for text in texts(tree(path)):
                if room == "backups" and SQL.match(text) and "..." not in text:
                    found.append(f"{named(path)}: {text[:60]!r}")
                if re.match(r"\s*(?:SELECT|WITH)\b", text) and re.search(r"pg_(?:terminate|cancel|reload)\w*\(", text):
                    found.append(f"{named(path)}: {text[:40]!r}")
    for path in sorted((ROOT / "probes" / room).rglob("*.sql")):
        text = path.read_text("utf-8")
        if re.search(r"pg_(?:terminate|cancel|reload|rotate)\w*\s*\(", text) or any(map(SQL.match, text.splitlines())):
            found.append(named(path))
    assert found == []


def test_people_are_told_through_one_module_which_is_no_act() -> None:
    """The one exception to the door for acts: a notice changes no system under watch, and a session that may only look
    must be able to call somebody. So it leaves from one place, in one request, and is asked for in two: by the courier,
    which has it on disk before, and by `opsroom notify test`."""
    room = [*sources("probes/notify")]
    assert [named(path) for path in room if "httpx" in path.read_text("utf-8")] == ["probes/notify/send.py"]
    requests = [texts(call) for path in room for name, call in calls(path) if name == "build_request"]
    assert requests == [["POST"]]
    others = {"post", "put", "patch", "delete", "request", "stream", "run_in_executor", "job", "on_terminal"}
    assert [named(path) for path in room for name, _ in calls(path) if name in others] == []
    assert [named(path) for path in room if acts(path) or "probes.exec" in path.read_text("utf-8")] == []
    rooms = sources("tui", "widgets", "desk", "systems", "probes/notify")
    asked = [(named(path), call) for path in rooms for name, call in calls(path) if name == "tell"]
    telling = {path for path, call in asked if isinstance(call.func, ast.Attribute) and call.args}
    assert telling == {"desk/notices/courier.py", "tui/delivery.py"}
    loading = {named(path) for path in sources(*ROOMS) if "from probes.notify." in path.read_text("utf-8")}
    assert {path for path in loading if not path.startswith("probes/notify/")} == {"tui/delivery.py"}


def test_no_action_takes_text() -> None:
    for path in sources("tui", "widgets"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("action_"):
                taken = [one.arg for one in (*node.args.args, *node.args.kwonlyargs)]
                assert taken in (["self"], ["self", "digit"]), f"{named(path)}: {node.name}{taken}"
                assert node.args.vararg is None
                assert node.args.kwarg is None


def is_plain(call: ast.Call) -> bool:
    return any(
        word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in call.keywords
    )


def test_no_text_is_put_together_for_a_widget_that_reads_markup() -> None:
    readers = {"Static", "Label", "notify", "Markup", "from_markup"}
    for path in sources("tui", "widgets"):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in readers and not is_plain(node):
                made = [one for one in node.args if not isinstance(one, ast.Constant)]
                assert not made, f"{named(path)}:{node.lineno}: {name} may read markup in what it is given"


def test_nothing_on_the_screen_is_clickable_by_text() -> None:
    clicks = [named(path) for path in sources("tui", "widgets") if "@click" + "=" in path.read_text("utf-8")]
    assert clicks == []


def test_other_programs_are_started_through_one_door() -> None:
    starters = re.compile(
        r"^\s*(import|from) subprocess\b|os\.(system|popen|exec|spawn|fork)|subprocess_(exec|shell)", re.M
    )
    rooms = sources("tui", "widgets", "desk", "probes")
    found = {named(path) for path in rooms if starters.search(path.read_text("utf-8"))}
    assert found == {"probes/exec/program.py", "probes/exec/keeper.py"}


def test_nothing_that_a_tool_has_made_is_kept_with_what_people_wrote() -> None:
    """Compiled files name folders of the machine they were made on, and say what the code was once."""
    asked = ["git", "ls-files", "--cached", "--ignored", "--exclude-from=.gitignore"]
    try:
        listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no working copy of git")
    assert listed.split() == []


# Papers


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_version_has_a_heading_in_the_changelog() -> None:
    assert re.search(rf"^## {re.escape(project()['version'])}\b", text_of("CHANGELOG.md"), re.MULTILINE)


def test_the_installed_version_is_the_written_one() -> None:
    assert metadata.version("opsroom") == project()["version"]


@EVERY_KIND
def test_the_readme_tells_of_every_kind(kind: Kind) -> None:
    assert f"| `{kind.name}` |" in text_of("README.md")


def test_the_map_names_every_room_and_no_file_that_is_not_there() -> None:
    text = text_of("ARCHITECTURE.md")
    assert [room for room in (*ROOMS, "tests") if f"{room}/" not in text] == []
    paths = re.findall(r"`((?:tui|widgets|desk|probes|systems|tests)/[\w./]+)`", text)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists() and "memcached" not in path] == []


def test_every_link_of_the_papers_leads_to_a_file() -> None:
    papers = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "contrib").rglob("*.md")]
    links = {
        (str(paper.relative_to(ROOT)), target)
        for paper in papers
        for target in re.findall(r"\]\((?!https?://)([^)#\s]+)", paper.read_text("utf-8"))
    }
    assert len(links) > 50
    assert [
        (paper, target) for paper, target in sorted(links) if not (ROOT / paper).parent.joinpath(target).exists()
    ] == []


def test_the_readme_shows_keys_that_exist() -> None:
    keys = re.search(r"^## Keys\n(.*?)^## ", text_of("README.md"), re.MULTILINE | re.DOTALL)
    assert keys is not None
    known = {face for key in KEYS for one in key.keys.split(",") for face in (shown(one), one)}
    written = " ".join(re.findall(r"`([^`]+)`", keys[1])).split()
    strange = [one for one in written if one not in known and not one.isdigit() and not one.endswith(".toml")]
    assert strange == []


# The wheel


def test_what_is_packed_is_exactly_the_rooms() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert {name.partition(".")[0] for name in setup["packages"]["find"]["include"]} == set(ROOMS)
    for room in ROOMS:
        assert (ROOT / room / "__init__.py").exists()
        assert (ROOT / room / "py.typed").exists()


def test_the_wheel_holds_exactly_the_rooms_with_their_data(tmp_path: Path) -> None:
    _need_setuptools()
    for name in (*ROOMS, "pyproject.toml", "README.md", "LICENSE"):
        copied = ROOT / name
        if copied.is_dir():
            shutil.copytree(copied, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(copied, tmp_path / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "out", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "out").iterdir()
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in packed if ".dist-info/" not in name} == set(ROOMS)
    wanted = {
        named(path)
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".sql", ".toml", ".yaml", ".json", ".md", ".tcss", ".typed", ".html", ".css", ".js")
        and "__pycache__" not in path.parts
    }
    assert wanted - packed == set()


def _need_setuptools() -> None:
    """What pyproject.toml asks for must be here, since a test downloads nothing."""
    try:
        major = int(metadata.version("setuptools").partition(".")[0])
    except metadata.PackageNotFoundError:
        major = 0
    if major < 77:
        missing(f"setuptools 77 or newer is needed to build the wheel; here is {major or 'none'}")


# Examples


def test_every_example_in_a_docstring_is_true() -> None:
    import doctest

    tried = 0
    for path in sources("desk", "widgets", "tui", "probes/base"):
        if ">>> " in path.read_text("utf-8"):
            module = import_module(dotted(path))
            failed, count = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
            assert failed == 0, named(path)
            tried += count
    assert tried > 20


def test_this_file_knows_every_room() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    assert set(setup["root_packages"]) == set(ROOMS)
    assert inspect.getmodule(Kinds) is import_module("tui.kinds")
