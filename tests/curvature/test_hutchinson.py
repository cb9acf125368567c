"""hutchinson_diag and hutchinson_trace: unbiased, of the variances of the theory, honest errors."""

import numpy as np
import pytest
from reference.curvature import models, statistics
from steepest import cpu
from steepest.curvature import gaussian, hutchinson_diag, hutchinson_trace, rademacher

from .support import (
    DTYPES,
    SEED,
    UNIT,
    product_with,
    rounding_of_means,
    same_bits,
    symmetric,
)

DISTRIBUTIONS = ("rademacher", "gaussian")
by_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS)
REPEATS = 400


def repeats(estimate, count=REPEATS):
    return [estimate(seed) for seed in range(count)]


@by_distribution
def test_the_trace_is_unbiased_and_of_the_theory_s_variance(distribution):
    """Over independent seeds: the mean to five of its deviations; the variance, whose own is
    2 v^2 / REPEATS for nearly normal estimates, to five too."""
    a = symmetric(40)
    values = [e.value for e in repeats(lambda s: hutchinson_trace(
        lambda z: a @ z, np.empty(40), 10, s, distribution=distribution))]  # fmt: skip
    variance = statistics.trace_variance(a, distribution) / 10
    assert abs(np.mean(values) - np.trace(a)) <= 5 * np.sqrt(variance / REPEATS)
    assert abs(np.var(values, ddof=1) / variance - 1) <= 5 * np.sqrt(2 / REPEATS)


@by_distribution
def test_its_squared_error_is_an_unbiased_estimate_of_the_variance(distribution):
    a = symmetric(40)
    squares = [e.stderr**2 for e in repeats(lambda s: hutchinson_trace(
        lambda z: a @ z, np.empty(40), 10, s, distribution=distribution))]  # fmt: skip
    variance = statistics.trace_variance(a, distribution) / 10
    assert abs(np.mean(squares) / variance - 1) <= 5 * np.std(squares) / variance / REPEATS**0.5


@pytest.mark.parametrize(
    ("distribution", "normalized"), [("rademacher", None), ("gaussian", False), ("gaussian", None)]
)
def test_the_diagonal_is_unbiased_and_of_the_theory_s_variance(distribution, normalized):
    """Variances are compared over all entries together: they are averages of 40 numbers, though
    not independent ones."""
    a, probes = symmetric(40), 12
    found = repeats(lambda s: hutchinson_diag(
        lambda z: a @ z, np.empty(40), probes, s, distribution=distribution, normalized=normalized
    ))  # fmt: skip
    values, errors = np.array([e.value for e in found]), np.array([e.stderr for e in found])
    if distribution == "gaussian" and normalized is None:
        variance = statistics.diagonal_variance(a, "rademacher") / (probes - 2)
    else:
        variance = statistics.diagonal_variance(a, distribution) / probes
    deviation = (values.mean(axis=0) - np.diag(a)) / np.sqrt(variance / REPEATS)
    assert np.abs(deviation).max() <= 5
    assert abs(np.mean(values.var(axis=0, ddof=1) / variance) - 1) <= 5 * np.sqrt(2 / REPEATS)
    assert abs(np.mean(np.mean(errors**2, axis=0) / variance) - 1) <= 5 * np.sqrt(2 / REPEATS)


def test_intervals_of_a_model_s_trace_cover_it(model):
    """30 probes, 1000 seeds: 95 % intervals cover the exact trace 92 to 98 % of the time."""
    params, _, hessian = model
    shapes = [p.shape for p in params]
    trace, covered, seeds = np.trace(hessian), 0, 1000
    for seed in range(seeds):
        estimate = hutchinson_trace(lambda z: hessian @ z, np.empty(len(hessian)), 30, seed)
        low, high = estimate.interval()
        covered += low <= trace <= high
    assert 0.92 <= covered / seeds <= 0.98
    estimate = hutchinson_trace(product_with(hessian, shapes), params, 200, SEED)
    assert abs(estimate.value - trace) <= 5 * estimate.stderr


