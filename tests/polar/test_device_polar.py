"""polar, stiefel_project, matrix_sign, quality and nuclear_norm of arrays on a device, within the
bounds of the CPU's. Emulated on any machine; on CuPy arrays and torch tensors where there is a
device."""

import numpy as np
import pytest
import standin
from boundary.device_fakes import KINDS as FAKES
from boundary.device_fakes import CudaStream, emulation
from boundary.support import bits, refused
from reference import polar as ref
from steepest.polar import (
    matrix_sign,
    nuclear_norm,
    orthogonalize,
    polar,
    quality,
    stiefel_project,
)

from .accuracy import SPECTRA, UNIT, assert_polar, backward, draw, matrices, norm
from .arrays import BFLOAT16

SHAPES = ((20, 20), (12, 40), (40, 12), (1, 6), (6, 1), (1, 1), (2, 3, 7, 9))
by_dtype = pytest.mark.parametrize("dtype", UNIT)
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.fixture
def rng():
    return np.random.default_rng(37)


def on(kind, function, *arrays, **options):
    """The function's result, from and to NumPy."""
    with kind.running():
        result = function(*map(kind.array, arrays), **options)
        if isinstance(result, tuple):
            return type(result)(*map(kind.numpy, result))
        return kind.numpy(result)


# --- polar


@by_dtype
@by_shape
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_values(kind, rng, spectrum, shape, dtype):
    a = np.empty(shape, dtype)
    for index in np.ndindex(shape[:-2]):
        a[index] = draw(rng, spectrum, shape[-2:], dtype)
    result = on(kind, polar, a)
    assert result.U.dtype == result.H.dtype == a.dtype
    assert result.U.shape == shape and result.H.shape == (*shape[:-2], shape[-1], shape[-1])
    assert_polar(a, result, UNIT[dtype])
    if spectrum == "rank_deficient" and min(shape[-2:]) > 1:
        return
    for u in matrices(result.U):
        assert ref.orthogonality_error(u) <= 4 * UNIT[dtype] * max(shape)


@by_dtype
def test_larger_than_what_stays_on_chip(kind, rng, dtype):
    a = draw(rng, "geometric", (70, 140), dtype)
    assert_polar(a, on(kind, polar, a), UNIT[dtype])


@by_dtype
def test_ill_conditioned_and_rank_deficient(kind, rng, dtype):
    """Singular values over the whole range of the type, and equal elements, whose roundings add
    up."""
    lowest = 1e-14 if dtype == "float64" else 1e-6
    a = ref.with_singular_values(rng, (20, 30), np.geomspace(1, lowest, 20)).astype(dtype)
    result = on(kind, polar, a)
    assert_polar(a, result, UNIT[dtype])
    assert ref.orthogonality_error(result.U) <= 4 * UNIT[dtype] * 30
    for a in (np.ones((9, 14), dtype), np.outer(np.arange(8.0), np.ones(20)).astype(dtype)):
        assert_polar(a, on(kind, polar, a), UNIT[dtype], factor=np.sqrt(max(a.shape)))


@by_dtype
@pytest.mark.parametrize("power", [-1000, -120, 120, 1000])
def test_powers_of_two_change_no_bit_of_u(kind, rng, power, dtype):
    if abs(power) > 125 and dtype == "float32":
        power //= 10
    a = rng.standard_normal((8, 15)).astype(dtype)
    u, h = on(kind, polar, a)
    scaled_u, scaled_h = on(kind, polar, np.ldexp(a, power))
    assert bits(u) == bits(scaled_u) and bits(np.ldexp(h, power)) == bits(scaled_h)


@by_dtype
def test_zero(kind, dtype):
    stack = np.zeros((3, 4, 5), dtype)
    stack[1, 2, 3] = -2.0
    u, h = on(kind, polar, stack)
    assert abs(u[1, 2, 3] + 1) <= 8 * UNIT[dtype] and abs(h[1, 3, 3] - 2) <= 20 * UNIT[dtype]
    assert np.count_nonzero(u) == np.count_nonzero(h) == 1


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0), (0, 3, 4), (2, 0, 5)], ids=str)
def test_empty(shape):
    with emulation():
        u, h = polar(np.zeros(shape))
    assert u.shape == shape and h.shape == (*shape[:-2], shape[-1], shape[-1]) and not h.any()


@by_dtype
def test_stacks_of_any_layout_are_the_single_calls(kind, rng, dtype):
    """Also where some matrices need more rounds than others."""
    stack = np.stack([draw(rng, s, (7, 9), dtype) for s in SPECTRA] + [np.zeros((7, 9), dtype)])
    for view in (
        lambda x: x,
        lambda x: x.swapaxes(-1, -2),
        lambda x: x[::2, :, 1:8],
        lambda x: x.reshape(2, 3, 7, 9).swapaxes(0, 1),
    ):
        with kind.running():
            result = polar(view(kind.array(stack)))
            u, h = map(kind.numpy, result)
        plain = view(stack)
        for index in np.ndindex(plain.shape[:-2]):
            single = on(kind, polar, np.ascontiguousarray(plain[index]))
            assert bits(u[index], h[index]) == bits(*single)


