"""GradNormLoRP: weight normalisation whose direction is trained in a subspace of its gradient."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from ..polar import arguments
from .fira import low_rank_rule
from .group import Group
from .low_rank import LowRankOptimizer
from .low_rank_group import PROJECTOR, LowRankGroup, Step
from .projection import Matrix, expand
from .table import Stream

FORMS = ("paper", "code")
DIRECTION, MAGNITUDE = "direction", "magnitude"
_MAGNITUDE_MOMENTS = ("magnitude_exp_avg", "magnitude_exp_avg_sq")

Column = NDArray[np.float64]


class GradNormLoRPGroup(LowRankGroup):
    """Matrices are magnitude times direction, row by row; both have moments."""

    def check(self) -> None:
        super().check()
        arguments.one_of("form", self.options["form"], FORMS)

    def projected_gradient(self, i: int, step: Step) -> tuple[Matrix, float]:
        """The gradient of v. In the code's form it is that of the weights."""
        if self.options["form"] == "code":
            return super().projected_gradient(i, step)
        lengths, along = self._lengths(i), self._along(i, step)
        out = self.whole(i, step)
        scale = self.state(MAGNITUDE, i)[:, 0] / lengths
        radial = along / lengths
        self._weight_norm(i, out, step.grad, self.states[DIRECTION][i], (scale, radial), step)
        return out, 1.0

    def move(self, i: int, step: Step) -> None:
        if self.options["form"] == "code":
            self.state(MAGNITUDE, i)[:, 0] = self._lengths(i)
        magnitude_gradient = self._along(i, step)
        gradient, factor = self.projected_gradient(i, step)
        _, quotient = self.adam(i, gradient, factor, step)
        self._move_direction(i, quotient, step)
        self._move_magnitude(i, magnitude_gradient, step)
        self._write(i, step)

    def _move_direction(self, i: int, quotient: Matrix, step: Step) -> None:
        shape, dtype = self.shape(i), self.computed(i)
        whole = self.whole(i, step)
        expand(self.state(PROJECTOR, i), quotient, whole, alpha=float(self.options["alpha"]))
        ones = np.ones((shape[0], 1), dtype), np.ones((1, shape[1]), dtype)
        self.descend(self.states[DIRECTION][i], whole, ones, i, step)

    def _move_magnitude(self, i: int, gradient: Column, step: Step) -> None:
        rows, dtype = self.shape(i)[0], self.computed(i)
        column = gradient.astype(dtype)[:, None]
        quotient = np.empty_like(column)
        self.adam_direction(quotient, column, _MAGNITUDE_MOMENTS, i, step)
        ones = np.ones((rows, 1), dtype), np.ones((1, 1), dtype)
        self.descend(self.states[MAGNITUDE][i], quotient, ones, i, step)

    def _write(self, i: int, step: Step) -> None:
        """w = magnitude v / |v|, to the parameter and what is rounded from it."""
        param, copy = self._written(i)
        names = ("params",) if copy is None else ("params", "working_copy")
        keywords = {} if copy is None else {"working_copy": copy}
        scale = self.state(MAGNITUDE, i)[:, 0] / self._lengths(i)
        ones, zeros = _columns((scale, np.zeros(len(scale))), self.computed(i))
        direction = self.states[DIRECTION][i]
        kernel = self.stage("weight_norm", i, step)
        kernel(param, direction, None, ones, zeros, rounding=self._rounding(names), **keywords)

    def _lengths(self, i: int) -> Column:
        """|v| of each row."""
        found: Column = np.sqrt(_core.line_sums(self.states[DIRECTION][i], None, 1))
        return found

    def _along(self, i: int, step: Step) -> Column:
        """<g, v> / |v| of each row: the gradient of the magnitudes."""
        products = _core.line_sums(step.grad, self.states[DIRECTION][i], 1)
        found: Column = products * self._sign(step) / self._lengths(i)
        return found

    def _sign(self, step: Step) -> float:
        """What the gradient is multiplied by."""
        return (-1.0 if self.options["maximize"] else 1.0) / step.scale

    def _weight_norm(
        self,
        i: int,
        out: Matrix,
        grad: Any,
        v: Any,
        columns: tuple[Column, Column],
        step: Step,
    ) -> None:
        """out = scale (g - radial v), where g is scaled and turned as a step has it."""
        options = {"grad_scale": step.scale, "maximize": self.options["maximize"]}
        numbers = _columns(columns, self.computed(i))
        self.stage("weight_norm", i, step)(out, grad, v, *numbers, **options)

    # ---- states

    def own_state(self, stream: Stream, i: int) -> tuple[tuple[int, ...], str]:
        if stream.name == DIRECTION:
            return self.shape(i), self.computed(i)
        if stream.name == MAGNITUDE:
            return (self.shape(i)[0], 1), self.computed(i)
        if stream.name in _MAGNITUDE_MOMENTS:
            double = self.computed(i) == "float64"
            dtype = "float64" if double else self.state_dtype[stream.name]
            return (self.shape(i)[0], 1), dtype
        return super().own_state(stream, i)

    def ensure_states(self, names: Collection[str]) -> None:
        new = [n for n in (DIRECTION, MAGNITUDE) if n in names and n not in self.states]
        super().ensure_states(names)
        for name in new:
            for i in range(len(self.views)):
                if self.is_projected(i):
                    self.reset_state(name, i)

    def reset_state(self, name: str, i: int) -> None:
        """Direction and magnitude begin as the parameter's own."""
        if name == DIRECTION:
            self._copy_param(i)
        elif name == MAGNITUDE:
            self._check_rows(i)
            self.state(MAGNITUDE, i)[:, 0] = self._lengths(i)
        else:
            super().reset_state(name, i)

    def _copy_param(self, i: int) -> None:
        direction, view = self.states[DIRECTION][i], self.views[i]
        if self.computed(i) == "float64":
            _arrays.as_numpy(direction)[...] = _arrays.as_numpy(view)
        else:
            _arrays.float32_copy(view, direction)

    def _check_rows(self, i: int) -> None:
        lengths = self._lengths(i)
        if (lengths == 0).any():
            raise ValueError(
                f"params[{self.first + i}]: row {int(np.argmin(lengths))} of zeros given, expected "
                "rows that have a direction; give such matrices to a group with rank=None"
            )


