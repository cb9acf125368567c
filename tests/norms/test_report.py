"""The norm report against its definitions in NumPy, and its ranges and errors."""

# ruff: noqa: N803, N806 (the papers' name)
import numpy as np
import pytest
from steepest import norms

from tests.reference.norms import report as reference

SHAPES = [(1, 1), (3, 5), (64, 128), (65, 129), (130, 4099), (300, 7)]


def agree(found, W):
    # Positive terms: both sums are within (additions + a few) half epsilons, NumPy's at most size.
    tolerance = (W.size + 16) * 2.0**-52
    for name, value in reference.norms(W).items():
        assert getattr(found, name) == pytest.approx(value, rel=tolerance, abs=0), name


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_definitions(shape, dtype):
    W = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    agree(norms.report(W), W)


def test_stacks_and_lists_hold_the_reports_of_their_matrices():
    rng = np.random.default_rng(2)
    stack, one = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((7, 9))
    first, empty, second = norms.report([stack, np.ones((0, 3)), one])
    agree(second, one)
    assert empty[:12] == (0,) * 12
    for i in np.ndindex(2, 3):
        single = norms.report(stack[i])
        for name in reference.norms(one):
            assert getattr(first, name)[i] == getattr(single, name)
    assert norms.report([]) == []


@pytest.mark.parametrize("power", [-1000, -600, 600, 1000])
def test_powers_of_two_scale_exactly(power):
    W = np.random.default_rng(4).uniform(0.5, 1, (9, 11))
    expected = [np.ldexp(value, power) for value in norms.report(W)[:12]]
    assert list(norms.report(np.ldexp(W, power))[:12]) == expected
    assert list(norms.report(np.ldexp(W, power).T.copy().T)[:12]) == expected
    together = norms.report([W, np.ldexp(W, power)])  # only one of them is read again
    assert together[0] == norms.report(W) and list(together[1][:12]) == expected


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_smallest_and_largest_numbers(dtype):
    limits = np.finfo(dtype)
    for value in (limits.smallest_subnormal, limits.max / 16):
        found = norms.report(np.full((4, 4), value, dtype))
        exact = float(value)  # sqrt(x^2) is x, and sums of equal pairs are exact
        assert found.max_abs == exact and found.max_row_norm == 2 * exact
        assert found.frobenius == 4 * exact and found.dual_one_to_inf == 16 * exact


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(5, 6), (70, 130)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity(bad, shape, dtype):
    W = np.ones(shape, dtype)
    W[2, 3] = bad
    assert np.array_equal(norms.report(W)[:12], [abs(bad)] * 12, equal_nan=True)


def test_zero_and_empty():
    assert norms.report(np.zeros((3, 4)))[:12] == (0,) * 12
    assert norms.report(-np.zeros((70, 140)))[:12] == (0,) * 12
    assert norms.report(np.zeros((0, 4)))[:12] == (0,) * 12


@pytest.mark.parametrize("shape", [(20, 33), (33, 20)])
def test_interval_holds_the_singular_value(shape):
    W = np.random.default_rng(5).standard_normal(shape)
    s = np.linalg.svd(W, compute_uv=False)
    found = norms.report(W, interval=True)
    assert norms.report(W).rms_to_rms is None
    rms, rank = np.sqrt(shape[1] / shape[0]) * s[0], (s * s).sum() / s[0] ** 2
    assert found.rms_to_rms.lower <= rms <= found.rms_to_rms.upper <= rms * 1.002
    assert found.stable_rank.lower <= rank <= found.stable_rank.upper <= rank * 1.003
    assert norms.report(np.zeros((3, 4)), interval=True).stable_rank == (0, 0)


def test_intervals_of_stacks_and_lists():
    stack = np.random.default_rng(6).standard_normal((3, 6, 5))
    of_stack, of_one = norms.report([stack, stack[1]], interval=True)
    assert of_stack.rms_to_rms.lower.shape == of_stack.stable_rank.upper.shape == (3,)
    assert of_one == norms.report(stack[1], interval=True)
    for name in ("rms_to_rms", "stable_rank"):
        for found, single in zip(getattr(of_stack, name), getattr(of_one, name), strict=True):
            assert found[1] == single


def test_wrong_calls():
    with pytest.raises(ValueError, match="W"):
        norms.report(np.ones(3))
    with pytest.raises(TypeError, match="W"):
        norms.report(np.ones((3, 3), np.int64))
    with pytest.raises(TypeError, match="interval"):
        norms.report(np.ones((3, 3)), interval=1)
    with pytest.raises(ValueError, match="tol"):
        norms.report(np.ones((3, 3)), interval=True, tol=2.0)
