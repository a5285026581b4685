"""The `jobs` kind: a scheduler behind an HTTP API, its jobs and executions, and what an application's API can do."""

from probes.http.jobs.facts import Execution, Job, JobsFacts, Own
from probes.http.jobs.probe import JobsProbe
from probes.http.jobs.settings import JobsSettings

__all__ = ["Execution", "Job", "JobsFacts", "JobsProbe", "JobsSettings", "Own"]
