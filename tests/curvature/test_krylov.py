"""Hutch++, the Lanczos process, spectral densities and extreme eigenvalues."""

import itertools
import math

import numpy as np
import pytest
from reference.curvature import models, statistics
from steepest.curvature import (
    extreme_eigenvalues,
    hutchpp_trace,
    lanczos,
    plot_density,
    rademacher,
    spectral_density,
)
from steepest.curvature.student import two_sided

from .support import SEED, UNIT, product_with, symmetric

U = 2.0**-52


class Counted:
    """A dense matrix as a callback that counts."""

    def __init__(self, a):
        self.a, self.calls = a, 0

    def __call__(self, z):
        self.calls += 1
        return (self.a @ z.astype(np.float64)).astype(z.dtype)


def with_eigenvalues(values, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))
    return (q * values) @ q.T


def rest_after_sketch(a, rank, seed):
    """P A P, where P takes out the products of A with the probes of the sketch."""
    probes = [rademacher(np.empty(len(a)), seed, k) for k in range(rank)]
    q, _ = np.linalg.qr(a @ np.stack(probes, axis=1))
    p = np.eye(len(a)) - q @ q.T
    return p @ a @ p


def test_fourth_moments_of_signs():
    """All 2^8 draws: the bounds of the next test rest on this number."""
    a = symmetric(8)
    z = np.array(list(itertools.product([-1.0, 1.0], repeat=8)))
    samples = np.einsum("ki,ij,kj->k", z, a, z)
    exact = np.mean((samples - np.trace(a)) ** 4)
    # Either side sums fewer than 2^9 products of four elements twice over.
    assert abs(statistics.trace_fourth_moment(a) - exact) <= 2**9 * U * np.sum(np.abs(a)) ** 4


def test_hutchpp_is_unbiased_with_honest_errors():
    """Given the sketch, samples have the mean tr A and the variance v and fourth moment m of z^T P
    A P z. So the mean of 8 has the variance v / 8, and 8 stderr^2, the variance of the samples, the
    mean v and itself a variance of (m - 5 / 7 v^2) / 8. Over seeds, each in units of its v, means
    are within 5 standard deviations."""
    a, seeds = with_eigenvalues(np.arange(1, 61.0) ** -1.0), range(1000)
    found = [hutchpp_trace(Counted(a), np.empty(60), 24, seed) for seed in seeds]
    assert all(e.probes == 8 and e.products == 24 for e in found)
    rests = [rest_after_sketch(a, 8, seed) for seed in seeds]
    variance = np.array([statistics.trace_variance(rest, "rademacher") for rest in rests])
    fourth = np.array([statistics.trace_fourth_moment(rest) for rest in rests])
    deviation = np.array([e.value - np.trace(a) for e in found]) / np.sqrt(variance / 8)
    assert abs(deviation.mean()) <= 5 / np.sqrt(len(seeds))
    squares = np.array([e.stderr**2 for e in found]) / (variance / 8)
    spread = (fourth / variance**2 - 5 / 7) / 8
    assert abs(squares.mean() - 1) <= 5 * np.sqrt(spread.sum()) / len(seeds)


def test_intervals_are_student_s():
    """Half as wide as the quantile for 7 degrees of freedom, to the roundings of both ends."""
    found = hutchpp_trace(Counted(symmetric(60)), np.empty(60), 24)
    low, high = found.interval(0.9)
    half = two_sided(0.9, 7) * found.stderr
    assert abs((high - low) / 2 - half) <= U * max(abs(low), abs(high))
    assert abs((high + low) / 2 - found.value) <= U * max(abs(low), abs(high))


def test_hutchpp_beats_hutchinson_where_the_spectrum_decays():
    a = with_eigenvalues(np.arange(1, 101.0) ** -2.0)
    found = [hutchpp_trace(Counted(a), np.empty(100), 30, seed).value for seed in range(100)]
    plain = statistics.trace_variance(a, "rademacher") / 30
    assert np.mean((np.array(found) - np.trace(a)) ** 2) <= plain / 20


def test_hutchpp_counts_its_products_and_is_exact_on_low_ranks():
    for budget in (4, 5, 6, 7, 30, 100):
        a = Counted(symmetric(40))
        found = hutchpp_trace(a, np.empty(40), budget, SEED)
        assert found.products == a.calls <= budget
        low = with_eigenvalues(np.r_[5.0, 3, -2, np.zeros(37)])
    assert hutchpp_trace(Counted(low), np.empty(40), 15).value == pytest.approx(6, abs=1e-12)
    zero = hutchpp_trace(lambda z: 0 * z, np.empty(9), 9)
    assert (zero.value, zero.stderr) == (0, 0)
    small = hutchpp_trace(Counted(symmetric(5)), np.empty(5), 15)
    assert small.value == pytest.approx(np.trace(symmetric(5)), abs=1e-13) and small.stderr == 0
    assert small.interval() == (small.value, small.value)


