"""The iterations, their normalisation and the scalar polynomial that they compose."""

import numpy as np

from .factors import apply


def scalar(triples, s):
    """The composition of the steps at singular values s."""
    s = np.asarray(s, np.float64)
    for a, b, c in triples:
        s = a * s + b * s**3 + c * s**5
    return s


def expected(a, triples, normalization="frobenius", bound=None):
    """What the iteration gives in exact arithmetic: the polynomial of the normalised singular
    values, between the singular vectors."""
    return apply(lambda s: scalar(triples, s), normalize(a, normalization, bound))


def unit_range(a):
    """a over its largest element, so that no square overflows or vanishes; zero stays zero."""
    a = np.asarray(a, np.float64)
    largest = np.abs(a).max(initial=0.0)
    return a / largest if largest > 0 else a


def short_gram(a):
    """a a^T or a^T a, the smaller one."""
    return a @ a.T if a.shape[0] <= a.shape[1] else a.T @ a


def frobenius(a):
    return a / np.linalg.norm(a)


def schatten4(a):
    """Over (sum s^4)^(1/4) = ||a a^T||_F^(1/2), which lies between the spectral and the Frobenius
    norm."""
    return a / np.sqrt(np.linalg.norm(short_gram(a)))


def aol(a):
    """Almost-orthogonal rescaling (2512.04632): every row (column) of the short side over the root
    of its row sum in |a a^T|. It changes the singular vectors."""
    sums = np.abs(short_gram(a)).sum(axis=1)
    scales = np.where(sums > 0, 1 / np.sqrt(np.where(sums > 0, sums, 1)), 0)
    return a * (scales[:, None] if a.shape[0] <= a.shape[1] else scales)


NORMALIZATIONS = {"frobenius": frobenius, "schatten4": schatten4, "aol": aol}


def normalize(a, kind="frobenius", bound=None):
    """The start of the iteration, singular values in [0, 1]: by a norm, or by a given bound of the
    spectral norm. Zero stays zero."""
    if kind == "bound":
        return np.asarray(a, np.float64) / bound
    a = unit_range(a)
    return NORMALIZATIONS[kind](a) if a.any() else a


def wide(a):
    """(a or its transpose with no more rows than columns, whether it was transposed)."""
    transposed = a.shape[0] > a.shape[1]
    return (a.T if transposed else a), transposed


def newton_schulz(x, triples):
    """The standard form, of a normalised matrix."""
    x, transposed = wide(np.asarray(x, np.float64))
    for a, b, c in triples:
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if transposed else x


def gram_newton_schulz(x, triples, restarts=()):
    """The same polynomial by iterating on the Gram matrix R and on the accumulated factor Q alone.
    `restarts`: positions of the steps before which Q is applied and R formed anew."""
    x, transposed = wide(np.asarray(x, np.float64))
    identity = np.eye(len(x))
    q, r = identity, x @ x.T
    for t, (a, b, c) in enumerate(triples):
        if t in restarts:
            x = q @ x
            q, r = identity, x @ x.T
        z = a * identity + b * r + c * r @ r
        q, r = q @ z, z @ r @ z
    x = q @ x
    return x.T if transposed else x


def orthogonalize(a, triples, normalization="frobenius", bound=None):
    """Normalisation and the standard iteration."""
    return newton_schulz(normalize(a, normalization, bound), triples)
