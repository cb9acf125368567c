"""A picture of a spectral density."""

from __future__ import annotations

from typing import Any

from ..polar import arguments
from .spectrum import SpectralDensity


def plot_density(density: SpectralDensity, ax: Any = None, *, floor: float = 1e-6) -> Any:
    """Draws the density on a logarithmic scale, with one standard error around it.

    ax : matplotlib axes; None: new ones, in a figure of their own.
    floor : a number, the lowest density shown, in relation to the largest.

    Returns the axes. Needs matplotlib: raises ImportError where matplotlib is not installed, and
    TypeError or ValueError for wrong arguments.
    """
    if not isinstance(density, SpectralDensity):
        given = type(density).__name__
        raise TypeError(f"density: {given} given, expected what spectral_density returns")
    floor = arguments.between("floor", floor, 0.0, 1.0)
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("plot_density needs matplotlib: pip install matplotlib") from error
        ax = pyplot.subplots()[1]
    least = floor * density.density.max()
    below = (density.density - density.stderr).clip(least)
    above = (density.density + density.stderr).clip(least)
    ax.fill_between(density.grid, below, above, alpha=0.3, linewidth=0)
    ax.plot(density.grid, density.density.clip(least))
    ax.set_yscale("log")
    ax.set_ylim(bottom=least)
    ax.set_xlabel("eigenvalue")
    ax.set_ylabel("density")
    ax.set_title(f"{len(density.nodes)} probes, {density.nodes.shape[1]} Lanczos steps")
    return ax
