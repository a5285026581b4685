"""Scans of images and dependencies for known vulnerabilities, by the tools that are there."""
