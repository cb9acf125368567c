"""Trust-region steps under any of the norms that have an oracle."""

from __future__ import annotations

from typing import Any

from .. import _arrays
from .._arrays import Array
from .composite import rule_of
from .oracles import OracleGroup, OracleOptimizer
from .state import MASTER
from .table import Stream

POINT = "point"


class TrustRegionGroup(OracleGroup):
    """With extrapolation the parameters are the points where gradients are taken, and the iterates
    are a state."""

    def last_stage(self) -> str:
        return "extrapolate" if self.options["extrapolation"] else "descend"

    def last_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            "cautious_weight_decay": bool(self.options["cautious_weight_decay"])
        }
        if self.options["extrapolation"]:
            options["momentum"] = self.options["momentum"]
        return options

    def last_states(self) -> dict[str, list[Array]]:
        return {POINT: self.states[POINT]} if self.options["extrapolation"] else {}

    def iterates(self) -> list[Array]:
        """The iterate of each parameter."""
        return self.states[POINT] if self.options["extrapolation"] else self.views

    def reset_state(self, name: str, i: int) -> None:
        if name != POINT:
            super().reset_state(name, i)
            return
        masters = self.states.get(MASTER)
        start = self.views[i] if masters is None or masters[i] is None else masters[i]
        state = self.states[POINT][i]
        if _arrays.dtype_name(state) == _arrays.dtype_name(start):
            _arrays.assign(state, start)
        else:
            _arrays.float32_copy(start, state)

    def ensure_states(self, names: Any) -> None:
        new = POINT in names and POINT not in self.states
        super().ensure_states(names)
        try:
            for i in range(len(self.views) if new else 0):
                self.reset_state(POINT, i)
        except BaseException:
            del self.states[POINT]  # zeros are no iterates
            raise

    def _binding(self) -> tuple[Any, ...]:
        return *super()._binding(), bool(self.options["extrapolation"])


class TrustRegion(OracleOptimizer):
    """Momentum, and a step to the boundary of a ball of radius lr around the iterate.

    m = momentum m + (1 - momentum) g; x = x (1 - lr weight_decay) - lr d with d the extreme point
    of the unit ball of `norm` in the direction of m (`steepest.polar.oracle`). norm="Sign" with
    norm_options={"normalized": False} is signSGD with momentum, "Euclidean" normalised SGD with
    momentum, "Spectral" a Muon without Nesterov.

    Kovalev, arXiv 2503.12645. With extrapolation the gradient is taken at
    x + momentum / (1 - momentum) (x - x_before), which makes the momentum an estimate at x: there
    the parameters are these points, and `iterates` are the x to evaluate or keep.

    params : an array, a list or dict of arrays, or a list of group dicts. In host memory or on one
        CUDA device, where spectral directions are within the CPU's bounds, with bits of their own.
    lr : radius of the trust region: a number, or one per parameter.
    momentum : factor of the old momentum, less than 1.
    norm, norm_options : as in `Scion`.
    weight_decay : decoupled: a number, or one per parameter.
    cautious_weight_decay : decay only elements that the step does not move outwards (arXiv
        2510.12402).
    extrapolation : take gradients ahead of the iterate. Fixed once the group exists.
    maximize, rounding, seed, state_dtype, master_weights : as in the other optimizers; `point` is a
        float32 state (float64 for float64 parameters).

    States: momentum_buffer; point with extrapolation. step, state_dict and the rest are those of
    steepest.optim.Optimizer.
    """

    group_class = TrustRegionGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        momentum: float = 0.9,
        norm: str = "Auto",
        norm_options: dict[str, Any] | None = None,
        weight_decay: Any = 0.0,
        cautious_weight_decay: bool = False,
        extrapolation: bool = False,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)

    def iterates(self) -> list[Array]:
        """The iterates x of all parameters, in the order of the groups: the arrays themselves."""
        groups = (group for group in self._groups if isinstance(group, TrustRegionGroup))
        return [x for group in groups for x in group.iterates()]


TrustRegion.rule = rule_of(
    TrustRegion,
    "trust_region",
    (
        Stream("momentum_buffer", "element", "any", False, "momentum"),
        Stream(POINT, "element", "any", True, "the iterate"),
    ),
    unused={POINT: lambda options: not options["extrapolation"]},
)
