"""The benchmark of probes: writing them, and taking products in."""