def test_estimates_of_a_model(model):
    """Diagonal and its errors from the exact Hessian, over the parameters' own arrays."""
    params, _, hessian = model
    shapes, probes = [p.shape for p in params], 400
    found = hutchinson_diag(product_with(hessian, shapes), params, probes, SEED)
    assert [v.shape for v in found.value] == shapes and found.probes == probes
    exact = np.diag(hessian)
    deviation = np.sqrt(statistics.diagonal_variance(hessian, "rademacher") / probes)
    error = np.abs(models.flat(found.value) - exact)
    # Entries of pixels that are always dark have no deviation, but sums of n products.
    largest = np.abs(hessian).sum(axis=1)
    slack = (len(hessian) + 1) * UNIT * largest + rounding_of_means(largest, probes)
    assert np.all(error <= 5.5 * deviation + slack)
    varied = deviation > slack
    ratio = models.flat(found.stderr)[varied] / deviation[varied]
    assert abs(np.median(ratio) - 1) <= 5 / np.sqrt(2 * probes)


@by_distribution
def test_samples_are_those_of_the_probes(distribution):
    a = symmetric(30)
    make = {"rademacher": rademacher, "gaussian": gaussian}[distribution]
    seen = []

    def hvp(z):
        seen.append(z.copy())
        return a @ z

    estimate = hutchinson_trace(hvp, np.empty(30), 5, SEED, distribution=distribution)
    for k, (z, sample) in enumerate(zip(seen, estimate.samples, strict=True)):
        assert same_bits(z, make(z, SEED, k))
        # Sums of 30 products of sums of 30, twice; those of a z are the same.
        size = np.abs(z) @ np.abs(a) @ np.abs(z)
        assert abs(sample - z @ a @ z) <= 2 * 62 * UNIT * size
    x = np.abs(estimate.samples).max()
    off = rounding_of_means(x, 5) + 6 * UNIT * x  # of ours, and of NumPy's mean
    assert abs(estimate.value - np.mean(estimate.samples)) <= off
    # Five deviations are off by so much, then squared, summed and their root taken.
    deviation = np.std(estimate.samples, ddof=1)
    slack = np.sqrt(5 / 4) * 2 * off + 16 * UNIT * deviation
    assert abs(estimate.stderr - deviation / np.sqrt(5)) <= slack / np.sqrt(5)
    assert (estimate.probes, estimate.products) == (5, 5)


def test_a_diagonal_operator_is_exact_with_one_probe_of_signs():
    d = np.random.default_rng(0).standard_normal((6, 7))
    assert same_bits(hutchinson_diag(lambda z: d * z, d, 1).value, d)
    assert np.isnan(hutchinson_diag(lambda z: d * z, d, 1).stderr).all()
    assert not hutchinson_diag(lambda z: d * z, d, 3).stderr.any()
    one = hutchinson_trace(lambda z: d * z, d, 1)
    assert np.isnan(one.stderr) and one.interval() == (-np.inf, np.inf)
    normal = hutchinson_diag(lambda z: d * z, d, 4, distribution="gaussian")
    # As in test_the_form_of_gaussians, with |h| and |slope z| both |d z|, at most |d| sqrt(weight).
    assert np.all(np.abs(normal.value - d) <= 8 * 4 * UNIT * 2 * np.abs(d) * 4)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes(dtype):
    d = np.linspace(1, 2, 500).astype(dtype)
    found = hutchinson_diag(lambda z: d * z, d, 3)
    wanted = np.float64 if dtype == np.float64 else np.float32
    assert found.value.dtype == found.stderr.dtype == wanted
    assert np.array_equal(found.value, d.astype(wanted))
    trace, exact = hutchinson_trace(lambda z: d * z, d, 3).value, d.astype(np.float64).sum()
    assert abs(trace - exact) <= 2 * 500 * UNIT * exact + rounding_of_means(exact, 3)


