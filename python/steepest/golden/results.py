"""The arrays of a case, its two steps, and the digest of what comes out."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from .. import steps
from .._arrays import numpy_dtype
from . import inputs
from .cases import BF16, F16, F32, F64, Case, Storage
from .inputs import Array
from .kinds import Numpy

DIGITS = 16
FIRST_STEP = 3
STEPS = 2
_COPIES = (BF16, F16, F32)

# name -> one array per tensor, or None where it has none
Streams = dict[str, list[Array | None]]


def digest(case: Case, kind: Numpy) -> str:
    """The first digits of the SHA-256 of all that the case writes and returns."""
    sha = hashlib.sha256()
    for name, arrays in (_called if case.rule is None else _stepped)(case, kind).items():
        for i, array in enumerate(arrays):
            if array is not None:
                sha.update(f"{name}[{i}] {array.dtype.name} {array.shape}\n".encode())
                plain = array.dtype.kind in "iu"
                sha.update(array.tobytes() if plain else inputs.canonical(array))
    return sha.hexdigest()[:DIGITS]


def _stepped(case: Case, kind: Numpy) -> Streams:
    assert case.rule is not None
    written: Streams = {"params": _element(case, "params")}
    written |= {stream.name: _state(case, k) for k, stream in enumerate(case.rule.streams)}
    states = [written[stream.name] for stream in case.rule.streams]
    options = dict(case.options)
    if case.rule.name == "sgd" and not options.get("momentum"):
        states = [None]  # type: ignore[list-item]
        del written["momentum_buffer"]
    if case.copies:
        options["working_copy"] = written["working_copy"] = _copies(case)
    function, applied = getattr(steps, case.function), []
    for t in range(STEPS):
        grads = _element(case, f"grads {t}")
        arguments = (written["params"], grads, *states)
        applied.append(kind.call(function, *arguments, step=FIRST_STEP + t, **options))
    return {**written, "applied": [np.array(applied, np.uint8)]}


def _called(case: Case, kind: Numpy) -> Streams:
    """What a function of gradients makes of them, and the norms that it returns."""
    grads, result = _element(case, "grads 0"), {}
    written = {} if case.function == "grad_norm" else {"grads": grads}
    arguments = [grads, _element(case, "params")] if case.function == "clip_adaptive_" else [grads]
    norm = kind.call(getattr(steps, case.function), *arguments, **case.options)
    if norm is not None:
        total, finite = np.array(norm.total, np.float64), np.array(norm.finite, np.uint8)
        result = {"total": [total], "per_tensor": [norm.per_tensor], "finite": [finite]}
    return {**written, **result}


def _storage(case: Case, i: int) -> Storage:
    return case.storages[i % len(case.storages)]


def _element(case: Case, name: str) -> list[Array | None]:
    """Parameters or gradients."""
    arrays: list[Array | None] = []
    for i, shape in enumerate(case.shapes.shapes):
        storage = _storage(case, i)
        dtype = storage.params if name == "params" else storage.grads
        arrays.append(_placed(case, i, _values(case, f"{name} {i}", shape, dtype, False)))
    return arrays


def _state(case: Case, k: int) -> list[Array | None]:
    """The k-th state of each tensor: second moments are positive, and the others do not mind."""
    assert case.rule is not None
    stream = case.rule.streams[k]
    arrays: list[Array | None] = []
    for i, shape in enumerate(case.shapes.shapes):
        dtypes = _storage(case, i).states
        if not stream.belongs_to(len(shape)):
            arrays.append(None)
            continue
        key, dtype = f"state {k} {i}", dtypes[k % len(dtypes)]
        array = _values(case, key, stream.shape(shape), dtype, True)
        arrays.append(_placed(case, i, array) if stream.kind == "element" else array)
    return arrays


def _copies(case: Case) -> list[Array | None]:
    arrays: list[Array | None] = []
    for i, shape in enumerate(case.shapes.shapes):
        double = _storage(case, i).params == F64
        zeros = np.zeros(shape, numpy_dtype(_COPIES[i % len(_COPIES)]))
        arrays.append(None if double else _placed(case, i, zeros))
    return arrays


def _values(case: Case, key: str, shape: tuple[int, ...], dtype: str, positive: bool) -> Array:
    if case.shapes.wild:
        return inputs.patterns(key, shape, dtype)
    return inputs.ordinary(key, shape, dtype, positive)


def _placed(case: Case, i: int, array: Array) -> Array:
    """The array in the memory order of its tensor; every other one an odd number of elements into
    a buffer."""
    order: Any = "F" if i in case.shapes.column_major else "C"
    shift = i if case.shapes.offset and i % 2 else 0
    buffer = np.zeros(array.size + shift, array.dtype)[shift:]
    placed = buffer.reshape(array.shape, order=order)
    bits = f"u{array.dtype.itemsize}"
    placed.view(bits)[...] = array.view(bits)
    return placed
