"""Second-moment normalisers of orthogonalised directions: NorMuon and AdaMuon."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import _arrays, _core
from . import arguments
from .oracles import ROWS, SCALED
from .prepared import Prepared


def normuon(
    O: Any,  # noqa: N803, E741 (the papers' name)
    second_moment: Any,
    *,
    beta2: float = 0.95,
    eps: float = 1e-8,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """Rows of O over the root of their second moment, at the Frobenius norm that O has.

    v_i = beta2 v_i + (1 - beta2) mean_j O_ij^2; O_ij / (sqrt(v_i) + eps), times what keeps ||O||_F.

    O : array (..., m, n) or a list of such arrays, in host memory or on one CUDA device; float64,
        float32, bfloat16 or float16.
    second_moment : array (..., m, 1) of float32 or float64 in C order, or a list; updated in place.
    beta2 : in [0, 1). eps : at least 0.
    out : receives the result: O itself, or memory of the same shape and dtype apart from it.
    stream : for arrays on a device, as in `orthogonalize`.

    Zero rows stay zero. Li et al., arXiv 2510.05491 (NorMuon), algorithm 1, which scales to
    0.2 sqrt(m n): the factor that a learning rate with "match_rms_adamw" has.

    The same bits on the CPU and on a device. Raises TypeError, ValueError, BufferError, DeviceError
    (an error of CUDA), MemoryError. After any but DeviceError nothing has been written.
    """
    return prepare_normuon(O, second_moment, beta2=beta2, eps=eps, out=out, stream=stream).run()


def prepare_normuon(
    O: Any,  # noqa: N803, E741
    second_moment: Any,
    *,
    beta2: float,
    eps: float,
    out: Any = None,
    stream: Any = None,
) -> Prepared:
    """`normuon` with these arguments, to be run later. Raises what it raises."""
    beta2 = arguments.at_least("beta2", beta2, 0.0, below=1.0)
    eps = arguments.at_least("eps", eps, 0.0)
    is_list, given, moments, results = _lists(O, second_moment, out)
    manners = [(ROWS, 1.0, eps)] * len(given)
    prepared = Prepared(results if is_list else results[0])
    prepared.add(
        _core.Normalization(given, results, "O", is_list, manners, moments, beta2, stream=stream)
    )
    return prepared


def adamuon(
    O: Any,  # noqa: N803, E741
    second_moment: Any,
    *,
    beta2: float = 0.95,
    eps: float = 1e-8,
    out: Any = None,
    stream: Any = None,
) -> Any:
    """Elements of O over the root of their second moment, at the Frobenius norm that O has.

    v = beta2 v + (1 - beta2) O^2; O / (sqrt(v) + eps), times what keeps ||O||_F.

    Arguments as in `normuon`, but `second_moment` has the shape and memory order of O, and may be
    bfloat16, too. Si et al., arXiv 2507.11005 (AdaMuon), whose scale is 0.2 sqrt(m n), as in
    `normuon`. O and `out` are float32 or float64.
    """
    return prepare_adamuon(O, second_moment, beta2=beta2, eps=eps, out=out, stream=stream).run()


def prepare_adamuon(
    O: Any,  # noqa: N803, E741
    second_moment: Any,
    *,
    beta2: float,
    eps: float,
    out: Any = None,
    stream: Any = None,
) -> Prepared:
    """`adamuon` with these arguments, to be run later. Raises what it raises."""
    beta2 = arguments.at_least("beta2", beta2, 0.0, below=1.0)
    eps = arguments.at_least("eps", eps, 0.0)
    is_list, given, moments, results = _lists(O, second_moment, out)
    _check_adamuon(given, moments, results, is_list)
    prepared = Prepared(results if is_list else results[0])
    sources = [_apart(d, y, stream, prepared) for d, y in zip(given, results, strict=True)]
    keywords = {} if stream is None else {"stream": stream}
    plan = _core.Plan("adamuon", results, second_moment=moments)
    calls = [(plan, sources, {"beta2": beta2, "eps": eps})]
    _core.run(calls, check_only=True, **keywords)
    prepared.then(partial(_core.run, calls, **keywords))
    return prepared


def _check_adamuon(o: list[Any], moments: list[Any], results: list[Any], is_list: bool) -> None:
    """Raises by the names that the caller knows, where the step would by its own."""
    for i, (x, v, y) in enumerate(zip(o, moments, results, strict=True)):
        at = f"[{i}]" if is_list else ""
        shape, dtype = tuple(_arrays.view(x, "O").shape), _arrays.dtype_name(_arrays.view(x, "O"))
        if dtype not in ("float32", "float64"):
            raise TypeError(f"O{at}: dtype {dtype} given, expected float32 or float64")
        for name, other in (("second_moment", v), ("out", y)):
            given = tuple(_arrays.view(other, name).shape)
            if given != shape:
                raise ValueError(f"{name}{at}: shape {given} given, expected {shape}")


def _apart(given: Any, result: Any, stream: Any, prepared: Prepared) -> Any:
    """The array, or a copy where the result is written over it: a step may read later. The copy is
    made in the order of the stream, by a factor of 1."""
    if not _core.share_memory(given, result):
        return given
    copy = _like(given)
    if stream is None:
        prepared.then(partial(_arrays.assign, copy, _arrays.view(given, "O")))
    else:
        manner = [(SCALED, 1.0, 0.0)]
        prepared.add(_core.Normalization([given], [copy], "O", False, manner, stream=stream))
    return copy


def _like(x: Any) -> Any:
    view = _arrays.view(x, "O")
    return _arrays.zeros(view, _arrays.dtype_name(view))


def _lists(o: Any, moments: Any, out: Any) -> tuple[bool, list[Any], list[Any], list[Any]]:
    """Directions, second moments and results as lists of one length."""
    is_list = isinstance(o, (list, tuple))
    given = list(o) if is_list else [o]
    parts = []
    for name, value in (("second_moment", moments), ("out", out)):
        if name == "out" and value is None:
            parts.append([_like(x) for x in given])
            continue
        if isinstance(value, (list, tuple)) != is_list:
            expected = "a list as O" if is_list else "one array as O"
            raise TypeError(f"{name}: {type(value).__name__} given, expected {expected}")
        values = list(value) if is_list else [value]
        if len(values) != len(given):
            raise ValueError(f"{name}: list of {len(values)} given, expected one of {len(given)}")
        parts.append(values)
    return is_list, given, parts[0], parts[1]
