"""How far rounding may move the singular values of an orthogonalised matrix.

Every singular value is followed as an interval. A step maps it by its polynomial, exactly, and then
widens it by the spectral norm of what was rounded since (Weyl). The norm of a matrix of rounding
errors is estimated, not bounded: independent errors of rms size `RMS` units of the entries' size
make 1 / sqrt(m) + 1 / sqrt(n) of what they would amount to if they were all alike, and those of a
sum of products are as large as one rounding of |a| |b|. `SLACK` is for what is not independent.

The Gram form rounds R = X X^T and the factor Q only, which commute no more afterwards; there the
errors are propagated to first order, from a restart to the next.
"""

import ml_dtypes  # noqa: F401 - teaches NumPy the name bfloat16
import numpy as np
from numpy.linalg import norm
from reference import polar
from steepest.polar import choose, coefficients, orthogonalize

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8}
RMS = 0.41  # of a rounding to nearest, in units, over evenly spread mantissas
SLACK = {"float64": 2, "float32": 2, "bfloat16": 1.5, "float16": 1.5}
UNIT_ON_DEVICE = {**UNIT, "float16": 2.0**-11}
REFERENCE = 32 * UNIT["float64"]  # the error of the decompositions that are compared with
ROUNDINGS = 4  # of R, Z, Q and X in a step

SPECTRA = ("gaussian", "geometric", "rank_deficient", "flat", "spike")


def image(triple, low, high):
    """(smallest, largest) values of one step over intervals: at their ends or where it turns."""
    a, b, c = triple
    squares = np.roots([5 * c, 3 * b, a])
    turns = np.sqrt(squares.real[(squares.imag == 0) & (squares.real > 0)])
    points = [low, high, *(np.clip(turn, low, high) for turn in (*turns, *-turns))]
    values = [polar.scalar([triple], x) for x in points]
    return np.min(values, axis=0), np.max(values, axis=0)


def factor(triples, r):
    """Q of these steps for eigenvalues r of R, and its derivative."""
    q, dq, dr = np.ones_like(r), np.zeros_like(r), np.ones_like(r)
    for a, b, c in triples:
        z, dz = a + r * (b + r * c), (b + 2 * c * r) * dr
        q, dq = q * z, dq * z + q * dz
        dr, r = z * (dr * z + 2 * r * dz), r * z * z
    return q, dq


def sensitivity(triples, x):
    """The most that an error of R changes Q X: the divided differences of Q, times x."""
    r = x * x
    q, slope = factor(triples, r)
    gaps = np.abs(np.subtract.outer(r, r))
    close = gaps < 1e-6
    quotients = np.abs(np.subtract.outer(q, q)) / np.where(close, 1, gaps)
    return np.max(np.where(close, np.abs(slope), quotients) * x)


def standard_error(triple, x, stored, summed):
    """Of one step of the standard form: R, Z and the result are stored and summed."""
    a, b, c = triple
    r, top = x * x, x.max()
    through_r = np.max(np.abs(b + c * np.add.outer(r, r)) * x)
    stores = through_r * norm(r) + top * norm(b * r + c * r * r) + norm(polar.scalar([triple], x))
    sums = abs(a) * norm(x) + top * (abs(b) * norm(r) + abs(c) * norm(r * r))
    return stored * stores + summed * (through_r * norm(x) ** 2 + sums)


def gram_error(triples, x, stored, summed):
    """Of the Gram form from X to Q X."""
    start, q, squares = x, np.ones_like(x), 0.0
    for t, triple in enumerate(triples):
        rest = np.abs(factor(triples[t:], x * x)[0]) * x
        squares += norm(x) ** 2 * sensitivity(triples[t:], x) + norm(q) * np.max(rest / q)
        q = q * factor([triple], x * x)[0]
        x = polar.scalar([triple], x)
    product = norm(q) * norm(start)
    return ROUNDINGS * summed * (squares + product) + stored * norm(x)


def intervals(s, triples, choice, shape, roundings=1):
    """(smallest, largest) singular values of the result, both ascending.

    s : normalised singular values of the input, `choice` what steepest.polar.choose gave,
    `roundings` how often the normalised matrix was rounded.
    """
    unit = UNIT_ON_DEVICE[choice.compute]
    independent = RMS * (shape[0] ** -0.5 + shape[1] ** -0.5)
    stored = SLACK[choice.compute] * independent * unit
    summed = min(unit, UNIT["float32"]) * SLACK[choice.compute]
    error = roundings * stored * norm(s) + REFERENCE
    low, high = s - error, s + error
    gram = choice.method == "gram"
    starts = [0, *choice.restarts] if gram else range(len(triples))
    for start, end in zip(starts, [*starts[1:], len(triples)], strict=True):
        largest = np.maximum(np.abs(low), np.abs(high))
        if gram:
            error = gram_error(triples[start:end], largest, stored, summed)
        else:
            error = standard_error(triples[start], largest, stored, independent * summed)
        for triple in triples[start:end]:
            low, high = image(triple, low, high)
        low, high = low - error - REFERENCE, high + error + REFERENCE
    smallest = np.where(low * high < 0, 0, np.minimum(np.abs(low), np.abs(high)))
    return np.sort(smallest), np.sort(np.maximum(np.abs(low), np.abs(high)))


def assert_within(result, s, triples, choice, roundings=1):
    """The singular values of `result` lie in the intervals of the input's, `s`."""
    low, high = intervals(s, triples, choice, result.shape, roundings)
    ours = np.sort(polar.svd(result)[1])
    assert np.all(low <= ours) and np.all(ours <= high), (
        f"{choice}: off by {np.max(np.maximum(low - ours, ours - high)):.2g} more than allowed"
    )


def magnification(triples, s):
    """The most that a small change of the matrix changes the result, for singular values near s."""
    x, slope = s, np.ones_like(s)
    for a, b, c in triples:
        slope = slope * np.abs(a + 3 * b * x**2 + 5 * c * x**4)
        x = polar.scalar([(a, b, c)], x)
    return max(slope.max(), np.max(x / s))


def draw(rng, spectrum, shape, dtype):
    return polar.SPECTRA[spectrum](rng, shape).astype(dtype)


def singular_values(g, *normalization):
    """Of the normalised matrix."""
    return polar.svd(polar.normalize(g.astype(np.float64), *normalization))[1]


def largest(result):
    """The largest singular value, infinite where there are none."""
    result = result.astype(np.float64)
    return polar.svd(result)[1].max() if np.isfinite(result).all() else np.inf


def assert_accurate(g, name, steps=None, **options):
    """Orthogonalises and returns what was chosen."""
    choice = choose(g.shape, g.dtype.name, name, steps, **options)
    result = orthogonalize(g, name, steps, **options)
    assert result.dtype == g.dtype and result.shape == g.shape
    assert_within(result, singular_values(g), coefficients.resolve(name, steps), choice)
    return choice
