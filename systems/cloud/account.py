"""The account that a world's cloud belongs to: its names, its clock, and who is logged in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

NUMBER: Final = "123456789012"
"""The account that AWS's own examples use."""

REGION: Final = "simulated-1"
"""No region of AWS: whoever reads it sees what this is."""


def arn(service: str, rest: str) -> str:
    """The name of something of this account."""
    return f"arn:aws:{service}:{REGION}:{NUMBER}:{rest}"


def now() -> datetime:
    """Aware UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Thirty-two hexadecimal digits, as ECS calls its tasks."""
    return secrets.token_hex(16)


class Identity:
    """sts: everybody is the person at the screen."""

    def get_caller_identity(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Who asks."""
        return {"Account": NUMBER, "UserId": "AIDASIMULATED", "Arn": f"arn:aws:iam::{NUMBER}:user/simulated"}
