"""What an Engine's address lets us do, told by reading only: nothing is posted to find out what may be posted."""

from __future__ import annotations

from typing import Final

from probes.base import Cause, Grant, ProbeError, Right, SafeText
from probes.docker.compose import engine_environment
from probes.docker.engine import EngineApi
from probes.docker.parse import items, table
from probes.exec import run

_NOBODY: Final = "0" * 64
"""An id that no container has: what is answered about it tells whether one may ask."""
_READ: Final = "read which Engine it is and its containers"
_INSPECT: Final = "look at one container"
_ACT: Final = "restart, stop and start containers"
_COMPOSE: Final = "recreate and scale Compose services"
_CARE: Final = "list and remove what nobody uses"
_ROOT: Final = "everything the Engine can do, which is root's power on its machine"
_PROXY: Final = "a socket proxy that allows GET /version /info /events /containers, and POST /containers/ID/restart"
_ALLOW_CARE: Final = "allow GET /images/json, /networks, /volumes, and DELETE of one of them by its id"
_UNREACHED: Final = SafeText("the Engine must be reached first")
_ALLOW: Final = "allow POST /containers/ID/restart, /stop and /start in the socket proxy"


async def found(api: EngineApi) -> list[Right]:
    """Each right our acts need, and what is more than they need."""
    info: object = {}
    try:
        await api.negotiate()
        info = await api.get("/info", limit=4 << 20)
        await api.get("/containers/json", {"limit": "1"})
    except ProbeError as error:
        if error.cause not in (Cause.DENIED, Cause.LOCAL_PERM, Cause.REFUSED):
            raise
        allow = "allow GET /version, /info and /containers in the socket proxy"
        if error.cause is Cause.DENIED:
            return [Right(name, Grant.MISSING, SafeText(allow)) for name in (_READ, _ACT, _COMPOSE, _CARE)]
        why = f"{error.message}: {error.hint}" if error.hint else str(error.message)
        first = Right(_READ, Grant.MISSING, SafeText(why, 300))
        return [first, *(Right(name, Grant.MISSING, _UNREACHED) for name in (_ACT, _COMPOSE, _CARE))]
    rights = [Right(_READ, Grant.HELD)]
    inspect = await _may(api, f"/containers/{_NOBODY}/json")
    rights.append(Right(_INSPECT, _grant(inspect), SafeText("" if inspect else "allow GET /containers/ID/json")))
    whole = await _may(api, f"/exec/{_NOBODY}/json")
    post = await _may(api, f"/containers/{_NOBODY}/restart")
    act = Grant.MISSING if not post else Grant.HELD if whole else Grant.UNKNOWN
    rights.append(Right(_ACT, act, SafeText("" if act is Grant.HELD else _ALLOW)))
    rights.append(await _compose(api, whole))
    listed = [await _may(api, path) for path in ("/images/json", "/networks", "/volumes")]
    remove = Grant.MISSING if not all(listed) else Grant.HELD if whole else Grant.UNKNOWN
    rights.append(Right(_CARE, remove, SafeText("" if remove is Grant.HELD else _ALLOW_CARE)))
    if whole and "name=rootless" not in items(table(info).get("SecurityOptions")):
        rights.append(Right(_ROOT, Grant.EXCESS, SafeText(f"{_PROXY}, /stop, /start; or a rootless Engine")))
    return rights


async def _may(api: EngineApi, path: str) -> bool:
    """Whether the Engine itself answers there; what it answers does not matter."""
    try:
        await api.get(path)
    except ProbeError as error:
        return error.cause is not Cause.DENIED
    return True


async def _compose(api: EngineApi, whole: bool) -> Right:
    try:
        ran = await run(["docker", "compose", "version"], env=engine_environment(api.endpoint, api.certificates))
    except ProbeError as error:
        return Right(_COMPOSE, Grant.MISSING, error.message)
    if ran.code:
        return Right(
            _COMPOSE, Grant.MISSING, SafeText("install the docker-compose-plugin (or docker-compose-v2) package")
        )
    if whole:
        return Right(_COMPOSE, Grant.HELD)
    return Right(
        _COMPOSE, Grant.UNKNOWN, SafeText("a socket proxy that lets containers be made is no boundary any more")
    )


def _grant(may: bool) -> Grant:
    return Grant.HELD if may else Grant.MISSING
