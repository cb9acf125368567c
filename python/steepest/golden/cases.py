"""What is digested, on three lists of tensors: every rule with every storage at every stage, every
branch that its options choose, and the functions that measure and clip gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ..optim.table import Rule, rules
from .variants import variants

F64, F32, BF16, F16 = "float64", "float32", "bfloat16", "float16"


@dataclass(frozen=True)
class Storage:
    """dtypes of parameters and gradients, and of the states in turn."""

    params: str
    grads: str
    states: tuple[str, ...]


@dataclass(frozen=True)
class Shapes:
    """A list of tensors. `wild`: of random bits; `offset`: every other one misaligned;
    `column_major`: positions of matrices in F order."""

    shapes: tuple[tuple[int, ...], ...]
    wild: bool = False
    offset: bool = False
    column_major: tuple[int, ...] = ()


# The tensors of a list take the storages in turn.
STORAGES: dict[str, tuple[Storage, ...]] = {
    "f32": (Storage(F32, F32, (F32,)),),
    "f64": (Storage(F64, F64, (F64,)),),
    "bf16_grads": (Storage(F32, BF16, (F32,)),),
    "bf16_states": (Storage(F32, F32, (BF16,)),),
    "bf16": (Storage(BF16, BF16, (BF16,)),),
    "bf16_params": (Storage(BF16, F32, (F32, BF16)),),
    "f16": (Storage(F16, F16, (F32,)),),
    "f16_grads": (Storage(F32, F16, (BF16, F32)),),
}
STORAGES["mixed"] = tuple(storage for (storage,) in STORAGES.values())

STAGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "decayed": {"lr": 0.01, "weight_decay": 0.1, "maximize": True, "grad_scale": 3.0},
    "clipped": {"max_grad_norm": 1.0, "skip_nonfinite": True, "grad_scale": 0.5},
    "stochastic": {"rounding": "stochastic", "seed": 12345},
    "copied": {"lr": 0.1, "rounding": {"working_copy": "stochastic"}, "seed": 6789},
    "cautious": {"lr": 0.01, "weight_decay": 0.1, "grad_scale": 0.5, "cautious_weight_decay": True},
    "bounded": {"max_tensor_norm": 1.5, "max_grad_value": 0.01, "max_grad_norm": 1.0},
    "per_tensor": {"rounding": "stochastic", "seed": 2468, "max_grad_norm": 1.0},
}
# Rounding is of what is stored in 16 bits, and float64 parameters have no working copy. The mask of
# the decay knows nothing of storage, bounds of gradients only of theirs, and a tensor's own numbers
# only of the rounding.
_POINTLESS = {("f32", "stochastic"), ("f64", "stochastic"), ("f64", "copied")}
_POINTLESS |= {(storage, "cautious") for storage in STORAGES if storage not in ("f64", "mixed")}
_POINTLESS |= {(storage, "bounded") for storage in STORAGES if storage not in ("f32", "mixed")}
_POINTLESS |= {
    (storage, "per_tensor") for storage in STORAGES if storage not in ("f32", "bf16", "mixed")
}
# Branches of a rule are of what it computes in, and so of few storages.
BRANCHED = ("f32", "f64", "bf16")

CLIPS: dict[str, dict[str, dict[str, Any]]] = {
    "clip_value_": {"value": {"max_value": 0.5}},
    "clip_norm_": {
        "list": {"max_norm": 1.0},
        "tensor": {"max_norm": 2.0, "per_tensor": True},
        "finite": {"max_norm": 3.0, "skip_nonfinite": True},
    },
    "clip_adaptive_": {"units": {"factor": 0.1}},
}

_VECTORS = ((), (0,), (1,), (2,), (3,), (7,), (15,), (17,), (129,), (1025,))
_MATRICES = ((3, 5), (17, 129), (2, 9, 33), (0, 5), (65, 31))
LISTS = {
    "odd": Shapes(_VECTORS + _MATRICES, offset=True, column_major=(11, 14)),
    "wild": Shapes(((7,), (129,), (1025,), (4097,), (33, 65)), wild=True),
    "large": Shapes(((70001,), (300, 257), (4096,)), offset=True),
}

QUICK = {"storage": ("f32", "bf16", "mixed"), "list": ("odd",)}


@dataclass(frozen=True)
class Case:
    """One digest of a function of `steps`: two steps of a rule, or, without a rule, one call on
    gradients."""

    name: str
    function: str
    storages: tuple[Storage, ...]
    options: Mapping[str, Any]
    shapes: Shapes
    rule: Rule | None = None
    copies: bool = False


def cases(quick: bool = False) -> list[Case]:
    """All cases, or the few of the quick run."""
    return [*_steps(quick), *_branches(quick), *_norms(quick), *_clips(quick)]


def _storages(quick: bool, among: Iterable[str] = STORAGES) -> list[str]:
    return [storage for storage in among if not quick or storage in QUICK["storage"]]


def _lists(quick: bool) -> list[str]:
    return [shapes for shapes in LISTS if not quick or shapes in QUICK["list"]]


def _steps(quick: bool) -> Iterator[Case]:
    for rule, storage, stage in product(rules(), _storages(quick), STAGES):
        has = stage != "cautious" or "cautious_weight_decay" in rule.defaults
        if has and (storage, stage) not in _POINTLESS:
            for shapes in _lists(quick):
                options = {**STAGES[stage], **_of_rule(rule, stage, LISTS[shapes])}
                yield _step(rule, storage, stage, shapes, options)


def _branches(quick: bool) -> Iterator[Case]:
    for rule in rules():
        for (name, options), storage, shapes in product(
            variants(rule).items(), _storages(quick, BRANCHED), _lists(quick)
        ):
            yield _step(rule, storage, name, shapes, options)


def _step(rule: Rule, storage: str, stage: str, shapes: str, options: Mapping[str, Any]) -> Case:
    return Case(
        f"{rule.name}/{storage}/{stage}/{shapes}",
        rule.name,
        STORAGES[storage],
        options,
        LISTS[shapes],
        rule,
        stage == "copied",
    )


def _of_rule(rule: Rule, stage: str, shapes: Shapes) -> dict[str, Any]:
    """SGD has its buffer at all stages but the first; a cautious decay is a decoupled one."""
    options: dict[str, Any] = {}
    if stage == "cautious" and "decoupled_weight_decay" in rule.defaults:
        options["decoupled_weight_decay"] = True
    if rule.name == "sgd" and stage != "plain":
        options |= {"momentum": 0.9, "nesterov": stage == "decayed"}
    if stage == "per_tensor":
        count = range(len(shapes.shapes))
        options["lr"] = [0.01 * (1 + i % 3) for i in count]
        options["weight_decay"] = [0.05 * (i % 4) for i in count]
        options["tensor_ids"] = [7 * i + 3 for i in reversed(count)]
    return options


def _norms(quick: bool) -> Iterator[Case]:
    for storage, shapes in product(_storages(quick), _lists(quick)):
        name = f"grad_norm/{storage}/{shapes}"
        yield Case(name, "grad_norm", STORAGES[storage], {}, LISTS[shapes])


def _clips(quick: bool) -> Iterator[Case]:
    for function, kinds in CLIPS.items():
        for kind, storage, shapes in product(kinds, _storages(quick), _lists(quick)):
            name, of = f"{function}/{storage}/{kind}/{shapes}", LISTS[shapes]
            if function == "clip_adaptive_":  # whose units are the first axis, in C order
                of = replace(of, column_major=())
            yield Case(name, function, STORAGES[storage], kinds[kind], of)