def test_lanczos_restricts_the_operator_to_an_orthonormal_basis():
    """Twice orthogonalised: the basis is orthonormal, and H Q = Q T but for the last column, to a
    small multiple of the dimension's root times rounding."""
    a = symmetric(80)
    found = lanczos(Counted(a), np.empty((8, 10)).reshape(80), 30, SEED)
    q, t = found.basis, np.diag(found.diagonal)
    t += np.diag(found.off_diagonal, 1) + np.diag(found.off_diagonal, -1)
    assert q.shape == (80, 30) and (found.off_diagonal > 0).all()
    slack = 80 * U
    assert np.abs(q.T @ q - np.eye(30)).max() <= slack
    rest = a @ q - q @ t
    size = np.linalg.norm(a, 2)
    assert np.linalg.norm(rest[:, :-1]) <= slack * size * 30
    assert abs(np.linalg.norm(rest[:, -1]) - found.residual) <= slack * size * 30


def test_lanczos_ends_with_the_krylov_space():
    """H Q = Q T to within as much, so that eigenvalues are (Weyl)."""
    a = with_eigenvalues(np.repeat([1.0, 2, 5], 20))
    found = lanczos(Counted(a), np.empty(60), 50)
    assert len(found.diagonal) == 3 and found.basis.shape == (60, 3)
    assert np.abs(found.eigen()[0] - [1, 2, 5]).max() <= 60 * U * 5 * 3
    assert lanczos(lambda z: 3 * z, np.empty(9), 5).diagonal == pytest.approx([3])
    full = lanczos(Counted(symmetric(12)), np.empty(12), 100)
    exact = np.linalg.eigvalsh(symmetric(12))
    assert np.abs(full.eigen()[0] - exact).max() <= 12 * U * np.abs(exact).max() * 12


def test_quadrature_is_exact_for_polynomials_of_low_degree():
    """Degrees up to 2 steps - 1: z^T H^k z / n of each probe. Every factor is off by what H Q = Q T
    is, or by a product of our own."""
    a, steps = symmetric(50) / 10, 6
    found = spectral_density(Counted(a), np.empty(50), steps, 3, SEED)
    assert found.nodes.shape == found.weights.shape == (3, steps)
    for k in range(3):
        z, power = rademacher(np.empty(50), SEED, k), np.eye(50)
        for degree in range(2 * steps):
            moment = np.sum(found.weights[k] * found.nodes[k] ** degree)
            size = np.linalg.norm(a, 2) ** degree
            slack = (degree + 1) * (steps + 1) * 50 * U * size
            assert abs(moment - z @ power @ z / 50) <= slack, degree
            power = power @ a
    # Squares of the first row of an orthogonal matrix, to some units for each of its columns.
    assert np.abs(found.weights.sum(axis=1) - 1).max() <= 8 * steps * U


def beyond_the_grid(found):
    """Bounds of what the trapezoidal rule over the grid misses of an integral of 1.

    Over a grid without ends the rule would be exact for a Gaussian up to 2 exp(-2 (pi w / h)^2)
    (Poisson's formula), nothing for steps h of a twentieth of the width w. Beyond an end, s widths
    from a node, the curve is convex: the rule gives the tail's integral and an excess of at most
    h^2 / 8 times the slope at the end."""
    step = np.diff(found.grid).max() / found.width
    assert step <= 1 / 20 + 1e-9
    s = np.abs(found.grid[[0, -1], None, None] - found.nodes) / found.width
    tails = np.vectorize(math.erfc)(s / np.sqrt(2)) / 2
    excess = step**2 / 8 * s * np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi)
    least, more = (np.sum(found.weights * x) / len(found.nodes) for x in (tails, excess))
    return least, least + more


def rounding_of_integrals(found):
    """A place is off by 2 u of the largest: a slope's integral is 0.8 / w, and the step is off by
    twice as much. Sums over the grid, the nodes and the probes; eight for a term's own (its
    exponent is off by 5 u, and 1/2 in the mean); the weights add to 1 as the quadrature's do."""
    places = np.abs(found.grid).max() / np.diff(found.grid).min()
    terms = len(found.grid) + sum(found.nodes.shape) + 8
    return (6 * places + terms + 16 * found.nodes.shape[1]) * UNIT


def test_density_of_a_model(model):
    """Its integral is 1 but for the tails, its mean the trace over n within its error, and the
    share of eigenvalues above a gap of the spectrum is that of the exact ones."""
    params, _, hessian = model
    hvp = product_with(hessian, [p.shape for p in params])
    found = spectral_density(hvp, params, 40, 8, SEED)
    step = np.diff(found.grid)
    middle = (found.density[1:] + found.density[:-1]) / 2
    fewest, most = beyond_the_grid(found)
    slack = rounding_of_integrals(found)
    assert fewest - slack <= 1 - step @ middle <= most + slack
    means = np.sum(found.nodes * found.weights, axis=1)
    exact = np.trace(hessian) / len(hessian)
    variance = statistics.trace_variance(hessian, "rademacher") / 8
    assert abs(means.mean() - exact) <= 5 * np.sqrt(variance) / len(hessian)
    values = np.linalg.eigvalsh(hessian)
    gap = np.argmax(np.diff(values))  # below the outliers
    cut = (values[gap] + values[gap + 1]) / 2
    above = np.sum(found.weights * (found.nodes > cut), axis=1)
    share = np.mean(values > cut)
    assert abs(above.mean() - share) <= 5 * np.sqrt(2 * share / len(values) / 8)
    assert found.stderr.shape == found.density.shape and (found.density >= 0).all()


