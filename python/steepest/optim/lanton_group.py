"""A group of LANTON's: the gradients of the last step and the noise of every layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
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

    def follow_noise(self, pieces: Sequence[Piece], others: Sequence[NDArray[Any]] | None) -> None:
        """Takes the differences of `gradients` from the others, or from the last ones, into the
        noise, keeps the gradients for the next step, and sets the ratios of the learning rates."""
        steps = self.steps.values()
        measured = [p.index for p in pieces if others is not None or steps[p.index] > 0]
        for i in (piece.index for piece in pieces):
            new, last = (_arrays.as_numpy(x) for x in (self.gradients[i], self.states[PREVIOUS][i]))
            kept = new.copy()
            new -= last if others is None else others[i]
            last[...] = kept
        self._take_in(measured)
        alike: dict[str, list[Piece]] = {}
        for piece in pieces:
            alike.setdefault(self._norm_of(piece.index), []).append(piece)
        for layers in alike.values():
            for piece, ratio in zip(layers, self._ratios(layers), strict=True):
                piece.ratio = ratio

    def _take_in(self, measured: Sequence[int]) -> None:
        """The mean of the squared dual norms of the differences that `gradients` holds."""
        beta = float(self.options["betas"][1])
        norm, options = self.options["norm"], self.options["norm_options"] or {}
        lengths = polar.dual_norm([self.gradients[i] for i in measured], norm, **options)
        with np.errstate(over="ignore"):
            for i, square in zip(measured, lengths**2, strict=True):
                noise = _arrays.as_numpy(self.states[NOISE][i])
                noise[...] = beta * noise.astype(np.float64) + (1 - beta) * square

    def _norm_of(self, i: int) -> str:
        norm = str(self.options["norm"])
        return automatic(len(self.views[i].shape)) if norm == "Auto" else norm

    def _ratios(self, layers: Sequence[Piece]) -> list[float]:
        """sqrt(a / largest a); 1 where the noise is NaN, as the direction is then."""
        noise = np.array([_arrays.as_numpy(self.states[NOISE][p.index]).item() for p in layers])
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
