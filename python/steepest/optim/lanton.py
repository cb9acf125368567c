"""LANTON: steps along oracles, with learning rates that follow the noise of each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from .. import _core
from ..polar.prepared import Prepared
from . import structure
from .composite import rule_of
from .directed import DirectedGroup, Piece
from .lanton_group import NOISE, PREVIOUS, LantonGroup
from .oracles import OracleOptimizer
from .table import Stream


class LANTON(OracleOptimizer):
    """Oracle steps with noise-adaptive learning rates per layer.

        B = beta1 B + (1 - beta1) G;  O = oracle(B)
        H = beta2 H + (1 - beta2) ||G - G'||_dual^2
        a = alpha / sqrt(alpha^2 + H);  lr_l = lr sqrt(a / largest a of the group)
        X = X (1 - lr weight_decay) - lr_l O

    with the oracle and the dual norm of `norm` (`steepest.polar.oracle`, `dual_norm`): of layers of
    one group, the noisier ones take the smaller steps. G' is the gradient of the step before, or,
    as in the paper's theory, one of an independent batch: `step(grads, other_grads=...)`, when H
    estimates twice the variance (in the Euclidean norm). Without other_grads a layer's first step
    has no difference, and leaves H at 0.

    A group of layers is those of one parameter group that share a norm (with "Auto": matrices,
    kernels, the rest) and have a gradient at this step.

    Hao et al., arXiv 2510.14009. Momentum, oracle, both choices of G' and the mean of squared dual
    norms are the paper's. The forms of a and of the ratio of learning rates were not checked
    against its text or its authors' code; form="eps" is that of a secondary text. The defaults are
    this library's, and weight decay is not known to be part of the method.

    params : an array, a list or dict of arrays, or a list of group dicts. In host memory.
    lr : learning rate of a group's least noisy layer: a number, or one per parameter.
    betas : factors of the old momentum and of the old noise, from 0, less than 1.
    alpha : noise (a dual norm of a gradient, in its units) above which steps become smaller.
    form : "damped": a = alpha / sqrt(alpha^2 + H). "eps": a = alpha / sqrt(H + eps), which differs
        in the damping alone, as the largest a divides alpha out.
    eps : of form="eps"; in units of a squared dual norm.
    norm, norm_options : as in `Scion`. Dual norms of the spectral norms are <D, oracle(D)>, so as
        approximate as `orthogonalize`.
    weight_decay : decoupled, by lr itself: a number, or one per parameter.
    cautious_weight_decay : decay only elements that the step does not move outwards (arXiv
        2510.12402).
    maximize, rounding, seed, master_weights : as in the other optimizers.
    state_dtype : of momentum_buffer. The other states are float32 (float64 for float64
        parameters).

    States: momentum_buffer; previous_gradient, as scaled and clipped; noise, H, one number each.
    state_dict and the rest are those of steepest.optim.Optimizer.
    """

    group_class = LantonGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        betas: tuple[float, float] = (0.95, 0.9),
        alpha: float = 1.0,
        form: str = "damped",
        eps: float = 1e-8,
        norm: str = "Auto",
        norm_options: dict[str, Any] | None = None,
        weight_decay: Any = 0.0,
        cautious_weight_decay: bool = False,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        if not isinstance(state_dtype, Mapping):
            state_dtype = {"momentum_buffer": state_dtype}
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)
        for name in (PREVIOUS, NOISE):
            if self._state_dtype[name] != "float32":
                raise ValueError(
                    f"state_dtype[{name!r}]: {self._state_dtype[name]} given, expected float32"
                )

    def step(
        self,
        grads: structure.Gradients = None,
        *,
        other_grads: structure.Gradients = None,
        grad_scale: Any = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool | _core.DeviceFlag:
        """Updates all parameters; arguments, result and errors as in steepest.optim.Optimizer.

        other_grads : gradients of an independent batch at the same parameters, in the same
            structure, for the noise alone; scaled as the others, clipped by their own norms. None:
            the noise is told from the gradients of the step before.

        Raises ValueError too where only one of the two gradients of a parameter is None.
        """
        parts = self._parts(grads)
        others = None if other_grads is None else self._parts(other_grads)
        scaling = {
            "grad_scale": grad_scale,
            "max_grad_norm": max_grad_norm,
            "max_tensor_norm": max_tensor_norm,
            "max_grad_value": max_grad_value,
            "skip_nonfinite": skip_nonfinite,
        }
        keywords = {} if stream is None else {"stream": stream}
        groups = self._lanton_groups()
        self._others: list[Any] = [None] * len(groups)
        if others is not None:
            _check_pairs(parts, others)
            if not self._gather(others, scaling, keywords):
                return False
            self._others = [group.copies() for group in groups]
        # What is gathered is scratch memory: the first stage checks all else before it writes.
        return self._gather(parts, scaling, keywords) and self._run(parts, scaling, stream)

    def ratios(self) -> list[float]:
        """Learning rate of each parameter at its last step over its lr, in the order of the
        groups; 1 before the first step."""
        return [piece.ratio for group in self._lanton_groups() for piece in group.pieces]

    def directions(
        self, pieces: Sequence[tuple[DirectedGroup, Piece]], stream: Any
    ) -> list[Prepared]:
        """Directions from the oracle, and the ratios of the learning rates. The noise is measured
        now, in the memory of the directions, and kept when the step is made."""
        follow = Prepared()
        for group, others in zip(self._lanton_groups(), self._others, strict=True):
            present = [piece for owner, piece in pieces if owner is group]
            follow.then(partial(group.follow_noise, present, group.measured(present, others)))
        return [*super().directions(pieces, stream), follow]

    def _gather(
        self, parts: Sequence[Any], scaling: Mapping[str, Any], keywords: Mapping[str, Any]
    ) -> bool:
        """Writes gradients to the groups' `gradients`; False where they are to be skipped."""
        groups = zip(self._lanton_groups(), parts, strict=True)
        return bool(_core.run([g.gradient_call(part) for g, part in groups], **scaling, **keywords))

    def _lanton_groups(self) -> list[LantonGroup]:
        return [group for group in self._groups if isinstance(group, LantonGroup)]


def _check_pairs(parts: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> None:
    """Raises where only one of two gradients is there."""
    first = 0
    for part, other in zip(parts, others, strict=True):
        if len(part) != len(other):
            raise ValueError(f"other_grads: {len(other)} given, expected {len(part)} as grads")
        for i, (a, b) in enumerate(zip(part, other, strict=True), first):
            if (a is None) != (b is None):
                given, expected = ("None", "an array") if b is None else ("an array", "None")
                raise ValueError(f"other_grads[{i}]: {given} given, expected {expected} as grads")
        first += len(part)


LANTON.rule = rule_of(
    LANTON,
    "lanton",
    (
        Stream("momentum_buffer", "element", "any", False, "momentum"),
        Stream(PREVIOUS, "element", "any", False, "gradient of the last step"),
        Stream(NOISE, "tensor", "any", False, "mean squared dual norm of the differences"),
    ),
)