@pytest.mark.parametrize("dtype", [BFLOAT16, np.dtype(np.float16)], ids=str)
def test_half_precision_is_float32_rounded_at_the_end(kind, rng, dtype):
    a = rng.standard_normal((2, 7, 12)).astype(dtype)
    wanted = on(kind, polar, a.astype(np.float32))
    assert bits(*on(kind, polar, a)) == bits(*(x.astype(dtype) for x in wanted))


@by_dtype
def test_outputs(kind, rng, dtype):
    """One of them in the place of the input, and in views."""
    a = rng.standard_normal((3, 6, 6)).astype(dtype)
    u, h = on(kind, polar, a)
    with kind.running():
        own, memory = kind.array(a), kind.array(np.ones((3, 6, 12), dtype))
        result = polar(own, out=(memory[..., ::2], own))
        assert result.H is own and bits(kind.numpy(own)) == bits(h)
        found = kind.numpy(memory)
    assert bits(np.ascontiguousarray(found[..., ::2])) == bits(u)
    assert np.all(found[..., 1::2] == 1)


def test_results_are_of_the_kind_of_the_input(rng):
    """Of arrays like CuPy's, which NumPy cannot read."""
    a = rng.standard_normal((2, 5, 8)).astype(np.float32)
    with emulation():
        wanted = polar(a)
        with standin.installed():
            there = standin.asarray(a)
            result = polar(there)
            assert all(isinstance(x, standin.ndarray) for x in result)
            assert bits(*(x.get() for x in result)) == bits(*wanted)
            assert nuclear_norm(there, result.U) == pytest.approx(ref_nuclear(a), rel=1e-5)


def ref_nuclear(stack):
    return np.array([ref.nuclear_norm(a) for a in stack])


# --- stiefel_project


@by_dtype
@pytest.mark.parametrize("shape", [(12, 12), (9, 30), (30, 9), (1, 4)], ids=str)
def test_stiefel_project(kind, rng, shape, dtype):
    w = rng.standard_normal(shape).astype(dtype)
    with kind.running():
        there = kind.array(w)
        assert stiefel_project(there, out=there) is there
        assert bits(kind.numpy(there)) == bits(kind.numpy(polar(kind.array(w)).U))


def test_stiefel_project_needs_full_rank(kind, rng):
    stack = rng.standard_normal((2, 3, 5, 7))
    stack[1, 0, 4] = stack[1, 0, :4].sum(axis=0)
    stack[1, 2] = 0
    with kind.running():
        there = kind.array(stack)
        with pytest.raises(np.linalg.LinAlgError, match=r"^W\[1, (0|2)\]: rank-deficient"):
            stiefel_project(there, out=there)
        assert bits(kind.numpy(there)) == bits(stack)


# --- matrix_sign


@by_dtype
@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_sign_of_symmetric_matrices(kind, rng, n, dtype):
    """Off by the backward error over the least eigenvalue, as on the CPU."""
    eigenvalues = np.geomspace(1, 0.1, n) * rng.choice([-1, 1], n)
    v = ref.orthonormal(rng, n, n)
    a = ((v * eigenvalues) @ v.T).astype(dtype)
    a = (a + a.T) / 2
    s = on(kind, matrix_sign, a)
    assert s.dtype == a.dtype and np.array_equal(s, s.T)
    wanted = (v * np.sign(eigenvalues)) @ v.T
    assert norm(s - wanted) <= 2 * (backward() + 1) * UNIT[dtype] * norm(a) / 0.1


def test_sign_of_stacks_of_both_kinds(kind, rng):
    stack = rng.standard_normal((2, 3, 5, 5))
    stack[0, 1] += stack[0, 1].T
    stack[1, 2] += stack[1, 2].T
    stack[1, 1] = 0
    with kind.running():
        there = kind.array(stack)
        assert matrix_sign(there, out=there) is there
        found = kind.numpy(there)
    assert not found[1, 1].any()
    for index in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]:
        assert norm(found[index] - matrix_sign(stack[index])) <= 1e-10 * norm(found[index])


@by_dtype
def test_sign_has_to_exist(kind, dtype):
    stack = np.stack([np.eye(2), [[0.0, 1.0], [-1.0, 0.0]]]).astype(dtype)
    with kind.running():
        there = kind.array(stack)
        with pytest.raises(np.linalg.LinAlgError, match=r"^A\[1\]: .*imaginary axis"):
            matrix_sign(there, out=there)
        assert bits(kind.numpy(there)) == bits(stack)


# --- quality and nuclear_norm


