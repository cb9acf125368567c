"""Hutch++ (Meyer, Musco, Musco and Woodruff, arXiv 2010.09649): a trace of smaller variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _elements
from ..polar import arguments
from .estimates import TraceEstimate, trace_estimate
from .krylov import made_orthogonal
from .operator import Operator
from .sampling import MOST_PROBES, Hvp
from .vectors import Vector, dot, norm_in_range, stacked, times, transposed_times


def hutchpp_trace(hvp: Hvp, like: Any, products: int = 24, seed: int = 0) -> TraceEstimate:
    """The trace of an operator H: exact on a sketch of its range, estimated on the rest.

    hvp, like, seed : as `hutchinson_trace` has them; float32 or float64.
    products : how many products with H may be taken, at least 4: a third to find the range of the
        sketch Q, a third for the trace of Q^T H Q, and the rest for samples of what remains,
        g^T P H P g with P = I - Q Q^T and signs g. An operator with no more dimensions than the
        sketch is traced exactly, with an error of 0.

    Returns a TraceEstimate: the error is that of the samples (their number is `probes`), given Q,
    for which the estimate is unbiased; `products` says how many were taken. For a positive
    semidefinite H the error decays as 1 / products, for others no faster than Hutchinson's
    1 / sqrt(products). Takes memory for products / 3 vectors in float64.

    Source: Meyer, Musco, Musco and Woodruff, SOSA 2021, arXiv 2010.09649.

    Raises as `hutchinson_trace` does.
    """
    operator = Operator(hvp, like, seed)
    budget = arguments.count("products", products, 4, 3 * MOST_PROBES)
    sketch = _range(operator, min(budget // 3, operator.size))
    exact = sum(dot(q, operator(q)) for q in sketch)
    if len(sketch) == operator.size:
        return TraceEstimate(exact, 0.0, 1, np.array([exact]), operator.products)
    count = max(2, budget - operator.products)
    first = budget // 3  # the probes before made the sketch
    samples = [exact + _rest(operator, sketch, first + k) for k in range(count)]
    return trace_estimate(np.array(samples), operator.products)


def _range(operator: Operator, rank: int) -> list[Vector]:
    """An orthonormal basis of the products with `rank` probes, fewer where these are dependent."""
    if rank == operator.size:
        return list(_elements.beside(np.eye(rank), operator.zeros()))
    products = [operator(operator.probe(k)) for k in range(rank)]
    if _elements.is_elsewhere(products[0]):
        return _orthonormal(products, operator.epsilon * rank)
    basis, sizes, _ = np.linalg.svd(np.column_stack(products), full_matrices=False)
    significant = sizes > sizes[0] * operator.epsilon * rank
    return list(basis[:, significant].T)


def _orthonormal(vectors: list[Vector], least: float) -> list[Vector]:
    """A basis by the process of Gram and Schmidt; what is left of a vector counts from `least` of
    the longest on."""
    basis: list[Vector] = []
    longest = max(map(norm_in_range, vectors))
    for vector in vectors:
        rest = made_orthogonal(vector, basis) if basis else vector
        size = norm_in_range(rest)
        if size > longest * least:
            basis.append(_elements.divided(rest, size))
    return basis


def _rest(operator: Operator, sketch: list[Vector], number: int) -> float:
    """g^T P H P g."""
    g = operator.probe(number)
    if sketch:
        rows = stacked(sketch)
        g = g - transposed_times(rows, times(rows, g))
    return dot(g, operator(g))
