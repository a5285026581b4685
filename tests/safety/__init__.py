"""Long proofs: thousands of kills, faults and forgeries, each of which must end well. `python -m tests.safety.NAME`."""
