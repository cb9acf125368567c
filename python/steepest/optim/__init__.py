"""Stateful optimizers with torch-like groups and state_dict, over the fused steps of
`steepest.steps`.

One class per rule of the native table: SGD, Adam, AdamW, AMSGrad, AdaMax, Adagrad, Lion, LAMB,
CAdamW, CLion, Adafactor.

    opt = steepest.optim.AdamW(params, lr=1e-3)
    opt.step(grads)

Parameters may be NumPy or CuPy arrays or torch tensors on the CPU or on a CUDA device, all of one
optimizer in the same place.
"""

from __future__ import annotations

from typing import Any

from .base import Optimizer
from .table import make_class, rules

_CLASSES = {rule.class_name: make_class(rule, Optimizer, __name__) for rule in rules()}
globals().update(_CLASSES)

__all__ = ["Optimizer", *_CLASSES]


def __getattr__(name: str) -> Any:
    # The classes are globals; this is for type checkers, and for the message.
    raise AttributeError(f"steepest.optim has no optimizer {name!r}, only {', '.join(_CLASSES)}")