def test_grids_and_widths():
    a = with_eigenvalues(np.r_[np.zeros(30), np.full(10, 4.0)])
    found = spectral_density(Counted(a), np.empty(40), 10, 1, grid=[-1, 0, 2, 4], width=0.5)
    assert found.grid.tolist() == [-1, 0, 2, 4] and found.width == 0.5
    assert found.density[1] > found.density[3] > found.density[2] and np.isnan(found.stderr).all()
    assert len(spectral_density(Counted(a), np.empty(40), 10, 2, grid=50).grid) == 50


def test_extreme_eigenvalues_of_a_model(model):
    params, _, hessian = model
    values = np.linalg.eigvalsh(hessian)
    hvp = product_with(hessian, [p.shape for p in params])
    found = extreme_eigenvalues(hvp, params, 3, 1, SEED, tol=1e-10)
    slack = len(hessian) * U * np.abs(values).max()  # of products, and of LAPACK
    assert np.all(np.abs(found.top - values[:-4:-1]) <= found.top_error + slack)
    assert abs(found.bottom[0] - values[0]) <= found.bottom_error[0] + slack
    assert (found.top_error <= 1e-10 * values[-1]).all()


def test_extremes_stop_and_count():
    a = Counted(symmetric(200))
    few = extreme_eigenvalues(a, np.empty(200), max_products=12, tol=1e-14)
    assert few.products == a.calls == 12 and few.top_error[0] > 0
    assert extreme_eigenvalues(lambda z: 0 * z, np.empty(5)).top.tolist() == [0]
    single = extreme_eigenvalues(a, np.empty(200, np.float32))
    exact = np.linalg.eigvalsh(a.a)
    # Vectors, and products with them, are rounded to float32.
    slack = 4 * 2.0**-24 * np.abs(exact).max()
    assert abs(single.top[0] - exact[-1]) <= single.top_error[0] + slack
    assert abs(single.bottom[0] - exact[0]) <= single.bottom_error[0] + slack


@pytest.mark.parametrize("method", [lanczos, spectral_density, extreme_eigenvalues])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators_that_are_not_symmetric_are_refused(method, dtype):
    a = symmetric(100)
    slightly = a + 0.05 * np.triu(a, 1)
    method(Counted(a), np.empty(100, dtype))
    with pytest.raises(ValueError, match="not symmetric given"):
        method(Counted(slightly), np.empty(100, dtype))
    method(Counted(slightly), np.empty(100, dtype), symmetry_tolerance=1.0)


@pytest.mark.parametrize("method", [hutchpp_trace, lanczos, spectral_density, extreme_eigenvalues])
def test_wrong_calls(method):
    x = np.zeros(12)
    for error, words, arguments in [
        (TypeError, "hvp", (None, x)),
        (TypeError, "like: dtype float16 given", (abs, x.astype(np.float16))),
        (ValueError, "like: no element", (abs, np.zeros(0))),
        (ValueError, "seed", (abs, x, 8, 8, -1) if method is spectral_density else None),
        (ValueError, "NaN", (lambda z: z * np.nan, x)),
        (ValueError, "shape", (lambda z: z[:3], x)),
    ]:
        if arguments:
            with pytest.raises(error, match=words):
                method(*arguments)
    with pytest.raises(ValueError, match="given, expected"):
        method(abs, x, -1)


def test_wrong_grids():
    for grid in ([[0, 1]], [1, 0], [0, np.nan], 1):
        with pytest.raises(ValueError, match="grid"):
            spectral_density(lambda z: z, np.zeros(5), grid=grid)


def test_structures_and_torch():
    torch = pytest.importorskip("torch")
    a = torch.from_numpy(symmetric(30))

    def hvp(z):
        product = a @ torch.cat([z["a"].reshape(-1), z["b"]])
        return {"a": product[:6].reshape(2, 3), "b": product[6:]}

    like = {"a": torch.zeros(2, 3, dtype=a.dtype), "b": torch.zeros(24, dtype=a.dtype)}
    found = extreme_eigenvalues(hvp, like, tol=1e-12)
    assert found.top[0] == pytest.approx(np.linalg.eigvalsh(a.numpy())[-1])
    assert models.flat([hutchpp_trace(hvp, like, 90).samples])[0] == pytest.approx(float(a.trace()))


def test_plot():
    pytest.importorskip("matplotlib").use("Agg")
    found = spectral_density(Counted(symmetric(30)), np.empty(30), 10, 2)
    axes = plot_density(found)
    assert axes.get_xlabel() == "eigenvalue" and axes.get_yscale() == "log"
    assert plot_density(found, axes) is axes and len(axes.lines) == 2
    axes.figure.canvas.draw()
