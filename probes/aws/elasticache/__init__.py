"""The `elasticache` kind: managed caches and their nodes, read from Amazon ElastiCache; only `act` changes them."""
