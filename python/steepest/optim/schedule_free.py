"""Schedule-Free SGD and AdamW: no learning-rate schedule, but an average of the iterates, at hand
whenever it is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .. import _core
from .._arrays import Array
from .base import Optimizer
from .diagonal import native_rule
from .schedule_free_group import (
    PEAK,
    SUM,
    Call,
    FreeAdamWGroup,
    FreeSgdGroup,
    ScheduleFreeGroup,
)
from .table import Rule


class ScheduleFree(Optimizer):
    """What both have in common: the parameters are at y = (1 - beta) z + beta x while they are
    trained, z being the iterate and x its average, and at x after `eval`."""

    def eval(self, stream: Any = None) -> None:
        """Sets the parameters to the average x, in place: for validation, and to keep the model.

        x = y + (1 - 1 / beta) (z - y), rounded to nearest; `train` leads back to y up to the
        roundings of the two, with master weights to those of float32. Parameters without a step
        stay as they are, and groups that are there already.

        Raises ValueError for a beta of 0 among the options; then nothing has been changed.
        """
        self._switch(False, stream)

    def train(self, mode: bool = True, stream: Any = None) -> None:
        """Sets the parameters to y, where gradients are taken; `mode` False is `eval`."""
        self._switch(bool(mode), stream)

    def _switch(self, train: bool, stream: Any) -> None:
        calls = [call for group in self._free_groups() for call in group.switch(train)]
        keywords: Mapping[str, Any] = {} if stream is None else {"stream": stream}
        if calls:
            _core.run(calls, **keywords)
        for group in self._free_groups():
            group.options["train_mode"] = train

    def _calls(self, parts: Sequence[Sequence[Array | None]]) -> list[Call]:
        pairs = zip(self._free_groups(), parts, strict=True)
        return [call for group, part in pairs for call in group.calls(part)]

    def _free_groups(self) -> list[ScheduleFreeGroup]:
        return [group for group in self._groups if isinstance(group, ScheduleFreeGroup)]


class ScheduleFreeSGD(ScheduleFree):
    """SGD with gradients at a point between the iterate and its average, and no schedule.

    d = g + weight_decay y; z = z - r d with r = lr min(1, t / warmup_steps); x = (1 - c) x + c z,
    c being the share of w = t^r max(r)^weight_lr_power in the sum of all w so far; gradients are
    taken at y = (1 - momentum) z + momentum x. Two arrays hold it all: y, the parameters, and z.

    Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky, arXiv 2405.15682, equations 1 to 3.

        opt = steepest.optim.ScheduleFreeSGD(params, lr=1.0)
        opt.step(grads)  # of the loss at the parameters
        opt.eval()       # the parameters are the average now
        opt.train()      # and back before the next gradients

    params : an array, a list or dict of arrays, or a list of group dicts.
    lr : learning rate: a number, or one per parameter.
    momentum : part of the average in y, more than 0 and less than 1.
    weight_decay : added to the gradient, of y: a number, or one per parameter.
    cautious_weight_decay : only where the gradient does not move y outwards (arXiv 2510.12402).
    warmup_steps : steps over which the learning rate rises linearly to lr.
    r : power of the step count in the weights.
    weight_lr_power : power of the largest rate so far in the weights.
    train_mode : whether the parameters are y; `eval` and `train` set it, and a state_dict holds it:
        parameters that were saved after `eval` are to be loaded together with it.
    maximize, rounding, seed, state_dtype, master_weights : as in the other optimizers.
    capturable : as in steepest.optim.Optimizer, with r and weight_lr_power 0: such steps weigh all
        iterates alike.

    States: z, and the numbers weight_sum and lr_max, in float64. Each parameter counts and weighs
    its own steps. The model's other running statistics (batch normalisation) are those of y: renew
    them at x before they are used there. state_dict and the rest are those of
    steepest.optim.Optimizer; a step after `eval` raises RuntimeError.
    """

    group_class = FreeSgdGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        *,
        momentum: float = 0.9,
        weight_decay: Any = 0.0,
        cautious_weight_decay: bool = False,
        warmup_steps: float = 0.0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
        train_mode: bool = True,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        kinds = {name: given[name] for name in ("state_dtype", "master_weights", "capturable")}
        super().__init__(params, **kinds, **options)


class ScheduleFreeAdamW(ScheduleFree):
    """AdamW with the average of the iterates in place of the first moment, and no schedule.

    v = beta2 v + (1 - beta2) g^2; d = g / (sqrt(v) + eps) + weight_decay y; the rate is
    lr sqrt(1 - beta2^t) min(1, t / warmup_steps), also in the weights; all else as in
    `ScheduleFreeSGD`, betas[0] being its momentum.

    Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky, arXiv 2405.15682, algorithm 1. Where the
    rate falls (a schedule after all) the weights keep to its largest value, as in the authors'
    code.

        opt = steepest.optim.ScheduleFreeAdamW(params, warmup_steps=1000)
        opt.step(grads)  # of the loss at the parameters
        opt.eval()       # the parameters are the average now
        opt.train()      # and back before the next gradients

    params : an array, a list or dict of arrays, or a list of group dicts.
    lr : learning rate: a number, or one per parameter.
    betas : part of the average in y, more than 0 and less than 1; decay rate of the second moment.
    eps : added to the denominator.
    weight_decay : of y, decoupled: a number, or one per parameter.
    cautious_weight_decay, warmup_steps, r, weight_lr_power, train_mode : as in `ScheduleFreeSGD`.
    maximize, rounding, seed, state_dtype, master_weights, capturable : as in `ScheduleFreeSGD`.

    States: z, exp_avg_sq, and the numbers weight_sum and lr_max, in float64. state_dict and the
    rest are those of steepest.optim.Optimizer; a step after `eval` raises RuntimeError.
    """

    group_class = FreeAdamWGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 2.5e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: Any = 0.0,
        cautious_weight_decay: bool = False,
        warmup_steps: float = 0.0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
        train_mode: bool = True,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
        capturable: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        kinds = {name: given[name] for name in ("state_dtype", "master_weights", "capturable")}
        super().__init__(params, **kinds, **options)


def _rule(cls: type, name: str) -> Rule:
    native = native_rule(cls, name)
    return replace(native, streams=(*native.streams, SUM, PEAK))


ScheduleFreeSGD.rule = _rule(ScheduleFreeSGD, "schedule_free_sgd")
ScheduleFreeAdamW.rule = _rule(ScheduleFreeAdamW, "schedule_free_adamw")
