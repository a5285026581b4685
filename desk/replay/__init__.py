"""The black box, opened: the board, the alerts and the history as they were at a moment, and what was not recorded."""
