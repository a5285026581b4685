"""AWS Secrets Manager: which secrets there are, how old, how rotated. Values are never part of a reading."""
