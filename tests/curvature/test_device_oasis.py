"""The two norms of OASIS by device code: the bits of the CPU. Emulated on any machine; on CuPy
arrays and torch tensors where there is a device."""

import numpy as np
import pytest
import steepest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import emulation
from steepest import _core

from .support import BFLOAT16

OPTIONS = ([0.0, 0.1, 0.0, 0.3, 0.2], 0.9, 0.2, -0.5)
# Of no block, of one, of several, and of more than a CUDA block has threads.
SIZES = (1, 300, 0, 4096 * 3 + 5, 4096 * 600 + 77)
SINGLE = [np.dtype(np.float32), BFLOAT16, np.dtype(np.float16)]


def tensors(dtypes, sizes=SIZES):
    """Tensor i has its arrays in the dtypes from the i-th on."""
    rng = np.random.default_rng(2)
    return [
        tuple(
            rng.standard_normal(n, np.float32).astype(dtypes[(i + k) % len(dtypes)])
            for k in range(6)
        )
        for i, n in enumerate(sizes)
    ]


def measured(kind, given, options=OPTIONS):
    found = []

    def call(given):
        found.append(_core.oasis_measure(given, *options))
        return True

    assert kind.call(call, given)
    return found[0]


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("dtypes", [SINGLE[:1], SINGLE, [np.dtype(np.float64)]], ids=str)
def test_the_bits_of_the_norms(kind, dtypes, takes):
    given = [t if takes else (*t[:5], None) for t in tensors(dtypes)]
    wanted = _core.oasis_measure(given, *OPTIONS)
    assert measured(kind, given) == wanted and all(x > 0 for x in wanted)


def test_tensors_of_both_precisions_in_one_call(kind):
    sizes = (5000, 70, 4096)
    mixed = [*tensors(SINGLE, sizes), *tensors([np.dtype(np.float64)], sizes)]
    mixed = [*mixed[::2], *[(*t[:5], None) for t in mixed[1::2]]]
    options = ([0.1] * len(mixed), *OPTIONS[1:])
    assert measured(kind, mixed, options) == _core.oasis_measure(mixed, *options)


@pytest.mark.parametrize("sizes", [(), (0,), (0, 0)])
def test_nothing_to_measure(kind, sizes):
    options = ([0.1] * len(sizes), *OPTIONS[1:])
    assert measured(kind, tensors(SINGLE, sizes), options) == (0.0, 0.0)


def test_nan_passes_on(kind):
    given = tensors(SINGLE[:1], (300,))
    given[0][2][7] = np.nan
    moved, turned = measured(kind, given, ([0.1], *OPTIONS[1:]))
    assert np.isfinite(moved) and np.isnan(turned)


@pytest.mark.parametrize("name", FAKES)
def test_exporters(name):
    (tensor,) = tensors([np.dtype(np.float64)], (5000,))
    wanted = _core.oasis_measure([tensor], [0.1], 0.9, 0.2, 1.0)
    make = FAKES[name]
    with emulation():
        there = tuple(map(make, tensor))
        assert _core.oasis_measure([there], [0.1], 0.9, 0.2, 1.0) == wanted
        mixed = (*there[:2], tensor[2], *there[3:])
        with pytest.raises(ValueError, match=r"grads\[0\]: array in host memory given"):
            _core.oasis_measure([mixed], [0.1], 0.9, 0.2, 1.0)


@pytest.mark.skipif(steepest._core.has_cuda(), reason="built with CUDA")
def test_a_build_without_cuda_refuses_device_arrays():
    (tensor,) = tensors([np.dtype(np.float64)], (3,))
    there = tuple(map(FAKES["dlpack"], tensor))
    with pytest.raises(steepest.DeviceError, match="params"):
        _core.oasis_measure([there], [0.1], 0.9, 0.2, 1.0)
