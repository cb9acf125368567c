"""The demonstration's optimizers in plain NumPy: in place, without needless passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from steepest import curvature

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


class AdaHessian:
    """Yao et al., arXiv 2006.00719, algorithm 1. The random signs are those of the kernels, so that
    both see the same estimates."""

    def __init__(self, params: Sequence[Floats], lr: float, seed: int) -> None:
        self.params, self.lr, self.seed = params, lr, seed
        self.first = [np.zeros_like(p) for p in params]
        self.second = [np.zeros_like(p) for p in params]
        self.steps = 0

    def step(self, grads: Sequence[Floats], hvp: Callable[[list[Floats]], list[Floats]]) -> None:
        """Updates the parameters with the gradients and one product with the Hessian."""
        signs = curvature.rademacher(list(self.params), self.seed, probe=self.steps)
        products = hvp(signs)
        self.steps += 1
        beta1, beta2 = 0.9, 0.999
        step_size = self.lr / (1 - beta1**self.steps)
        correction = 1 / (1 - beta2**self.steps) ** 0.5
        for k, (p, g, m, v) in enumerate(
            zip(self.params, grads, self.first, self.second, strict=True)
        ):
            diagonal = np.abs(signs[k] * products[k])
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * (diagonal * diagonal)
            p -= step_size * (m / (np.sqrt(v) * correction + 1e-4))


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


class Muon:
    """Jordan et al., Muon (2024), in torch's form, without weight decay; AdamW for vectors."""

    def __init__(self, params: Sequence[Floats], lr: float, adamw_lr: float) -> None:
        self.matrices, self.lr = [p for p in params if p.ndim == 2], lr
        self.buffers = [np.zeros_like(p) for p in self.matrices]
        vectors = [p for p in params if p.ndim < 2]
        self.adamw = AdamW(vectors, adamw_lr, weight_decay=0.0)

    def step(self, grads: Sequence[Floats]) -> None:
        """Updates the parameters with the gradients."""
        self.adamw.step([g for g in grads if g.ndim < 2])
        of_matrices = [g for g in grads if g.ndim == 2]
        for p, g, buffer in zip(self.matrices, of_matrices, self.buffers, strict=True):
            buffer *= 0.95
            buffer += 0.05 * g
            direction = orthogonalized(0.05 * g + 0.95 * buffer)
            p -= self.lr * max(1.0, p.shape[0] / p.shape[1]) ** 0.5 * direction


def orthogonalized(x: Floats) -> Floats:
    """Five Newton-Schulz steps on the short side."""
    if x.shape[0] > x.shape[1]:
        turned: Floats = orthogonalized(x.T).T
        return turned
    x = x / np.float32(max(float(np.linalg.norm(x)), 1e-30))
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * (gram @ gram)) @ x
    result: Floats = x
    return result


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
