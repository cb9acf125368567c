"""Linear minimisation oracles: argmax of <g, d> over a norm's unit ball (Scion, 2502.07529)."""

import numpy as np

from .factors import polar_factor


def over(g, size, eps=1e-8):
    """g / (size + eps), zero where both are."""
    size = np.broadcast_to(size + eps, g.shape)
    return np.divide(g, size, out=np.zeros_like(g), where=size > 0)


def spectral(g, normalized=True, at_least_one=False):
    """RMS to RMS: sqrt(d_out / d_in) times the polar factor; without `normalized` sqrt(d_out)."""
    d_out, d_in = g.shape
    scale = np.sqrt(d_out / d_in) if normalized else np.sqrt(d_out)
    return (max(1.0, scale) if at_least_one else scale) * polar_factor(g)


def spectral_conv(g):
    """Kernels (out, in, k...): the polar factor of (out, in k...), times sqrt(out / in) over the
    number of taps."""
    d_out, d_in, *taps = g.shape
    scale = np.sqrt(d_out / d_in) / np.prod(taps)
    return scale * polar_factor(g.reshape(d_out, -1)).reshape(g.shape)


def col_norm(g, normalized=False, transpose=False, eps=1e-8):
    """Every column over its RMS, and over d_in if normalized."""
    if transpose:
        return col_norm(g.T, normalized, eps=eps).T
    rms = np.sqrt(np.mean(g**2, axis=0, keepdims=True))
    return over(g, rms * g.shape[1] if normalized else rms, eps)


def row_norm(g, normalized=True, transpose=False, eps=1e-8):
    """Every row over its Euclidean norm, and over sqrt(d_in) if normalized."""
    if transpose:
        return row_norm(g.T, normalized, eps=eps).T
    norm = np.sqrt(np.sum(g**2, axis=1, keepdims=True))
    return over(g, norm * np.sqrt(g.shape[1]) if normalized else norm, eps)


def sign(g, normalized=True):
    """Signs, over d_in if normalized."""
    return np.sign(g) / (g.shape[1] if normalized else 1)


def bias_rms(g, eps=1e-8):
    """A vector over its RMS."""
    return over(g, np.sqrt(np.mean(g**2, axis=0, keepdims=True)), eps)


def euclidean(g, eps=0.0):
    """Over the Euclidean norm of all elements."""
    return over(g, np.sqrt(np.sum(g**2)), eps)


ORACLES = {
    "Spectral": spectral,
    "SpectralConv": spectral_conv,
    "ColNorm": col_norm,
    "RowNorm": row_norm,
    "Sign": sign,
    "BiasRMS": bias_rms,
    "Euclidean": euclidean,
}
