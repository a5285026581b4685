"""An example: a platform on Kubernetes, watched by Prometheus, with a managed PostgreSQL and Redis."""
