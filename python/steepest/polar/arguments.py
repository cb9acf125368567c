"""Checks of scalar arguments; a message names the argument, what was given, what was expected."""

from __future__ import annotations

import math
import operator
from typing import Any


def count(name: str, value: Any, least: int, most: int) -> int:
    """An integer from `least` to `most`, as int."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: {type(value).__name__} given, expected an int") from None
    if not least <= number <= most:
        raise ValueError(f"{name}: {number} given, expected from {least} to {most}")
    return number


def real(name: str, value: Any) -> float:
    """A finite number, as float."""
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        number = float(value)
    except TypeError:
        raise TypeError(f"{name}: {type(value).__name__} given, expected a float") from None
    if not math.isfinite(number):
        raise ValueError(f"{name}: {number} given, expected a finite number")
    return number


def between(name: str, value: Any, least: float, most: float) -> float:
    """A number with least < value < most, as float."""
    number = real(name, value)
    if not least < number < most:
        raise ValueError(f"{name}: {number} given, expected more than {least}, less than {most}")
    return number


def at_least(name: str, value: Any, least: float, below: float = math.inf) -> float:
    """A number with least <= value < below, as float."""
    number = real(name, value)
    if not least <= number < below:
        limit = "" if math.isinf(below) else f", less than {below}"
        raise ValueError(f"{name}: {number} given, expected at least {least}{limit}")
    return number


def boolean(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: {type(value).__name__} given, expected a bool")
    return value


def one_of(name: str, given: Any, names: tuple[str, ...]) -> None:
    """A str that is one of the names."""
    if not isinstance(given, str):
        raise TypeError(f"{name}: {type(given).__name__} given, expected a str")
    if given not in names:
        expected = ", ".join(repr(n) for n in names)
        raise ValueError(f"{name}: {given!r} given, expected one of {expected}")
