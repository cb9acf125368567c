"""Writes the type stubs of the modules that are made from the native rule table.

    python -m steepest._stubgen            write steps.pyi and optim/__init__.pyi
    python -m steepest._stubgen --check    exit with 1 where they differ from what would be written

A rule's function and class come into being at import, where type checkers and editors do not see
them. The stubs spell them out, from the signatures that the functions and classes show.
"""

from __future__ import annotations

import argparse
import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import _core, optim, steps

WIDTH = 100

_MARK = "# Written by `python -m steepest._stubgen` from the native rule table. Do not edit.\n"

_STEPS = """
from typing import Literal, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from ._core import DeviceFlag as DeviceFlag
from ._core import Plan as Plan
from ._core import (
    _Arrays,
    _Number,
    _Numbers,
    _OptionalArrays,
    _Rounding,
    _Steps,
    _Stream,
    _TensorIds,
)
"""

_OPTIM = """
from collections.abc import Iterable, Mapping
from typing import Any, Literal, SupportsIndex, TypeAlias

from .._core import _Array, _Numbers, _Rounding
from . import averages as averages
from . import filters as filters
from . import scales as scales
from . import schedules as schedules
from .adafisher import AdaFisher as AdaFisher
from .adafisher import AdaFisherW as AdaFisherW
from .adahessian import AdaHessian as AdaHessian
from .base import Optimizer as Optimizer
from .distributed_lion import DistributedLion as DistributedLion
from .dot import DOT as DOT
from .fira import Fira as Fira
from .fira import GaLore as GaLore
from .gradnorm_lorp import GradNormLoRP as GradNormLoRP
from .lanton import LANTON as LANTON
from .marquardt import LevenbergMarquardt as LevenbergMarquardt
from .mkor import MKOR as MKOR
from .muon import Muon as Muon
from .natural import NaturalGradient as NaturalGradient
from .oasis import OASIS as OASIS
from .prodigy import Prodigy as Prodigy
from .schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
from .schedule_free import ScheduleFreeSGD as ScheduleFreeSGD
from .scion import Scion as Scion
from .sophia import SophiaG as SophiaG
from .sophia import SophiaH as SophiaH
from .trust_region import TrustRegion as TrustRegion

_Entry: TypeAlias = _Array | tuple[str, _Array] | Mapping[str, Any]
_Params: TypeAlias = _Array | Mapping[str, _Array] | Iterable[_Entry]
"""

_GRAD_NORM = """
class GradNorm(NamedTuple):
{record}

    total: float
    per_tensor: NDArray[np.float64]
    finite: bool

def grad_norm(grads: _OptionalArrays, stream: _Stream = None) -> GradNorm:
{function}

def clip_value_(grads: _OptionalArrays, max_value: float, *, stream: _Stream = None) -> None:
{clip_value}

def clip_norm_(
    grads: _OptionalArrays,
    max_norm: float,
    *,
    per_tensor: bool = False,
    skip_nonfinite: bool = False,
    stream: _Stream = None,
) -> GradNorm:
{clip_norm}

def clip_adaptive_(
    grads: _OptionalArrays,
    params: _OptionalArrays,
    factor: float = 0.01,
    *,
    eps: float = 0.001,
    axis: int = 0,
    stream: _Stream = None,
) -> None:
{clip_adaptive}
"""

# Types of the arguments that every rule has. The rest follow from the rule table.
_TYPES = {
    "grads": "_OptionalArrays",
    "step": "_Steps",
    "lr": "_Numbers",
    "weight_decay": "_Numbers",
    "decoupled_weight_decay": "bool",
    "cautious_weight_decay": "bool",
    "maximize": "bool",
    "grad_scale": "_Number | None",
    "max_grad_norm": "float | None",
    "max_tensor_norm": "float | None",
    "max_grad_value": "float | None",
    "skip_nonfinite": "bool",
    "working_copy": "_OptionalArrays",
    "rounding": "_Rounding",
    "seed": "SupportsIndex",
    "tensor_ids": "_TensorIds",
    "stream": "_Stream",
    "initial_accumulator_value": "float",
    "state_dtype": "Any",  # names and dtype objects of NumPy and torch, or a dict to these
    "master_weights": "bool",
    "capturable": "bool",
}


def _hyper_type(hyper: Mapping[str, Any]) -> str:
    default = hyper["default"]
    if hyper["choices"]:
        return f"Literal[{', '.join(_text(choice) for choice in hyper['choices'])}]"
    if isinstance(default, tuple):
        parts = ["float" if isinstance(part, float) else "float | None" for part in default]
        return f"tuple[{', '.join(parts)}]"
    return "float | None" if default is None else type(default).__name__


