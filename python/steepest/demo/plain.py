"""The demonstration's optimizers in plain NumPy: in place, without needless passes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .network import Floats


class AdamW:
    """Loshchilov & Hutter, arXiv 1711.05101, algorithm 2."""

    def __init__(self, params: Sequence[Floats], lr: float, weight_decay: float) -> None:
        self.params, self.lr, self.weight_decay = params, lr, weight_decay
        self.first = [np.zeros_like(p) for p in params]
        self.second = [np.zeros_like(p) for p in params]
        self.steps = 0

    def step(self, grads: Sequence[Floats]) -> None:
        """Updates the parameters with the gradients."""
        self.steps += 1
        beta1, beta2 = 0.9, 0.999
        step_size = self.lr / (1 - beta1**self.steps)
        correction = 1 / (1 - beta2**self.steps) ** 0.5
        for p, g, m, v in zip(self.params, grads, self.first, self.second, strict=True):
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * (g * g)
            p *= 1 - self.lr * self.weight_decay
            p -= step_size * (m / (np.sqrt(v) * correction + 1e-8))


class Lion:
    """Chen et al., arXiv 2302.06675, algorithm 2."""

    def __init__(self, params: Sequence[Floats], lr: float, weight_decay: float) -> None:
        self.params, self.lr, self.weight_decay = params, lr, weight_decay
        self.momentum = [np.zeros_like(p) for p in params]

    def step(self, grads: Sequence[Floats]) -> None:
        """Updates the parameters with the gradients."""
        beta1, beta2 = 0.9, 0.99
        for p, g, m in zip(self.params, grads, self.momentum, strict=True):
            p *= 1 - self.lr * self.weight_decay
            p -= self.lr * np.sign(beta1 * m + (1 - beta1) * g)
            m *= beta2
            m += (1 - beta2) * g


class SGD:
    """Gradient descent with Nesterov momentum, in torch's form."""

    def __init__(self, params: Sequence[Floats], lr: float, momentum: float) -> None:
        self.params, self.lr, self.momentum = params, lr, momentum
        self.buffers = [np.zeros_like(p) for p in params]

    def step(self, grads: Sequence[Floats]) -> None:
        """Updates the parameters with the gradients."""
        for p, g, buffer in zip(self.params, grads, self.buffers, strict=True):
            buffer *= self.momentum
            buffer += g
            p -= self.lr * (g + self.momentum * buffer)
