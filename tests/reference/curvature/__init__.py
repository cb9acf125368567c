"""Probes, estimates and Hessians of small models in plain NumPy float64."""

from . import models, philox, statistics

__all__ = ["models", "philox", "statistics"]
