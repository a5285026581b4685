"""`opsroom wall`: one system on one big screen, for a room full of people."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from desk.profile import Profile, ProfileError
from tui.kinds import Kinds
from tui.secrets import Secrets
from tui.verb import PROFILE, THEME, profile_of, profiles_like, refuse, whereabouts

if TYPE_CHECKING:
    from tui.wall import WallApp

OWN_PAGES: Final = ("overview", "incident", "groups", "fleet", "alerts")
"""Pages that every wall has; beside them each group has one, by its title."""

PAGES: Final = click.option(
    "--pages",
    metavar="NAME,...",
    default="",
    help="Which take turns: overview, incident, groups, fleet, alerts, or a block's title.",
)
EVERY: Final = click.option(
    "--every", type=click.FloatRange(3, 3600), default=15.0, show_default=True, help="Seconds that a page is shown."
)


@click.command()
@click.argument("system", metavar="[PROFILE]", required=False, shell_complete=profiles_like)
@PROFILE
@EVERY
@PAGES
@THEME
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def wall(
    system: str | None, profile: str | None, every: float, pages: str, theme: str | None, ascii_only: bool
) -> None:
    """Show a system on a big screen: pages that take turns, for looking only.

    Keys: Space holds a page, left and right turn, ? helps, q leaves. What is critical and in nobody's hands stays.
    """
    from tui.session import on_screen

    found = profile_of(system or profile)
    kinds = Kinds()
    chosen = pages_of(pages, found, kinds)
    look = look_of(theme)

    def make() -> WallApp:
        from tui.wall import make as make_wall

        return make_wall(found, kinds, Secrets(os.environ), whereabouts(), os.environ, look, chosen, every)

    sys.exit(on_screen(make, os.environ, whereabouts(), ascii_only))


def pages_of(text: str, profile: Profile, kinds: Kinds) -> tuple[str, ...]:
    """The pages that somebody named, in small letters; leaves with words where there is no such page."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    titles = dict.fromkeys(kinds.kind(target.kind).block for target in profile.targets)
    known = {*OWN_PAGES, *(title.lower() for title in titles)}
    for name in names:
        if name not in known:
            refuse(f"opsroom: the wall has no page {name}; it has {', '.join([*OWN_PAGES, *titles])}")
    return names


def look_of(theme: str | None) -> str:
    """The theme that was asked for, by an option, the environment or the preferences."""
    from tui import preferences
    from tui.themes import THEMES

    try:
        look = theme or os.environ.get("OPSROOM_THEME") or preferences.load(whereabouts().preferences).theme
    except ProfileError as error:
        refuse(str(error))
    if look not in {one.name for one in THEMES}:
        refuse(f"opsroom: no theme named {look}; there are {', '.join(one.name for one in THEMES)}")
    return look
