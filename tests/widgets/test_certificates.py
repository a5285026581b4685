"""The certificates panel on given facts: every width, what is wrong first, names that are too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from probes.base import Cause, SafeText, Severity, Snapshot
from probes.base.x509 import Certificate
from probes.certificates.facts import CertificatesFacts, Lineage, Seen, Unread
from probes.certificates.gauges import gauges_of
from widgets.certificates import CertificatesPanel
from widgets.lines import width_of
from widgets.panel import View, Worry

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
ONE = Certificate(
    SafeText("shop.example"), SafeText("R3"), (SafeText("shop.example"),), NOW - timedelta(days=60),
    NOW + timedelta(days=30), serial="03a1", key="EC", bits=256, fingerprint="ab" * 32,
)  # fmt: skip
SHOWN = Seen("shop.example:443", ONE, True, 5 * 86400.0, 1, True, True, True)
STALE = replace(SHOWN, key="www.shop.example:443", left=86400.0, outdated="/etc/letsencrypt/live/shop/fullchain.pem")
BAD = replace(SHOWN, key="old.example:443", left=-3 * 86400.0, verified=False, why=SafeText("it has expired"))
FILE = Seen("/etc/letsencrypt/live/shop/fullchain.pem", ONE, False, 80 * 86400.0, 1, lineage="shop")
BUSY = CertificatesFacts(
    (BAD, STALE, SHOWN, FILE),
    (
        Lineage(
            "shop",
            FILE.key,
            NOW,
            True,
            True,
            SafeText("nginx"),
            error=SafeText("Some challenges have failed."),
            error_at=NOW,
        ),
    ),
    (Unread(SafeText("down.example:443"), Cause.REFUSED, SafeText("connection refused by down.example:443")),),
    (SafeText("/etc/cron.d/certbot"),),
    True,
)
ODD = {
    "nothing": CertificatesFacts(),
    "busy": BUSY,
    "bare": CertificatesFacts((Seen("x", Certificate(), False),)),
    "wide": replace(
        BUSY, seen=tuple(replace(BAD, key=f"{'数据库' * 30}{n}", why=SafeText("错误" * 80)) for n in range(60))
    ),
}


def view(facts: CertificatesFacts, *worries: Worry) -> View[CertificatesFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return ()

    return View("tls", Snapshot("tls", NOW, 0.01, facts, gauges_of(facts).values), recent, worries)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_no_line_is_wider_than_it_may_be(facts: CertificatesFacts, width: int) -> None:
    panel = CertificatesPanel()
    for line in (*panel.brief(view(facts), width), *panel.head(view(facts), width)):
        assert width_of(line.spans) <= width, line.text
    assert panel.headline(view(facts))


def test_what_is_wrong_stands_first_and_says_what() -> None:
    worry = Worry(Severity.CRITICAL, "refused", (("place", BAD.key),), "refused")
    lines = CertificatesPanel().brief(view(BUSY, worry), 118)
    assert lines[0].text.rstrip().endswith(" ago")
    assert "  expired  " in lines[0].text
    assert "down.example:443" in lines[1].text
    text = "\n".join(line.text for line in lines)
    assert "older than shop/fullchain.pem: reload the server" in text


def test_why_clients_refuse_it_is_said_before_that_a_newer_one_is_in_a_file() -> None:
    wrong = replace(BAD, left=1e6, why=SafeText("it is for a.example"), outdated=STALE.outdated)
    ended = replace(BAD, outdated=STALE.outdated)
    said = [one.text for one in CertificatesPanel().brief(view(replace(BUSY, seen=(wrong, ended))), 150)]
    assert any("it is for a.example; shop/fullchain.pem is newer: reload the server" in one for one in said)
    assert any("3d00h ago; shop/fullchain.pem is newer: reload the server" in one for one in said)


def test_the_head_tells_what_runs_certbot_and_what_failed() -> None:
    text = "\n".join(line.text for line in CertificatesPanel().head(view(BUSY), 118))
    assert "certbot keeps 1 certificate, run by certbot" in text
    assert "Some challenges have failed." in text


def test_tables_name_rows_as_the_acts_take_them() -> None:
    certificates, renewals, unread = CertificatesPanel.tables
    assert certificates.subject is not None
    assert [certificates.subject(one) for one in BUSY.seen][-1] == "shop"
    for table in (certificates, renewals, unread):
        for row in table.rows(BUSY):
            assert all(str(column.cell(row)) for column in table.columns[:2])
            assert table.detail is not None
            assert table.detail(row)
