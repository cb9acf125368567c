"""What `quality` measures of matrices A, scaled by powers of two, and candidates U of their polar
factors, both in float64: by LAPACK, or by products on a device.

By products the matrices stay where they are, and the host gets numbers:

* ||A||_* = <A, P> with the polar factor P of A.
* The negative part of a symmetric h is (|h| - h) / 2, with |h| from the polar factor of h.
* Its norm, and that of A, by Gram iteration, narrowed as far as roundings allow.
* The eigenvalues of E = U^T U - I lie within its Frobenius norm e, so that the largest one is
  ||E + e I|| - e, and the least e - ||e I - E||. The singular values of U are the roots of one plus
  these; where U has nearly orthonormal columns nothing cancels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .decomposition import decompose
from .products import gram, multiply
from .stacks import Stack
from .work import Values, Vector, Work

_INTERVAL, _UNTIL_TOL = 0, -1
_TOL = 2.0**-46


class Measures(NamedTuple):
    """One number for each matrix. With n the short side, of tall matrices: ||U^T U - I||_F;
    ||U h - A||_F for h = sym(U^T A); the most negative eigenvalue of h as a positive number, or 0;
    three norms of A; <A, U>; the least and the largest singular value of U."""

    defect: Vector
    rest: Vector
    negative: Vector
    frobenius: Vector
    spectral: Vector
    nuclear: Vector
    inner: Vector
    least: Vector
    most: Vector


def by_lapack(stack: Stack, other: Stack) -> Measures:
    """In host memory."""
    a, u = _tall_host(stack.work.unit_scale(stack.values)[0]), _tall_host(other.values)
    product = u.swapaxes(1, 2) @ a
    h = (product + product.swapaxes(1, 2)) / 2
    singular, spectrum = (np.linalg.svd(x, compute_uv=False) for x in (a, u))
    defect = u.swapaxes(1, 2) @ u - np.eye(u.shape[2])
    return Measures(
        defect=np.linalg.norm(defect, axis=(1, 2)),
        rest=np.linalg.norm(u @ h - a, axis=(1, 2)),
        negative=np.maximum(-np.linalg.eigvalsh(h)[:, 0], 0.0),
        frobenius=np.linalg.norm(a, axis=(1, 2)),
        spectral=singular[:, 0],
        nuclear=singular.sum(axis=1),
        inner=np.einsum("kij,kij->k", a, u),
        least=spectrum[:, -1],
        most=spectrum[:, 0],
    )


def by_products(stack: Stack, other: Stack) -> Measures:
    """Where the matrices are."""
    work = stack.work
    a, u = _tall(work.unit_scale(stack.values)[0], stack), _tall(other.values, stack)
    turned = work.transposed(u)
    h = work.symmetrized(multiply(turned, a))
    defect = gram(turned, gamma=-1.0)
    least, most = _singular_interval(defect, work.norms(u), work)
    return Measures(
        defect=work.norms(defect),
        rest=work.norms(multiply(u, h, a, beta=-1.0)),
        negative=_spectral_norms(_negative_part(h, stack)),
        frobenius=work.norms(a),
        spectral=_spectral_norms(a),
        nuclear=work.inner(a, decompose(stack._replace(values=a))[0]),
        inner=work.inner(a, u),
        least=least,
        most=most,
    )


def _tall_host(x: NDArray[Any]) -> NDArray[Any]:
    return x.swapaxes(1, 2) if x.shape[1] < x.shape[2] else x


def _tall(x: Values, stack: Stack) -> Values:
    m, n = stack.shape
    return stack.work.transposed(x) if m < n else x


def _negative_part(h: Values, stack: Stack) -> Values:
    _, size, exponents, _ = decompose(stack._replace(values=h))
    return stack.work.combined(size, a=0.5, powers=exponents, y=h, b=-0.5)


def _spectral_norms(x: Values) -> Vector:
    bounds = _core.spectral_norms([x], False, _INTERVAL, _UNTIL_TOL, _TOL, False)
    middle: Vector = (bounds[0] + bounds[1]) / 2
    return middle


def _singular_interval(defect: Values, sizes: Vector, work: Work) -> tuple[Vector, Vector]:
    """`sizes` are Frobenius norms of U, which no singular value exceeds: zero for zero."""
    radius = work.norms(defect)
    above = _spectral_norms(work.combined(defect, c=radius)) - radius
    below = radius - _spectral_norms(work.combined(defect, a=-1.0, c=radius))
    least, most = (np.sqrt(np.maximum(1 + eigenvalues, 0.0)) for eigenvalues in (below, above))
    return np.minimum(least, sizes), np.minimum(most, sizes)
