"""What a test needs and this machine does not have: a visible reason here, an error where everything must be there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """An engine or a program is not there: the test is skipped with the reason; where CI is set it fails by it."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
