"""The roof: the app, its screens and keys, the command line, and the wiring of all rooms."""
