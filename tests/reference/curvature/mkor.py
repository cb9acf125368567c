"""MKOR as its paper and its authors' code have it, on float64 arrays."""

import numpy as np


def code(inverse, v, d):
    """sm_inverse of the authors' code on the mixed matrix."""
    m = d * inverse + (1 - d) * np.eye(len(v))
    return m - np.outer(m @ v, v @ m) / (1 + v @ m @ v)


def paper(inverse, v, d):
    """Equation 5 of arXiv 2306.01685, as printed."""
    w = inverse @ v
    return d * inverse + (1 - d) / (d**2 * (1 + d * (1 - d) * (v @ w))) * np.outer(w, w)


def textbook(inverse, v, d):
    """The inverse itself, without the identity of Sherman and Morrison."""
    return np.linalg.inv(d * np.linalg.inv(inverse) + (1 - d) * np.outer(v, v))


VARIANTS = {"code": code, "paper": paper, "textbook": textbook}


def blended(inverse, zeta):
    return (1 - zeta) * inverse + zeta * np.eye(len(inverse))


def stabilized(inverse, v, d, variant, stabilizer, threshold, zeta):
    """One refresh of a factor."""
    if stabilizer is not None and np.abs(inverse).max() > threshold:
        if stabilizer == "reset":
            return np.eye(len(inverse))
        inverse = blended(inverse, zeta)
        if stabilizer == "skip":
            return inverse
    return VARIANTS[variant](inverse, v, d)


def error_bound(inverse, v, d, variant, unit):
    """Of |computed - exact| per element, for any order of the sums in double and arithmetic on
    elements with this unit roundoff.

    The result is a F + b I + s u u^T, computed as t t^T with t = sqrt|s| u. a, its product, the two
    elements of t, theirs, and two sums round to `unit`: 5 times at most on any path. In double, an
    element of F v is off by (n + 8) 2^-53 |F| |v|, the denominator, which is at least 1, by as much
    of |v|^T |F| |v| and once more for the sum over v; twice that since the reference rounds too.
    """
    n, double = len(v), 2.0**-53
    p, q = (d, 1 - d) if variant == "code" else (1.0, 0.0)
    a, b, weight, size = {
        "code": (d, 1 - d, 1.0, 1.0),
        "paper": (d, 0.0, d * (1 - d), (1 - d) / d**2),
        "textbook": (1 / d, 0.0, (1 - d) / d, (1 - d) / d**2),
    }[variant]
    u = p * inverse @ v + q * v
    absolute = p * np.abs(inverse) @ np.abs(v) + q * np.abs(v)
    denominator = 1 + weight * (v @ u)
    s = size / denominator
    off_u = 2 * (n + 8) * double * absolute
    off_denominator = 2 * weight * (n + 8) * double * (2 * np.abs(v) @ absolute)
    term = s * np.outer(np.abs(u), np.abs(u))
    off = s * (np.outer(off_u, np.abs(u)) + np.outer(np.abs(u), off_u))
    off += term * (off_denominator / denominator + 16 * double)
    rounded = 5 * unit * (a * np.abs(inverse) + b * np.eye(n) + term)
    return 1.01 * (rounded + off)


class Layers:
    """Algorithm 1 on the gradients of layers (weight, bias or None), of which each has the pair
    (left, right) of inverses; `amplification` is the largest ||L|| ||G|| ||R|| / ||L G R|| seen."""

    def __init__(self, shapes, decay, variant="code", stabilizer=None, threshold=2.0, zeta=0.1):
        self.inverses = [[np.eye(rows), np.eye(cols)] for rows, cols in shapes]
        self.settings = (decay, variant, stabilizer, threshold, zeta)
        self.amplification = 1.0

    def update(self, statistics):
        for pair, given in zip(self.inverses, statistics, strict=True):
            if given is not None:
                for side, v in ((0, given[1]), (1, given[0])):
                    pair[side] = stabilized(pair[side], v, *self.settings)

    def precondition(self, gradients, rescale=True):
        made = []
        for (left, right), g in zip(self.inverses, gradients, strict=True):
            p = left @ g @ right
            size = np.linalg.norm(left, 2) * np.linalg.norm(g) * np.linalg.norm(right, 2)
            self.amplification = max(self.amplification, size / np.linalg.norm(p))
            made.append(p * (np.linalg.norm(g) / np.linalg.norm(p)) if rescale else p)
        return made
