"""AWS Secrets Manager: which secrets there are, how old, how rotated. Values are never part of a reading."""

from probes.aws.secrets.facts import OneSecret, SecretsFacts, Version
from probes.aws.secrets.probe import SecretsProbe
from probes.aws.secrets.settings import SecretsSettings

__all__ = ["OneSecret", "SecretsFacts", "SecretsProbe", "SecretsSettings", "Version"]
