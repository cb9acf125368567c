"""Sums of squares that the tests of Levenberg-Marquardt share."""

import numpy as np

TIMES = np.linspace(0.0, 4.0, 40)
F32 = np.float32


class Valley:
    """Rosenbrock's function as a sum of squares; the minimum 0 is at (1, 1)."""

    start = np.array([-1.2, 1.0])

    @staticmethod
    def residuals(p):
        return np.array([10 * (p[1] - p[0] ** 2), 1 - p[0]])

    @staticmethod
    def jacobian(p):
        return np.array([[-20 * p[0], 10.0], [-1.0, 0.0]])


class Decay:
    """a exp(-k t) + c with a = 2.5, k = 1.3, c = 0.5, and a disturbance that no such curve fits."""

    start = np.array([1.0, 0.5, 0.0])

    def __init__(self, disturbance=0.01):
        self.y = 2.5 * np.exp(-1.3 * TIMES) + 0.5 + disturbance * np.sin(9 * TIMES)

    def residuals(self, p):
        return p[0] * np.exp(-p[1] * TIMES) + p[2] - self.y

    def jacobian(self, p):
        fall = np.exp(-p[1] * TIMES)
        return np.stack([fall, -p[0] * TIMES * fall, np.ones_like(fall)], axis=1)


PROBLEM = Decay()


def parts(dtype=np.float64):
    """The parameters a, (k, c) as two arrays."""
    return [np.array(1.0, dtype), np.array([0.5, 0.0], dtype)]


def flat(p):
    return np.concatenate([np.asarray(x, np.float64).reshape(-1) for x in p])


def residuals(p):
    return PROBLEM.residuals(flat(p))


def jacobian(p):
    j = PROBLEM.jacobian(flat(p))
    return [j[:, 0], j[:, 1:]]
