"""mkor_update: the three forms, the stabilisers, exact symmetry, the same bits everywhere."""

import numpy as np
import pytest
from reference.curvature import mkor as reference
from steepest import cpu
from steepest.curvature import mkor_update

from .support import same_bits

DTYPES = [np.float32, np.float64]
by_dtype = pytest.mark.parametrize("dtype", DTYPES)
by_variant = pytest.mark.parametrize("variant", reference.VARIANTS)
by_size = pytest.mark.parametrize("n", [1, 2, 7, 64, 129, 300])


def factor(n, dtype, seed=0):
    """A symmetric positive definite matrix with eigenvalues in [0.5, 1.5], and a vector."""
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    made = (q * rng.uniform(0.5, 1.5, n)) @ q.T
    return ((made + made.T) / 2).astype(dtype), rng.standard_normal(n).astype(dtype)


def doubles(*arrays):
    return [a.astype(np.float64) for a in arrays]


@by_dtype
@by_variant
@by_size
def test_the_forms(n, variant, dtype):
    """Against the equations; the bound is derived in the reference. numpy.linalg.inv, twice, is off
    by a multiple of n^2 2^-53 times the condition number (below 3 + ||v||^2), here 64."""
    inverse, v = factor(n, dtype)
    f, x = doubles(inverse, v)
    found = mkor_update(inverse, v, decay=0.9, variant=variant, stabilizer=None)
    wanted = reference.VARIANTS[variant](f, x, 0.9)
    bound = reference.error_bound(f, x, 0.9, variant, np.finfo(dtype).eps / 2)
    if variant == "textbook":
        bound = bound + 64 * n * 2.0**-53 * (3 + x @ x) * np.abs(wanted).max()
    assert np.all(np.abs(inverse - wanted) <= bound)
    assert np.array_equal(inverse, inverse.T)
    assert found.largest == np.abs(inverse).max() and not found.stabilized
    assert found.denominator >= 1


@by_dtype
def test_the_textbook_form_stays_the_inverse(dtype):
    """Over 30 updates, against the matrix itself. The map from F to the new F is monotone and
    concave (it is half the harmonic mean of F / d and a fixed matrix, in the limit), so an error
    between -e F and e F leads to one between -e and e of the new F: relative errors only add up.
    """
    n, d = 40, 0.9
    inverse, _ = factor(n, dtype)
    j = np.linalg.inv(inverse.astype(np.float64))
    off, unit = 0.0, np.finfo(dtype).eps / 2
    for k in range(30):
        v = np.random.default_rng(k).standard_normal(n).astype(dtype)
        f, x = doubles(inverse, v)
        bound = np.linalg.norm(reference.error_bound(f, x, d, "textbook", unit))
        mkor_update(inverse, v, decay=d, variant="textbook", stabilizer=None)
        off += bound / np.linalg.eigvalsh(inverse.astype(np.float64)).min()
        j = d * j + (1 - d) * np.outer(x, x)
    wanted = np.linalg.inv(j)
    # The reference rounds too: n^2 2^-53 times the condition number of j, some hundreds.
    slack = n**2 * 2.0**-53 * np.linalg.cond(j) * 30
    assert off < 0.1
    error = np.linalg.norm(inverse - wanted, 2)
    assert error <= (1.2 * off + slack) * np.linalg.norm(wanted, 2)


@by_dtype
@by_variant
def test_decay_one_keeps_what_the_form_keeps(variant, dtype):
    inverse, v = factor(20, dtype)
    before = inverse.copy()
    mkor_update(inverse, v, decay=1.0, variant=variant, stabilizer=None)
    assert np.array_equal(inverse, before) == (variant != "code")


@by_dtype
@pytest.mark.parametrize("stabilizer", [None, "blend", "skip", "reset"])
@pytest.mark.parametrize("known", [True, False])
def test_stabilizers(stabilizer, dtype, known):
    inverse, v = factor(50, dtype)
    inverse[3, 3] = 2.5
    f, x = doubles(inverse, v)
    largest = 2.5 if known else None
    keywords = {"decay": 0.8, "stabilizer": stabilizer, "threshold": 2.0, "zeta": 0.25}
    found = mkor_update(inverse, v, largest=largest, **keywords)
    assert found.stabilized == (stabilizer is not None)
    wanted = reference.stabilized(f, x, 0.8, "code", stabilizer, 2.0, 0.25)
    unit = np.finfo(dtype).eps / 2
    # The blend is of the same arithmetic, on numbers no larger than F and I together.
    bound = reference.error_bound(np.abs(f) + np.eye(50), x, 0.8, "code", unit)
    bound += reference.error_bound(f, x, 0.8, "code", unit)
    assert np.all(np.abs(inverse - wanted) <= bound)
    assert np.array_equal(inverse, inverse.T) and found.largest == np.abs(inverse).max()
    if stabilizer == "reset":
        assert same_bits(inverse, np.eye(50, dtype=dtype)) and found.denominator == 1


def test_at_the_threshold_nothing_is_stabilized():
    for at, above in ((2.0, False), (np.nextafter(2.0, 3), True)):
        inverse = np.eye(4) * at
        assert mkor_update(inverse, np.ones(4), threshold=2.0).stabilized is above
    inverse = np.eye(4) * 3
    assert not mkor_update(inverse, np.ones(4), largest=1.0).stabilized  # as told
    assert not mkor_update(np.eye(4) * 3, np.ones(4), threshold=3.5).stabilized


# One of more than kBlock columns is enough: its rows are two blocks of the tree.
SAME_BITS = [(n, v, d) for n in (5, 128, 301, 700) for v in reference.VARIANTS for d in DTYPES]
SAME_BITS.append((4500, "code", np.float32))


