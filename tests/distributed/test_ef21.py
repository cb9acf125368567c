"""Error feedback over many workers in one process."""

import numpy as np
import pytest
from reference.distributed import ef21
from steepest.distributed import EF21Aggregate, EF21Worker, RandomK, ScaledSign, TopK

WORKERS, SIZE = 5, 30
PROBLEM = ef21.Quadratics(WORKERS, SIZE)


def shaped(flat):
    """As two arrays, to have a list."""
    return [flat[:20].reshape(4, 5), flat[20:]]


def flat(arrays):
    return np.concatenate([a.reshape(-1) for a in arrays])


def descend(compressor, rate, steps, weights=None, dtype=np.float64):
    """Gradient descent with our workers and aggregate."""
    x = np.zeros(SIZE)
    scales = [1.0] * WORKERS if weights is None else 1 / (WORKERS * np.array(weights))
    like = shaped(x.astype(dtype))
    workers = [EF21Worker(like, compressor, worker=i, scale=s) for i, s in enumerate(scales)]
    mean = EF21Aggregate(like, compressor)
    for _ in range(steps):
        grads = [shaped(g.astype(dtype)) for g in PROBLEM.gradients(x)]
        rows = [worker.pack(g) for worker, g in zip(workers, grads, strict=True)]
        x = x - rate * flat(mean.add(np.stack(rows), weights)).astype(np.float64)
    return x, mean, workers


def both_parts(compress):
    """The reference compressor on each of the two arrays."""
    return lambda x: np.concatenate([compress(x[:20]), compress(x[20:])])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["top_k", "scaled_sign"])
def test_the_recursion_is_the_paper_s(name, weighted):
    """Four compressed steps apart by rounding only: each adds a few roundings of numbers below
    2^8 in the gradients, the differences and the sums over workers."""
    ours, theirs = {
        "top_k": (TopK(3), lambda x: ef21.top_k(x, 3)),
        "scaled_sign": (ScaledSign(), ef21.scaled_sign),
    }[name]
    _, each = PROBLEM.smoothness()
    weights = list(each / each.sum()) if weighted else None
    x, mean, workers = descend(ours, 0.05, 12, weights)
    expected = ef21.descend(
        PROBLEM, both_parts(theirs), 0.05, 12, None if weights is None else np.array(weights)
    )
    bound = 12 * 40 * 2.0**-53 * 2**8
    np.testing.assert_allclose(x, expected[0], rtol=0, atol=bound)
    np.testing.assert_allclose(flat(mean.estimate), expected[1], rtol=0, atol=bound)
    for worker, estimate in zip(workers, expected[2], strict=True):
        np.testing.assert_allclose(flat(worker.estimate), estimate, rtol=0, atol=bound)


def rate_of(alpha):
    smoothness, each = PROBLEM.smoothness()
    return ef21.step_size(alpha, smoothness, np.sqrt(np.mean(each**2)))


@pytest.mark.parametrize("compressor", [TopK(2), ScaledSign(), RandomK(4)], ids=repr)
def test_it_converges_where_compressed_descent_alone_does_not(compressor):
    """At the rate of the theorem the distance to the minimum goes to rounding; without feedback the
    same compressor at the same rate stays away from it, as the workers' gradients do not vanish
    there."""
    parts = (20, SIZE - 20)
    alpha = min(compressor.alpha(n) for n in parts)
    rate = rate_of(alpha)
    size = np.linalg.norm(PROBLEM.minimum)
    steps = int(np.ceil(np.log(1e9) / (rate * 0.3)))  # 0.3 bounds the curvature from below
    steps = min(steps, 12_000)
    x, _, _ = descend(compressor, rate, steps)
    assert np.linalg.norm(x - PROBLEM.minimum) < 1e-3 * size
    plain = np.zeros(SIZE)
    draw = np.random.default_rng(0)
    for _ in range(steps):
        sent = [alone(compressor, g, draw) for g in PROBLEM.gradients(plain)]
        plain = plain - rate * np.mean(sent, axis=0)
    assert np.linalg.norm(plain - PROBLEM.minimum) > 0.02 * size


def alone(compressor, g, rng):
    if isinstance(compressor, ScaledSign):
        return both_parts(ef21.scaled_sign)(g)
    if isinstance(compressor, TopK):
        return both_parts(lambda x: ef21.top_k(x, 2))(g)
    return both_parts(lambda x: np.where(rng.permutation(x.size) < 4, x, 0.0))(g)


