"""What every verb of the command line needs: the profile it is about, the places, and a way to speak."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

import click

from desk.profile import Profile, ProfileError
from tui import capabilities, terminal, wiring
from tui.kinds import Kinds
from tui.places import Places

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What a write says to an output that takes nothing."""


def version() -> str:
    """Of Opsroom, as it was installed; "unknown" when it was not."""
    from importlib.metadata import PackageNotFoundError, version  # slow to load; only `info` asks

    try:
        return version("opsroom")
    except PackageNotFoundError:
        return "unknown"


def whereabouts() -> Places:
    """Where everything lies for this environment."""
    return Places.of(os.environ)


def say(text: str, end: str = "\n", code: int = terminal.EXIT_USAGE) -> None:
    """Write it to standard output; leaves with `code` where that can't be written."""
    try:
        _write(text + end, sys.stdout)
    except OSError as error:
        speechless(error, code)


def complain(text: str) -> None:
    """Write it to standard error, if anybody listens there."""
    with contextlib.suppress(OSError):
        _write(text + "\n", sys.stderr)


def _write(text: str, stream: TextIO | None) -> None:
    """In ASCII where the locale has nothing else (click would write UTF-8 all the same). None: it was closed."""
    if stream is None:
        raise OSError(errno.EBADF, "it is closed")
    stream.flush()
    stream.buffer.write(capabilities.screen_bytes(text, plain=stream.encoding.lower() != "utf-8"))
    stream.flush()


def speechless(error: OSError, code: int) -> NoReturn:
    """Leave because the output can't be written; without a word when its reader had enough, as `head` has."""
    if error.errno == errno.EPIPE:
        raise error
    complain(f"opsroom: the output cannot be written: {(error.strerror or type(error).__name__).lower()}")
    terminal.leave(code)


def refuse(message: str) -> NoReturn:
    """Say why it can't be done, and leave with 2."""
    complain(message)
    sys.exit(2)


def chosen(profile: str | None) -> str | None:
    """The profile named after the verb, or else before it."""
    return profile or click.get_current_context().find_root().params.get("profile")


def profile_of(given: str | None) -> Profile:
    """The profile that a verb is about; leaves with words where there is none that can be used."""
    try:
        return wiring.open_profile(chosen(given), Kinds(), os.environ, whereabouts())
    except ProfileError as error:
        refuse(str(error))
    except wiring.Choose as error:
        refuse(f"opsroom: {error}")


class Verbs(click.Group):
    """Verbs that are each listed with a whole sentence, over several lines where it takes them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_SENTENCE)) for name, one in found if one is not None])


_SENTENCE: Final = 1000
"""Longest first sentence of a verb's help, in characters; click cuts longer ones."""


def profiles_like(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """What completes a profile's name or file."""
    from click.shell_completion import CompletionItem  # loaded only when a shell asks

    names = [path.stem for path in whereabouts().profiles() if path.stem.startswith(begun)]
    return [CompletionItem(begun, type="file"), *map(CompletionItem, names)]


def themes_like(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """What completes a theme's name."""
    return [name for name in ("night", "day", "safe", "plain") if name.startswith(begun)]


PROFILE: Final = click.option(
    "-c", "--profile", "-P", metavar="NAME|FILE", help="A profile's name or file.", shell_complete=profiles_like
)
THEME: Final = click.option("--theme", metavar="NAME", help="night, day, safe or plain.", shell_complete=themes_like)
