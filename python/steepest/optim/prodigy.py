"""Prodigy: Adam whose learning rate follows an estimate of the distance to the solution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .. import _core
from ..steps import grad_norm
from .base import Optimizer
from .clipping import LARGEST_SCALE
from .composite import shared_options
from .diagonal import native_rule
from .prodigy_estimate import Estimate, Settings
from .prodigy_group import P0, Call, ProdigyGroup

# All parameters make one estimate, so all groups agree on what it is made with.
_SHARED = (
    "lr",
    "betas",
    "beta3",
    "use_bias_correction",
    "safeguard_warmup",
    "d0",
    "d_coef",
    "growth_rate",
    "slice_p",
)
_ESTIMATE = ("d", "d_max", "d_numerator", "k")


class Prodigy(Optimizer):
    """Adam in units of an estimated distance to the solution, which it finds on its way.

    With sums over all parameters of all groups and c = d lr, times Adam's bias corrections where
    they are wanted: m = beta1 m + (1 - beta1) d g; v = beta2 v + (1 - beta2) d^2 g^2;
    r = beta3 r + (d / d0) c <g, p0 - p>; s = beta3 s + (d / d0) c g; q = d_coef r / ||s||_1;
    d' = min(max over all q, growth_rate d), of any size at the first growth;
    p = p (1 - c weight_decay) - c m / (sqrt(v) + d' eps). p0 is p before its first step.

    Mishchenko and Defazio, ICML 2024, arXiv 2306.06101, section 5, in the form of the authors'
    code, which has d' in the denominator for the paper's d.

        opt = steepest.optim.Prodigy(params)
        opt.step(grads)

    params : an array, a list or dict of arrays, or a list of group dicts.
    lr : factor of the rate, one number for all groups: a schedule from 1 down, say. With a warm-up
        from small values see safeguard_warmup.
    betas : decay rates of the first and second moment.
    beta3 : decay rate of r and s; None: the root of betas[1].
    eps : added to the denominator, in units of the distance.
    weight_decay : a number, or one per parameter.
    decoupled_weight_decay : p *= 1 - c weight_decay, instead of adding weight_decay p to g.
    cautious_weight_decay : with decoupled decay, only where the step does not move p outwards.
    use_bias_correction : Adam's corrections of both moments, as a factor of the rate.
    safeguard_warmup : s = beta3 s + d^2 / d0 g, so that a small lr does not make d grow too far.
    d0 : the first estimate, below the distance.
    d_coef : factor of the estimates: what to change where the rate is to be another one.
    growth_rate : the most that d grows by in one step, but for the first growth.
    slice_p : every slice_p-th element of each parameter, in C order, stands for it in the sums;
        s and p0 have that many elements. 11, say, for less memory; it cannot be changed later.
    d, d_max, d_numerator, k : the estimate, the largest q, r, and the steps so far; None is d0.
        param_groups holds the present ones, the same in all groups, and so does state_dict.
    maximize, rounding, master_weights : as in the other optimizers.
    seed : of stochastic rounding.
    state_dtype : of exp_avg, exp_avg_sq and s. Moments and s in bfloat16 want stochastic rounding.

    States: exp_avg, exp_avg_sq, s and p0, which is float32, or float64 for float64 parameters.
    state_dict and the rest are those of steepest.optim.Optimizer. A step on a device waits for it:
    the sums come to the host. Sums with a NaN or an infinity, as of a gradient that has one, leave
    the estimate as it is, and so do zero gradients before any other.

    Raises as Optimizer does, and ValueError where groups differ in what all share (all options but
    eps, weight_decay, decoupled_weight_decay, maximize, rounding) or slice_p is changed.
    """

    group_class = ProdigyGroup

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        beta3: float | None = None,
        eps: float = 1e-8,
        weight_decay: Any = 0.0,
        decoupled_weight_decay: bool = True,
        cautious_weight_decay: bool = False,
        use_bias_correction: bool = False,
        safeguard_warmup: bool = False,
        d0: float = 1e-6,
        d_coef: float = 1.0,
        growth_rate: float = math.inf,
        slice_p: int = 1,
        d: float | None = None,
        d_max: float | None = None,
        d_numerator: float = 0.0,
        k: int = 0,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        if not isinstance(state_dtype, Mapping):
            state_dtype = {s.name: state_dtype for s in self.rule.streams if s.name != P0}
        elif P0 in state_dtype:
            raise ValueError("state_dtype: p0 given, which is float32: rounded it would be a move")
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)
        self._shared()

    def _run(
        self, parts: Sequence[Sequence[Any]], options: Mapping[str, Any], stream: Any
    ) -> bool | _core.DeviceFlag:
        settings, estimate = self._shared()
        where = {} if stream is None else {"stream": stream}
        self._set(estimate.rate(settings), (estimate.d, estimate.d))
        sliced = any(group.stride > 1 for group in self._prodigy())
        if sliced or options["max_grad_norm"] is not None:
            # before the norm, and for slices, whose calls do not see the whole of the gradients
            _core.run(self._calls(parts), check_only=True, **options, **where)
        options = self._measured_once(parts, options, where)
        measured = self._measured(parts)
        scaling = self._scaling(parts, options, where) if sliced else options
        product, length = _core.list_sums(measured, **scaling, **where)
        new = estimate.after(settings, product, length)
        self._set(estimate.rate(settings), (estimate.d, new.d))
        if not super()._run(parts, options, stream):
            return False
        if sliced:
            _core.run(measured, **scaling, **where)
        for group in self.param_groups:
            group.update(new.options())
        return True

    def _measured(self, parts: Sequence[Sequence[Any]]) -> list[Call]:
        """The calls whose sums the estimate takes in."""
        calls = []
        for group, part in zip(self._prodigy(), parts, strict=True):
            group.start(part)
            calls.append(group.measured_call(part))
        return calls

    def _measured_once(
        self, parts: Sequence[Sequence[Any]], options: Mapping[str, Any], where: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The options with the bound on the norm of all gradients as a part of grad_scale, so that
        the sums and the step need no pass for it each. As they are where a norm that is not finite
        has a say, or where each parameter is measured anyway."""
        limit = options["max_grad_norm"]
        grads = [grad for part in parts for grad in part if grad is not None]
        if limit is None or options["max_tensor_norm"] is not None or not grads:
            return options
        scale = 1.0 if options["grad_scale"] is None else float(options["grad_scale"])
        found = grad_norm(grads, **where)
        total = float(found.total) / scale
        share = min(1.0, limit / (total + 1e-6)) if math.isfinite(total) else 0.0
        if not share > 0 or scale / share > LARGEST_SCALE:
            return options
        known = {"grad_scale": scale / share, "max_grad_norm": None, "skip_nonfinite": False}
        return {**options, **known}

    def _scaling(
        self, parts: Sequence[Sequence[Any]], options: Mapping[str, Any], where: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What scales parts of the gradients as the step scales the whole: the bound on the norm as
        a part of grad_scale, since the norm is that of the whole."""
        given, limit = options["grad_scale"], options["max_grad_norm"]
        grads = [grad for part in parts for grad in part if grad is not None]
        if limit is None or not grads:
            return {"grad_scale": given}
        scale = 1.0 if given is None else float(given)
        total = float(grad_norm(grads, **where).total) / scale
        share = min(1.0, limit / (total + 1e-6))
        return {"grad_scale": min(scale / share, LARGEST_SCALE) if share > 0 else LARGEST_SCALE}

    def _shared(self) -> tuple[Settings, Estimate]:
        """What all groups agree on. Raises ValueError where they do not."""
        options = shared_options(self.param_groups, (*_SHARED, *_ESTIMATE))
        settings = Settings.read(options)
        return settings, Estimate.read(options, settings.d0)

    def _set(self, rate: float, distance: tuple[float, float]) -> None:
        for group in self._prodigy():
            group.rate, group.distance = rate, distance

    def _prodigy(self) -> list[ProdigyGroup]:
        return [group for group in self._groups if isinstance(group, ProdigyGroup)]

    def _add(self, given: dict[str, Any]) -> None:
        kept = self.param_groups[0] if self.param_groups else {}
        for name in _ESTIMATE:  # a later group joins the estimate
            if name in kept:
                given.setdefault(name, kept[name])
        super()._add(given)


Prodigy.rule = native_rule(Prodigy, "prodigy")
