"""The hands: one module per kind of system, how to read it and, later, how to act on it."""
