"""Natural gradients: steps along the solution of a damped system with the Fisher matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from .. import _elements
from .._arrays import Array
from ..curvature.solutions import CGSolution, FisherSolution
from ..curvature.vectors import is_finite, joined, zeros
from . import structure
from .base import Optimizer
from .composite import shared_options
from .diagonal import native_rule, structure_of
from .group import Group
from .natural_group import SHARED, SOLUTION, NaturalGroup, dtype_of, vector
from .natural_systems import Bounds, Solved, System, check_fisher, factored, iterated
from .oasis_rate import checked, scale_of
from .streams import on_its_stream
from .table import UNUSED, Stream

Parts = Sequence[Sequence[Array | None]]


class NaturalGradient(Optimizer):
    """Steps along x with (F + damping I) x = g, F the Fisher matrix or one that stands in for it.

    buf = momentum buf + x, at first x; p = p - lr buf. F is (1 / b) sum_i g_i g_i^T of per-sample
    gradients (solver "woodbury"), or known by its products with vectors ("cg", "euler").

    Amari, Neural Computation 10 (1998); the damped systems and these solvers are the digital
    equivalents of Donatella et al., arXiv 2405.13817. The start from the last solution is that of
    Martens, ICML 2010; the factor before it is an option of this class.

        opt = steepest.optim.NaturalGradient(params, 0.1, damping=1e-2)
        opt.step(grads, per_sample_grads)
        opt = steepest.optim.NaturalGradient(params, 0.1, solver="cg")
        opt.step(grads, lambda v: fisher_times(v))

    params : an array, a list or dict of arrays, or a list of group dicts; in host memory or on a
        CUDA device, where vectors are there, each iteration waits for its dot products, and the
        small matrix of "woodbury" is factored on the host. The system is one over all parameters of
        all groups.
    lr : learning rate: a number, or one per parameter.
    damping : more than 0, each group its own.
    solver : "woodbury" factors the smaller of the matrices (samples, samples) and that of F; "cg"
        iterates by conjugate gradients; "euler" follows dx = (g - (F + damping I) x) dt, as the
        analog device of the article does, by Euler's steps. This option and the next six are the
        same for all groups.
    tol, max_iter : iterations end at a residual of tol |g|, or after max_iter of them; `solution`
        tells which. Truncated solutions are common.
    time_step : dt, less than 2 over the largest eigenvalue of F + damping I.
    warm_start : where they start: this times the last solution, a factor from 0 to 1.
    check_symmetry : test the function by two products more at each step.
    kl_clip : bound on s^T (F + damping I) s for s = lr x, twice what the Kullback-Leibler
        divergence of the model's outputs is to second order, damping aside: larger x are scaled
        down to it, before momentum (Ba, Grosse and Martens, ICLR 2017). One product more with
        a function. None: no bound.
    momentum, nesterov : as in SGD, of solutions.
    weight_decay : a number, or one per parameter.
    decoupled_weight_decay : p *= 1 - lr weight_decay, instead of adding weight_decay p to g.
    cautious_weight_decay : of a decoupled decay, leave out the elements that the step moves away
        from 0 (arXiv 2510.12402).
    maximize, rounding, seed, state_dtype, master_weights : as in the other optimizers.

    States: momentum_buffer where there is momentum, and, where iterations start warm, solution.
    state_dict and the rest are those of steepest.optim.Optimizer; all errors come before anything
    is changed. The last bits depend on the sums of NumPy, so on the machine.
    """

    group_class: ClassVar[type[Group]] = NaturalGroup
    _solution: CGSolution | FisherSolution | None = None

    def __init__(
        self,
        params: Any,
        lr: Any = 0.1,
        *,
        damping: float = 1e-2,
        solver: str = "woodbury",
        tol: float = 1e-3,
        max_iter: int = 50,
        time_step: float = 0.1,
        warm_start: float = 1.0,
        check_symmetry: bool = False,
        kl_clip: float | None = None,
        momentum: float = 0.0,
        nesterov: bool = False,
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
    def solution(self) -> CGSolution | FisherSolution | None:
        """What was found at the last step that solved a system, before it was clipped: x in the
        structure of the parameters (a list for group dicts), zero at those without a gradient."""
        return self._solution

    @on_its_stream
    def step(
        self,
        grads: structure.Gradients = None,
        fisher: Any = None,
        *,
        samples: int | None = None,
        grad_scale: Any = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool:
        """Updates all parameters of all groups along the solution of one system.

        grads, grad_scale, max_grad_norm, max_tensor_norm, max_grad_value, skip_nonfinite : as in
            `steepest.optim.Optimizer.step`, of g. A parameter whose gradient is None is left out of
            the system.
        fisher : solver "woodbury": the gradients of samples in the structure of the parameters (a
            list for group dicts), each (rows, *shape) of float32 or float64 with the same number of
            rows; entries of parameters without a gradient may be None. On the data's labels they
            make the empirical Fisher matrix, on labels drawn from the model the Fisher matrix; rows
            of L^(1/2) J the Gauss-Newton matrix. Other solvers: a function v -> F v on that
            structure, in float32, or float64 of float64 parameters; v is zero at parameters without
            a gradient, and comes times powers of two, see `steepest.curvature.conjugate_gradient`.
            See also `gauss_newton_product` and `empirical_fisher_product` there.
        samples : b, for "woodbury"; None: the number of rows.
        stream : where all work on a device is enqueued; meanwhile the framework's current one, for
            functions of the caller, too. None: that is the one as it is.

        Returns whether the step was applied. Raises TypeError and ValueError as Optimizer.step
        does; for gradients with a NaN or an infinity, unless they are skipped; for another
        structure, kind, dtype or shape of fisher or what it returns, or a NaN or an infinity there;
        for a function found not to be symmetric; for options that groups do not share;
        NotPositiveDefiniteError as `conjugate_gradient` and `fisher_solve` do. Then nothing has
        been changed.
        """
        groups = self._natural()
        for group in groups:
            group.ready()
        shared = shared_options(self.param_groups, SHARED)
        parts = self._parts(grads)
        bounds = Bounds(max_grad_norm, max_tensor_norm, max_grad_value)
        system, bad = self._system(parts, scale_of(grad_scale), bounds)
        check_fisher(fisher, samples, shared["solver"])
        if bad and skip_nonfinite:
            return False
        if bad:
            raise ValueError(f"{bad[0]}: a NaN or an infinity given, expected finite numbers")
        solved: Solved | None = None
        directions: Parts = parts  # without an element these step nothing
        if system.has_elements():
            solved = self._solved(system, fisher, samples, shared)
            directions = self._directions(system, solved, shared["kl_clip"])
        applied = bool(self._run(directions, {}, stream))
        if solved is not None:
            self._keep(system, solved)
        return applied

    # ---- the system

    def _system(self, parts: Parts, scale: float, bounds: Bounds) -> tuple[System, list[str]]:
        """The system for these gradients, and the labels of those that are not finite."""
        of = structure_of(self._groups, self._structure, self._names)
        of = replace(of, dtypes=tuple(dtype_of(array) for array in of.arrays))
        given = [grad for part in parts for grad in part]
        if len(given) != len(of.shapes):
            raise ValueError(f"grads: {len(given)} given, expected {len(of.shapes)}")
        active = [i for i, grad in enumerate(given) if grad is not None]
        grads = {i: vector(checked(given, of, i, "grads")) for i in active}
        bad = []
        if _elements.first_not_finite(list(grads.values())) is not None:
            bad = [i for i in active if not is_finite(grads[i])]
        if not bad:
            grads = bounds.applied(grads, scale)
        damping, right = [], []
        for group in self._natural():
            sign = -1.0 if group.options["maximize"] else 1.0
            for place, decay in enumerate(group.decays()):
                i = group.first + place
                none = zeros(group.views[place], of.sizes[i])
                damping.append(none + float(group.options["damping"]))
                right.append(sign * grads[i] + decay * group.point(place) if i in grads else none)
                if i in grads and i not in bad and not is_finite(right[-1]):
                    raise ValueError(
                        f"{of.label(i, 'grads')}: no finite numbers, expected them of grads / "
                        "grad_scale + weight_decay * params"
                    )
        system = System(of, active, joined(damping), joined(right))
        return system, [of.label(i, "grads") for i in bad]

    def _solved(self, system: System, fisher: Any, samples: Any, shared: dict[str, Any]) -> Solved:
        if shared["solver"] == "woodbury":
            return factored(system, fisher, samples)
        starts = [g.start(i) for g in self._natural() for i in range(len(g.views))]
        return iterated(system, fisher, joined(starts), shared)

    def _directions(self, system: System, solved: Solved, bound: float | None) -> Parts:
        """The solution as arrays, scaled down to the bound; None without a gradient."""
        rates = [rate for group in self._natural() for rate in group.numbers("lr")]
        step = joined(
            [rate * part for rate, part in zip(rates, system.parts(solved.x), strict=True)]
        )
        square = 0.0 if bound is None else solved.square(step)
        factor = 1.0 if bound is None or square <= bound else math.sqrt(bound / square)
        values = system.parts(factor * solved.x)
        active = set(system.active)
        return [
            [
                group.direction(i, values[group.first + i]) if group.first + i in active else None
                for i in range(len(group.views))
            ]
            for group in self._natural()
        ]

    def _keep(self, system: System, solved: Solved) -> None:
        """Remembers the solution, here and in the states."""
        self._solution = solved.report
        values, active = system.parts(solved.x), set(system.active)
        for group in self._natural():
            for i in range(len(group.views)):
                if group.first + i in active:
                    group.keep(i, values[group.first + i])

    def _natural(self) -> list[NaturalGroup]:
        return [group for group in self._groups if isinstance(group, NaturalGroup)]


NaturalGradient.rule = native_rule(NaturalGradient, "sgd")
NaturalGradient.rule = replace(
    NaturalGradient.rule,
    streams=(
        *NaturalGradient.rule.streams,
        Stream(SOLUTION, "element", "any", True, "where iterations start"),
    ),
    unused={
        **UNUSED["sgd"],
        SOLUTION: lambda options: options["solver"] == "woodbury" or options["warm_start"] == 0,
    },
)
