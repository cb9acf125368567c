"""Stateful optimizers with torch-like groups and state_dict, over the fused steps of
`steepest.steps`.

One class per rule of the native table: SGD, Adam, AdamW, AMSGrad, AdaMax, Adagrad, Lion, LAMB,
CAdamW, CLion, Adafactor, NAdam, RAdam, RMSprop, Adadelta, Rprop, Signum, Adan, AdEMAMix, ADOPT,
MARS, RandomSGDM, RandomAdamW, AdaGradNorm, AdamP, SGDP, SM3, LARS, EXAdam. And those whose steps
follow a direction made of the momentum of whole matrices: Muon, Scion, TrustRegion, and LANTON,
which is for arrays in host memory. And those on an estimate of the Hessian's diagonal, for arrays
in host memory: AdaHessian, OASIS, SophiaG, SophiaH; their `step` takes the product with the
Hessian, or what the estimate is made of. AdaFisher and AdaFisherW, whose `step` takes the diagonals
of a layer's Kronecker factors. And MKOR, which gives one of the first kind gradients that are
preconditioned by inverse Kronecker factors. And those that solve a damped system at each step:
NaturalGradient and LevenbergMarquardt. Those that keep the moments of a matrix in a subspace of its
gradient: Fira, GaLore, GradNormLoRP. ScheduleFreeAdamW and ScheduleFreeSGD, which take gradients
beside the average of their iterates. Prodigy, which finds its learning rate from sums over all
parameters. And DistributedLion, whose step is split in two by the exchange of messages between
workers. And DOT, whose `step` takes the gradients of a task and of a distillation loss.

`steepest.optim.scales` has learning rates per tensor from shapes, `steepest.optim.schedules` the
one-cycle schedule, `steepest.optim.averages` averages of weights, `steepest.optim.filters` filters
that gradients go through first.

    opt = steepest.optim.AdamW(params, lr=1e-3)
    opt.step(grads)

Parameters may be NumPy or CuPy arrays or torch tensors on the CPU or on a CUDA device, all of one
optimizer in the same place.
"""

from __future__ import annotations

from typing import Any

from . import averages as averages
from . import filters as filters
from . import scales as scales
from . import schedules as schedules
from .adafisher import AdaFisher, AdaFisherW
from .adahessian import AdaHessian
from .base import Optimizer
from .distributed_lion import DistributedLion
from .dot import DOT
from .fira import Fira, GaLore
from .gradnorm_lorp import GradNormLoRP
from .lanton import LANTON
from .marquardt import LevenbergMarquardt
from .mkor import MKOR
from .muon import Muon
from .natural import NaturalGradient
from .oasis import OASIS
from .prodigy import Prodigy
from .schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from .scion import Scion
from .sophia import SophiaG, SophiaH
from .table import make_class, own_classes
from .trust_region import TrustRegion

_CLASSES = {rule.class_name: make_class(rule, Optimizer, __name__) for rule in own_classes()}
globals().update(_CLASSES)

__all__ = [
    "AdaFisher",
    "AdaFisherW",
    "AdaHessian",
    "DOT",
    "DistributedLion",
    "Fira",
    "GaLore",
    "GradNormLoRP",
    "LANTON",
    "LevenbergMarquardt",
    "MKOR",
    "Muon",
    "NaturalGradient",
    "OASIS",
    "Optimizer",
    "Prodigy",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Scion",
    "SophiaG",
    "SophiaH",
    "TrustRegion",
    *_CLASSES,
]


def __getattr__(name: str) -> Any:
    # The classes are globals; this is for type checkers, and for the message.
    raise AttributeError(
        f"steepest.optim has no optimizer {name!r}, expected one of {', '.join(__all__)}"
    )
