"""The cases of the benchmark of the steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .rules import COPY, GRADS, NORM, NORM_FLOPS, NORM_PASSES, PARAMS, RULES, Pass, RuleFacts

# Options that bound norms of gradients, and the size of their elements.
NORM_BOUNDS = ("max_grad_norm", "max_tensor_norm")
VALUE_BOUND = "max_grad_value"

Shape = tuple[int, ...]
ITEMSIZE = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Case:
    """One thing to measure: a rule, the tensors it is applied to, and the way it is called."""

    name: str
    rule: str
    shapes: tuple[Shape, ...]
    impl: str = "steps"  # "steps": the functional call; "Plan"; "optim": the stateful class
    dtype: str = "float32"
    other_dtypes: Mapping[str, str] = field(default_factory=dict)  # streams stored otherwise
    options: Mapping[str, Any] = field(default_factory=dict)
    single_thread: bool = False
    in_memory: bool = True  # False: a case of latency, for which streams have no ceiling

    @property
    def facts(self) -> RuleFacts:
        return RULES[self.rule]

    @property
    def hypers(self) -> Mapping[str, Any]:
        return {} if self.rule == NORM else self.facts.hypers

    @property
    def elements(self) -> int:
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def streams(self) -> tuple[str, ...]:
        """Arrays with one value per element, in the order of the call."""
        if self.rule == NORM:
            return (GRADS,)
        copy = (COPY,) if COPY in self.other_dtypes else ()
        return (PARAMS, GRADS, *self.facts.states, *copy)

    @property
    def passes(self) -> tuple[Pass, ...]:
        if self.rule == NORM:
            return NORM_PASSES
        return self.facts.passes(clip=self.needs_norm, copy=COPY in self.other_dtypes)

    @property
    def needs_norm(self) -> bool:
        """Whether a pass over the gradients comes first."""
        return any(self.options.get(name) is not None for name in NORM_BOUNDS)

    @property
    def bytes(self) -> int:
        """Bytes read and written by one call."""
        per_element = sum(
            sum(self._itemsize(s) for s in (*p.read, *p.update, *p.update, *p.write))
            for p in self.passes
        )
        return per_element * self.elements

    @property
    def flops(self) -> int:
        per_element = NORM_FLOPS if self.rule == NORM else self.facts.flops
        if self.needs_norm:
            per_element += NORM_FLOPS + 1
        if self.options.get(VALUE_BOUND) is not None:
            per_element += 2
        return per_element * self.elements

    @property
    def dtype_label(self) -> str:
        """The storage types in use, as ``float32+bfloat16``."""
        return "+".join(dict.fromkeys([self.dtype, *self.other_dtypes.values()]))

    def dtype_of(self, stream: str) -> str:
        return self.other_dtypes.get(stream, self.dtype)

    def _itemsize(self, stream: str) -> int:
        return ITEMSIZE[self.dtype_of(stream)]


def cases(*, quick: bool, elements: int | None = None) -> tuple[Case, ...]:
    """All cases. ``elements`` is the size of the large tensors: 2^26, or 2^20 if ``quick``."""
    n = elements or (2**20 if quick else 2**26)
    return (*_large(n), *_storage(n), *_stages(n), *_small(), *_model(n, quick))


# Of AdamW: decay only what the step does not move outwards.
CAUTIOUS: Mapping[str, Any] = {"cautious_weight_decay": True}
# What the gradients of a case are clipped to: some of each.
BOUNDS = {"max_grad_norm": 1.0, "max_tensor_norm": 1.0, "max_grad_value": 0.5}

# The best known rules, and those that sum over each tensor first.
KNOWN = ("adamw", "lion", "sgd", "adam", "amsgrad", "adamax", "adagrad")
SUMMED = ("lamb", "c_adamw", "c_lion")
# Rules that are stages of Muon and its relatives.
STAGES = ("momentum", "descend", "extrapolate", "adamuon")
# Rules on a Hessian diagonal.
CURVATURE = ("adahessian", "sophia", "oasis")
# Rules whose states are one value per row and one per column.
FACTORED = ("adafactor", "adafisher", "sm3")
# Rules that sum over rows.
BY_ROWS = ("adamp", "sgdp")
# The other rules of the field that are one pass over the tensor, and those that are two.
FIELD = (
    "nadam",
    "radam",
    "rmsprop",
    "adadelta",
    "rprop",
    "signum",
    "adan",
    "ademamix",
    "adopt",
    "random_sgdm",
    "random_adamw",
    "prodigy",
    "exadam",
    "dot",
    "mars",
    "adagrad_norm",
    "lars",
    "interpolate",
    "schedule_free_sgd",
    "schedule_free_adamw",
    "grokfast_ema",
    "grokfast_ma",
)


def _large(n: int) -> Iterator[Case]:
    """One float32 tensor of n elements for every rule; for those with states or sums of rows and
    columns a square matrix of about n."""
    side = math.isqrt(n)
    for rule in (*KNOWN, *SUMMED, *STAGES, *CURVATURE, *FIELD):
        yield Case(f"{rule} {count(n)}", rule, ((n,),))
    for rule in (*FACTORED, *BY_ROWS):
        yield Case(f"{rule} {side}x{side}", rule, ((side, side),))
    for rule in ("adamw", "lion"):
        yield Case(f"{rule} {count(n)} 1 thread", rule, ((n,),), single_thread=True)


def _storage(n: int) -> Iterator[Case]:
    """AdamW with its arrays stored in other types."""
    moments = {"exp_avg": "bfloat16", "exp_avg_sq": "bfloat16"}
    rounding = {"rounding": "stochastic"}
    name, shapes = f"adamw {count(n)}", ((n,),)
    yield Case(f"{name} bf16 moments", "adamw", shapes, other_dtypes=moments)
    yield Case(
        f"{name} bf16 moments stochastic", "adamw", shapes, other_dtypes=moments, options=rounding
    )
    yield Case(f"{name} bf16", "adamw", shapes, dtype="bfloat16")
    yield Case(f"{name} bf16 copy", "adamw", shapes, other_dtypes={COPY: "bfloat16"})
    half = max(n // 2, 1)
    yield Case(f"adamw {count(half)} fp64", "adamw", ((half,),), dtype="float64")


def _stages(n: int) -> Iterator[Case]:
    """The bounds of the gradient, its norm alone, and the masked decay."""
    for name, bound in BOUNDS.items():
        yield Case(f"adamw {count(n)} {name}", "adamw", ((n,),), options={name: bound})
    yield Case(f"grad_norm {count(n)}", NORM, ((n,),))
    yield Case(f"adamw {count(n)} cautious", "adamw", ((n,),), options=CAUTIOUS)


def _small() -> Iterator[Case]:
    """Cases of overhead: arrays that stay in the caches."""
    many = ((1024,),) * 1000
    matrices = ((32, 32),) * 1000
    yield Case("adamw 1000 x 1024", "adamw", many, impl="Plan", in_memory=False)
    yield Case("adamw 1000 x 1024", "adamw", many, impl="optim", in_memory=False)
    for rule in (*KNOWN, *SUMMED, *STAGES, *CURVATURE, *FIELD):
        if rule != "adamw":
            yield Case(f"{rule} 1000 x 1024", rule, many, impl="Plan", in_memory=False)
    for rule in (*FACTORED, *BY_ROWS):
        yield Case(f"{rule} 1000 x 32x32", rule, matrices, impl="Plan", in_memory=False)
    yield Case("adamw 64", "adamw", ((64,),), impl="Plan", in_memory=False)
    yield Case("adamw 64", "adamw", ((64,),), in_memory=False)


def _model(n: int, quick: bool) -> Iterator[Case]:
    """The tensors of a whole network; of a narrower one of the same architecture when quick."""
    if quick or n < 2**26:
        shapes = gpt2_shapes(vocabulary=1024, context=64, width=64, blocks=12)
        yield Case("adamw GPT-2 narrow", "adamw", shapes, impl="Plan")
        return
    shapes = gpt2_shapes(vocabulary=50257, context=1024, width=768, blocks=12)
    yield Case("adamw GPT-2 124M", "adamw", shapes, impl="Plan")
    yield Case("adamw GPT-2 124M", "adamw", shapes, impl="optim")


def gpt2_shapes(*, vocabulary: int, context: int, width: int, blocks: int) -> tuple[Shape, ...]:
    """Parameter shapes of GPT-2: 12 tensors per block, two embeddings, the last normalisation."""
    norm = [(width,), (width,)]
    attention = [(width, 3 * width), (3 * width,), (width, width), (width,)]
    mlp = [(width, 4 * width), (4 * width,), (4 * width, width), (width,)]
    block: list[Shape] = [*norm, *attention, *norm, *mlp]
    return ((vocabulary, width), (context, width), *(block * blocks), *norm)


def count(n: int) -> str:
    """2^26 as 64M, 2^16 as 64K, others in digits."""
    for unit, size in (("M", 2**20), ("K", 2**10)):
        if n >= size and n % size == 0:
            return f"{n // size}M" if unit == "M" else f"{n // size}K"
    return str(n)
