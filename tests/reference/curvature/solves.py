"""Damped systems of rows A by their definitions, in extended precision where there is one."""

import numpy as np

UNIT = 2.0**-53


def matrix(a, mu, diagonal=1.0):
    """A^T A + mu D."""
    a = np.asarray(a, np.longdouble)
    return a.T @ a + mu * np.diag(np.broadcast_to(np.asarray(diagonal, np.longdouble), a.shape[1:]))


def eliminated(system, b):
    """System^-1 b by Gaussian elimination, without pivots: for positive definite ones."""
    u, x = np.array(system, np.longdouble), np.array(b, np.longdouble)
    for k in range(len(x)):
        factors = u[k + 1 :, k] / u[k, k]
        u[k + 1 :] -= np.outer(factors, u[k])
        x[k + 1 :] -= factors * x[k]
    for k in reversed(range(len(x))):
        x[k] = (x[k] - u[k, k + 1 :] @ x[k + 1 :]) / u[k, k]
    return x


def fisher(a, g, damping):
    """(A^T A / rows + damping I)^-1 g."""
    return eliminated(matrix(a, len(a) * np.longdouble(damping)), len(a) * np.asarray(g))


def rounding(a, mu, x, g=0.0, u=0.0):
    """Norm of a bound of the error in A^T (u - A x) + g - mu x when it is computed in float64: sums
    of m and of n terms and four operations more (Higham 2002, section 3.5)."""
    a, x, g, u = (np.abs(np.asarray(y, np.float64)) for y in (a, x, g, u))
    k = (sum(a.shape) + 4) * UNIT
    return k / (1 - k) * np.linalg.norm(a.T @ (u + a @ x) + mu * x + g)
