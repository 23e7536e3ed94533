"""How trials are chosen, ended early, and go on from each other: Ray Tune's schedulers and searchers."""
