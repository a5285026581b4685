"""A window of the history as a file for other programs. No cell can be taken for a formula by a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from desk.history.bucket import Bucket
from probes.base import GaugeKey

Shown = Iterable[tuple[GaugeKey, Sequence[Bucket]]]


def inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula (https://owasp.org/www-community/attacks/CSV_Injection).

    >>> inert("=1+1"), inert("mail"), inert("-x"), inert(" @x")
    ("'=1+1", 'mail', "'-x", "' @x")
    """
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r", "\n") else text


def as_csv(target: str, shown: Shown) -> str:
    """Comma-separated, a row for each bucket: https://www.rfc-editor.org/rfc/rfc4180; times in UTC."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow(("time", "seconds", "target", "gauge", "min", "mean", "max", "last", "readings"))
    for key, buckets in shown:
        for one in buckets:
            cell = one.cell
            numbers = (cell.least, cell.mean, cell.most, cell.last, cell.readings)
            sheet.writerow((_time(one.start), round(one.span, 3), inert(target), inert(str(key)), *numbers))
    return out.getvalue()


def as_json(target: str, shown: Shown) -> str:
    """One object: the target, and for each gauge its name, labels and buckets; times in UTC."""
    gauges = [
        {
            "gauge": key.name,
            "labels": dict(key.labels),
            "buckets": [
                {
                    "time": _time(one.start), "seconds": round(one.span, 3), "min": one.cell.least,
                    "mean": one.cell.mean, "max": one.cell.most, "last": one.cell.last, "readings": one.cell.readings,
                }
                for one in buckets
            ],
        }
        for key, buckets in shown
    ]  # fmt: skip
    return json.dumps({"target": target, "gauges": gauges}, ensure_ascii=False, indent=1)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
