"""AdaHessian: Adam with the Hessian's diagonal in the second moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import _elements
from ..curvature import moments
from ..curvature import structure as curvature_structure
from ..polar import arguments
from .diagonal import Values, native_rule
from .probing import ProbingGroup, ProbingOptimizer

AVERAGES = ("none", "spatial", "rows", "block")


class AdaHessianGroup(ProbingGroup):
    """Elements that belong together share the mean of their estimates."""

    def check(self) -> None:
        super().check()
        if not isinstance(self.options["absolute"], bool):
            given = self.options["absolute"]
            raise TypeError(f"absolute: {type(given).__name__} given, expected a bool")
        self._sharing()

    def estimate(self, index: int, mean: Values) -> Values:
        values = abs(mean) if self.options["absolute"] else mean
        together = self._sharing()[index]
        if together == 1:
            return values
        means = _elements.means_of_runs(values, together)
        return moments.spread(means, together, tuple(values.shape))

    def _sharing(self) -> list[int]:
        """Elements that share a mean, for each parameter."""
        average, block = self.options["average"], self.options["block"]
        arguments.one_of("average", average, AVERAGES)
        if not self.views:
            return []
        of = curvature_structure.read(list(self.views), "params", devices=True)
        if average != "rows":
            return moments.read_groups(of, average, block)
        moments.read_groups(of, "none", block)  # refuses a block
        return [max(1, math.prod(shape[1:])) for shape in of.shapes]


class AdaHessian(ProbingOptimizer):
    """Adam whose second moment is that of the Hessian's diagonal, estimated from products.

    D = |mean of z * (H z)| over random signs z, averaged over elements that belong together;
    m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) D^2;
    p = p (1 - lr weight_decay) - lr mhat / (sqrt(vhat)^hessian_power + eps).

    Yao, Gholami, Shen, Mustafa, Keutzer and Mahoney, AAAI 2021, arXiv 2006.00719, algorithm 1.

        opt = steepest.optim.AdaHessian(params)
        opt.step(grads, hvp)  # hvp(z) returns the product of the Hessian with z

    params : an array, a list or dict of arrays, or a list of group dicts; in host memory or on a
        CUDA device, where a step that takes an estimate waits for each product.
    lr : learning rate: a number, or one per parameter.
    betas : decay rates of the gradient's average and of the squared diagonal's.
    eps : added to the denominator.
    hessian_power : exponent k of the root of the second moment, from 0 (no curvature) to 1.
    hessian_update_interval : steps from one estimate to the next; between them D stays.
    probes : random vectors, and so products, per estimate; the paper takes one.
    average : which elements share the mean of their estimates: "spatial", those of a convolution's
        kernel, that is over all axes from the third on; "rows", over all axes from the second on;
        "block", `block` elements that follow each other in C order; or "none".
    block : for "block": a divisor of the number of elements, or a list of one per parameter.
    absolute : share the mean of |z * (H z)|, as published; errors of the estimate then add up to a
        bias. False: of the signed values, whose errors cancel; but so do the curvatures of an
        indefinite Hessian, and where they do the step is bounded by eps alone.
    weight_decay : a number, or one per parameter.
    decoupled_weight_decay : p *= 1 - lr weight_decay, instead of adding weight_decay p to g.
    cautious_weight_decay : of a decoupled decay, leave out the elements that the step moves away
        from 0 (arXiv 2510.12402).
    maximize, rounding, state_dtype, master_weights : as in the other optimizers.
    seed : of the random vectors, and of the stochastic rounding.

    States: exp_avg, exp_hessian_diag_sq, and hessian, the latest D. state_dict and the rest are
    those of steepest.optim.Optimizer; all errors come before anything is changed.
    """

    group_class = AdaHessianGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 0.15,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-4,
        hessian_power: float = 1.0,
        hessian_update_interval: int = 1,
        probes: int = 1,
        average: str = "spatial",
        block: int | Sequence[int] | None = None,
        absolute: bool = True,
        weight_decay: Any = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)


AdaHessian.rule = native_rule(AdaHessian, "adahessian")
