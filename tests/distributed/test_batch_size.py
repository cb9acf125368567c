"""Tests of the batch size, against NumPy in float64, and their expectations by enumeration."""

import itertools
import math

import numpy as np
import pytest
from reference import tree
from steepest import cpu, distributed

from .support import BFLOAT16, SHAPES, arrays

THETA, NU = 0.7, 3.0


def gradients(count, dtype=np.float64, shift=0.3):
    """Of `count` samples around a common mean."""
    made = [arrays(dtype, 7 + i) for i in range(count)]
    return [[(g.astype(np.float64) + shift).astype(dtype) for g in sample] for sample in made]


def matrix(grads):
    return np.stack([np.concatenate([g.astype(np.float64).reshape(-1) for g in s]) for s in grads])


def wanted(g, batch, theta, nu):
    """Straight from the definitions: (norm test, inner product, orthogonality, advised by both)."""
    n, m = len(g), batch // len(g)
    mean = g.mean(axis=0)
    q = mean @ mean
    variance = m * np.trace(np.cov(g.T)) if g.shape[1] < 400 else m * g.var(axis=0, ddof=1).sum()
    inner = m * np.var(g @ mean, ddof=1)
    rest = g - np.outer(g @ mean / q, mean)
    orthogonal = m * np.sum(rest**2) / (n - 1)
    return (
        variance / batch / q,
        inner / batch / q**2,
        orthogonal / batch / q,
        variance / (theta**2 * q),
        max(inner / (theta**2 * q**2), orthogonal / (nu**2 * q)),
    )


def sums(grads):
    """The three moments, added as the fixed tree adds."""
    mean = [
        sum((s[t].astype(np.float64) for s in grads), 0.0) / len(grads) for t in range(len(SHAPES))
    ]
    add = lambda terms: float(tree.pairwise([tree.tensor_sum(x) for x in terms]))  # noqa: E731
    return (
        add([m * m for m in mean]),
        [add([(x - m) ** 2 for x, m in zip(s, mean, strict=True)]) for s in grads],
        [add([x.astype(np.float64) * m for x, m in zip(s, mean, strict=True)]) for s in grads],
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, BFLOAT16, np.float16])
def test_moments_are_the_reference_to_the_bit(dtype, every_target):
    for count in (1, 2, 5):
        grads = gradients(count, dtype)
        wide = [[g.astype(np.float64) for g in s] for s in grads]
        expected = sums(wide)
        for target in every_target:
            cpu.use(target)
            for threads in (1, 2):
                cpu.set_threads(threads)
                found = distributed.gradient_moments(grads)
                assert found.mean_square == expected[0]
                assert found.deviations.tolist() == expected[1]
                assert found.products.tolist() == expected[2]


def test_stacked_gradients_are_the_same():
    grads = gradients(4, np.float32)
    stacked = [np.stack([s[t] for s in grads]) for t in range(len(SHAPES))]
    listed, together = (
        distributed.gradient_moments(grads),
        distributed.gradient_moments(stacked, stacked=True),
    )
    assert listed.mean_square == together.mean_square
    assert np.array_equal(listed.deviations, together.deviations)
    assert np.array_equal(listed.products, together.products)
    one = distributed.norm_test(np.stack([g[2] for g in grads]), None, 0.5, stacked=True)
    assert one == distributed.norm_test([g[2] for g in grads], None, 0.5)


@pytest.mark.parametrize("batch", [6, 60])
def test_statistics_are_the_definitions(batch):
    grads = gradients(6)
    norm, inner, orthogonal, advised, advised_both = wanted(matrix(grads), batch, THETA, NU)
    found = distributed.norm_test(grads, batch, THETA)
    assert found.statistic == pytest.approx(norm, rel=1e-12)
    assert found.passed == (norm <= THETA**2)
    assert found.advised == max(batch, math.ceil(advised))
    both = distributed.inner_product_test(grads, batch, THETA, NU)
    assert both.statistic == pytest.approx(inner, rel=1e-10)
    assert both.orthogonal == pytest.approx(orthogonal, rel=1e-12)
    assert both.passed == (inner <= THETA**2 and orthogonal <= NU**2)
    assert both.advised == max(batch, math.ceil(advised_both))


