"""Variants as Ray Tune's trials: the only room, with the commands, that knows Ray."""
