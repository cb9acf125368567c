"""fisher_solve and levenberg_marquardt_solve against elimination in extended precision."""

import numpy as np
import pytest
from reference.curvature import models, solves
from steepest.curvature import (
    NotPositiveDefiniteError,
    conjugate_gradient,
    empirical_fisher_product,
    fisher_solve,
    levenberg_marquardt_solve,
)

from .support import UNIT, same_bits

SIDES = ["samples", "parameters"]
SHAPES = [(7, 40), (40, 7), (130, 131), (1, 9), (9, 1), (70, 70)]


def rows(shape, seed=0, spread=1.0):
    """Gaussian, times singular values that fall geometrically to 1 / spread."""
    a = np.random.default_rng(seed).standard_normal(shape)
    u, s, v = np.linalg.svd(a, full_matrices=False)
    return (u * s * np.geomspace(1, 1 / spread, len(s))) @ v


def residual(a, mu, x, g):
    """Of (A^T A + mu I) x = g, in extended precision."""
    return float(np.linalg.norm((g - solves.matrix(a, mu) @ x).astype(np.float64)))


def checked(a, mu, x, told, g=0.0, u=0.0):
    """The solution's residual is of the size of its own rounding, and is what was told. The factor
    2: a residual computed as 0 may be one bound away, and the update of x rounds once more."""
    bound = solves.rounding(a, mu, x, g, u)
    right = g + a.T @ (u + np.zeros(len(a), np.longdouble))
    exact = residual(a, mu, x, right)
    assert exact <= 2 * bound
    assert abs(told - exact) <= bound


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("damping", [1e-6, 1e-2, 10.0])
def test_fisher_systems(shape, damping, side):
    a, g = rows(shape), np.random.default_rng(1).standard_normal(shape[1])
    found = fisher_solve(a, g, damping, side=side)
    m = shape[0]
    checked(a, m * damping, found.x, m * found.residual, g=m * g)
    # An error of x is at most the residual over the least eigenvalue.
    error = np.linalg.norm((found.x - solves.fisher(a, g, damping)).astype(np.float64))
    slack = 2 * solves.rounding(a, m * damping, found.x, m * g) / (m * damping)
    assert error <= slack
    assert found.side == side


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("shape", [(20, 60), (60, 20)])
def test_ill_conditioned_systems(shape, side):
    """The condition number is about 1e10 and singular values fall over five decades; Woodbury's
    difference alone would lose the digits that the corrections bring back."""
    a, g = rows(shape, spread=1e5), np.random.default_rng(1).standard_normal(shape[1])
    damping = 1e-10 * np.linalg.norm(a, 2) ** 2 / shape[0]
    found = fisher_solve(a, g, damping, side=side)
    checked(a, shape[0] * damping, found.x, shape[0] * found.residual, g=shape[0] * g)
    mean = fisher_solve(a, None, damping, side=side)
    checked(a, shape[0] * damping, mean.x, shape[0] * mean.residual, u=1.0)


@pytest.mark.parametrize("side", SIDES)
def test_without_g_it_is_the_mean_gradient(side):
    a = rows((12, 30))
    found = fisher_solve(a, None, 0.1, side=side)
    exact = solves.fisher(a, a.mean(axis=0), 0.1)
    slack = 2 * solves.rounding(a, 1.2, found.x, u=1.0) / 1.2
    assert np.linalg.norm((found.x - exact).astype(np.float64)) <= slack


def test_the_smaller_side_is_taken_and_sides_agree_with_cg():
    a, g = rows((6, 50)), np.random.default_rng(1).standard_normal(50)
    wide, tall = fisher_solve(a, g, 0.1), fisher_solve(rows((50, 6)), None, 0.1)
    assert (wide.side, tall.side) == ("samples", "parameters")
    iterated = conjugate_gradient(empirical_fisher_product(a), g, damping=0.1, tol=1e-13)
    assert np.linalg.norm(iterated.x - wide.x) <= 2e-13 * np.linalg.norm(g) / 0.1


def test_samples_divide_the_sum():
    """Two rows per sample: the matrix is twice the mean over rows."""
    a, g = rows((8, 5)), np.ones(5)
    found = fisher_solve(a, g, 0.1, samples=4)
    exact = solves.eliminated(solves.matrix(a, np.longdouble(0.4)), 4 * g)
    slack = 2 * solves.rounding(a, 0.4, found.x, 4 * g) / 0.4
    assert np.linalg.norm((found.x - exact).astype(np.float64)) <= slack


