"""Spectra of symmetric operators: their density, and eigenvalues at both ends."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _arrays
from ..polar import arguments
from .krylov import Process, run, tolerance_of
from .operator import Operator
from .sampling import MOST_PROBES, Hvp

_POINTS = 1001
_REACH = 5.0  # standard deviations of the kernel beyond the outermost nodes


class SpectralDensity(NamedTuple):
    """The density of eigenvalues, its integral being 1.

    grid, density, stderr : float64 (points,): the density smoothed by a Gaussian of standard
        deviation `width`, and the standard error of the mean over the probes (NaN for one).
    nodes, weights : (probes, steps): the Gauss quadrature of every probe; sums of f(node) * weight
        over a row estimate trace f(H) / n. Rows that came to an end early are filled up with
        weights of 0.
    width : of the smoothing.
    """

    grid: NDArray[np.float64]
    density: NDArray[np.float64]
    stderr: NDArray[np.float64]
    nodes: NDArray[np.float64]
    weights: NDArray[np.float64]
    width: float


class Extremes(NamedTuple):
    """Eigenvalues at the ends of a spectrum.

    top : the largest, float64, descending. bottom : the smallest, ascending. To each of them an
    eigenvalue of H is at most `top_error` or `bottom_error` away (the norm of the residual, up to
    rounding).
    products : taken with H.
    """

    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    top_error: NDArray[np.float64]
    bottom_error: NDArray[np.float64]
    products: int


def spectral_density(
    hvp: Hvp,
    like: Any,
    steps: int = 64,
    probes: int = 4,
    seed: int = 0,
    *,
    grid: Any = None,
    width: float | None = None,
    symmetry_tolerance: float | None = None,
) -> SpectralDensity:
    """The density of eigenvalues of a symmetric operator by stochastic Lanczos quadrature.

    hvp, like, seed, symmetry_tolerance : as `lanczos` has them.
    steps, probes : of the Lanczos process, from this many independent vectors of signs. A probe's
        moments up to 2 steps - 1 are exact for its vector.
    grid : 1-d array of ascending places, or a number of them; None: 1001 from end to end.
    width : standard deviation of the Gaussian that smooths the nodes; None: the range of the nodes
        over the steps, about the distance of neighbours.

    Source: Bai, Fahey and Golub (1996); Lin, Saad and Yang (2016); for Hessians Ghorbani, Krishnan
    and Xiao (arXiv 1901.10159).

    Raises as `lanczos` does.
    """
    operator = Operator(hvp, like, seed)
    steps = arguments.count("steps", steps, 1, MOST_PROBES)
    probes = arguments.count("probes", probes, 1, MOST_PROBES)
    if width is not None:
        width = arguments.between("width", width, 0.0, np.inf)
    places = _places(grid)
    operator.check_symmetry(tolerance_of(symmetry_tolerance))
    nodes, weights = _quadratures(operator, steps, probes)
    span = float(nodes.max() - nodes.min())
    if width is None:
        width = max(span / nodes.shape[1], 1e-3 * float(np.abs(nodes).max()), 1e-300)
    if isinstance(places, int):
        ends = nodes.min() - _REACH * width, nodes.max() + _REACH * width
        places = np.linspace(*ends, places)
    curves = _smoothed(places, nodes, weights, width)
    error = np.full(len(places), np.nan)
    if probes > 1:
        error = curves.std(axis=0, ddof=1) / np.sqrt(probes)
    return SpectralDensity(places, curves.mean(axis=0), error, nodes, weights, width)


def _places(grid: Any) -> int | NDArray[np.float64]:
    if grid is None:
        return _POINTS
    if isinstance(grid, (int, np.integer)):
        return arguments.count("grid", grid, 2, 2**24)
    try:
        given = np.asarray(grid)
        real = given.dtype.kind in "iuf"
    except (TypeError, ValueError):
        real = False
    if not real:
        raise TypeError(f"grid: {_arrays.describe(grid)} given, expected an array of real numbers")
    places = given.astype(np.float64)
    if places.ndim != 1 or places.size == 0:
        raise ValueError(f"grid: shape {places.shape} given, expected one dimension of places")
    if not np.isfinite(places).all() or (np.diff(places) <= 0).any():
        raise ValueError("grid: places given that do not ascend, expected finite ascending ones")
    return places


def _quadratures(
    operator: Operator, steps: int, probes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights, a row per probe."""
    rows = []
    for k in range(probes):
        values, vectors = run(operator, operator.probe(k), steps).eigen()
        rows.append((values, vectors[0] ** 2))
    most = max(len(values) for values, _ in rows)
    nodes = np.array([np.pad(v, (0, most - len(v)), mode="edge") for v, _ in rows])
    weights = np.array([np.pad(w, (0, most - len(w))) for _, w in rows])
    return nodes, weights


def _smoothed(
    places: NDArray[np.float64],
    nodes: NDArray[np.float64],
    weights: NDArray[np.float64],
    width: float,
) -> NDArray[np.float64]:
    """The curve of every probe."""
    curves = np.zeros((len(nodes), len(places)))
    for curve, at, share in zip(curves, nodes, weights, strict=True):
        for node, weight in zip(at, share, strict=True):
            curve += weight * np.exp(-0.5 * ((places - node) / width) ** 2)
    curves /= width * np.sqrt(2 * np.pi)
    return curves


def extreme_eigenvalues(
    hvp: Hvp,
    like: Any,
    top: int = 1,
    bottom: int = 1,
    seed: int = 0,
    *,
    tol: float | None = None,
    max_products: int = 300,
    symmetry_tolerance: float | None = None,
) -> Extremes:
    """The largest and the smallest eigenvalues of a symmetric operator, by the Lanczos process.

    hvp, like, seed, symmetry_tolerance : as `lanczos` has them.
    top, bottom : how many at each end; no more than there are dimensions.
    tol : every error is to be at most tol times the largest absolute value found; None: 16 times
        the square root of the dtype's epsilon.
    max_products : the process ends after as many, the two of the symmetry test included; the errors
        that are returned tell whether `tol` was met.

    An eigenvalue of several dimensions is found once, and one whose eigenvectors the random start
    happens to miss not at all (probability 0).

    Raises as `lanczos` does.
    """
    operator = Operator(hvp, like, seed)
    top = arguments.count("top", top, 0, operator.size)
    bottom = arguments.count("bottom", bottom, 0, operator.size)
    most = arguments.count("max_products", max_products, 3, MOST_PROBES)
    if tol is None:
        tol = 16 * float(np.sqrt(operator.epsilon))
    tol = arguments.between("tol", tol, 0.0, np.inf)
    operator.check_symmetry(tolerance_of(symmetry_tolerance))
    process = Process(operator, operator.probe(0))
    while True:
        process.extend()
        ended = process.is_complete or operator.products >= most
        if not ended and (process.steps < top + bottom or process.steps % 4):
            continue
        found = _extremes(process, top, bottom)
        if ended or _are_good(found, tol):
            return found


def _extremes(process: Process, top: int, bottom: int) -> Extremes:
    t = process.result()
    values, vectors = t.eigen()
    errors = np.abs(t.residual * vectors[-1])
    low, high = slice(0, bottom), slice(None, -top - 1, -1)
    return Extremes(values[high], values[low], errors[high], errors[low], process.operator.products)


def _are_good(found: Extremes, tol: float) -> bool:
    values = np.concatenate([found.top, found.bottom])
    errors = np.concatenate([found.top_error, found.bottom_error])
    scale = np.abs(values).max(initial=0.0)
    return bool((errors <= tol * scale).all())
