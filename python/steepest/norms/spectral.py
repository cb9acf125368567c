"""The spectral norm: interval, gradient, dominant singular pair."""

from __future__ import annotations

from typing import Any

from .. import _arrays
from ..polar import arguments
from . import calls
from .results import NormGradient, SingularPair, SpectralBound, SpectralEstimate

MOST_ITERATIONS = 64


def spectral_norm(
    W: Any,  # noqa: N803 (the papers' name)
    iterations: int | None = None,
    tol: float = 1e-3,
    *,
    rigorous: bool = True,
) -> Any:
    """An interval that holds the largest singular value of W.

    W : array (..., m, n) of float64, float32, bfloat16 or float16, of any strides, or a list of
        such arrays of any shapes, in host memory or on a CUDA device. It is not changed.
    iterations : squarings of the Gram matrix, 0 to 64; None: whatever `tol` asks for.
    tol : the interval is narrowed until (upper - lower) / upper <= tol; from 0, below 1. With
        `iterations` it has no effect. Where rounding errors leave the interval wider than that, the
        best one is returned: `width` tells.
    rigorous : True: the interval holds in floating point, every rounding error included; products
        are in float64, and as far as `tol` allows in float32: the Gram matrix in short runs that
        are summed in float64, and squarings. False: a faster estimate, all in float32; for large
        matrices (m n min(m, n) from 2^27, sides within a factor of 16, which float32 can sum to
        tol) by Lanczos' method with the matrix itself, without its Gram matrix. Its upper end rests
        on the residual and the gap to the next Ritz value, and may be low: a norm whose singular
        vector a random start has missed is not found.

    Returns SpectralBound(lower, upper), floats for one matrix, float64 arrays (...,) for a stack, a
    list of these for a list; SpectralEstimate for rigorous=False. Zero and empty matrices give
    (0, 0), matrices with a NaN or an infinity (nan, nan). Elements may be of any size: nothing
    overflows or underflows on the way. An upper bound beyond the largest float64 is infinite. Bits
    do not depend on the number of threads; they do on the CPU target.

    Without `iterations`, for matrices of 32 rows and columns or more, the lower bound is
    ||G v|| / ||v|| with the Gram matrix G of the short side and a vector v by Lanczos' method; the
    upper bound is a lambda next to it for which Cholesky's factorisation of lambda I - G succeeds
    in floating point, with the error that this leaves (Rump, BIT 46, 2006). Where tolerance or
    spectrum are beyond that, and for small matrices, Gram iteration takes over.

    There each squaring halves the logarithm of upper bound over norm. After t of them, with the
    trace and the Frobenius norm of the n x n iterate A, the largest eigenvalue of A is at most
    tr/n + sqrt((n-1)/n (||A||_F^2 - tr^2/n)) (Wolkowicz and Styan 1980), and the 2^(t+1)-th root
    bounds the norm; for flat spectra this is exact at once. The lower bound is the same quotient
    with the iterate's dominant column. Errors are bounded a priori, by gamma_k |A| |A|^T for each
    product (Higham, section 3.1), and carried through all roots.

    On a device Gram iteration does all of it, in float64 (rigorous) or float32; matrices of one
    shape share their launches. The bounds come to the host, which waits for the device before and
    after every squaring, so the call cannot be captured into a CUDA graph. They are as rigorous as
    on the CPU, but not the same bits; those of estimates may depend on the matrices of equal shape
    in the call.

    Sources: Delattre et al., ICML 2023, arXiv 2305.16173 (Gram iteration).

    Raises TypeError (kind, dtype), ValueError (fewer than two dimensions, iterations, tol, arrays
    in different places), DeviceError (no kernels for an array's device, a failure of the device).
    """
    arrays = calls.Arrays(W)
    count = _iterations(iterations)
    tol = arguments.at_least("tol", tol, 0.0, 1.0)
    if not isinstance(rigorous, bool):
        raise TypeError(f"rigorous: {type(rigorous).__name__} given, expected a bool")
    method = calls.INTERVAL if rigorous else calls.ESTIMATE
    lower, upper, _ = calls.bounds(arrays, method, count, tol)
    return arrays.shaped(lower, upper, make=SpectralBound if rigorous else SpectralEstimate)


def spectral_norm_grad(W: Any, iterations: int = 12) -> Any:  # noqa: N803
    """Gradient of the upper bound that Gram iteration gives without the moments: of the Schatten
    norm of order 2^(N+1), f(W) = (tr (W W^T)^(2^N))^(2^-(N+1)), N = `iterations`.

        df/dW = (W W^T)^(2^N - 1) W / f^(2^(N+1) - 1),

    which tends to u v^T with the dominant singular pair. f exceeds the spectral norm by a factor
    of at most rank^(2^-(N+1)). Computed in float64.

    W : as in `spectral_norm`.
    iterations : 0 (the Frobenius norm) to 64.

    Returns NormGradient(gradient, value, order), or a list of them: the gradient is of W's kind,
    shape and dtype, in C order; the value is in host memory, and waited for where W, a CuPy array
    or torch tensor, is on a device. A zero matrix, where there is no gradient, gets zeros; one with
    a NaN or an infinity NaN.

    Source: Delattre et al., ICML 2023, arXiv 2305.16173.

    Raises TypeError (kind, dtype), ValueError (fewer than two dimensions, iterations, arrays in
    different places), DeviceError (no kernels for an array's device, a failure of the device).
    """
    arrays = calls.Arrays(W)
    count = arguments.count("iterations", iterations, 0, MOST_ITERATIONS)
    outputs = [
        _arrays.zeros(_arrays.view(x, "W"), dtype, shape)
        for x, (shape, dtype) in zip(arrays.items, arrays.facts, strict=True)
    ]
    values = arrays.shaped(calls.gradients(arrays, outputs, count), make=lambda value: value)
    order = 2 ** (count + 1)
    if not arrays.is_list:
        return NormGradient(outputs[0], values, order)
    return [NormGradient(g, value, order) for g, value in zip(outputs, values, strict=True)]


def dominant_pair(W: Any, iterations: int | None = None, tol: float = 1e-9) -> Any:  # noqa: N803
    """The singular vectors of the largest singular value, by Gram iteration.

    W, iterations, tol : as in `spectral_norm`.

    Returns SingularPair(u, sigma, v), float64, or a list of them: u is found with the lower bound
    sigma, v = W^T u over its length (u and v change roles for m > n). Where the largest singular
    value is not separated from the next, the vectors are some in the space of those near it. The
    sign is that of a column of the iterate. Zero and empty matrices give zeros, matrices with a NaN
    or an infinity NaN. Vectors come to the host, also those of arrays on a device.

    Raises as `spectral_norm` does.
    """
    arrays = calls.Arrays(W)
    count = _iterations(iterations)
    tol = arguments.at_least("tol", tol, 0.0, 1.0)
    lower, _, packed = calls.bounds(arrays, calls.INTERVAL, count, tol, with_vectors=True)
    sigmas = arrays.shaped(lower, make=lambda sigma: sigma)
    pairs = [
        SingularPair(u, sigma, v)
        for (u, v), sigma in zip(
            arrays.vectors(packed), sigmas if arrays.is_list else [sigmas], strict=True
        )
    ]
    return pairs if arrays.is_list else pairs[0]


def _iterations(given: int | None) -> int:
    if given is None:
        return calls.UNTIL_TOL
    return arguments.count("iterations", given, 0, MOST_ITERATIONS)
