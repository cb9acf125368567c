"""Caps of the singular values of weights: spectral_cap, spectral_hammer, spectral_normalize."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import arguments, stacks
from .decomposition import decompose
from .largest import largest_triplets
from .products import gram, multiply
from .stacks import Place, Stack
from .work import Values, Work


def spectral_cap(
    W: Any,  # noqa: N803
    cap: float,
    kind: str = "hard",
    *,
    bound: float | None = None,
    weight_decay: float = 0.0,
    max_update: float | None = None,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """W with its singular values capped, and its singular vectors.

    W : array (..., m, n) of float64, float32, bfloat16 or float16, in host memory or on a CUDA
        device (CuPy, torch).
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
    stream : for an array on a device, as in `orthogonalize`.

    With u the unit roundoff of float64 for float64, else of float32, the result is off by a small
    multiple of u max(||W||, cap, bound), absolutely: small caps of large matrices lose digits (less
    than 50 u in the spectral norm, measured up to 80 x 80). "hard" has
    no other error: W = U H gives [W + U (cap I - |H - cap I|)] / 2, where |.| is the factor H of
    another polar decomposition, which is well conditioned wherever singular values lie. Matrices
    whose Frobenius norm is at most `cap` come back unchanged. "soft" leaves singular values above
    `bound` above `cap`. The spectral norm that stands for it is that of a matrix within a relative
    1e-10 of W, as a rule exact to rounding.

    On a device the same holds, with bits of its own. It is waited for where W is read and for what
    the iterations go by: once a round of a polar decomposition; for a spectral norm in each step,
    which multiplies on the device a vector that host memory holds.

    Raises TypeError, ValueError (also NaN and infinity in W), BufferError, DeviceError as `polar`,
    and LinAlgError where an iteration does not converge. After an error nothing has been written.

    Sources: Newhouse et al., arXiv 2507.13338 (soft); the polar decomposition's |A| = H (hard).
    """
    cap = arguments.between("cap", cap, 0.0, np.inf)
    arguments.one_of("kind", kind, ("hard", "soft"))
    reach = _reach(kind, cap, bound, weight_decay, max_update)
    with Place(W, "W", stream) as place:
        stack = _weights(W, out, place)
        result = _hard(stack, cap) if kind == "hard" else _soft(stack, cap, reach)
        return stacks.write(result, stack, out)


def spectral_hammer(
    W: Any,  # noqa: N803
    cap: float,
    *,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """W with its largest singular value set to `cap`, larger or smaller than it was, by a
    correction of rank one: W + (cap - sigma) u v^T. The other ones stay. Zero stays zero.

    W, cap, out, errors : as in `spectral_cap`. The triplet (u, sigma, v) is that of a matrix
    within 1e-10 sigma of W; of several equal largest values one is set. The result is off by about
    the same and by u max(||W||, cap).

    Source: Newhouse et al., arXiv 2507.13338.
    """
    cap = arguments.between("cap", cap, 0.0, np.inf)
    with Place(W, "W", stream) as place:
        stack = _weights(W, out, place)
        result = place.work.copy(stack.values)
        for index, (u, sigma, v) in enumerate(largest_triplets(stack)):
            if sigma > 0:
                place.work.add_outer(result, index, (cap - sigma) * u, v)
        return stacks.write(result, stack, out)


def spectral_normalize(
    W: Any,  # noqa: N803
    cap: float = 1.0,
    *,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """W / max(1, sigma / cap) with its spectral norm sigma, so that `cap` is the most it has, as a
    rule but for rounding, with certainty but for a relative 1e-10.

    W, cap, out, errors : as in `spectral_cap`. Matrices whose Frobenius norm is at most `cap`
    come back unchanged.

    Source: Newhouse et al., arXiv 2507.13338.
    """
    cap = arguments.between("cap", cap, 0.0, np.inf)
    with Place(W, "W", stream) as place:
        stack = _weights(W, out, place)
        large = _reaches(stack, cap)
        factors = np.ones(len(large))
        factors[large] = cap / np.maximum(_norms(stack.take(large)), cap)
        return stacks.write(place.work.combined(stack.values, a=factors), stack, out)


def _weights(w: Any, out: Any, place: Place) -> Stack:
    stack = stacks.read(w, "W", place)
    stacks.check_output(out, "out", stack, stack.shape)
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
    x, exponents = stack.work.unit_scale(stack.values)
    return np.asarray(stack.work.norms(x) > np.ldexp(cap, -exponents))


def _norms(stack: Stack) -> NDArray[np.float64]:
    return np.array([t.sigma for t in largest_triplets(stack)], np.float64)


def _hard(stack: Stack, cap: float) -> Values:
    large, result = _reaches(stack, cap), stack.work.copy(stack.values)
    if large.any():
        chosen = np.flatnonzero(large)
        capped = _capped(stack.take(large), cap)
        stack.work.put(result, chosen, capped, np.arange(len(chosen)))
    return result


def _capped(stack: Stack, cap: float) -> Values:
    """[W + U (cap I - |H - cap I|)] / 2 in the orientation in which H is the small one."""
    work = stack.work
    is_wide = stack.shape[0] < stack.shape[1]
    tall = work.transposed(stack.values) if is_wide else stack.values
    u, h, exponents, _ = decompose(stack._replace(values=tall))
    cut = np.ldexp(cap, -exponents)
    _, distance, shift, _ = decompose(stack._replace(values=work.combined(h, c=-cut)))
    change = multiply(u, work.combined(distance, a=-1.0, powers=shift, c=cut), alpha=0.5)
    result = work.combined(change, powers=exponents, y=tall, b=0.5)
    return work.transposed(result) if is_wide else result


def _soft(stack: Stack, cap: float, reach: float | None) -> Values:
    work = stack.work
    reaches = np.full(int(stack.values.shape[0]), reach, np.float64)
    if reach is None:
        large = _reaches(stack, cap)
        reaches[:] = 0.0
        reaches[large] = _norms(stack.take(large))
    result = work.copy(stack.values)
    for one in np.unique(reaches[reaches > cap]):  # products have the same numbers for a stack
        chosen = np.flatnonzero(reaches == one)
        softened = _softened(work.take(stack.values, chosen), cap, float(one), work)
        work.put(result, chosen, softened, np.arange(len(chosen)))
    return result


def _softened(w: Values, cap: float, reach: float, work: Work) -> Values:
    """w - a w w^T w and then w + a w w^T w, on its short side and over `reach`."""
    is_tall, y = w.shape[1] > w.shape[2], _strength(cap / reach)
    # Arrays make it float64, whose range is wider than that of the matrices.
    fraction, exponent = np.frexp(np.full(int(w.shape[0]), reach))
    x = work.combined(w, a=1 / fraction, powers=-exponent)
    x = work.transposed(x) if is_tall else x
    for sign in (-1.0, 1.0):
        x = multiply(gram(x), x, x, alpha=sign * y)
    x = work.transposed(x) if is_tall else x
    return work.combined(x, a=fraction, powers=exponent)


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
