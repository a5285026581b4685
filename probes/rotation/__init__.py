"""Whether logs are kept and given up as they should be: rotated files, logrotate, the journal, containers' logs."""
