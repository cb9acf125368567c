"""The benchmark of the optimizer steps."""
