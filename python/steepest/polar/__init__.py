"""Polar factors by Newton-Schulz iterations.

steepest.polar.orthogonalize  singular values of a matrix, a stack or a list to 1
steepest.polar.choose         which method and type of products it takes
steepest.polar.coefficients   the published coefficient sets, generators of minimax sets, and what
                              a set does to every singular value
"""

from __future__ import annotations

from . import coefficients
from .orthogonal import Choice, choose, orthogonalize

__all__ = ["Choice", "choose", "coefficients", "orthogonalize"]
