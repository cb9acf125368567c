"""Functions of a matrix by its singular value or eigenvalue decomposition."""

import numpy as np


def svd(a):
    """(u, s, vt) with min(m, n) singular values."""
    return np.linalg.svd(np.asarray(a, np.float64), full_matrices=False)


def apply(function, a):
    """The matrix with the singular vectors of a and its singular values mapped."""
    u, s, vt = svd(a)
    return (u * function(s)) @ vt


def rank_tolerance(s, shape):
    """Below it a computed singular value may be the rounding error of zero."""
    return s.max(initial=0.0) * max(shape) * np.finfo(np.float64).eps


def polar_factor(a):
    """U of a = U H: the partial isometry with the row and column space of a. Zero gives zero."""
    tolerance = rank_tolerance(svd(a)[1], np.shape(a))
    return apply(lambda s: (s > tolerance).astype(np.float64), a)


def polar(a):
    """(U, H) with a = U H, H = (a^T a)^(1/2)."""
    _, s, vt = svd(a)
    return polar_factor(a), (vt.T * s) @ vt


def matrix_sign(a):
    """a (a^2)^(-1/2): the eigenvectors of a, and the signs of its eigenvalues' real parts."""
    a = np.asarray(a, np.float64)
    if np.array_equal(a, a.T):
        eigenvalues, v = np.linalg.eigh(a)
        return (v * np.sign(eigenvalues)) @ v.T
    eigenvalues, v = np.linalg.eig(a)
    return (v * np.sign(eigenvalues.real) @ np.linalg.inv(v)).real


def nuclear_norm(a):
    """The sum of the singular values, <a, polar_factor(a)>."""
    return svd(a)[1].sum()


def orthogonality_error(u):
    """||u u^T - I||_F / ||I||_F on the short side."""
    u = np.asarray(u, np.float64)
    gram = u @ u.T if u.shape[0] <= u.shape[1] else u.T @ u
    return np.linalg.norm(gram - np.eye(len(gram))) / np.sqrt(len(gram))
