"""The `http` kind: an endpoint that says how a service is, its status, its body and every check in it."""

from probes.http.facts import Certificate, Check, HttpFacts, Timing, Verdict
from probes.http.probe import HttpProbe, HttpSettings

__all__ = ["Certificate", "Check", "HttpFacts", "HttpProbe", "HttpSettings", "Timing", "Verdict"]
