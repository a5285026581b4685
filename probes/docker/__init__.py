"""A Docker Engine and the services on it, by Compose's labels: read over its socket; only `act` changes it."""
