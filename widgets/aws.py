"""What every panel of an AWS kind has: from where it looks, and what that costs."""

from __future__ import annotations

from probes.aws.calls import Seat
from widgets.lines import Line, dim, fit, line


def seat_line(seat: Seat) -> Line:
    """Account, region, login, calls and dollars a day."""
    cost = "" if seat.a_day is None else f"  ${seat.a_day:.2f} a day"
    return line(fit(dim("account"), 13), seat.place, "  ", dim(f"{seat.calls:,} calls{cost}"))
