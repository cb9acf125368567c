"""Optimizers on curvature as their papers have them, in float64 or more."""

import numpy as np

from .. import tree
from . import solves


def spatial(values):
    """The mean over the kernel of a convolution, for each of its elements."""
    if values.ndim < 3:
        return values
    axes = tuple(range(2, values.ndim))
    return np.broadcast_to(values.mean(axis=axes, keepdims=True), values.shape)


def rows(values):
    """The mean over all axes but the first."""
    if values.ndim < 2:
        return values
    axes = tuple(range(1, values.ndim))
    return np.broadcast_to(values.mean(axis=axes, keepdims=True), values.shape)


def blocks(values, size):
    """The mean over `size` elements that follow each other in C order."""
    means = values.reshape(-1, size).mean(axis=1, keepdims=True)
    return np.broadcast_to(means, (means.size, size)).reshape(values.shape)


class AdaHessian:
    """Algorithm 1 of arXiv 2006.00719: the probes are given, average and sign are functions."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-4, power=1.0, decay=0.0):
        self.params, self.lr, self.betas, self.eps = params, lr, betas, eps
        self.power, self.decay, self.t = power, decay, 0
        self.m = [np.zeros_like(p) for p in params]
        self.v = [np.zeros_like(p) for p in params]

    def step(self, grads, diagonals):
        self.t += 1
        beta1, beta2 = self.betas
        for i, (p, g, d) in enumerate(zip(self.params, grads, diagonals, strict=True)):
            self.m[i] = beta1 * self.m[i] + (1 - beta1) * g
            self.v[i] = beta2 * self.v[i] + (1 - beta2) * d * d
            root = np.sqrt(self.v[i] / (1 - beta2**self.t)) ** self.power
            update = self.m[i] / (1 - beta1**self.t) / (root + self.eps)
            p[...] = p - self.lr * (update + self.decay * p)


class Sophia:
    """Algorithm 3 of arXiv 2305.14342; an estimate where there is one."""

    def __init__(self, params, lr, betas, rho, decay, eps=1e-12):
        self.params, self.lr, self.betas = params, lr, betas
        self.rho, self.decay, self.eps = rho, decay, eps
        self.m = [np.zeros_like(p) for p in params]
        self.h = [np.zeros_like(p) for p in params]

    def step(self, grads, estimates=None):
        beta1, beta2 = self.betas
        for i, (p, g) in enumerate(zip(self.params, grads, strict=True)):
            self.m[i] = beta1 * self.m[i] + (1 - beta1) * g
            if estimates is not None:
                self.h[i] = beta2 * self.h[i] + (1 - beta2) * estimates[i]
            ratio = self.m[i] / np.maximum(self.rho * self.h[i], self.eps)
            p[...] = (1 - self.lr * self.decay) * p - self.lr * np.clip(ratio, -1.0, 1.0)


class OASIS:
    """Algorithm 1 of arXiv 2109.05198 with an L2 decay, on both gradients of a mini-batch; sums in
    the library's order."""

    def __init__(self, params, lr, beta2, alpha, decay):
        self.params, self.lr, self.theta = params, lr, np.inf
        self.beta2, self.alpha, self.decay = beta2, alpha, decay
        self.previous, self.d = None, None

    def step(self, grads, previous_grads, estimates):
        grads = [g + self.decay * p for g, p in zip(grads, self.params, strict=True)]
        if self.d is None:
            self.d = [h.copy() for h in estimates]
        else:
            if estimates is not None:
                pairs = zip(self.d, estimates, strict=True)
                self.d = [self.beta2 * d + (1 - self.beta2) * h for d, h in pairs]
            self._renew(grads, previous_grads)
        self.previous = [p.copy() for p in self.params]
        for p, g, size in zip(self.params, grads, self.sizes(), strict=True):
            p[...] = p - self.lr * (g / size)

    def sizes(self):
        """|D|, at least alpha."""
        return [np.maximum(np.abs(d), self.alpha) for d in self.d]

    def _renew(self, grads, previous_grads):
        pairs = zip(previous_grads, self.previous, strict=True)
        last = [g + self.decay * p for g, p in pairs]
        moved = self._square(self.params, self.previous, self.sizes())
        turned = self._square(grads, last, [1 / size for size in self.sizes()])
        new = min(np.sqrt(1 + self.theta) * self.lr, 0.5 * np.sqrt(moved) / np.sqrt(turned))
        self.theta, self.lr = new / self.lr, new

    @staticmethod
    def _square(a, b, weights):
        terms = [w * (x - y) ** 2 for w, x, y in zip(weights, a, b, strict=True)]
        return tree.pairwise([tree.tensor_sum(t) for t in terms])


class NaturalGradient:
    """(F + D) x = g by elimination, and SGD with momentum on x, over vectors of all parameters; lr,
    damping and decay may be vectors."""

    def __init__(self, params, lr, damping, momentum=0.0, nesterov=False, decay=0.0):
        self.params, self.lr, self.damping, self.decay = params, lr, damping, decay
        self.momentum, self.nesterov, self.buffer, self.x = momentum, nesterov, None, None

    def step(self, grads, fisher, decoupled=False):
        right = grads + (0.0 if decoupled else self.decay * self.params)
        self.x = solves.eliminated(fisher + np.diag(self.damping), right)
        if decoupled:
            self.params = self.params * (1 - self.lr * self.decay)
        first = self.buffer is None
        self.buffer = self.x if first else self.momentum * self.buffer + self.x
        ahead = self.x + self.momentum * self.buffer if self.nesterov else self.buffer
        self.params = self.params - self.lr * ahead


class LevenbergMarquardt:
    """Algorithm 3.16 of Madsen, Nielsen and Tingleff (2004), one trial per step, with the damping
    of Nielsen or Marquardt, and with Marquardt's scaling or none."""

    def __init__(self, params, damping, update, scaled, growth=2.0, factor=10.0):
        self.params, self.damping, self.update, self.scaled = params, damping, update, scaled
        self.growth, self.factor, self.d, self.gain = growth, factor, None, None

    def step(self, residuals, jacobian):
        r, j = residuals(self.params), jacobian(self.params)
        squares = (j * j).sum(axis=0)
        diagonal = np.where(squares > 0, squares, 1.0) if self.scaled else np.ones_like(squares)
        self.d = solves.eliminated(solves.matrix(j, self.damping, diagonal), -j.T @ r)
        new = residuals(self.params + self.d)
        model = r + j @ self.d
        self.gain = (r @ r - new @ new) / (r @ r - model @ model)
        if self.gain > 0:
            self.params = self.params + self.d
            falls = max(1 / 3, 1 - (2 * self.gain - 1) ** 3)
            self.damping *= falls if self.update == "nielsen" else 1 / self.factor
            self.growth = 2.0
        elif self.update == "nielsen":
            self.damping, self.growth = self.damping * self.growth, 2 * self.growth
        else:
            self.damping *= self.factor
        return self.gain > 0
