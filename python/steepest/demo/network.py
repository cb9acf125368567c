"""A network of fully connected layers in plain NumPy, with its gradients worked out by hand."""

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
        rows = np.arange(len(x))
        shifted = logits - logits.max(axis=1, keepdims=True)
        exps = np.exp(shifted)
        sums = exps.sum(axis=1, keepdims=True)
        loss = float((np.log(sums[:, 0]) - shifted[rows, labels]).mean())
        delta = exps / sums
        delta[rows, labels] -= 1
        delta /= np.float32(len(x))
        return loss, self._backward(inputs, delta)

    def _backward(self, inputs: list[Floats], delta: Floats) -> list[Floats]:
        """The gradients, from the inputs of the layers and the gradient by the logits."""
        grads: list[Floats] = []
        for layer in reversed(range(len(inputs))):
            grads[:0] = [inputs[layer].T @ delta, delta.sum(axis=0)]
            if layer:
                delta = (delta @ self.params[2 * layer].T) * (inputs[layer] > 0)
        return grads
