"""Commands of a profile's own, for what no kind does natively: fixed argument lists, guarded and recorded."""
