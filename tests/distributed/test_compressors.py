"""What compressors keep, and that they contract."""

import numpy as np
import pytest
from reference.distributed import ef21
from steepest import cpu
from steepest.distributed import RandomK, ScaledSign, TopK
from steepest.distributed.compressors import Draw

DRAW = Draw(step=3, worker=1, tensor=2)
COMPRESSORS = [TopK(1), TopK(7), TopK(0.01), TopK(0.3), RandomK(7), RandomK(0.3), ScaledSign()]
SIZES = [1, 2, 8, 9, 100, 1001]


def sent(compressor, x, draw=DRAW):
    """C(x) as the receiver has it; checks that the sender has the same."""
    message = np.full(compressor.size(x.size, x.itemsize), 255, np.uint8)
    own = compressor.compress(x, draw, message)
    to = np.zeros_like(x)
    compressor.add(message, draw, to, 1.0)
    assert np.array_equal(own, to)
    return to


def vectors(size, dtype):
    rng = np.random.default_rng(size)
    yield rng.standard_normal(size).astype(dtype)
    yield (rng.standard_normal(size) ** 9).astype(dtype)
    yield rng.integers(-2, 3, size).astype(dtype)  # zeros and ties
    yield np.zeros(size, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("compressor", COMPRESSORS, ids=repr)
def test_compressors_contract(compressor, dtype):
    """|C(x) - x|^2 <= (1 - alpha) |x|^2: for chosen elements exactly, as they are kept as they are;
    for the mean up to its rounding, which is orthogonal to the error to first order."""
    for size in SIZES:
        for x in vectors(size, dtype):
            error = np.sum((sent(compressor, x).astype(np.float64) - x) ** 2)
            square = np.sum(x.astype(np.float64) ** 2)
            alpha = compressor.alpha(size)
            if isinstance(compressor, RandomK):
                assert error <= square * (1 + 1e-12)
                continue
            slack = square * (size * 2.0**-52 + np.finfo(dtype).eps ** 2)
            assert error <= (1 - alpha) * square + slack


@pytest.mark.parametrize("size", SIZES)
def test_top_k_keeps_the_largest_and_of_equal_ones_the_first(size):
    for k in (1, 2, size // 2 + 1):
        for x in vectors(size, np.float32):
            assert np.array_equal(sent(TopK(k), x), ef21.top_k(x, k))


def test_top_k_of_ties_is_the_lowest_indices():
    x = np.array([1, -2, 2, 0, -2, 2, 1], np.float32)
    assert sent(TopK(3), x).tolist() == [0, -2, 2, 0, -2, 0, 0]
    assert sent(TopK(5), x).tolist() == [1, -2, 2, 0, -2, 2, 0]
    assert sent(TopK(2), np.ones(5, np.float32)).tolist() == [1, 1, 0, 0, 0]


def test_top_k_hides_no_nan():
    x = np.array([1, np.inf, np.nan, -np.inf, 2], np.float32)
    message = np.empty(TopK(3).size(5, 4), np.uint8)
    kept = TopK(3).compress(x, DRAW, message)
    assert np.isnan(kept[2])
    assert kept[1] == np.inf and kept[3] == -np.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaled_sign_is_the_mean_and_the_signs(dtype):
    for size in SIZES:
        for x in vectors(size, dtype):
            wanted = ef21.scaled_sign(x.astype(np.float64)).astype(dtype)
            np.testing.assert_allclose(sent(ScaledSign(), x), wanted, rtol=np.finfo(dtype).eps * 2)


def test_the_alpha_of_scaled_sign_is_reached():
    x = np.zeros(16)
    x[3] = 5.0
    error = np.sum((sent(ScaledSign(), x) - x) ** 2)
    assert error == (1 - ScaledSign().alpha(16)) * 25.0


def test_random_k_depends_on_its_coordinates_alone(every_target):
    draws = [Draw(*d) for d in ((1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1))]
    found = set()
    for target in every_target:
        cpu.use(target)
        found.add(tuple(tuple(RandomK(9, seed=5).chosen(1000, d)) for d in draws))
    assert len(found) == 1
    (sets,) = found
    assert len(set(sets)) == 4
    assert all(list(s) == sorted(set(s)) and len(s) == 9 for s in sets)
    assert tuple(RandomK(9, seed=6).chosen(1000, draws[0])) == sets[2]  # seed and worker add up


def test_random_k_keeps_every_element_as_often():
    """alpha on average: each element k times in n, within five deviations of a binomial."""
    kept, trials, n = np.zeros(20), 4000, 20
    for step in range(trials):
        kept[RandomK(5).chosen(n, Draw(step, 0, 0))] += 1
    assert np.abs(kept - trials * 0.25).max() < 5 * np.sqrt(trials * 0.25 * 0.75)


def test_bytes_are_as_stated():
    x = np.arange(10, dtype=np.float32) - 4.5
    message = np.empty(TopK(2).size(10, 4), np.uint8)
    TopK(2).compress(x, DRAW, message)
    assert message[:8].view("<f4").tolist() == [-4.5, 4.5]
    assert message[8:].view("<u4").tolist() == [0, 9]
    message = np.empty(ScaledSign().size(10, 4), np.uint8)
    ScaledSign().compress(x, DRAW, message)
    assert message[:4].view("<f4").tolist() == [2.5]
    assert message[4:].tolist() == [0b1110_0000, 0b11]
    assert RandomK(3).size(10, 8) == 24


def test_wrong_numbers_of_elements_are_refused():
    for kind in (TopK, RandomK):
        for k in (0, -1, 1.5, 0.0, 1.0):
            with pytest.raises(ValueError, match="k: "):
                kind(k)
        with pytest.raises(TypeError, match="k: str given"):
            kind("3")
    with pytest.raises(ValueError, match="seed: -1 given"):
        RandomK(1, seed=-1)