def test_structures():
    like = {"w": np.zeros((3, 4), np.float32), "b": np.zeros(5)}
    seen = []

    def hvp(z):
        seen.append(z)
        return {"b": 3 * z["b"], "w": 2 * z["w"]}

    found = hutchinson_diag(hvp, like, 2)
    assert np.all(found.value["w"] == 2) and np.all(found.value["b"] == 3)
    assert found.value["w"].dtype == np.float32 and list(found.value) == ["w", "b"]
    assert hutchinson_trace(hvp, like, 2).value == 24 + 15
    assert type(seen[0]) is dict
    pair = hutchinson_diag(lambda z: tuple(2 * x for x in z), tuple(like.values()), 2).value
    assert type(pair) is tuple
    turned = hutchinson_diag(lambda z: np.asfortranarray(2 * z), np.zeros((3, 4)), 2).value
    assert np.all(turned == 2)


def test_torch_s_own_products():
    torch = pytest.importorskip("torch")
    w = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4).requires_grad_()

    def hvp(z):
        (g,) = torch.autograd.grad((w**4).sum(), w, create_graph=True)
        return torch.autograd.grad(g, w, z)[0]

    found = hutchinson_diag(hvp, w, 2)
    assert isinstance(found.value, torch.Tensor) and not found.value.requires_grad
    # Powers are within 2 units, and each side multiplies by 3, 4 and a sign, or by 12.
    assert torch.allclose(found.value, 12 * w.detach() ** 2, rtol=16 * UNIT, atol=0)
    exact = float((12 * w.detach() ** 2).sum())
    assert hutchinson_trace(hvp, w, 2).value == pytest.approx(exact, rel=(16 + 2 * 12 + 8) * UNIT)


def test_what_a_callback_does_to_its_probe_does_not_matter():
    d = np.linspace(1, 2, 9)

    def hvp(z):
        z *= d
        return z

    assert same_bits(hutchinson_diag(hvp, d, 4).value, d)  # samples are equal: nothing rounds
    assert hutchinson_trace(hvp, d, 4).stderr == 0


def test_spatial_and_block_averages():
    kernel = np.random.default_rng(0).standard_normal((4, 3, 2, 5))
    signal = np.random.default_rng(1).standard_normal((6, 7))
    off = symmetric(kernel.size + signal.size, 3)

    def hvp(z):
        flat = off @ models.flat(z)
        return models.split(flat, [kernel.shape, signal.shape])

    plain = hutchinson_diag(hvp, [kernel, signal], 20, SEED)
    spatial = hutchinson_diag(hvp, [kernel, signal], 20, SEED, average="spatial")
    z = np.array([models.flat(rademacher([kernel, signal], SEED, k)) for k in range(20)])
    products = z * (z @ off)
    # Of each element by its own largest sample; averages of m have m roundings more on both sides.
    largest = models.split(np.abs(products).max(axis=0), [kernel.shape, signal.shape])
    largest += [162 * UNIT * np.abs(off).sum(axis=1).max()]  # products summed in another order
    mean = plain.value[0].mean(axis=(2, 3), keepdims=True)
    slack = 2 * (rounding_of_means(1, 20) + 11 * UNIT) * largest[0].mean(axis=(2, 3), keepdims=True)
    assert np.all(np.abs(spatial.value[0] - mean) <= slack)
    assert same_bits(spatial.value[1], plain.value[1])
    block = hutchinson_diag(hvp, [kernel, signal], 20, SEED, average="block", block=(5, 6))
    mean = plain.value[1].reshape(-1, 6).mean(axis=1)
    slack = 2 * (rounding_of_means(1, 20) + 7 * UNIT) * largest[1].reshape(-1, 6).mean(axis=1)
    off_by = np.abs(block.value[1].reshape(-1, 6) - mean[:, None])
    assert np.all(off_by <= slack[:, None])
    # Errors of an average, from its own samples, whose sums of 162 products and of 10 elements
    # may be off by so much on both sides; a deviation by twice that, and 20 of them by sqrt(20).
    samples = products[:, : kernel.size].reshape(20, -1, 10).mean(axis=2)
    wanted = np.repeat(samples.std(axis=0, ddof=1) / np.sqrt(20), 10).reshape(kernel.shape)
    slack = 4 * (2 * largest[2] + 31 * UNIT * np.abs(samples).max()) + 32 * UNIT * wanted
    assert np.all(np.abs(spatial.stderr[0] - wanted) <= slack)


