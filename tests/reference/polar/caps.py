"""Caps of the singular values."""

import numpy as np

from .factors import apply, svd


def soft_cap_strength(cap, bound):
    """alpha of the soft cap (2507.13338): x - alpha x^3 followed by x + alpha x^3 takes `bound` to
    `cap`. With y = alpha bound^2 that is cap / bound = 1 - 3 y^2 + 3 y^3 - y^4, which falls from 1
    to 0 on [0, 1]."""
    if bound <= cap:
        return 0.0
    roots = np.roots([-1, 3, -3, 0, 1 - cap / bound])
    real = roots.real[np.abs(roots.imag) < 1e-9]
    return real[(real >= 0) & (real <= 1)].min() / bound**2


def soft_cap(s, cap, bound):
    """The soft cap of singular values up to `bound`."""
    alpha = soft_cap_strength(cap, bound)
    s = s - alpha * s**3
    return s + alpha * s**3


def spectral_cap(w, cap, kind="hard", bound=None):
    """Hard: min(s, cap). Soft: see soft_cap; `bound` is the spectral norm unless given."""
    if kind == "hard":
        return apply(lambda s: np.minimum(s, cap), w)
    assert kind == "soft"
    largest = svd(w)[1].max(initial=0.0) if bound is None else bound
    return apply(lambda s: soft_cap(s, cap, largest), w)
