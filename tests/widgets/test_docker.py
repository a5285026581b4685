"""The docker panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.docker.facts import Container, Details, DockerFacts, Event, Health, Image, Service, Use
from probes.docker.gauges import measured
from widgets.docker import DockerPanel
from widgets.lines import Line, Part, Span, Tone, width_of
from widgets.panel import View, Worry

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
MIB = 2.0**20


def one(name: str, number: int = 1, **given: object) -> Container:
    base = Container(
        f"{name.encode().hex()}{number:09}".ljust(64, "0"),
        SafeText(f"shop-{name}-{number}"),
        SafeText("shop"),
        SafeText(name),
        image=SafeText("shop/app:1.4"),
        digest="ab" * 6,
        state="running",
        up=11040.0,
        ports=(SafeText("8080→80"),),
        details=Details(policy="unless-stopped", restarts=2, memory_limit=512 * MIB),
        use=Use(0.34, 180 * MIB),
    )
    return replace(base, **given)  # type: ignore[arg-type]


DEAD = one(
    "worker",
    state="exited",
    exit_code=137,
    up=None,
    down=240.0,
    details=Details(oom_killed=True),
    use=Use(),
    oom_recent=True,
)
SICK = one("api", health=Health("unhealthy", 7, SafeText("connect: connection refused")))
LOOP = one("crasher", state="restarting", exit_code=1, up=None, restarts_recent=12, use=Use())
WELL = tuple(Service(name, (one(name),)) for name in ("db", "cache"))

BUSY = DockerFacts(
    version=SafeText("28.0"),
    api="1.47",
    machine=SafeText("box"),
    cores=4,
    memory=8 * 2.0**30,
    root=True,
    project=SafeText("shop"),
    services=(
        Service("worker", (DEAD, replace(DEAD, id="f" * 64))),
        Service("api", (SICK, one("api", 2))),
        Service("crasher", (LOOP,)),
        *WELL,
        Service(
            "migrate", (one("migrate", state="exited", exit_code=0, up=None, down=9.0, details=Details(policy="no")),)
        ),
    ),
    total=8,
    total_running=4,
    events=(Event(NOW, "f" * 64, SafeText("shop-worker-1"), "ran out of memory"),),
)
ODD = {
    "nothing": DockerFacts(),
    "busy": BUSY,
    "huge": replace(
        BUSY,
        total=10**9,
        services=tuple(
            Service(f"a-very-long-service-name-{n}" * 3, (one("x", n, use=Use(1e9, 1e18), up=1e12),)) for n in range(60)
        ),
    ),
    "wide": replace(BUSY, services=(Service("数据库" * 10, (replace(DEAD, name=SafeText("数据库" * 10)),)), *WELL)),
    "gaps": replace(
        BUSY,
        services=(Service("db", (Container("a" * 64, SafeText("db"), service=SafeText("db")),)),),
        memory=None,
        cores=None,
    ),
    "clock": replace(BUSY, services=(Service("db", (one("db", up=None, clock=True),)),)),
}


def view(facts: DockerFacts, *worries: Worry) -> View[DockerFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return (0.1, None, 0.3)

    return View("box", Snapshot("box", NOW, 0.01, facts, measured(facts).values), recent, worries)


def worry(severity: Severity, gauge: str, **labels: str) -> Worry:
    return Worry(severity, gauge, tuple(sorted(labels.items())), "words")


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


def words(parts: Sequence[Part]) -> str:
    return "  ".join(part.text if isinstance(part, Span) else str(part) for part in parts)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD.keys())
def test_no_line_is_wider_than_its_room(facts: DockerFacts, width: int) -> None:
    panel = DockerPanel()
    drawn = view(facts, worry(Severity.CRITICAL, "dead", service="worker"))
    for one_line in [*panel.brief(drawn, width), *panel.head(drawn, width)]:
        assert width_of(one_line.spans) <= width
    assert panel.headline(drawn)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD.keys())
def test_every_table_draws_every_row(facts: DockerFacts) -> None:
    for table in DockerPanel.tables:
        rows = table.rows(facts)
        keys = [table.key(row) for row in rows]
        assert len(set(keys)) == len(keys)
        for row in rows:
            assert all(str(column.cell(row)) is not None for column in table.columns)
            table.tone(row)
            if table.detail is not None:
                assert table.detail(row)


def test_the_dead_worker_comes_first_with_why() -> None:
    drawn = view(BUSY, worry(Severity.CRITICAL, "dead", service="worker", how="x"))
    lines = DockerPanel().brief(drawn, 78)
    said = " ".join(text(lines[0]).split())
    assert said == "✕ worker exited 137 4m00s 0/2 killed for lack of memory"
    assert (lines[0].key, lines[0].severity) == ("worker", Severity.CRITICAL)


def test_at_40_cells_the_name_the_state_and_the_count_are_still_there() -> None:
    first = text(DockerPanel().brief(view(BUSY, worry(Severity.CRITICAL, "dead", service="worker")), 40)[0])
    assert "worker" in first
    assert "exited 137" in first
    assert "0/2" in first


def test_what_should_run_and_does_not_is_never_drawn_as_well() -> None:
    lines = {drawn.key: drawn for drawn in DockerPanel().brief(view(BUSY), 118)}
    for name in ("worker", "api", "crasher"):
        assert lines[name].severity is not None
        assert "●" not in text(lines[name])


def test_the_reason_of_a_failing_check_is_in_the_line() -> None:
    lines = {drawn.key: text(drawn) for drawn in DockerPanel().brief(view(BUSY), 200)}
    assert "check failed 7 times: connect: connection refused" in lines["api"]
    assert "restarted 12 times in 10 min" in lines["crasher"]


def test_many_services_that_are_well_share_lines() -> None:
    many = replace(BUSY, services=tuple(Service(f"s{n:02}", (one(f"s{n}"), one(f"s{n}", 2))) for n in range(12)))
    lines = DockerPanel().brief(view(many), 78)
    assert len(lines) <= 3
    assert "● s00 ×2" in shown(lines)
    assert lines[0].spans[0].tone is Tone.GOOD


def test_too_many_to_name_are_counted() -> None:
    many = replace(BUSY, services=tuple(Service(f"service-{n:03}", (one("x", n),)) for n in range(200)))
    last = text(DockerPanel().brief(view(many), 78)[-1])
    assert last.startswith("and ")
    assert last.endswith("more services running")


def test_missing_is_a_dash_and_not_a_zero() -> None:
    (row, *_) = DockerPanel().brief(view(ODD["gaps"]), 118)
    assert "0 B" not in text(row)
    assert "–" in text(row)


def test_an_unbelievable_clock_has_a_word() -> None:
    assert "clock?" in shown(DockerPanel().brief(view(ODD["clock"]), 78))


def test_nothing_at_all_has_words() -> None:
    assert shown(DockerPanel().brief(view(DockerFacts()), 58)) == "there is no container here"
    empty = replace(DockerFacts(), project=SafeText("shop"))
    assert "of project shop" in shown(DockerPanel().brief(view(empty), 58))


def test_the_headline_counts_what_runs_and_what_does_not() -> None:
    said = words(DockerPanel().headline(view(BUSY)))
    assert said == "4 of 8 containers running  3 missing  1 unhealthy"


def test_the_root_power_of_the_socket_is_said() -> None:
    assert "root's power" in shown(DockerPanel().head(view(BUSY), 100))
    assert "root's power" not in shown(DockerPanel().head(view(replace(BUSY, root=False)), 100))


def test_a_container_is_told_whole() -> None:
    (table,) = [table for table in DockerPanel.tables if table.name == "containers"]
    assert table.detail is not None
    said = shown(table.detail(SICK))
    for part in (SICK.id, "shop/app:1.4", "unless-stopped", "7 failures in a row", "8080→80", "512 MiB at most"):
        assert part in said


def test_what_has_not_passed_its_own_check_yet_is_not_drawn_as_well() -> None:
    young = Service("api", (one("api", health=Health("starting", 0, SafeText(""))),))
    assert text(DockerPanel().brief(view(replace(BUSY, services=(young,))), 78)[0]).startswith("? api ")
    many = (young, *(Service(f"db{number}", (one(f"db{number}"),)) for number in range(5)))
    assert "? api starting  ● db0" in text(DockerPanel().brief(view(replace(BUSY, services=many)), 78)[0])


def test_one_restart_is_said_in_the_singular() -> None:
    again = Service("api", (one("api", restarts_recent=1),))
    assert "restarted once in 10 min" in shown(DockerPanel().brief(view(replace(BUSY, services=(again,))), 150))


# images

OLD, NEW = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
MOVED = one("web", image=SafeText(OLD), image_id=OLD, image_now=NEW, image_created=NOW,
            details=Details(image=SafeText("shop/web:latest")))  # fmt: skip
DEPLOYED = DockerFacts(
    services=(Service("web", (MOVED,)), *WELL),
    images=(Image(NEW, ("shop/web:latest",), (), NOW, 5 * MIB), Image(OLD, (), (), None, None)),
    total=3,
    total_running=3,
)


def test_a_service_whose_image_s_name_means_another_one_says_so() -> None:
    panel = DockerPanel()
    table = next(table for table in panel.tables if table.name == "services")
    service = DEPLOYED.services[0]
    assert "a newer image is here" in str(table.columns[-1].cell(service))
    assert table.detail is not None
    said = "\n".join(line.text for line in table.detail(service))
    assert "shop/web:latest  abababababab, built 2026-03-01 03:12" in said
    assert "cdcdcdcdcdcd: deploy applies it; latest means whatever was pushed or built last" in said


def test_images_are_listed_those_that_run_first() -> None:
    table = next(table for table in DockerPanel().tables if table.name == "images")
    rows = table.rows(DEPLOYED)
    assert [table.key(row) for row in rows] == [OLD, NEW]
    cells = [[str(column.cell(row)) for column in table.columns] for row in rows]
    assert cells[0] == ["abababababab", "–", "–", "web", "no name"]
    assert cells[1] == ["cdcdcdcdcdcd", "5 MiB", "2026-03-01", "–", "shop/web:latest"]
