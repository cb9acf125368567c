"""What the functions of a matrix refuse alike; nothing has been written then."""

import numpy as np
import pytest
from boundary.support import bits, refused
from steepest import _core
from steepest.polar import (
    matrix_sign,
    nuclear_norm,
    polar,
    spectral_cap,
    spectral_hammer,
    spectral_normalize,
    stiefel_project,
)

FUNCTIONS = {
    "stiefel_project": ("W", stiefel_project),
    "matrix_sign": ("A", matrix_sign),
    "spectral_cap hard": ("W", lambda w, **o: spectral_cap(w, 1.0, **o)),
    "spectral_cap soft": ("W", lambda w, **o: spectral_cap(w, 1.0, "soft", **o)),
    "spectral_hammer": ("W", lambda w, **o: spectral_hammer(w, 1.0, **o)),
    "spectral_normalize": ("W", lambda w, **o: spectral_normalize(w, 1.0, **o)),
}
by_function = pytest.mark.parametrize(("name", "function"), FUNCTIONS.values(), ids=list(FUNCTIONS))


@pytest.fixture
def a():
    return np.random.default_rng(71).standard_normal((2, 5, 5))


class Device:
    """Says that it is in the memory of a CUDA device."""

    def __dlpack__(self, **options):
        raise AssertionError("asked for")

    def __dlpack_device__(self):
        return (2, 0)


@by_function
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(a, name, function, value):
    a[1, 2, 3] = value
    with refused(ValueError, f"{name}[1]: ", "nan or infinity", untouched=[a]):
        function(a, out=a)
    with refused(ValueError, f"{name}: ", "nan or infinity", untouched=[a]):
        function(a[1], out=a[1])


@by_function
@pytest.mark.parametrize(
    ("given", "error", "word"),
    [
        (np.ones((3, 3), int), TypeError, "int64"),
        (np.ones((3, 3), complex), TypeError, "complex128"),
        (np.ones((3, 3), ">f8"), TypeError, "byte-swapped"),
        (np.ones(3), ValueError, "1 dimensions"),
        ([[1.0]], TypeError, "list"),
        (None, TypeError, "none"),
        pytest.param(
            Device(),
            RuntimeError,
            "",
            marks=pytest.mark.skipif(_core.has_cuda(), reason="built with CUDA"),
        ),
    ],
    ids=("int", "complex", "swapped", "vector", "list", "None", "device"),
)
def test_inputs(name, function, given, error, word):
    with refused(error, f"{name}: ", word):
        function(given)


@by_function
@pytest.mark.parametrize(
    ("out", "error", "word"),
    [
        (np.ones((2, 5, 4)), ValueError, "(2, 5, 4)"),
        (np.ones((5, 5)), ValueError, "(5, 5)"),
        (np.ones((2, 5, 5), np.float32), TypeError, "float32"),
        (np.broadcast_to(np.ones((5, 5)), (2, 5, 5)), BufferError, "read-only"),
        ([np.ones((5, 5))] * 2, TypeError, "list"),
    ],
    ids=("shape", "matrix", "dtype", "read-only", "list"),
)
def test_outputs(a, name, function, out, error, word):
    del name
    arrays = [a, out] if isinstance(out, np.ndarray) else [a]
    with refused(error, "out: ", word, untouched=arrays):
        function(a, out=out)


@by_function
def test_an_output_may_share_memory_in_any_way(a, name, function):
    del name
    wanted = function(a[0])
    block = np.zeros((9, 9))
    block[:5, :5] = a[0]
    out = block[2:7, 3:8]
    assert function(block[:5, :5], out=out) is out and bits(np.ascontiguousarray(out)) == bits(
        wanted
    )
    square = a[0].copy()
    function(square, out=square.T)
    assert bits(np.ascontiguousarray(square.T)) == bits(wanted)


def test_a_read_only_input(a):
    a.flags.writeable = False
    assert polar(a).U.shape == a.shape
    with refused(BufferError, "out: ", "read-only"):
        matrix_sign(a, out=a)


# --- polar


def test_pairs_of_outputs(a):
    u, h = np.ones_like(a), np.ones_like(a)
    arrays = [a, u, h]
    with refused(TypeError, "out: ", "ndarray", "pair", untouched=arrays):
        polar(a, out=u)
    with refused(ValueError, "out: ", "1 arrays", untouched=arrays):
        polar(a, out=(u,))
    with refused(ValueError, "out[1]: ", "(5, 5)", untouched=arrays):
        polar(a, out=(u, h[0]))
    with refused(TypeError, "out[0]: ", "float32", untouched=arrays):
        polar(a, out=(u.astype(np.float32), h))
    for other in (u, u.swapaxes(0, 1)[::-1].swapaxes(0, 1)):
        with refused(ValueError, "out[0]: ", "shared with out[1]", untouched=arrays):
            polar(a, out=(u, other))
    with refused(TypeError, "out[1]: ", "None", untouched=arrays):
        polar(a, out=(u, None))


@pytest.mark.parametrize("function", [polar, stiefel_project, matrix_sign])
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"tol": 0.0}, ValueError, ("tol: ", "0.0")),
        ({"tol": 1.0}, ValueError, ("tol: ", "1.0")),
        ({"tol": "1e-3"}, TypeError, ("tol: ", "str")),
        ({"max_steps": 10}, ValueError, ("max_steps: ", "10", "from 11")),
        ({"max_steps": 20.0}, TypeError, ("max_steps: ", "float")),
    ],
    ids=str,
)
def test_options(a, function, options, error, words):
    with refused(error, *words, untouched=[a]):
        function(a, **options)


def test_a_tolerance_that_is_not_reached(a):
    """The message says which matrix and how far it is off."""
    symmetric = a + a.swapaxes(1, 2)
    symmetric[0] = np.eye(5)
    low = np.diag([1.0, 1, 1, 1, 1e-9])
    u, h = np.ones((5, 5)), np.ones((5, 5))
    with refused(
        np.linalg.LinAlgError, "a: polar factor off by 2e-09", "after 11 steps", untouched=[u, h]
    ):
        polar(low, max_steps=11, out=(u, h))
    assert polar(low, max_steps=33).H[4, 4] == pytest.approx(1e-9, abs=1e-14)
    with pytest.raises(np.linalg.LinAlgError, match=r"^A\[1\]: .* expected at most 1e-30"):
        matrix_sign(np.stack([np.zeros((5, 5)), symmetric[1]]), tol=1e-30)
    loose = polar(low, tol=0.45, max_steps=11)
    assert abs(loose.U[4, 4]) < 1e-3 < 1 - abs(loose.U[0, 0]) + 1e-2


def test_square_matrices_only():
    with refused(ValueError, "A: ", "(3, 4)", "square"):
        matrix_sign(np.ones((2, 3, 4)))


def test_nuclear_norm_does_not_take_a_list():
    with refused(TypeError, "G: ", "list"):
        nuclear_norm([np.ones((2, 2))])
