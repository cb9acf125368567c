"""matrix_sign: symmetric matrices by the polar factor, others by Newton's iteration."""

import ml_dtypes
import numpy as np
import pytest
from boundary.support import bits
from reference import polar as ref
from steepest.polar import matrix_sign

from .accuracy import UNIT, backward, norm

by_dtype = pytest.mark.parametrize("dtype", UNIT)


@pytest.fixture
def rng():
    return np.random.default_rng(41)


def symmetric(rng, eigenvalues):
    v = ref.orthonormal(rng, len(eigenvalues), len(eigenvalues))
    a = (v * eigenvalues) @ v.T
    return (a + a.T) / 2, (v * np.sign(eigenvalues)) @ v.T


def general(rng, eigenvalues, spread=2.0):
    """(a, its sign): eigenvectors of condition `spread` squared at most."""
    n = len(eigenvalues)
    v = ref.with_singular_values(rng, (n, n), np.geomspace(spread, 1 / spread, n))
    inverse = np.linalg.inv(v)
    return v @ np.diag(eigenvalues) @ inverse, v @ np.diag(np.sign(eigenvalues)) @ inverse


@by_dtype
@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("least", [1.0, 0.1, 1e-3])
def test_symmetric(rng, least, n, dtype):
    """Off by the backward error over the least eigenvalue (Higham, 2008, section 8.1)."""
    eigenvalues = np.geomspace(1, least, n) * rng.choice([-1, 1], n)
    a, wanted = symmetric(rng, eigenvalues)
    a = a.astype(dtype)
    s = matrix_sign(a)
    assert s.dtype == a.dtype and np.array_equal(s, s.T)
    assert norm(s - wanted) <= 2 * (backward() + 1) * UNIT[dtype] * norm(a) / least
    assert norm(s.astype(np.float64) @ s - np.eye(n)) <= 8 * UNIT[dtype] * n


@by_dtype
@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("least", [0.5, 1e-2])
def test_general(rng, least, n, dtype):
    """The condition number of the sign is at most k(V)^2 / least (Higham, 2008, section 5.1), and
    a step of Newton's iteration rounds by n u times the condition of its iterate, at most k(V)^2 /
    least at first."""
    a, wanted = general(rng, np.geomspace(1, least, n) * rng.choice([-1, 1], n))
    a = a.astype(dtype)
    s = matrix_sign(a)
    condition = 2.0**4 / least
    assert norm(s - wanted) <= 4 * n * UNIT[dtype] * condition * norm(wanted)
    size = norm(s)
    assert norm(s.astype(np.float64) @ s - np.eye(n)) <= 4 * n * UNIT[dtype] * size**2


@by_dtype
def test_complex_pairs(rng, dtype):
    """Rotations with eigenvalues r exp(+-i t) on both sides of the axis."""
    blocks, signs = np.zeros((8, 8)), np.ones(8)
    for k, (radius, angle) in enumerate([(1, 0.3), (3, 2.5), (0.2, 1.2), (1, -2.0)]):
        c, s = radius * np.cos(angle), radius * np.sin(angle)
        blocks[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[c, -s], [s, c]]
        signs[2 * k : 2 * k + 2] = np.sign(c)
    v = ref.with_singular_values(rng, (8, 8), np.geomspace(1.5, 1, 8))
    inverse = np.linalg.inv(v)
    s = matrix_sign((v @ blocks @ inverse).astype(dtype))
    assert norm(s - v @ np.diag(signs) @ inverse) <= 1e3 * UNIT[dtype]


@by_dtype
def test_a_matrix_with_its_sign_commutes(rng, dtype):
    a = rng.standard_normal((3, 6, 6)).astype(dtype)
    for one, s in zip(a, matrix_sign(a), strict=True):
        wide = s.astype(np.float64)
        assert norm(one @ wide - wide @ one) <= 1e4 * UNIT[dtype] * norm(one) * norm(s) ** 2
        assert norm(s - ref.matrix_sign(one)) <= UNIT[dtype] ** 0.5 * norm(s)


def test_zero_and_singular():
    assert not matrix_sign(np.zeros((2, 3, 3))).any()
    a = np.diag([2.0, 0.0, -3.0])
    s = matrix_sign(a)
    assert np.allclose(np.diag(s)[[0, 2]], [1, -1], rtol=0, atol=1e-14) and s[1, 1] == 0
    assert matrix_sign(np.zeros((0, 0))).shape == (0, 0)


def test_stacks_of_both_kinds(rng):
    stack = rng.standard_normal((2, 3, 5, 5))
    stack[0, 1] += stack[0, 1].T
    stack[1, 2] += stack[1, 2].T
    ours = matrix_sign(stack)
    for index in np.ndindex(2, 3):
        assert bits(ours[index]) == bits(matrix_sign(stack[index]))
    assert matrix_sign(stack, out=stack) is stack and bits(stack) == bits(ours)


def test_half_precision(rng):
    a = symmetric(rng, np.array([1.0, -0.5, 0.7, -2.0]))[0].astype(ml_dtypes.bfloat16)
    assert bits(matrix_sign(a)) == bits(matrix_sign(a.astype(np.float32)).astype(a.dtype))


@by_dtype
def test_any_scale(rng, dtype):
    a = general(rng, np.array([1.0, -2, 0.5, -0.3]))[0].astype(dtype)
    wanted = matrix_sign(a)
    for power in (-100, 100):
        assert bits(matrix_sign(np.ldexp(a, power))) == bits(wanted)


def imaginary(rng, kind):
    """Matrices with eigenvalues on the imaginary axis that are not symmetric."""
    if kind == "rotation":
        return np.array([[0.0, 1.0], [-1.0, 0.0]])
    if kind == "singular":
        return np.array([[0.0, 1.0], [0.0, 0.0]])
    a = rng.standard_normal((8, 8))
    if kind == "skew":
        return a - a.T
    v = ref.with_singular_values(rng, (8, 8), np.geomspace(2, 1, 8))
    core = np.diag([1.0, -1, 2, 3, -2, 1, 0, 0])
    core[6, 7], core[7, 6] = 2.0, -2.0
    return v @ core @ np.linalg.inv(v)


@by_dtype
@pytest.mark.parametrize("kind", ["rotation", "singular", "skew", "one pair"])
def test_eigenvalues_on_the_imaginary_axis(rng, kind, dtype):
    for _ in range(5):
        stack = rng.standard_normal((2, 2)) + 3 * np.eye(2)
        a = imaginary(rng, kind).astype(dtype)
        before = a.copy()
        with pytest.raises(np.linalg.LinAlgError, match=r"^A: .*imaginary axis"):
            matrix_sign(a, out=a)
        assert bits(a) == bits(before)
        if len(a) == 2:
            stack = np.stack([np.eye(2, dtype=dtype), a])
            with pytest.raises(np.linalg.LinAlgError, match=r"^A\[1\]: .*imaginary axis"):
                matrix_sign(stack)
