"""AdaFisher: momentum over a Kronecker-factored diagonal of the Fisher matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._arrays import Array
from ..curvature.fisher import GAMMAS
from . import structure
from .base import Optimizer
from .diagonal import native_rule, stepped
from .factored import FactoredGroup, Renewed
from .streams import on_its_stream


class AdaFisher(Optimizer):
    """Momentum divided by the diagonal of a Kronecker-factored Fisher matrix.

    Of every weight (outputs, ...) and bias (outputs,), with the diagonals S of the factor of the
    gradients of the layer's outputs and H of that of its inputs:
    m = beta m + (1 - beta) g; p = p - lr mhat / (S H^T + damping), without a root, where S and H
    are running averages that begin at 1. The outer product is not formed.

    Gomes et al., ICLR 2025, arXiv 2405.16397, and the authors' code, of which the defaults are. One
    difference: a parameter without factors is divided by 1 + damping, in the code by 1.

        opt = steepest.optim.AdaFisher([weight, bias])
        if opt.factors_due:
            factors = steepest.curvature.linear_factors(inputs, output_grads)
        opt.step(grads, factors)

    params : an array, a list or dict of arrays, or a list of group dicts; in host memory or on a
        CUDA device, where a step that renews factors waits for their checks. Those of more than two
        axes in C order: they are taken as matrices whose rows are the first axis.
    lr : learning rate: a number, or one per parameter.
    beta : decay rate of the gradient's average.
    damping : lambda, more than 0, added to the diagonal. Normalised factors have an entry of 0, so
        it bounds the quotient; it is rounded to the precision of the parameters.
    gammas, average : of the running averages of the factors: their two coefficients, a tuple or
        list, and in which of the published forms they are meant, "code" or "paper"; see
        `steepest.curvature.average_factors`.
    factor_update_interval : steps from one renewal of the factors to the next.
    weight_decay : a number, or one per parameter.
    decoupled_weight_decay : p *= 1 - lr weight_decay, instead of adding weight_decay p to g.
    cautious_weight_decay : of a decoupled decay, leave out the elements that the step moves away
        from 0 (arXiv 2510.12402).
    maximize, rounding, state_dtype, master_weights : as in the other optimizers.
    seed : of the stochastic rounding.

    States: exp_avg, in the shape of the matrix; output_factor S, (outputs, 1) or that of a vector;
    input_factor H, (1, inputs) or (1,). state_dict and the rest are those of
    steepest.optim.Optimizer; all errors come before anything is changed.
    """

    group_class = FactoredGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        beta: float = 0.9,
        damping: float = 1e-3,
        gammas: tuple[float, float] = GAMMAS,
        average: str = "code",
        factor_update_interval: int = 100,
        weight_decay: Any = 0.0,
        decoupled_weight_decay: bool = False,
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

    @property
    def factors_due(self) -> bool:
        """Whether the coming step renews the factors of a parameter that then has a gradient."""
        return any(group.due(group.views) for group in self._factored())

    @on_its_stream
    def step(
        self,
        grads: structure.Gradients = None,
        statistics: Any = None,
        *,
        grad_scale: Any = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool:
        """Updates all parameters of all groups, and first the factors that are due.

        grads, grad_scale, max_grad_norm, max_tensor_norm, max_grad_value, skip_nonfinite : as in
            `steepest.optim.Optimizer.step`.
            Neither scale nor clipping is applied to the statistics.
        statistics : a pair (output, input) or None for each parameter: a list in the order of the
            parameters of all groups, or a dict by their names that may lack some. As
            `steepest.curvature.linear_factors` and its relatives return them: output (outputs,) and
            input (inputs,), (1,) for vectors, of any float dtype, finite and not negative. They are
            read at the steps that renew factors (`factors_due`), where they may not be missing
            altogether; a parameter that has none keeps its factors. Of parameters on a device they
            are there, of the same kind.
        stream : where all work on a device is enqueued; meanwhile the framework's current one, for
            functions of the caller, too. None: that is the one as it is.

        The coming step of a parameter renews its factors if the number of its steps so far is a
        multiple of factor_update_interval.

        Returns whether the step was applied; if not, the factors too are as they were. Raises
        TypeError and ValueError as Optimizer.step does; for statistics that are missing when they
        are due, or are of another structure, dtype or shape, negative or not finite. Then nothing
        has been changed.
        """
        parts = self._parts(grads)
        renewed = self._renewed(parts, statistics)
        options = {
            "grad_scale": grad_scale,
            "max_grad_norm": max_grad_norm,
            "max_tensor_norm": max_tensor_norm,
            "max_grad_value": max_grad_value,
            "skip_nonfinite": skip_nonfinite,
        }
        return stepped(
            [r.state for r in renewed],
            [r.values for r in renewed],
            lambda: self._run(parts, options, stream),
        )

    def _renewed(self, parts: Sequence[Sequence[Array | None]], statistics: Any) -> list[Renewed]:
        """The states that are due, with their values at this step."""
        given = structure.split_statistics(statistics, sum(self._sizes), self._names, "parameter")
        made, any_due = [], False
        for group, part in zip(self._factored(), parts, strict=True):
            group.check()
            for i in group.due(part):
                any_due = True
                position = group.first + i
                if given[position] is not None:
                    made += group.renewed(i, given[position], self._label(position))
        if any_due and statistics is None:
            raise ValueError(
                "statistics: None given, expected pairs (output, input) at a step that renews "
                "factors: see factors_due"
            )
        return made

    def _label(self, position: int) -> str:
        key = position if self._names is None else self._names[position]
        return f"statistics[{key!r}]"

    def _factored(self) -> list[FactoredGroup]:
        return [group for group in self._groups if isinstance(group, FactoredGroup)]


class AdaFisherW(AdaFisher):
    """AdaFisher with decoupled weight decay.

    p = p (1 - lr weight_decay) - lr mhat / (S H^T + damping); all else, arguments, states and
    sources, as in `AdaFisher`.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        beta: float = 0.9,
        damping: float = 1e-3,
        gammas: tuple[float, float] = GAMMAS,
        average: str = "code",
        factor_update_interval: int = 100,
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


AdaFisher.rule = native_rule(AdaFisher, "adafisher")
AdaFisherW.rule = native_rule(AdaFisherW, "adafisher")
