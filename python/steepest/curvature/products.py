"""Products with matrices that stand in for a Hessian: Gauss-Newton and empirical Fisher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _arrays, _elements
from .._arrays import Array
from ..polar.products import multiply
from . import structure
from .rows import read_rows
from .sampling import checked_callable
from .structure import Structure


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
        of_v = structure.read(v, "v", devices=True)
        outputs = forward(v)
        if loss_hessian is not None:
            outputs = _curved(loss_hessian, outputs)
        result = backward(outputs)
        check_finite(of_v, of_v.unpack(result, "vjp's result"), "vjp's result")
        return result

    return product


def _curved(loss_hessian: Callable[[Any], Any], outputs: Any) -> Any:
    """The product of the loss's Hessian, checked as the outputs are."""
    of = structure.read(outputs, "jvp's result", devices=True)
    check_finite(of, of.arrays, "jvp's result")
    curved = loss_hessian(outputs)
    check_finite(of, of.unpack(curved, "loss_hessian's result"), "loss_hessian's result")
    return curved


def check_finite(of: Structure, arrays: Sequence[Array], name: str) -> None:
    """Raises ValueError for an array of a structure with a NaN or an infinity; waits for those on a
    device."""
    bad = _elements.first_not_finite([structure.in_c_order(array) for array in arrays])
    if bad is not None:
        raise ValueError(
            f"{of.label(bad, name)}: a NaN or an infinity given, expected finite numbers"
        )


def empirical_fisher_product(per_sample_grads: Any) -> Callable[[Any], Any]:
    """A callback for the product F v = (1 / b) sum_i g_i (g_i^T v) over the gradients of b samples.

    per_sample_grads : array (b, ...) of float32 or float64 with one gradient per sample, or a list,
        tuple or dict of such arrays, all of the same b > 0; in host memory or on a CUDA device.
        They are not copied where they are in C order.

    Returns a function of v, whose arrays have the shapes without the b. Sums over elements and
    samples are NumPy's, or on a device those of `steepest.polar.multiply`, in the arrays' dtype;
    over arrays in float64. "Empirical": of the gradients on the data's own labels, which is not the
    Fisher matrix (Kunstner et al., 2019).

    Raises TypeError (kind, dtype) and ValueError (no leading dimension, different or no samples, a
    NaN or an infinity); the function likewise for v.
    """
    of_v, matrices = read_rows(per_sample_grads, "per_sample_grads", devices=True)
    check_finite(of_v, matrices, "per_sample_grads")
    samples = int(matrices[0].shape[0])

    def product(v: Any) -> Any:
        given = of_v.unpack(v, "v")
        check_finite(of_v, given, "v")
        along = None
        for g, part in zip(matrices, given, strict=True):
            column = _elements.floats(_times(g, part), "float64")
            along = column if along is None else along + column
        share = _elements.divided(along, samples)
        results = of_v.zeros()
        for result, g, shape in zip(results, matrices, of_v.shapes, strict=True):
            row = _transposed_times(g, _elements.floats(share, _arrays.dtype_name(g)))
            _elements.write(result, row.reshape(shape))
        return of_v.pack(results)

    return product


def _times(g: Array, v: Array) -> Array:
    """G v as a column."""
    if _elements.is_elsewhere(g):
        return multiply(g, v.reshape((-1, 1)))
    return (g @ _arrays.as_numpy(v).reshape(-1))[:, None]


def _transposed_times(g: Array, column: Array) -> Array:
    """G^T v of a column."""
    if _elements.is_elsewhere(g):
        return multiply(column.reshape((1, -1)), g)
    return column[:, 0] @ g
