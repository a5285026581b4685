"""The `net` kind: whether hosts and ports can be reached from here, and how long name, connection and TLS take."""
