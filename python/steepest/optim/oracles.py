"""What optimizers over linear minimisation oracles have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import polar
from .._arrays import Array
from ..polar.oracles import is_copied
from .directed import Call, DirectedGroup, DirectedOptimizer, Piece

NORMS = (
    "Auto", "Spectral", "SpectralConv", "ColNorm", "RowNorm", "Sign", "BiasRMS", "Euclidean",
)  # fmt: skip


class OracleGroup(DirectedGroup):
    """All parameters follow the oracle of the group's norm."""

    needs_copies = False  # the oracle works on copies of some directions

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
        self.needs_copies = any(is_copied(x, norm, options) for x in given)


class OracleOptimizer(DirectedOptimizer):
    """Directions from `steepest.polar.oracle`, one call for all that share norm and options."""

    def _run(self, parts: Sequence[Sequence[Any]], options: Mapping[str, Any], stream: Any) -> Any:
        self._stream = stream
        try:
            return super()._run(parts, options, stream)
        finally:
            self._stream = None

    def _calls(self, parts: Sequence[Sequence[Array | None]]) -> list[Call]:
        calls = super()._calls(parts)  # binds the groups, and writes nothing
        groups = [group for group in self._groups if isinstance(group, OracleGroup)]
        if self._stream is not None and any(group.needs_copies for group in groups):
            raise ValueError("stream: given, expected None for parameters that have to be copied")
        return calls

    def direct(self, pieces: Sequence[tuple[DirectedGroup, Piece]]) -> None:
        together: dict[tuple[Any, ...], list[Array]] = {}
        for group, piece in pieces:
            assert isinstance(group, OracleGroup)
            together.setdefault(group.settings(), []).append(piece.direction)
        for (norm, options), given in together.items():
            polar.oracle(given, norm, out=given, stream=self._stream, **dict(options))
