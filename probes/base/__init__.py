"""The contract between the hands and the desk: the words every room shares.

Standard library and pydantic only. The desk imports this package and nothing else of `probes`;
a probe imports this package and `probes.exec`, never another probe.
"""

from probes.base.failure import Cause, Failure, ProbeError, State, from_os_error
from probes.base.lane import Lane, load
from probes.base.probe import Context, Found, Look, Probe, Sheet
from probes.base.reading import Gap, GaugeKey, Gauges, GaugeSpec, Rates, Snapshot, Unit, finite
from probes.base.rule import Missing, Rule, Severity
from probes.base.target import SECRETIVE, Referring, Secret, SecretSource, Settings, Target, in_clear, references
from probes.base.text import SafeText, armour
from probes.base.tls import lenient, verifying
from probes.base.url import BadUrl, Endpoint, hide_password, parse_url, secret_parameters

__all__ = [
    "SECRETIVE",
    "BadUrl",
    "Cause",
    "Context",
    "Endpoint",
    "Failure",
    "Found",
    "Gap",
    "GaugeKey",
    "GaugeSpec",
    "Gauges",
    "Lane",
    "Look",
    "Missing",
    "Probe",
    "ProbeError",
    "Rates",
    "Referring",
    "Rule",
    "SafeText",
    "Secret",
    "SecretSource",
    "Settings",
    "Severity",
    "Sheet",
    "Snapshot",
    "State",
    "Target",
    "Unit",
    "armour",
    "finite",
    "from_os_error",
    "hide_password",
    "in_clear",
    "lenient",
    "load",
    "parse_url",
    "references",
    "secret_parameters",
    "verifying",
]
