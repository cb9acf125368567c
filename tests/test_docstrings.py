"""What the docstring of every public function and class tells: arguments, dtypes, errors, source.

A docstring may leave a part to another one that it refers to, "as in `spectral_norm`", and a class
to those that it derives from.
"""

import importlib
import inspect
import re
from types import ModuleType

import pytest

MODULES = [
    "steepest.steps",
    "steepest.optim",
    *(f"steepest.optim.{name}" for name in ("averages", "filters", "scales", "schedules")),
    "steepest.polar",
    "steepest.polar.coefficients",
    "steepest.polar.products",
    "steepest.norms",
    "steepest.curvature",
    "steepest.distributed",
    "steepest.cpu",
]
REFERENCE = re.compile(r"\b(?:[Aa]s(?: in| of| for| by)?|[Ss]ee) (?:`(\w+)`|([A-Z]\w+))")
ERRORS = re.compile(r"\b[Rr]aises\b|\berrors\b")
TYPES = re.compile(r"\b([Dd]types?|float(64|32|16)|bfloat16|ints?|bool|str|numbers?|bytes)\b")
SOURCE = re.compile(r"arXiv|\bSources?:|\b(19|20)\d\d\b|[Tt]he definition|derived here")

# They compute nothing that has one, or their subclasses tell it.
WITHOUT_A_SOURCE = {
    "Compressor",
    "DeviceFlag",
    "GradientFilter",
    "Optimizer",
    "Plan",
    "WeightAverage",
    "clip_value_",
    "grad_norm",
    "plot_density",
}


def public(name):
    module = importlib.import_module(name)
    for entry in module.__all__:
        thing = getattr(module, entry)
        if not isinstance(thing, ModuleType) and callable(thing):
            yield entry, thing


def is_result(thing):
    """Made by the library, not by its callers."""
    return hasattr(thing, "_fields") or thing.__name__ in ("CoefficientSet", "Survey")


def is_error(thing):
    return isinstance(thing, type) and issubclass(thing, Exception)


THINGS = [(name, entry) for name in MODULES for entry, _ in public(name)]
COMPUTING = [
    (name, entry)
    for name in MODULES
    for entry, thing in public(name)
    if name != "steepest.cpu" and not is_result(thing) and not is_error(thing)
]
ALL = {entry: thing for name in MODULES for entry, thing in public(name)}
by_name = pytest.mark.parametrize(("name", "entry"), THINGS)


def own_text(thing):
    if not isinstance(thing, type):
        return inspect.getdoc(thing) or ""
    bases = (base for base in thing.__mro__ if base.__module__.startswith("steepest"))
    return "\n\n".join(inspect.cleandoc(base.__doc__ or "") for base in bases)


def full_text(thing, seen=()):
    """With what it refers to."""
    text = own_text(thing)
    found = (ALL.get(quoted or camel) for quoted, camel in REFERENCE.findall(text))
    others = [x for x in found if x is not None and x is not thing and x not in seen]
    return "\n\n".join([text, *(full_text(x, (*seen, thing)) for x in others)])


def arguments(thing):
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:  # an exception
        return []
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def untold(thing):
    text = full_text(thing)
    return [a for a in arguments(thing) if not re.search(rf"\b{a}\b", text)]


@by_name
def test_every_argument_is_told_of(name, entry):
    thing = getattr(importlib.import_module(name), entry)
    assert own_text(thing)
    assert untold(thing) == []


@by_name
def test_types_are_told(name, entry):
    thing = getattr(importlib.import_module(name), entry)
    assert not arguments(thing) or TYPES.search(full_text(thing))


@by_name
def test_errors_are_told(name, entry):
    thing = getattr(importlib.import_module(name), entry)
    assert not arguments(thing) or is_result(thing) or ERRORS.search(full_text(thing))


@pytest.mark.parametrize(("name", "entry"), COMPUTING)
def test_the_source_is_told(name, entry):
    thing = getattr(importlib.import_module(name), entry)
    assert bool(SOURCE.search(full_text(thing))) != (entry in WITHOUT_A_SOURCE)


def test_a_poor_docstring_fails():
    def poor(x, y):
        """Of x, as `spectral_norm`."""

    def poorer(x, y):
        """Of x."""

    assert full_text(poor) != own_text(poor)  # errors, types and source are there
    assert all(pattern.search(full_text(poor)) for pattern in (TYPES, ERRORS, SOURCE))
    assert not any(pattern.search(full_text(poorer)) for pattern in (TYPES, ERRORS, SOURCE))
    assert untold(poor) == untold(poorer) == ["y"]
