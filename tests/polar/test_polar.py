"""polar and stiefel_project: A = U H to working precision."""

import ml_dtypes
import numpy as np
import pytest
from boundary.support import bits
from reference import polar as ref
from steepest import cpu
from steepest.polar import Polar, polar, stiefel_project
from steepest.polar.factor import PRESSES, SCHEDULE, STEPS

from .accuracy import SPECTRA, UNIT, assert_polar, backward, draw, matrices, norm, presses

SHAPES = ((40, 40), (24, 60), (60, 24), (7, 5), (1, 6), (6, 1), (1, 1), (2, 3, 9, 14))
by_dtype = pytest.mark.parametrize("dtype", UNIT)
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.fixture
def rng():
    return np.random.default_rng(31)


# --- The schedule


def test_the_schedule_is_what_it_is_said_to_be():
    assert presses(SCHEDULE) <= PRESSES
    s = np.geomspace(1e-3, 1, 4001)
    assert np.abs(ref.scalar(SCHEDULE, s) - 1).max() <= 4 * UNIT["float64"] * STEPS
    low = np.geomspace(1e-300, 1e-3, 2001)
    assert np.all(ref.scalar(SCHEDULE, low) >= 1e4 * low * (low < 1e-5))
    # A later round finds singular values a little above 1.
    assert abs(ref.scalar(SCHEDULE, 1 + 1e-4) - 1) <= 1e-12


# --- Values


@by_dtype
@by_shape
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_values(rng, spectrum, shape, dtype):
    lead = shape[:-2]
    a = np.empty(shape, dtype)
    for index in np.ndindex(lead):
        a[index] = draw(rng, spectrum, shape[-2:], dtype)
    before = a.copy()
    result = polar(a)
    assert isinstance(result, Polar) and bits(a) == bits(before)
    assert result.U.dtype == result.H.dtype == a.dtype
    assert result.U.shape == shape and result.H.shape == (*lead, shape[-1], shape[-1])
    assert_polar(a, result, UNIT[dtype])
    if spectrum == "rank_deficient" and min(shape[-2:]) > 1:
        return
    tolerance = 4 * UNIT[dtype] * max(shape)
    for u in matrices(result.U):
        assert ref.orthogonality_error(u) <= tolerance


@by_dtype
def test_against_the_svd_where_it_is_well_conditioned(rng, dtype):
    """U is off by the backward error over the mean of the least two singular values."""
    a = ref.with_singular_values(rng, (30, 50), np.linspace(0.5, 1, 30)).astype(dtype)
    u = polar(a).U
    assert norm(u - ref.polar_factor(a)) <= 2 * backward(1) * UNIT[dtype] * norm(a) / 0.5


@by_dtype
@pytest.mark.parametrize("scale", [1e-300, 1e-38, 1e-30, 1e30, 1e37, 1e300])
def test_any_scale(rng, scale, dtype):
    if not float(np.finfo(dtype).tiny) < scale < float(np.finfo(dtype).max):
        pytest.skip("outside the type")
    a = (rng.standard_normal((12, 9)) * scale).astype(dtype)
    power = 2.0 ** np.round(np.log2(scale))
    u, h = polar(a)
    assert np.isfinite(u).all() and np.isfinite(h).all()
    unit = a.astype(np.float64) / power
    plain = Polar(u, h.astype(np.float64) / power)
    assert_polar(unit, plain, UNIT[dtype])


@by_dtype
def test_powers_of_two_change_no_bit_of_u(rng, dtype):
    a = rng.standard_normal((8, 15)).astype(dtype)
    u, h = polar(a)
    scaled_u, scaled_h = polar(a * a.dtype.type(2.0**40))
    assert bits(u) == bits(scaled_u)
    assert bits(h * h.dtype.type(2.0**40)) == bits(scaled_h)


@by_dtype
def test_ill_conditioned(rng, dtype):
    """Singular values over the whole range of the type, with U still orthogonal."""
    lowest = 1e-14 if dtype == "float64" else 1e-6
    for shape in ((30, 30), (20, 50)):
        a = ref.with_singular_values(rng, shape, np.geomspace(1, lowest, shape[0])).astype(dtype)
        u, h = polar(a)
        assert_polar(a, (u, h), UNIT[dtype])
        assert ref.orthogonality_error(u) <= 4 * UNIT[dtype] * max(shape)


@by_dtype
def test_rank_deficient(rng, dtype):
    """Equal elements, whose roundings all add up: u n for sums of n terms instead of u."""
    for a in (np.ones((9, 14)), np.ones((60, 60)), np.outer(np.arange(8.0), np.ones(20))):
        a = a.astype(dtype)
        assert_polar(a, polar(a), UNIT[dtype], factor=np.sqrt(max(a.shape)))


