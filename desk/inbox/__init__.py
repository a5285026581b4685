"""The inbox: every alert of ours and of others, with what people decided about it."""