def test_the_advised_batch_is_the_first_that_passes():
    """With the same variance, which does not depend on the batch."""
    found = distributed.norm_test(gradients(6), None, 0.2)
    assert not found.passed and found.advised > 6
    level = found.variance / found.mean_square
    assert level / found.advised <= 0.2**2 < level / (found.advised - 1)
    both = distributed.inner_product_test(gradients(6), None, 0.1, 0.1)
    levels = 6 * both.statistic / 0.01, 6 * both.orthogonal / 0.01
    assert max(levels) <= both.advised < max(levels) + 1


def test_the_variance_is_unbiased():
    """The mean over all samples with replacement from a population is its variance, exactly."""
    population = np.random.default_rng(0).standard_normal((4, 3))
    true = np.sum((population - population.mean(axis=0)) ** 2) / 4
    found = [
        distributed.norm_test([population[i] for i in chosen], None, 1.0).variance
        for chosen in itertools.product(range(4), repeat=3)
    ]
    assert np.mean(found) == pytest.approx(true, rel=1e-12)


def test_the_variance_from_workers_is_unbiased_too():
    """Two workers with means of two samples each: the variance of one sample is found."""
    population = np.random.default_rng(1).standard_normal((3, 4))
    true = np.sum((population - population.mean(axis=0)) ** 2) / 3
    found = []
    for a, b, c, d in itertools.product(range(3), repeat=4):
        workers = [population[[a, b]].mean(axis=0), population[[c, d]].mean(axis=0)]
        found.append(distributed.norm_test(workers, 4, 1.0).variance)
    assert np.mean(found) == pytest.approx(true, rel=1e-12)


def test_no_mean_and_no_finite_batch():
    zero, one = np.zeros(3), np.array([1.0, 0.0, -2.0])
    still = distributed.norm_test([zero, zero], None, 0.5)
    assert (still.statistic, still.passed, still.advised) == (0.0, True, 2)
    both = distributed.inner_product_test([zero, zero], None, 0.5, 1.0)
    assert (both.statistic, both.orthogonal, both.passed, both.advised) == (0.0, 0.0, True, 2)
    torn = distributed.norm_test([one, -one], None, 0.5)
    assert (torn.statistic, torn.passed, torn.advised) == (math.inf, False, None)
    both = distributed.inner_product_test([one, -one], None, 0.5, 1.0)
    assert (both.orthogonal, both.passed, both.advised) == (math.inf, False, None)
    for bad in (math.nan, math.inf):
        lost = distributed.norm_test([one, np.array([bad, 0.0, 0.0])], None, 0.5)
        assert not lost.passed and lost.advised is None and math.isnan(lost.statistic)
        both = distributed.inner_product_test([one, np.array([bad, 0, 0])], None, 0.5, 1.0)
        assert not both.passed and both.advised is None


def test_parallel_gradients_have_nothing_aside():
    g = np.array([1.0, 2.0, 2.0])
    found = distributed.inner_product_test([g, 3 * g], None, 1.0, math.inf)
    assert found.orthogonal < 1e-15
    assert found.statistic == pytest.approx(2 * 18.0**2 / 2 / 36**2)
    assert found.mean_square == 36.0


def test_wrong_arguments_are_refused():
    g = gradients(3, np.float32)
    for call in (
        lambda *a, **k: distributed.norm_test(*a, 0.5, **k),
        lambda *a, **k: distributed.inner_product_test(*a, 0.5, 1.0, **k),
    ):
        with pytest.raises(ValueError, match="grads: 1 gradient given"):
            call(g[:1], None)
        with pytest.raises(ValueError, match="batch_size: 4 given, expected a multiple of 3"):
            call(g, 4)
        with pytest.raises(TypeError, match=r"grads: .*ndarray given"):
            call(g[0][0], None)
        with pytest.raises(ValueError, match=r"grads\[1\]: 2 arrays given, expected 7"):
            call([g[0], g[1][:2]], None)
        with pytest.raises(ValueError, match=r"grads\[1\]\[0\]: shape"):
            call([g[0], [g[1][2], *g[1][1:]]], None)
        with pytest.raises(ValueError, match="first dimensions"):
            call([np.zeros((2, 3)), np.zeros((3, 3))], None, stacked=True)
    with pytest.raises(ValueError, match=r"theta: 0\.0 given"):
        distributed.norm_test(g, None, 0.0)
    with pytest.raises(ValueError, match=r"nu: -1\.0 given"):
        distributed.inner_product_test(g, None, 0.5, -1.0)
