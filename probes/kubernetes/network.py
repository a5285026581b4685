"""How pods are reached: Services with what answers behind them, and Ingresses, in the versions that are met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from probes.base import SafeText
from probes.kubernetes.facts import Service
from probes.kubernetes.parse import Row, items, names, raw, rows, selector, table, text

Behind = Mapping[str, tuple[int, int]]
"""(addresses that answer, addresses that don't) behind a Service, by its row."""


def service(item: Row) -> Service | None:
    """One Service of a list; None when it has no name or uid."""
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    spec, status = table(item.get("spec")), table(item.get("status"))
    sort = raw(spec.get("type"), 30) or "ClusterIP"
    outside = [*items(spec.get("externalIPs")), *_ingress(status)]
    if sort == "ExternalName":
        outside = [spec.get("externalName")]
    inside = [one for one in (spec.get("clusterIP"),) if one]
    return Service(
        kind="service",
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        sort=SafeText(sort),
        addresses=tuple(text(one, 120) for one in (outside or inside)[:8]),
        ports=tuple(SafeText(_port(one), 60) for one in rows(spec.get("ports"))[:12]),
        selector=selector(spec.get("selector")),
        pending=sort == "LoadBalancer" and not _ingress(status),
    )


def _ingress(status: Row) -> list[str]:
    found = rows(table(status.get("loadBalancer")).get("ingress"))
    return [raw(one.get("ip")) or raw(one.get("hostname")) for one in found]


def _port(port: Row) -> str:
    node, protocol = port.get("nodePort"), raw(port.get("protocol"), 8)
    target = port.get("targetPort")
    inner = f"→{target}" if target not in (None, port.get("port")) else ""
    return (
        f"{port.get('port')}{inner}"
        + (f" node {node}" if node else "")
        + (f"/{protocol}" if protocol not in ("", "TCP") else "")
    )


def ingress(item: Row) -> Service | None:
    """One Ingress of a list, of networking.k8s.io/v1 or v1beta1."""
    namespace, name, uid, version = names(item)
    if not uid or not name:
        return None
    meta, spec = table(item.get("metadata")), table(item.get("spec"))
    old = table(meta.get("annotations")).get("kubernetes.io/ingress.class")
    secured = {host for one in rows(spec.get("tls")) for host in items(one.get("hosts")) if isinstance(host, str)}
    return Service(
        kind="ingress",
        namespace=namespace,
        name=name,
        uid=uid,
        version=version,
        sort=text(spec.get("ingressClassName") or old, 60),
        addresses=tuple(text(one, 120) for one in _ingress(table(item.get("status")))[:8]),
        ports=tuple(_routes(spec, secured))[:12],
        pending=not _ingress(table(item.get("status"))),
    )


def _routes(spec: Row, secured: set[str]) -> Iterable[SafeText]:
    """Where each host and path leads: "https://shop.example/api → backend:80"."""
    for rule in rows(spec.get("rules")):
        host = raw(rule.get("host")) or "*"
        scheme = "https" if host in secured else "http"
        for path in rows(table(rule.get("http")).get("paths")):
            yield SafeText(
                f"{scheme}://{host}{raw(path.get('path'), 80)} → {_backend(table(path.get('backend')))}", 200
            )
    default = table(spec.get("defaultBackend") or spec.get("backend"))
    if default:
        yield SafeText(f"everything else → {_backend(default)}", 200)


def _backend(backend: Row) -> str:
    new = table(backend.get("service"))
    if new:
        port = table(new.get("port"))
        return f"{raw(new.get('name'))}:{port.get('number') or raw(port.get('name'))}"
    return f"{raw(backend.get('serviceName'))}:{backend.get('servicePort')}" if backend.get("serviceName") else "?"


def slice_addresses(item: Row) -> tuple[str, dict[str, bool]] | None:
    """(row of its Service, whether each address is ready) of one EndpointSlice, v1 or v1beta1."""
    meta = table(item.get("metadata"))
    name = raw(table(meta.get("labels")).get("kubernetes.io/service-name"))
    if not name:
        return None
    found: dict[str, bool] = {}
    for one in rows(item.get("endpoints")):
        ready = table(one.get("conditions")).get("ready") is not False  # none said counts as ready, so the API's docs
        for address in items(one.get("addresses"))[:1]:
            found[raw(address)] = found.get(raw(address), False) or ready
    return f"service/{text(meta.get('namespace'))}/{text(name)}", found


def endpoint_addresses(item: Row) -> tuple[str, dict[str, bool]] | None:
    """(row of its Service, whether each address is ready) of one Endpoints object."""
    namespace, name, _, _ = names(item)
    if not name:
        return None
    found: dict[str, bool] = {}
    for subset in rows(item.get("subsets")):
        for one in rows(subset.get("notReadyAddresses")):
            found.setdefault(raw(one.get("ip")), False)
        for one in rows(subset.get("addresses")):
            found[raw(one.get("ip"))] = True
    return f"service/{namespace}/{name}", found


def behind(found: Iterable[tuple[str, dict[str, bool]]]) -> Behind:
    """Addresses behind each Service; an address in several slices counts once."""
    together: dict[str, dict[str, bool]] = {}
    for row, addresses in found:
        known = together.setdefault(row, {})
        for address, ready in addresses.items():
            known[address] = known.get(address, False) or ready
    return {row: (sum(one.values()), sum(not ready for ready in one.values())) for row, one in together.items()}


def with_endpoints(services: Iterable[Service], there: Behind | None) -> tuple[Service, ...]:
    """Services with what answers behind them; what could not be read stays unknown."""
    if there is None:
        return tuple(services)
    return tuple(
        replace(one, ready=there.get(one.key, (0, 0))[0], unready=there.get(one.key, (0, 0))[1])
        if one.selector
        else one
        for one in services
    )