@pytest.mark.parametrize(("n", "variant", "dtype"), SAME_BITS)
def test_the_same_bits_on_targets_and_with_threads(n, variant, dtype, every_target):
    rng = np.random.default_rng(5)
    start = rng.standard_normal((n, n)).astype(dtype) / (4 * n)
    start = start + start.T + np.eye(n, dtype=dtype)
    v = rng.standard_normal(n).astype(dtype)
    wanted = None
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2, 3):
            cpu.set_threads(threads)
            inverse = start.copy()
            results = [mkor_update(inverse, v, variant=variant, stabilizer=None)]
            if n < 4500:
                results.append(mkor_update(inverse, v, variant=variant, threshold=0.5))
            wanted = wanted or (inverse, results)
            assert same_bits(inverse, wanted[0]) and results == wanted[1]
    assert np.array_equal(wanted[0], wanted[0].T)


@by_dtype
def test_rows_of_more_than_a_block(dtype):
    """Rows that are two blocks of the tree, of a length that no vector divides."""
    n, d = 4101, 0.9
    rng = np.random.default_rng(2)
    v = rng.standard_normal(n).astype(dtype)
    column = (rng.standard_normal(n) / n).astype(dtype)
    inverse = column[:, None] + column
    inverse.flat[:: n + 1] += rng.uniform(0.5, 1.5, n).astype(dtype)
    f, x = doubles(inverse, v)
    found = mkor_update(inverse, v, decay=d, stabilizer=None)
    bound = reference.error_bound(f, x, d, "code", np.finfo(dtype).eps / 2)
    assert np.all(np.abs(inverse - reference.code(f, x, d)) <= bound)
    assert np.array_equal(inverse, inverse.T) and found.largest == np.abs(inverse).max()


def test_denominator_is_summed_over_the_tree():
    from reference.tree import tensor_sum

    n = 4500
    v = np.random.default_rng(0).standard_normal(n)
    inverse = np.eye(n)
    found = mkor_update(inverse, v, variant="paper", decay=0.5, stabilizer=None)
    assert found.denominator == 1 + 0.25 * tensor_sum(v * v)


def test_nan_and_infinity():
    for bad in (np.nan, np.inf):
        inverse, v = factor(30, np.float32)
        inverse[4, 7] = inverse[7, 4] = bad
        before = inverse.copy()
        for stabilizer in (None, "blend"):
            with pytest.raises(ValueError, match="denominator"):
                mkor_update(inverse, v, stabilizer=stabilizer)
            assert same_bits(inverse, before)
        found = mkor_update(inverse, v, stabilizer="reset")
        assert found.stabilized and same_bits(inverse, np.eye(30, dtype=np.float32))
        v[3] = bad
        with pytest.raises(ValueError, match="denominator"):
            mkor_update(inverse, v)
        assert same_bits(inverse, np.eye(30, dtype=np.float32))


def test_an_overflow_is_told():
    inverse = np.eye(3, dtype=np.float32)
    v = np.full(3, 1e20, np.float32)
    found = mkor_update(inverse, v, variant="paper", decay=1e-30, stabilizer=None)
    assert found.largest == np.inf and np.isinf(inverse).all()


def test_torch_and_empty():
    found = mkor_update(np.empty((0, 0)), np.empty(0))
    assert found.largest == 0 and found.denominator == 1
    torch = pytest.importorskip("torch")
    inverse, v = factor(20, np.float32)
    tensor = torch.from_numpy(inverse.copy())
    assert mkor_update(tensor, torch.from_numpy(v)) == mkor_update(inverse, v)
    assert same_bits(tensor.numpy(), inverse)


def test_wrong_calls_change_nothing():
    inverse, v = factor(6, np.float64)
    before = inverse.copy()
    frozen = inverse.copy()
    frozen.flags.writeable = False
    calls = [
        (TypeError, "inverse: dtype bfloat16|inverse: dtype float16", (inverse.astype("e"), v), {}),
        (TypeError, "v: dtype float32", (inverse, v.astype(np.float32)), {}),
        (TypeError, "inverse", ([[1.0]], v), {}),
        (ValueError, "inverse: shape", (inverse[:5], v), {}),
        (ValueError, "inverse: array of 1 dim", (v, v), {}),
        (ValueError, "inverse: .*C order", (np.asfortranarray(inverse), v), {}),
        (ValueError, "v: shape", (inverse, v[:5]), {}),
        (ValueError, "v: strided", (inverse, np.zeros(12)[::2]), {}),
        (ValueError, "v: memory shared", (inverse, inverse[2]), {}),
        (BufferError, "inverse", (frozen, v), {}),
        (ValueError, "decay", (inverse, v), {"decay": 0.0}),
        (ValueError, "decay", (inverse, v), {"decay": 1.01}),
        (TypeError, "decay", (inverse, v), {"decay": "x"}),
        (ValueError, "variant: 'eq5'", (inverse, v), {"variant": "eq5"}),
        (ValueError, "stabilizer", (inverse, v), {"stabilizer": "clip"}),
        (TypeError, "stabilizer", (inverse, v), {"stabilizer": True}),
        (ValueError, "threshold", (inverse, v), {"threshold": 0.0}),
        (ValueError, "zeta", (inverse, v), {"zeta": -0.1}),
        (ValueError, "zeta", (inverse, v), {"zeta": 1.5}),
        (ValueError, "largest", (inverse, v), {"largest": -1.0}),
        (ValueError, "denominator", (-50 * np.eye(6), v), {"stabilizer": None}),
    ]
    for error, words, arguments, keywords in calls:
        with pytest.raises(error, match=words):
            mkor_update(*arguments, **keywords)
    assert same_bits(inverse, before) and same_bits(frozen, before)
