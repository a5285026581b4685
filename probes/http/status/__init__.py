"""The `status` kind: what a vendor says of itself on its status page."""
