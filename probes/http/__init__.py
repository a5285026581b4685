"""The `http` kind: an endpoint that says how a service is, its status, its body and every check in it."""

from probes.base.x509 import Certificate
from probes.http.facts import Check, Expiry, HttpFacts, Limit, Timing, Verdict
from probes.http.probe import HttpProbe, HttpSettings

__all__ = ["Certificate", "Check", "Expiry", "HttpFacts", "HttpProbe", "HttpSettings", "Limit", "Timing", "Verdict"]
