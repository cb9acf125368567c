"""accumulate: statistics of z * (H z) and the sum z^T H z, of probes that are made anew."""

import numpy as np
import pytest
from reference.curvature import statistics
from reference.tree import tensor_sum
from steepest import cpu
from steepest.curvature import accumulate, gaussian, rademacher

from .support import DTYPES, SEED, same_bits

MAKERS = {"rademacher": rademacher, "gaussian": gaussian}
by_distribution = pytest.mark.parametrize("distribution", MAKERS)
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
SAMPLES = 12


def state_dtype(dtype):
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


class Run:
    """Products of several samples, taken in one after the other."""

    def __init__(self, dtype, distribution, n=4096 + 300, weighted=False, block=1):
        rng = np.random.default_rng(1)
        # Around 3: a mean that is large beside the deviations is what Welford's form is for.
        self.z = [MAKERS[distribution](np.empty(n, dtype), SEED, k) for k in range(SAMPLES)]
        noise = rng.standard_normal((SAMPLES, n))
        self.h = [
            (3 * z.astype(float) + x).astype(dtype) for z, x in zip(self.z, noise, strict=True)
        ]
        self.keywords = {"distribution": distribution, "block": block}
        state = state_dtype(dtype)
        self.mean, self.scatter = np.zeros(n // block, state), np.zeros(n // block, state)
        self.weight = np.zeros(n, state) if weighted else None

    def go(self):
        self.totals = [
            accumulate(h, self.mean, self.scatter, SEED, sample=k + 1, weight=self.weight,
                       **self.keywords)
            for k, h in enumerate(self.h)
        ]  # fmt: skip
        return self


@by_distribution
@by_dtype
def test_mean_and_scatter(dtype, distribution):
    """An update rounds the sample, the deviation, its share and the sum: the mean of values below
    m is off by at most 4 u m per sample, u the unit roundoff. A deviation is then off by as much,
    its square by twice that times the deviation, and the sum of squares by as many."""
    run = Run(dtype, distribution).go()
    mean, scatter = statistics.moments(run.z, run.h)
    x = np.abs(np.array(run.z, np.float64) * np.array(run.h, np.float64)).max(axis=0)
    u = np.finfo(state_dtype(dtype)).eps / 2
    slack = 4 * u * x * SAMPLES
    assert np.all(np.abs(run.mean - mean) <= slack)
    assert np.all(np.abs(run.scatter - scatter) <= SAMPLES * 2 * slack * 2 * x + 8 * u * scatter)


def test_the_form_of_gaussians():
    """The same counting with values h - z * slope, and divisions by the weight."""
    run = Run(DTYPES[1], "gaussian", weighted=True).go()
    slope, scatter, weight = statistics.normalized(run.z, run.h)
    u = 2.0**-53
    assert np.allclose(run.weight, weight, rtol=SAMPLES * 2 * u, atol=0)
    size = np.abs(np.array(run.h)).max(axis=0) + np.abs(slope * np.array(run.z)).max(axis=0)
    assert np.all(np.abs(run.mean - slope) <= 8 * SAMPLES * u * size * SAMPLES / np.sqrt(weight))
    assert np.all(np.abs(run.scatter - scatter) <= 32 * SAMPLES * u * size**2 * SAMPLES)


def test_signs_have_one_form_only():
    """Either form to within its own bound, as above."""
    plain = Run(DTYPES[1], "rademacher").go()
    weighted = Run(DTYPES[1], "rademacher", weighted=True).go()
    u, x = 2.0**-53, np.abs(np.array(plain.h)).max(axis=0)
    size = x + np.abs(plain.mean)
    slack = 4 * u * x * SAMPLES
    assert np.all(np.abs(plain.mean - weighted.mean) <= slack + 8 * u * size * SAMPLES**1.5)
    both = 4 * SAMPLES * slack * x + 8 * u * plain.scatter + 32 * u * (SAMPLES * size) ** 2
    assert np.all(np.abs(plain.scatter - weighted.scatter) <= both)
    assert np.all(weighted.weight == SAMPLES)


@by_distribution
@by_dtype
def test_the_sum_is_that_of_the_tree(dtype, distribution):
    run = Run(dtype, distribution, n=3 * 4096 + 129).go()
    for z, h, total in zip(run.z, run.h, run.totals, strict=True):
        assert total == tensor_sum(z.astype(np.float64) * h.astype(np.float64))


@by_distribution
@by_dtype
@pytest.mark.parametrize("kind", ["plain", "weighted", "block"])
def test_the_same_bits_on_targets_and_with_threads(dtype, distribution, kind, every_target):
    options = {"n": 9 * 2500, "weighted": kind == "weighted", "block": 9 if kind == "block" else 1}
    wanted = None
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2, 3):
            cpu.set_threads(threads)
            run = Run(dtype, distribution, **options).go()
            wanted = wanted or run
            assert run.totals == wanted.totals
            assert same_bits(run.mean, wanted.mean) and same_bits(run.scatter, wanted.scatter)
            assert run.weight is None or same_bits(run.weight, wanted.weight)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_wherever_arrays_lie(dtype, every_target):
    """The loops over signs begin at a line of the cache of the mean."""
    n, apart = 4096 + 1100, 64 // np.dtype(dtype).itemsize
    h = np.random.default_rng(3).standard_normal(n).astype(dtype)
    found = []
    for target in every_target:
        cpu.use(target)
        for offset in range(apart):
            mean, scatter = (np.full(n + apart, x, dtype)[offset : offset + n] for x in (1, 2))
            total = accumulate(h, mean, scatter, SEED, sample=3)
            found.append((mean.tobytes(), scatter.tobytes(), total))
    assert len(set(found)) == 1
    z = rademacher(np.empty(n, dtype), SEED, 2)  # of the third sample
    assert found[0][2] == tensor_sum(z.astype(np.float64) * h)


