"""Distributed Lion: what a worker keeps and does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from .. import _arrays, _core, distributed
from .._arrays import Array
from ..distributed import lists
from ..distributed.lists import Message
from ..distributed.votes import FORMS, TIES, Votes
from ..polar import arguments
from . import structure
from .base import Optimizer
from .group import Group
from .state import MASTER
from .table import Rule, rules

REDUCTIONS = ("majority", "mean")
_STREAMS = ("params", "exp_avg", "working_copy")

Draw = tuple[int, int, int]


class VotingGroup(Group):
    """Splits the step of Lion in two: packing, and applying what comes back."""

    def __init__(self, rule: Rule, params: structure.Params, options: Any, **keywords: Any) -> None:
        super().__init__(rule, params, options, **keywords)
        self._check_in_host_memory("there are no kernels of Distributed Lion for devices yet")

    def _random(self, stream: str) -> bool:
        return lists.is_stochastic(self.options["rounding"], stream, _STREAMS)

    def _draws(self) -> list[Draw]:
        steps = self.steps.next()
        each = steps if isinstance(steps, list) else [steps] * len(self.views)
        seed = arguments.count("seed", self.options["seed"], 0, 2**64 - 1)
        return [(self.first + i, step, seed) for i, step in enumerate(each)]

    def sign_settings(self) -> list[tuple[float, float, bool, bool, Draw]]:
        """What packing needs to know of each parameter."""
        self._rebind()
        betas = lists.read_betas(self.options["betas"])
        ascend = arguments.boolean("maximize", self.options["maximize"])
        random = self._random("exp_avg")
        return [(*betas, ascend, random, draw) for draw in self._draws()]

    def step_settings(self) -> list[tuple[float, float, bool, bool, Draw]]:
        """What the step needs to know of each parameter."""
        self._rebind()
        count = len(self.views)
        rates = lists.spread(self.options["lr"], "lr", count)
        decays = lists.spread(self.options["weight_decay"], "weight_decay", count)
        random = self._random("params"), self._random("working_copy")
        each = zip(rates, decays, self._draws(), strict=True)
        return [(lr, decay, *random, draw) for lr, decay, draw in each]

    def targets(self) -> list[tuple[Array, Array | None]]:
        """The array to step and its working copy, of each parameter."""
        masters = self.states.get(MASTER, [None] * len(self.views))
        pairs = zip(self.views, masters, strict=True)
        return [(view, None) if master is None else (master, view) for view, master in pairs]


class DistributedLion(Optimizer):
    """Lion on many workers that send each other one bit per element.

    Every worker packs the signs of its own directions c = sign(beta1 m + (1 - beta1) g) and keeps
    its own momentum m = beta2 m + (1 - beta2) g; all step p = p (1 - lr weight_decay) - lr d with
    the majority or the mean d of the signs of all, so that their parameters stay equal.

    Liu, Wu, Chen, Liang, Zhu, Krishnamoorthi and Krähenbühl, arXiv 2404.00438, algorithm 1.

        opt = steepest.optim.DistributedLion(params)
        opt.apply(all_gather(opt.pack(grads)))  # messages, one row per worker

    params : an array, a list or dict of arrays, or a list of group dicts. In host memory.
    lr : learning rate: a number, or one per parameter.
    betas : interpolation weight of the direction, decay rate of the momentum.
    weight_decay : decoupled: a number, or one per parameter.
    bits : of a message per element: 1 as published, where a direction of 0 counts as 1, or 2, with
        which 0 and NaN arrive. With the second a single worker does the steps of Lion.
    reduction : "majority" (MaVo in the paper) or "mean" (Avg).
    tie : of a majority, see `steepest.distributed.majority`.
    maximize, rounding, seed, state_dtype, master_weights : as in the other optimizers.

    States: exp_avg, the worker's own, so that every worker saves its own state_dict. state_dict and
    the rest are those of steepest.optim.Optimizer.
    """

    group_class = VotingGroup
    _groups: list[VotingGroup]  # type: ignore[assignment]

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: Any = 0.0,
        bits: int = 1,
        reduction: str = "majority",
        tie: str = "zero",
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        self._settle(bits, reduction, tie)
        options = {name: given[name] for name in self.rule.defaults}
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)

    def _settle(self, bits: int, reduction: str, tie: str) -> None:
        bits = arguments.count("bits", bits, 1, 2)
        arguments.one_of("reduction", reduction, REDUCTIONS)
        arguments.one_of("tie", tie, TIES)
        if bits == 2 and tie != "zero":
            raise ValueError(f"tie: {tie!r} given, expected 'zero' for messages of 2 bits")
        self.bits, self.reduction, self.tie = bits, reduction, tie
        self.nans = 0  #: how many directions of the last message were NaN

    @property
    def message_size(self) -> int:
        """Bytes of a worker's message."""
        views = [view for group in self._groups for view in group.views]
        return distributed.message_size(views, self.bits)

    def pack(
        self, grads: structure.Gradients = None, *, grad_scale: float = 1.0, out: Any = None
    ) -> Message:
        """The message of this worker; its momenta move on.

        grads : in the structure of the parameters, as in `Optimizer.step`, and none of them None:
            every worker votes on every parameter. Without `grads` the parameters' `.grad` is read.
        grad_scale : gradients are divided by it first.
        out : uint8 array of `message_size` bytes; None: a new one.

        One plane of bits, or two, over the parameters of all groups in order; see
        `steepest.distributed.pack_signs`. A NaN in a gradient stays in the momentum and is counted
        in `nans`; look at the gradients before (`steepest.steps.grad_norm(grads).finite`) where a
        step is to be skipped, on all workers.

        Raises TypeError, ValueError, BufferError as Optimizer.step does; then nothing has been
        written.
        """
        scale = arguments.real("grad_scale", grad_scale)
        if scale == 0:
            raise ValueError("grad_scale: 0 given, expected another number")
        parts = self._parts(grads)
        self._check_given(parts)
        settings = [setting for group in self._groups for setting in group.sign_settings()]
        momenta = [state for group in self._groups for state in group.states["exp_avg"]]
        message = lists.output(out, "out", self.message_size)
        flat = [grad for part in parts for grad in part]
        self.nans = _core.sign_pack(flat, momenta, True, settings, scale, self.bits, message)
        return message

    def vote(self, messages: Any) -> Votes:
        """The direction that messages of all workers, one per row, agree on: what a server does, or
        every worker on its own."""
        if self.reduction == "mean":
            return distributed.mean(messages, bits=self.bits)
        return distributed.majority(messages, bits=self.bits, tie=self.tie)

    def received(self, data: Any, workers: int) -> Votes:
        """The votes whose `data` a server has sent, of that many workers."""
        if self.reduction == "mean":
            return Votes(data, FORMS[1 + self.bits], workers)
        return Votes(data, "ternary" if self.tie == "zero" else "signs", 1)

    def apply(self, votes: Any) -> None:
        """Steps all parameters.

        votes : of `vote`, on this or another worker; or the messages themselves, uint8 of shape
            (workers, message_size). The same on all workers.

        Raises TypeError, ValueError, BufferError; then nothing has been written.
        """
        if not isinstance(votes, Votes):
            votes = self.vote(votes)
        data = lists.bytes_of(votes.data, "votes", 1)
        settings = [setting for group in self._groups for setting in group.step_settings()]
        pairs = [pair for group in self._groups for pair in group.targets()]
        params, copies = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        form, planes = FORMS.index(votes.form), votes.planes
        _core.vote_step(params, copies, True, settings, form, votes.workers, planes, data)
        for group in self._groups:
            group.steps.advance()

    def step(  # type: ignore[override]
        self,
        grads: structure.Gradients = None,
        exchange: Callable[[Message], Any] | None = None,
        *,
        grad_scale: float = 1.0,
    ) -> bool:
        """`pack`, the exchange, `apply`.

        exchange : takes this worker's message and returns what `apply` takes, for instance the
            messages of all; None: this worker is the only one.

        Returns True. Raises as the two do; an error of `apply` or of the exchange comes after the
        momenta have moved on.
        """
        message = self.pack(grads, grad_scale=grad_scale)
        self.apply(message[None] if exchange is None else exchange(message))
        return True

    def _check_given(self, parts: Sequence[Sequence[Array | None]]) -> None:
        for group, part in zip(self._groups, parts, strict=True):
            if len(part) != len(group.views):
                raise ValueError(f"grads: {len(part)} given, expected {len(group.views)}")
            for i, grad in enumerate(part):
                if not _arrays.is_array(grad):
                    raise TypeError(
                        f"grads[{group.first + i}]: {_arrays.describe(grad)} given, expected an "
                        "array: every worker votes on every parameter"
                    )

    def __getstate__(self) -> dict[str, Any]:
        voting = {"bits": self.bits, "reduction": self.reduction, "tie": self.tie}
        return {**super().__getstate__(), "voting": voting}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._settle(**state["voting"])
        super().__setstate__(state)


def _rule() -> Rule:
    """Lion's row of the native table, without the choice of L2 decay: that needs the parameters at
    packing, and the paper has it decoupled, for all elements."""
    lion = next(rule for rule in rules() if rule.name == "lion")
    left_out = ("decoupled_weight_decay", "cautious_weight_decay")
    kept = {n: v for n, v in lion.defaults.items() if n not in left_out}
    called = tuple(name for name in lion.call_options if name in kept)
    return replace(lion, class_name="DistributedLion", defaults=kept, call_options=called)


DistributedLion.rule = _rule()
