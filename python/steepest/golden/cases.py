"""What is digested: every rule with every storage at every stage, on three lists of tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..optim.table import Rule, rules

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
}
# Rounding is of what is stored in 16 bits, and float64 parameters have no working copy. The mask of
# the decay knows nothing of storage, and bounds of gradients only of theirs.
_POINTLESS = {("f32", "stochastic"), ("f64", "stochastic"), ("f64", "copied")}
_POINTLESS |= {(storage, "cautious") for storage in STORAGES if storage not in ("f64", "mixed")}
_POINTLESS |= {(storage, "bounded") for storage in STORAGES if storage not in ("f32", "mixed")}

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
    """One digest: two steps of a rule, or, without a rule, the norms of gradients."""

    name: str
    rule: Rule | None
    storages: tuple[Storage, ...]
    options: Mapping[str, Any]
    copies: bool
    shapes: Shapes


def cases(quick: bool = False) -> list[Case]:
    """All cases, or the few of the quick run."""
    return [*_steps(quick), *_norms(quick)]


def _chosen(kind: str, name: str, quick: bool) -> bool:
    return not quick or name in QUICK[kind]


def _steps(quick: bool) -> Iterator[Case]:
    for rule in rules():
        for storage, storages in STORAGES.items():
            for stage, options in STAGES.items():
                for shapes in LISTS:
                    chosen = _chosen("storage", storage, quick) and _chosen("list", shapes, quick)
                    has = stage != "cautious" or "cautious_weight_decay" in rule.defaults
                    if chosen and has and (storage, stage) not in _POINTLESS:
                        yield Case(
                            f"{rule.name}/{storage}/{stage}/{shapes}",
                            rule,
                            storages,
                            {**options, **_of_rule(rule, stage)},
                            stage == "copied",
                            LISTS[shapes],
                        )


def _of_rule(rule: Rule, stage: str) -> dict[str, Any]:
    """SGD has its buffer at all stages but the first; a cautious decay is a decoupled one."""
    options: dict[str, Any] = {}
    if stage == "cautious" and "decoupled_weight_decay" in rule.defaults:
        options["decoupled_weight_decay"] = True
    if rule.name == "sgd" and stage != "plain":
        options |= {"momentum": 0.9, "nesterov": stage == "decayed"}
    return options


def _norms(quick: bool) -> Iterator[Case]:
    for storage, storages in STORAGES.items():
        for shapes in LISTS:
            if _chosen("storage", storage, quick) and _chosen("list", shapes, quick):
                name = f"grad_norm/{storage}/{shapes}"
                yield Case(name, None, storages, {}, False, LISTS[shapes])
