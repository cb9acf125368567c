"""Rank-one updates of the inverse of a curvature factor, and the norm of what it preconditions."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import _core
from ..polar import arguments

VARIANTS = ("code", "paper", "textbook")
STABILIZERS = (None, "blend", "skip", "reset")


class MkorUpdate(NamedTuple):
    """What `mkor_update` found.

    largest : the largest magnitude in the new inverse, for the next call's `largest`; NaN if there
        is a NaN.
    denominator : the 1 + ... of the update; 1 where the stabiliser took its place.
    stabilized : bool, whether the inverse was above the threshold before.
    """

    largest: float
    denominator: float
    stabilized: bool


def mkor_update(
    inverse: Any,
    v: Any,
    *,
    decay: float = 0.95,
    variant: str = "code",
    stabilizer: str | None = "blend",
    threshold: float = 2.0,
    zeta: float = 0.1,
    largest: float | None = None,
) -> MkorUpdate:
    """MKOR's rank-one update of the inverse F of a Kronecker factor, in place.

    With w = F v and d = decay:

    "code"      M = d F + (1 - d) I;  F = M - (M v)(M v)^T / (1 + v^T M v)
    "paper"     F = d F + (1 - d) w w^T / (d^2 (1 + d (1 - d) v^T w))
    "textbook"  F = F / d - ((1 - d) / d^2) w w^T / (1 + ((1 - d) / d) v^T w)

    "code" is what the authors' program computes and the results of their article came from: the
    inverse of M^-1 + v v^T. "paper" is equation 5 as printed, which moves F in the direction of v
    the other way. "textbook" is the inverse of d F^-1 + (1 - d) v v^T (Sherman and Morrison 1950).

    Mozaffari, Li, Zhang and Mehri Dehnavi, NeurIPS 2023, arXiv 2306.01685, and their code.

    inverse : symmetric positive definite (n, n), n up to 2^22, float32 or float64, in C order, in
        host memory or on a CUDA device. The symmetry is not checked; a symmetric matrix stays
        symmetric to the last bit. The identity is the usual start.
    v : (n,), contiguous, of the same dtype, in the same place: the mean over the batch of a layer's
        inputs or of the gradients of its outputs.
    decay : more than 0, at most 1: the share of the old. 0.95 is the code's.
    variant : "code", "paper" or "textbook", as above.
    stabilizer : what happens where the largest magnitude in `inverse` is above `threshold` (or a
        NaN) before the update. "blend": F = (1 - zeta) F + zeta I, and then the update, as in the
        article's algorithm 1; "skip": the blend in place of the update, as the code is written;
        "reset": F = I in place of the update, which by reading the code is what it does; None:
        nothing.
    threshold : more than 0. The code's is 2; the article leaves it open.
    zeta : the share of the identity, 0 to 1. 0.1 is the code's; the article's zeta is 1 less this.
    largest : the largest magnitude in `inverse` where it is known, from the result of the call
        before: otherwise finding it costs one more pass over the matrix.

    One pass over the matrix reads it, one reads and writes it and finds the new largest magnitude.
    Sums run over the library's fixed tree in double: the result is the same bits for any number of
    threads, CPU target and device. Returns an MkorUpdate; on a device that waits for its numbers.

    Raises TypeError (kind, dtype, name), ValueError (shape, layout, place, overlap, range; a
    denominator that is not positive and finite, as with an indefinite matrix, or a NaN or an
    infinity in one of the arrays), BufferError (a read-only inverse), DeviceError. After an error
    nothing has been written. A stabiliser that takes the update's place has no denominator: "skip"
    keeps a NaN that is in `inverse`, and `largest` of the result tells.
    """
    arguments.one_of("variant", variant, VARIANTS)
    manner = (
        VARIANTS.index(variant),
        _stabilizer(stabilizer),
        share("decay", decay, positive=True),
        _positive("threshold", threshold),
        share("zeta", zeta),
    )
    known = None if largest is None else _magnitude(largest)
    found, denominator, stabilized, applied = _core.mkor_update(inverse, v, manner, known)
    if not applied:
        raise ValueError(
            f"inverse: a denominator of {denominator} found with v, expected a positive, finite "
            "one, as a positive definite matrix and finite numbers have"
        )
    return MkorUpdate(found, denominator, stabilized)


def _stabilizer(given: str | None) -> int:
    if given is None:
        return 0
    arguments.one_of("stabilizer", given, tuple(filter(None, STABILIZERS)))
    return STABILIZERS.index(given)


def share(name: str, value: Any, *, positive: bool = False) -> float:
    """A number from 0, or above it, to 1."""
    number = arguments.at_least(name, value, 0.0)
    if number > 1 or (positive and number == 0):
        least = "more than 0" if positive else "at least 0"
        raise ValueError(f"{name}: {number} given, expected {least}, at most 1")
    return number


def _positive(name: str, value: Any) -> float:
    return arguments.between(name, value, 0.0, float("inf"))


def _magnitude(value: Any) -> float:
    """One that an earlier call returned: an infinity and a NaN are among them."""
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        given = type(value).__name__
        raise TypeError(f"largest: {given} given, expected a float or None") from None
    if number < 0:
        raise ValueError(f"largest: {number} given, expected at least 0")
    return number
