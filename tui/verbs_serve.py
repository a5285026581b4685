"""`opsroom serve`: the wall, or a room for looking, in a browser."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.profile import Profile
from probes.base import references
from tui import terminal
from tui.kinds import Kinds
from tui.verb import PROFILE, THEME, profile_of, profiles_like, refuse, say
from tui.verbs_wall import EVERY, PAGES, look_of, pages_of

if TYPE_CHECKING:
    from tui.serve.gate import Gate


@click.command()
@click.argument("system", metavar="[PROFILE]", required=False, shell_complete=profiles_like)
@PROFILE
@click.option("--wall", "as_wall", is_flag=True, help="The wall, instead of a room to look around in.")
@click.option("--port", type=click.IntRange(0, 65535), help="On 127.0.0.1, and nowhere else; any free one if absent.")
@click.option("--socket", "path", type=click.Path(path_type=Path), help="On a socket that only you can open.")
@click.option("--origin", default="", help="What the browser's address begins with, where it is not this port.")
@EVERY
@PAGES
@THEME
def serve(
    system: str | None, profile: str | None, as_wall: bool, port: int | None, path: Path | None, origin: str,
    every: float, pages: str, theme: str | None,
) -> None:  # fmt: skip
    """Show a system in a browser, for looking only.

    It listens on this machine alone. The address that is printed holds a token: whoever has it can look, four at once.
    From elsewhere: ssh -L 8425:127.0.0.1:8425 HOST, or with --socket PATH --origin http://localhost:8425:
    ssh -L 8425:PATH HOST.
    """
    try:
        import websockets  # noqa: F401 - is it here?
    except ImportError:
        refuse("opsroom: serving needs the package websockets: pip install 'opsroom[web]'")
    if path is not None and port is not None:
        refuse("opsroom: --port and --socket exclude each other")
    if path is not None and not origin:
        refuse("opsroom: --socket needs --origin, what the browser's address will begin with: http://localhost:8425")
    found = profile_of(system or profile)
    if not found.file:
        refuse("opsroom: serving needs a profile, and there is none; `opsroom init` writes one")
    spec = {
        "profile": os.path.abspath(found.file), "wall": as_wall, "theme": look_of(theme), "every": every,
        "pages": pages_of(pages, found, Kinds()),
    }  # fmt: skip
    sys.exit(_serve(found, spec, path, port or 0, origin))


def _serve(profile: Profile, spec: dict[str, object], path: Path | None, port: int, origin: str) -> int:
    from tui.serve import server
    from tui.serve.gate import Gate, origin_of

    try:
        given = origin and origin_of(origin)
        sock = server.on_path(path) if path is not None else server.on_loopback(port)
    except ValueError as error:
        refuse(f"opsroom: {error}")
    except OSError as error:
        refuse(f"opsroom: {path or f'port {port}'} can't be listened on: {(error.strerror or str(error)).lower()}")
    gate = Gate([given] if given else _origins(sock))
    named = [reference for target in profile.targets for _, reference in references(target.settings)] + [profile.store]
    ssh = any(getattr(target.settings, "ssh", None) for target in profile.targets)
    environ = server.environment(os.environ, named, Path(__file__).resolve().parent.parent, ssh)
    told = server.Server(gate, spec, environ)
    try:
        server.run(told, sock, lambda: _tell(gate, given or _origins(sock)[0]))
    finally:
        if path is not None:
            path.unlink(missing_ok=True)
    return terminal.EXIT_OK


def _origins(sock: socket.socket) -> list[str]:
    """What the browser's address may be where it comes straight to the port."""
    port = sock.getsockname()[1]
    return [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]


def _tell(gate: Gate, origin: str) -> None:
    """Print the address, once; the token stands nowhere else."""
    say(f"{origin}/#{gate.token}")
    say("whoever has this address can look, four at once; nothing can be done from there; Ctrl-C ends it")
