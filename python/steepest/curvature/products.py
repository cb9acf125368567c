"""Products with matrices that stand in for a Hessian: Gauss-Newton and empirical Fisher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from .._arrays import Array
from . import structure
from .rows import read_rows
from .sampling import checked_callable
from .structure import Structure

_EXPONENT = 0x7F80  # of a bfloat16: all ones for a NaN and an infinity


def gauss_newton_product(
    jvp: Callable[[Any], Any],
    vjp: Callable[[Any], Any],
    loss_hessian: Callable[[Any], Any] | None = None,
) -> Callable[[Any], Any]:
    """A callback for the product G v = J^T L J v with the generalised Gauss-Newton matrix.

    jvp : v -> J v, from parameters to outputs of the model. vjp : u -> J^T u, back. Arrays of any
        dtype, in host memory or on a device.
    loss_hessian : u -> L u, the Hessian of the loss in the outputs; None: the identity (half the
        squared error, summed). It returns what it got: the same structure, kinds, shapes, dtypes.

    G is positive semidefinite for a convex loss (Schraudolph 2002), and the Fisher matrix for the
    losses that are negative log-likelihoods of exponential families.

    Raises TypeError for what is not a function, and, at a product, TypeError or ValueError for a
    result of loss_hessian of another structure than jvp's, one of vjp of another structure than v,
    and for a NaN or an infinity in one of them.
    """
    forward, backward = checked_callable("jvp", jvp), checked_callable("vjp", vjp)
    if loss_hessian is not None:
        checked_callable("loss_hessian", loss_hessian)

    def product(v: Any) -> Any:
        of_v = structure.read(v, "v")
        outputs = forward(v)
        if loss_hessian is not None:
            outputs = _curved(loss_hessian, outputs)
        result = backward(outputs)
        check_finite(of_v, of_v.unpack(result, "vjp's result"), "vjp's result")
        return result

    return product


def _curved(loss_hessian: Callable[[Any], Any], outputs: Any) -> Any:
    """The product of the loss's Hessian, checked as the outputs are."""
    of = structure.read(outputs, "jvp's result")
    check_finite(of, of.arrays, "jvp's result")
    curved = loss_hessian(outputs)
    check_finite(of, of.unpack(curved, "loss_hessian's result"), "loss_hessian's result")
    return curved


def check_finite(of: Structure, arrays: Sequence[Array], name: str) -> None:
    """Raises ValueError for an array of a structure with a NaN or an infinity."""
    for i, array in enumerate(arrays):
        values = _arrays.as_numpy(array)
        if _arrays.dtype_name(array) == "bfloat16":  # shown as its bits
            finite = (values & _EXPONENT) != _EXPONENT
        else:
            finite = np.isfinite(values)
        if not finite.all():
            raise ValueError(
                f"{of.label(i, name)}: a NaN or an infinity given, expected finite numbers"
            )


def empirical_fisher_product(per_sample_grads: Any) -> Callable[[Any], Any]:
    """A callback for the product F v = (1 / b) sum_i g_i (g_i^T v) over the gradients of b samples.

    per_sample_grads : array (b, ...) of float32 or float64 with one gradient per sample, or a list,
        tuple or dict of such arrays, all of the same b > 0. They are not copied.

    Returns a function of v, whose arrays have the shapes without the b. Sums over elements and
    samples are NumPy's, in the arrays' dtype; over arrays in float64. "Empirical": of the
    gradients on the data's own labels, which is not the Fisher matrix (Kunstner et al., 2019).

    Raises TypeError (kind, dtype) and ValueError (no leading dimension, different or no samples, a
    NaN or an infinity); the function likewise for v.
    """
    of_v, matrices = read_rows(per_sample_grads, "per_sample_grads")
    check_finite(of_v, matrices, "per_sample_grads")
    samples = len(matrices[0])

    def product(v: Any) -> Any:
        given = of_v.unpack(v, "v")
        check_finite(of_v, given, "v")
        parts = [_arrays.as_numpy(array).reshape(-1) for array in given]
        along: NDArray[np.float64] = sum(
            ((g @ part).astype(np.float64) for g, part in zip(matrices, parts, strict=True)),
            start=np.zeros(samples),
        )
        results = of_v.zeros()
        for result, g in zip(results, matrices, strict=True):
            place = _arrays.as_numpy(result)
            place[...] = ((along / samples).astype(g.dtype) @ g).reshape(place.shape)
        return of_v.pack(results)

    return product
