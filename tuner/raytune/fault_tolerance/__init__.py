"""What becomes of trials whose processes die, and of runs that are gone on with."""
