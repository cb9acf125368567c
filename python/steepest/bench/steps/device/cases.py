"""The cases of the benchmark of the steps on a GPU."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..cases import (
    BOUNDS,
    BY_ROWS,
    CAUTIOUS,
    CURVATURE,
    FACTORED,
    FIELD,
    STAGES,
    Case,
    Shape,
    count,
    gpt2_shapes,
)
from ..rules import COPY, GRADS, NORM

EVENTS, LOOP, GRAPH = "events", "loop", "graph"

_MOMENTS = {"exp_avg": "bfloat16", "exp_avg_sq": "bfloat16"}
_STORAGE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "": ("float32", {}),
    " bf16": ("bfloat16", {}),
    " bf16 copy": ("float32", {GRADS: "bfloat16", COPY: "bfloat16"}),
}


@dataclass(frozen=True)
class DeviceCase(Case):
    """A case on a GPU.

    ``timing`` tells what a time means: EVENTS is GPU time of calls that follow one another, LOOP
    the time per call in a loop of the host until the device has finished, GRAPH the GPU time per
    step when a captured CUDA graph of steps is replayed.
    """

    timing: str = EVENTS
    phases: tuple[int, ...] = (0,)  # elements from a 16-byte boundary, of the streams in turn

    def phase_of(self, stream: int) -> int:
        """Elements by which the stream of that number starts behind a boundary."""
        return self.phases[stream % len(self.phases)]

    @property
    def is_elementwise(self) -> bool:
        """Whether an element's result depends on nothing but that element of each stream."""
        if self.rule == NORM or self.needs_norm:
            return False
        return not (self.facts.reduce or self.facts.vectors)

    @property
    def is_stochastic(self) -> bool:
        """Whether results depend on the position of an element."""
        return bool(self.options.get("rounding", "nearest") != "nearest")


def device_cases(*, quick: bool, elements: int | None = None) -> tuple[DeviceCase, ...]:
    """All cases. ``elements`` is the size of the largest tensors: 2^27, or 2^24 if ``quick``."""
    n = elements or (2**24 if quick else 2**27)
    half = max(n // 2, 1)
    return (
        *_storage(n),
        DeviceCase(f"adamw {count(max(n // 8, 1))}", "adamw", ((max(n // 8, 1),),), impl="Plan"),
        *_rules(half),
        *_stages(half),
        *_models(small=quick or elements is not None),
        *_small(),
    )


def _large(name: str, rule: str, n: int, **fields: object) -> DeviceCase:
    return DeviceCase(f"{rule} {count(n)}{name}", rule, ((n,),), impl="Plan", **fields)  # type: ignore[arg-type]


def _storage(n: int) -> Iterator[DeviceCase]:
    """AdamW and Lion in every scheme of storage."""
    for rule in ("adamw", "lion"):
        for name, (dtype, others) in _STORAGE.items():
            yield _large(name, rule, n, dtype=dtype, other_dtypes=others)
        moments = {k: v for k, v in _MOMENTS.items() if rule == "adamw" or k == "exp_avg"}
        yield _large(" bf16 moments", rule, n, other_dtypes=moments)


def _rules(n: int) -> Iterator[DeviceCase]:
    """The other rules in float32, one tensor each."""
    side = math.isqrt(n)
    moving = ("sgd", "adam", "amsgrad", "adamax", "adagrad", "lamb", "c_adamw", "c_lion")
    for rule in (*moving, *STAGES, *CURVATURE, *FIELD):
        yield _large("", rule, n)
    for rule in (*FACTORED, *BY_ROWS):
        yield DeviceCase(f"{rule} {side}x{side}", rule, ((side, side),), impl="Plan")


def _stages(n: int) -> Iterator[DeviceCase]:
    """What a driver does beside the rule, and the functional call."""
    stochastic = {"rounding": "stochastic"}
    yield _large(" bf16 stochastic", "adamw", n, dtype="bfloat16", options=stochastic)
    yield _large(" bf16 moments stochastic", "adamw", n, other_dtypes=_MOMENTS, options=stochastic)
    yield _large(" fp64", "adamw", max(n // 2, 1), dtype="float64")
    for name, bound in BOUNDS.items():
        yield _large(f" {name}", "adamw", n, options={name: bound})
    yield DeviceCase(f"grad_norm {count(n)}", NORM, ((n,),))
    yield _large(" cautious", "adamw", n, options=CAUTIOUS)
    yield DeviceCase(f"adamw {count(n)} functional", "adamw", ((n,),), timing=LOOP)


def _models(*, small: bool) -> Iterator[DeviceCase]:
    """The tensors of whole networks, of narrower ones when ``small``."""
    size = {"vocabulary": 1024, "context": 64, "width": 64} if small else GPT2
    name = "adamw GPT-2 narrow" if small else "adamw GPT-2 124M"
    shapes = gpt2_shapes(**size, blocks=12)
    yield DeviceCase(name, "adamw", shapes, impl="Plan", timing=LOOP)
    yield DeviceCase(name, "adamw", shapes, impl="optim", timing=LOOP)
    yield DeviceCase(f"{name} graph", "adamw", shapes, impl="Plan", timing=GRAPH)
    for label, phases in (("misaligned", (1,)), ("mixed phases", (1, 2, 3, 0))):
        yield DeviceCase(
            f"{name} {label} graph", "adamw", shapes, impl="Plan", timing=GRAPH, phases=phases
        )
    llama = llama_shard(parts=1024 if small else 32)
    yield DeviceCase("adamw Llama-3 8B shard", "adamw", llama, impl="Plan")
    dtype, others = _STORAGE[" bf16 copy"]
    yield DeviceCase(
        "adamw Llama-3 8B shard bf16 copy",
        "adamw",
        llama,
        impl="Plan",
        dtype=dtype,
        other_dtypes=others,
    )


def _small() -> Iterator[DeviceCase]:
    """Cases of overhead: arrays that stay in the cache."""
    for name, shapes in (("64x1024", ((64, 1024),)), ("1000 x 1024", ((1024,),) * 1000)):
        for impl in ("Plan", "optim"):
            yield DeviceCase(
                f"adamw {name}", "adamw", shapes, impl=impl, timing=LOOP, in_memory=False
            )
        yield DeviceCase(
            f"adamw {name} graph", "adamw", shapes, impl="Plan", timing=GRAPH, in_memory=False
        )


GPT2 = {"vocabulary": 50257, "context": 1024, "width": 768}


def llama_shard(*, parts: int) -> tuple[Shape, ...]:
    """What one of ``parts`` devices holds of Llama-3 8B when every tensor is split by rows."""
    width, hidden, kv = 4096, 14336, 1024
    square, up = [(width, width)], [(hidden, width)]
    layer = [*square, (kv, width), (kv, width), *square, *up, *up, (width, hidden)]
    rows = [(128256, width), *(layer * 32), (128256, width)]
    matrices = [(max(r // parts, 1), c) for r, c in rows]
    norms = [(max(width // parts, 1),)] * 65
    return (*matrices, *norms)
