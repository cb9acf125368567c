"""spectral_cap, spectral_hammer and spectral_normalize against the singular value decomposition."""

import ml_dtypes
import numpy as np
import pytest
from boundary.support import bits, refused
from reference import polar as ref
from steepest.polar import spectral_cap, spectral_hammer, spectral_normalize

from .accuracy import UNIT, backward, draw, norm
from .caps import by_dtype, by_function, by_spectrum

SHAPES = ((30, 30), (20, 48), (48, 20), (1, 6), (6, 1), (1, 1))
CAPS = (0.9, 0.3, 1e-2, 1.0, 1.5)  # of the spectral norm
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.fixture
def rng():
    return np.random.default_rng(51)


def largest(w):
    return ref.svd(w)[1].max()


@by_dtype
@by_shape
@by_spectrum
def test_hard(rng, spectrum, shape, dtype):
    """Off by the errors of two decompositions, of W and of H - cap I."""
    w = draw(rng, spectrum, shape, dtype)
    for share in CAPS:
        cap = share * largest(w)
        result = spectral_cap(w, cap)
        assert result.dtype == w.dtype
        size = norm(w) + cap * np.sqrt(min(shape))
        limit = (2 + np.log2(min(shape))) * 2 * backward() * UNIT[dtype]
        assert norm(result - ref.spectral_cap(w, cap)) <= limit * size
    assert bits(spectral_cap(w, norm(w) * 1.001)) == bits(w)


def test_hard_at_the_cap(rng):
    """Singular values at the cap itself, and just beside it, are no trouble."""
    s = np.r_[2.0, 1 + 1e-15, 1 + 1e-8, np.ones(4), 1 - 1e-8, 0.5, 0.0]
    w = ref.with_singular_values(rng, (10, 14), s)
    result = spectral_cap(w, 1.0)
    assert np.abs(ref.svd(result)[1] - np.sort(np.minimum(s, 1))[::-1]).max() <= 1e-13


@by_dtype
@by_shape
@by_spectrum
def test_soft(rng, spectrum, shape, dtype):
    """Two steps on singular values up to 1, of slope at most 1: four terms each."""
    w = draw(rng, spectrum, shape, dtype)
    top = largest(w)
    limit = 4 * 4 * (min(shape) ** 0.5 + 2) * UNIT[dtype]
    for share in CAPS:
        cap = share * top
        result = spectral_cap(w, cap, "soft")
        assert norm(result - ref.spectral_cap(w, cap, "soft")) <= limit * norm(w)
        for bound in (1.3 * top, 4 * top):
            result = spectral_cap(w, cap, "soft", bound=bound)
            wanted = ref.spectral_cap(w, cap, "soft", bound)
            assert norm(result - wanted) <= limit * norm(w)
    cap = top / 1.3  # see test_soft_is_monotone
    for bound in (None, top):
        result = spectral_cap(w, cap, "soft", bound=bound)
        assert largest(result) <= cap * (1 + 2 * limit * np.sqrt(min(shape)))


@by_dtype
def test_soft_with_a_bound_out_of_range(rng, dtype):
    """A matrix that is tiny beside the bound passes as it is, to an error relative to the bound."""
    w = rng.standard_normal((4, 6)).astype(dtype)
    for bound in (1e12, 1e300):
        result = spectral_cap(w, bound / 1.1, "soft", bound=bound)
        assert np.isfinite(result).all()
        assert float(np.abs(result - w).max()) <= UNIT[dtype] * bound


def test_soft_is_monotone(rng):
    """As long as 1 - 3 a s^2 >= 0 up to the bound: there y = a bound^2 is at most 1/3, and cap /
    bound at least 62 / 81."""
    for ratio, monotone in ((81 / 62, True), (1.31, False), (3.0, False)):
        s = np.linspace(1, 0, 400) * ratio
        ours = np.diag(spectral_cap(np.diag(s), 1.0, "soft", bound=ratio))
        assert (np.diff(ours) <= 1e-15).all() == monotone
        assert (ours.max() <= 1 + 1e-14) == monotone


def test_soft_in_training(rng):
    """The bound that a step of weight decay and update leaves keeps weights below the cap."""
    cap, decay, update = 2.0, 0.05, 0.3
    w = spectral_normalize(rng.standard_normal((12, 20)), cap)
    for _ in range(10):
        step = ref.polar_factor(rng.standard_normal((12, 20))) * update
        w = spectral_cap(w * (1 - decay) + step, cap, "soft", weight_decay=decay, max_update=update)
        assert largest(w) <= cap * (1 + 1e-14)
    given = spectral_cap(w, cap, "soft", bound=cap * (1 - decay) + update)
    assert bits(given) == bits(spectral_cap(w, cap, "soft", weight_decay=decay, max_update=update))
    # Decay that outweighs the update leaves nothing to cap.
    assert bits(spectral_cap(w, cap, "soft", weight_decay=0.5, max_update=0.3)) == bits(w)


