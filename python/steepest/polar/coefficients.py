"""Coefficients of odd quintic iterations X <- a X + b (X X^T) X + c (X X^T)^2 X.

A step maps every singular value s to a s + b s^3 + c s^5, so a set of T steps is an array (T, 3)
of triples (a, b, c), applied from the first row to the last.

    resolve("you")                      # the set's own five steps
    resolve("polar_express", 8)         # as many as asked
    polar_express(6, lower=1e-4)        # minimax sets for other intervals (2505.16932)
    cans(5, delta=0.3)                  # (2506.10935)
    survey("jordan").interval(1e-3)     # what becomes of the singular values
    restarts("you", PERTURBATION["float16"], 1)   # of the Gram form in half precision

All of it is NumPy in double.
"""

from __future__ import annotations

from .amplification import amplification
from .gram import PERTURBATION, condition, reach, restarts
from .minimax import cans, cubic, polar_express, quintic
from .scalar import Survey, evaluate, image, rounded_image, survey
from .table import SETS, CoefficientSet, resolve

__all__ = [
    "PERTURBATION",
    "SETS",
    "CoefficientSet",
    "Survey",
    "amplification",
    "cans",
    "condition",
    "cubic",
    "evaluate",
    "image",
    "polar_express",
    "quintic",
    "reach",
    "resolve",
    "restarts",
    "rounded_image",
    "survey",
]
