"""Muon: the orthogonalised momentum of matrices, and its relatives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from .. import _core, polar
from .._arrays import Array
from ..polar import arguments, layout
from ..polar.layout import is_row_major
from ..polar.moments import prepare_adamuon, prepare_normuon
from ..polar.oracles import SCALED
from ..polar.orthogonal import prepare_orthogonalize
from ..polar.prepared import Prepared
from .blocks import row_blocks
from .composite import rule_of
from .directed import DirectedGroup, DirectedOptimizer, Piece
from .group import Group
from .table import Rule, Stream

_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "adjust_lr": ("original", "match_rms_adamw", "spectral", "none"),
    "variant": (None, "normuon", "adamuon"),
    "algorithm": ("auto", "adamw"),
}
#: Options that decide how plans and matrices are laid out, or that are checked with them.
_LAYOUT = ("coefficients", "steps", "adjust_lr", "variant", "algorithm", "flatten", "split")
_PASSED = ("method", "compute", "normalization")


def adjustment(rule: str, rows: int, cols: int) -> float:
    """What the learning rate of a matrix is multiplied by.

    "original": sqrt(max(1, rows / cols)), as Muon's first code; "match_rms_adamw":
    0.2 sqrt(max(rows, cols)), which gives updates the size of AdamW's (Moonlight, arXiv
    2502.16982); "spectral": sqrt(rows / cols), of steepest descent from RMS norm to RMS norm (arXiv
    2409.20325); "none": 1.
    """
    if rows == 0 or cols == 0 or rule == "none":
        return 1.0
    if rule == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, cols))
    return math.sqrt(rows / cols if rule == "spectral" else max(1.0, rows / cols))


@dataclass
class _Block:
    """A matrix that is orthogonalised by itself, in the memory of a direction."""

    matrix: Array
    factor: float  # of its learning rate to that of the whole parameter
    second_moment: Array | None
    turn: int  # blocks whose memory interleaves are worked on in turns


@dataclass
class _Matrices(Piece):
    blocks: Sequence[_Block] = ()


class MuonGroup(DirectedGroup):
    """Matrices follow the orthogonalised momentum, all else AdamW."""

    def is_directed(self, i: int) -> bool:
        return self.options["algorithm"] == "auto" and len(self.views[i].shape) >= 2

    def piece(self, i: int, direction: Array) -> Piece:
        options, what = self.options, f"params[{self.first + i}]"
        flat = options["flatten"]
        matrix = _matrix(direction, flat, what)
        moment = self._second_moment(i)
        if moment is not None:
            moment = _of_matrix(moment, matrix, options["variant"], flat, what)
        rows, cols = map(int, matrix.shape[-2:])
        slices = row_blocks(rows, options["split"], what)
        ratios = [adjustment(options["adjust_lr"], s.stop - s.start, cols) for s in slices]
        interleaved = len(slices) > 1 and (len(matrix.shape) > 2 or not is_row_major(matrix))
        blocks = [
            _Block(_rows(matrix, s), ratio / ratios[0], _rows(moment, s), k if interleaved else 0)
            for k, (s, ratio) in enumerate(zip(slices, ratios, strict=True))
        ]
        whole = super().piece(i, direction)
        return _Matrices(i, whole.param, whole.copy, direction, ratios[0], blocks)

    def first_options(self) -> dict[str, Any]:
        names = ("momentum", "nesterov", "averaged")
        return {name: self.options[name] for name in names}

    def last_options(self) -> dict[str, Any]:
        return {"cautious_weight_decay": bool(self.options["cautious_weight_decay"])}

    def vector_options(self) -> dict[str, Any]:
        options = self.options
        own = {name: f"adamw_{name}" for name in ("lr", "weight_decay")}
        numbers = {
            name: [self.number(name if options[key] is None else key, i) for i in self._others]
            for name, key in own.items()
        }
        adam = {"betas": options["adamw_betas"], "eps": options["adamw_eps"]}
        return {**numbers, **adam, **self.last_options()}

    def check(self) -> None:
        arguments.at_least("variant_beta2", self.options["variant_beta2"], 0.0, below=1.0)
        arguments.at_least("variant_eps", self.options["variant_eps"], 0.0)

    def settings(self) -> tuple[Any, ...]:
        """What pieces must have in common to be orthogonalised in one call."""
        return self._settings

    def _second_moment(self, i: int) -> Array | None:
        names = {"normuon": "second_moment", "adamuon": "second_moments"}
        name = names.get(self.options["variant"])
        return None if name is None else self.states[name][i]

    def _binding(self) -> tuple[Any, ...]:
        options = {name: _plain(self.options[name]) for name in (*_LAYOUT, *_PASSED)}
        return *super()._binding(), tuple(options.items())

    def _bind(self) -> None:
        algorithm = self._algorithm = getattr(self, "_algorithm", self.options["algorithm"])
        if self.options["algorithm"] != algorithm:
            raise ValueError(f"algorithm: changed from {algorithm!r}, expected it to stay")
        for name, known in _CHOICES.items():
            if self.options[name] not in known:
                expected = ", ".join(map(repr, known))
                given = self.options[name]
                raise ValueError(f"{name}: {given!r} given, expected one of {expected}")
        options = self.options
        triples = polar.coefficients.resolve(options["coefficients"], options["steps"])
        matrix = next((array for array in self.arrays if array.ndim >= 2), None)
        device = matrix is not None and _core.work_place(matrix, "params")[0]
        iteration = (triples, None, options["method"], options["compute"])
        polar.choose((1, 1), "float32", *iteration, device=device)
        if options["normalization"] not in ("frobenius", "schatten4", "aol"):
            raise ValueError(
                f"normalization: {options['normalization']!r} given, expected one of 'frobenius', "
                "'schatten4', 'aol'"
            )
        super()._bind()
        self._settings = (triples.tobytes(), *(options[name] for name in _PASSED))


def _rows(x: Array | None, rows: slice) -> Array | None:
    return None if x is None else x[..., rows, :]


def _matrix(x: Array, flatten: bool, what: str) -> Array:
    """The matrix (out, everything else) of a convolution kernel, or a stack as it is."""
    matrix = layout.as_matrix(x) if flatten else x
    if matrix is None:
        raise ValueError(
            f"{what}: memory order given with other axes on both sides of the first, expected the "
            "first axis outermost or innermost"
        )
    return matrix


def _of_matrix(moment: Array, matrix: Array, variant: str, flat: bool, what: str) -> Array:
    """A second moment in the shape that belongs to the matrix view."""
    if variant == "adamuon":
        return _matrix(moment, flat, what)
    return moment.reshape((*map(int, matrix.shape[:-1]), 1))


def _plain(value: Any) -> Any:
    """An option in a form that compares."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return value
    array = np.asarray(value)
    return array.shape, array.tobytes()


