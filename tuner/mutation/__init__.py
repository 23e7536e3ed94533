"""From a base config and a mutations file to the variants that are tried."""
