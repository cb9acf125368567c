"""Prodigy's estimate of the distance to the solution, in double on the host."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..polar import arguments

_LARGEST = 2.0**127  # what the native rule takes


@dataclass(frozen=True)
class Settings:
    """The options that the estimate depends on, checked."""

    lr: float
    betas: tuple[float, float]
    beta3: float
    use_bias_correction: bool
    d0: float
    d_coef: float
    growth_rate: float

    @staticmethod
    def read(options: Mapping[str, Any]) -> Settings:
        """Raises TypeError or ValueError, naming the option."""
        betas = options["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"betas: {betas!r} given, expected two numbers")
        beta1, beta2 = (arguments.at_least("betas", beta, 0.0, below=1.0) for beta in betas)
        given, growth = options["beta3"], options["growth_rate"]
        own = given is not None
        return Settings(
            lr=arguments.at_least("lr", options["lr"], 0.0),
            betas=(beta1, beta2),
            beta3=arguments.at_least("beta3", given, 0.0, below=1.0) if own else math.sqrt(beta2),
            use_bias_correction=arguments.boolean(
                "use_bias_correction", options["use_bias_correction"]
            ),
            d0=arguments.between("d0", options["d0"], 0.0, _LARGEST),
            d_coef=arguments.between("d_coef", options["d_coef"], 0.0, math.inf),
            growth_rate=growth
            if growth == math.inf
            else arguments.at_least("growth_rate", growth, 1.0),
        )


@dataclass(frozen=True)
class Estimate:
    """What is known before a step: the distance d, the largest of the quotients so far, the
    decaying sum over them, and the number of steps."""

    d: float
    d_max: float
    numerator: float
    steps: int

    @staticmethod
    def read(options: Mapping[str, Any], d0: float) -> Estimate:
        """As it is kept among the options; d0 where there is none yet."""
        d, d_max = options["d"], options["d_max"]
        d = d0 if d is None else arguments.between("d", d, 0.0, _LARGEST)
        return Estimate(
            d=d,
            d_max=d if d_max is None else arguments.at_least("d_max", d_max, 0.0),
            numerator=arguments.real("d_numerator", options["d_numerator"]),
            steps=arguments.count("k", options["k"], 0, 2**63 - 2),
        )

    def options(self) -> dict[str, Any]:
        """As it is kept among the options."""
        return {
            "d": self.d,
            "d_max": self.d_max,
            "d_numerator": self.numerator,
            "k": self.steps,
        }

    def rate(self, settings: Settings) -> float:
        """What the coming step multiplies the normalised momentum by."""
        rate = self.d * settings.lr
        if not settings.use_bias_correction:
            return rate
        beta1, beta2 = settings.betas
        count = self.steps + 1
        return rate * (math.sqrt(1 - power(beta2, count)) / (1 - power(beta1, count)))

    def after(self, settings: Settings, product: float, length: float) -> Estimate:
        """The estimate after a step with these sums: <g, p0 - p> and ||s||_1. It stays as it is
        while all gradients have been zero, or where the sums are not finite."""
        if length == 0:
            return self
        weight = self.d / settings.d0 * self.rate(settings)
        numerator = settings.beta3 * self.numerator + weight * product
        quotient = settings.d_coef * numerator / length
        if not (math.isfinite(numerator) and math.isfinite(length) and math.isfinite(quotient)):
            return Estimate(self.d, self.d_max, self.numerator, self.steps + 1)
        # The first growth may be of any size, whatever growth_rate says: d0 is no estimate.
        d = max(self.d, quotient) if self.d == settings.d0 else self.d
        d_max = max(self.d_max, quotient)
        return Estimate(min(d_max, d * settings.growth_rate), d_max, numerator, self.steps + 1)


def power(base: float, n: int) -> float:
    """base**n by repeated squaring: unlike the C library's, the same bits on every system."""
    result = 1.0
    while n > 0:
        if n & 1:
            result *= base
        base *= base
        n >>= 1
    return result
