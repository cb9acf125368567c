"""Probes and their accumulation by device code: the bits of the CPU. Emulated on any machine; on
CuPy arrays and torch tensors where there is a device."""

import numpy as np
import pytest
import standin
import steepest
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import CudaStream, emulation
from steepest import _arrays
from steepest.curvature import (
    accumulate,
    gaussian,
    hutchinson_diag,
    hutchinson_trace,
    rademacher,
)
from steepest.golden.kinds import KINDS

from .support import DTYPES, SEED, same_bits, symmetric

MAKERS = {"rademacher": rademacher, "gaussian": gaussian}
by_distribution = pytest.mark.parametrize("distribution", MAKERS)
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@pytest.fixture
def emulated():
    with emulation():
        yield


def placed(array, shift):
    """A copy that begins some elements behind the 64-byte grid."""
    room = np.zeros(array.nbytes + 128, np.uint8)
    start = -room.ctypes.data % 64 + shift * array.itemsize
    copy = room[start : start + array.nbytes].view(array.dtype)
    copy[...] = array
    return copy


@by_distribution
@by_dtype
@pytest.mark.parametrize("shift", [0, 1])
def test_the_bits_of_a_probe(kind, dtype, distribution, shift):
    """Whole blocks and ends of them, whole groups and not, at offsets within a Philox block, within
    a pair and beyond 32 bits."""
    make = MAKERS[distribution]
    for n in (1, 130, 4096, 3 * 4096 + 189):
        for offset in (0, 1, 64, 2**40 + 77):
            wanted = make(np.zeros(n, dtype), SEED, 5, 9, offset=offset)
            found = placed(np.zeros(n, dtype), shift)
            kind.call(make, found, SEED, 5, 9, out=found, offset=offset)
            assert same_bits(found, wanted), (n, offset)