class Muon(DirectedOptimizer):
    """Momentum, orthogonalised: the singular values of each matrix's update are brought to 1.

    buf = momentum buf + (1 - momentum) g; d = (1 - momentum) g + momentum buf with Nesterov, else
    buf; p = p (1 - lr weight_decay) - lr ratio orthogonalize(d). Matrices are parameters of two
    dimensions, convolution kernels (out, in, k...) as (out, in k...), and stacks; all other
    parameters, and groups with algorithm="adamw" (embeddings, heads), are stepped by AdamW. One
    call orthogonalises all matrices of all groups that share its options.

    Jordan et al., Muon (2024), with the defaults of torch.optim.Muon; arXiv 2502.16982 (Moonlight).

    params : an array, a list or dict of arrays, or a list of group dicts. In host memory or on one
        CUDA device, where directions are within the CPU's bounds, with bits of their own.
    lr : learning rate: a number, or one per parameter.
    momentum, nesterov : of the momentum; averaged=False sums gradients instead of averaging them,
        which scales the momentum and leaves its direction.
    coefficients, steps, method, compute, normalization : of `steepest.polar.orthogonalize`. The
        momentum is orthogonalised in float32 unless compute says otherwise.
    adjust_lr : ratio of a matrix's learning rate to lr: "original" sqrt(max(1, rows / cols)),
        "match_rms_adamw" 0.2 sqrt(max(rows, cols)) (Moonlight), "spectral" sqrt(rows / cols) or
        "none" 1. The decay goes by lr itself.
    weight_decay : decoupled: a number, or one per parameter.
    cautious_weight_decay : decay only elements that the step does not move outwards (arXiv
        2510.12402), AdamW's too.
    variant : None, "normuon" (rows over the root of their second moment, arXiv 2510.05491) or
        "adamuon" (elements likewise, arXiv 2507.11005), with variant_beta2 and variant_eps.
    algorithm : "auto", or "adamw" for all parameters of a group.
    flatten : take parameters of three and more dimensions as convolution kernels; False: as stacks
        of matrices (experts).
    split : blocks of rows that are orthogonalised apart, each with the ratio of its own shape: a
        number of equal blocks (heads), or a list of sizes (fused query, key and value).
    adamw_lr, adamw_betas, adamw_eps, adamw_weight_decay : of AdamW's parameters; None: as lr and
        weight_decay.
    maximize, rounding, seed, state_dtype, master_weights : as in the other optimizers.

    States: momentum_buffer of matrices; second_moment or second_moments with a variant; exp_avg and
    exp_avg_sq of AdamW's parameters. step, state_dict and the rest are those of
    steepest.optim.Optimizer; all errors come before anything is written.
    """

    group_class: ClassVar[type[Group]] = MuonGroup

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        averaged: bool = True,
        coefficients: Any = "jordan",
        steps: int | None = 5,
        adjust_lr: str = "original",
        weight_decay: Any = 0.1,
        cautious_weight_decay: bool = False,
        variant: str | None = None,
        variant_beta2: float = 0.95,
        variant_eps: float = 1e-8,
        algorithm: str = "auto",
        flatten: bool = True,
        split: int | Sequence[int] | None = None,
        method: str = "auto",
        compute: str = "auto",
        normalization: str = "frobenius",
        adamw_lr: Any = None,
        adamw_betas: tuple[float, float] = (0.9, 0.999),
        adamw_eps: float = 1e-8,
        adamw_weight_decay: Any = None,
        maximize: bool = False,
        rounding: Any = "nearest",
        seed: int = 0,
        state_dtype: Any = "float32",
        master_weights: bool = False,
    ) -> None:
        given = locals()
        options = {name: given[name] for name in self.rule.defaults}
        super().__init__(params, state_dtype=state_dtype, master_weights=master_weights, **options)

    def directions(
        self, pieces: Sequence[tuple[DirectedGroup, Piece]], stream: Any
    ) -> list[Prepared]:
        """Orthogonalised momentum, one call for all that share the options."""
        blocks = [
            (group, block)
            for group, piece in pieces
            if isinstance(group, MuonGroup) and isinstance(piece, _Matrices)
            for block in piece.blocks
        ]
        together: dict[tuple[Any, ...], list[Array]] = {}
        for group, block in blocks:
            together.setdefault((*group.settings(), block.turn), []).append(block.matrix)
        orthogonal = [
            prepare_orthogonalize(
                matrices,
                np.frombuffer(triples).reshape(-1, 3),
                method=method,
                compute=compute,
                normalization=normalization,
                out=matrices,
                stream=stream,
            )
            for (triples, method, compute, normalization, _), matrices in together.items()
        ]
        scaled = [_scaled(block, stream) for _, block in blocks if block.factor != 1]
        return [*orthogonal, *_normalized(blocks, stream), *scaled]

    def _rule_of(self, options: Mapping[str, Any]) -> Rule:
        if options["algorithm"] == "adamw":
            moments = [replace(s, form="any") for s in self.rule.streams if s.form == "vector"]
            return replace(self.rule, streams=tuple(moments))
        if options["flatten"]:
            return self.rule
        rows = [replace(s, kind="row") if s.kind == "output" else s for s in self.rule.streams]
        return replace(self.rule, streams=tuple(rows))


