"""The matrix nuclear norm against its definition, and where authors' code gives NaN."""

import warnings

import ml_dtypes
import numpy as np
import pytest
from boundary.support import refused
from reference.norms.matrix_nuclear import matrix_nuclear_norm as reference
from steepest.norms import matrix_nuclear_norm

UNIT = 2.0**-53


@pytest.fixture
def rng():
    return np.random.default_rng(31)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(2, 1), (2, 5), (7, 3), (3, 7), (40, 60), (90, 20)])
def test_is_the_definition(rng, shape, dtype):
    r = rng.standard_normal(shape).astype(dtype)
    want = reference(r)
    # Elements of size 1 are centred to a few roundings, which weigh up to 8 times as much in rows
    # of an eighth of that length; sums for lengths of rows and columns add one per term.
    slack = 8 * (8 + 2 * sum(shape)) * UNIT
    got = matrix_nuclear_norm(r)
    assert abs(got - want) <= slack * want
    assert matrix_nuclear_norm(r, normalized=True) == got / shape[0]


def test_it_is_the_nuclear_norm_where_columns_are_orthogonal():
    """Rows e1, -e1, e2, -e2, ... are centred and of length one."""
    r = np.kron(np.eye(5), [[1.0], [-1.0]])
    assert abs(matrix_nuclear_norm(r) - np.linalg.norm(r, "nuc")) <= 100 * UNIT


def test_only_the_longest_columns_count(rng):
    """Three tokens of 50 dimensions: three columns."""
    r = rng.standard_normal((3, 50))
    centred = r - r.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    columns = np.sort(np.linalg.norm(unit, axis=0))
    assert abs(matrix_nuclear_norm(r) - columns[-3:].sum()) <= 200 * UNIT * 8
    assert matrix_nuclear_norm(r) < 0.5 * columns.sum()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 3e-310])
def test_one_token_and_equal_tokens_give_zero(value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for tokens in (1, 2, 3, 7, 1000):
            assert matrix_nuclear_norm(np.full((tokens, 4), value)) == 0.0
            assert matrix_nuclear_norm(np.full((tokens, 4), value), normalized=True) == 0.0


def test_a_row_at_the_mean_stays_zero(rng):
    r = rng.integers(-8, 8, (6, 5)).astype(np.float64)
    r[5] = r[:5].sum(axis=0) / 5  # the mean of all six, but for rounding
    others = r[:5] - r[5]
    unit = others / np.linalg.norm(others, axis=1, keepdims=True)
    want = np.linalg.norm(unit, axis=0).sum()
    assert abs(matrix_nuclear_norm(r) - want) <= 400 * UNIT * want


def test_any_scale(rng):
    r = rng.standard_normal((9, 6))
    want = matrix_nuclear_norm(r)
    for exponent in (-1000, -500, 500, 1000):
        assert matrix_nuclear_norm(np.ldexp(r, exponent)) == want
    columns = np.ldexp(r, np.array([0, -300, 0, -600, 300, 0]))
    assert np.isfinite(matrix_nuclear_norm(columns))


def test_stacks_are_matrices_one_by_one(rng):
    r = rng.standard_normal((2, 3, 8, 5)).astype(np.float32)
    got = matrix_nuclear_norm(r)
    assert got.shape == (2, 3) and got.dtype == np.float64
    for i in np.ndindex(2, 3):
        assert got[i] == matrix_nuclear_norm(r[i].copy())


def test_empty_ones_give_zero():
    assert matrix_nuclear_norm(np.zeros((0, 4))) == 0.0
    assert matrix_nuclear_norm(np.zeros((4, 0)), normalized=True) == 0.0
    assert matrix_nuclear_norm(np.zeros((0, 3, 4))).shape == (0,)


def test_refusals():
    refused(lambda: matrix_nuclear_norm(np.zeros(3)), ValueError, "R")
    refused(lambda: matrix_nuclear_norm(np.zeros((3, 3), np.int32)), TypeError, "R")
    refused(lambda: matrix_nuclear_norm([[1.0, 2.0]]), TypeError, "R")
    refused(lambda: matrix_nuclear_norm(np.array([[1.0, np.nan]])), ValueError, "R", "NaN")
