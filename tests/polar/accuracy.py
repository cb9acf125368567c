"""What rounding may do to the decompositions to working precision.

One step of a round, X <- a X + b R X + c R^2 X with R = X X^T, rounds each of its terms once, twice
and three times. Relative to the largest singular value of its result that is `step_roundings` units
(of each singular direction; errors of different elements are independent). A backward stable
iteration passes on the errors of its steps times at most the factor by which it presses singular
values down (Nakatsukasa and Higham, 2012); those of different steps add as squares.
"""

import numpy as np
from reference import polar as ref
from steepest.polar.factor import PRESSES, SCHEDULE

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}
SPECTRA = ("gaussian", "geometric", "rank_deficient", "flat", "spike")
#: Of the largest over the least singular value that a round brings to 1, and of the spectra here.
ROUND, MOST_ROUNDS = 1e3, 4


def tops(triples):
    """The largest singular values before and after each step, from [0, 1]."""
    s = np.linspace(0, 1, 20001)
    before, result = 1.0, []
    for triple in triples:
        after = ref.scalar([triple], before * s).max()
        result.append((before, after))
        before = after
    return result


def presses(triples):
    """The most by which a step lowers a singular value against the largest one."""
    s = np.linspace(1e-4, 1, 20001)
    return max(
        np.max(s * after / ref.scalar([triple], before * s))
        for triple, (before, after) in zip(triples, tops(triples), strict=True)
    )


def step_roundings(triple, before, after):
    a, b, c = np.abs(triple)
    return (a * before + 2 * b * before**3 + 3 * c * before**5) / after


def backward(rounds=MOST_ROUNDS):
    """||A - U H|| / (u ||A||) of `rounds` rounds."""
    each = [step_roundings(t, *ends) for t, ends in zip(SCHEDULE, tops(SCHEDULE), strict=True)]
    return PRESSES * np.sqrt(rounds * np.sum(np.square(each)))


def draw(rng, spectrum, shape, dtype):
    return ref.SPECTRA[spectrum](rng, shape).astype(dtype)


def norm(x):
    return np.linalg.norm(np.asarray(x, np.float64))


def matrices(x):
    return x.reshape(-1, *x.shape[-2:])


def assert_polar(a, result, unit, factor=1.0):
    """The decomposition itself, H, and that U is a partial isometry."""
    allowed = factor * backward() * unit
    for one, u, h in zip(*(matrices(x.astype(np.float64)) for x in (a, *result)), strict=True):
        assert np.array_equal(h, h.T)
        assert norm(u @ h - one) <= allowed * norm(one)
        wanted = ref.polar(one)[1]
        # |A| of a perturbed A is off by log(n) more at most (Kato; Higham, 2008, section 8.1).
        assert norm(h - wanted) <= (2 + np.log2(len(h))) * allowed * norm(one)
        assert np.linalg.eigvalsh(h)[0] >= -allowed * norm(one)
        assert np.all(ref.svd(u)[1] <= 1 + allowed)
