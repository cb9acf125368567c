"""The two weighted norms of OASIS, bit by bit as the fixed tree adds them."""

import numpy as np
import pytest
from reference import tree
from steepest import _core, cpu

from .support import BFLOAT16

SIZES = (1, 300, 4096, 200_003)


def streams(dtype):
    rng = np.random.default_rng(0)
    return [tuple(rng.standard_normal(n).astype(dtype) for _ in range(6)) for n in SIZES]


def wanted(tensors, decay, beta2, alpha, factor, takes):
    """Single or double for D, as the rule has it; double for the rest."""
    moved, turned = [], []
    for (w, last_w, g, last_g, d, h), wd in zip(tensors, decay, strict=True):
        kind = d.dtype.type
        new = kind(beta2) * d + kind(1 - beta2) * h if takes else d
        size = np.maximum(np.abs(new), kind(alpha)).astype(np.float64)
        step = w.astype(np.float64) - last_w
        turn = factor * (g.astype(np.float64) - last_g) + wd * step
        moved.append(tree.tensor_sum(size * (step * step)))
        turned.append(tree.tensor_sum(turn * turn / size))
    return float(tree.pairwise(moved)), float(tree.pairwise(turned))


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sums_are_the_reference_to_the_bit(dtype, takes, every_target):
    tensors, decay = streams(dtype), [0.0, 0.1, 0.0, 0.3]
    expected = wanted(tensors, decay, 0.9, 0.2, -0.5, takes)
    given = [t if takes else (*t[:5], None) for t in tensors]
    for target in every_target:
        cpu.use(target)
        for threads in (1, 2):
            cpu.set_threads(threads)
            assert _core.oasis_measure(given, decay, 0.9, 0.2, -0.5) == expected


def test_streams_in_half_precision_are_widened_exactly(every_target):
    """Any of the six may be in less than single precision, each tensor in its own mixture."""
    kinds = (BFLOAT16, np.dtype(np.float16), np.dtype(np.float32))
    given = [
        tuple(a.astype(kinds[(i + k) % 3]) for k, a in enumerate(arrays))
        for i, arrays in enumerate(streams(np.float32))
    ]
    wide = [tuple(a.astype(np.float32) for a in arrays) for arrays in given]
    decay = [0.0, 0.1, 0.0, 0.3]
    expected = wanted(wide, decay, 0.9, 0.2, 2.0, True)
    for target in every_target:
        cpu.use(target)
        assert _core.oasis_measure(given, decay, 0.9, 0.2, 2.0) == expected


def test_wrong_arrays_are_refused():
    (tensor,) = streams(np.float32)[:1]
    with pytest.raises(ValueError, match=r"previous_grads\[0\]: 2 elements given, expected 1"):
        _core.oasis_measure([(*tensor[:3], np.zeros(2, np.float32), *tensor[4:])], [0.0], 0.9, 0, 1)
    with pytest.raises(TypeError):
        _core.oasis_measure([(*tensor[:3], np.zeros(1), *tensor[4:])], [0.0], 0.9, 0, 1)
    with pytest.raises(TypeError, match=r"exp_hessian_diag\[0\]"):
        _core.oasis_measure([(*tensor[:4], None, None)], [0.0], 0.9, 0, 1)
    with pytest.raises(ValueError, match="weight_decay: 2 numbers given, expected 1"):
        _core.oasis_measure([tensor], [0.0, 0.0], 0.9, 0, 1)