def _columns(values: tuple[Column, ...], dtype: str) -> list[Matrix]:
    return [value.astype(dtype)[:, None] for value in values]


class GradNormLoRP(LowRankOptimizer):
    """Weight normalisation, with Adam on the projected gradient of the direction.

    Every row of a matrix is w = delta v / |v|, both of which the optimizer keeps; what it is given
    is the gradient g of w. With form="paper", of delta it is <g, v> / |v|, of v it is
    delta / |v| (g - <g, v> v / |v|^2), without what would only lengthen v. The latter is projected
    as in `GaLore`, R = P^T G or G P, and with Adam's quotients psi and bias corrections c:
    v = (v - lr c alpha P psi(R)) (1 - lr weight_decay),
    delta = (delta - lr c psi(<g, v> / |v|)) (1 - lr weight_decay), w = delta v / |v|.

    form="code" is what the authors' LowRankWeightNormAdamW does: the gradient of v is g itself,
    along v too, and delta is |v| again at the start of each step, so that a change of delta is in
    w until the next step, and what is kept of the length is v's.

    Huang et al., arXiv 2412.19616: the normalised form of their equations, projected on one side
    as in their code, of which eps and the order of step and decay are. The factors I J that their
    paper adds to v are parameters of the model, not of a step that is given w, and neither they
    nor the projection on both sides are part of it.

    params : an array, a list or dict of arrays, or a list of group dicts. In host memory; no row
        of a matrix may be zero. Convolution kernels (out, in, k...) in C order are matrices
        (out, in k...).
    lr : learning rate: a number, or one per parameter.
    form : "paper" or "code".
    rank : columns of P, at most the shorter side; None, in a group: all its parameters are AdamW's,
        as vectors and scalars always are.
    update_gap : steps from one projector to the next.
    alpha : factor of what is projected back.
    betas, eps : of all moments, and of AdamW (`steepest.optim.AdamW`).
    weight_decay : of direction and magnitude: a number, or one per parameter.
    projection, oversampling, power_iterations, seed : as in `GaLore`.
    maximize, rounding, state_dtype, master_weights : as in the other optimizers.

    States: direction v and magnitude delta, of which the parameter is a result: after writing to a
    parameter yourself, call `copy_params_to_masters`; projector; exp_avg and exp_avg_sq, in the
    shape of R; magnitude_exp_avg and magnitude_exp_avg_sq. Memory and errors as in `GaLore`.
    state_dict and the rest are those of steepest.optim.Optimizer.
    """

    group_class: ClassVar[type[Group]] = GradNormLoRPGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        form: str = "paper",
        rank: int | None = 256,
        update_gap: int = 200,
        alpha: float = 1.0,
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

    def copy_params_to_masters(self) -> None:
        """Sets master weights, directions and magnitudes to the present values of the
        parameters."""
        super().copy_params_to_masters()
        for group in self._low_rank_groups():
            for i in group.projected:
                for name in (DIRECTION, MAGNITUDE):
                    group.reset_state(name, i)


GradNormLoRP.rule = low_rank_rule(
    GradNormLoRP,
    "gradnorm_lorp",
    Stream(DIRECTION, "element", "matrix", False, "v, of matrices", like_param=True),
    Stream(MAGNITUDE, "output", "matrix", False, "delta, of matrices", like_param=True),
    Stream(_MAGNITUDE_MOMENTS[0], "output", "matrix", False, "first moment of delta's gradient"),
    Stream(_MAGNITUDE_MOMENTS[1], "output", "matrix", False, "second moment of delta's gradient"),
)
