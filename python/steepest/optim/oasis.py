"""OASIS: steps over a truncated average of the Hessian's diagonal, at a rate that it finds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .. import _arrays
from ..curvature.sampling import Hvp
from . import structure
from .diagonal import copied, native_rule
from .oasis_group import PREVIOUS, OasisGroup
from .oasis_rate import Pair, Parts, at, checked, rate, scale_of
from .probing import ProbingOptimizer
from .streams import on_its_stream

GRADS = "previous_grads"


class OASIS(ProbingOptimizer):
    """The gradient over the truncated average of the Hessian's diagonal, at an adaptive rate.

    D = beta2 D + (1 - beta2) z * (H z) with random signs z, at first the mean over warmup_probes of
    them; |D|^ = max(|D|, alpha) per element; p = p - eta g / |D|^;
    eta = min(sqrt(1 + theta) eta, ||p - p'||_D / (2 ||g - g'||_1/D)), where p' is p before the last
    step, g' the gradient there on the same mini-batch, ||x||_D^2 the sum of |D|^ x^2 (and with
    1 / |D|^); theta is the ratio of eta to the one before it.

    Jahani, Rusakov, Shi, Richtarik, Mahoney and Takac, arXiv 2109.05198, algorithm 1.

        opt = steepest.optim.OASIS(params)
        opt.step(grads, hvp, previous_grads=gradient)  # gradient(p) on the mini-batch of grads

    params : an array, a list or dict of arrays, or a list of group dicts; in host memory or on a
        CUDA device, where a step waits for each product and for the two norms of each group's rate.
    lr : eta, a number, of the first step; `param_groups` holds the present one, each group its own.
        Not adaptive: also one per parameter. The article starts with 1, too much for a network.
    theta : the ratio of the last two rates; at infinity the norms alone decide.
    adaptive : renew eta and theta, which takes a copy of the parameters, and a gradient more per
        step. False: the given lr.
    beta2 : decay rate of the diagonal.
    alpha : its least size; of a network rather 1e-2.
    hessian_update_interval : steps from one estimate to the next; between them D stays.
    probes : random vectors, and so products, per estimate.
    warmup_probes : the same of the first estimate of a parameter, which is all of D then.
    weight_decay : a number, or one per parameter.
    decoupled_weight_decay : p *= 1 - lr weight_decay, instead of adding weight_decay p to g, and
        so to both gradients of eta.
    cautious_weight_decay : of a decoupled decay, leave out the elements that the step moves away
        from 0 (arXiv 2510.12402).
    maximize, rounding, state_dtype, master_weights : as in the other optimizers. With master
        weights p - p' is that of the rounded parameters, where the gradients were taken.
    seed : of the random vectors, and of the stochastic rounding.

    States: exp_hessian_diag (D), hessian, the latest estimate, and, where adaptive, previous_param,
    in the dtype of the parameter. state_dict and the rest are those of steepest.optim.Optimizer;
    all errors come before anything is changed.
    """

    group_class = OasisGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        *,
        theta: float = math.inf,
        adaptive: bool = True,
        beta2: float = 0.99,
        alpha: float = 1e-5,
        hessian_update_interval: int = 1,
        probes: int = 1,
        warmup_probes: int = 10,
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
    def previous_params(self) -> Any:
        """Where previous_grads are the gradients: each parameter before its last step, as it is
        where there was none, in the structure of the parameters. The optimizer's own arrays, to be
        read only, and good until the next step."""
        arrays = [array for group in self._oasis() for array in group.previous()]
        return self._like().pack([_arrays.view(array) for array in arrays])

    @on_its_stream
    def step(
        self,
        grads: structure.Gradients = None,
        hvp: Hvp | None = None,
        *,
        hessian: Any = None,
        previous_grads: structure.Gradients | Callable[[Any], structure.Gradients] = None,
        grad_scale: Any = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool:
        """Updates all parameters of all groups, at first the estimate where one is due, then the
        learning rate.

        grads, hvp, hessian, grad_scale, max_grad_norm, max_tensor_norm, max_grad_value,
            skip_nonfinite, stream : as in the other optimizers on estimates of the Hessian.
            Clipping is not applied to the gradients that the rate is taken from; grad_scale divides
            both.
        previous_grads : the gradients at `previous_params` on the mini-batch of grads, in the
            structure of the parameters, each float64 where the parameter is, else of any smaller
            float dtype; or a function that gets previous_params and returns them, called only when
            they are needed. Entries of parameters that need none may be None: those of groups that
            are not adaptive, those without a gradient, and those at their first step.

        A group whose parameters have not moved keeps its rate; where gradients have not turned the
        rate grows by sqrt(1 + theta), if that is finite. grads with a NaN or an infinity, or sums
        that overflow, leave it too.

        Returns whether the step was applied. Raises TypeError and ValueError as Optimizer.step
        does; as the others do for hvp and hessian; for previous_grads that are missing, of another
        structure, dtype or shape, or have a NaN or an infinity. Then nothing has been changed.
        """
        groups = self._oasis()
        for group in groups:
            group.ready()
        parts = self._parts(grads)
        entries = self._due(parts)
        if grads is None and (callable(previous_grads) or (entries and callable(hvp))):
            parts = copied(parts)
        scale = scale_of(grad_scale)
        pairs = self._pairs(parts, previous_grads)
        estimates = self._estimates(entries, hvp, hessian)
        options = {
            "grad_scale": grad_scale,
            "max_grad_norm": max_grad_norm,
            "max_tensor_norm": max_tensor_norm,
            "max_grad_value": max_grad_value,
            "skip_nonfinite": skip_nonfinite,
        }

        def run() -> bool:
            for group in groups:  # the functions may have given parameters other memory
                group.ready()
            rates = [rate(*both, scale) for both in zip(groups, pairs, strict=True)]
            with at(groups, rates, parts) as done:
                done.applied = bool(self._run(parts, options, stream))
            return done.applied

        return self._stepped(entries, estimates, run)

    def _pairs(self, parts: Parts, previous: Any) -> list[list[Pair]]:
        """The two gradients of the parameters that the rate of each group is taken from."""
        entries = [g.measured(part) for g, part in zip(self._oasis(), parts, strict=True)]
        if not any(entries):
            return [[] for _ in entries]
        if previous is None:
            raise ValueError(
                f"{GRADS}: None given, expected a function or arrays where the learning rate is "
                "adaptive and a parameter has made a step"
            )
        of, grads = self._like(), [grad for part in parts for grad in part]
        for e in (e for those in entries for e in those):
            checked(grads, of, e.position, "grads")
        given = of.parts(previous(self.previous_params) if callable(previous) else previous, GRADS)
        return [
            [
                Pair(
                    e,
                    of.label(e.position, GRADS),
                    checked(grads, of, e.position, "grads"),
                    checked(given, of, e.position, GRADS),
                )
                for e in those
            ]
            for those in entries
        ]

    def _oasis(self) -> list[OasisGroup]:
        return [group for group in self._groups if isinstance(group, OasisGroup)]


OASIS.rule = native_rule(OASIS, "oasis")
OASIS.rule = replace(
    OASIS.rule,
    streams=(*OASIS.rule.streams, PREVIOUS),
    unused={PREVIOUS.name: lambda options: not options["adaptive"]},
)