@by_distribution
def test_slices_and_lists(distribution):
    """Statistics of a tensor from its parts, and of a list from its tensors."""
    whole = Run(DTYPES[0], distribution).go()
    parts = Run(DTYPES[0], distribution)
    for k, h in enumerate(parts.h):
        for part in (slice(0, 77), slice(77, 2000), slice(2000, None)):
            accumulate(h[part], parts.mean[part], parts.scatter[part], SEED, sample=k + 1,
                       offset=part.start, distribution=distribution)  # fmt: skip
    assert same_bits(parts.mean, whole.mean) and same_bits(parts.scatter, whole.scatter)
    means, scatters = [np.zeros(9), np.zeros(5, np.float32)], [np.zeros(9), np.zeros(5, np.float32)]
    h = [np.arange(9.0), np.arange(5, dtype=np.float32)]
    total = accumulate(h, means, scatters, SEED, sample=1, tensor=4, distribution=distribution)
    alone = [
        accumulate(a, np.zeros_like(a), np.zeros_like(a), SEED, sample=1, tensor=4 + i,
                   distribution=distribution)
        for i, a in enumerate(h)
    ]  # fmt: skip
    assert total == alone[0] + alone[1]
    assert same_bits(means[1], h[1] * MAKERS[distribution](h[1], SEED, 0, 5))


@by_distribution
@pytest.mark.parametrize("block", [2, 9, 32, 4096, 5000, 20000])
def test_blocks_share_the_mean_of_their_samples(distribution, block):
    run = Run(DTYPES[1], distribution, n=20000, block=block if 20000 % block == 0 else 1)
    if 20000 % block:
        run = Run(DTYPES[1], distribution, n=3 * block, block=block)
    run.go()
    x = np.array(run.z) * np.array(run.h)
    blocks = x.reshape(SAMPLES, -1, block).mean(axis=2)
    mean, scatter = statistics.moments(np.ones_like(blocks), blocks)
    # Sums of `block` terms in order, then as above.
    slack = 2.0**-53 * np.abs(x).max() * (block + 4 * SAMPLES)
    assert np.all(np.abs(run.mean - mean) <= slack)
    assert np.all(np.abs(run.scatter - scatter) <= SAMPLES * 8 * slack * np.abs(x).max())


def test_a_diagonal_operator_is_exact():
    d = np.random.default_rng(2).standard_normal(5000).astype(np.float32)
    mean, scatter = np.zeros_like(d), np.zeros_like(d)
    for k in range(7):
        accumulate(d * rademacher(d, 3, k), mean, scatter, 3, sample=k + 1)
        assert same_bits(mean, d) and not scatter.any()


def test_nan_and_infinity_pass_on():
    h = np.ones(300)
    h[5], h[200] = np.nan, np.inf
    mean, scatter = np.zeros(300), np.zeros(300)
    assert np.isnan(accumulate(h, mean, scatter, 0, sample=1))
    assert (
        np.isnan(mean[5]) and np.isinf(mean[200]) and np.isfinite(np.delete(mean, (5, 200))).all()
    )


def test_wrong_calls_change_nothing():
    h = np.arange(12.0)
    mean, scatter, weight = (np.full(12, 7.0) for _ in range(3))
    frozen = mean.copy()
    frozen.flags.writeable = False
    single = mean.astype(np.float32)
    calls = [
        (ValueError, "sample", (h, mean, scatter, 0), {"sample": 0}),
        (TypeError, "mean: dtype float32", (h, single, scatter, 0), {"sample": 1}),
        (ValueError, "scatter: 11 elements", (h, mean, scatter[:11], 0), {"sample": 1}),
        (BufferError, "mean", (h, frozen, scatter, 0), {"sample": 1}),
        (ValueError, "memory shared", (h, mean, mean, 0), {"sample": 1}),
        (ValueError, "products: memory shared", (mean, mean, scatter, 0), {"sample": 1}),
        (ValueError, "another structure", ([h], mean, scatter, 0), {"sample": 1}),
        (ValueError, "distribution", (h, mean, scatter, 0), {"sample": 1, "distribution": "x"}),
        (ValueError, "block: 5", (h, mean, scatter, 0), {"sample": 1, "block": 5}),
        (ValueError, "block", (h, mean, scatter, 0), {"sample": 1, "block": 2, "weight": weight}),
        (ValueError, "layout", (np.ones((12, 2))[:, 0], mean, scatter, 0), {"sample": 1}),
    ]
    for error, words, arguments, keywords in calls:
        with pytest.raises(error, match=words):
            accumulate(*arguments, **keywords)
    assert all(np.all(a == 7) for a in (mean, scatter, weight)) and np.array_equal(
        h, np.arange(12.0)
    )
