"""The `http` kind: an endpoint that says how a service is, its status, its body and every check in it."""
