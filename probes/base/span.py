"""Lengths of time in an actuator's words; the same form as the screen's."""

from __future__ import annotations


def lasted(seconds: float | None) -> str:
    """A length of time in whole seconds, two units at most.

    >>> lasted(0.4), lasted(119), lasted(7380), lasted(272000), lasted(None)
    ('0 s', '1m59s', '2h03m', '3d03h', 'an unknown time')
    """
    if seconds is None:
        return "an unknown time"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return (
        f"{whole // 3600}h{whole % 3600 // 60:02d}m"
        if whole < 86400
        else f"{whole // 86400}d{whole % 86400 // 3600:02d}h"
    )
