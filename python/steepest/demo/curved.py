"""The Hessian of the demonstration's network: its products, timed, and its trace with an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from steepest import curvature

from .network import Floats, Labels, Network

# The trace is that of the loss over this many images, estimated from this many products.
IMAGES, PROBES = 128, 12


@dataclass(frozen=True)
class TracePoint:
    """The trace of the Hessian, estimated after some epochs, and its standard error."""

    epoch: int
    value: float
    stderr: float
    interval: tuple[float, float]  # of 95 %


@dataclass(eq=False)
class Product:
    """The product with the Hessian of a batch's mean loss, and the time that its calls took."""

    network: Network
    x: Floats
    labels: Labels
    seconds: float = 0.0

    def __call__(self, direction: Sequence[Floats]) -> list[Floats]:
        """Gets and returns a list shaped like the parameters."""
        before = perf_counter()
        products = self.network.hessian_product(self.x, self.labels, direction)
        self.seconds += perf_counter() - before
        return products


def trace_point(network: Network, x: Floats, labels: Labels, epoch: int) -> TracePoint:
    """The trace over the first images. All points share their probes, so that what they differ in
    is the network."""
    product = Product(network, x[:IMAGES], labels[:IMAGES])
    found = curvature.hutchinson_trace(product, network.params, PROBES)
    return TracePoint(epoch, found.value, found.stderr, found.interval(0.95))
