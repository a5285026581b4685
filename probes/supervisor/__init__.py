"""The `supervisor` kind: processes under supervisord, by group, and why those that are dead died."""
