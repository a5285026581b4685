"""The windows: what each kind looks like, and the few widgets that draw it."""
