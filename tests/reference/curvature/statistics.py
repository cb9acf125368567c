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


def trace_fourth_moment(a):
    """Of the deviation of one sample z^T A z from tr A, A symmetric and z signs.

    It is X = 2 sum m_e over the pairs e = {i, j}, times signs z_i z_j. In E X^4 only products of
    four pairs stay in which every index comes an even number of times: two pairs twice, which makes
    3 S^2 - 2 Q with S = sum m_e^2 and Q = sum m_e^4, and cycles of four pairs, each in 4! orders.
    The trace of M^4 counts each cycle eight times, beside the walks that turn back."""
    m = a - np.diag(np.diag(a))
    square, fourths = m @ m, np.sum(m**4)
    backwards = 2 * np.sum(np.diag(square) ** 2) - fourths
    cycles = (np.sum(square * square) - backwards) / 8
    return 16 * (3 * (np.trace(square) / 2) ** 2 - fourths + 24 * cycles)


def diagonal_variance(a, distribution):
    """Of one sample of z * (A z), entry by entry."""
    off = np.sum(a * a, axis=1) - np.diag(a) ** 2
    return off if distribution == "rademacher" else off + 2 * np.diag(a) ** 2
