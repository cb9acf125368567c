"""A network of fully connected layers in plain NumPy, with its gradients, and products with the
Hessian, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


class Network:
    """Layers x @ weight + bias with ReLU between them, and softmax cross-entropy at the end.

    `params` is [weight, bias, weight, bias, ...], float32, weights of shape (inputs, outputs) drawn
    for ReLU (He et al., 2015).
    """

    def __init__(self, sizes: Sequence[int], seed: int) -> None:
        random = np.random.default_rng(seed)
        self.params: list[Floats] = []
        for inputs, outputs in pairwise(sizes):
            weight = random.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)
            self.params += [weight.astype(np.float32), np.zeros(outputs, np.float32)]

    def _forward(self, x: Floats) -> list[Floats]:
        """The input of every layer, and the logits."""
        values = [x]
        for k in range(0, len(self.params), 2):
            if k:
                values[-1] = np.maximum(values[-1], 0)
            values.append(values[-1] @ self.params[k] + self.params[k + 1])
        return values

    def accuracy(self, x: Floats, labels: Labels) -> float:
        """The share of the images x, shape (n, inputs), that get their label, shape (n,)."""
        return float((self._forward(x)[-1].argmax(axis=1) == labels).mean())

    def gradients(self, x: Floats, labels: Labels) -> tuple[float, list[Floats]]:
        """The mean loss over x, shape (n, inputs), and its gradient by each of the parameters."""
        *inputs, logits = self._forward(x)
        shifted = logits - logits.max(axis=1, keepdims=True)
        exps = np.exp(shifted)
        sums = exps.sum(axis=1, keepdims=True)
        loss = float((np.log(sums[:, 0]) - shifted[np.arange(len(x)), labels]).mean())
        return loss, self._backward(inputs, _delta(exps / sums, labels))

    def _backward(self, inputs: list[Floats], delta: Floats) -> list[Floats]:
        """The gradients, from the inputs of the layers and the gradient by the logits."""
        grads: list[Floats] = []
        for layer in reversed(range(len(inputs))):
            grads[:0] = [inputs[layer].T @ delta, delta.sum(axis=0)]
            if layer:
                delta = (delta @ self.params[2 * layer].T) * (inputs[layer] > 0)
        return grads

    def hessian_product(
        self, x: Floats, labels: Labels, direction: Sequence[Floats]
    ) -> list[Floats]:
        """The product of the mean loss's Hessian with a direction, shaped like the parameters.

        Exact where no rectifier is at its corner: every step of the gradient is differentiated
        along the direction (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
        """
        *inputs, logits = self._forward(x)
        *changes, of_logits = self._changes(inputs, direction)
        exps = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = exps / exps.sum(axis=1, keepdims=True)
        change = p * (of_logits - (p * of_logits).sum(axis=1, keepdims=True))
        delta, change = _delta(p, labels), change / np.float32(len(x))
        products: list[Floats] = []
        for layer in reversed(range(len(inputs))):
            along = changes[layer].T @ delta + inputs[layer].T @ change
            products[:0] = [along, change.sum(axis=0)]
            if layer:
                weight, moved = self.params[2 * layer], direction[2 * layer]
                passes = inputs[layer] > 0
                change = (change @ weight.T + delta @ moved.T) * passes
                delta = (delta @ weight.T) * passes
        return products

    def _changes(self, inputs: Sequence[Floats], direction: Sequence[Floats]) -> list[Floats]:
        """The derivatives of the layers' inputs and of the logits along a direction."""
        changes = [np.zeros_like(inputs[0])]
        for layer, values in enumerate(inputs):
            if layer:
                changes[-1] = changes[-1] * (values > 0)
            weight, moved, shift = self.params[2 * layer], *direction[2 * layer : 2 * layer + 2]
            changes.append(changes[-1] @ weight + values @ moved + shift)
        return changes


def _delta(probabilities: Floats, labels: Labels) -> Floats:
    """The gradient of the mean loss by the logits."""
    delta: Floats = probabilities.copy()
    delta[np.arange(len(labels)), labels] -= 1
    delta /= np.float32(len(labels))
    return delta
