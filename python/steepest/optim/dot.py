"""DOT: momentum on the gradients of a task and of a distillation loss, each with its own factor."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .. import _core
from ..polar import arguments
from . import structure
from .base import Optimizer
from .clipping import LARGEST_SCALE
from .diagonal import native_rule
from .dot_clipping import Bounds, clipped, coefficients, measured
from .dot_group import DotGroup


class DOT(Optimizer):
    """Distillation-oriented trainer: a larger momentum for the distillation loss than for the task.

        v = (momentum - delta) v + g;  v_kd = (momentum + delta) v_kd + g_kd;  p = p - lr (v + v_kd)

    with the gradients g of the task loss and g_kd of the distillation loss, weights of the losses
    included. One pass reads both.

    Zhao, Cui, Song and Liang, ICCV 2023, arXiv 2307.08436. As in the authors' code, weight decay
    belongs to the task's gradient, and a parameter with one of the two gradients only, as the
    student's projections have, takes a step of SGD with the factor `momentum`; its momentum is
    momentum_buffer, whichever gradient that is.

        opt = steepest.optim.DOT(params, lr=0.05)
        opt.step(grads, kd_grads)

    params : an array, a list or dict of arrays, or a list of group dicts.
    lr : learning rate: a number, or one per parameter.
    momentum : mean of the two momentum factors.
    delta : half their difference: at most momentum, less than 1 - momentum. The paper has 0.075 for
        CIFAR-100 and 0.09 for ImageNet.
    weight_decay : a number, or one per parameter.
    decoupled_weight_decay : p *= 1 - lr weight_decay, instead of adding weight_decay p to g.
    cautious_weight_decay : with decoupled decay, only where the step does not move p outwards.
    maximize, rounding, seed, state_dtype, master_weights : as in the other optimizers.

    States: momentum_buffer (v), momentum_kd_buffer (v_kd). state_dict and the rest are those of
    steepest.optim.Optimizer; all errors come before anything is changed.
    """

    group_class = DotGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        *,
        momentum: float = 0.9,
        delta: float = 0.075,
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

    def step(
        self,
        grads: structure.Gradients = None,
        kd_grads: structure.Gradients = None,
        *,
        grad_scale: float | None = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool:
        """Updates all parameters of all groups.

        grads : gradients of the task loss, as in `steepest.optim.Optimizer.step`.
        kd_grads : gradients of the distillation loss in the same structure. Beside a gradient in
            grads: writable (though not changed), float64 where the parameter is, else float32 or
            bfloat16, in memory apart from all else and in the parameter's order.
        grad_scale : divides both, before clipping.
        max_grad_norm : bound, more than 0, on the L2 norm of both gradients of all groups together,
            as of one vector; longer ones are scaled down to it. A norm that is not finite clips
            nothing.
        max_tensor_norm : the same for both gradients of each parameter together; of the two bounds
            on norms the stricter counts.
        max_grad_value : bound > 0 on the size of each element of both gradients, after those on
            norms. This bound and that of each parameter make clipped copies of the gradients.
        skip_nonfinite : leave everything as it is if any gradient has a NaN or an infinity.
        stream : as in Optimizer.step.

        A parameter of which both gradients are None is left as it is and its step is not counted.
        On a device the bounds on norms and skip_nonfinite wait for the norms.

        Returns whether the step was applied. Raises TypeError (kd_grads missing, structure, dtype),
        ValueError (length, shape, layout, overlap, option out of range), BufferError (read-only
        array); then nothing has been written.
        """
        if kd_grads is None:
            raise TypeError("kd_grads: None given, expected gradients in the parameters' structure")
        scale = 1.0
        if grad_scale is not None:
            scale = arguments.between("grad_scale", grad_scale, 0.0, math.inf)
        bounds = Bounds.read(max_grad_norm, max_tensor_norm, max_grad_value)
        parts, kd_parts = self._parts(grads), self._parts(kd_grads)
        keywords = {} if stream is None else {"stream": stream}
        scales = np.full(sum(map(len, parts)), scale)
        if skip_nonfinite or bounds.needs_norms():
            norms = measured(parts, kd_parts, keywords)
            if skip_nonfinite and not norms.finite:
                return False
            scales = np.minimum(scales / coefficients(norms, bounds, scale), LARGEST_SCALE)
        if bounds.one_scale_for_all():
            scale = float(scales[0]) if scales.size else scale
        else:
            parts, kd_parts = clipped((parts, kd_parts), scales, bounds.value, keywords)
            scale = 1.0
        trios = list(zip(self._dot_groups(), parts, kd_parts, strict=True))
        calls = [call for group, g, k in trios for call in group.calls(g, k, scale)]
        if calls:
            _core.run(calls, grad_scale=scale, **keywords)
        for group, g, k in trios:
            group.count(g, k)
        return True

    def _dot_groups(self) -> list[DotGroup]:
        return [group for group in self._groups if isinstance(group, DotGroup)]


_ROW = native_rule(DOT, "dot")
DOT.rule = replace(_ROW, streams=tuple(s for s in _ROW.streams if s.name != "kd_grad"))
