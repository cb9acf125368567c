"""Reading parameters and gradients in the structures that users keep them in.

Parameters come as one array, a list of arrays, a dict name -> array, a list of (name, array) pairs,
or a list of group dicts; gradients come back in the same structure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .. import _arrays
from .._arrays import Array

Gradients = Any  # one array, a sequence of arrays and None, or a mapping name -> array or None


@dataclass
class Params:
    """The parameters of one group: user's arrays and, where they have them, names."""

    arrays: list[Array]
    names: list[str] | None


def read_params(given: Any) -> Params:
    """The arrays of one group from an array, a dict, or an iterable of arrays or of (name, array)
    pairs.

    Raises TypeError where an element is not an array, or only some have names.
    """
    if _arrays.is_array(given):
        return Params([given], None)
    if isinstance(given, Mapping):
        return _named(list(given.items()))
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(
            f"params: given {_arrays.describe(given)}, expected an array, a list or dict of "
            "arrays, or a list of group dicts"
        )
    entries = list(given)
    if any(_is_pair(entry) for entry in entries):
        return _named(entries)
    for i, array in enumerate(entries):
        _check_array(array, f"params[{i}]")
    return Params(entries, None)


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)


def _named(entries: Sequence[Any]) -> Params:
    for i, entry in enumerate(entries):
        if not _is_pair(entry):
            raise TypeError(f"params: entry {i} has no name (a str), others have")
        _check_array(entry[1], f"params[{entry[0]!r}]")
    return Params([array for _, array in entries], [name for name, _ in entries])


def _check_array(array: Any, what: str) -> None:
    if not _arrays.is_array(array):
        raise TypeError(f"{what}: given {_arrays.describe(array)}, expected an array")


def read_groups(given: Any) -> tuple[str, list[dict[str, Any]]]:
    """The structure ("array", "dict", "list" or "groups") and the group dicts, "params" not yet
    read.

    Raises TypeError where group dicts and arrays are mixed, ValueError where there is no parameter
    at all.
    """
    if _arrays.is_array(given):
        return "array", [{"params": given}]
    if isinstance(given, Mapping):
        if "params" in given and not _arrays.is_array(given["params"]):
            raise TypeError("params: given one group dict, expected a list of them")
        return "dict", [{"params": _not_empty(given)}]
    if isinstance(given, str) or not isinstance(given, Iterable):
        return "list", [{"params": given}]  # read_params tells what is wrong
    entries = _not_empty(list(given))
    groups = [isinstance(entry, Mapping) for entry in entries]
    if all(groups):
        return "groups", [dict(entry) for entry in entries]
    if any(groups):
        raise TypeError(f"params: entry {groups.index(False)} is not a group dict, others are")
    return "list", [{"params": entries}]


def _not_empty(given: Any) -> Any:
    if len(given) == 0:
        raise ValueError("params: given no parameter, expected at least one")
    return given


class Group(Protocol):
    """What has arrays and perhaps names: Params, and the groups made of them."""

    arrays: list[Array]
    names: list[str] | None


def check_distinct(groups: Iterable[Group]) -> None:
    """Raises ValueError where an array or a name comes twice."""
    arrays: set[int] = set()
    names: set[str] = set()
    for group in groups:
        for i, array in enumerate(group.arrays):
            if id(array) in arrays:
                raise ValueError(f"params[{i}]: the same array twice among the parameters")
            arrays.add(id(array))
        for name in group.names or []:
            if name in names:
                raise ValueError(f"params[{name!r}]: another parameter has that name")
            names.add(name)


def all_names(groups: Sequence[Group]) -> list[str] | None:
    """The names of all parameters, or None where one has no name."""
    if any(group.names is None for group in groups):
        return None
    return [name for group in groups for name in group.names or []]


def split_grads(
    grads: Gradients, structure: str, sizes: Sequence[int], names: Sequence[str] | None
) -> list[Sequence[Array | None]]:
    """The gradients of each group from gradients in the structure of the parameters.

    `sizes` are the lengths of the groups, `names` the names of all parameters if all have one.
    Raises TypeError for another structure, ValueError for a wrong length or name.
    """
    flat: Sequence[Array | None]
    if isinstance(grads, Mapping):
        flat = _by_name(grads, names)
    elif structure == "dict":
        raise TypeError(f"grads: given {_arrays.describe(grads)}, expected a dict as params is")
    elif structure == "array":
        flat = [grads] if _arrays.is_array(grads) else _sequence(grads)
    else:
        flat = _sequence(grads)
    if len(sizes) == 1:
        return [flat]  # the native call checks its length
    if len(flat) != sum(sizes):
        raise ValueError(f"grads: given {len(flat)}, expected {sum(sizes)}, one per parameter")
    parts: list[Sequence[Array | None]] = []
    first = 0
    for size in sizes:
        parts.append(flat[first : first + size])
        first += size
    return parts


def _sequence(grads: Any) -> Sequence[Array | None]:
    if isinstance(grads, (list, tuple)):
        return grads
    if _arrays.is_array(grads) or isinstance(grads, str) or not isinstance(grads, Iterable):
        raise TypeError(
            f"grads: given {_arrays.describe(grads)}, expected a list of arrays or None"
        )
    return list(grads)


def _by_name(grads: Mapping[str, Any], names: Sequence[str] | None) -> list[Array | None]:
    if names is None:
        raise TypeError("grads: given a dict, but the parameters have no names")
    if len(grads) != len(names) or not all(name in grads for name in names):
        missing = [name for name in names if name not in grads]
        unknown = [name for name in grads if name not in names]
        raise ValueError(
            f"grads: missing {missing}, unknown {unknown}; a parameter without gradient has None"
        )
    return [grads[name] for name in names]


def split_statistics(
    statistics: Any, count: int, names: Sequence[str] | None, owner: str
) -> list[Any]:
    """What is given for each of `count` owners, or None: from None, a list in their order, or a
    dict by their names that may lack some. `owner` is what the errors call one of them.

    Raises TypeError for another structure or where they have no names, ValueError for a wrong
    length or name.
    """
    if statistics is None:
        return [None] * count
    if isinstance(statistics, Mapping):
        if names is None:
            raise TypeError("statistics: a dict given, but the parameters have no names")
        unknown = [name for name in statistics if name not in names]
        if unknown:
            raise ValueError(f"statistics: no {owner} named {unknown}, expected some of {names}")
        return [statistics.get(name) for name in names]
    if not isinstance(statistics, (list, tuple)):
        raise TypeError(
            f"statistics: {_arrays.describe(statistics)} given, expected a list or dict of pairs"
        )
    if len(statistics) != count:
        raise ValueError(f"statistics: {len(statistics)} given, expected {count}, one per {owner}")
    return list(statistics)


def read_grads(params: Sequence[Array]) -> list[Array | None]:
    """The `.grad` of each parameter. Raises TypeError for one that has no such attribute."""
    grads = []
    for i, param in enumerate(params):
        try:
            grad = param.grad
        except AttributeError:
            raise TypeError(
                f"grads: parameter {i}, a {_arrays.describe(param)}, has no .grad; pass grads"
            ) from None
        # A gradient of a gradient (torch's create_graph) is part of a graph.
        grads.append(grad.detach() if getattr(grad, "requires_grad", False) else grad)
    return grads
