"""orthogonalize: Newton-Schulz iterations over the native products."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from . import arguments
from .bounds import bounds_of
from .gram import PERTURBATION, condition, largest_factor, reach
from .prepared import Prepared
from .scalar import image, rounded_image
from .table import resolve

COMPUTE = {"float32": 0, "float64": 1, "bfloat16": 2, "float16": 3}
NORMALIZATIONS = ("frobenius", "schatten4", "aol", "bound")
METHODS = ("standard", "gram")

#: Longest over shortest side from which the Gram form is the faster one, by the type of the
#: products: it trades passes over the matrix for products of its short side.
GRAM_PAYS_FROM = {"bfloat16": 1.5, "float16": 1.5, "float32": 3.0, "float64": 3.0}
# Sides up to which a device keeps all of the standard form, and the square matrices of the Gram
# form, in shared memory for all steps.
_ON_CHIP = {"bfloat16": 128, "float16": 128, "float32": 128, "float64": 0}
_GRAM_ON_CHIP = {"bfloat16": 128, "float16": 128, "float32": 128, "float64": 64}
# The Gram form starts anew where float32's rounding makes its factor Q worse conditioned than it is
# by more than this, or singular values larger than the set does by more than that. In float64 at
# the same steps: there nothing would escape, but as many digits would be lost (`amplification`).
_MOST_EXCESS = 1.25
_MOST_REACH = 1.15
_NO_ROUNDING = -1e-300
_UNIT = 2.0**-24
# Of the types whose roundings may take singular values too far.
_HALF_UNITS = {"bfloat16": 2.0**-8, "float16": 2.0**-11}
# Of the largest singular value by the roundings of halves. Sets either stay far below or escape.
_MOST_OVERSHOOT = 1.1
_MOST_SEARCHED = 10  # steps; longer iterations start anew at equal distances
_DISTANCE = 4
# Of the Gram form's factor, whose parts are float16 then.
_MOST_FACTOR = {"float16": 2.0**15}


class Choice(NamedTuple):
    """How a matrix is orthogonalised.

    method : "standard" or "gram". compute : dtype of the products, a str. restarts : for the Gram
        form the steps before which it starts anew, ints from 0.
    """

    method: str
    compute: str
    restarts: tuple[int, ...]


def choose(
    shape: tuple[int, ...],
    dtype: str,
    coefficients: Any = "polar_express",
    steps: int | None = None,
    method: str = "auto",
    compute: str = "auto",
    *,
    device: bool = False,
) -> Choice:
    """What `orthogonalize` does with an array of this shape and dtype name.

    coefficients, steps, method, compute : as in `orthogonalize`.
    device : whether the array lies on a CUDA device, where "auto" takes the form of fewer launches
        for matrices that stay in shared memory, and where products may be of float16.

    Raises ValueError for an unknown method or type, and as `resolve` does.
    """
    known = COMPUTE if device else [name for name in COMPUTE if name != "float16"]
    arguments.one_of("compute", compute, ("auto", *known))
    arguments.one_of("method", method, ("auto", *METHODS))
    if len(shape) < 2:
        raise ValueError(f"shape: {shape} given, expected two dimensions or more")
    dtype = str(getattr(dtype, "name", dtype))
    given = compute
    if compute == "auto":
        compute = dtype if dtype in COMPUTE and dtype != "float16" else "float32"
    triples = resolve(coefficients, steps)
    if compute in _HALF_UNITS and (reach := _escape(triples.tobytes(), compute)):
        if given == compute:
            raise ValueError(
                f"compute: {compute!r} given, expected 'float32' or 'float64' for these "
                "coefficients, with which its roundings may take singular values up to 1 to "
                f"{reach:.2g}"
            )
        compute = "float32"
    if method == "auto":
        short, long = sorted(shape[-2:])
        pays = short > 0 and long >= GRAM_PAYS_FROM[compute] * short
        if device and 0 < short <= _GRAM_ON_CHIP[compute]:
            pays = long > _ON_CHIP[compute] and _saves_launches(triples, compute)
        pays = pays and not _starts_anew(triples) and not _overflows(triples, compute)
        method = "gram" if pays else "standard"
    elif method == "gram" and _overflows(triples, compute):
        raise ValueError(
            f"method: 'gram' given, expected 'standard' for these coefficients in {compute}, whose "
            "range the factor of the Gram form leaves"
        )
    return Choice(method, compute, _starts_anew(triples) if method == "gram" else ())


def orthogonalize(
    G: Any,  # noqa: N803 (the papers' name)
    coefficients: Any = "polar_express",
    steps: int | None = None,
    method: str = "auto",
    compute: str = "auto",
    out: Any = None,
    *,
    normalization: str = "frobenius",
    bound: Any = None,
    safety: float = 1.0,
    stream: Any = None,
) -> Any:
    """The matrix with the singular vectors of G and singular values near 1, by Newton-Schulz steps.

    G : array (..., m, n) of float64, float32, bfloat16 or float16, of any strides, or a list of
        such arrays of any shapes; all in host memory, or all on one CUDA device.
    coefficients : name of a set ("jordan", "you", "polar_express", "cans", "cubic5", "deepseek_v4")
        or an array (k, 3); a step maps each singular value s to a s + b s^3 + c s^5.
    steps : int; None: as many as the set has.
    method : "standard" iterates on G, "gram" on its Gram matrix, with one product by G at the end
        (the same result but for rounding, fewer operations for long matrices), "auto" chooses; see
        `choose`.
    compute : "float64", "float32", "bfloat16" (operands; sums are in float32), on a device also
        "float16", or "auto": G's own type, float32 for float16. With halves the Gram form keeps its
        square matrices in float32; sets that leave no room for their roundings, as "cans", are not
        offered with them, nor is a Gram form whose factor float16 cannot hold. Elements of the
        normalised matrix below 3e-8 are zero in float16.
    out : array or list that receives the result: G itself, or memory of the same shape and dtype
        that it does not share. None: new arrays of G's kind, in C order.
    normalization : what G is divided by first: "frobenius", its norm; "schatten4", the fourth root
        of the sum of its singular values' fourth powers; "aol", each row (or column of a tall G) by
        the root of its absolute sum in the Gram matrix, which changes the singular vectors too;
        "bound", the number `bound`, at least the spectral norm.
    bound : a number, or a NumPy array of G's leading dimensions with one per matrix; for a list
        also a sequence of these, one per array.
    safety : the normalised matrix is divided by it; at least 1.
    stream : for arrays on a device: the stream to work on, as its address or an object that has
        one. None: the stream that the arrays' framework works on.

    Returns the result, or a list of them. Zero gives zero. A matrix with a NaN or an infinity gives
    NaN. The scale of G does not matter. Bits do not depend on the number of threads.

    On a device all matrices of one shape are worked on together, and nothing waits for the device.
    Results are within the same bounds as the CPU's, with bits of their own. Not for capture into a
    CUDA graph: the workspace goes back to the framework's allocator.

    Sources: Jordan et al., Muon (2024); Amsel et al., arXiv 2505.16932 (Polar Express); the Gram
    form of Dao-AILab's gram-newton-schulz (2026); Boissin et al., arXiv 2512.04632 (AOL).

    Raises TypeError (kind, dtype), ValueError (fewer than two dimensions, shape, overlap, unknown
    names, steps, bound, arrays in different places), BufferError (a read-only out), DeviceError (no
    CUDA kernels, or an error of CUDA), MemoryError. After any but DeviceError nothing has been
    written.
    """
    return prepare_orthogonalize(
        G,
        coefficients,
        steps,
        method,
        compute,
        out,
        normalization=normalization,
        bound=bound,
        safety=safety,
        stream=stream,
    ).run()


def prepare_orthogonalize(
    G: Any,  # noqa: N803
    coefficients: Any = "polar_express",
    steps: int | None = None,
    method: str = "auto",
    compute: str = "auto",
    out: Any = None,
    *,
    normalization: str = "frobenius",
    bound: Any = None,
    safety: float = 1.0,
    stream: Any = None,
) -> Prepared:
    """`orthogonalize` with these arguments, to be run later. Raises what it raises."""
    is_list = isinstance(G, (list, tuple))
    inputs = list(G) if is_list else [G]
    facts = [_core.array_facts(x, "G", i if is_list else -1, True) for i, x in enumerate(inputs)]
    triples = resolve(coefficients, steps)
    device = bool(inputs) and _core.work_place(inputs[0], "G")[0]
    choices = [
        choose(shape, dtype, triples, None, method, compute, device=device)
        for shape, dtype in facts
    ]
    arguments.one_of("normalization", normalization, NORMALIZATIONS)
    shapes = [shape for shape, _ in facts]
    bounds = bounds_of(bound, normalization == "bound", shapes, is_list)
    safety = arguments.at_least("safety", safety, 1.0)
    outputs = _outputs(out, inputs, facts, is_list)
    # Products of one type, and Gram forms that start anew together, are run together.
    parts = {
        (compute, positions): [
            i for i, c in enumerate(choices) if (c.compute, c.restarts) == (compute, positions)
        ]
        for compute, positions in dict.fromkeys((c.compute, c.restarts) for c in choices)
    }
    prepared = Prepared(outputs if is_list else outputs[0])
    prepared.add(
        _core.Orthogonalization(
            inputs,
            outputs,
            is_list,
            [METHODS.index(choice.method) for choice in choices],
            bounds,
            triples,
            [(chosen, COMPUTE[compute], list(at)) for (compute, at), chosen in parts.items()],
            (NORMALIZATIONS.index(normalization), safety),
            stream,
        )
    )
    return prepared


def _saves_launches(triples: NDArray[np.float64], compute: str) -> bool:
    """Whether products of the standard form are more than launches of the Gram form on chip: the
    Gram matrix, all steps, and the products by the factor, of two parts in halves."""
    products = sum(3 if c != 0 else 2 for c in triples[:, 2])
    return products > (4 if compute in _HALF_UNITS else 3)


def _overflows(triples: NDArray[np.float64], compute: str) -> bool:
    most = _MOST_FACTOR.get(compute)
    return most is not None and largest_factor(triples, _starts_anew(triples)) > most


def _starts_anew(triples: NDArray[np.float64]) -> tuple[int, ...]:
    return _positions(triples.tobytes())


@lru_cache(maxsize=64)
def _positions(data: bytes) -> tuple[int, ...]:
    """The fewest restarts that keep Q well conditioned and the result in bounds, as late as they do
    with two steps to come.

    The steps after the last restart correct the rounding before it. (The published choice, the best
    conditioned one, is made for half precision, where nothing else would do.)
    """
    triples = np.frombuffer(data).reshape(-1, 3)
    steps = len(triples)
    if _is_stable(triples, ()):
        return ()
    if steps > _MOST_SEARCHED:
        return tuple(range(_DISTANCE, steps, _DISTANCE))
    for count in range(1, steps):
        for positions in reversed(list(combinations(range(1, steps - 1), count))):
            if _is_stable(triples, positions):
                return positions
    return tuple(range(1, steps))


def _is_stable(triples: NDArray[np.float64], positions: tuple[int, ...]) -> bool:
    exact = condition(triples, _NO_ROUNDING, positions)
    if condition(triples, PERTURBATION["float32"], positions) > _MOST_EXCESS * exact:
        return False
    most = _MOST_REACH * max(1.0, image(triples)[1])
    return reach(triples, _UNIT, positions) <= most


@lru_cache(maxsize=64)
def _escape(data: bytes, compute: str) -> float:
    """How far roundings to halves may take singular values; 0 where they add little to what the
    set itself makes of them."""
    triples = np.frombuffer(data).reshape(-1, 3)
    exact, rounded = image(triples)[1], rounded_image(triples, _HALF_UNITS[compute])[1]
    return rounded if rounded > _MOST_OVERSHOOT * max(exact, 1.0) else 0.0


def _outputs(out: Any, inputs: list[Any], facts: list[Any], is_list: bool) -> list[Any]:
    if out is None:
        return [
            _arrays.zeros(_arrays.view(x, "G"), dtype, shape)
            for x, (shape, dtype) in zip(inputs, facts, strict=True)
        ]
    if isinstance(out, (list, tuple)) != is_list:
        expected = "a list as G" if is_list else "one array as G"
        raise TypeError(f"out: {type(out).__name__} given, expected {expected}")
    outputs = list(out) if is_list else [out]
    if len(outputs) != len(inputs):
        raise ValueError(f"out: list of {len(outputs)} given, expected one of {len(inputs)}")
    return outputs
