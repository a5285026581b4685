"""The cluster panel on given facts: every width, gaps, huge numbers, wide characters; the worst first, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.kubernetes.build import worst_of
from probes.kubernetes.facts import KubernetesFacts
from probes.kubernetes.gauges import measured
from probes.kubernetes.nodes import node
from probes.kubernetes.pods import pod
from probes.kubernetes.scaling import autoscaler
from probes.kubernetes.workloads import deployment, job
from tests.probes import kubefake as fake
from tests.probes.kubefake import NOW
from widgets.kubernetes import KubernetesPanel
from widgets.lines import Line, width_of
from widgets.panel import View, Worry

WIDTHS = (40, 58, 78, 118, 200)


def facts_of(cluster: fake.FakeCluster) -> KubernetesFacts:
    """What the probe would make of these documents, the parts that are drawn here."""
    made = cluster.objects
    pods = [one for one in map(pod, made["pods"]) if one is not None]
    return KubernetesFacts(
        at=NOW,
        context=SafeText("prod"),
        server=SafeText("api.shop.example:6443"),
        namespaces=(SafeText("shop"),),
        version=SafeText("v1.32.1"),
        skew=0.0,
        expected=3,
        nodes=tuple(one for one in map(node, made["nodes"]) if one is not None),
        pods=tuple(pods),
        workloads=tuple(one for one in map(deployment, made["deployments"]) if one is not None),
        autoscalers=tuple(one for one in map(autoscaler, made["horizontalpodautoscalers"]) if one is not None),
        jobs=tuple(one for one in map(job, made["jobs"]) if one is not None),
        worst=worst_of(pods),
    )


BROKEN = facts_of(fake.small_cluster())
WELL = replace(
    BROKEN,
    nodes=BROKEN.nodes[:1],
    expected=None,
    pods=BROKEN.pods[:2],
    workloads=BROKEN.workloads[:1],
    autoscalers=(),
    worst={},
)
ODD = {
    "nothing": KubernetesFacts(),
    "broken": BROKEN,
    "well": WELL,
    "wide": replace(
        BROKEN, workloads=tuple(replace(one, name=SafeText(f"日本語{one.name}" * 20)) for one in BROKEN.workloads)
    ),
    "everywhere": replace(BROKEN, namespaces=()),
    "huge": replace(BROKEN, workloads=tuple(replace(one, desired=10**9, ready=10**8) for one in BROKEN.workloads)),
    "odd clock": replace(BROKEN, at=None, skew=-86400.0, insecure=True, absent=("metrics-server", "cert-manager")),
}


def view_of(facts: KubernetesFacts, worries: tuple[Worry, ...] = ()) -> View[KubernetesFacts]:
    snapshot = Snapshot("prod", NOW, 0.1, facts, measured(facts, {"pods", "nodes"}).values)
    return View("prod", snapshot, lambda name, **labels: [1.0, None, 2.0], worries)


def text(lines: Sequence[Line]) -> str:
    return "\n".join(one.text for one in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ODD)
def test_every_line_fits_and_can_be_printed(name: str, width: int) -> None:
    panel, view = KubernetesPanel(), view_of(ODD[name])
    for one in (*panel.brief(view, width), *panel.head(view, width)):
        assert width_of(one.spans) <= width, one.text
        assert one.text.isprintable()
    assert panel.headline(view)


@pytest.mark.parametrize("name", ODD)
def test_every_cell_of_every_table_has_a_word(name: str) -> None:
    facts = ODD[name]
    for table in KubernetesPanel.tables:
        rows = table.rows(facts)
        keys = [table.key(row) for row in rows]
        assert len(set(keys)) == len(keys)
        for row in rows:
            assert all(column.cell(row) is not None for column in table.columns)
            for column in table.columns:
                if column.sort is not None:
                    column.sort(row)
            assert table.tone(row)
            if table.detail is not None:
                assert table.detail(row)


def test_what_is_broken_stands_first_with_its_reason() -> None:
    lines = KubernetesPanel().brief(view_of(BROKEN), 160)
    said = text(lines)
    order = [said.index(word) for word in ("node-3", "api", "img", "cfg", "big", "web ×2")]
    assert order[0] < order[-1]
    assert max(order[1:-1]) < order[-1]
    reasons = ("Kubelet stopped posting", "ends again and again: exit 3", "shop/web:1.4, ImagePullBackOff")
    more = ('configmap "app" not found', "3 Insufficient memory", "at its maximum", "short of memory")
    for words in (*reasons, *more):
        assert words in said, words
    severities = [one.severity or 0 for one in lines]
    assert severities == sorted(severities, reverse=True)


def test_every_line_of_the_brief_opens_a_row_that_is_there() -> None:
    rows = {table.key(row) for table in KubernetesPanel.tables for row in table.rows(BROKEN)}
    lines = KubernetesPanel().brief(view_of(BROKEN), 118)
    keys = [one.key for one in lines if one.key]
    assert keys
    assert set(keys) <= rows


def test_the_reason_is_on_an_eighty_column_terminal_too() -> None:
    said = text(KubernetesPanel().brief(view_of(BROKEN), 78))
    for words in ("crash-looping", "exit 3", 'configmap "app" not found', "3 Insufficient memory", "ImagePullBackOff"):
        assert words in said


def test_what_is_well_takes_one_line_and_no_sign_of_trouble() -> None:
    lines = KubernetesPanel().brief(view_of(WELL), 118)
    assert [one.text.strip() for one in lines] == ["● web ×2"]


def test_a_missing_value_is_a_dash_and_never_a_zero() -> None:
    pods = KubernetesPanel.tables[1]
    row = pods.rows(BROKEN)[0]
    cells = {column.title: str(column.cell(row)) for column in pods.columns}
    assert (cells["cpu"], cells["memory"], cells["of limit"]) == ("–", "–", "–")


def test_a_pod_that_restarts_again_and_again_is_not_drawn_as_well() -> None:
    runs = fake.container_status(restartCount=7, lastState=fake.ended(1, "OOMKilled"))
    found = pod(fake.pod("api-7d9f8c6b5-ccccc", "api", containerStatuses=[runs]))
    assert found is not None
    said = text(KubernetesPanel().brief(view_of(replace(WELL, pods=(found,))), 118))
    assert "restarts again" in said
    assert "ran out of memory 1m00s ago" in said


def test_a_rollout_on_its_way_is_a_notice_and_counts() -> None:
    item = fake.workload("web", 4, 3, status={"updatedReplicas": 2, "replicas": 5})
    found = deployment(item)
    assert found is not None
    (line,) = KubernetesPanel().brief(view_of(replace(WELL, pods=(), workloads=(found,))), 118)
    assert line.severity is Severity.NOTICE
    assert "2 of 4 are of the new version" in line.text


def test_which_cluster_this_is_stands_at_the_top_with_what_is_odd_about_it() -> None:
    said = text(KubernetesPanel().head(view_of(ODD["odd clock"]), 118))
    told = ("context prod", "api.shop.example:6443", "namespaces shop", "v1.32.1", "not installed: metrics-server")
    for words in (*told, "TLS NOT CHECKED", "clock is 1d00h behind ours"):
        assert words in said


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("deployment/web", ["deployment/shop/web"]),
        ("deploy/web deploy/api", ["deployment/shop/web", "deployment/shop/api"]),
        ("app=web", ["deployment/shop/web"]),
        ("hpa/web", ["hpa/shop/web"]),
        ("nodes", []),
        ("pods", []),
    ],
)
def test_a_line_of_kubectl_means_the_rows_that_it_names(name: str, rows: list[str]) -> None:
    assert list(KubernetesPanel().called(BROKEN, name) or ()) == rows
    assert KubernetesPanel().called(BROKEN, name) is not None


def test_a_pod_is_known_by_its_bare_name_and_what_was_not_read_by_none() -> None:
    panel, one = KubernetesPanel(), BROKEN.pods[0]
    assert panel.called(BROKEN, str(one.name)) == (one.key,)
    for name in ("deployment/nobody", "deploy/web deploy/nobody", "app=nobody", "configmaps"):
        assert panel.called(BROKEN, name) is None


def test_an_alert_of_a_workload_is_not_taken_for_one_of_its_autoscaler() -> None:
    panel = KubernetesPanel()
    assert panel.is_about("deployment/shop/web", "workload", "shop/web")
    assert not panel.is_about("hpa/shop/web", "workload", "shop/web")
    assert panel.is_about("hpa/shop/web", "hpa", "shop/web")
