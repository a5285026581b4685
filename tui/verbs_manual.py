"""`opsroom manual`: the manual where there is no internet."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from tui.kinds import Kinds
from tui.verb import refuse, say, version


@click.command()
@click.argument("name", metavar="[PAGE]", required=False)
@click.option("--man", "as_man", is_flag=True, help="The command line for man: opsroom manual --man | man -l -")
@click.option("--write", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Every page, as files.")
@click.pass_context
def manual(context: click.Context, name: str | None, as_man: bool, folder: Path | None) -> None:
    """Read the manual: a page on each kind of system, on the profile, on keys, on commands.

    Without PAGE it lists them. In a terminal the page is opened in your pager.
    """
    from tui import manual as made
    from tui.manual.usage import man_page

    kinds = Kinds()
    main = context.find_root().command
    assert isinstance(main, click.Group)
    if folder is not None:
        try:
            written = made.write(folder, kinds, main, version())
        except OSError as error:
            refuse(f"opsroom: {error.filename or folder} cannot be written: {(error.strerror or '').lower()}")
        say(f"wrote {len(written)} pages into {folder}")
    elif as_man:
        say(man_page(main, version()), end="")
    elif name is None:
        wide = max(map(len, made.titles(kinds)))
        say("\n".join(f"{one:<{wide}}  {about}" for one, about in made.titles(kinds).items()))
    else:
        _show(name, kinds, main)


def _show(name: str, kinds: Kinds, main: click.Group) -> None:
    from tui import manual as made

    try:
        text = made.page(name, kinds, main)
    except LookupError:
        near = difflib.get_close_matches(name, made.titles(kinds), 1, 0.6)
        guess = f"; did you mean {near[0]}?" if near else "; opsroom manual lists the pages"
        refuse(f"opsroom: the manual has no page {name}{guess}")
    if sys.stdout.isatty():
        click.echo_via_pager(text)
    else:
        say(text, end="")
