"""Damped solves from per-sample gradients or a Jacobian: natural gradients, Levenberg-Marquardt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _arrays, _elements
from ..polar import arguments
from .conjugate import finite, vector_like
from .factored import SIDES, Factored
from .rows import Rows, read_rows
from .solutions import FisherSolution, MarquardtStep
from .structure import Structure, in_c_order
from .vectors import Vector, dot

_MOST_SAMPLES = 2**53


def fisher_solve(
    per_sample_grads: Any,
    g: Any = None,
    damping: float = 1e-3,
    *,
    samples: int | None = None,
    side: str = "auto",
) -> FisherSolution:
    """Solves (F + damping I) x = g with F = (1 / b) sum_i g_i g_i^T, the natural gradient.

    per_sample_grads : array (rows, ...) of float32 or float64 with one g_i per row, or a list,
        tuple or dict of such arrays, all of the same number of rows. Gradients on the data's labels
        make the empirical Fisher matrix; rows of L^(1/2) J of every sample, with the Jacobian J of
        the outputs and the Hessian L of the loss in them, the Gauss-Newton matrix. In host memory
        or on a CUDA device; the small matrix is factored on the host.
    g : the right side, in the structure of one row. None: (1 / b) sum_i g_i.
    damping : more than 0.
    samples : b; None: the number of rows.
    side : "samples" factors the matrix (rows, rows) that Woodbury's identity leads to,
        "parameters" the matrix of F itself, "auto" the smaller one. Time is that of the matrix
        product G G^T or G^T G.

    All is computed in float64, with a part of the rows converted at a time. Returns a
    FisherSolution; the bits depend on the sums of NumPy, so on the machine.

    Source: Donatella et al., arXiv 2405.13817, whose analog solution this is the digital
    equivalent of; Woodbury (1950).

    Raises NotPositiveDefiniteError (a ValueError) where the damping is lost in rounding, below
    about 1e-16 rows |F|; TypeError and ValueError for wrong arguments or what is not finite, as are
    products of elements above about 1e154.
    """
    of, rows = _read(per_sample_grads, "per_sample_grads")
    damping = arguments.between("damping", damping, 0.0, math.inf)
    arguments.one_of("side", side, SIDES)
    b = rows.samples if samples is None else arguments.count("samples", samples, 1, _MOST_SAMPLES)
    target = None if g is None else vector_like(of, g, "g")
    system = Factored(rows, b * damping, side)
    x, residual = system.solve(u=1.0) if target is None else system.solve(g=b * target)
    return FisherSolution(pack(of, x), residual / b, system.side)


def levenberg_marquardt_solve(
    jacobian: Any, r: Any, damping: float, *, scaling: Any = None, side: str = "auto"
) -> MarquardtStep:
    """The step d that minimises |J d + r|^2 + damping |D^(1/2) d|^2.

    jacobian : J, array (m, ...) of float32 or float64 with the derivatives of one residual per row,
        or a list, tuple or dict of such arrays, all of the same m.
    r : residuals (m,) of float32 or float64.
    damping : more than 0.
    scaling : None: D = I (Levenberg); "marquardt": the diagonal of J^T J, 1 where that is 0; or the
        diagonal of D, positive, in the structure of one row.
    side : as in `fisher_solve`, in the variables D^(1/2) d.

    All is computed in float64. Returns a MarquardtStep with d to be added to the parameters.

    Source: Levenberg (1944); Marquardt (1963) for the scaling, More (1978) for the columns of
    zeros.

    Raises as `fisher_solve` does.
    """
    of, rows = _read(jacobian, "jacobian")
    residuals = _residuals(r, rows)
    damping = arguments.between("damping", damping, 0.0, math.inf)
    arguments.one_of("side", side, SIDES)
    scale = _scale(scaling, of, rows)
    rows = Rows(rows.matrices, scale)
    system = Factored(rows, damping, side)
    scaled, rest = system.solve(u=-residuals)
    # No difference: d solves its equations, so -d^T J^T r = |J d|^2 + damping |D^(1/2) d|^2.
    moved = rows.times(scaled)
    with np.errstate(over="ignore"):  # as |r|^2 may
        predicted = dot(moved, moved) / 2 + damping * dot(scaled, scaled)
    step = scaled if scale is None else scale * scaled
    return MarquardtStep(pack(of, step), rest, predicted, system.side)


def pack(of: Structure, vector: Vector) -> Any:
    """The vector in a structure, rounded to its dtypes."""
    arrays, first = of.zeros(), 0
    for array, size, shape in zip(arrays, of.sizes, of.shapes, strict=True):
        _elements.write(array, vector[first : first + size].reshape(shape))
        first += size
    return of.pack(arrays)


def _read(given: Any, name: str) -> tuple[Structure, Rows]:
    of, matrices = read_rows(given, name, devices=True)
    rows = Rows(matrices)
    if rows.size == 0:
        raise ValueError(f"{name}: no element given, expected at least one")
    bad = _elements.first_not_finite(matrices)
    if bad is not None:
        raise ValueError(
            f"{of.label(bad, name)}: a NaN or an infinity given, expected finite numbers"
        )
    return of, rows


def _residuals(r: Any, rows: Rows) -> Vector:
    if not _arrays.is_array(r):
        raise TypeError(f"r: {_arrays.describe(r)} given, expected an array")
    _checked_dtype(r, ("float32", "float64"))
    if tuple(r.shape) != (rows.samples,):
        raise ValueError(f"r: shape {tuple(r.shape)} given, expected {(rows.samples,)}")
    view = _arrays.view(r, "r")
    _elements.check_beside(view, rows.matrices[0], "r")
    return finite(_elements.floats(in_c_order(view), "float64"), "r")


def _checked_dtype(r: Any, dtypes: Sequence[str]) -> None:
    name = _arrays.dtype_name(_arrays.view(r, "r"))
    if name not in dtypes:
        raise TypeError(f"r: dtype {name} given, expected {', '.join(dtypes)}")


def _scale(given: Any, of: Structure, rows: Rows) -> Vector | None:
    """D^(-1/2), or None for the identity."""
    if given is None:
        return None
    if isinstance(given, str):
        arguments.one_of("scaling", given, ("marquardt",))
        diagonal = rows.squared_columns()
        diagonal = _elements.chosen(diagonal != 0, diagonal, 1.0)
    else:
        diagonal = vector_like(of, given, "scaling")
        if not bool((diagonal > 0).all()):
            least = float(diagonal.min())
            raise ValueError(f"scaling: {least} given, expected numbers of more than 0")
    return 1.0 / _elements.sqrt(diagonal)
