"""Scans of images and dependencies for known vulnerabilities, by the tools that are there."""

from probes.scans.facts import Finding, Level, Scan, ScansFacts, Standing
from probes.scans.probe import ScansProbe, ScansSettings

__all__ = ["Finding", "Level", "Scan", "ScansFacts", "ScansProbe", "ScansSettings", "Standing"]
