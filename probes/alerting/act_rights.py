"""What we may do with an Alertmanager or a Grafana, told by reading only: nothing is posted to find out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from probes.alerting.address import ReachSettings
from probes.alerting.api import Api
from probes.alerting.parse import table
from probes.base import Cause, Context, Grant, ProbeError, Right, SafeText

_READ: Final = "read alerts and silences"
_MAKE: Final = "make silences"
_END: Final = "end silences"

_NEEDED: Final = (
    (_READ, ("alert.instances:read",)),
    ("read alert rules", ("alert.rules:read",)),
    ("read what fired last night", ("annotations:read",)),
    ("list data sources", ("datasources:read",)),
    ("check data sources", ("datasources:query",)),
    (_MAKE, ("alert.instances:create", "alert.silences:create")),
    (_END, ("alert.instances:write", "alert.silences:write")),
)
"""What each right is called by Grafana; one of the names is enough.
https://grafana.com/docs/grafana/latest/administration/roles-and-permissions/access-control/custom-role-actions-scopes/"""

_EXCESS: Final = {
    "change alert rules": ("alert.rules:write", "alert.rules:create", "alert.rules:delete"),
    "change who is told of alerts": ("alert.notifications:write", "alert.provisioning:write"),
    "change dashboards": ("dashboards:write", "dashboards:create", "dashboards:delete"),
    "change data sources": ("datasources:write", "datasources:create", "datasources:delete"),
    "manage users and tokens": ("users:write", "org.users:write", "serviceaccounts:write", "serviceaccounts:create"),
}
"""What our acts never need."""


async def of_alertmanager(api: Api) -> list[Right]:
    """An Alertmanager divides no rights: whoever reaches it may do everything, unless a proxy before it refuses."""
    try:
        await api.get("/api/v2/alerts")
        await api.get("/api/v2/silences")
    except ProbeError as error:
        if error.cause not in (Cause.AUTH, Cause.DENIED):
            raise
        return [Right(name, Grant.MISSING, error.message) for name in (_READ, _MAKE, _END)]
    remedy = SafeText("allow POST /api/v2/silences and DELETE /api/v2/silence/ID in the proxy before it")
    return [Right(_READ, Grant.HELD), Right(_MAKE, Grant.UNKNOWN, remedy), Right(_END, Grant.UNKNOWN, remedy)]


async def of_grafana(name: str, settings: ReachSettings, context: Context) -> list[Right]:
    """By the permissions that Grafana says our service account has."""
    api = Api(name, settings, context, "Grafana")
    try:
        told = table(await api.get("/api/access-control/user/permissions"))
    except ProbeError as error:
        if error.cause in (Cause.AUTH, Cause.DENIED):
            return [Right(one, Grant.MISSING, error.message) for one, _ in _NEEDED]
        if error.cause is not Cause.GONE:
            raise
        remedy = SafeText("this Grafana does not tell which rights a token has")
        return [Right(one, Grant.UNKNOWN, remedy) for one, _ in _NEEDED]
    finally:
        await api.close()
    return [*(_needed(one, names, told) for one, names in _NEEDED), *_excess(told)]


def _needed(name: str, names: tuple[str, ...], told: Mapping[str, Any]) -> Right:
    if any(one in told for one in names):
        return Right(name, Grant.HELD)
    return Right(name, Grant.MISSING, SafeText(f"give its service account {' or '.join(names)}"))


def _excess(told: Mapping[str, Any]) -> list[Right]:
    remedy = SafeText("a custom role, or Viewer with Edit on the folders of the rules: see contrib/grafana/README.md")
    return [Right(name, Grant.EXCESS, remedy) for name, names in _EXCESS.items() if any(one in told for one in names)]