class Statistics:
    """Three samples of products with a list of tensors, some without elements."""

    def __init__(self, dtypes, distribution, form, sizes, shift=0):
        rng = np.random.default_rng(3)
        self.keywords = {"distribution": distribution, "block": 3 if form == "block" else 1}
        each = list(zip(dtypes, sizes, strict=True))
        self.products = [
            [placed((3 * rng.standard_normal(n)).astype(t), shift) for t, n in each]
            for _ in range(3)
        ]
        states = [np.float64 if t == np.float64 else np.float32 for t in dtypes]
        self.state = {
            name: [
                placed(np.zeros(n // self.keywords["block"], s), shift)
                for s, n in zip(states, sizes, strict=True)
            ]
            for name in ("mean", "scatter", *(["weight"] if form == "weighted" else []))
        }

    def go(self, call):
        return [
            float(call(accumulate, h, seed=SEED, sample=k + 1, probe=5 * k, **self.keywords,
                       **self.state))
            for k, h in enumerate(self.products)
        ]  # fmt: skip


def compared(kind, *arguments, **keywords):
    there, here = Statistics(*arguments, **keywords), Statistics(*arguments, **keywords)
    totals = there.go(kind.call)
    assert totals == here.go(lambda f, *a, **k: f(*a, **k))
    for name, arrays in here.state.items():
        for found, wanted in zip(there.state[name], arrays, strict=True):
            assert same_bits(found, wanted), name


@by_distribution
@pytest.mark.parametrize("form", ["plain", "weighted", "block"])
@pytest.mark.parametrize("shift", [0, 1])
def test_the_bits_of_statistics(kind, distribution, form, shift):
    """A list of all dtypes: two launches on a device, one tree over all."""
    sizes = (3 * 4096 + 189, 129, 0, 3 * 4096, 3, 2 * 4095)
    dtypes = [DTYPES[i % 4] for i in (0, 1, 2, 3, 2, 1)]
    compared(kind, dtypes, distribution, form, sizes, shift=shift)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_trees_of_more_than_one_level(kind, dtype):
    """More blocks than a node has children."""
    compared(kind, [dtype], "rademacher", "plain", [258 * 4096 + 5])


def test_nothing_but_sums(kind):
    for sizes in ([0], [0, 0], [0, 5]):
        compared(kind, [np.dtype(np.float32)] * len(sizes), "rademacher", "plain", sizes)


def test_nan_passes_on(kind):
    h, mean, scatter = np.ones(300, np.float32), *np.zeros((2, 300), np.float32)
    h[7] = np.nan
    total = kind.call(accumulate, h, mean, scatter, SEED, sample=1)
    assert np.isnan(total) and np.flatnonzero(np.isnan(mean)).tolist() == [7]


# ---- Arrays of other frameworks, under emulation


@pytest.mark.parametrize("name", FAKES)
def test_exporters(emulated, name):
    """What has DLPack or the CUDA array interface alone can be written and read."""
    there, mean, scatter = np.zeros(5000, np.float32), *np.zeros((2, 5000), np.float32)
    make = FAKES[name]
    rademacher(make(there), SEED, out=make(there), stream=CudaStream(4096))
    with pytest.raises(ValueError, match="stream: -1 given"):
        gaussian(make(there), SEED, out=make(there), stream=-1)
    total = accumulate(make(there), make(mean), make(scatter), SEED, sample=1)
    with emulation(False):
        assert same_bits(there, rademacher(there, SEED))
    assert total == 5000 and np.all(mean == 1) and not scatter.any()
    with pytest.raises(TypeError, match=r"like: .* given, expected a NumPy or CuPy array"):
        rademacher(make(there), SEED)


@pytest.mark.parametrize("name", FAKES)
def test_host_arrays_among_device_arrays(emulated, name):
    device = FAKES[name](np.zeros(6))
    mean, scatter = np.full(6, 7.0), np.full(6, 7.0)
    with pytest.raises(ValueError, match="mean: array in host memory given, expected one on CUDA"):
        accumulate(device, mean, scatter, SEED, sample=1)
    with pytest.raises(ValueError, match=r"like\[1\]: array in host memory given"):
        rademacher([device, mean], SEED, out=[device, mean])
    with pytest.raises(TypeError, match="out: "):
        rademacher(device, SEED, out=mean)
    with pytest.raises(ValueError, match="stream: given, expected None"):
        rademacher(mean, SEED, out=mean, stream=1)
    assert np.all(mean == 7) and np.all(scatter == 7)


@pytest.mark.skipif(steepest._core.has_cuda(), reason="built with CUDA")
def test_a_build_without_cuda_refuses_device_arrays():
    with emulation(False), pytest.raises(steepest.DeviceError, match="products"):
        accumulate(FAKES["dlpack"](np.zeros(3)), np.zeros(3), np.zeros(3), SEED, sample=1)


@pytest.fixture
def cupy(emulated):
    with standin.installed():
        yield standin


def test_probes_like_arrays_on_a_device(cupy):
    for dtype in DTYPES:
        made = gaussian({"a": standin.zeros((3, 5), dtype)}, SEED)["a"]
        assert isinstance(made, standin.ndarray) and made.dtype == dtype
        with emulation(False):
            assert same_bits(made.get(), gaussian(np.zeros((3, 5), dtype), SEED))


OPTIONS = [
    {},
    {"distribution": "gaussian"},
    {"average": "block", "block": 2},
    {"until": 0.5, "max_probes": 40},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_diagonals_of_callbacks_on_a_device(cupy, dtype, options):
    a = symmetric(24).astype(dtype) + 3 * np.eye(24, dtype=dtype)
    like = np.zeros((4, 6), dtype)

    def product(z):
        return (a @ z.reshape(-1)).reshape(z.shape)

    def on_device(z):
        assert isinstance(z, standin.ndarray)
        return standin.asarray(product(z.get()))

    found = hutchinson_diag(on_device, standin.asarray(like), 6, SEED, **options)
    with emulation(False):
        wanted = hutchinson_diag(product, like, 6, SEED, **options)
    assert found.probes == wanted.probes
    for x, y in zip(found[:2], wanted[:2], strict=True):
        assert isinstance(x, standin.ndarray) and same_bits(x.get(), y)


def test_one_probe_has_no_error_on_a_device_either(cupy):
    found = hutchinson_diag(lambda z: z, standin.zeros(5, np.float32), 1, SEED)
    assert np.all(found.value.get() == 1) and np.isnan(found.stderr.get()).all()


@by_distribution
def test_traces_of_callbacks_on_a_device(cupy, distribution):
    a = symmetric(30)
    found = hutchinson_trace(
        lambda z: standin.asarray(a @ z.get()), standin.zeros(30, np.float64), 5, SEED,
        distribution=distribution,
    )  # fmt: skip
    with emulation(False):
        wanted = hutchinson_trace(lambda z: a @ z, np.zeros(30), 5, SEED, distribution=distribution)
    assert same_bits(found.samples, wanted.samples) and found.stderr == wanted.stderr


def test_callbacks_that_leave_the_device(cupy):
    like = standin.zeros(5, np.float32)
    with pytest.raises(TypeError, match=r"hvp's result: numpy.ndarray given, expected .*ndarray"):
        hutchinson_trace(lambda z: z.get(), like, 2)
    with pytest.raises(ValueError, match="hvp's result: a NaN"):
        hutchinson_trace(lambda z: standin.asarray(np.full(5, np.nan, np.float32)), like, 2)


def test_torch_on_a_device():
    kind = KINDS["torch-cuda"]
    if reason := kind.missing():
        pytest.skip(reason)
    a = symmetric(24)
    there = kind.array(a)
    found = hutchinson_diag(lambda z: z * there.diagonal(), kind.array(np.zeros(24)), 4, SEED)
    wanted = hutchinson_diag(lambda z: z * np.diag(a), np.zeros(24), 4, SEED)
    for x, y in zip(found[:2], wanted[:2], strict=True):
        assert x.is_cuda and same_bits(_arrays.to_host(x), y)
