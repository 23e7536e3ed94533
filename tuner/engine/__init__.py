"""Trains and evaluates the replicates of one trial. Knows nothing of Ray."""
