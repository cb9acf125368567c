"""The matrix products under the iterations, on arrays in host memory or on a CUDA device.

    gram(A)                  A A^T, half the work, exactly symmetric
    symmetric_product(A, B)  A B of symmetric matrices that commute, the same
    multiply(A, B)           A B

Each is C = alpha P + beta D + gamma I for matrices or stacks (..., rows, columns). A and B are of
float64, float32 or bfloat16; sums are in float64 for float64, else in float32, and C and D may then
be of float32 or bfloat16. A single matrix goes with every matrix of the others' stacks. Arrays may
have any strides; those whose rows are not contiguous are copied for the call. `out` receives C and
shares memory with no operand, but that it may be D. Without it C is a new array of A's kind and
dtype, in C order.

On a device (CuPy arrays, torch tensors; with `out` also what has CUDA DLPack or
`__cuda_array_interface__` alone) all arrays are there, of float16, too, and the work is enqueued on
the framework's current stream, or on `stream`, without waiting for it; so are copies of arrays
whose rows are not contiguous. Products in half precision run on tensor cores; sums of traces and
squares are arrays on the device. Large general products are made by cublasLt where that can be
opened, unless the environment has STEEPEST_CUBLASLT=off; their bits then depend on its version,
too, and on whether rows begin on the 16-byte grid (`steepest.show_config` tells). The device code
runs in an emulation in the tests, and never ran on a GPU.

NaN and infinities pass through. Results are the same bits for any number of threads, not for
different CPU targets, nor for a device. An element's error is at most (k + 6) u (|alpha| (|A| |B|)
+ |beta D| + |gamma I|) with k columns of A and u the unit roundoff of the sums, and the own
rounding of bfloat16 or float16; on tensor cores, which cut off what they shift out, three times
that.

Raises TypeError (kind, dtype), ValueError (shape, overlap, range), BufferError (a read-only out),
DeviceError (a build without CUDA kernels, or an error of CUDA). After any but the last nothing has
been written.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _arrays, _core
from . import arguments

__all__ = ["Sums", "gram", "multiply", "symmetric_product"]

GRAM, SYMMETRIC, GENERAL = range(3)


class Sums(NamedTuple):
    """Of each C before it is rounded to half precision, summed in float64: the trace, and the sum
    of the squares of all elements; arrays of the leading dimensions, from NumPy or on the device of
    C."""

    trace: Any
    squares: Any


def gram(
    A: Any,  # noqa: N803
    D: Any = None,  # noqa: N803
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.0,
    sums: bool = False,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """C = alpha A A^T + beta D + gamma I, exactly symmetric; with `sums` a pair (C, Sums).

    A : (..., n, k). D : symmetric (..., n, n), or None; its lower triangle counts. Dtypes, `out`,
        error bound and errors raised are those of the module.

    Source: the definition.
    stream : for arrays on a device: the stream to work on, as its address or an object that has
        one. None: the stream that the arrays' framework works on.
    """
    return _product(GRAM, A, None, D, (alpha, beta, gamma), sums, out, stream)


def symmetric_product(
    A: Any,  # noqa: N803
    B: Any,  # noqa: N803
    D: Any = None,  # noqa: N803
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.0,
    sums: bool = False,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """C = alpha A B + beta D + gamma I, exactly symmetric; with `sums` a pair (C, Sums).

    A, B : (..., n, n), symmetric matrices with A B = B A, as polynomials of one matrix are. Only
        one triangle of A B is computed, so for others the result is not their product. D, the
        dtypes, `out`, stream and the errors as for `gram`.
    """
    return _product(SYMMETRIC, A, B, D, (alpha, beta, gamma), sums, out, stream)


def multiply(
    A: Any,  # noqa: N803
    B: Any,  # noqa: N803
    D: Any = None,  # noqa: N803
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.0,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """C = alpha A B + beta D + gamma I.

    A : (..., n, k). B : (..., k, m). D : (..., n, m), or None. Dtypes, `out`, stream, the error
    bound and the errors are as for `gram`.
    """
    return _product(GENERAL, A, B, D, (alpha, beta, gamma), False, out, stream)


def _product(
    kind: int,
    a: Any,
    b: Any,
    d: Any,
    update: tuple[Any, Any, Any],
    sums: bool,
    out: Any,
    stream: Any,
) -> Any:
    names = ("alpha", "beta", "gamma")
    alpha, beta, gamma = (arguments.real(n, x) for n, x in zip(names, update, strict=True))
    shape, dtype = _core.product_shape(kind, a, b)
    if out is None:
        out = _arrays.zeros(_arrays.view(a, "A"), dtype, shape)
    found = _sums_beside(out, (*shape[:-2], 2)) if sums else None
    _core.multiply(kind, a, b, d, out, (alpha, beta, gamma), found, stream)
    return out if found is None else (out, Sums(found[..., 0], found[..., 1]))


def _sums_beside(out: Any, shape: tuple[int, ...]) -> Any:
    """Zeros in float64 on the device of `out`, else from NumPy."""
    if _core.array_layout(out, "out")[2] is None:
        return np.zeros(shape)
    return _arrays.zeros(_arrays.view(out, "out"), "float64", shape)
