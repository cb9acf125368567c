"""The benchmark of curvature: probes, products taken in, and updates of an inverse."""
