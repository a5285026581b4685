"""Amazon Web Services: one package, one kind for each service that a runbook speaks of."""
