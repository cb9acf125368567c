"""Statistics of samples z * h by their definitions, and variances of Hutchinson's estimates."""

import numpy as np


def moments(z, h):
    """(mean, sum of squared deviations) of z * h over the first axis."""
    x = np.asarray(z, np.float64) * np.asarray(h, np.float64)
    mean = x.mean(axis=0)
    return mean, np.sum((x - mean) ** 2, axis=0)


def normalized(z, h):
    """(sum z h / sum z^2, sum of squared residuals, sum z^2): least squares of h over z."""
    z, h = np.asarray(z, np.float64), np.asarray(h, np.float64)
    weight = np.sum(z * z, axis=0)
    slope = np.sum(z * h, axis=0) / weight
    return slope, np.sum((h - slope * z) ** 2, axis=0), weight


def trace_variance(a, distribution):
    """Of one sample z^T A z, A symmetric (Avron and Toledo 2011)."""
    squares = np.sum(a * a)
    return 2 * (squares - np.sum(np.diag(a) ** 2) if distribution == "rademacher" else squares)


def diagonal_variance(a, distribution):
    """Of one sample of z * (A z), entry by entry."""
    off = np.sum(a * a, axis=1) - np.diag(a) ** 2
    return off if distribution == "rademacher" else off + 2 * np.diag(a) ** 2
