"""What the terminal in front of the person can show: how many colours, which characters, whether to take the mouse.

Decided from the environment alone. Never asks the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from widgets.draw.marks import plain as in_ascii

_MONOCHROME_TERMS: Final = frozenset({"dumb", "unknown", "vt52", "vt100", "vt102", "vt220", "vt320"})
_TRUECOLOR_TERMS: Final = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour")

ColourSystem = Literal["standard", "256", "truecolor"]


def low_bandwidth(env: Mapping[str, str]) -> bool:
    """Are we at the far end of a connection? Then the mouse is off and nothing is animated."""
    return bool(env.get("SSH_TTY") or env.get("SSH_CONNECTION"))


def mouse_allowed(env: Mapping[str, str]) -> bool:
    """May the mouse be captured without being asked for? Not over SSH: selecting text is worth more there."""
    return not low_bandwidth(env) and env.get("TERM") != "linux"


_FORCED: Final[Mapping[str, ColourSystem | None]] = {"0": None, "false": None, "2": "256", "3": "truecolor"}
"""What a FORCE_COLOR that says more than "some" asks for."""


def colour_system(env: Mapping[str, str]) -> ColourSystem | None:
    """How many colours to use, in Rich's words; None for none.

    NO_COLOR wins over FORCE_COLOR, which wins over what the terminal says of itself (https://no-color.org).

    >>> colour_system({"TERM": "xterm-256color", "COLORTERM": "truecolor"})
    'truecolor'
    >>> colour_system({"TERM": "linux"})
    'standard'
    """
    if env.get("NO_COLOR"):
        return None
    force = env.get("FORCE_COLOR")
    if force is not None and force in _FORCED:
        return _FORCED[force]
    return _detected_colours(env) or ("standard" if force else None)


def _detected_colours(env: Mapping[str, str]) -> ColourSystem | None:
    term = env.get("TERM", "").lower()
    if not term or term in _MONOCHROME_TERMS or term.endswith("-m"):
        return None
    if env.get("STY"):  # GNU screen passes COLORTERM on without being able to keep its promise
        return "256" if "256" in term else "standard"
    if env.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "truecolor"
    if term.endswith("-direct") or term.startswith(_TRUECOLOR_TERMS):
        return "truecolor"
    return "256" if "256" in term else "standard"


def ascii_only(env: Mapping[str, str]) -> bool:
    """Does the locale, or the kernel's own console, rule out anything but ASCII?

    An LC_CTYPE of C.UTF-8 over a C locale does not count: Python itself puts it there (PEP 538). A console's font has
    256 or 512 characters, and our marks are not among them: each would be the same box
    (https://man7.org/linux/man-pages/man8/setfont.8.html).

    >>> ascii_only({"LANG": "en_GB.UTF-8"}), ascii_only({"LANG": "C"}), ascii_only({})
    (False, True, True)
    >>> ascii_only({"LANG": "en_GB.UTF-8", "TERM": "linux"})
    True
    """
    if env.get("TERM") == "linux":
        return True
    lang = env.get("LANG", "")
    locale = env.get("LC_ALL") or env.get("LC_CTYPE") or lang
    if not env.get("LC_ALL") and locale in ("C.UTF-8", "C.utf8") and "utf8" not in lang.lower().replace("-", ""):
        return True
    return "utf8" not in locale.lower().replace("-", "")


def screen_bytes(text: str, plain: bool) -> bytes:
    """What goes down the wire: UTF-8, or ASCII of the same width if `plain`.

    >>> screen_bytes("┌─┐ ok …", plain=True)
    b'+-+ ok ~'
    """
    return in_ascii(text).encode("ascii") if plain else text.encode("utf-8", "replace")