@by_dtype
@by_shape
@by_spectrum
def test_hammer(rng, spectrum, shape, dtype):
    w = draw(rng, spectrum, shape, dtype)
    s = ref.svd(w)[1]
    for share in CAPS:
        cap = share * s[0]
        result = spectral_hammer(w, cap)
        wanted = np.sort(np.r_[cap, s[1:]])[::-1]
        unit = 4 * UNIT[dtype] * max(s[0], cap) * np.sqrt(sum(shape))
        assert np.abs(ref.svd(result)[1] - wanted).max() <= unit + 1e-10 * s[0]
        change = np.linalg.svd(result.astype(np.float64) - w, compute_uv=False)
        assert np.all(change[1:] <= unit)  # of rank one


@by_dtype
@by_shape
@by_spectrum
def test_normalize(rng, spectrum, shape, dtype):
    w = draw(rng, spectrum, shape, dtype)
    top = largest(w)
    for share in CAPS:
        cap = share * top
        result = spectral_normalize(w, cap)
        wanted = w.astype(np.float64) / max(1, top / cap)
        # The largest singular value at LAPACK's precision, and one rounding.
        limit = 2 * UNIT[dtype] + 8 * UNIT["float64"] * max(shape)
        assert np.all(abs(result - wanted) <= limit * abs(wanted))
    assert bits(spectral_normalize(w, 1.001 * norm(w))) == bits(w)
    assert largest(spectral_normalize(w)) <= 1 + 2 * UNIT[dtype] * np.sqrt(max(shape)) + 1e-10


@by_function
@by_dtype
def test_zero_and_empty(function, dtype):
    for shape in ((3, 4), (2, 3, 1), (0, 3), (3, 0), (2, 0, 3), (0, 2, 3)):
        result = function(np.zeros(shape, dtype), 0.5)
        assert result.shape == shape and not result.any()


@by_function
@by_dtype
def test_stacks_and_layouts(rng, function, dtype):
    w = rng.standard_normal((2, 3, 8, 13)).astype(dtype)
    w[0, 1] = 0
    w[1, 1] *= 1e-3
    for array in (w, w.swapaxes(-1, -2), w[:, ::-1, ::2]):
        ours = function(array, 0.7)
        for index in np.ndindex(array.shape[:-2]):
            assert bits(ours[index]) == bits(function(array[index], 0.7))
    wanted = function(w, 0.7)
    assert function(w, 0.7, out=w) is w and bits(w) == bits(wanted)


@by_function
@by_dtype
def test_any_scale(rng, function, dtype):
    w = rng.standard_normal((7, 5)).astype(dtype)
    for power in (-100, 100):
        scaled = function(np.ldexp(w, power), float(np.ldexp(0.75, power)))
        assert bits(np.ldexp(scaled, -power)) == bits(function(w, 0.75))


@by_function
def test_half_precision(rng, function):
    w = rng.standard_normal((7, 5)).astype(ml_dtypes.bfloat16)
    assert bits(function(w, 0.7)) == bits(function(w.astype(np.float32), 0.7).astype(w.dtype))


@by_function
@pytest.mark.parametrize(
    ("cap", "error"),
    [(0.0, ValueError), (-1.0, ValueError), (np.nan, ValueError), ("1", TypeError)],
)
def test_caps_refused(rng, function, cap, error):
    w = rng.standard_normal((3, 4))
    with refused(error, "cap: ", untouched=[w]):
        function(w, cap, out=w)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"kind": "mild"}, ValueError, ("kind: ", "'mild'", "'hard', 'soft'")),
        ({"kind": 1}, TypeError, ("kind: ", "int")),
        ({"bound": 2.0}, ValueError, ("kind: ", "'hard'", "bound")),
        ({"kind": "soft", "bound": 0.0}, ValueError, ("bound: ",)),
        ({"kind": "soft", "bound": 1.0, "max_update": 1.0}, ValueError, ("max_update: ",)),
        ({"kind": "soft", "max_update": -1.0}, ValueError, ("max_update: ", "-1")),
        ({"kind": "soft", "weight_decay": 0.1}, ValueError, ("weight_decay: ",)),
        ({"kind": "soft", "max_update": 1.0, "weight_decay": 1.0}, ValueError, ("weight_decay: ",)),
    ],
    ids=str,
)
def test_options_refused(rng, options, error, words):
    w = rng.standard_normal((3, 4))
    with refused(error, *words, untouched=[w]):
        spectral_cap(w, 1.0, out=w, **options)
