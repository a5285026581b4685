"""The table of kinds: one line for each sort of thing Opsroom can watch.

Names are dotted and resolved when a profile asks for the kind, so a driver or panel nobody uses is never loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from probes.base import Actuator, Probe
from widgets.panel import Panel


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of thing: its name in a profile, what reads it, what draws it, and the block it appears in."""

    name: str
    probe: str
    panel: str
    block: str
    summary: str
    """What it watches, in a few words; for help and `init`."""
    act: str = ""
    """What acts on it; empty: nothing does. Loaded only where acting is allowed."""


KINDS = (
    Kind("http", "probes.http.probe:HttpProbe", "widgets.http:HttpPanel", "SERVICES", "an HTTP endpoint and its body"),
    Kind(
        "supervisor",
        "probes.supervisor.probe:SupervisorProbe",
        "widgets.supervisor:SupervisorPanel",
        "SERVICES",
        "processes under supervisord",
        act="probes.supervisor.act:SupervisorActuator",
    ),
    Kind(
        "docker",
        "probes.docker.probe:DockerProbe",
        "widgets.docker:DockerPanel",
        "SERVICES",
        "containers, Compose services",
        act="probes.docker.act:DockerActuator",
    ),
    Kind(
        "ecs",
        "probes.aws.ecs.probe:EcsProbe",
        "widgets.ecs:EcsPanel",
        "SERVICES",
        "services and tasks of Amazon ECS",
        act="probes.aws.ecs.act:EcsActuator",
    ),
    Kind(
        "systemd",
        "probes.systemd.probe:SystemdProbe",
        "widgets.systemd:SystemdPanel",
        "SERVICES",
        "systemd units",
        act="probes.systemd.act:SystemdActuator",
    ),
    Kind(
        "kubernetes",
        "probes.kubernetes.probe:KubernetesProbe",
        "widgets.kubernetes:KubernetesPanel",
        "CLUSTER",
        "a Kubernetes cluster, or namespaces of it",
        act="probes.kubernetes.act:KubernetesActuator",
    ),
    Kind(
        "alb",
        "probes.aws.alb.probe:AlbProbe",
        "widgets.alb:AlbPanel",
        "LOAD BALANCERS",
        "target groups of load balancers",
    ),
    Kind(
        "postgres",
        "probes.postgres.read:PostgresProbe",
        "widgets.postgres:PostgresPanel",
        "POSTGRES",
        "a PostgreSQL server",
        act="probes.postgres.act:PostgresActuator",
    ),
    Kind(
        "rds",
        "probes.aws.rds.probe:RdsProbe",
        "widgets.rds:RdsPanel",
        "DATABASES",
        "managed databases of Amazon RDS",
        act="probes.aws.rds.act:RdsActuator",
    ),
    Kind(
        "queues",
        "probes.redis.queues.probe:QueuesProbe",
        "widgets.queues:QueuesPanel",
        "QUEUES",
        "queues that live in Redis",
        act="probes.redis.queues.act:QueuesActuator",
    ),
    Kind(
        "sqs",
        "probes.aws.sqs.probe:SqsProbe",
        "widgets.sqs:SqsPanel",
        "QUEUES",
        "queues of Amazon SQS",
        act="probes.aws.sqs.act:SqsActuator",
    ),
    Kind(
        "jobs",
        "probes.http.jobs.probe:JobsProbe",
        "widgets.jobs:JobsPanel",
        "JOBS",
        "a scheduler, or an application's own API",
        act="probes.http.jobs.act:JobsActuator",
    ),
    Kind(
        "redis",
        "probes.redis.cache:RedisProbe",
        "widgets.redis:RedisPanel",
        "CACHE",
        "a Redis or Valkey server as a cache",
        act="probes.redis.act:RedisActuator",
    ),
    Kind(
        "elasticache",
        "probes.aws.elasticache.probe:ElastiCacheProbe",
        "widgets.elasticache:ElastiCachePanel",
        "CACHE",
        "managed caches of Amazon ElastiCache",
        act="probes.aws.elasticache.act:ElastiCacheActuator",
    ),
    Kind(
        "memcached",
        "probes.memcached:MemcachedProbe",
        "widgets.memcached:MemcachedPanel",
        "MEMCACHED",
        "a memcached server as a cache",
    ),
    Kind(
        "alertmanager",
        "probes.alerting.alertmanager:AlertmanagerProbe",
        "widgets.alertmanager:AlertmanagerPanel",
        "ALERTS",
        "an Alertmanager: alerts and silences",
        act="probes.alerting.act:AlertmanagerActuator",
    ),
    Kind(
        "grafana",
        "probes.alerting.grafana:GrafanaProbe",
        "widgets.grafana:GrafanaPanel",
        "ALERTS",
        "a Grafana: its alerts, silences and rules",
        act="probes.alerting.act:GrafanaActuator",
    ),
    Kind(
        "pagerduty",
        "probes.alerting.pagerduty.probe:PagerDutyProbe",
        "widgets.pagerduty:PagerDutyPanel",
        "INCIDENTS",
        "PagerDuty: open incidents, who is on call",
        act="probes.alerting.pagerduty.act:PagerDutyActuator",
    ),
    Kind(
        "sentry",
        "probes.alerting.sentry.probe:SentryProbe",
        "widgets.sentry:SentryPanel",
        "ISSUES",
        "Sentry: unresolved issues of an organisation's projects",
        act="probes.alerting.sentry.act:SentryActuator",
    ),
    Kind(
        "prometheus",
        "probes.prometheus.probe:PrometheusProbe",
        "widgets.prometheus:PrometheusPanel",
        "METRICS",
        "a Prometheus server: tiles, hosts",
    ),
    Kind(
        "metrics",
        "probes.prometheus.metrics.probe:MetricsProbe",
        "widgets.metrics:MetricsPanel",
        "METRICS",
        "an application's own metrics",
    ),
    Kind(
        "sql",
        "probes.postgres.saved.probe:SqlProbe",
        "widgets.sql:SqlPanel",
        "SQL",
        "your own numbers and rows, by saved SQL",
        act="probes.postgres.saved.act:SqlActuator",
    ),
    Kind(
        "cloudwatch",
        "probes.aws.cloudwatch.probe:CloudWatchProbe",
        "widgets.cloudwatch:CloudWatchPanel",
        "ALARMS",
        "Amazon CloudWatch: alarms and chosen metrics",
        act="probes.aws.cloudwatch.act:CloudWatchActuator",
    ),
    Kind(
        "logs",
        "probes.logs.probe:LogsProbe",
        "widgets.logs:LogsPanel",
        "LOGS",
        "log files, and the journal of units",
    ),
    Kind(
        "cloudwatch_logs",
        "probes.aws.cloudwatch_logs.probe:CloudWatchLogsProbe",
        "widgets.cloudwatch_logs:CloudWatchLogsPanel",
        "LOGS",
        "Amazon CloudWatch Logs: log groups and patterns in them",
        act="probes.aws.cloudwatch_logs.act:CloudWatchLogsActuator",
    ),
    Kind(
        "secrets",
        "probes.aws.secrets.probe:SecretsProbe",
        "widgets.secrets:SecretsPanel",
        "SECRETS",
        "secrets of AWS Secrets Manager; never their values",
        act="probes.aws.secrets.act:SecretsActuator",
    ),
    Kind(
        "settings",
        "probes.settings.probe:SettingsProbe",
        "widgets.settings:SettingsPanel",
        "SETTINGS",
        "a file of KEY=VALUE settings; never its secrets",
        act="probes.settings.act:SettingsActuator",
    ),
    Kind(
        "backups",
        "probes.backups.probe:BackupsProbe",
        "widgets.backups:BackupsPanel",
        "BACKUPS",
        "PostgreSQL dumps in a folder",
        act="probes.backups.act:BackupsActuator",
    ),
    Kind(
        "s3",
        "probes.aws.s3.probe:S3Probe",
        "widgets.s3:S3Panel",
        "BACKUPS",
        "backups in S3, or a store that speaks it",
    ),
    Kind(
        "commands",
        "probes.commands.probe:CommandsProbe",
        "widgets.commands:CommandsPanel",
        "COMMANDS",
        "commands of your own, guarded: migrations, scripts",
        act="probes.commands.act:CommandsActuator",
    ),
    Kind(
        "rotation",
        "probes.rotation.probe:RotationProbe",
        "widgets.rotation:RotationPanel",
        "LOG ROTATION",
        "how long logs are kept: logrotate, the journal",
        act="probes.rotation.act:RotationActuator",
    ),
    Kind(
        "certificates",
        "probes.certificates.probe:CertificatesProbe",
        "widgets.certificates:CertificatesPanel",
        "CERTIFICATES",
        "certificates in files, of servers, of certbot",
        act="probes.certificates.act:CertificatesActuator",
    ),
    Kind(
        "scans",
        "probes.scans.probe:ScansProbe",
        "widgets.scans:ScansPanel",
        "SCANS",
        "known vulnerabilities, by scanners",
    ),
    Kind(
        "status",
        "probes.http.status.probe:StatusProbe",
        "widgets.status:StatusPanel",
        "VENDORS",
        "a vendor's status page",
    ),
    Kind(
        "net",
        "probes.net.probe:NetProbe",
        "widgets.net:NetPanel",
        "NETWORK",
        "hosts and ports: name, connection, TLS",
    ),
    Kind("host", "probes.host.probe:HostProbe", "widgets.host:HostPanel", "HOST", "this machine"),
)
"""In the order of the overview."""


def _load(dotted: str) -> Any:
    module, name = dotted.split(":")
    return getattr(import_module(module), name)


class Kinds:
    """The table as the desk sees it, and the way from a kind to its classes."""

    def __init__(self, kinds: Iterable[Kind] = KINDS) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def names(self) -> list[str]:
        """All kinds, in the order of the overview."""
        return list(self._kinds)

    def kind(self, name: str) -> Kind:
        """One line of the table."""
        return self._kinds[name]

    def facts(self, kind: str) -> type[Probe[Any]]:
        """The probe's class: its settings, gauges and rules stand on it."""
        return cast(type[Probe[Any]], _load(self._kinds[kind].probe))

    def actuator(self, kind: str) -> type[Actuator[Any]] | None:
        """What acts on a kind; None: nothing does."""
        act = self._kinds[kind].act
        return cast(type[Actuator[Any]], _load(act)) if act else None

    def panel(self, kind: str) -> Panel[Any]:
        """The presenter of a kind."""
        return cast(Panel[Any], _load(self._kinds[kind].panel)())

    def blocks(self) -> list[str]:
        """Titles of the overview's blocks, in order."""
        return list(dict.fromkeys(kind.block for kind in self._kinds.values()))
