"""What optimizers over linear minimisation oracles have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import polar
from .._arrays import Array
from ..polar.oracles import prepare_oracle
from ..polar.prepared import Prepared
from .directed import DirectedGroup, DirectedOptimizer, Piece

NORMS = (
    "Auto", "Spectral", "SpectralConv", "ColNorm", "RowNorm", "Sign", "BiasRMS", "Euclidean",
)  # fmt: skip


class OracleGroup(DirectedGroup):
    """All parameters follow the oracle of the group's norm."""

    def first_options(self) -> dict[str, Any]:
        return {"momentum": self.options["momentum"], "nesterov": False, "averaged": True}

    def settings(self) -> tuple[Any, ...]:
        """What pieces must have in common to be given to the oracle in one call."""
        options = self.options["norm_options"] or {}
        return self.options["norm"], tuple(sorted(options.items()))

    def number(self, name: str, i: int) -> float:
        # Not all of these optimizers have a decay.
        return super().number(name, i) if name in self.options else 0.0

    def _binding(self) -> tuple[Any, ...]:
        return *super()._binding(), self.settings()

    def _bind(self) -> None:
        norm = self.options["norm"]
        if norm not in NORMS:
            expected = ", ".join(map(repr, NORMS))
            raise ValueError(f"norm: {norm!r} given, expected one of {expected}")
        super()._bind()
        # An oracle of nothing but zeros: it refuses what it would refuse later.
        given = [piece.direction for piece in self.pieces]
        options = self.options["norm_options"] or {}
        polar.oracle(given, norm, out=given, **options)


class OracleOptimizer(DirectedOptimizer):
    """Directions from `steepest.polar.oracle`, one call for all that share norm and options."""

    def directions(
        self, pieces: Sequence[tuple[DirectedGroup, Piece]], stream: Any
    ) -> list[Prepared]:
        together: dict[tuple[Any, ...], list[Array]] = {}
        for group, piece in pieces:
            assert isinstance(group, OracleGroup)
            together.setdefault(group.settings(), []).append(piece.direction)
        return [
            prepare_oracle(given, norm, out=given, stream=stream, **dict(options))
            for (norm, options), given in together.items()
        ]
