"""Fira and GaLore: Adam in a subspace of the gradient, with and without what the subspace lacks."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..polar import arguments
from .composite import rule_of
from .group import Group
from .low_rank import LowRankOptimizer
from .low_rank_group import PROJECTOR, LowRankGroup, Step
from .projection import Matrix, Shape, expand, is_left, squares
from .table import Rule, Stream

RESIDUAL_NORM = "residual_norm"
_SMALL = 1e-8  # in denominators, as the authors' code has it
# Of the gradient's weighted squares: below it their difference to those of its projection is made
# of elements, not of sums. Its relative error is at most that of the sums over this.
_TRUSTED = 2.0**-6


class _Rest(NamedTuple):
    """S = phi (G - alpha P R), with G = factor gradient."""

    gradient: Matrix
    factor: float
    projected: Matrix  # R
    weights: NDArray[np.float64]  # phi squared
    alpha: float

    def difference_of_squares(self) -> float | None:
        """||S||^2 without a product: P has orthonormal columns, so the squares of a column of
        G - alpha P R are those of G less (2 alpha - alpha^2) those of R. None where that
        cancels."""
        shape = self.gradient.shape
        whole = float((self.weights * squares(self.gradient, shape)).sum()) * self.factor**2
        inside = float((self.weights * squares(self.projected, shape)).sum())
        found = whole - inside * (2 * self.alpha - self.alpha**2)
        return None if found < _TRUSTED * whole else found  # a NaN passes on

    def sum_of_squares(self, projector: Matrix, out: Matrix) -> float:
        """The same from the elements of G - alpha P R, which are left in `out`."""
        g, factor = self.gradient, self.factor
        expand(projector, self.projected, out, alpha=-self.alpha, addend=g, beta=factor)
        return float((self.weights * squares(out, self.gradient.shape)).sum())


class GaLoreGroup(LowRankGroup):
    """Moves matrices along Adam's quotient, projected back."""

    def move(self, i: int, step: Step) -> None:
        _, quotient = self.adam(i, *self.projected_gradient(i, step), step)
        shape, dtype = self.shape(i), self.computed(i)
        whole = self.whole(i, step)
        expand(self.state(PROJECTOR, i), quotient, whole, alpha=float(self.options["alpha"]))
        ones = np.ones((shape[0], 1), dtype), np.ones((1, shape[1]), dtype)
        self.low_rank_step(i, whole, ones, step)


class FiraGroup(LowRankGroup):
    """Moves matrices along that, and along the rest of the gradient at the size that Adam would
    give it."""

    def check(self) -> None:
        super().check()
        if self.options["limiter"] is not None:
            arguments.at_least("limiter", self.options["limiter"], 1.0)

    def move(self, i: int, step: Step) -> None:
        gradient, factor = self.projected_gradient(i, step)
        found, quotient = self.adam(i, gradient, factor, step)
        shape, dtype, alpha = self.shape(i), self.computed(i), float(self.options["alpha"])
        lengths = np.sqrt(squares(found, shape))
        weights = np.sqrt(squares(quotient, shape)) / (lengths + _SMALL)
        rest = _Rest(gradient, factor, found, weights * weights, alpha)
        size = self._residual_norm(i, rest, step)
        limit = self._limit(i, size)
        self.state(RESIDUAL_NORM, i)[...] = size / limit
        # P (alpha psi - phi alpha R) + phi G is alpha P psi + phi (G - alpha P R).
        row, column = scales = _scales(weights / limit, shape, dtype)
        quotient *= alpha
        found *= alpha * (column if is_left(shape) else row)
        quotient -= found
        whole = self.whole(i, step)
        expand(self.state(PROJECTOR, i), quotient, whole)
        options = {"grad_scale": step.scale, "maximize": self.options["maximize"]}
        self.low_rank_step(i, step.grad, scales, step, direction=whole, **options)

    def _residual_norm(self, i: int, rest: _Rest, step: Step) -> float:
        """The norm of S."""
        squared = rest.difference_of_squares()
        if squared is None:
            out = self.whole(i, step)
            squared = rest.sum_of_squares(self.state(PROJECTOR, i), out)
        return math.sqrt(squared)

    def _limit(self, i: int, size: float) -> float:
        """What S is divided by, so that it grows by no more than the limiter from step to step."""
        limiter, before = self.options["limiter"], float(self.state(RESIDUAL_NORM, i)[0, 0])
        if limiter is None or before == 0:
            return 1.0
        return float(np.maximum(size / (before + _SMALL), limiter) / limiter)  # a NaN passes on


def _scales(weights: NDArray[np.float64], shape: Shape, dtype: str) -> tuple[Matrix, Matrix]:
    """Factors of the rows and of the columns, one kind of which are ones."""
    left = is_left(shape)
    with np.errstate(over="ignore"):
        own = weights.astype(dtype).reshape((1, -1) if left else (-1, 1))
    ones = np.ones((shape[0], 1) if left else (1, shape[1]), dtype)
    return (ones, own) if left else (own, ones)


