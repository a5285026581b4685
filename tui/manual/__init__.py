"""The manual: made out of what the code declares of itself, so that it can't say anything else.

The same pages are read with `opsroom manual`, on a machine without internet too, and stand under `docs/manual`.
"""

from tui.manual.pages import MAN, page, titles, write

__all__ = ["MAN", "page", "titles", "write"]
