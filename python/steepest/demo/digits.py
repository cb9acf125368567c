"""Training on the 1797 handwritten digits that come with scikit-learn (UCI, 8 x 8 pixels)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from steepest import norms, optim

from . import plain
from .curved import Product, TracePoint, trace_point
from .network import Floats, Labels, Network

SIZES = (64, 1024, 512, 10)
BATCH = 64
# Largest difference between the training losses of the kernels and of plain NumPy, at any step.
# They do the same IEEE operations, so it is 0 unless NumPy's differ on a processor; but for Muon,
# whose matrix products add up in another order.
LOSS_BOUND = 1e-3
LOSS_BOUND_OF = {"Muon": 1e-2}
# Of all epochs, the part that is enough: orthogonalised steps and products with the Hessian cost
# more and need fewer.
SHARE_OF = {"Muon": 0.25, "ADAHESSIAN": 0.2}
LEAST_EPOCHS = 2
# Optimizers whose steps ask for products with the Hessian.
CURVED = ("ADAHESSIAN",)

KERNELS, NUMPY = "steepest", "NumPy"


class Steps(Protocol):
    """What the training asks of an optimizer."""

    lr: Any

    @property
    def step(self) -> Callable[..., Any]:
        """Updates the parameters with gradients and, some, a product with the Hessian."""


Make = Callable[[Sequence[Floats]], Steps]

OPTIMIZERS: dict[str, dict[str, Make]] = {
    "AdamW": {
        KERNELS: lambda params: optim.AdamW(params, lr=1e-3, weight_decay=0.01),
        NUMPY: lambda params: plain.AdamW(params, lr=1e-3, weight_decay=0.01),
    },
    "Muon": {
        KERNELS: lambda params: optim.Muon(params, lr=0.02, weight_decay=0.0, adamw_lr=1e-3),
        NUMPY: lambda params: plain.Muon(params, lr=0.02, adamw_lr=1e-3),
    },
    "ADAHESSIAN": {
        KERNELS: lambda params: optim.AdaHessian(params, lr=0.02, seed=0),
        NUMPY: lambda params: plain.AdaHessian(params, lr=0.02, seed=0),
    },
    "Lion": {
        KERNELS: lambda params: optim.Lion(params, lr=2e-4, weight_decay=0.05),
        NUMPY: lambda params: plain.Lion(params, lr=2e-4, weight_decay=0.05),
    },
    "SGD": {
        KERNELS: lambda params: optim.SGD(params, lr=0.03, momentum=0.9, nesterov=True),
        NUMPY: lambda params: plain.SGD(params, lr=0.03, momentum=0.9),
    },
}


@dataclass(frozen=True)
class Data:
    """Images of shape (n, 64) in [0, 1] with labels of shape (n,), split in two."""

    train: tuple[Floats, Labels]
    test: tuple[Floats, Labels]


@dataclass(eq=False)
class Run:
    """One training: an optimizer in one of its implementations, and what came out."""

    optimizer: str
    implementation: str
    parameters: int = 0
    epochs: int = 0  # so far
    losses: list[float] = field(default_factory=list)  # of every batch
    step_seconds: list[float] = field(default_factory=list)  # of the optimizer alone
    seconds: float = 0.0
    accuracy: float = 0.0  # on the test images
    lipschitz: float = 0.0  # a proved bound of what the network stretches any change of its input
    traces: list[TracePoint] = field(default_factory=list)  # of the Hessian, of one run

    @property
    def ns_per_parameter(self) -> float:
        """Median time of one optimizer step over the number of parameters, in nanoseconds."""
        return float(np.median(self.step_seconds)) * 1e9 / self.parameters

    def epoch_losses(self) -> list[float]:
        """Mean training loss of each epoch."""
        means: list[float] = np.reshape(self.losses, (self.epochs, -1)).mean(axis=1).tolist()
        return means


def load(seed: int) -> Data:
    """The images, one in five of them for the test."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    x = (images[order] / 16).astype(np.float32)
    y = labels[order].astype(np.int64)
    split = len(x) // 5
    return Data(train=(x[split:], y[split:]), test=(x[:split], y[:split]))


def all_runs(epochs: int, seed: int) -> Iterator[tuple[Run, float]]:
    """Trains with every optimizer in every implementation; yields the run after each epoch."""
    from threadpoolctl import threadpool_limits  # scikit-learn depends on it

    data = load(seed)
    # The products are small: threads of BLAS would only take the cores from those of the kernels.
    with threadpool_limits(limits=1, user_api="blas"):
        for name, implementations in OPTIMIZERS.items():
            for implementation, make in implementations.items():
                run = Run(name, implementation)
                yield from train(run, make, data, epochs_of(name, epochs), seed)


def epochs_of(optimizer: str, epochs: int) -> int:
    """The passes that an optimizer makes of those asked for."""
    return min(epochs, max(LEAST_EPOCHS, round(epochs * SHARE_OF.get(optimizer, 1.0))))


def lipschitz_bound(network: Network) -> float:
    """The product of proved bounds of the spectral norms: rectifiers stretch nothing."""
    weights = [p for p in network.params if p.ndim == 2]
    return math.prod(float(bound.upper) for bound in norms.spectral_norm(weights))


def train(run: Run, make: Make, data: Data, epochs: int, seed: int) -> Iterator[tuple[Run, float]]:
    """Trains a network, of one start and batches per seed; yields run and loss after each epoch."""
    network = Network(SIZES, seed)
    optimizer = make(network.params)
    run.parameters = sum(p.size for p in network.params)
    start_lr, random = optimizer.lr, np.random.default_rng(seed)
    x, labels = data.train
    batches = len(x) // BATCH
    traced = run.optimizer in CURVED and run.implementation == KERNELS
    if traced:
        run.traces.append(trace_point(network, x, labels, 0))
    began = perf_counter()
    for epoch in range(epochs):
        order = random.permutation(len(x))[: batches * BATCH].reshape(batches, BATCH)
        for k, rows in enumerate(order):
            # Linear decay to zero over the whole training.
            optimizer.lr = start_lr * (1 - (epoch * batches + k) / (epochs * batches))
            loss, grads = network.gradients(x[rows], labels[rows])
            product = Product(network, x[rows], labels[rows])
            before = perf_counter()
            optimizer.step(grads, *([product] if run.optimizer in CURVED else []))
            run.step_seconds.append(perf_counter() - before - product.seconds)
            run.losses.append(loss)
        run.epochs += 1
        run.seconds = perf_counter() - began
        run.accuracy = network.accuracy(*data.test)
        if traced:
            run.traces.append(trace_point(network, x, labels, run.epochs))
        if epoch + 1 == epochs:
            run.lipschitz = lipschitz_bound(network)
        yield run, run.losses[-1]


def loss_difference(runs: Sequence[Run], run: Run) -> float:
    """The largest difference of a run's losses to those of its optimizer in plain NumPy."""
    other = counterpart(runs, run)
    return float(np.abs(np.subtract(run.losses, other.losses)).max())


def counterpart(runs: Sequence[Run], run: Run) -> Run:
    """The run of the same optimizer in plain NumPy."""
    return next(r for r in runs if (r.optimizer, r.implementation) == (run.optimizer, NUMPY))
