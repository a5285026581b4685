"""What several people on one system keep together: a server beside everybody's own files, which stay the truth."""
