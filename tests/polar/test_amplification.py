"""coefficients.amplification: what the Gram form makes of its roundings, in exact derivatives, in
iterations that are disturbed on purpose, and in the kernels."""

import numpy as np
import pytest
from reference import polar
from steepest.polar import choose, coefficients, orthogonal, orthogonalize

from .bounds import UNIT

ROUNDING = 1e-15
# Of the 2 x 2 errors of Frobenius norm 1: where two eigenvectors mix, and on one eigenvalue.
DIRECTIONS = np.array([[[0, 0.5**0.5], [0.5**0.5, 0]], [[1, 0], [0, 0]], [[0, 0], [0, 1.0]]])
SETS = (*coefficients.SETS, "polar_express 10")
by_set = pytest.mark.parametrize("name", SETS)

wide = np.longdouble


def steps_of(name):
    base, _, steps = name.partition(" ")
    return coefficients.resolve(base, int(steps) if steps else None)


def chosen(triples):
    return choose((16, 200), "float64", triples, method="gram").restarts


def disturbed(x, triples, positions, error):
    """The Gram form of 2 x 2 matrices in longdouble, with that error where it rounds."""
    one = np.eye(2, dtype=wide)
    q, r = one, gram(x, error)
    for t, (a, b, c) in enumerate(triples.astype(wide)):
        if t in positions:
            x = q @ x
            q, r = one, gram(x, error)
        z = a * one + b * r + c * (r @ r)
        q, r = q @ z, z @ r @ z + a * a * largest(r) * error
    return q @ x


def gram(x, error):
    r = x @ x.swapaxes(-1, -2)
    return r + largest(r) * error


def largest(r):
    return np.abs(r).max(axis=(-2, -1), keepdims=True)


def magnified(triples, positions):
    """By a rounding in the directions above, both ways, over pairs of singular values."""
    pairs = np.logspace(0, -6, 60)[np.stack(np.triu_indices(60), axis=-1)].astype(wide)
    x = np.eye(2, dtype=wide) * pairs[:, None, :]
    exact, worst = disturbed(x, triples, positions, wide(0)), 0.0
    for direction in (*DIRECTIONS, *-DIRECTIONS):
        found = disturbed(x, triples, positions, wide(ROUNDING) * direction)
        worst = max(worst, float(np.sqrt(((found - exact) ** 2).sum(axis=(-2, -1))).max()))
    return worst / ROUNDING


def test_of_one_step_it_is_the_derivative():
    """Q = a I + b R: of a rounding of R only the b is left, and the singular value."""
    assert coefficients.amplification([(1.5, -0.5, 0.0)]) == pytest.approx(0.5, rel=1e-9)
    # Q(r) = c r^2: (r^2 - s^2) / (r - s) = r + s, at most 2.
    assert coefficients.amplification([(0.0, 0.0, 3.0)]) == pytest.approx(6, rel=1e-9)


def test_of_two_steps_with_a_restart_in_between():
    """Each one's own, the first one's by what the second does to X."""
    one, two = (1.5, -0.5, 0.0), (1.2, 0.25, 0.0)
    apart = coefficients.amplification([one, two], [1])
    # 1.2 + 3 / 4 x^2 of x = 1, to which the first step takes 1; its own rounding is of size 1.
    assert apart == pytest.approx(0.5 * (1.2 + 0.75) + 0.25, rel=1e-12)


@by_set
def test_it_bounds_what_rounding_does(name):
    triples = steps_of(name)
    for positions in {(), chosen(triples), (1,), (len(triples) - 1,)}:
        most = coefficients.amplification(triples, positions)
        found = magnified(triples, positions)
        assert found <= 1.05 * most, positions
        # Not far beyond: up to ten steps whose worst cases are added, in any direction.
        assert positions or found >= most / 30


def test_an_overflow_is_infinite():
    assert coefficients.amplification([(1e200, 1e200, 1e200)] * 5) == np.inf


@pytest.mark.parametrize("name", ("deepseek_v4", "polar_express 10"))
def test_a_restart_loses_fewer_digits(name):
    triples = steps_of(name)
    assert len(chosen(triples)) == 1
    anew = coefficients.amplification(triples, chosen(triples))
    assert anew < coefficients.amplification(triples) / 2


def test_bad_positions():
    with pytest.raises(ValueError, match=r"^positions: 5 given, .*from 1 to 4"):
        coefficients.amplification("you", [5])
    with pytest.raises(TypeError, match=r"^positions: float given"):
        coefficients.amplification("you", [1.0])


# --- The kernels, in float64, where the whole matrix can be compared


def spread():
    """Singular values down to where the sets lift to 1, and the first of them 1."""
    rng = np.random.default_rng(7)
    return polar.with_singular_values(rng, (24, 60), np.geomspace(1, 1e-5, 24))


def gram_error(triples):
    """Against the standard form in longdouble."""
    g = spread()
    x = g.astype(wide)
    for a, b, c in triples.astype(wide):
        r = x @ x.T
        x = a * x + (b * r + c * (r @ r)) @ x
    options = {"method": "gram", "normalization": "bound", "bound": 1.0}
    ours = orthogonalize(g, triples, **options)
    return float(np.sqrt(((ours - x) ** 2).sum()))


@by_set
def test_the_kernels_keep_to_it(name):
    """Sums of 60 products in X X^T and of 24 in each of the three products of a step, whose
    roundings are at most as many as they have terms."""
    triples = steps_of(name)
    roundings = (60 + 3 * 24) * UNIT["float64"]
    most = coefficients.amplification(triples, chosen(triples))
    assert gram_error(triples) <= roundings * most


@pytest.mark.parametrize("name", ("deepseek_v4", "polar_express 10"))
def test_long_sets_start_anew_in_float64(name, monkeypatch):
    """Nothing would escape, but more digits would be lost."""
    triples = steps_of(name)
    anew = gram_error(triples)
    monkeypatch.setattr(orthogonal, "_starts_anew", lambda triples: ())
    assert gram_error(triples) > 3 * anew
