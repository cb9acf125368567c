"""The native compressors: against float64 references, on every target, for any number of threads,
at sizes that take every way through the choice."""

import ml_dtypes
import numpy as np
import pytest
from reference.distributed import ef21
from steepest import cpu
from steepest.distributed import EF21Aggregate, EF21Worker, RandomK, ScaledSign, TopK
from steepest.distributed.compressors import Draw

# Around the numbers of elements from which a sample is taken, and several threads share a tensor.
SIZES = [1, 63, 64, 65, 1023, 1024, 1100, 4096, 4097, 8191, 8192, 65536, 65537, 200_003]
DRAW = Draw(step=3, worker=1, tensor=2)


def shapes_of(size):
    """Values whose largest are anywhere, at one end, hardly there, or all alike."""
    rng = np.random.default_rng(size)
    yield "normal", rng.standard_normal(size)
    yield "rising", np.linspace(-1, 7, size)
    yield "falling", np.linspace(9, -2, size)
    yield "few", np.where(rng.random(size) < 0.001, rng.standard_normal(size), 0.0)
    yield "ties", rng.integers(-2, 3, size).astype(float)
    yield "equal", np.full(size, -3.0)
    yield "denormal", rng.standard_normal(size) * 1e-40


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_top_k_of_any_values(size, dtype):
    for name, values in shapes_of(size):
        x = values.astype(dtype)
        for k in sorted({1, min(7, size), -(-size // 100), -(-size // 3), size}):
            message = np.empty(TopK(k).size(size, x.itemsize), np.uint8)
            sent = TopK(k).compress(x, DRAW, message)
            wanted = ef21.top_k(x, k)
            assert np.array_equal(sent, wanted), (name, k)
            places = message[k * x.itemsize :].copy().view("<u4")
            assert np.all(places[1:] > places[:-1]), (name, k)
            assert np.array_equal(message[: k * x.itemsize].copy().view(dtype), x[places])


def test_a_nan_counts_as_an_infinity_in_large_tensors_too():
    x = np.random.default_rng(0).standard_normal(100_000).astype(np.float32)
    x[[5, 70_000, 99_999]] = np.nan, -np.inf, -np.nan
    message = np.empty(TopK(3).size(x.size, 4), np.uint8)
    TopK(3).compress(x, DRAW, message)
    assert message[12:].view("<u4").tolist() == [5, 70_000, 99_999]
    TopK(2).compress(x, DRAW, message[:16])
    assert message[8:16].view("<u4").tolist() == [5, 70_000]


@pytest.mark.parametrize("size", SIZES)
def test_random_k_is_the_set_of_the_largest_words(size):
    for k in sorted({1, -(-size // 100), -(-size // 2), size}):
        for draw in (DRAW, Draw(2**32 - 1, 2**32 - 1, 2**32 - 1)):
            found = RandomK(k, seed=2**64 - 1).chosen(size, draw)
            seed = 2**64 - 1 + draw.worker
            wanted = ef21.random_set(size, k, seed, draw.step, draw.tensor)
            assert np.array_equal(found, wanted)


def worker_and_sum(compressor, like, grads, scale=0.75):
    """Messages of two workers over two steps, their estimates, and the sum of all."""
    workers = [EF21Worker(like, compressor, worker=i, scale=scale) for i in (0, 5)]
    mean = EF21Aggregate(like, compressor)
    made = []
    for step in range(2):
        rows = np.stack(
            [w.pack([g + step for g in gs]) for w, gs in zip(workers, grads, strict=True)]
        )
        mean.add(rows, [0.25, 0.75])
        made.append(rows)
    return [*made, *(e for w in workers for e in w.estimate), *mean.estimate]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("compressor", [TopK(0.01), RandomK(0.02, seed=9), ScaledSign()], ids=repr)
def test_same_bits_on_every_target_and_for_any_threads(compressor, dtype, every_target):
    rng = np.random.default_rng(1)
    sizes = [(3,), (0,), (300, 401), (8200,), (70_001,), (1,)]
    grads = [[rng.standard_normal(s).astype(dtype) for s in sizes] for _ in range(2)]
    found = set()
    for target in every_target:
        for threads in (1, 2, 5):
            cpu.use(target)
            cpu.set_threads(threads)
            arrays = worker_and_sum(compressor, grads[0], grads)
            found.add(b"".join(a.tobytes() for a in arrays))
    assert len(found) == 1


@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("compressor", [TopK(0.05), RandomK(0.1, seed=2), ScaledSign()], ids=repr)
def test_the_recursion_over_storage(compressor, name):
    """e + C(scale g - e) in float64 from the same elements. The estimate's precision rounds the
    product, the difference, the sum, and the mean of magnitudes; each by half a unit of at most
    2^5. Which elements are kept is read from the messages, and checked for top-k."""
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    rng = np.random.default_rng(4)
    shape = (150, 200)
    unit = np.finfo(np.float64 if name == "float64" else np.float32).eps / 2
    worker = EF21Worker(np.zeros(shape, dtype), compressor, worker=3, scale=1.5)
    item = worker.estimate.itemsize
    estimate = np.zeros(shape[0] * shape[1])
    for step in range(1, 5):
        g = rng.standard_normal(shape).astype(dtype)
        message = worker.pack(g)[8:]
        d = 1.5 * g.astype(np.float64).reshape(-1) - estimate
        if isinstance(compressor, ScaledSign):
            move = np.abs(d).mean() * np.where(d >= 0, 1.0, -1.0)
            # A difference that rounding alone makes different from zero has either sign.
            sure = np.abs(d) > 8 * unit * 2**5
        else:
            k = compressor.kept(d.size)
            places = (
                message[k * item :].copy().view("<u4")
                if isinstance(compressor, TopK)
                else ef21.random_set(d.size, k, 2 + 3, step, 0)
            )
            kept = np.isin(np.arange(d.size), places)
            if isinstance(compressor, TopK):
                assert np.abs(d[kept]).min() >= np.abs(d[~kept]).max() - 8 * unit * 2**5
            move, sure = np.where(kept, d, 0.0), np.full(d.size, True)
        new = worker.estimate.astype(np.float64).reshape(-1)
        np.testing.assert_allclose(new[sure], (estimate + move)[sure], rtol=0, atol=4 * unit * 2**5)
        estimate = new


def test_gradients_in_any_layout_and_precision_are_taken():
    rng = np.random.default_rng(0)
    like = [np.zeros((30, 40), np.float32), np.zeros((5, 6))]
    g = [rng.standard_normal(x.shape).astype(np.float32) for x in like]
    wanted = EF21Worker(like, TopK(0.5)).pack([g[0], g[1].astype(np.float64)])
    for given in (
        [np.asfortranarray(g[0]), np.asfortranarray(g[1])],
        [np.repeat(g[0], 2, axis=1)[:, ::2], g[1]],
        [g[0].astype(np.float64), g[1].astype(np.float64)],
    ):
        assert np.array_equal(EF21Worker(like, TopK(0.5)).pack(given), wanted)


class Halves:
    """A compressor of somebody else: C(x) = x / 2, as it is."""

    def size(self, count, itemsize):
        return count * itemsize

    def alpha(self, count):
        return 0.75

    def compress(self, x, draw, to):
        to[:] = (x / 2).view(np.uint8)
        return x / 2

    def add(self, message, draw, to, weight):
        to += to.dtype.type(weight) * message.copy().view(to.dtype)


def test_compressors_of_others_are_taken():
    g = [np.arange(5, dtype=np.float32), np.arange(6.0).reshape(2, 3).T]
    worker, mean = EF21Worker(g, Halves(), scale=2.0), EF21Aggregate(g, Halves())
    for step in (1, 2):
        mean.add(worker.pack(g)[None])
        for found, x in zip((*worker.estimate, *mean.estimate), (*g, *g), strict=True):
            assert np.array_equal(found, x * (1.0 if step == 1 else 1.5))


def test_what_is_refused_leaves_large_lists_as_they_were():
    rng = np.random.default_rng(0)
    like = [rng.standard_normal(90_000).astype(np.float32), rng.standard_normal(10)]
    good, other = (EF21Worker(like, TopK(0.01), worker=i).pack(like) for i in (0, 1))
    mean = EF21Aggregate(like, TopK(0.01))
    for at, value in ((-1, 200), (8 + 900 * 4 + 4, 0)):  # beyond the array; not rising
        broken = other.copy()
        broken[at] = value
        with pytest.raises(ValueError, match="messages: indices given"):
            mean.add(np.stack([good, broken]))
        assert mean.step == 0 and not any(e.any() for e in mean.estimate)
    worker = EF21Worker(like, TopK(0.01))
    before = [x.copy() for x in worker.estimate]
    whole = np.zeros(worker.message_size * 2, np.uint8)
    with pytest.raises(ValueError, match=r"grads\[0\]: memory shared with estimate\[0\]"):
        worker.pack([worker.estimate[0], like[1]])
    with pytest.raises(ValueError, match="memory shared with out"):
        out = whole[: worker.message_size]
        worker.pack([like[0], out[8:88].view(np.float64)], out)
    assert worker.step == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, worker.estimate, strict=True))
