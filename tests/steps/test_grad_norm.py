"""grad_norm: the sum runs over a fixed tree in double, so its bits are known beforehand."""

import math

import ml_dtypes
import numpy as np
import pytest
from kinds import steps, thread_counts
from reference import tree
from steepest import cpu

SIZES = (0, 1, 2, 3, 7, 127, 128, 129, 255, 1023, 4095, 4096, 4097, 8192, 12289, 40961, 100003)
DTYPES = (np.float32, np.float64, np.float16, ml_dtypes.bfloat16)
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)


def uneven(rng, size, dtype):
    """Values of many magnitudes, so that another order of additions gives other bits."""
    scale = 3 if dtype == np.float16 else 12
    x = rng.standard_normal(size) * 10.0 ** rng.uniform(-scale, scale, size)
    return x.astype(dtype)


def gradient_list(rng, dtype):
    """Sizes of SIZES, with None, an empty and a 0-d array among them: 20 entries, so that the tree
    over tensors has an odd level."""
    grads = [uneven(rng, size, dtype) for size in SIZES]
    grads.insert(3, None)
    grads.insert(9, np.zeros((0, 5), dtype))
    grads.append(np.asarray(uneven(rng, 1, dtype)[0]))
    return grads


def same(a, b):
    return np.array_equal(np.asarray(a), np.asarray(b))


@by_dtype
@pytest.mark.parametrize("size", SIZES)
def test_one_tensor_to_the_last_bit(size, dtype):
    x = uneven(np.random.default_rng(size), size, dtype)
    total, per_tensor = tree.norms([x])
    got = steps.grad_norm(x)
    assert got.total == total
    assert same(got.per_tensor, per_tensor)
    assert got.finite is True


@by_dtype
def test_lists_to_the_last_bit_on_every_target_and_thread_count(dtype, every_target):
    grads = gradient_list(np.random.default_rng(0), dtype)
    for count in (len(grads), 7, 5, 4, 1):
        total, per_tensor = tree.norms(grads[:count])
        for target in every_target:
            cpu.use(target)
            for threads in thread_counts(1, 2, 3, 4, 7):
                cpu.set_threads(threads)
                got = steps.grad_norm(grads[:count])
                assert got.total == total, (target, threads, count)
                assert same(got.per_tensor, per_tensor), (target, threads, count)
                assert got.finite is True


def test_two_dimensions_are_read_in_memory_order():
    rng = np.random.default_rng(1)
    a = uneven(rng, 60 * 70, np.float32).reshape(60, 70)
    assert steps.grad_norm(a).total == tree.norms([a.reshape(-1)])[0]


@by_dtype
def test_against_exact_sums(dtype):
    """A square is in error by u = 2^-53 (not at all below double), its sum passes at most 32
    additions in a lane, 7 over lanes, 5 over 25 blocks and 5 over tensors; the root halves that and
    adds u."""
    grads = [g for g in gradient_list(np.random.default_rng(2), dtype) if g is not None]
    bound = ((1 + 32 + 7 + 5 + 5) / 2 + 1) * 2.0**-53 * 1.01
    exact = [math.fsum(float(v) ** 2 for v in g.reshape(-1)) for g in grads]
    got = steps.grad_norm(grads)
    total = math.sqrt(math.fsum(exact))
    assert abs(got.total - total) <= bound * total
    for norm, squares in zip(got.per_tensor, exact, strict=True):
        assert abs(norm - math.sqrt(squares)) <= bound * math.sqrt(squares)


def test_result_types():
    got = steps.grad_norm([np.ones(3, np.float32), None])
    assert type(got.total) is float and type(got.finite) is bool
    assert isinstance(got.per_tensor, np.ndarray)
    assert got.per_tensor.dtype == np.float64 and got.per_tensor.shape == (2,)
    assert got._fields == ("total", "per_tensor", "finite")


@pytest.mark.parametrize("grads", [[], [None], [None, None], [np.zeros(0, np.float32)]])
def test_nothing_to_add(grads):
    got = steps.grad_norm(grads)
    assert (got.total, got.finite) == (0.0, True)
    assert same(got.per_tensor, np.zeros(len(grads)))


@by_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("position", [0, 127, 128, 4095, 4096, 9999])
def test_finite_flag(position, bad, dtype, every_target):
    grads = [np.ones(100, dtype), np.ones(10000, dtype), np.ones(3, dtype)]
    grads[1][position] = bad
    for target in every_target:
        cpu.use(target)
        got = steps.grad_norm(grads)
        assert got.finite is False
        assert not np.isfinite(got.total) and not np.isfinite(got.per_tensor[1])
        assert np.isfinite(got.per_tensor[[0, 2]]).all()


def test_overflow_is_not_called_nonfinite():
    """finite speaks of the elements; the squares of large doubles overflow all the same."""
    got = steps.grad_norm([np.full(5, 1e200)])
    assert (got.total, got.finite) == (np.inf, True)
    largest = np.full(5, np.finfo(np.float32).max)
    assert steps.grad_norm(largest).total == tree.norms([largest])[0] < np.inf


@by_dtype
def test_denormals_count(dtype):
    tiny = np.frombuffer(b"\x01" + b"\x00" * (np.dtype(dtype).itemsize - 1), dtype)
    grads = [np.repeat(tiny, 500)]
    assert steps.grad_norm(grads).total == tree.norms(grads)[0]
    if dtype != np.float64:  # the square of its smallest denormal is 0
        assert steps.grad_norm(grads).total > 0


@pytest.mark.parametrize("max_norm", [0.5, 3.0, 1e9])
def test_clipping_uses_this_norm_to_the_last_bit(max_norm):
    """In double, coef g is one multiplication: sgd with lr 1 from 0 gives -coef g exactly."""
    rng = np.random.default_rng(5)
    grads = [rng.standard_normal(size) for size in (5000, 1, 300)]
    params = [np.zeros_like(g) for g in grads]
    steps.sgd(params, grads, None, step=1, lr=1.0, max_grad_norm=max_norm)
    coefficient = min(1.0, max_norm / (tree.norms(grads)[0] + 1e-6))
    for p, g in zip(params, grads, strict=True):
        assert np.array_equal(p, -(coefficient * g))