def test_until():
    a = symmetric(50) + 10 * np.eye(50)
    found = hutchinson_trace(lambda z: a @ z, np.empty(50), 8, 1, until=0.05)
    low, high = found.interval()
    assert found.probes > 8 and high - low <= 0.05 * found.value
    capped = hutchinson_trace(lambda z: a @ z, np.empty(50), 8, 1, until=1e-9, max_probes=20)
    assert capped.probes == 20
    wide = hutchinson_trace(lambda z: a @ z, np.empty(50), 8, 1, until=1e9)
    assert wide.probes == 8
    diagonal = hutchinson_diag(lambda z: a @ z, np.empty(50), 4, 1, until=0.3)
    assert diagonal.probes > 4
    before = hutchinson_diag(lambda z: a @ z, np.empty(50), diagonal.probes - 1, 1)
    widths = [np.linalg.norm(e.stderr) / np.linalg.norm(e.value) for e in (before, diagonal)]
    assert widths[1] < widths[0]


def test_the_same_bits_whatever_runs(every_target):
    h = np.random.default_rng(0).standard_normal((5, 40000)).astype(np.float32)
    wanted = None
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2):
            cpu.set_threads(threads)
            rows = iter(h)
            found = hutchinson_diag(lambda _, r=rows: next(r), h[0], 5, SEED)
            wanted = wanted or found
            assert same_bits(found.value, wanted.value) and same_bits(found.stderr, wanted.stderr)


BAD = {
    "another structure": (TypeError, "hvp's result: .*expected a list", lambda z: z[0]),
    "a wrong length": (ValueError, "2 arrays given, expected 1", lambda z: [*z, *z]),
    "a wrong shape": (ValueError, r"hvp's result\[0\]: shape \(3,\)", lambda z: [z[0][:3]]),
    "a wrong dtype": (TypeError, r"dtype float32 given", lambda z: [z[0].astype(np.float32)]),
    "no array": (TypeError, "expected an array", lambda z: [1.0]),
    "a NaN": (ValueError, r"hvp's result\[0\]: a NaN", lambda z: [z[0] * np.nan]),
    "an infinity": (ValueError, "infinity", lambda z: [np.full_like(z[0], np.inf)]),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("estimate", [hutchinson_diag, hutchinson_trace])
def test_what_a_callback_must_not_return(estimate, case):
    error, words, hvp = BAD[case]
    with pytest.raises(error, match=words):
        estimate(hvp, [np.zeros(4)])


def test_wrong_arguments():
    x = np.zeros((2, 3))
    calls = [
        (TypeError, "hvp", (3, x), {}),
        (ValueError, "probes: 0", (abs, x, 0), {}),
        (ValueError, "seed", (abs, x, 1, -1), {}),
        (ValueError, "distribution", (abs, x), {"distribution": "normal"}),
        (ValueError, "until", (abs, x), {"until": 0}),
        (ValueError, "max_probes", (abs, x), {"max_probes": 9}),
        (ValueError, "max_probes", (abs, x), {"max_probes": 3, "until": 0.1}),
        (TypeError, "like: dtype int64", (abs, np.zeros(3, int)), {}),
    ]
    for error, words, arguments, keywords in calls:
        for estimate in (hutchinson_trace, hutchinson_diag):
            with pytest.raises(error, match=words):
                estimate(*arguments, **keywords)
    for words, keywords in [
        ("average", {"average": "rows"}),
        ("block: None", {"average": "block"}),
        ("block: 4 given, expected a divisor", {"average": "block", "block": 4}),
        ("block: 4 given, expected None", {"block": 4}),
        ("normalized", {"average": "spatial", "normalized": True}),
    ]:
        with pytest.raises(ValueError, match=words):
            hutchinson_diag(abs, x, **keywords)
    with pytest.raises(ValueError, match="confidence"):
        hutchinson_trace(lambda z: z, x).interval(1.0)
