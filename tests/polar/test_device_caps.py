"""spectral_cap, spectral_hammer and spectral_normalize of arrays on a device against the singular
value decomposition. Emulated on any machine; on CuPy arrays and torch tensors where there is a
device."""

import numpy as np
import pytest
import standin
from boundary.device_fakes import CudaStream, emulation
from boundary.support import bits, refused
from reference import polar as ref
from steepest.polar import spectral_cap, spectral_hammer, spectral_normalize

from .accuracy import UNIT, backward, draw, norm
from .arrays import BFLOAT16
from .caps import by_dtype, by_function, by_spectrum

SHAPES = ((12, 12), (9, 20), (20, 9), (1, 6), (6, 1), (1, 1))
CAPS = (0.3, 1.0, 1.5)  # of the spectral norm
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.fixture
def rng():
    return np.random.default_rng(57)


def on(kind, function, w, *args, **options):
    with kind.running():
        return kind.numpy(function(kind.array(w), *args, **options))


@by_dtype
@by_shape
@by_spectrum
def test_hard(kind, rng, spectrum, shape, dtype):
    w = draw(rng, spectrum, shape, dtype)
    for share in CAPS:
        cap = share * ref.svd(w)[1].max()
        result = on(kind, spectral_cap, w, cap)
        assert result.dtype == w.dtype
        size = norm(w) + cap * np.sqrt(min(shape))
        limit = (2 + np.log2(min(shape))) * 2 * backward() * UNIT[dtype]
        assert norm(result - ref.spectral_cap(w, cap)) <= limit * size
    assert bits(on(kind, spectral_cap, w, norm(w) * 1.001)) == bits(w)


@by_dtype
@by_shape
@by_spectrum
def test_soft(kind, rng, spectrum, shape, dtype):
    w = draw(rng, spectrum, shape, dtype)
    top = ref.svd(w)[1].max()
    limit = 4 * 4 * (min(shape) ** 0.5 + 2) * UNIT[dtype]
    for share in CAPS:
        cap = share * top
        result = on(kind, spectral_cap, w, cap, "soft")
        assert norm(result - ref.spectral_cap(w, cap, "soft")) <= limit * norm(w)
        result = on(kind, spectral_cap, w, cap, "soft", bound=1.3 * top)
        assert norm(result - ref.spectral_cap(w, cap, "soft", 1.3 * top)) <= limit * norm(w)


def test_soft_in_training(kind, rng):
    w = spectral_normalize(rng.standard_normal((8, 12)), 2.0)
    step = 0.95 * w + 0.3 * ref.polar_factor(rng.standard_normal((8, 12)))
    found = on(kind, spectral_cap, step, 2.0, "soft", weight_decay=0.05, max_update=0.3)
    assert ref.svd(found)[1].max() <= 2.0 * (1 + 1e-14)


@by_dtype
@by_shape
def test_hammer(kind, rng, shape, dtype):
    w = draw(rng, "gaussian", shape, dtype)
    s = ref.svd(w)[1]
    for share in CAPS:
        cap = share * s[0]
        result = on(kind, spectral_hammer, w, cap)
        wanted = np.sort(np.r_[cap, s[1:]])[::-1]
        unit = 4 * UNIT[dtype] * max(s[0], cap) * np.sqrt(sum(shape))
        assert np.abs(ref.svd(result)[1] - wanted).max() <= unit + 1e-10 * s[0]
        change = np.linalg.svd(result.astype(np.float64) - w, compute_uv=False)
        assert np.all(change[1:] <= unit)  # of rank one


@by_dtype
@by_shape
@by_spectrum
def test_normalize(kind, rng, spectrum, shape, dtype):
    w = draw(rng, spectrum, shape, dtype)
    top = ref.svd(w)[1].max()
    for share in CAPS:
        cap = share * top
        wanted = w.astype(np.float64) / max(1, top / cap)
        limit = 2 * UNIT[dtype] + 8 * UNIT["float64"] * max(shape)
        assert np.all(abs(on(kind, spectral_normalize, w, cap) - wanted) <= limit * abs(wanted))
    assert bits(on(kind, spectral_normalize, w, 1.001 * norm(w))) == bits(w)


@by_function
@by_dtype
def test_zero_and_empty(function, dtype):
    with emulation():
        for shape in ((3, 4), (2, 3, 1), (0, 3), (3, 0), (2, 0, 3), (0, 2, 3)):
            result = function(np.zeros(shape, dtype), 0.5)
            assert result.shape == shape and not result.any()


@by_function
@by_dtype
def test_stacks_and_layouts(kind, rng, function, dtype):
    w = rng.standard_normal((2, 3, 5, 8)).astype(dtype)
    w[0, 1] = 0
    w[1, 1] *= 1e-3
    for view in (lambda x: x.swapaxes(-1, -2), lambda x: x[:, :, ::2]):
        with kind.running():
            ours = kind.numpy(function(view(kind.array(w)), 0.7))
        for index in np.ndindex(w.shape[:2]):
            one = np.ascontiguousarray(view(w)[index])
            assert bits(ours[index]) == bits(on(kind, function, one, 0.7))
    wanted = on(kind, function, w, 0.7)
    with kind.running():
        there = kind.array(w)
        assert function(there, 0.7, out=there) is there
        assert bits(kind.numpy(there)) == bits(wanted)


@by_function
@by_dtype
def test_any_scale(kind, rng, function, dtype):
    w = rng.standard_normal((7, 5)).astype(dtype)
    wanted = on(kind, function, w, 0.75)
    for power in (-100, 100):
        scaled = on(kind, function, np.ldexp(w, power), float(np.ldexp(0.75, power)))
        assert bits(np.ldexp(scaled, -power)) == bits(wanted)


@by_function
@pytest.mark.parametrize("dtype", [BFLOAT16, np.dtype(np.float16)], ids=str)
def test_half_precision(kind, rng, function, dtype):
    w = rng.standard_normal((7, 5)).astype(dtype)
    wanted = on(kind, function, w.astype(np.float32), 0.7).astype(dtype)
    assert bits(on(kind, function, w, 0.7)) == bits(wanted)


@by_function
def test_refused(rng, function):
    w, out = rng.standard_normal((2, 3, 4)), np.zeros((2, 3, 4))
    w[1, 0, 0] = np.nan
    with emulation():
        with refused(ValueError, "W[1]: ", "nan or infinity", untouched=[out]):
            function(w, 0.5, out=out)
        with refused(ValueError, "out: ", "(2, 4, 3)", untouched=[w]):
            function(w[:1], 0.5, out=np.zeros((2, 4, 3)))
    place = "out: array in host memory given"
    with emulation(), standin.installed(), pytest.raises(ValueError, match=place):
        function(standin.asarray(w[0]), 0.5, out=out[0])
    assert not out.any()


@by_function
def test_streams(rng, function):
    w = rng.standard_normal((4, 6))
    with pytest.raises(ValueError, match="stream: given, expected None because W"):
        function(w, 0.5, stream=CudaStream(2))
    with emulation():
        wanted = function(w, 0.5)
        with standin.installed():
            found = function(standin.asarray(w), 0.5, stream=CudaStream(2))
            assert bits(found.get()) == bits(wanted)
