"""Curvature from products with a Hessian, or from gradients alone.

probes         rademacher, gaussian: random vectors that are functions of their coordinates;
               accumulate: takes a product in, with mean and variance, in one pass
estimates      hutchinson_diag, hutchinson_trace, hutchpp_trace: with an error for every number
spectra        lanczos, spectral_density, extreme_eigenvalues, plot_density
solvers        conjugate_gradient for products; fisher_solve (natural gradients) and
               levenberg_marquardt_solve for per-sample gradients and Jacobians
products       finite_difference_hvp, gauss_newton_product, empirical_fisher_product
inverses       mkor_update: the inverse of a Kronecker factor, kept by rank-one updates
factors        linear_factors, conv_factors, norm_factors: diagonals of a layer's Kronecker factors;
               average_factors: their running average, in both published forms

A product is a callback that gets an array, or a list, tuple or dict of arrays, and returns the
operator's product with it in the same structure, kinds, shapes and dtypes.
"""

from __future__ import annotations

from .conjugate import conjugate_gradient
from .damped import fisher_solve, levenberg_marquardt_solve
from .differences import finite_difference_hvp
from .estimates import DiagEstimate, TraceEstimate
from .fisher import (
    FisherFactors,
    average_factors,
    conv_factors,
    linear_factors,
    norm_factors,
)
from .hutchinson import hutchinson_diag, hutchinson_trace
from .hutchpp import hutchpp_trace
from .krylov import Tridiagonal, lanczos
from .mkor import MkorUpdate, mkor_update
from .plot import plot_density
from .probes import accumulate, gaussian, rademacher
from .products import empirical_fisher_product, gauss_newton_product
from .solutions import CGSolution, FisherSolution, MarquardtStep, NotPositiveDefiniteError
from .spectrum import Extremes, SpectralDensity, extreme_eigenvalues, spectral_density

__all__ = [
    "CGSolution",
    "DiagEstimate",
    "Extremes",
    "FisherFactors",
    "FisherSolution",
    "MarquardtStep",
    "MkorUpdate",
    "NotPositiveDefiniteError",
    "SpectralDensity",
    "TraceEstimate",
    "Tridiagonal",
    "accumulate",
    "average_factors",
    "conjugate_gradient",
    "conv_factors",
    "empirical_fisher_product",
    "extreme_eigenvalues",
    "finite_difference_hvp",
    "fisher_solve",
    "gauss_newton_product",
    "gaussian",
    "hutchinson_diag",
    "hutchinson_trace",
    "hutchpp_trace",
    "lanczos",
    "levenberg_marquardt_solve",
    "linear_factors",
    "mkor_update",
    "norm_factors",
    "plot_density",
    "rademacher",
    "spectral_density",
]