def test_structures_dtypes_and_many_parts(monkeypatch):
    """Arrays of a list, and parts of some columns and rows, are one matrix."""
    from steepest.curvature import rows as module

    a = rows((11, 30)).astype(np.float32)
    g = np.random.default_rng(1).standard_normal(30).astype(np.float32)
    whole = {side: fisher_solve(a, g, 0.1, side=side).x for side in SIDES}
    assert whole["samples"].dtype == np.float32
    monkeypatch.setattr(module, "_PART", 50)
    pieces = [a[:, :12].reshape(11, 3, 4), a[:, 12:].astype(np.float64)]
    parts = [g[:12].reshape(3, 4), g[12:].astype(np.float64)]
    for side in SIDES:
        found = fisher_solve(pieces, parts, 0.1, side=side).x
        assert [x.dtype for x in found] == [np.float32, np.float64] and found[0].shape == (3, 4)
        # float32 results differ by at most their own rounding, and each by its residual's error.
        difference = np.abs(models.flat(found) - whole[side])
        slack = 2 * solves.rounding(a, 1.1, whole[side], 11 * g) / 1.1
        assert (difference <= 2.0**-23 * np.abs(whole[side]) + 2 * slack).all()


def test_tensors():
    torch = pytest.importorskip("torch")
    a = rows((6, 8))
    found = fisher_solve({"w": torch.from_numpy(a)}, None, 0.1)
    assert torch.is_tensor(found.x["w"])
    assert same_bits(found.x["w"].numpy(), fisher_solve(a, None, 0.1).x)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("scaling", [None, "marquardt", "given"])
@pytest.mark.parametrize("shape", [(9, 33), (33, 9), (20, 20)])
def test_marquardt_steps(shape, scaling, side):
    j, r = rows(shape), np.random.default_rng(2).standard_normal(shape[0])
    j[:, 0] *= 1e4  # scales that Marquardt's diagonal takes out
    diagonal = {None: np.ones(shape[1]), "marquardt": np.sum(j * j, axis=0)}.get(
        scaling, np.random.default_rng(3).uniform(0.5, 2, shape[1])
    )
    given = diagonal if scaling == "given" else scaling
    found = levenberg_marquardt_solve(j, r, 0.01, scaling=given, side=side)
    root = np.sqrt(diagonal)
    scaled, y, g = j / root, found.step * root, -(j / root).T @ r.astype(np.longdouble)
    # Scaling and unscaling: three roundings more of each element of A, on both sides, and of x.
    more = 9 / (sum(shape) + 4)
    bound = solves.rounding(scaled, 0.01, y, u=r)
    assert residual(scaled, 0.01, y, g) <= (2 + more) * bound
    assert found.predicted > 0 and is_the_fall(found.predicted, r, scaled, y, 0.01)


def is_the_fall(predicted, r, a, y, mu):
    """Whether it is (|r|^2 - |r + A y|^2) / 2 for the step y that was returned, all in scaled
    variables.

    With (A^T A + mu I) y = -A^T r + e that is |A y|^2 / 2 + mu |y|^2 - y^T e, and the first two are
    what is computed: of elements of A and y that are each off by m + n + 6 units from those here
    (sums of squares, scales and roots, there and here), by a product of n terms whose square counts
    twice, and by sums of m and of n terms."""
    r, a, y = (np.asarray(x, np.longdouble) for x in (r, a, y))
    moved = a @ y
    fall = (r @ r - np.sum((r + moved) ** 2)) / 2
    left_over = abs(y @ (a.T @ (moved + r) + mu * y))
    size = np.sum((np.abs(a) @ np.abs(y)) ** 2) / 2 + mu * (y @ y)
    k = (4 * (sum(a.shape) + 6) + 2 * sum(a.shape) + 4) * UNIT
    return abs(predicted - fall) <= left_over + k / (1 - k) * size


def test_marquardt_steps_do_not_depend_on_units():
    """The columns' squares are scaled by squares of powers of two, whose roots are exact: in other
    units of the parameters the step is the same to the bit."""
    j, r = rows((25, 6)), np.random.default_rng(2).standard_normal(25)
    units = 2.0 ** np.array([-9, 3, 0, 7, -2, 1])
    plain = levenberg_marquardt_solve(j, r, 0.1, scaling="marquardt")
    other = levenberg_marquardt_solve(j * units, r, 0.1, scaling="marquardt")
    assert same_bits(other.step * units, plain.step)


def test_columns_of_zeros_do_not_move():
    j = rows((10, 4))
    j[:, 2] = 0
    found = levenberg_marquardt_solve(j, np.ones(10), 0.1, scaling="marquardt")
    assert found.step[2] == 0 and np.isfinite(found.step).all()


def test_large_damping_is_a_step_of_steepest_descent():
    j, r = rows((10, 4)), np.ones(10)
    found = levenberg_marquardt_solve(j, r, 1e9)
    assert np.allclose(found.step, -j.T @ r / 1e9, rtol=2 * np.linalg.norm(j, 2) ** 2 / 1e9)