@pytest.mark.parametrize("shape", [(20, 20), (12, 30), (30, 12), (1, 5), (5, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_quality(kind, rng, spectrum, shape):
    """That of LAPACK, within the backward error of two polar factors and what squares of singular
    values lose."""
    a = draw(rng, spectrum, shape, "float64")
    factor = polar(a).U
    for u in (orthogonalize(a), factor, rng.standard_normal(shape), -1.5 * factor):
        wanted = quality(a, u)
        with kind.running():
            found = quality(kind.array(a), kind.array(u))
        limit = 4 * backward() * UNIT["float64"] * max(shape) * max(1, norm(u)) ** 2
        for name in wanted._fields[:-1]:
            assert type(getattr(found, name)) is float
            assert abs(getattr(found, name) - getattr(wanted, name)) <= limit, name
        (least, most), (low, high) = found.singular_interval, wanted.singular_interval
        assert abs(most - high) <= limit
        assert abs(least**2 - low**2) <= limit


def test_quality_of_stacks_dtypes_zero_and_scales(kind, rng):
    a = rng.standard_normal((2, 3, 5, 8))
    a[1, 1] = 0
    u = orthogonalize(a).astype(BFLOAT16)
    for scale in (1.0, 1e-300, 1e300):
        wanted = quality(a, u)
        with kind.running():
            found = quality(kind.array(a * scale), kind.array(u))
        for name in wanted._fields:
            ours, theirs = np.array(getattr(found, name)), np.array(getattr(wanted, name))
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    with kind.running():
        zero = quality(kind.array(a[1, 1]), kind.array(0 * a[1, 1]))
    assert zero == (1.0, 0.0, 0.0, 0.0, 0.0, (0.0, 0.0))


def test_quality_copies_no_matrix(kind, rng, monkeypatch):
    a = rng.standard_normal((6, 6))
    monkeypatch.setattr("steepest.polar.device_work.Device.to_host", None)
    with kind.running():
        assert quality(kind.array(a), kind.array(polar(a).U)).orthogonality < 1e-14


@by_dtype
@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (1, 1)], ids=str)
def test_nuclear_norm(kind, rng, shape, dtype):
    g = draw(rng, "gaussian", shape, dtype)
    limit = backward() * UNIT[dtype] * norm(g) * np.sqrt(min(shape))
    with kind.running():
        there = kind.array(g)
        ours = nuclear_norm(there)
        assert nuclear_norm(there, polar(there).U) == pytest.approx(ours, abs=limit)
        scaled = nuclear_norm(kind.array(np.stack([g * 2.0**100, 0 * g])))
    assert type(ours) is float and abs(ours - ref.nuclear_norm(g)) <= limit
    assert scaled.tolist() == [ours * 2.0**100, 0.0]


# --- Errors, places, streams


FUNCTIONS = {"polar": ("A", polar), "stiefel": ("W", stiefel_project), "sign": ("A", matrix_sign)}
by_function = pytest.mark.parametrize(("name", "function"), FUNCTIONS.values(), ids=list(FUNCTIONS))


@by_function
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(name, function, value):
    a = np.ones((2, 5, 5))
    a[1, 2, 3] = value
    with emulation(), refused(ValueError, f"{name}[1]: ", "nan or infinity", untouched=[a]):
        function(a)


@by_function
def test_a_tolerance_that_is_not_reached(kind, name, function):
    a = np.diag([1.0, 1, 1, 1, 1e-9])
    with kind.running(), pytest.raises(np.linalg.LinAlgError, match=f"^{name}: .*off by 2e-09"):
        function(kind.array(a), max_steps=11)


@by_function
def test_outputs_in_other_places(name, function):
    del name
    a, out = np.eye(4), np.zeros((4, 4))
    outs = (out, out.copy()) if function is polar else out
    with emulation(), standin.installed():
        there = standin.asarray(a)
        with pytest.raises(ValueError, match="in host memory given, expected one on CUDA device 0"):
            function(there, out=outs)
    assert not out.any()


@pytest.mark.parametrize("fake", FAKES)
def test_what_is_no_array_of_a_framework(fake):
    """There is nothing to take memory from."""
    with emulation(), pytest.raises(TypeError, match=r"^A: given"):
        polar(FAKES[fake](np.eye(3)))


def test_streams(rng):
    a = rng.standard_normal((4, 6))
    for function in (polar, stiefel_project, nuclear_norm):
        with pytest.raises(ValueError, match=r"^stream: given, expected None because"):
            function(a, stream=CudaStream(2))
    with pytest.raises(ValueError, match=r"^stream: given, expected None because A"):
        matrix_sign(a[:, :4], stream=CudaStream(2))
    with emulation():
        wanted = polar(a)
        with standin.installed():
            found = polar(standin.asarray(a), stream=CudaStream(2))
            assert bits(*(x.get() for x in found)) == bits(*wanted)


def test_factors_in_another_place(rng):
    g = rng.standard_normal((4, 6))
    place = r"U: array in host memory given, .* 0 as G"
    for function in (nuclear_norm, quality):
        name = "G" if function is nuclear_norm else "A"
        match = place.replace(" as G", f" as {name}")
        with emulation(), standin.installed(), pytest.raises(ValueError, match=match):
            function(standin.asarray(g), g)
