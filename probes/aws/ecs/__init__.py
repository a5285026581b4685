"""Amazon ECS: services, deployments, tasks."""