class GaLore(LowRankOptimizer):
    """Adam on the gradient's projection to a subspace that is renewed now and then.

    With R = P^T G for matrices of fewer rows than columns, R = G P for others, and P the leading
    singular vectors of the gradient of every update_gap-th step: m and v are the moments of R;
    p = (p - lr c alpha P m / (sqrt(v) + eps)) (1 - lr weight_decay), c being Adam's bias
    corrections sqrt(1 - beta2^t) / (1 - beta1^t). The moments stay as they are when P changes.

    Zhao et al., ICML 2024, arXiv 2403.03507, in the form of the authors' code, of which eps and
    the order of step and decay are.

    params : an array, a list or dict of arrays, or a list of group dicts. In host memory.
        Convolution kernels (out, in, k...) in C order are matrices (out, in k...).
    lr : learning rate: a number, or one per parameter.
    rank : columns of P, at most the shorter side; None, in a group: all its parameters are AdamW's.
    update_gap : steps from one projector to the next.
    alpha : factor of what is projected back.
    betas, eps : of the moments, and of AdamW (`steepest.optim.AdamW`) for vectors and scalars.
    weight_decay : decoupled: a number, or one per parameter.
    projection : how P is found, "randomized" with oversampling and power_iterations, or "svd": see
        `steepest.polar.leading_subspace`.
    maximize, rounding, state_dtype, master_weights : as in the other optimizers.
    seed : of the sketches, which it determines with step and parameter, and of stochastic rounding.

    States: projector, of single precision where the parameter is not double; exp_avg and
    exp_avg_sq, in the shape of R. Beside them and the gradient a step takes memory for one
    parameter matrix in single or double, the largest, and for one in another dtype than that for
    its gradient too. state_dict and the rest are those of steepest.optim.Optimizer.

    All errors come before anything is changed; a gradient whose norm is not finite is one with
    max_grad_norm, and without it makes parameter and states NaN.
    """

    group_class: ClassVar[type[Group]] = GaLoreGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        rank: int | None = 128,
        update_gap: int = 200,
        alpha: float = 0.25,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: Any = 0.0,
        projection: str = "randomized",
        oversampling: int = 8,
        power_iterations: int = 2,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)


class Fira(LowRankOptimizer):
    """GaLore's step and, beside it, the rest of the gradient at the scale of Adam's step.

    With R, P and Adam's quotient psi of R as in `GaLore`: phi_j = ||psi_j|| / (||R_j|| + 1e-8) for
    each column of R = P^T G, or each row of R = G P; S = phi (G - alpha P R), divided by
    max(||S|| / (||S before|| + 1e-8), limiter) / limiter;
    p = (p - lr c (alpha P psi + S)) (1 - lr weight_decay).

    Chen et al., arXiv 2410.01623, in the form of the authors' FiraAdamW, of which the defaults are;
    with alpha = 1 the paper's equations. One difference: after a step with S = 0 (a zero gradient)
    the next S is not limited, like the first; in the code it begins again at 1e-8.

    params : an array, a list or dict of arrays, or a list of group dicts. In host memory.
        Convolution kernels (out, in, k...) in C order are matrices (out, in k...).
    lr : learning rate: a number, or one per parameter.
    rank : columns of P, at most the shorter side; None, in a group: all its parameters are AdamW's.
    update_gap : steps from one projector to the next.
    alpha : factor of what is projected back; 0.25 in the authors' runs of LLaMA.
    limiter : gamma, at least 1, the most that the norm of S grows from step to step; None: no
        limit.
    betas, eps : of the moments, and of AdamW (`steepest.optim.AdamW`) for vectors and scalars.
    weight_decay : decoupled: a number, or one per parameter.
    projection, oversampling, power_iterations, seed : as in `GaLore`.
    maximize, rounding, state_dtype, master_weights : as in the other optimizers.

    States: those of `GaLore`, and residual_norm, the norm of S, of shape (1, 1). Memory and errors
    as there. state_dict and the rest are those of steepest.optim.Optimizer.
    """

    group_class: ClassVar[type[Group]] = FiraGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        rank: int | None = 128,
        update_gap: int = 200,
        alpha: float = 1.0,
        limiter: float | None = 1.01,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: Any = 0.0,
        projection: str = "randomized",
        oversampling: int = 8,
        power_iterations: int = 2,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)


def low_rank_rule(cls: type, name: str, *own: Stream) -> Rule:
    """The row of a class with the states that all of them have."""
    streams = (
        Stream("projector", "element", "matrix", False, "P, of matrices", like_param=True),
        Stream("exp_avg", "element", "any", False, "first moment, of R or of the gradient"),
        Stream("exp_avg_sq", "element", "any", False, "second moment, likewise"),
        *own,
    )
    return rule_of(cls, name, streams)


GaLore.rule = low_rank_rule(GaLore, "galore")
Fira.rule = low_rank_rule(
    Fira,
    "fira",
    Stream(RESIDUAL_NORM, "tensor", "matrix", False, "norm of S, of matrices", like_param=True),
)
