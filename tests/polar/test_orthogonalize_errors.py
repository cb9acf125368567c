"""What orthogonalize refuses: the message names the argument, and nothing has been written."""

import ml_dtypes
import numpy as np
import pytest
from boundary.support import refused
from steepest.polar import orthogonalize


@pytest.fixture
def g():
    return np.random.default_rng(5).standard_normal((4, 6))


def ones(shape=(4, 6), dtype=np.float64):
    return np.ones(shape, dtype)


# --- G


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (np.ones(6), ValueError, ("1 dimensions",)),
        (np.float64(3.0), ValueError, ("0 dimensions",)),
        (np.ones((4, 6), np.int64), TypeError, ("int64", "float32")),
        (np.ones((4, 6), np.uint16), TypeError, ("uint16",)),
        (np.ones((4, 6), bool), TypeError, ("bool",)),
        (np.ones((4, 6), np.complex128), TypeError, ("complex128",)),
        (np.ones((4, 6), np.complex64), TypeError, ("complex64",)),
        (np.ones((4, 6), ">f8"), TypeError, (">f8",)),
        (np.ones((4, 6), object), TypeError, ("object",)),
        (np.ones((4, 6), ml_dtypes.float8_e4m3fn), TypeError, ("float8",)),
        (None, TypeError, ("None",)),
        ("text", TypeError, ("str",)),
        (3.0, TypeError, ("float",)),
        ({"g": np.ones((4, 6))}, TypeError, ("dict",)),
        (np.frombuffer(bytearray(200), np.float64, 24, 4).reshape(4, 6), ValueError, ("aligned",)),
    ],
    ids=lambda x: f"{type(x).__name__}" if not isinstance(x, tuple) else "-".join(x),
)
def test_inputs(g, bad, error, words):
    with refused(error, "G: ", *words):
        orthogonalize(bad)
    outputs = [ones(), ones(), ones()]
    with refused(error, "G[1]: ", *words, untouched=[g, *outputs]):
        orthogonalize([g, bad, g], out=outputs)


def test_numbers_in_lists_are_no_matrix():
    with refused(TypeError, "G[0]: ", "list"):
        orthogonalize([[1.0, 2.0], [3.0, 4.0]])


# --- Numbers and names


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"coefficients": "muon"}, ValueError, ("coefficients: ", "'muon'", "jordan")),
        ({"coefficients": (1.5, -0.5, 0.0)}, ValueError, ("coefficients: ", "(3,)")),
        ({"coefficients": np.ones((5, 2))}, ValueError, ("coefficients: ", "(5, 2)")),
        ({"coefficients": np.ones((0, 3))}, ValueError, ("coefficients: ", "(0, 3)")),
        ({"coefficients": np.ones((2, 5, 3))}, ValueError, ("coefficients: ", "(2, 5, 3)")),
        ({"coefficients": [[1.0, np.nan, 0.0]]}, ValueError, ("coefficients: ", "NaN")),
        ({"coefficients": [[1.0, 1j, 0.0]]}, TypeError, ("coefficients: ", "complex")),
        ({"coefficients": None}, TypeError, ("coefficients: ",)),
        ({"steps": 0}, ValueError, ("steps: ", "0 given", "from 1")),
        ({"steps": -1}, ValueError, ("steps: ", "-1")),
        ({"steps": 101}, ValueError, ("steps: ", "101")),
        ({"steps": 5.0}, TypeError, ("steps: ", "float")),
        ({"steps": True}, TypeError, ("steps: ", "bool")),
        ({"coefficients": "cubic5", "steps": 6}, ValueError, ("steps: ", "6")),
        ({"method": "Gram"}, ValueError, ("method: ", "'Gram'", "standard")),
        ({"method": 0}, TypeError, ("method: ", "int")),
        ({"compute": "float16"}, ValueError, ("compute: ", "'float16'", "bfloat16")),
        ({"compute": None}, TypeError, ("compute: ", "NoneType")),
        ({"compute": ["float32"]}, TypeError, ("compute: ", "list")),
        ({"normalization": "l2"}, ValueError, ("normalization: ", "'l2'", "schatten4")),
        ({"normalization": None}, TypeError, ("normalization: ", "NoneType")),
        ({"safety": 0.99}, ValueError, ("safety: ", "0.99")),
        ({"safety": np.inf}, ValueError, ("safety: ", "inf")),
        ({"safety": np.nan}, ValueError, ("safety: ", "nan")),
        ({"safety": None}, TypeError, ("safety: ", "NoneType")),
        ({"bound": 1.0}, ValueError, ("bound: ", "normalization='bound'")),
        ({"bound": 1.0, "normalization": "aol"}, ValueError, ("bound: ",)),
        ({"normalization": "bound"}, TypeError, ("bound: ", "NoneType")),
        *(
            ({"normalization": "bound", "bound": b}, ValueError, ("bound: ", str(b)))
            for b in (-1.0, 0.0, -0.0, np.nan, np.inf)
        ),
        ({"normalization": "bound", "bound": True}, TypeError, ("bound: ", "bool")),
        ({"normalization": "bound", "bound": "1"}, TypeError, ("bound: ", "str")),
        ({"normalization": "bound", "bound": 1j}, TypeError, ("bound: ", "complex")),
    ],
    ids=str,
)
def test_options(g, options, error, words):
    out = ones()
    with refused(error, *words, untouched=[g, out]):
        orthogonalize(g, out=out, **options)
    with refused(error, *words, untouched=[g, out]):
        orthogonalize([g], out=[out], **options)


@pytest.mark.parametrize(
    ("bound", "error", "words"),
    [
        ([9.0], ValueError, ("1 numbers", "2")),
        ([9.0, 9.0, 9.0], ValueError, ("3 numbers", "2")),
        ([9.0, -1.0], ValueError, ("bound[1]: ", "-1.0")),
        ([9.0, None], TypeError, ("bound[1]: ", "NoneType")),
    ],
    ids=str,
)
def test_bounds_of_a_list(g, bound, error, words):
    with refused(error, "bound", *words, untouched=[g]):
        orthogonalize([g, g.copy()], out=[g, ones()], normalization="bound", bound=bound)
    with refused(TypeError, "bound: ", "list", untouched=[g]):
        orthogonalize(g, out=g, normalization="bound", bound=[9.0])