def _types(rule: Mapping[str, Any]) -> dict[str, str]:
    types = dict(_TYPES)
    types |= {hyper["name"]: _hyper_type(hyper) for hyper in rule["hypers"]}
    for state in rule["streams"]:
        everywhere = state["form"] == "any" and not state["optional"]
        types[state["name"]] = "_Arrays" if everywhere else "_OptionalArrays"
    if not rule["needs_step"]:
        types["step"] = "_Steps | None"
    return types


def _text(value: Any) -> str:
    """The source text of a default, as the formatter would have it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, float) and not math.isfinite(value):
        return "..."  # has no literal
    return repr(value)


def _arguments(signature: inspect.Signature, types: Mapping[str, str], indent: str) -> str:
    """One argument per line, each with a comma at its end, which formatters leave alone."""
    lines = []
    keyword_only = False
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            lines.append("*,")
        default = parameter.default
        given = "" if default is inspect.Parameter.empty else f" = {_text(default)}"
        lines.append(f"{name}: {types[name]}{given},")
    return "".join(f"{indent}{line}\n" for line in lines)


def _doc(text: str, indent: str) -> str:
    """A docstring wrapped to the line length, the lines of the text kept."""
    given = f'"""{text}'.splitlines()
    width = WIDTH - len(indent)
    lines = [part for line in given for part in textwrap.wrap(line, width) or [""]]
    end = '"""' if len(lines) == 1 else '\n"""'
    return textwrap.indent("\n".join(lines) + end, indent)


def _function(rule: Mapping[str, Any]) -> str:
    types = {**_types(rule), "params": "_Arrays"}
    arguments = _arguments(inspect.signature(getattr(steps, rule["name"])), types, " " * 4)
    doc = _doc(f"{rule['summary']}\n\n{rule['source']}.", " " * 4)
    return f"def {rule['name']}(\n{arguments}) -> bool | DeviceFlag:\n{doc}\n"


def _class(rule: Mapping[str, Any]) -> str:
    name = rule["class_name"]
    types = {**_types(rule), "params": "_Params", "lr": "_Numbers | None"}
    arguments = _arguments(inspect.signature(getattr(optim, name)), types, " " * 8)
    doc = _doc(f"{rule['summary']}\n\n{rule['source']}.", " " * 4)
    init = f"    def __init__(\n        self,\n{arguments}    ) -> None: ...\n"
    return f"class {name}(Optimizer):\n{doc}\n\n{init}"


def _exports(names: Sequence[str]) -> str:
    """The names in the linter's order: all in capitals, then classes, then functions."""

    def order(name: str) -> tuple[bool, bool, str]:
        return not name.isupper(), not name[0].isupper(), name

    return "__all__ = [\n" + "".join(f'    "{n}",\n' for n in sorted(names, key=order)) + "]\n"


def steps_stub() -> str:
    """The text of steps.pyi."""
    norm = _GRAD_NORM.format(
        record=_doc(inspect.getdoc(steps.GradNorm) or "", " " * 4),
        function=_doc(inspect.getdoc(steps.grad_norm) or "", " " * 4),
        clip_value=_doc(inspect.getdoc(steps.clip_value_) or "", " " * 4),
        clip_adaptive=_doc(inspect.getdoc(steps.clip_adaptive_) or "", " " * 4),
        clip_norm=_doc(inspect.getdoc(steps.clip_norm_) or "", " " * 4),
    )
    return _stub(_STEPS, steps.__all__, [norm.strip() + "\n"], _function)


def optim_stub() -> str:
    """The text of optim/__init__.pyi."""
    return _stub(_OPTIM, optim.__all__, [], _class, lambda rule: bool(rule["class_name"]))


def _stub(
    head: str,
    exports: Sequence[str],
    first: list[str],
    make: Callable[[Mapping[str, Any]], str],
    takes: Callable[[Mapping[str, Any]], bool] = lambda rule: True,
) -> str:
    parts = first + [make(rule) for rule in _core.rules() if rule["public"] and takes(rule)]
    return _MARK + "\n".join([head.lstrip(), _exports(exports), *parts])


def stubs() -> dict[Path, str]:
    """The stub files and the text that belongs in each."""
    package = Path(__file__).parent
    return {package / "steps.pyi": steps_stub(), package / "optim" / "__init__.pyi": optim_stub()}


def outdated() -> list[Path]:
    """The stub files that are missing or hold another text."""
    return [f for f, text in stubs().items() if not f.is_file() or f.read_text("utf-8") != text]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m steepest._stubgen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where out of date")
    check = parser.parse_args(arguments).check
    files = outdated()
    for file in files:
        print(f"{'out of date' if check else 'written'}: {file}")
        if not check:
            file.write_text(stubs()[file], "utf-8")
    return 1 if check and files else 0


if __name__ == "__main__":
    sys.exit(main())
