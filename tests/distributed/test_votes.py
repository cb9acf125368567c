"""Majorities and means of packed signs, against sums of the unpacked ones."""

import numpy as np
import pytest
from steepest import cpu, distributed

WORKERS = (1, 2, 3, 4, 5, 7, 8, 16, 33, 64)
SIZES = (0, 1, 3, 63, 512, 513, 70_001)


def messages(workers, size, bits, seed=0):
    """Random messages; those of two bits without the pair that stands for NaN."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 256, (workers, bits, size), np.uint8)
    if bits == 2:
        made[:, 1] &= ~made[:, 0]
    return made.reshape(workers, bits * size)


def signs(rows, bits):
    """(workers, 8 size) of -1, 0 and 1."""
    planes = np.unpackbits(rows, axis=1, bitorder="little").astype(np.int64)
    if bits == 1:
        return 2 * planes - 1
    up, down = np.split(planes, 2, axis=1)
    return up - down


def packed(*planes):
    return np.concatenate([np.packbits(plane, bitorder="little") for plane in planes])


def on_all_targets(every_target, call):
    """The result, the same on every target and for any number of threads."""
    found = []
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2):
            cpu.set_threads(threads)
            found.append(call())
    assert all(np.array_equal(found[0].data, other.data) for other in found)
    return found[0]


@pytest.mark.parametrize("bits", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_majority_is_the_sign_of_the_sum(size, bits, every_target):
    for workers in WORKERS:
        rows = messages(workers, size, bits, workers)
        total = signs(rows, bits).sum(axis=0)
        found = on_all_targets(every_target, lambda: distributed.majority(rows, bits=bits))  # noqa: B023
        assert (found.form, found.workers, found.planes) == ("ternary", 1, 2)
        assert np.array_equal(found.data, packed(total > 0, total < 0))


@pytest.mark.parametrize("workers", WORKERS)
def test_ties_are_broken_by_name(workers, every_target):
    rows = messages(workers, 700, 1, workers)
    votes = signs(rows, 1)
    total = votes.sum(axis=0)
    assert (total == 0).any() == (workers % 2 == 0)
    wins = {
        "positive": total >= 0,
        "negative": total > 0,
        "first": np.where(total == 0, votes[0], total) > 0,
    }
    for tie, positive in wins.items():
        found = on_all_targets(every_target, lambda: distributed.majority(rows, tie=tie))  # noqa: B023
        assert (found.form, found.planes) == ("signs", 1)
        assert np.array_equal(found.data, packed(positive))


@pytest.mark.parametrize("bits", [1, 2])
@pytest.mark.parametrize("workers", WORKERS)
def test_means_are_counts_in_binary(workers, bits, every_target):
    rows = messages(workers, 700, bits, workers)
    total = signs(rows, bits).sum(axis=0)
    count = (total + workers) // 2 if bits == 1 else total + workers
    found = on_all_targets(every_target, lambda: distributed.mean(rows, bits=bits))
    digits = int(bits * workers).bit_length()
    assert (found.form, found.workers) == (f"mean of {('signs', 'ternary')[bits - 1]}", workers)
    assert found.planes == digits == distributed.planes_of(found.form, workers)
    assert np.array_equal(found.data, packed(*(count >> k & 1 for k in range(digits))))


def test_as_many_workers_as_there_may_be():
    rows = np.full((65535, 1), 0b0101_0011, np.uint8)
    rows[:32767] = 0
    assert distributed.majority(rows).data.tolist() == [0b0101_0011, 0b1010_1100]
    planes = distributed.mean(rows).data
    assert planes.size == 16
    assert planes.tolist() == [0b0101_0011 * (32768 >> k & 1) for k in range(16)]
    with pytest.raises(ValueError, match="workers: 65536 given"):
        distributed.majority(np.zeros((65536, 1), np.uint8))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_nan_of_one_worker_is_nan_for_all(workers):
    rows = messages(workers, 8, 2)
    rows[0, 0] |= 0b1000  # both bits of element 3
    rows[0, 8] |= 0b1000
    won = distributed.majority(rows, bits=2).data
    assert won[0] & won[8] == 0b1000
    planes = distributed.mean(rows, bits=2).data.reshape(-1, 8)
    assert np.bitwise_and.reduce(planes[:, 0]) == 0b1000


def test_parts_of_a_plane_are_voted_on_alone():
    """What servers that share the elements do: the parts of a result are results of the parts."""
    rows = messages(4, 1000, 1)
    whole = distributed.majority(rows, tie="first").data
    parts = [
        distributed.majority(np.ascontiguousarray(rows[:, i : i + 250]), tie="first").data
        for i in range(0, 1000, 250)
    ]
    assert np.array_equal(whole, np.concatenate(parts))


def test_outputs_may_be_given():
    rows = messages(3, 10, 1)
    out = np.zeros(20, np.uint8)
    assert distributed.majority(rows, out=out).data is out
    assert np.array_equal(out, distributed.majority(rows).data)


def test_wrong_arguments_are_refused():
    rows = messages(4, 10, 1)
    with pytest.raises(ValueError, match="tie: 'odd' given"):
        distributed.majority(rows, tie="odd")
    with pytest.raises(ValueError, match="tie: 'first' given, expected 'zero'"):
        distributed.majority(rows, bits=2, tie="first")
    with pytest.raises(TypeError, match="messages: dtype float64"):
        distributed.majority(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="messages: shape"):
        distributed.majority(rows[0])
    with pytest.raises(ValueError, match="messages: shape"):
        distributed.mean(rows[:, ::2])
    with pytest.raises(ValueError, match="workers: 0 given"):
        distributed.mean(rows[:0])
    with pytest.raises(ValueError, match="expected a multiple of 2"):
        distributed.majority(rows[:, :9].copy(), bits=2)
    with pytest.raises(ValueError, match="out: 3 bytes given, expected 20"):
        distributed.majority(rows, out=np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="memory shared with messages"):
        distributed.majority(rows, out=rows.reshape(-1)[:20])