def _normalized(blocks: Sequence[tuple[MuonGroup, _Block]], stream: Any) -> list[Prepared]:
    """The second-moment normalisers of the variants, one call for all that share the options."""
    together: dict[tuple[Any, ...], list[_Block]] = {}
    for group, block in blocks:
        options = group.options
        if options["variant"] is not None:
            numbers = (float(options["variant_beta2"]), float(options["variant_eps"]))
            together.setdefault((options["variant"], *numbers, block.turn), []).append(block)
    calls = []
    for (variant, beta2, eps, _), those in together.items():
        matrices = [block.matrix for block in those]
        moments = [block.second_moment for block in those]
        normalizer = prepare_normuon if variant == "normuon" else prepare_adamuon
        calls.append(
            normalizer(matrices, moments, beta2=beta2, eps=eps, out=matrices, stream=stream)
        )
    return calls


def _scaled(block: _Block, stream: Any) -> Prepared:
    """The direction of a block times its factor."""
    given, manner = [block.matrix], (SCALED, block.factor, 0.0)
    prepared = Prepared()
    prepared.add(_core.Normalization(given, given, "direction", False, [manner], stream=stream))
    return prepared


Muon.rule = rule_of(
    Muon,
    "muon",
    (
        Stream("momentum_buffer", "element", "matrix", False, "momentum of a matrix"),
        Stream("second_moment", "output", "matrix", True, "of the rows of the directions"),
        Stream("second_moments", "element", "matrix", True, "of the elements of the directions"),
        Stream("exp_avg", "element", "vector", False, "first moment, of AdamW's parameters"),
        Stream("exp_avg_sq", "element", "vector", False, "second moment, of AdamW's parameters"),
    ),
    unused={
        "second_moment": lambda options: options["variant"] != "normuon",
        "second_moments": lambda options: options["variant"] != "adamuon",
    },
)
