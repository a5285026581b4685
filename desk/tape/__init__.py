"""The black box: what every target looked like, kept on disk within a stated size."""
