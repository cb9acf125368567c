"""Other implementations of the same rules, one file each, run on the same buffers.

A rival's module has a ``NAME``, ``available()``, which tells whether it is installed and works,
and ``make(case, buffers, threads)``, which returns a function of the gradients that makes one
step, or None when the rival has no such rule for such arrays. A rival updates the arrays that our
implementation updates. Some also have ``make_low_rank(data, hypers, threads)`` for a step of Fira,
and ``make_clip(data, threads)`` for clipping apart from a step.

Rivals in orthogonalisation are modules ``polar_*`` of the same form: ``make(case, matrices,
threads)`` returns a function that reads the matrices and returns its result. Some also have
``make_product(a, compute, threads)``, for the symmetric product A A^T of that operand alone. Rivals
of probes are modules ``curvature_*``: ``make(case, arrays)``; those in spectral norms, ``norms_*``,
are given the case's data. Some of these also have ``make_report(matrices)``, for the norm report.
Those of messages, ``distributed_*``, have ``make(case, arrays)``. ``arrays_torch`` has calls for
all families on a device but the steps: ``product``, ``orthogonalize``, ``report``, ``curvature``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..curvature.arrays import Arrays as CurvatureArrays
    from ..curvature.arrays import Call as CurvatureCall
    from ..curvature.cases import Case as CurvatureCase
    from ..distributed.arrays import Arrays as DistributedArrays
    from ..distributed.arrays import Call as DistributedCall
    from ..distributed.cases import Case as DistributedCase
    from ..norms.cases import AnyCase as NormsCase
    from ..polar.cases import Case as PolarCase
    from ..polar.matrices import Call as PolarCall
    from ..polar.matrices import Matrices
    from ..steps.buffers import Buffers
    from ..steps.calls import Call
    from ..steps.cases import Case

MODULES = ("numpy_", "torch_fused", "torch_foreach", "deepspeed_", "pytorch_optimizer")
ON_DEVICE = ("torch_fused", "torch_foreach")  # those of steps that also take CUDA tensors
POLAR = (
    "polar_numpy",
    "polar_scipy",
    "polar_torch_bf16",
    "polar_torch_f32",
    "polar_torch_bmm",
    "polar_optax",
)
CURVATURE = ("curvature_numpy", "curvature_numpy_bits", "curvature_jax", "curvature_matfree")
NORMS = ("norms_numpy", "norms_scipy", "norms_loop", "norms_fft", "norms_power")
DISTRIBUTED = ("distributed_numpy",)
OF_FAMILY = {
    "steps": MODULES,
    "polar": POLAR,
    "curvature": CURVATURE,
    "norms": NORMS,
    "distributed": DISTRIBUTED,
}
ON_DEVICE_OF_FAMILY = {
    "steps": ON_DEVICE,
    "polar": ("arrays_torch",),
    "curvature": ("arrays_torch",),
    "norms": ("arrays_torch",),
}


class Rival(Protocol):
    """What each module in this package offers."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of the module

    def available(self) -> bool: ...

    def make(self, case: Case, buffers: Buffers, threads: int) -> Call | None: ...


class PolarRival(Protocol):
    """What each module of ``POLAR`` offers."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of the module

    def available(self) -> bool: ...

    def make(self, case: PolarCase, matrices: Matrices, threads: int) -> PolarCall | None: ...


class CurvatureRival(Protocol):
    """What each module of ``CURVATURE`` offers."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of the module

    def available(self) -> bool: ...

    def make(self, case: CurvatureCase, arrays: CurvatureArrays) -> CurvatureCall | None: ...


class DistributedRival(Protocol):
    """What each module of ``DISTRIBUTED`` offers."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of the module

    def available(self) -> bool: ...

    def make(self, case: DistributedCase, arrays: DistributedArrays) -> DistributedCall | None: ...


class NormsRival(Protocol):
    """What each module of ``NORMS`` offers."""

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of the module

    def available(self) -> bool: ...

    def make(self, case: NormsCase, data: Any, threads: int) -> Callable[[Any], object] | None: ...


def load(names: Sequence[str] | None = None, modules: Sequence[str] = MODULES) -> list[Rival]:
    """The rivals of these names, by default all of ``modules``, as far as they are installed.

    Raises ValueError for a name that no rival has.
    """
    return _load(names, modules)


def load_polar(names: Sequence[str] | None = None) -> list[PolarRival]:
    """The same for orthogonalisation."""
    return _load(names, POLAR)


def load_curvature(names: Sequence[str] | None = None) -> list[CurvatureRival]:
    """The same for probes."""
    return _load(names, CURVATURE)


def load_distributed(names: Sequence[str] | None = None) -> list[DistributedRival]:
    """The same for messages of distributed optimizers."""
    return _load(names, DISTRIBUTED)


def load_norms(names: Sequence[str] | None = None) -> list[NormsRival]:
    """The same for spectral norms."""
    return _load(names, NORMS)


def load_on_device(family: str, names: Sequence[str] | None = None) -> list[Any]:
    """Those of a family that take arrays on a device."""
    return _load(names, ON_DEVICE_OF_FAMILY[family])


def check_names(names: Sequence[str], modules: Sequence[str]) -> None:
    """Raises ValueError for a name that none of these modules has."""
    known = list(dict.fromkeys(find(module).NAME for module in modules))
    for name in names:
        if name not in known:
            raise ValueError(f"rivals: expected some of {', '.join(known)}, got {name}")


def names_in(names: Sequence[str], modules: Sequence[str]) -> list[str]:
    """Those of the names that one of these modules has."""
    known = {find(module).NAME for module in modules}
    return [name for name in names if name in known]


def _load(names: Sequence[str] | None, modules: Sequence[str]) -> list[Any]:
    check_names(names or (), modules)
    rivals = [find(module) for module in modules]
    wanted = [rival for rival in rivals if names is None or rival.NAME in names]
    return [rival for rival in wanted if rival.available()]


def find(module: str) -> Any:
    """The module of that name in this package."""
    return import_module(f"{__name__}.{module}")
