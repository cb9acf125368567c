"""quality and nuclear_norm: what a polar factor is worth."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import stacks
from .decomposition import decompose
from .measures import Measures, by_lapack, by_products
from .stacks import Stack


class Quality(NamedTuple):
    """How good U is as the polar factor of A; floats, or arrays of the leading dimensions.

    orthogonality : ||U U^T - I||_F / ||I||_F on the short side.
    residual : ||U sym(U^T A) - A||_F / ||A||_F (sym(A U^T) U for wide matrices).
    psd_error : the most negative eigenvalue of that symmetric part, as a positive number over the
        spectral norm of A; 0 where there is none.
    bound_violation : max(||U||_2 - 1, 0).
    dual_gap : (||A||_* - <A, U>) / ||A||_*, with the nuclear norm.
    singular_interval : the least and the largest singular value of U.
    """

    orthogonality: Any
    residual: Any
    psd_error: Any
    bound_violation: Any
    dual_gap: Any
    singular_interval: tuple[Any, Any]


def quality(A: Any, U: Any, *, stream: Any = None) -> Quality:  # noqa: N803
    """Measures U (..., m, n) as the polar factor of A (..., m, n), in float64: in host memory by
    LAPACK, on a CUDA device (CuPy, torch) by products there, of which the host gets the numbers.

    Both of float64, float32, bfloat16 or float16, not necessarily the same, and in one place.
    Measures relative to A are 0 where A is zero.

    On a device the nuclear norm and the negative eigenvalues come from polar factors to working
    precision, spectral norms from Gram iteration (`steepest.norms.spectral_norm`), and the singular
    values of U from the eigenvalues of U^T U - I: all as exact as LAPACK's but for a least singular
    value s below 1, which is off by about 2^-53 n / s, and at most by the root of 2^-53 n.

    stream : for arrays on a device, as in `orthogonalize`.

    Raises TypeError, ValueError (shapes, places, NaN or infinity), DeviceError.

    Source: the stress test of Dao-AILab's gram-newton-schulz (2026).
    """
    with stacks.Place(A, "A", stream) as place:
        stack = stacks.read(A, "A", place, double=True)
        place.check(U, "U")
        other = stacks.read(U, "U", place, double=True)
        _check_shapes(stack, other)
        if 0 in stack.shape:
            raise ValueError(
                f"A: shape {(*stack.lead, *stack.shape)} given, expected matrices with elements"
            )
        found = (by_lapack if place.work.is_host else by_products)(stack, other)
    return _quality(found, stack)


def _quality(found: Measures, stack: Stack) -> Quality:
    def given(values: NDArray[Any]) -> Any:
        return stacks.per_matrix(values, stack)

    return Quality(
        orthogonality=given(found.defect / min(stack.shape) ** 0.5),
        residual=given(_over(found.rest, found.frobenius)),
        psd_error=given(_over(found.negative, found.spectral)),
        bound_violation=given(np.maximum(found.most - 1, 0.0)),
        dual_gap=given(_over(found.nuclear - found.inner, found.nuclear)),
        singular_interval=(given(found.least), given(found.most)),
    )


def nuclear_norm(G: Any, U: Any = None, *, stream: Any = None) -> Any:  # noqa: N803
    """The sum of the singular values of G (..., m, n), as <G, U> with its polar factor U, summed in
    float64: a float, or an array of the leading dimensions.

    G : in host memory or on a CUDA device (CuPy, torch), which is waited for; U is in the same
        place.
    U : a polar factor that is there already, as a by-product: what `polar` or `orthogonalize` gave
        for G. None: computed, to working precision.
    stream : for arrays on a device, as in `orthogonalize`.

    With an approximate U it is an estimate: a lower bound (but for rounding) where no singular
    value of U is above 1, else at most that many times too large; `orthogonalize` with the default
    set is within 0.15 of 1 wherever singular values of G are above a thousandth of its norm.

    Raises TypeError, ValueError (shapes, NaN or infinity), DeviceError, LinAlgError as `polar`.
    """
    with stacks.Place(G, "G", stream) as place:
        stack = stacks.read(G, "G", place)
        u = decompose(stack)[0] if U is None else _factor(U, stack, place)
        g, exponents = place.work.unit_scale(stack.values)
        return stacks.per_matrix(np.ldexp(place.work.inner(g, u), exponents), stack)


def _factor(u: Any, stack: Stack, place: stacks.Place) -> Any:
    place.check(u, "U")
    other = stacks.read(u, "U", place)
    _check_shapes(stack, other)
    return other.values


def _check_shapes(first: Stack, second: Stack) -> None:
    shapes = [(*s.lead, *s.shape) for s in (first, second)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{second.name}: shape {shapes[1]} given, expected {shapes[0]} as {first.name}"
        )


def _over(value: NDArray[Any], size: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.divide(value, size, out=np.zeros_like(value), where=size > 0))
