"""steps.clip_adaptive_: units of gradients against those of their parameters."""

import math

import ml_dtypes
import numpy as np
import pytest
from kinds import steps, thread_counts
from reference import tree
from reference.steps import stages
from steepest import cpu

BF16 = ml_dtypes.bfloat16
DTYPES = (np.float32, np.float64, np.float16, BF16)
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
SHAPES = ((7, 40), (64, 3, 3, 3), (5000,), (), (3, 9001), (1, 17), (17, 1), (2, 1), (9, 1, 1))


def random(shapes, dtype, seed):
    """Units of many sizes, so that some are clipped and some are not."""
    rng = np.random.default_rng(seed)
    made = []
    for shape in shapes:
        x = rng.standard_normal(shape)
        rows = (len(x), *(1 for _ in shape[1:])) if shape else ()
        made.append(np.asarray(x * 10.0 ** rng.uniform(-3, 1, rows), dtype))
    return made


def bits_of(g, p, factor, eps):
    """What the library must give to the last bit: sums over the fixed tree, one product in the
    precision of the gradient."""
    single = np.float64 if g.dtype == np.float64 else np.float32
    units = 1 if sum(n > 1 for n in g.shape) <= 1 else len(g)
    made = []
    for row, weights in zip(g.reshape(units, -1), p.reshape(units, -1), strict=True):
        norm = np.sqrt(tree.square_sums([row])[0])
        bound = factor * max(np.sqrt(tree.square_sums([weights])[0]), eps)
        c = 1.0 if norm <= bound else bound / norm
        made.append((row.astype(single) * single(c)).astype(g.dtype) if c != 1 else row)
    return np.concatenate(made).reshape(g.shape)


@by_dtype
@pytest.mark.parametrize("factor", [0.01, 0.5, 30.0])
def test_units_to_the_last_bit(factor, dtype, every_target):
    start, params = random(SHAPES, dtype, 1), random(SHAPES, dtype, 2)
    wanted = [bits_of(g, p, factor, 1e-3) for g, p in zip(start, params, strict=True)]
    assert any((w != g).any() for w, g in zip(wanted, start, strict=True))
    for target in every_target:
        cpu.use(target)
        for threads in thread_counts(1, 2, 3):
            cpu.set_threads(threads)
            grads = [g.copy() for g in start]
            steps.clip_adaptive_(grads, params, factor)
            for g, w in zip(grads, wanted, strict=True):
                assert g.tobytes() == w.tobytes(), (target, threads, g.shape)


def test_the_equation_in_float64():
    grads, params = random(SHAPES, np.float64, 3), random(SHAPES, np.float64, 4)
    wanted = [stages.clip_adaptive(g, p, 0.1) for g, p in zip(grads, params, strict=True)]
    steps.clip_adaptive_(grads, params, 0.1)
    for g, w in zip(grads, wanted, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-14, atol=0)


def test_many_small_units_on_many_threads():
    rng = np.random.default_rng(5)
    start, p = rng.standard_normal((2, 70001, 9)).astype(np.float32)
    results = []
    for threads in thread_counts(1, 2, 5):
        cpu.set_threads(threads)
        g = start.copy()
        steps.clip_adaptive_(g, p, 0.7)
        results.append(g.tobytes())
    assert results == results[:1] * len(results)
    np.testing.assert_allclose(
        g, stages.clip_adaptive(start.astype(float), p.astype(float), 0.7), rtol=1e-6
    )


def test_parameters_near_zero_count_as_eps():
    g, p = np.ones((2, 4), np.float32), np.zeros((2, 4), np.float32)
    p[1] = 1
    steps.clip_adaptive_(g, p, 0.5, eps=0.25)
    assert np.array_equal(g[0], np.full(4, np.float32(0.125 / 2)))
    assert np.array_equal(g[1], np.full(4, np.float32(0.5)))
    g = np.ones(4)
    steps.clip_adaptive_(g, np.zeros(4), eps=0.0)
    assert not g.any()
    steps.clip_adaptive_(g, np.zeros(4), eps=0.0)
    assert not g.any(), "zero stays zero"


def test_mixed_dtypes_and_missing_gradients():
    grads = [np.full((2, 3), 4.0, np.float32), None, np.full(5, 2.0, BF16)]
    params = [np.ones((2, 3)), None, np.ones(5, np.float16)]
    steps.clip_adaptive_(grads, params, 0.5)
    assert np.array_equal(grads[0], bits_of(np.full((2, 3), 4.0, np.float32), params[0], 0.5, 1e-3))
    assert np.array_equal(grads[2], np.full(5, 0.5, BF16))
    steps.clip_adaptive_([None, np.ones((0, 3))], [np.ones(3), np.ones((0, 3))])


def test_units_of_another_axis():
    rng = np.random.default_rng(6)
    g, p = (np.asfortranarray(rng.standard_normal((6, 5))) for _ in range(2))
    wanted = stages.clip_adaptive(g.T.copy(), p.T.copy(), 0.1).T
    steps.clip_adaptive_(g, p, 0.1, axis=-1)
    np.testing.assert_allclose(g, wanted, rtol=1e-14, atol=0)
    filters = rng.standard_normal((4, 5, 5, 3)).transpose(0, 3, 1, 2)  # channels last
    kept = np.ones((4, 5, 5, 3)).transpose(0, 3, 1, 2)
    wanted = stages.clip_adaptive(filters.copy(), kept.copy(), 0.1)
    steps.clip_adaptive_(filters, kept, 0.1)
    np.testing.assert_allclose(filters, wanted, rtol=1e-14, atol=0)


def test_what_is_not_finite():
    """It stays in its unit."""
    start = np.ones((5, 3))
    p = np.ones((5, 3))
    start[0, 1], start[1, 1], p[2, 0], p[3, 0] = np.nan, np.inf, np.nan, np.inf
    g = start.copy()
    steps.clip_adaptive_(g, p, 0.5)
    assert np.isnan(g[0]).all() and np.isnan(g[2]).all()
    assert np.array_equal(g[1], [0, np.nan, 0], equal_nan=True)
    assert np.array_equal(g[3], start[3])
    np.testing.assert_allclose(g[4], 0.5, rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "value"),
    [("factor", 0.0), ("factor", -1.0), ("factor", math.nan), ("factor", math.inf),
     ("eps", -1e-3), ("eps", math.nan), ("eps", math.inf), ("axis", 2), ("axis", -3)],
)  # fmt: skip
def test_options_out_of_range(name, value):
    g = np.ones((2, 3))
    with pytest.raises(ValueError, match=name):
        steps.clip_adaptive_(g, g.copy(), **{name: value})
    assert (g == 1).all()
