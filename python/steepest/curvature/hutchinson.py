"""Hutchinson's estimators of a diagonal and of a trace from matrix-vector products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import moments, structure
from .estimates import DiagEstimate, TraceEstimate, trace_estimate
from .moments import Statistics
from .sampling import Hvp, Products, checked_callable, read_request


def hutchinson_trace(
    hvp: Hvp,
    like: Any,
    probes: int = 8,
    seed: int = 0,
    *,
    distribution: str = "rademacher",
    until: float | None = None,
    max_probes: int | None = None,
) -> TraceEstimate:
    """The trace of an operator H as the mean of z^T H z over random z, with its error.

    hvp : callback that gets a probe z of the structure, shapes, dtypes and kinds of `like` and
        returns H z in the same (anything else is an error). The arrays of z are overwritten for the
        next probe.
    like : array of float64, float32, bfloat16 or float16 in host memory or on a CUDA device (CuPy,
        torch), or a list, tuple or dict. All work then is on the device and the current stream of
        the framework; one number is read per probe, which waits for its product.
    probes : how many; at least 1.
    seed : 0 to 2^64 - 1. The result is a function of it and of what hvp returns, whatever the
        number of threads and the CPU target.
    distribution : "rademacher", of variance 2 (|H|_F^2 - sum_i h_ii^2) / probes for a symmetric H,
        or "gaussian", of variance 2 |H|_F^2 / probes.
    until : goes on, up to `max_probes`, until the 95 % interval is at most this wide in relation to
        the value. An approximate promise: stopping where the samples happen to agree makes
        intervals cover less often than they say.
    max_probes : with until only; by default 1000 times `probes`.

    Sources: Hutchinson (1990); Avron and Toledo (2011) for the variances.

    Raises TypeError and ValueError for wrong arguments and for a callback that returns another
    structure, kind, shape or dtype, a NaN or an infinity.
    """
    request = read_request(probes, until, max_probes)
    of = structure.read(like, devices=True)
    nothing: Statistics = (None, None, None)
    products = Products(
        checked_callable("hvp", hvp),
        of,
        distribution,
        seed,
        [nothing] * len(of.keys),
        [1] * len(of.keys),
    )
    samples: list[float] = []
    for value in products.samples():
        samples.append(value)
        count = len(samples)
        if request.asks(count):
            estimate = trace_estimate(np.array(samples), count)
            if request.is_met(estimate.stderr, estimate.value, count):
                break
        if not request.goes_on(count):
            break
    return trace_estimate(np.array(samples), len(samples))


def hutchinson_diag(
    hvp: Hvp,
    like: Any,
    probes: int = 8,
    seed: int = 0,
    *,
    distribution: str = "rademacher",
    normalized: bool | None = None,
    average: str = "none",
    block: int | Sequence[int] | None = None,
    until: float | None = None,
    max_probes: int | None = None,
) -> DiagEstimate:
    """The diagonal of an operator H as the signed mean of z * (H z), with an error for each entry.

    hvp, like, probes, seed : as `hutchinson_trace` has them. Every product is taken in in one pass
        that makes its probe anew.
    distribution : "rademacher", of variance sum_{j != i} h_ij^2 / probes at entry i, or "gaussian".
    normalized : Gaussian probes: True for sum z * (H z) / sum z * z (Bekas, Kokiopoulou and Saad
        2007), whose variance is sum_{j != i} h_ij^2 / (probes - 2), infinite for 1 and 2 probes;
        False for the plain mean, of variance (sum_j h_ij^2 + h_ii^2) / probes. None: True, unless
        an average is asked for, which goes with plain means. Signs have but one form.
    average : "none"; "spatial": the mean over the kernel of a convolution, that is over all axes
        from the third on; "block": over `block` elements that follow each other in C order, a
        number for all arrays or one for each. All of them get the mean, as ADAHESSIAN has it
        (arXiv 2006.00719), but of signed values, so that errors cancel.
    until, max_probes : as `hutchinson_trace` has them, of the 2-norms of errors and of values.

    Raises as `hutchinson_trace` does, and ValueError for a block that does not divide an array.
    """
    request = read_request(probes, until, max_probes)
    of = structure.read(like, devices=True)
    weighted = moments.is_weighted(distribution, normalized, average)
    groups = moments.read_groups(of, average, block)
    state = moments.zeros(of, groups, weighted)
    products = Products(checked_callable("hvp", hvp), of, distribution, seed, state, groups)
    sample = 0
    for sample, _ in enumerate(products.samples(), start=1):
        if request.asks(sample) and request.is_met(*moments.norms(state, groups, sample), sample):
            break
        if not request.goes_on(sample):
            break
    values = [moments.spread(s[0], g, x) for s, g, x in zip(state, groups, of.shapes, strict=True)]
    errors = [
        moments.spread(moments.stderr(s, sample), g, x)
        for s, g, x in zip(state, groups, of.shapes, strict=True)
    ]
    value, error = (of.pack(moments.in_kind(arrays, of)) for arrays in (values, errors))
    return DiagEstimate(value, error, sample)
