"""The `systemd` kind: units and their journal, read and acted on through systemd's own programs."""
