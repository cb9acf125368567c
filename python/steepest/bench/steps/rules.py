"""What each rule is given, what it moves and what it computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARAMS = "params"
GRADS = "grads"
COPY = "working_copy"
HESSIAN = "hessian"
KD_GRAD = "kd_grad"


@dataclass(frozen=True)
class Pass:
    """One walk over memory: streams that are read, updated in place, and only written."""

    read: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleFacts:
    """A rule as the benchmark runs it.

    ``reduce`` lists the passes that only read, before the pass that updates the parameter and the
    states; ``flops`` counts the operations per element of all passes together.
    """

    states: tuple[str, ...]
    hypers: Mapping[str, Any]
    flops: int
    reduce: tuple[Pass, ...] = ()
    vectors: tuple[str, ...] = ()  # states per row, column or tensor, left out of the count
    decoupled: bool = False
    needs_step: bool = True
    writes_params: bool = False  # without reading them
    inputs: tuple[str, ...] = ()  # of the states, those that are only read
    by_rows: bool = False  # sums over rows decide, so that the shape matters
    idle: tuple[str, ...] = ()  # and those that the step leaves alone
    outputs: tuple[str, ...] = ()  # and those that are only written

    def passes(self, *, clip: bool, copy: bool) -> tuple[Pass, ...]:
        """All walks over memory of one step."""
        unmoved = (*self.inputs, *self.outputs, *self.idle)
        moved = tuple(state for state in self.states if state not in unmoved)
        updated = moved if self.writes_params else (PARAMS, *moved)
        written = ((PARAMS,) if self.writes_params else ()) + ((COPY,) if copy else ())
        write = (*written, *self.outputs)
        update = Pass(read=(GRADS, *self.inputs), update=updated, write=write)
        norm = NORM_PASSES if clip else ()
        return (*norm, *self.reduce, update)


_MOMENTS = ("exp_avg", "exp_avg_sq")
_ADAM = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}


def _read(*streams: str) -> tuple[Pass, ...]:
    return (Pass(read=streams),)


# Operations of adamw per element: 3 for the first moment, 4 for the second, 3 for the denominator
# (root, scaling, eps), 3 for the step (rate, quotient, difference), 1 for the decay. The others
# likewise.
RULES: Mapping[str, RuleFacts] = {
    "sgd": RuleFacts(("momentum_buffer",), {"lr": 1e-3, "momentum": 0.9}, flops=4),
    "adam": RuleFacts(_MOMENTS, _ADAM, flops=13),
    "adamw": RuleFacts(_MOMENTS, {**_ADAM, "weight_decay": 1e-2}, flops=14, decoupled=True),
    "amsgrad": RuleFacts((*_MOMENTS, "max_exp_avg_sq"), _ADAM, flops=14),
    "adamax": RuleFacts(
        ("exp_avg", "exp_inf"), {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8}, flops=10
    ),
    "adagrad": RuleFacts(("sum",), {"lr": 1e-2, "eps": 1e-10}, flops=7),
    "lion": RuleFacts(
        ("exp_avg",),
        {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 1e-2},
        flops=10,
        decoupled=True,
        needs_step=False,
    ),
    "lamb": RuleFacts(
        _MOMENTS,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 1e-2},
        flops=34,
        reduce=_read(PARAMS, GRADS, *_MOMENTS),
    ),
    "c_adamw": RuleFacts(
        _MOMENTS,
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 1e-2},
        flops=21,
        reduce=_read(GRADS, "exp_avg"),
        decoupled=True,
    ),
    "c_lion": RuleFacts(
        ("exp_avg",),
        {"lr": 1e-4, "betas": (0.95, 0.98), "weight_decay": 1e-2},
        flops=17,
        reduce=_read(GRADS, "exp_avg"),
        decoupled=True,
        needs_step=False,
    ),
    "momentum": RuleFacts(
        ("momentum_buffer",),
        {"lr": 1.0, "momentum": 0.95},
        flops=7,
        needs_step=False,
        writes_params=True,
    ),
    "descend": RuleFacts((), {"lr": 1e-3, "weight_decay": 0.1}, flops=3, needs_step=False),
    "extrapolate": RuleFacts(
        ("point",),
        {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.1},
        flops=6,
        needs_step=False,
        writes_params=True,
    ),
    "adamuon": RuleFacts(
        ("second_moment",),
        {"lr": 1.0, "beta2": 0.95, "eps": 1e-8},
        flops=19,
        reduce=_read(GRADS, "second_moment"),
        needs_step=False,
        writes_params=True,
    ),
    "adahessian": RuleFacts(
        ("exp_avg", "exp_hessian_diag_sq", HESSIAN),
        {"lr": 0.15, "betas": (0.9, 0.999), "eps": 1e-4, "weight_decay": 5e-4},
        flops=14,
        decoupled=True,
        inputs=(HESSIAN,),
    ),
    # The first step of the benchmark, the tenth, takes an estimate in.
    "sophia": RuleFacts(
        ("exp_avg", "exp_hessian_diag", HESSIAN),
        {
            "lr": 1e-4,
            "betas": (0.965, 0.99),
            "rho": 0.04,
            "eps": 1e-12,
            "hessian_update_interval": 3,
            "weight_decay": 0.1,
        },
        flops=14,
        decoupled=True,
        inputs=(HESSIAN,),
    ),
    "oasis": RuleFacts(
        ("exp_hessian_diag", HESSIAN),
        {"lr": 1e-2, "beta2": 0.99, "alpha": 1e-5},
        flops=8,
        inputs=(HESSIAN,),
    ),
    # 3 for the first moment, 2 for the denominator (product, damping), 3 for the step.
    "adafisher": RuleFacts(
        ("exp_avg",),
        {"lr": 1e-3, "beta": 0.9, "damping": 1e-3},
        flops=8,
        vectors=("output_factor", "input_factor"),
    ),
    "nadam": RuleFacts(_MOMENTS, {**_ADAM, "lr": 2e-3, "momentum_decay": 4e-3}, flops=15),
    "radam": RuleFacts(_MOMENTS, _ADAM, flops=12),
    "rmsprop": RuleFacts(
        ("square_avg", "momentum_buffer"),
        {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "momentum": 0.9},
        flops=11,
        needs_step=False,
    ),
    "adadelta": RuleFacts(
        ("square_avg", "acc_delta"),
        {"lr": 1.0, "rho": 0.9, "eps": 1e-6},
        flops=16,
        needs_step=False,
    ),
    "rprop": RuleFacts(
        ("prev", "step_size"),
        {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50.0)},
        flops=9,
    ),
    "signum": RuleFacts(
        ("momentum_buffer",),
        {"lr": 1e-4, "momentum": 0.9, "weight_decay": 1e-2},
        flops=7,
        decoupled=True,
        needs_step=False,
    ),
    "adan": RuleFacts(
        ("exp_avg", "exp_avg_diff", "exp_avg_sq", "last_grad"),
        {"lr": 1e-3, "betas": (0.98, 0.92, 0.99), "eps": 1e-8, "weight_decay": 0.02},
        flops=24,
    ),
    "ademamix": RuleFacts(
        ("exp_avg_slow", "exp_avg_sq", "exp_avg"),
        {
            "lr": 1e-3,
            "betas": (0.9, 0.999, 0.9999),
            "eps": 1e-8,
            "alpha": 5.0,
            "weight_decay": 0.1,
        },
        flops=19,
        decoupled=True,
    ),
    "adopt": RuleFacts(_MOMENTS, {"lr": 1e-3, "betas": (0.9, 0.9999), "eps": 1e-6}, flops=15),
    "mars": RuleFacts(
        (*_MOMENTS, "last_grad"),
        {"lr": 3e-3, "betas": (0.95, 0.99), "eps": 1e-8, "gamma": 0.025, "weight_decay": 0.1},
        flops=23,
        reduce=_read(GRADS, "last_grad"),
        decoupled=True,
    ),
    # Without the draw, one number for all elements, so that rivals make the same step.
    "random_sgdm": RuleFacts(
        ("delta",), {"lr": 1e-3, "beta": 0.99, "mu": 100.0, "scaling": "none"}, flops=5
    ),
    "random_adamw": RuleFacts(
        _MOMENTS, {**_ADAM, "weight_decay": 1e-2, "scaling": "none"}, flops=14
    ),
    # A product and a sum for the norm, a product and a difference for the step.
    "adagrad_norm": RuleFacts(
        (),
        {"lr": 1.0, "eps": 1e-10},
        flops=4,
        reduce=_read(GRADS),
        vectors=("square_sum",),
        needs_step=False,
    ),
    # With a delta that no cosine reaches, so that every row is projected. 11 operations for the
    # direction in each pass, 8 for the sums, 5 for projection, decay and step.
    "adamp": RuleFacts(
        _MOMENTS,
        {**_ADAM, "delta": 1e6, "weight_decay": 1e-2},
        flops=35,
        reduce=_read(PARAMS, GRADS, *_MOMENTS),
        by_rows=True,
    ),
    "sgdp": RuleFacts(
        ("momentum_buffer",),
        {"lr": 1e-3, "momentum": 0.9, "delta": 1e6, "weight_decay": 1e-4},
        flops=18,
        reduce=_read(PARAMS, GRADS, "momentum_buffer"),
        needs_step=False,
        by_rows=True,
    ),
    # The step alone; 2 more in each moment for the distance, and the sum of gradients.
    "prodigy": RuleFacts(
        (*_MOMENTS, "s", "p0"),
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "distance": (0.5, 0.5), "d0": 0.5},
        flops=15,
        needs_step=False,
        idle=("p0",),
    ),
    # One pass for the maxima, 4 operations in it (square, smaller bound, sum, larger of two).
    "sm3": RuleFacts(
        ("momentum_buffer",),
        {"lr": 0.1, "momentum": 0.9, "eps": 1e-10},
        flops=14,
        reduce=_read(GRADS),
        vectors=("row_max", "col_max"),
        needs_step=False,
    ),
    # 4 for the two norms; 2 for the decay, 3 for the momentum, 2 for the step.
    "lars": RuleFacts(
        ("momentum_buffer",),
        {"lr": 1.0, "momentum": 0.9, "trust_coefficient": 1e-3, "weight_decay": 5e-4},
        flops=11,
        reduce=_read(PARAMS, GRADS),
        needs_step=False,
    ),
    # Adam's 13, 5 for d1, 6 for d2 with the square, 3 for m + g and the products with both.
    "exadam": RuleFacts(_MOMENTS, _ADAM, flops=27),
    "dot": RuleFacts(
        ("momentum_buffer", "momentum_kd_buffer", KD_GRAD),
        {"lr": 1e-2, "momentum": 0.9, "delta": 0.075},
        flops=7,
        needs_step=False,
        inputs=(KD_GRAD,),
    ),
    "interpolate": RuleFacts((), {"lr": 1e-3}, flops=3, needs_step=False),
    # 3 for the average, 2 each for the decay and the two steps; from the second step on.
    "schedule_free_sgd": RuleFacts(
        ("z",), {"lr": 1.0, "momentum": 0.9, "weight_decay": 1e-2}, flops=9
    ),
    "schedule_free_adamw": RuleFacts(
        ("z", "exp_avg_sq"),
        {"lr": 2.5e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2},
        flops=16,
    ),
    # 3 for the average, 2 to add it, 1 for the rate.
    "grokfast_ema": RuleFacts(
        ("exp_avg",), {"lr": 1.0, "alpha": 0.98, "lamb": 2.0}, flops=6, writes_params=True
    ),
    # 2 for the sums, 2 to add them, 1 for the rate.
    "grokfast_ma": RuleFacts(
        ("prefix", "suffix", "newest"),
        {"lr": 1.0, "lamb": 5.0, "window": 8},
        flops=5,
        writes_params=True,
        inputs=("suffix",),
        outputs=("newest",),
    ),
    # The averages of the squares need one pass, the norms of parameter and update a second.
    "adafactor": RuleFacts(
        (),
        {"lr": 1e-2, "beta2_decay": -0.8, "eps": (None, 1e-3), "d": 1.0},
        flops=16,
        reduce=(*_read(GRADS), *_read(PARAMS, GRADS)),
        vectors=("row_var", "col_var"),
        decoupled=True,
    ),
}

# steepest.steps.grad_norm: one read of the gradients, a product and a sum per element.
NORM = "grad_norm"
NORM_FLOPS = 2
NORM_PASSES = _read(GRADS)
