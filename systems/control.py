"""Asks the world's process manager, over its socket in the world's folder. Blocks for some seconds at most."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any, Final

_PATIENCE: Final = 8.0
"""Seconds one call may take: starting a process takes the second that it must stay up."""


class _Socket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(str(self._path))


def call(folder: Path, method: str, *arguments: Any) -> Any:
    """The manager's answer; OSError when it is not there, xmlrpc.client.Fault when it refuses."""
    body = xmlrpc.client.dumps(arguments, f"supervisor.{method}").encode()
    connection = _Socket(folder / "supervisor.sock")
    try:
        connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
        return xmlrpc.client.loads(connection.getresponse().read())[0][0]
    except (http.client.HTTPException, xmlrpc.client.Error) as error:
        if isinstance(error, xmlrpc.client.Fault):
            raise
        raise OSError(f"the process manager answered badly: {type(error).__name__}") from error
    finally:
        connection.close()


def running(folder: Path, group: str) -> dict[str, int]:
    """Process id of each program of a group that runs, by its name in the manager; empty when the manager is not there.

    A program outside every group is a group by itself.
    """
    try:
        told = call(folder, "getAllProcessInfo")
    except (OSError, xmlrpc.client.Fault):
        return {}
    return {f"{group}:{one['name']}": one["pid"] for one in told if one["group"] == group and one["pid"]}
