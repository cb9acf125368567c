"""Newton-Schulz iterations, what they converge to, and the optimizers built on them, in float64.

Matrices are two-dimensional arrays (d_out, d_in). Triples (a, b, c) stand for the step
X <- a X + b (X X^T) X + c (X X^T)^2 X, so a singular value s becomes a s + b s^3 + c s^5.
"""

from .caps import soft_cap, soft_cap_strength, spectral_cap
from .factors import apply, matrix_sign, nuclear_norm, orthogonality_error, polar, polar_factor, svd
from .iterations import (
    NORMALIZATIONS,
    expected,
    gram_newton_schulz,
    newton_schulz,
    normalize,
    orthogonalize,
    scalar,
)
from .lanton import lanton
from .optimizers import lr_ratio, moonlight, muon, scion
from .oracles import (
    ORACLES,
    bias_rms,
    col_norm,
    euclidean,
    row_norm,
    sign,
    spectral,
    spectral_conv,
)
from .spectra import SPECTRA, orthonormal, with_singular_values

__all__ = [
    "NORMALIZATIONS",
    "ORACLES",
    "SPECTRA",
    "apply",
    "bias_rms",
    "col_norm",
    "euclidean",
    "expected",
    "gram_newton_schulz",
    "lanton",
    "lr_ratio",
    "matrix_sign",
    "moonlight",
    "muon",
    "newton_schulz",
    "normalize",
    "nuclear_norm",
    "orthogonality_error",
    "orthogonalize",
    "orthonormal",
    "polar",
    "polar_factor",
    "row_norm",
    "scalar",
    "scion",
    "sign",
    "soft_cap",
    "soft_cap_strength",
    "spectral",
    "spectral_cap",
    "spectral_conv",
    "svd",
    "with_singular_values",
]
