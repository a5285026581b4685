"""How each program of the test cluster is told to run: certificates, settings, argv. Nothing is started here."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from tests.stack import certificates, docker, places
from tests.stack.kubeapi import NODE, write_kubeconfig

NETWORKING = Path("/usr/lib/cni")
"""Of containernetworking-plugins."""

BRIDGE = "opsroom0"
ADDRESS = "10.213.77.1"
"""Of the node: on the bridge, because a kubelet refuses loopback. Pods are its neighbours."""

SUBNET = f"{ADDRESS.rpartition('.')[0]}.0/24"

PAUSE = "opsroom-test/pause:1"
"""Holds a pod's namespaces; by it our pods are told from another kubelet's."""


def write(folder: Path, server: str, kubelet_port: int, engine: docker.Engine) -> None:
    """Certificates, kubeconfigs and the kubelet's settings."""
    (folder / "server").write_text(server)
    authority = certificates.new_authority(folder / "pki")
    certificates.new_key(folder / "pki" / "accounts.key")
    authority.server("server", "IP:127.0.0.1", "DNS:localhost", "DNS:kubernetes.default.svc")
    authority.server("kubelet-server", f"IP:{ADDRESS}", f"DNS:{NODE}")
    for name, user in {"admin": "admin", "kubelet": f"system:node:{NODE}", "api": "api"}.items():
        pair = authority.client(name, user, "system:masters")
        data = {"client-certificate-data": _base64(pair.certificate), "client-key-data": _base64(pair.key)}
        write_kubeconfig(folder / f"{name}.kubeconfig", name, server, authority.certificate, data)
    (folder / "network").mkdir()
    network = {
        "cniVersion": "0.4.0",
        "name": "opsroom-test",
        "type": "bridge",
        "bridge": BRIDGE,
        "ipam": {"type": "host-local", "dataDir": f"{folder}/addresses", "ranges": [[{"subnet": SUBNET}]]},
    }
    (folder / "network" / "10-bridge.conf").write_text(json.dumps(network))
    settings = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "address": ADDRESS,
        "port": kubelet_port,
        "readOnlyPort": 0,
        "healthzPort": 0,
        "tlsCertFile": f"{folder}/pki/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{folder}/pki/kubelet-server.key",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(authority.certificate)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": engine.run("info", "--format", "{{.CgroupDriver}}").strip(),
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "hairpinMode": "none",
        "makeIPTablesUtilChains": False,
        "volumePluginDir": f"{folder}/volume-plugins",
        "featureGates": {"DevicePlugins": False},
        "evictionHard": {"memory.available": "1Mi"},  # alone: a full disk must not cost the machine its images
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "2s",
        "nodeLeaseDurationSeconds": 8,
        "syncFrequency": "2s",
    }
    (folder / "kubelet.yaml").write_text(json.dumps(settings))


def etcd(folder: Path, port: int) -> list[str]:
    """A store of its own, which need not survive."""
    clients, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{places.free_port()}"
    own = ["--data-dir", f"{folder}/etcd", "--unsafe-no-fsync", "--name", "one", "--logger", "zap"]
    own += ["--listen-client-urls", clients, "--advertise-client-urls", clients]
    return [
        *own,
        "--listen-peer-urls",
        peers,
        "--initial-advertise-peer-urls",
        peers,
        "--initial-cluster",
        f"one={peers}",
    ]


def api_server(folder: Path, store: int, port: int) -> list[str]:
    """On loopback; rights are by role alone."""
    pki = folder / "pki"
    return _flags(
        etcd_servers=f"http://127.0.0.1:{store}",
        bind_address="127.0.0.1",
        advertise_address=ADDRESS,
        endpoint_reconciler_type="none",
        secure_port=port,
        insecure_port=0,
        cert_dir=pki,
        tls_cert_file=pki / "server.crt",
        tls_private_key_file=pki / "server.key",
        client_ca_file=pki / "ca.crt",
        authorization_mode="RBAC",
        service_cluster_ip_range="10.213.78.0/24",
        service_account_issuer="https://kubernetes.default.svc",
        service_account_signing_key_file=pki / "accounts.key",
        service_account_key_file=pki / "accounts.key",
        kubelet_certificate_authority=pki / "ca.crt",
        kubelet_client_certificate=pki / "api.crt",
        kubelet_client_key=pki / "api.key",
        kubelet_preferred_address_types="InternalIP",
        enable_aggregator_routing="true",
    )


def controller_manager(folder: Path) -> list[str]:
    """Impatient: a node that says nothing for 8 s is not ready, and autoscalers look every 2 s."""
    return _flags(
        kubeconfig=folder / "admin.kubeconfig",
        leader_elect="false",
        port=0,
        secure_port=0,
        service_account_private_key_file=folder / "pki" / "accounts.key",
        root_ca_file=folder / "pki" / "ca.crt",
        flex_volume_plugin_dir=folder / "volume-plugins",
        node_monitor_period="1s",
        node_monitor_grace_period="8s",
        pod_eviction_timeout="10s",
        horizontal_pod_autoscaler_sync_period="2s",
        horizontal_pod_autoscaler_initial_readiness_delay="1s",
        horizontal_pod_autoscaler_cpu_initialization_period="5s",
        horizontal_pod_autoscaler_downscale_stabilization="10s",
    )


def scheduler(folder: Path) -> list[str]:
    """As it comes."""
    return _flags(kubeconfig=folder / "admin.kubeconfig", leader_elect="false", port=0, secure_port=0)


def kubelet(folder: Path, engine: docker.Engine) -> list[str]:
    """Of this node, on Docker; everything it keeps is in the cluster's folder."""
    return _flags(
        config=folder / "kubelet.yaml",
        kubeconfig=folder / "kubelet.kubeconfig",
        root_dir=folder / "kubelet",
        cert_dir=folder / "pki",
        hostname_override=NODE,
        node_ip=ADDRESS,
        container_runtime="docker",
        docker=engine.url,  # where it measures containers
        docker_endpoint=engine.url,  # where it runs them
        container_runtime_endpoint=f"unix://{folder}/dockershim.sock",
        experimental_dockershim_root_directory=folder / "dockershim",
        pod_infra_container_image=PAUSE,
        network_plugin="cni",
        cni_bin_dir=NETWORKING,
        cni_conf_dir=folder / "network",
        cni_cache_dir=folder / "network-cache",
        runtime_cgroups="/",
        kubelet_cgroups="/",
        housekeeping_interval="1s",
    )


def _flags(**settings: object) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
