"""Sophia: clipped steps over a lazily renewed average of the Hessian's diagonal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _arrays, _elements
from ..polar import arguments
from . import structure
from .diagonal import (
    HESSIAN,
    CurvatureOptimizer,
    Entry,
    Values,
    all_finite,
    native_rule,
)
from .probing import ProbingGroup, ProbingOptimizer
from .streams import on_its_stream

SAMPLED = "sampled_grads"


class SophiaHGroup(ProbingGroup):
    """Gaussian random vectors, or signs."""

    def distribution(self) -> str:
        return str(self.options["distribution"])

    def signed(self, values: Values) -> Values:
        # The rule goes down -f, whose Hessian is -H.
        return -values if self.options["maximize"] else values


class SophiaH(ProbingOptimizer):
    """Momentum over an average of the Hessian's diagonal, clipped per element; Hutchinson's
    estimate.

    Every k = hessian_update_interval steps h = beta2 h + (1 - beta2) u * (H u) with Gaussian u;
    m = beta1 m + (1 - beta1) g; p = p (1 - lr weight_decay) - lr clip(m / max(rho h, eps), 1).
    Where h is negative the step is lr sign(m), up to elements of m below eps.

    Liu, Li, Hall, Liang and Ma, arXiv 2305.14342, algorithms 1 and 3; rho is their gamma.

        opt = steepest.optim.SophiaH(params)
        opt.step(grads, hvp)  # hvp(u) returns the product of the Hessian with u

    params : an array, a list or dict of arrays, or a list of group dicts; in host memory or on a
        CUDA device, where a step that takes an estimate waits for each product.
    lr : learning rate, the largest step of an element: a number, or one per parameter.
    betas : decay rates of the momentum and of the diagonal's average.
    rho : factor of h. The smaller, the more elements are clipped: the authors tune for 50 to 90 %.
    eps : the least denominator.
    hessian_update_interval : steps from one estimate to the next.
    probes : random vectors, and so products, per estimate.
    distribution : "gaussian" as published, or "rademacher", of smaller variance.
    denominator : "max" of rho h and eps as published, or their "sum".
    weight_decay : a number, or one per parameter.
    decoupled_weight_decay : p *= 1 - lr weight_decay, instead of adding weight_decay p to g.
    cautious_weight_decay : of a decoupled decay, leave out the elements that the step moves away
        from 0 (arXiv 2510.12402).
    maximize, rounding, state_dtype, master_weights : as in the other optimizers.
    seed : of the random vectors, and of the stochastic rounding.

    States: exp_avg, exp_hessian_diag, and hessian, the latest estimate. state_dict and the rest are
    those of steepest.optim.Optimizer; all errors come before anything is changed.
    """

    group_class = SophiaHGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-4,
        *,
        betas: tuple[float, float] = (0.96, 0.99),
        rho: float = 0.01,
        eps: float = 1e-12,
        hessian_update_interval: int = 10,
        probes: int = 1,
        distribution: str = "gaussian",
        denominator: str = "max",
        weight_decay: Any = 0.1,
        decoupled_weight_decay: bool = True,
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


class SophiaG(CurvatureOptimizer):
    """Momentum over an average of the Gauss-Newton matrix's diagonal, clipped per element; the
    estimate of Bartlett.

    Every k = hessian_update_interval steps h = beta2 h + (1 - beta2) B ghat * ghat, where ghat is
    the gradient of the mean loss over B examples on labels drawn from the model's own distribution;
    m = beta1 m + (1 - beta1) g; p = p (1 - lr weight_decay) - lr clip(m / max(rho h, eps), 1).

    Liu, Li, Hall, Liang and Ma, arXiv 2305.14342, algorithms 2 and 3; rho is their gamma.

        opt = steepest.optim.SophiaG(params)
        opt.step(grads, sampled_grads, batch_size=len(batch))  # functions or arrays

    params, lr, betas, rho, eps, hessian_update_interval, denominator, weight_decay,
    decoupled_weight_decay, cautious_weight_decay, maximize, rounding, seed, state_dtype,
    master_weights : as in SophiaH.
        denominator="sum" and eps=1e-15 are the authors' code.

    States: exp_avg, exp_hessian_diag, and hessian, the latest estimate. state_dict and the rest are
    those of steepest.optim.Optimizer; all errors come before anything is changed.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-4,
        *,
        betas: tuple[float, float] = (0.965, 0.99),
        rho: float = 0.04,
        eps: float = 1e-12,
        hessian_update_interval: int = 10,
        denominator: str = "max",
        weight_decay: Any = 0.1,
        decoupled_weight_decay: bool = True,
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

    @on_its_stream
    def step(
        self,
        grads: structure.Gradients = None,
        sampled_grads: structure.Gradients | Callable[[], structure.Gradients] = None,
        *,
        batch_size: float | None = None,
        hessian: Any = None,
        grad_scale: Any = None,
        max_grad_norm: float | None = None,
        max_tensor_norm: float | None = None,
        max_grad_value: float | None = None,
        skip_nonfinite: bool = False,
        stream: Any = None,
    ) -> bool:
        """Updates all parameters of all groups, at first the estimate where one is due.

        grads, grad_scale, max_grad_norm, max_tensor_norm, max_grad_value, skip_nonfinite : as in
            `steepest.optim.Optimizer.step`.
            Neither scale nor clipping is applied to sampled_grads.
        sampled_grads : the gradients on sampled labels, in the structure of the parameters and of
            any float dtype, or a function without arguments that returns them, which is called
            only when an estimate is due. Entries of parameters that take none may be None.
        batch_size : B, the number of examples that sampled_grads are a mean over.
        hessian : the diagonal instead of both, as estimated by other means.
        stream : where all work on a device is enqueued; meanwhile the framework's current one, for
            functions of the caller, too. None: that is the one as it is.

        The coming step of a parameter takes an estimate if the number of its steps so far is a
        multiple of hessian_update_interval: `hessian_due` tells.

        Returns whether the step was applied. Raises TypeError and ValueError as Optimizer.step
        does; for neither or both of sampled_grads and hessian when an estimate is due, and for
        arrays when none is; for another structure, dtype or shape, a NaN or an infinity. Then
        nothing has been changed.
        """
        parts = self._parts(grads)
        entries = self._due(parts)
        if sampled_grads is not None and hessian is not None:
            raise ValueError(f"{HESSIAN}: given beside {SAMPLED}, expected one of them")
        estimates = self._estimates(entries, sampled_grads, batch_size, hessian)
        options = {
            "grad_scale": grad_scale,
            "max_grad_norm": max_grad_norm,
            "max_tensor_norm": max_tensor_norm,
            "max_grad_value": max_grad_value,
            "skip_nonfinite": skip_nonfinite,
        }
        return self._stepped(entries, estimates, lambda: self._run(parts, options, stream))

    def _estimates(
        self, entries: Sequence[Entry], sampled: Any, batch_size: Any, hessian: Any
    ) -> list[Values]:
        if not entries:
            given = None if callable(sampled) else sampled
            self._checked_not_given(sampled_grads=given, hessian=hessian)
            return []
        if hessian is not None:
            return self._given(hessian, entries, HESSIAN)
        if sampled is None:
            raise ValueError(
                f"{SAMPLED}: None given, expected gradients on sampled labels (or hessian) at a "
                "step that takes an estimate"
            )
        factor = _batch_size(batch_size)
        found = self._given(sampled() if callable(sampled) else sampled, entries, SAMPLED)
        labels = [self._like().label(e.position, SAMPLED) for e in entries]
        return all_finite([_bartlett(values, factor) for values in found], labels)


def _batch_size(given: float | None) -> float:
    if given is None:
        raise ValueError("batch_size: None given, expected the number of examples")
    return arguments.between("batch_size", given, 0.0, float("inf"))


def _bartlett(gradient: Values, batch_size: float) -> Values:
    """B ghat^2, in the precision of the state."""
    with np.errstate(over="ignore"):
        squares = batch_size * _elements.square(gradient)
    return _elements.floats(squares, _arrays.dtype_name(gradient))


SophiaH.rule = native_rule(SophiaH, "sophia")
SophiaG.rule = native_rule(SophiaG, "sophia")
