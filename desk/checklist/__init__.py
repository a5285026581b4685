"""Checklists: what a shift looks at, when it is due, how each box is answered, who signed it, and what was missed."""
