"""An example: an API and workers that send notifications from an SQS queue, with PostgreSQL and Redis."""
