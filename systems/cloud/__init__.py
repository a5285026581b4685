"""As much of AWS as Opsroom asks, simulated inside a world's own process and checked by AWS's own models."""
