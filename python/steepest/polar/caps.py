"""Caps of the singular values of weights: spectral_cap, spectral_hammer, spectral_normalize."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import arguments, stacks
from .decomposition import decompose
from .largest import largest_triplets
from .products import gram, multiply
from .stacks import Stack, Values


def spectral_cap(
    W: Any,  # noqa: N803
    cap: float,
    kind: str = "hard",
    *,
    bound: float | None = None,
    weight_decay: float = 0.0,
    max_update: float | None = None,
    out: Any = None,
) -> Any:
    """W with its singular values capped, and its singular vectors.

    W : array (..., m, n) of float64, float32, bfloat16 or float16, in host memory.
    cap : positive.
    kind : "hard" maps each singular value s to min(s, cap). "soft" maps it by s - a s^3 and then
        s + a s^3, with the least a >= 0 that takes `bound` to `cap` (nothing changes where bound <=
        cap): cheap and smooth, but all singular values shrink somewhat. It is meant for bounds a
        little above the cap: up to 1.306 cap it is monotone, so that all that is up to `bound` ends
        up to `cap`; beyond, singular values in the middle end above the cap.
    bound : for "soft", at least the spectral norm of W; None: the spectral norm.
    weight_decay, max_update : for "soft" instead of `bound`, the situation of a step of training:
        W has had norm `cap`, was multiplied by 1 - weight_decay, and an update of norm up to
        max_update was added; bound = cap (1 - weight_decay) + max_update.
    out : receives the result; may be W.

    With u the unit roundoff of float64 for float64, else of float32, the result is off by a small
    multiple of u max(||W||, cap, bound), absolutely: small caps of large matrices lose digits (less
    than 50 u in the spectral norm, measured up to 80 x 80). "hard" has
    no other error: W = U H gives [W + U (cap I - |H - cap I|)] / 2, where |.| is the factor H of
    another polar decomposition, which is well conditioned wherever singular values lie. Matrices
    whose Frobenius norm is at most `cap` come back unchanged. "soft" leaves singular values above
    `bound` above `cap`. The spectral norm that stands for it is that of a matrix within a relative
    1e-10 of W, as a rule exact to rounding.

    Raises TypeError, ValueError (also NaN and infinity in W), BufferError, DeviceError as `polar`,
    and LinAlgError where an iteration does not converge. After an error nothing has been written.

    Sources: Newhouse et al., arXiv 2507.13338 (soft); the polar decomposition's |A| = H (hard).
    """
    cap = arguments.between("cap", cap, 0.0, np.inf)
    arguments.one_of("kind", kind, ("hard", "soft"))
    reach = _reach(kind, cap, bound, weight_decay, max_update)
    stack = _weights(W, out)
    result = _hard(stack, cap) if kind == "hard" else _soft(stack, cap, reach)
    return stacks.write(result, stack, out)


def spectral_hammer(W: Any, cap: float, *, out: Any = None) -> Any:  # noqa: N803
    """W with its largest singular value set to `cap`, larger or smaller than it was, by a
    correction of rank one: W + (cap - sigma) u v^T. The other ones stay. Zero stays zero.

    W, cap, out, errors : as in `spectral_cap`. The triplet (u, sigma, v) is that of a matrix
    within 1e-10 sigma of W; of several equal largest values one is set. The result is off by about
    the same and by u max(||W||, cap).

    Source: Newhouse et al., arXiv 2507.13338.
    """
    cap = arguments.between("cap", cap, 0.0, np.inf)
    stack = _weights(W, out)
    result: Values = stack.values.copy()
    for matrix, (u, sigma, v) in zip(result, largest_triplets(stack), strict=True):
        if sigma > 0:
            matrix += np.outer((cap - sigma) * u, v)  # in float64, rounded once
    return stacks.write(result, stack, out)


def spectral_normalize(W: Any, cap: float = 1.0, *, out: Any = None) -> Any:  # noqa: N803
    """W / max(1, sigma / cap) with its spectral norm sigma, so that `cap` is the most it has, as a
    rule but for rounding, with certainty but for a relative 1e-10.

    W, cap, out, errors : as in `spectral_cap`. Matrices whose Frobenius norm is at most `cap`
    come back unchanged.

    Source: Newhouse et al., arXiv 2507.13338.
    """
    cap = arguments.between("cap", cap, 0.0, np.inf)
    stack = _weights(W, out)
    result: Values = stack.values.copy()
    large = _reaches(stack, cap)
    for index, sigma in zip(np.flatnonzero(large), _norms(stack.take(large)), strict=True):
        if sigma > cap:
            result[index] = result[index].astype(np.float64) * (cap / sigma)
    return stacks.write(result, stack, out)


def _weights(w: Any, out: Any) -> Stack:
    stack = stacks.read(w, "W")
    m, n = stack.values.shape[1:]
    stacks.check_output(out, "out", stack, (m, n))
    return stack


def _reach(kind: str, cap: float, bound: Any, weight_decay: Any, max_update: Any) -> float | None:
    """The bound of the soft cap, where it is given in either way."""
    decay = arguments.at_least("weight_decay", weight_decay, 0.0, below=1.0)
    if kind == "hard" and (bound is not None or max_update is not None or decay != 0):
        raise ValueError("kind: 'hard' given, expected 'soft' with bound or max_update")
    if bound is not None and max_update is not None:
        raise ValueError("max_update: given together with bound, expected one of them")
    if max_update is not None:
        return cap * (1 - decay) + arguments.at_least("max_update", max_update, 0.0)
    if decay != 0:
        raise ValueError("weight_decay: given alone, expected max_update with it")
    return None if bound is None else arguments.between("bound", bound, 0.0, np.inf)


def _reaches(stack: Stack, cap: float) -> NDArray[np.bool_]:
    """Which matrices may have a singular value above the cap."""
    x, exponents = stacks.unit_scale(stack.values)
    norms = np.linalg.norm(x.astype(np.float64), axis=(1, 2))
    return np.asarray(norms > np.ldexp(cap, -exponents))


def _norms(stack: Stack) -> NDArray[np.float64]:
    return np.array([t.sigma for t in largest_triplets(stack)], np.float64)


def _hard(stack: Stack, cap: float) -> Values:
    large = _reaches(stack, cap)
    result: Values = stack.values.copy()
    if large.any():
        result[large] = _capped(stack.take(large), cap)
    return result


def _capped(stack: Stack, cap: float) -> Values:
    """[W + U (cap I - |H - cap I|)] / 2 in the orientation in which H is the small one."""
    is_wide = stack.values.shape[1] < stack.values.shape[2]
    tall = stacks.transposed(stack.values) if is_wide else stack.values
    u, h, exponents, _ = decompose(stack._replace(values=tall))
    cut = np.ldexp(cap, -exponents)[:, None, None] * np.eye(h.shape[1])
    cut = np.asarray(cut, h.dtype)
    _, distance, shift, _ = decompose(stack._replace(values=h - cut))
    change = multiply(u, cut - stacks.rescale(distance, shift), alpha=0.5)
    result: Values = stacks.rescale(change, exponents) + tall / 2
    return stacks.transposed(result) if is_wide else result


def _soft(stack: Stack, cap: float, reach: float | None) -> Values:
    reaches = np.full(len(stack.values), reach, np.float64)
    if reach is None:
        large = _reaches(stack, cap)
        reaches[:] = 0.0
        reaches[large] = _norms(stack.take(large))
    result: Values = stack.values.copy()
    for index in np.flatnonzero(reaches > cap):  # each matrix has numbers of its own
        result[index] = _softened(result[index], cap, float(reaches[index]))
    return result


def _softened(w: Values, cap: float, reach: float) -> Values:
    """w - a w w^T w and then w + a w w^T w, on its short side and over `reach`."""
    is_tall, y = w.shape[0] > w.shape[1], _strength(cap / reach)
    # In float64, whose range is wider than that of the matrices.
    x = np.asarray(w.astype(np.float64) / reach, w.dtype)
    x = stacks.transposed(x) if is_tall else x
    for sign in (-1.0, 1.0):
        x = multiply(gram(x), x, x, alpha=sign * y)
    result = (x.T if is_tall else x).astype(np.float64) * reach
    return np.asarray(result, w.dtype)


def _strength(ratio: float) -> float:
    """y = a bound^2 with ratio = 1 - 3 y^2 + 3 y^3 - y^4, which falls from 1 to 0 on [0, 1]."""
    low, high = 0.0, 1.0
    for _ in range(60):
        y = (low + high) / 2
        if 1 - y * y * (3 - y * (3 - y)) > ratio:
            low = y
        else:
            high = y
    return high
