"""A Kubernetes cluster and what runs on it, read over its API; only `act` changes it."""
