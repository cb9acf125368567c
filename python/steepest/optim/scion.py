"""Scion: steps to the extreme points of norm balls."""

from __future__ import annotations

from typing import Any

from ..polar import arguments
from .composite import rule_of
from .directed import Piece
from .oracles import OracleGroup, OracleOptimizer
from .table import Stream


class ScionGroup(OracleGroup):
    """Constrained, a step goes towards the extreme point of the ball of radius `scale`."""

    def first_options(self) -> dict[str, Any]:
        # The papers' momentum is the weight of the new gradient.
        return {**super().first_options(), "momentum": 1 - self.options["momentum"]}

    def rates(self, piece: Piece) -> tuple[float, float]:
        lr, scale = self.number("lr", piece.index), float(self.options["scale"])
        return lr * scale, 0.0 if self.options["unconstrained"] else 1 / scale

    def check(self) -> None:
        arguments.between("scale", self.options["scale"], 0.0, float("inf"))
        momentum = arguments.real("momentum", self.options["momentum"])
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum: {momentum} given, expected more than 0, at most 1")


class Scion(OracleOptimizer):
    """Stochastic conditional gradient steps under the norm of each layer.

    m = (1 - momentum) m + momentum g; p = (1 - lr) p - lr scale d with d the extreme point of the
    unit ball of `norm` in the direction of m (`steepest.polar.oracle`), so that p stays in the ball
    of radius `scale` once it is there. Unconstrained, p = p - lr scale d.

    Pethick et al., arXiv 2502.07529 (Scion); arXiv 2510.03871 (Disco).

    params : an array, a list or dict of arrays, or a list of group dicts. In host memory or on one
        CUDA device, where spectral directions are within the CPU's bounds, with bits of their own.
    lr : learning rate: a number, or one per parameter; of constrained steps less than 1.
    momentum : weight of the new gradient, as in the paper: more than 0, and 1 for no momentum.
    norm : "Spectral", "SpectralConv", "ColNorm", "RowNorm", "Sign", "BiasRMS", "Euclidean", or
        "Auto": SpectralConv for three and more dimensions, Spectral for two, BiasRMS for fewer.
    norm_options : dict of further keywords of `steepest.polar.oracle`, such as normalized=False.
    scale : radius of the ball; mostly set per group.
    unconstrained : leave out the factor 1 - lr.
    maximize, rounding, seed, state_dtype, master_weights : as in the other optimizers.

    State: momentum_buffer. step, state_dict and the rest are those of steepest.optim.Optimizer.
    """

    group_class = ScionGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        momentum: float = 1.0,
        norm: str = "Auto",
        norm_options: dict[str, Any] | None = None,
        scale: float = 1.0,
        unconstrained: bool = False,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)


Scion.rule = rule_of(
    Scion, "scion", (Stream("momentum_buffer", "element", "any", False, "momentum"),)
)
