"""Every gauge for thirty days, rolled up on disk within a stated size; gaps stay gaps."""

from desk.history.archive import LIMIT, MOST, Archive
from desk.history.bucket import LONG_STEP, STEP, Bucket, Cell
from desk.history.file import LONG, SHORT, ArchiveError
from desk.history.historian import Historian, Standing
from desk.history.past import Past

__all__ = [
    "LIMIT",
    "LONG",
    "LONG_STEP",
    "MOST",
    "SHORT",
    "STEP",
    "Archive",
    "ArchiveError",
    "Bucket",
    "Cell",
    "Historian",
    "Past",
    "Standing",
]
