"""Which variant is the best: pure functions on records."""
