"""The benchmark of the steps on a GPU: cases, measurement, ceiling and check."""
