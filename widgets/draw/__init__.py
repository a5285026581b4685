"""Pure drawing: numbers and a width in, characters out. Tested without a screen."""
