"""The `s3` kind: a place for backups in Amazon S3 or any store that speaks its protocol; only looked at."""

from probes.aws.s3.facts import Guarding, S3Facts, Stored
from probes.aws.s3.probe import S3Probe
from probes.aws.s3.settings import S3Settings

__all__ = ["Guarding", "S3Facts", "S3Probe", "S3Settings", "Stored"]
