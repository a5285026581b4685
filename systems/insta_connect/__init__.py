"""An example: a web application and its services under systemd, with PostgreSQL, in front of somebody else's API."""
