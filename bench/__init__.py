"""Opsroom's speed beside other tools: `python -m bench` measures, and writes RESULTS.md. No part of the product."""
