"""Amazon CloudWatch Logs: log groups, what they keep and for how long, and patterns counted in them."""
