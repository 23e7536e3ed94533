"""Broken and hostile input for every loader, and the law that loaders are held to; tests and the benchmark share it."""
