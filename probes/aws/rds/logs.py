"""The log files that RDS keeps of an instance: which there are, and the newest lines of them.

One call gives a thousand lines from the end of a file, or a megabyte; RDS deletes files after some days.
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DownloadDBLogFilePortion.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from probes.aws.calls import Calls
from probes.aws.values import named, tables
from probes.base import Cause, ProbeError, SafeText, finite
from probes.base.log import masked

LINES: Final = 1000
"""Lines of one file."""
_ENOUGH: Final = 100
"""With fewer lines than these the file before is read too: the newest has just been begun."""
_FILES: Final = 12
"""Files that are named, the newest."""
_CAP: Final = 5000


async def newest(calls: Calls, instance: str) -> list[str]:
    """The files there are and the newest lines, oldest first, without secrets. Raises `ProbeError`."""
    answer = await calls.listed(
        "rds", "describe_db_log_files", "DescribeDBLogFiles", _CAP, 1000, DBInstanceIdentifier=instance
    )
    files = sorted(tables(answer.items), key=_written, reverse=True)
    if not files:
        raise ProbeError(Cause.MISSING, f"RDS keeps no log file of {SafeText(instance, 80)}")
    told = [_told(one) for one in files[:_FILES]]
    if len(files) > _FILES or answer.cut:
        more = len(files) - _FILES
        told.append(f"and {'more than ' * answer.cut}{more} older {'file' if more == 1 else 'files'}")
    parts: list[list[str]] = []
    for one in files[:2]:
        name = named(one.get("LogFileName"))
        try:
            lines = await _lines(calls, instance, name)
        except ProbeError as error:
            if not parts:
                raise
            lines = [f"(not read: {error.message})"]  # what the newer file says is not given up for it
        parts.insert(0, [f"── {name}", *lines])
        if sum(map(len, parts)) > _ENOUGH:
            break
    return [*told, "", *(line for part in parts for line in part)]


async def _lines(calls: Calls, instance: str, name: str) -> list[str]:
    """The end of one file; without a marker it is the end that is given."""
    answer = await calls.read(
        "rds", "download_db_log_file_portion", DBInstanceIdentifier=instance, LogFileName=name, NumberOfLines=LINES
    )
    text = answer.get("LogFileData")
    lines = text.splitlines()[-LINES:] if isinstance(text, str) else []
    return [masked(one) for one in lines] or ["(it is empty)"]


def _written(one: Mapping[str, Any]) -> float:
    """Milliseconds since 1970."""
    return finite(one.get("LastWritten")) or 0.0


def _told(one: Mapping[str, Any]) -> str:
    size, written = finite(one.get("Size")), _written(one)
    when = f"{datetime.fromtimestamp(written / 1000, UTC):%Y-%m-%d %H:%M:%S}" if 0 < written < 1e14 else "–"
    return f"{when}  {'–' if size is None else f'{size:,.0f}':>12} bytes  {named(one.get('LogFileName'))}"
