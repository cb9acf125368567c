"""Rules that sum or compare over rows and columns, where several rows fit into the lanes of the
tree, where one does, and where a chunk of rows is not full: the bits of the device's order."""

import kinds
import numpy as np
import pytest
from kinds import on_host, thread_counts
from steepest import cpu

from .support import Tensors, random_params

WIDTHS = (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 65, 100, 127, 128, 130, 256, 300)
SHAPES = (*((300, width) for width in WIDTHS), (3, 70, 16), (2, 9, 64))


def stepped(start, grads):
    tensors = start.copy()
    for t, grad in enumerate(grads, 1):
        tensors.step(grad, step=t)
    return [tensors.params, *tensors.states.values()]


def on_emulated_device(start, grads):
    before = kinds.current().name
    kinds.choose("emulated")
    try:
        return stepped(start, grads)
    finally:
        kinds.choose(before)


@pytest.mark.skipif("not on_host()", reason="of the CPU's passes")
@pytest.mark.parametrize("dtype", (np.float32, np.float64), ids=lambda d: d.__name__)
@pytest.mark.parametrize("rule", ["adamp", "sgdp", "sm3", "adafactor", "adafisher"])
def test_rows_of_all_widths(rule, dtype, every_target):
    assert on_host()
    rng = np.random.default_rng(3)
    start = Tensors(rule, random_params(rng, SHAPES, dtype))
    grads = [random_params(rng, SHAPES, dtype) for _ in range(2)]
    wanted = on_emulated_device(start, grads)
    for target in every_target:
        cpu.use(target)
        for threads in thread_counts(1, 2):
            cpu.set_threads(threads)
            for arrays, expected in zip(stepped(start, grads), wanted, strict=True):
                for a, w, shape in zip(arrays, expected, SHAPES, strict=True):
                    same = (a is None and w is None) or a.tobytes() == w.tobytes()
                    assert same, (target, threads, shape)


@pytest.mark.skipif("not on_host()", reason="of the CPU's passes")
@pytest.mark.parametrize("shape", [(9, 40), (10, 130), (6, 300)])
def test_nan_becomes_the_maximum_of_its_row_and_column(shape, every_target):
    rng = np.random.default_rng(4)
    start = Tensors("sm3", random_params(rng, [shape], np.float32))
    grads = random_params(rng, [shape], np.float32)
    row, column = 5, 33
    grads[0][row, column] = np.nan
    for target in every_target:
        cpu.use(target)
        _, rows, columns, *_ = (arrays[0] for arrays in stepped(start, [grads]))
        assert np.flatnonzero(np.isnan(rows)).tolist() == [row], target
        assert np.flatnonzero(np.isnan(columns)).tolist() == [column], target
