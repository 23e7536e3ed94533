"""Scripts that measure. From the repository's root: `python -m benchmarks.throughput`, and so on."""
