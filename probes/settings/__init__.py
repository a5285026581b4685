"""A file of KEY=VALUE settings, such as .env: read without its secrets; only `act` changes it."""
