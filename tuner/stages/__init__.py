"""The way from input to bundle, one stage a module: what `tuner.run` calls."""