@pytest.mark.parametrize("compressor", [TopK(3), ScaledSign(), RandomK(3)], ids=repr)
def test_the_aggregate_is_the_mean_of_the_estimates(compressor):
    _, mean, workers = descend(compressor, 0.05, 50, dtype=np.float32)
    wanted = np.mean([flat(w.estimate).astype(np.float64) for w in workers], axis=0)
    assert flat(mean.estimate).dtype == np.float32
    # Every step rounds the sum of each worker: 50 times 5 additions of numbers below 2^6.
    np.testing.assert_allclose(flat(mean.estimate), wanted, rtol=0, atol=250 * 2.0**-24 * 2**7)


def test_everything_kept_is_the_gradient_itself():
    grads = shaped(np.arange(SIZE) - 7.5)
    worker = EF21Worker(grads, TopK(30))
    assert flat(worker.estimate).tolist() == [0.0] * SIZE
    message = worker.pack(grads)
    assert np.array_equal(flat(worker.estimate), flat(grads))
    mean = EF21Aggregate(grads, TopK(30))
    assert np.array_equal(flat(mean.add(message[None])), flat(grads))


@pytest.mark.parametrize("compressor", [TopK(3), ScaledSign(), RandomK(3)], ids=repr)
def test_states_survive_bit_for_bit(compressor):
    rng = np.random.default_rng(0)
    steps = [shaped(rng.standard_normal(SIZE).astype(np.float32)) for _ in range(6)]
    worker, mean = EF21Worker(steps[0], compressor), EF21Aggregate(steps[0], compressor)
    for g in steps[:3]:
        mean.add(worker.pack(g)[None])
    again, mean_again = EF21Worker(steps[0], compressor), EF21Aggregate(steps[0], compressor)
    again.load_state_dict(worker.state_dict())
    mean_again.load_state_dict(mean.state_dict())
    for g in steps[3:]:
        message = worker.pack(g)
        assert np.array_equal(again.pack(g), message)
        assert np.array_equal(flat(mean.add(message[None])), flat(mean_again.add(message[None])))


def test_one_array_and_other_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (np.float16, ml_dtypes.bfloat16):
        grad = np.array([1.5, -2.0, 0.25], dtype)
        worker = EF21Worker(grad, TopK(2))
        worker.pack(grad)
        assert worker.estimate.dtype == np.float32
        assert worker.estimate.tolist() == [1.5, -2.0, 0.0]
        worker.pack(grad)
        assert worker.estimate.tolist() == [1.5, -2.0, 0.25]


def test_messages_have_the_stated_layout():
    worker = EF21Worker([np.zeros(9, np.float32), np.zeros(3)], ScaledSign(), worker=6)
    assert worker.message_size == 8 + (4 + 2) + (8 + 1)
    message = worker.pack([np.ones(9, np.float32), -np.ones(3)])
    assert message[:8].view("<u4").tolist() == [1, 6]
    assert message[8:12].view("<f4").tolist() == [1.0]
    assert message[12:14].tolist() == [255, 1]
    assert message[14:22].copy().view("<f8").tolist() == [1.0]
    assert message[22] == 0


def test_wrong_arguments_are_refused_and_nothing_changes():
    like = shaped(np.zeros(SIZE))
    worker, mean = EF21Worker(like, TopK(3)), EF21Aggregate(like, TopK(3))
    good = EF21Worker(like, TopK(3), worker=1).pack(shaped(np.ones(SIZE)))
    other = EF21Worker(like, TopK(3), worker=2).pack(shaped(np.ones(SIZE)))

    def refused(error, match, call, *args, **keywords):
        with pytest.raises(error, match=match):
            call(*args, **keywords)
        assert worker.step == mean.step == 0
        assert not flat(worker.estimate).any() and not flat(mean.estimate).any()

    refused(ValueError, r"grads: 1 arrays given, expected 2", worker.pack, like[:1])
    refused(ValueError, r"grads\[1\]: shape", worker.pack, [like[0], like[0]])
    refused(TypeError, r"grads\[1\]: dtype int64", worker.pack, [like[0], np.zeros(10, np.int64)])
    refused(ValueError, "out: 3 bytes", worker.pack, like, np.zeros(3, np.uint8))
    refused(ValueError, "scale: 0.0", EF21Worker, like, TopK(3), scale=0.0)
    refused(ValueError, "two messages of one worker", mean.add, np.stack([good, good]))
    refused(ValueError, r"messages\[0\]: 3 bytes", mean.add, np.zeros((1, 3), np.uint8))
    refused(ValueError, "messages: 0 rows", mean.add, np.zeros((0, 3), np.uint8))
    refused(ValueError, "weights: 1 given, expected 2", mean.add, np.stack([good, other]), [1.0])
    late = good.copy()
    late[0] = 2
    refused(ValueError, "message of step 2 given, expected 1", mean.add, late[None])
    broken = other.copy()
    broken[-4:] = 255
    refused(ValueError, "indices given", mean.add, np.stack([good, broken]))