def test_a_fit_converges_quadratically():
    """Exponential decay from noiseless data: the damping falls with each accepted step."""
    t = np.linspace(0, 3, 30)
    truth, p, damping = np.array([2.0, 1.3, 0.5]), np.array([1.0, 0.5, 0.0]), 1e-2

    def errors(p):
        return p[0] * np.exp(-p[1] * t) + p[2] - truth[0] * np.exp(-truth[1] * t) - truth[2]

    for _ in range(30):
        decay = np.exp(-p[1] * t)
        j = np.stack([decay, -p[0] * t * decay, np.ones_like(t)], axis=1)
        found = levenberg_marquardt_solve(j, errors(p), damping, scaling="marquardt")
        fall = (errors(p) @ errors(p) - errors(p + found.step) @ errors(p + found.step)) / 2
        good = fall > 0.1 * found.predicted
        p, damping = (p + found.step, damping / 10) if good else (p, 10 * damping)
        damping = max(damping, 1e-12)
    assert np.abs(p - truth).max() <= 1e-12


def test_damping_below_rounding_is_refused():
    a = np.outer(np.arange(1.0, 9), np.arange(1.0, 7))  # of rank 1
    for side in SIDES:
        with pytest.raises(NotPositiveDefiniteError, match="damping: too small"):
            fisher_solve(a, None, 1e-30, side=side)
        with pytest.raises(NotPositiveDefiniteError, match="damping: too small"):
            levenberg_marquardt_solve(a, np.ones(8), 1e-30, side=side)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("power", [-950, -565, 530, 950])
def test_solutions_scale_with_the_right_side_to_the_bit(power, side):
    """The squares of elements are out of range."""
    a, g = rows((7, 12)), np.random.default_rng(1).standard_normal(12)
    plain = fisher_solve(a, g, 0.1, side=side)
    found = fisher_solve(a, np.ldexp(g, power), 0.1, side=side)
    assert same_bits(found.x, np.ldexp(plain.x, power)) and plain.x.all()
    assert found.residual == np.ldexp(plain.residual, power)
    j, r = rows((12, 7)), np.random.default_rng(2).standard_normal(12)
    step = levenberg_marquardt_solve(j, r, 0.1, side=side).step
    other = levenberg_marquardt_solve(j, np.ldexp(r, power), 0.1, side=side).step
    assert same_bits(other, np.ldexp(step, power)) and step.all()


@pytest.mark.parametrize("side", SIDES)
def test_rows_of_any_size(side):
    """Of 1e-170 their products vanish beside the damping; of 1e160 they overflow."""
    a = rows((5, 8))
    found = fisher_solve(1e-170 * a, None, 0.5, side=side)
    # The mean over the damping: sums of 5, and a few operations, on both sides.
    size = 2e-170 * np.abs(a).mean(axis=0)
    assert np.all(np.abs(found.x - 2e-170 * a.mean(axis=0)) <= 2 * 8 * UNIT * size)
    for call in (
        lambda: fisher_solve(1e160 * a, None, 0.5, side=side),
        lambda: levenberg_marquardt_solve(1e160 * a, np.ones(5), 0.5, side=side),
    ):
        with pytest.raises(ValueError, match="rows: elements given whose products"):
            call()


def test_wrong_calls():
    a, r = rows((6, 4)), np.ones(6)
    for error, words, method, arguments, options in [
        (TypeError, "per_sample_grads: dtype float16", fisher_solve, (a.astype("f2"),), {}),
        (ValueError, "per_sample_grads: shape", fisher_solve, (np.zeros(()),), {}),
        (ValueError, "per_sample_grads: no element", fisher_solve, (np.zeros((3, 0)),), {}),
        (ValueError, "per_sample_grads: a NaN", fisher_solve, (a * np.nan,), {}),
        (ValueError, r"per_sample_grads\['w'\]: a NaN", fisher_solve, ({"w": a * np.inf},), {}),
        (ValueError, "g: shape", fisher_solve, (a, np.ones(3)), {}),
        (ValueError, "g: a NaN", fisher_solve, (a, np.full(4, np.nan)), {}),
        (ValueError, "damping", fisher_solve, (a, None, 0.0), {}),
        (ValueError, "damping", fisher_solve, (a, None, np.nan), {}),
        (ValueError, "samples: 0", fisher_solve, (a,), {"samples": 0}),
        (ValueError, "side", fisher_solve, (a,), {"side": "rows"}),
        (TypeError, "r: ", levenberg_marquardt_solve, (a, None, 1.0), {}),
        (TypeError, "r: dtype int64", levenberg_marquardt_solve, (a, r.astype("i8"), 1.0), {}),
        (ValueError, "r: shape", levenberg_marquardt_solve, (a, r[:4], 1.0), {}),
        (ValueError, "r: a NaN", levenberg_marquardt_solve, (a, r * np.nan, 1.0), {}),
        (ValueError, "damping", levenberg_marquardt_solve, (a, r, -1.0), {}),
        (ValueError, "scaling", levenberg_marquardt_solve, (a, r, 1.0), {"scaling": "more"}),
        (
            ValueError,
            "scaling: 0",
            levenberg_marquardt_solve,
            (a, r, 1.0),
            {"scaling": np.zeros(4)},
        ),
        (ValueError, "scaling: shape", levenberg_marquardt_solve, (a, r, 1.0), {"scaling": r}),
    ]:
        with pytest.raises(error, match=words):
            method(*arguments, **options)
