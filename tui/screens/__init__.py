"""What a person can be looking at; one screen a module."""
