"""A group of LANTON's: the gradients of the last step and the noise of every layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _arrays, _core, polar
from .._arrays import Array
from ..polar import arguments
from ..polar.oracles import automatic
from .directed import Call, Piece
from .oracles import OracleGroup

FORMS = ("damped", "eps")
PREVIOUS, NOISE = "previous_gradient", "noise"
#: The least ratio of learning rates: keeps weight_decay / ratio finite.
_LEAST_RATIO = 2.0**-60
_MOST_NOISE = 1e300  # of an infinity too, which no ratio could be formed with


class LantonGroup(OracleGroup):
    """Keeps the last gradient and the noise of every layer."""

    def first_options(self) -> dict[str, Any]:
        return {"momentum": self.options["betas"][0], "nesterov": False, "averaged": True}

    def last_options(self) -> dict[str, Any]:
        return {"cautious_weight_decay": bool(self.options["cautious_weight_decay"])}

    def check(self) -> None:
        options = self.options
        betas = options["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"betas: {betas!r} given, expected two numbers")
        for i, beta in enumerate(betas):
            arguments.at_least(f"betas[{i}]", beta, 0.0, below=1.0)
        arguments.between("alpha", options["alpha"], 0.0, math.inf)
        arguments.between("eps", options["eps"], 0.0, math.inf)
        arguments.one_of("form", options["form"], FORMS)

    def gradient_call(self, grads: Sequence[Array | None]) -> Call:
        """The native call that writes gradients to `gradients`, scaled and clipped as a step does
        it. It writes nothing else that lasts."""
        self._rebind()
        self._check_count(grads)
        self.check()
        for piece in self.pieces:
            _arrays.fill(piece.direction, 0)  # the call has it times 0, which a NaN would survive
        options = {"momentum": 0.0, "nesterov": False, "averaged": True, "lr": 1.0}
        return self._gather, grads, {**options, "maximize": False}

    def copies(self) -> list[NDArray[Any]]:
        """Copies of `gradients`."""
        return [_arrays.as_numpy(gradient).copy() for gradient in self.gradients]

    def measured(
        self, pieces: Sequence[Piece], others: Sequence[NDArray[Any]] | None
    ) -> list[tuple[NDArray[Any], float]]:
        """The noise of each piece with the difference of `gradients` from the others, or from the
        last ones, and the ratio of its learning rate. Writes to the directions only."""
        steps = self.steps.values()
        for piece in pieces:
            last = self.states[PREVIOUS][piece.index] if others is None else others[piece.index]
            np.subtract(
                _arrays.as_numpy(self.gradients[piece.index]),
                _arrays.as_numpy(last),
                out=_arrays.as_numpy(piece.direction),
            )
        known = [p for p in pieces if others is not None or steps[p.index] > 0]
        noise = {p.index: _arrays.as_numpy(self.states[NOISE][p.index]) for p in pieces}
        noise.update(self._with_differences(known, noise))
        alike: dict[str, list[Piece]] = {}
        for piece in pieces:
            alike.setdefault(self._norm_of(piece.index), []).append(piece)
        ratios: dict[int, float] = {}
        for layers in alike.values():
            indices = [piece.index for piece in layers]
            ratios.update(zip(indices, self._ratios([noise[i] for i in indices]), strict=True))
        return [(noise[piece.index], ratios[piece.index]) for piece in pieces]

    def follow_noise(
        self, pieces: Sequence[Piece], measured: Sequence[tuple[NDArray[Any], float]]
    ) -> None:
        """Takes over what was measured, and keeps the gradients for the next step."""
        for piece, (noise, ratio) in zip(pieces, measured, strict=True):
            gradient = _arrays.as_numpy(self.gradients[piece.index])
            _arrays.as_numpy(self.states[PREVIOUS][piece.index])[...] = gradient
            _arrays.as_numpy(self.states[NOISE][piece.index])[...] = noise
            piece.ratio = ratio

    def _with_differences(
        self, pieces: Sequence[Piece], noise: Mapping[int, NDArray[Any]]
    ) -> dict[int, NDArray[Any]]:
        """The mean of the squared dual norms of the differences that the directions hold, as it is
        stored."""
        beta = float(self.options["betas"][1])
        norm, options = self.options["norm"], self.options["norm_options"] or {}
        lengths = polar.dual_norm([piece.direction for piece in pieces], norm, **options)
        new = {}
        with np.errstate(over="ignore"):
            for i, square in zip((p.index for p in pieces), lengths**2, strict=True):
                mean = beta * noise[i].astype(np.float64) + (1 - beta) * square
                new[i] = np.asarray(mean).astype(noise[i].dtype)
        return new

    def _norm_of(self, i: int) -> str:
        norm = str(self.options["norm"])
        return automatic(len(self.views[i].shape)) if norm == "Auto" else norm

    def _ratios(self, noises: Sequence[NDArray[Any]]) -> list[float]:
        """sqrt(a / largest a); 1 where the noise is NaN, as the direction is then."""
        noise = np.array([each.item() for each in noises], np.float64)
        noise = np.minimum(noise, _MOST_NOISE)
        if self.options["form"] == "damped":
            inverse = np.hypot(float(self.options["alpha"]), np.sqrt(noise))  # alpha / a
        else:
            inverse = np.sqrt(noise + float(self.options["eps"]))
        known = ~np.isnan(inverse)
        least = np.min(inverse, where=known, initial=math.inf)
        ratios = np.sqrt(least / inverse, where=known, out=np.ones_like(inverse))
        return [max(float(ratio), _LEAST_RATIO) for ratio in ratios]

    def _bind(self) -> None:
        self._check_in_host_memory("noise is measured there only")
        super()._bind()
        self.gradients = [self._new_direction(i) for i in range(len(self.views))]
        self._gather = _core.Plan(
            "momentum",
            self.gradients,
            momentum_buffer=[piece.direction for piece in self.pieces],
            tensor_ids=[self.first + i for i in range(len(self.views))],
            rounding="nearest",
            seed=0,
        )
