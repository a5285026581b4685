"""Sentry, kind `sentry`: the unresolved issues of an organisation's projects."""
