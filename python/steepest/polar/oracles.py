"""Linear minimisation oracles: the point of a norm's unit ball that lies farthest along G.

With the sign of G, so a step against G is minus the oracle. Each takes one array or a list and
gives new arrays of G's kind, or writes to `out`. Zero gives zero; a NaN or an infinity gives NaN
wherever it has a part.

Sources: Pethick et al., arXiv 2502.07529 (Scion), whose names and defaults these are; Bernstein and
Newhouse, arXiv 2409.20325 (the duality maps); Kovalev, arXiv 2503.12645.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core
from . import arguments
from .layout import as_matrix, as_row, memory_order
from .orthogonal import NORMALIZATIONS, choose, prepare_orthogonalize
from .prepared import Prepared

Manner = tuple[int, float, float]  # kind, scale and eps of the native call

ROWS, COLUMNS, WHOLE, SIGNS, SCALED = range(5)

#: Keywords of each oracle and their defaults; those of the spectral ones besides these go to
#: `orthogonalize`.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Spectral": {"normalized": True, "at_least_one": False},
    "SpectralConv": {},
    "ColNorm": {"normalized": False, "transpose": False, "eps": 1e-8},
    "RowNorm": {"normalized": True, "transpose": False, "eps": 1e-8},
    "Sign": {"normalized": True},
    "BiasRMS": {"eps": 1e-8},
    "Euclidean": {"eps": 0.0},
}
NORMS = ("Auto", *DEFAULTS)
_ITERATION = ("coefficients", "steps", "method", "compute", "normalization")


def oracle(
    G: Any,  # noqa: N803
    norm: str = "Auto",
    *,
    out: Any = None,
    stream: Any = None,
    **options: Any,
) -> Any:
    """The oracle of a norm, by name.

    G : array, or list of arrays of any shapes, in host memory or on one CUDA device; float64,
        float32, bfloat16 or float16. The spectral oracles, ColNorm and RowNorm take matrices
        (d_out, d_in), the last two also stacks of them; SpectralConv kernels (d_out, d_in, k...);
        the others any shape.
    norm : see DEFAULTS for the keywords in `options`:
        "Spectral" (RMS to RMS): sqrt(d_out / d_in) times the orthogonalised G; normalized=False
            sqrt(d_out); at_least_one=True with a factor of at least 1. Further keywords are those
            of `orthogonalize`, by which the result is approximate.
        "SpectralConv": sqrt(d_out / d_in) / taps times the orthogonalised (d_out, d_in taps).
        "ColNorm" (1 to RMS): each column over its RMS; normalized=True also over d_in.
        "RowNorm": each row over its Euclidean norm, and over sqrt(d_in) unless normalized=False.
        "Sign": signs, over d_in unless normalized=False.
        "BiasRMS": all over the RMS. "Euclidean": all over the Euclidean norm.
        "Auto": SpectralConv for three and more dimensions, Spectral for two, BiasRMS for fewer.
        transpose=True takes columns for rows and d_out for d_in; eps is added to the norms.
    out : array or list that receives the result: G itself, or memory of the same shape and dtype
        apart from it.
    stream : for arrays on a device, as in `orthogonalize`; not with arrays of more than two
        dimensions whose memory has to be copied to be a matrix.

    Sums of squares are the same bits for any number of threads, on every target and device.

    Raises TypeError (kind, dtype, unknown keyword), ValueError (shape, overlap, unknown norm),
    BufferError (a read-only out), DeviceError (an error of CUDA), MemoryError. After any but
    DeviceError nothing has been written.
    """
    return prepare_oracle(G, norm, out=out, stream=stream, **options).run()


def prepare_oracle(
    G: Any,  # noqa: N803
    norm: str = "Auto",
    *,
    out: Any = None,
    stream: Any = None,
    **options: Any,
) -> Prepared:
    """`oracle` with these arguments, to be run later. Raises what it raises."""
    arguments.one_of("norm", norm, NORMS)
    is_list = isinstance(G, (list, tuple))
    inputs = list(G) if is_list else [G]
    views = [_arrays.view(x, "G") for x in inputs]
    norms = [automatic(len(x.shape)) if norm == "Auto" else norm for x in views]
    known = [_options(name, options, norm) for name in norms]
    for x, name in zip(views, norms, strict=True):
        _check_shape(tuple(x.shape), name)
    results = _results(out, views, is_list)
    manners = [_manner(n, x, o) for n, x, o in zip(norms, views, known, strict=True)]
    iteration = {name: options[name] for name in _ITERATION if name in options}
    call = _Call(views, results, is_list, stream)
    for i, (kind, _, _) in enumerate(manners):
        call.add(i, kind)
        if kind == SCALED:
            _check_iteration(views[i], iteration)
    call.check()
    given = out if out is not None else results
    result = list(given) if is_list else (given if out is not None else results[0])
    return call.prepared(result, manners, iteration)


def dual_norm(G: Any, norm: str = "Auto", **options: Any) -> Any:  # noqa: N803
    """<G, oracle(G)>, the dual norm of G: how much a step of length 1 in `norm` can gain.

    Summed in float64 on the host: a float, or an array of one per array of a list. For the spectral
    norms it is as approximate as `orthogonalize`. Raises as `oracle`.
    """
    directions = oracle(G, norm, **options)
    if not isinstance(G, (list, tuple)):
        return _inner_product(G, directions)
    pairs = zip(G, directions, strict=True)
    return np.array([_inner_product(g, d) for g, d in pairs], np.float64)


def _inner_product(a: Any, b: Any) -> float:
    return float(np.sum(_doubles(a) * _doubles(b)))


def _doubles(x: Any) -> NDArray[np.float64]:
    """In host memory."""
    view = _arrays.view(x, "G")
    host = _arrays.to_host(view, "G")
    if _arrays.dtype_name(view) == "bfloat16":  # its bits, the upper half of a float32
        host = (host.astype(np.uint32) << 16).view(np.float32)
    return host.astype(np.float64)


def automatic(dimensions: int) -> str:
    """The norm that "Auto" stands for, by the number of dimensions."""
    return "BiasRMS" if dimensions < 2 else "Spectral" if dimensions == 2 else "SpectralConv"


def _options(name: str, given: Mapping[str, Any], asked: str) -> dict[str, Any]:
    """The keywords of a norm. With "Auto" those of all that it may choose are allowed."""
    allowed = {*DEFAULTS[name], *(_ITERATION if name.startswith("Spectral") else ())}
    if asked == "Auto":
        allowed = {"normalized", "at_least_one", "eps", *_ITERATION}
    for key in given:
        if key not in allowed:
            expected = ", ".join(sorted(allowed))
            raise TypeError(f"{asked}: unknown keyword {key!r} given, expected one of {expected}")
    known = {key: given.get(key, default) for key, default in DEFAULTS[name].items()}
    if "eps" in known:
        arguments.at_least("eps", known["eps"], 0.0)
    return known


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    dimensions = len(shape)
    if name == "Spectral" and dimensions != 2:
        raise ValueError(f"G: shape {shape} given, expected a matrix for the norm 'Spectral'")
    if name in ("SpectralConv", "ColNorm", "RowNorm") and dimensions < 2:
        raise ValueError(f"G: shape {shape} given, expected two or more dimensions for {name!r}")


def _check_iteration(x: Any, options: Mapping[str, Any]) -> None:
    """Raises what `orthogonalize` would for its keywords."""
    arguments.one_of("normalization", options.get("normalization", "frobenius"), NORMALIZATIONS[:3])
    chosen = {key: value for key, value in options.items() if key != "normalization"}
    device = _core.work_place(x, "G")[0]
    choose((int(x.shape[0]), 1), _arrays.dtype_name(x), **chosen, device=device)


def _spectral_scale(name: str, shape: Sequence[int], options: Mapping[str, Any]) -> float:
    d_out, d_in, *taps = map(int, shape)
    if d_out == 0 or d_in == 0:
        return 1.0
    if name == "SpectralConv":
        return math.sqrt(d_out / d_in) / max(1, math.prod(taps))
    scale = math.sqrt(d_out / d_in) if options["normalized"] else math.sqrt(d_out)
    return max(1.0, scale) if options["at_least_one"] else scale


def _manner(name: str, x: Any, options: Mapping[str, Any]) -> Manner:
    """Kind, scale and eps of the native call. An RMS is a norm over the root of the count."""
    count = math.prod(map(int, x.shape))
    if name.startswith("Spectral"):
        return SCALED, _spectral_scale(name, x.shape, options), 0.0
    if name == "Euclidean":
        return WHOLE, 1.0, options["eps"]
    if name == "BiasRMS":
        return WHOLE, math.sqrt(count), options["eps"] * math.sqrt(count)
    shape = [int(n) for n in x.shape]
    d_in = shape[-2 if options.get("transpose") else -1] if shape else 1
    if name == "Sign":
        d_in = shape[1] if len(shape) > 1 else 1
        return SIGNS, 1 / max(1, d_in) if options["normalized"] else 1.0, 0.0
    if name == "RowNorm":
        kind = COLUMNS if options["transpose"] else ROWS
        scale = 1 / math.sqrt(max(1, d_in)) if options["normalized"] else 1.0
        return kind, scale, options["eps"] * scale
    kind = ROWS if options["transpose"] else COLUMNS
    d_out = shape[-1 if options["transpose"] else -2]
    scale = math.sqrt(d_out) / (max(1, d_in) if options["normalized"] else 1)
    # x / (rms d_in + eps) = x sqrt(d_out) / d_in / (norm + eps sqrt(d_out) / d_in).
    return kind, scale, options["eps"] * scale


def _results(out: Any, views: list[Any], is_list: bool) -> list[Any]:
    if out is None:
        return [_arrays.zeros(x, _arrays.dtype_name(x)) for x in views]
    if isinstance(out, (list, tuple)) != is_list:
        expected = "a list as G" if is_list else "one array as G"
        raise TypeError(f"out: {type(out).__name__} given, expected {expected}")
    results = list(out) if is_list else [out]
    if len(results) != len(views):
        raise ValueError(f"out: list of {len(results)} given, expected one of {len(views)}")
    return [_arrays.view(x, "out") for x in results]


class _Call:
    """Arrays and where their results go, as the matrices of the native calls. Where an array is not
    one in memory, a copy of it is worked on, and brought back at the end."""

    def __init__(self, views: list[Any], results: list[Any], is_list: bool, stream: Any) -> None:
        self._is_list = is_list
        self._stream = stream
        self._copied: list[tuple[Any, Any, Any]] = []
        self.pairs: list[tuple[Any, Any]] = []
        self._checked: list[tuple[Any, Any]] = []  # what is read and written in the end
        self._sources = list(zip(views, results, strict=True))

    def add(self, i: int, kind: int) -> None:
        """Array i as a matrix for this kind of norm; SCALED for the spectral ones."""
        x, result = self._sources[i]
        _check_result(result, x, f"out[{i}]" if self._is_list else "out")
        order = _order(x, kind)
        given, written = _viewed(x, kind, order), _viewed(result, kind, order)
        if given is None or written is None:
            if self._stream is not None:  # the copies are not in its order
                raise ValueError("stream: given, expected None for arrays that have to be copied")
            self._checked.append((x, result))
            copy = _arrays.zeros(x, _arrays.dtype_name(x), tuple(map(int, x.shape)))
            self._copied.append((x, result, copy))
            given = written = _viewed(copy, kind, _order(copy, kind))
        else:
            self._checked.append((given, written))
        self.pairs.append((given, written))

    def check(self) -> None:
        """Raises for outputs that cannot be written or share memory."""
        self._native(self._checked, [(ROWS, 1.0, 0.0)] * len(self._checked))

    def prepared(
        self, result: Any, manners: Sequence[Manner], iteration: Mapping[str, Any]
    ) -> Prepared:
        """Orthogonalises the spectral ones, then scales those and normalises the others."""
        prepared = Prepared(result)
        for x, _, copy in self._copied:
            prepared.then(partial(_arrays.assign, copy, x))
        spectral = [i for i, (kind, _, _) in enumerate(manners) if kind == SCALED]
        if spectral:
            given, written = zip(*(self.pairs[i] for i in spectral), strict=True)
            prepared.append(
                prepare_orthogonalize(
                    list(given), out=list(written), stream=self._stream, **iteration
                )
            )
            for i in spectral:
                self.pairs[i] = (self.pairs[i][1], self.pairs[i][1])
        prepared.add(self._native(self.pairs, manners))
        for _, result, copy in self._copied:
            prepared.then(partial(_arrays.assign, result, copy))
        return prepared

    def _native(
        self, pairs: Sequence[tuple[Any, Any]], manners: Sequence[Manner]
    ) -> _core.Normalization:
        inputs, outputs = [a for a, _ in pairs], [b for _, b in pairs]
        return _core.Normalization(
            inputs, outputs, "G", self._is_list, manners, stream=self._stream
        )


def _check_result(result: Any, x: Any, name: str) -> None:
    given, expected = _arrays.dtype_name(result), _arrays.dtype_name(x)
    if given != expected:
        raise TypeError(f"{name}: dtype {given} given, expected {expected} as the input")
    if tuple(result.shape) != tuple(x.shape):
        raise ValueError(
            f"{name}: shape {tuple(result.shape)} given, expected {tuple(map(int, x.shape))}"
        )


def _order(x: Any, kind: int) -> list[int] | None:
    """The order of axes in which an array is seen as a matrix."""
    if len(x.shape) < 2 or kind in (ROWS, COLUMNS):
        return None
    if kind == SCALED:
        return memory_order(x) if len(x.shape) > 2 else None
    strides = x.stride() if _arrays.torch_of(x) is not None else x.strides
    return sorted(range(len(x.shape)), key=lambda axis: -abs(strides[axis]))


def _viewed(x: Any, kind: int, order: list[int] | None) -> Any | None:
    if kind in (ROWS, COLUMNS):
        return x
    return as_matrix(x, order) if kind == SCALED else as_row(x, order)
