"""The audit: who did what to which object, why, and what came of it; kept before it happens, and checkable later."""

from desk.audit.chronicle import Chronicle, Problem, Unfinished
from desk.audit.record import Code, Record, digest
from desk.audit.trail import Trail, Unrecorded

__all__ = ["Chronicle", "Code", "Problem", "Record", "Trail", "Unfinished", "Unrecorded", "digest"]
