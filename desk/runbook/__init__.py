"""A runbook as a person wrote it, and what we make of it. The file is never changed."""
