"""Products of matrices and what is made of them: the bits are those of a CPU target."""

import numpy as np
from reference import polar as reference
from steepest import norms, polar
from steepest.polar import coefficients
from steepest.polar.products import gram, multiply, symmetric_product

from .measure import BF16, DTYPES, F32, normwise, wide, worst

COMPUTED = {name: DTYPES[name] for name in ("float64", "float32", "bfloat16")}
SHAPES = ((5, 9, 4), (33, 300, 20))
#: In one block of the inner dimension and in several.
METHODS = ("standard", "gram")


def into(dtype, *shape):
    """Where a product goes: sums are in single where operands are in less, and seen before they
    are rounded once more."""
    return np.zeros(shape, F32 if dtype == BF16 else dtype)


def product_error(found, a, b):
    return worst(found, wide(a) @ wide(b), np.abs(wide(a)) @ np.abs(wide(b)), found.dtype)


def products(dtype):
    """name -> worst error in units of |A| |B|."""
    rng, found = np.random.default_rng(17), dict.fromkeys(("gram", "multiply", "symmetric"), 0.0)
    for m, k, n in SHAPES:
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        c = rng.standard_normal((m, m))
        c = (c + c.T).astype(dtype)
        made = {
            "gram": product_error(gram(a, out=into(dtype, m, m)), a, a.T),
            "multiply": product_error(multiply(a, b, out=into(dtype, m, n)), a, b),
            "symmetric": product_error(symmetric_product(c, c, out=into(dtype, m, m)), c, c),
        }
        found = {name: max(found[name], made[name]) for name in found}
    return found


def iterated(g, triples):
    """The normalised iteration in longdouble."""
    x = wide(g) / np.sqrt((wide(g) ** 2).sum())
    for a, b, c in np.asarray(triples, np.longdouble):
        r = x @ x.T
        x = a * x + (b * r + c * (r @ r)) @ x
    return x


def orthogonalized(name, dtype, method):
    """Of the whole matrix, relative to its Frobenius norm."""
    rng, found = np.random.default_rng(18), 0.0
    for spectrum in ("gaussian", "geometric", "flat"):
        g = reference.SPECTRA[spectrum](rng, (24, 60)).astype(dtype)
        ours = polar.orthogonalize(g, name, method=method)
        found = max(found, normwise(ours, iterated(g, coefficients.resolve(name)), dtype))
    return found


def decompositions(dtype):
    """name -> error of the functions of a matrix, relative to the Frobenius norm.

    References are decompositions in double, of matrices with condition number 2, which only tell
    something of results in single; in double that is the sum of two errors.
    """
    rng = np.random.default_rng(19)
    a = reference.with_singular_values(rng, (30, 20), np.linspace(1, 2, 20)).astype(dtype)
    s = (a.T @ a - 2.2 * np.eye(20)).astype(dtype)
    s = (s + s.T) / 2
    u, h = reference.polar(a.astype(np.float64))
    ours = polar.polar(a)
    capped = reference.spectral_cap(a.astype(np.float64), 1.5)
    return {
        "polar.polar/U": normwise(ours.U, wide(u), dtype),
        "polar.polar/H": normwise(ours.H, wide(h), dtype),
        "polar.matrix_sign": normwise(
            polar.matrix_sign(s), wide(reference.matrix_sign(s.astype(np.float64))), dtype
        ),
        "polar.spectral_cap": normwise(polar.spectral_cap(a, 1.5), wide(capped), dtype),
        "polar.stiefel_project": normwise(polar.stiefel_project(a), wide(u), dtype),
    }


def widths(dtype):
    """name -> the largest distance of an interval's ends, over the upper one, where it is sought as
    narrow as can be; an interval without the norm in it is infinitely wide."""
    rng, found = np.random.default_rng(20), {}
    for spectrum in ("gaussian", "geometric", "spike"):
        for shape in ((12, 20), (64, 90)):
            w = reference.SPECTRA[spectrum](rng, shape).astype(dtype)
            bound = norms.spectral_norm(w, tol=0.0)
            sigma = np.linalg.svd(w.astype(np.float64), compute_uv=False)[0]
            slack = 8 * sum(shape) * 2.0**-53 * sigma
            holds = bound.lower <= sigma + slack and sigma - slack <= bound.upper
            width = (bound.upper - bound.lower) / bound.upper if holds else np.inf
            found[spectrum] = max(found.get(spectrum, 0.0), width / 2.0**-53)
    return {f"norms.spectral_norm width/{name}": value for name, value in found.items()}


def convolution():
    """The width of a convolution's interval at the default tolerance."""
    kernel = np.random.default_rng(21).standard_normal((4, 3, 3, 3)).astype(F32)
    bound = norms.conv_spectral_norm(kernel, (8, 8))
    return (bound.upper - bound.lower) / bound.upper / 2.0**-53


def cases():
    """(name, dtype name, error)."""
    for name, dtype in COMPUTED.items():
        for product, value in products(dtype).items():
            yield f"polar.products.{product}", name, value
        for chosen in coefficients.SETS:
            for method in METHODS:
                value = orthogonalized(chosen, dtype, method)
                yield f"polar.orthogonalize/{chosen}/{method}", name, value
        for function, value in widths(dtype).items():
            yield function, name, value
    for name in ("float64", "float32"):
        for function, value in decompositions(DTYPES[name]).items():
            yield function, name, value
    yield "norms.conv_spectral_norm width", "float32", convolution()