@by_dtype
@by_shape
def test_zero(shape, dtype):
    u, h = polar(np.zeros(shape, dtype))
    assert not u.any() and not h.any()
    stack = np.zeros((3, 4, 5), dtype)
    stack[1, 2, 3] = -2.0
    u, h = polar(stack)
    # A step of the last kind, at 1, rounds eight times by at most u each.
    assert abs(u[1, 2, 3] + 1) <= 8 * UNIT[dtype] and abs(h[1, 3, 3] - 2) <= 20 * UNIT[dtype]
    assert np.count_nonzero(u) == np.count_nonzero(h) == 1


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0), (0, 3, 4), (2, 0, 5)], ids=str)
def test_empty(shape):
    u, h = polar(np.zeros(shape))
    assert u.shape == shape and h.shape == (*shape[:-2], shape[-1], shape[-1]) and not h.any()


def test_permutations_and_signs_are_their_own_factor(rng):
    a = np.eye(12)[rng.permutation(12)] * rng.choice([-1.0, 1.0], 12)
    u, h = polar(a)
    assert norm(u - a) <= 12 * 2.0**-53 * 4 and norm(h - np.eye(12)) <= 12 * 2.0**-53 * 8


# --- Stacks, kinds, threads


@by_dtype
def test_stacks_are_the_single_calls(rng, dtype):
    """Also where some matrices need more rounds than others."""
    stack = np.stack([draw(rng, s, (9, 13), dtype) for s in SPECTRA] + [np.zeros((9, 13), dtype)])
    for array in (stack, stack.swapaxes(1, 2), stack[::-1], stack.reshape(2, 3, 9, 13)):
        u, h = polar(array)
        for index in np.ndindex(array.shape[:-2]):
            single = polar(array[index])
            assert bits(u[index], h[index]) == bits(*single)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16], ids=("bfloat16", "float16"))
def test_half_precision_is_float32_rounded_at_the_end(rng, dtype):
    a = rng.standard_normal((2, 7, 12)).astype(dtype)
    wanted = polar(a.astype(np.float32))
    assert bits(*polar(a)) == bits(*(x.astype(dtype) for x in wanted))


@by_dtype
def test_threads(rng, dtype, every_target):
    a = draw(rng, "geometric", (70, 100), dtype)
    for target in every_target:
        cpu.use(target)
        cpu.set_threads(1)
        wanted = bits(*polar(a))
        cpu.set_threads(3)
        assert bits(*polar(a)) == wanted


def test_torch(rng):
    torch = pytest.importorskip("torch")
    a = rng.standard_normal((2, 5, 8))
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        tensor = torch.from_numpy(a).to(dtype).requires_grad_()
        u, h = polar(tensor)
        assert u.dtype == h.dtype == dtype and not u.requires_grad
        assert torch.equal(h, h.mT)
        out = torch.zeros_like(u), torch.zeros_like(h)
        assert polar(tensor, out=out)[0] is out[0]
        assert torch.equal(out[0], u) and torch.equal(out[1], h)
    wanted = polar(a)
    assert np.array_equal(polar(torch.from_numpy(a)).U.numpy(), wanted.U)


# --- Outputs


@by_dtype
def test_in_place(rng, dtype):
    a = rng.standard_normal((3, 6, 6)).astype(dtype)
    u, h = polar(a)
    for place in (0, 1):
        own, other = a.copy(), np.ones_like(h)
        out = (own, other) if place == 0 else (other, own)
        result = polar(own, out=out)
        assert result.U is out[0] and result.H is out[1] and bits(*out) == bits(u, h)
    block = np.zeros((8, 6), dtype)
    block[:6] = a[0]
    assert bits(np.array(polar(block[:6], out=(block[2:], other[0])).U)) == bits(u[0])


# --- The nearest matrix with orthonormal columns


@by_dtype
@pytest.mark.parametrize("shape", [(12, 12), (9, 30), (30, 9), (1, 4), (4, 1)], ids=str)
def test_stiefel_project(rng, shape, dtype):
    w = rng.standard_normal(shape).astype(dtype)
    wanted = polar(w).U
    assert bits(stiefel_project(w)) == bits(wanted)
    assert ref.orthogonality_error(wanted) <= 4 * UNIT[dtype] * max(shape)
    distance = norm(w - wanted)
    for _ in range(20):  # no other one is nearer
        other = ref.polar_factor(wanted + 0.1 * rng.standard_normal(shape))
        assert norm(w - other) > distance * (1 - 1e-6)
    assert stiefel_project(w, out=w) is w and bits(w) == bits(wanted)


def test_stiefel_project_needs_full_rank(rng):
    stack = rng.standard_normal((2, 3, 5, 7))
    stack[1, 0, 4] = stack[1, 0, :4].sum(axis=0)
    stack[1, 2] = 0
    for flat in (stack, stack.swapaxes(-1, -2)):
        before = flat.copy()
        with pytest.raises(np.linalg.LinAlgError, match=r"^W\[1, (0|2)\]: rank-deficient"):
            stiefel_project(flat, out=flat)
        assert bits(flat) == bits(before)
