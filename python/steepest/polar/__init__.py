"""Polar factors by Newton-Schulz iterations, and other functions of a matrix.

steepest.polar.orthogonalize       singular values of a matrix, a stack or a list near 1: fast
steepest.polar.choose              which method and type of products it takes
steepest.polar.coefficients        the published coefficient sets, generators of minimax sets, and
                                   what a set does to every singular value
steepest.polar.polar               A = U H, to working precision
steepest.polar.stiefel_project     the nearest matrix with orthonormal columns or rows
steepest.polar.matrix_sign         eigenvalues to 1 and -1
steepest.polar.spectral_cap        singular values capped, hard or soft
steepest.polar.spectral_hammer     the largest singular value set
steepest.polar.spectral_normalize  the spectral norm brought below a cap
steepest.polar.nuclear_norm        the sum of the singular values
steepest.polar.quality             how good a polar factor is
steepest.polar.oracle              the farthest point of a norm's unit ball, and dual_norm
steepest.polar.normuon, adamuon    second-moment normalisers of a direction
steepest.polar.leading_subspace    singular vectors of the largest singular values, randomised
steepest.polar.products            the matrix products under all of these
"""

from __future__ import annotations

from . import coefficients, products
from .caps import spectral_cap, spectral_hammer, spectral_normalize
from .decomposition import Polar, polar, stiefel_project
from .diagnostics import Quality, nuclear_norm, quality
from .moments import adamuon, normuon
from .oracles import dual_norm, oracle
from .orthogonal import Choice, choose, orthogonalize
from .sign import matrix_sign
from .subspace import leading_subspace

__all__ = [
    "Choice",
    "Polar",
    "Quality",
    "adamuon",
    "choose",
    "coefficients",
    "dual_norm",
    "leading_subspace",
    "matrix_sign",
    "normuon",
    "nuclear_norm",
    "oracle",
    "orthogonalize",
    "polar",
    "products",
    "quality",
    "spectral_cap",
    "spectral_hammer",
    "spectral_normalize",
    "stiefel_project",
]
