"""The example systems: each a package with a profile and the world it runs in."""
