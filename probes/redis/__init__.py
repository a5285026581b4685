"""Redis and Valkey: a server as a cache (kind `redis`), and the queues that live in one (kind `queues`)."""
