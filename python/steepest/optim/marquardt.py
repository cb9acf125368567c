"""Levenberg-Marquardt: damped least squares with steps that are taken back if they do not pay."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import _core
from ..curvature.sampling import checked_callable
from ..curvature.solutions import MarquardtStep, NotPositiveDefiniteError
from ..curvature.structure import Structure
from ..curvature.vectors import Vector, dot, is_finite
from .base import Optimizer
from .composite import rule_of, shared_options
from .diagonal import structure_of
from .group import Group
from .marquardt_group import Damping, MarquardtGroup
from .marquardt_model import RESIDUALS, Model, residual_vector
from .streams import on_its_stream

_MOVING = ("damping", "growth")  # options that steps change
_NO_RATE = "LevenbergMarquardt has no lr: the damping takes its place"


class MarquardtReport(NamedTuple):
    """What a step of Levenberg and Marquardt did.

    loss : |r|^2 / 2 before it.
    new_loss : the same at the last trial; NaN where that had none.
    gain : the fall of the loss over the predicted one, at the last trial.
    gradient : the largest magnitude in J^T r, before the step.
    damping : of the last trial.
    tries : trials, the last one included.
    accepted : whether the last one was kept.
    """

    loss: float
    new_loss: float
    gain: float
    gradient: float
    damping: float
    tries: int
    accepted: bool


class LevenbergMarquardt(Optimizer):
    """Damped Gauss-Newton steps for sums of squares; the damping follows the gain.

    d solves (J^T J + damping D) d = -J^T r, r the residuals at p and J their derivatives. p = p + d
    is kept where gain = (|r(p)|^2 - |r(p + d)|^2) / (|r|^2 - |r + J d|^2) > min_gain, or else taken
    back, to the bit, and tried again with more damping.

    Levenberg (1944), Marquardt (1963). The update of the damping "nielsen" (Nielsen, report
    IMM-REP-1999-05; Madsen, Nielsen and Tingleff 2004): times max(1/3, 1 - (2 gain - 1)^3), and
    growth becomes 2; after a step taken back times growth, which doubles. "marquardt": over, or
    after a step taken back times, factor.

        opt = steepest.optim.LevenbergMarquardt(params)
        while opt.step(residuals, jacobian):
            pass

    params : an array, a list or dict of arrays, or a list of group dicts, of float32 or float64; in
        host memory or on a CUDA device, where residuals and Jacobian then are, too, and the matrix
        of the smaller side is factored on the host. All options are the same for all groups, whose
        parameters make one system.
    damping : of the first trial; `param_groups` holds the present one.
    scaling : "marquardt": D is the diagonal of J^T J, 1 where that is 0; None: D is the identity.
    update : of the damping, by its name.
    growth : what the next step taken back multiplies the damping by ("nielsen").
    factor : the same of "marquardt", both ways.
    min_damping, max_damping : where the damping ends. A singular system, as with J of deficient
        rank and a damping lost in rounding, counts as a step taken back.
    max_tries : solutions per step, all with one Jacobian.
    min_gain : steps that gain no more are taken back.

    No state but the options. There is no learning rate, and no decay: residuals
    sqrt(weight_decay) p beside the others have its effect. state_dict and the rest are those of
    steepest.optim.Optimizer. The last bits depend on the sums of NumPy, so on the machine.
    """

    group_class: ClassVar[type[Group]] = MarquardtGroup
    _report: MarquardtReport | None = None

    def __init__(
        self,
        params: Any,
        *,
        damping: float = 1e-3,
        scaling: str | None = "marquardt",
        update: str = "nielsen",
        growth: float = 2.0,
        factor: float = 10.0,
        min_damping: float = 1e-16,
        max_damping: float = 1e16,
        max_tries: int = 10,
        min_gain: float = 0.0,
    ) -> None:
        given = locals()
        super().__init__(params, **{name: given[name] for name in self.rule.defaults})

    @property
    def lr(self) -> Any:
        """Not there: the damping takes its place."""
        raise AttributeError(_NO_RATE)

    @lr.setter
    def lr(self, value: Any) -> None:
        raise AttributeError(_NO_RATE)

    @property
    def report(self) -> MarquardtReport | None:
        """Of the last step."""
        return self._report

    @on_its_stream
    def step(  # type: ignore[override]  # it needs functions, not gradients
        self,
        residuals: Callable[[Any], Any],
        jacobian: Callable[[Any], Any],
        *,
        stream: Any = None,
    ) -> bool:
        """Moves all parameters, if one of at most max_tries trials pays.

        residuals : function of the parameters, in the structure that they were given in (a list for
            group dicts), that returns r (m,) of float32 or float64. It gets the optimizer's own
            arrays, also at trials, so it may as well look at the parameters where they are.
        jacobian : function of the same that returns the derivatives of each residual in each
            parameter, in the same structure: (m, *shape) of float32 or float64; None for parameters
            that are to stay.
        stream : where all work on a device is enqueued; meanwhile the framework's current one, for
            both functions, too. None: that is the one as it is.

        residuals is called once, and once for every trial; jacobian once, before these. Either may
        give torch parameters other memory, of the same values (`.data`, as
        torch.nn.utils.vector_to_parameters does); where they are then they move.

        Returns whether the parameters have moved: False where no trial paid, as at a minimum;
        `report` tells more. The damping has then changed all the same, but where the gradient is 0.
        Residuals with a NaN or an infinity at a trial do not pay. Raises TypeError and ValueError
        for what is not a function, and for results of another structure, dtype or shape, or, where
        the step begins, with a NaN or an infinity. Then, and for errors of the functions, nothing
        has been changed.
        """
        checked_callable("residuals", residuals)
        checked_callable("jacobian", jacobian)
        self._present()
        options = shared_options(self.param_groups, tuple(self.rule.defaults))
        r = self._residuals(residuals, None)
        if not is_finite(r):
            raise ValueError(f"{RESIDUALS}: a NaN or an infinity given, expected finite numbers")
        derivatives = jacobian(self._packed())
        model = Model(self._present(), r, derivatives, options["scaling"])
        damping = Damping(options)
        report = self._tried(model, damping, lambda: self._residuals(residuals, int(r.shape[0])))
        for entry in self.param_groups:
            entry.update(damping=damping.value, growth=damping.growth)
        self._report = report
        return report.accepted

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Adds a group dict {"params": ..., option: ...}; options not in it have the optimizer's
        values, damping and growth those of the groups by now.

        Raises as the constructor does; then no group has been added.
        """
        if isinstance(group, dict):
            group = {**{name: self.param_groups[0][name] for name in _MOVING}, **group}
        super().add_param_group(group)

    def _present(self) -> Structure:
        """The parameters where they are by now: a torch parameter's memory may be another after
        any function of the user's. The groups' plans follow."""
        for group in self._marquardt():
            group.ready()
        return structure_of(self._groups, self._structure, self._names)

    def _residuals(self, residuals: Callable[[Any], Any], rows: int | None) -> Vector:
        """The residuals where the parameters are by now."""
        given = residuals(self._packed())
        return residual_vector(given, rows, self._present())

    def _packed(self) -> Any:
        """The parameters for the user's functions, in the structure that they were given in."""
        of = self._present()
        return of.pack(list(of.arrays))

    def _tried(
        self, model: Model, damping: Damping, residuals: Callable[[], Vector]
    ) -> MarquardtReport:
        """Trials until one pays."""
        new_loss = gain = math.nan
        accepted, tries, used = False, 0, damping.value
        while not accepted and tries < self.param_groups[0]["max_tries"]:
            tries, used = tries + 1, damping.value
            new_loss = gain = math.nan
            try:
                found = model.solved(used)
            except NotPositiveDefiniteError:
                damping.refused()
                continue
            if not found.predicted > 0:
                break
            new_loss, gain = self._trial(model, found, residuals)
            accepted = gain > self.param_groups[0]["min_gain"]
            damping.accepted(gain) if accepted else damping.refused()
        return MarquardtReport(
            model.loss, new_loss, gain, model.gradient, used, tries, bool(accepted)
        )

    def _trial(
        self, model: Model, found: MarquardtStep, residuals: Callable[[], Vector]
    ) -> tuple[float, float]:
        """The loss and the gain after a step, which is taken back where it does not pay."""
        self._present()
        groups = self._marquardt()
        directions = model.directions(found.step, groups)
        with ExitStack() as taken_back:
            for group in groups:
                taken_back.callback(group.put_back, group.copies())
            _core.run([g.trial(part) for g, part in zip(groups, directions, strict=True)])
            new = residuals()
            with np.errstate(over="ignore", invalid="ignore"):
                gain = dot(model.r - new, model.r + new) / 2 / found.predicted
                loss = dot(new, new) / 2
            gain = gain if math.isfinite(gain) else math.nan
            if gain > self.param_groups[0]["min_gain"]:
                taken_back.pop_all()
                for group, part in zip(groups, directions, strict=True):
                    group.advance(part)
        return loss, gain

    def _marquardt(self) -> list[MarquardtGroup]:
        return [group for group in self._groups if isinstance(group, MarquardtGroup)]


LevenbergMarquardt.rule = rule_of(LevenbergMarquardt, "levenberg_marquardt", ())
