"""The streaming eigenvector against its recursion and against LAPACK's."""

import pickle

import ml_dtypes
import numpy as np
import pytest
from boundary.support import refused
from reference.norms.streams import first_component
from steepest.norms import streaming_top_eigenvector

UNIT = 2.0**-53


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def gaussian(rng, count, spectrum):
    """Samples of a covariance with the spectrum, and its top eigenvector."""
    q = np.linalg.qr(rng.standard_normal((len(spectrum), len(spectrum))))[0]
    return rng.standard_normal((count, len(spectrum))) * np.sqrt(spectrum) @ q.T, q[:, 0]


@pytest.mark.parametrize("amnesia", [0.0, 2.0])
def test_is_the_recursion(rng, amnesia):
    samples, _ = gaussian(rng, 200, np.array([4.0, 2.0, 1.0, 1.0, 0.5]))
    top = streaming_top_eigenvector(5, amnesia=amnesia)
    for x in samples:
        top.update(x)
    v = first_component(samples, amnesia)
    # A few roundings per update, which later updates do not enlarge.
    slack = 200 * 20 * UNIT
    assert abs(top.value - np.linalg.norm(v)) <= slack * np.linalg.norm(v)
    assert np.abs(top.vector - v / np.linalg.norm(v)).max() <= slack
    assert top.count == 200
    assert abs(np.linalg.norm(top.vector) - 1) <= 8 * UNIT


@pytest.mark.parametrize("block", [1, 50])
def test_comes_to_the_top_eigenpair(rng, block):
    spectrum = np.array([4.0, 1.0, *np.full(18, 0.5)])
    samples, direction = gaussian(rng, 20000, spectrum)
    top = streaming_top_eigenvector(20)
    for x in samples.reshape(-1, block, 20):
        top.update(x if block > 1 else x[0])
    # Of the covariance of n samples: |sin| about sqrt(sum l1 lj / (l1 - lj)^2 / n), and the
    # eigenvalue to l1 sqrt(2 / n); forgetting early samples makes both (1 + amnesia) / sqrt(1 + 2
    # amnesia) as large; five times that.
    factor = 5 * 3 / np.sqrt(5)
    rest = spectrum[1:]
    sine = np.sqrt(np.sum(4 * rest / (4 - rest) ** 2) / len(samples))
    assert np.sqrt(max(0, 1 - (top.vector @ direction) ** 2)) <= factor * sine
    assert abs(top.value / 4 - 1) <= factor * np.sqrt(2 / len(samples))
    assert factor * sine < 0.15


def test_a_block_of_the_whole_stream_is_one_power_step(rng):
    samples = rng.standard_normal((30, 6))
    top = streaming_top_eigenvector(6, amnesia=0.0)
    top.update(samples)
    start = samples[np.argmax(np.abs(samples).max(axis=1))]
    want = samples.T @ (samples @ start) / np.linalg.norm(start) / 30
    assert np.abs(top.vector * top.value - want).max() <= 400 * UNIT * np.abs(want).max()


def test_samples_of_one_line_are_exact(rng):
    x = rng.standard_normal(7)
    top = streaming_top_eigenvector(7)
    for k in range(1, 60):
        top.update(x if k % 2 else -x)
    assert abs(top.value - x @ x) <= 60 * 20 * UNIT * (x @ x)
    assert np.abs(top.vector - x / np.linalg.norm(x)).max() <= 60 * 20 * UNIT


def test_zeros_and_empty_blocks():
    top = streaming_top_eigenvector(3)
    assert (top.count, top.value) == (0, 0.0) and not top.vector.any()
    top.update(np.zeros((0, 3)))
    assert top.count == 0
    top.update(np.zeros((4, 3)))
    assert (top.count, top.value) == (4, 0.0) and not top.vector.any()
    top.update(np.array([0.0, 2.0, 0.0]))
    assert np.array_equal(top.vector, [0.0, 1.0, 0.0])
    # The weight of one sample of five: 3 / 7.
    assert top.value == pytest.approx(4 * 3 / 7, rel=8 * UNIT)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_takes_all_dtypes_exactly(rng, dtype):
    one, two = streaming_top_eigenvector(6), streaming_top_eigenvector(6)
    for x in rng.standard_normal((20, 6)).astype(dtype):
        one.update(x)
        two.update(x.astype(np.float64))
    assert np.array_equal(one.vector, two.vector) and one.value == two.value


def test_a_pickled_one_goes_on(rng):
    one = streaming_top_eigenvector(6)
    one.update(rng.standard_normal((9, 6)))
    two = pickle.loads(pickle.dumps(one))
    x = rng.standard_normal(6)
    one.update(x)
    two.update(x)
    assert np.array_equal(one.vector, two.vector) and one.count == two.count == 10


def test_refusals_change_nothing(rng):
    refused(lambda: streaming_top_eigenvector(0), ValueError, "n")
    refused(lambda: streaming_top_eigenvector(3.0), TypeError, "n")
    refused(lambda: streaming_top_eigenvector(3, amnesia=-1.0), ValueError, "amnesia")
    top = streaming_top_eigenvector(3)
    top.update(rng.standard_normal(3))
    before = pickle.dumps(top)
    refused(lambda: top.update(np.zeros(4)), ValueError, "x", "(4,)")
    refused(lambda: top.update(np.zeros((2, 2, 3))), ValueError, "x")
    refused(lambda: top.update(np.zeros(3, np.int64)), TypeError, "x", "int64")
    refused(lambda: top.update([1.0, 2.0, 3.0]), TypeError, "x", "list")
    refused(lambda: top.update(np.array([1.0, np.inf, 0.0])), ValueError, "x", "infinity")
    refused(lambda: top.update(np.full(3, 1e200)), ValueError, "x", "overflow")
    assert pickle.dumps(top) == before
