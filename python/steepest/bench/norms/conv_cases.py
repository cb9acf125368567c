"""The cases of convolutions: one, and the twenty of ResNet-18 at the sizes of its inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...norms import SpectralBound, conv_spectral_norm


class Layer(NamedTuple):
    """A square convolution on a square input, with circular padding."""

    c_out: int
    c_in: int
    taps: int
    size: int
    stride: int = 1

    @property
    def places(self) -> int:
        """Of the output, along a side."""
        return self.size // self.stride

    @property
    def frequencies(self) -> int:
        """Half of the spectrum: the other half is conjugate."""
        return self.places * (self.places // 2 + 1)

    @property
    def gram_flops(self) -> int:
        """Useful operations of the Gram matrix of the complex block of one frequency."""
        short, long = sorted((self.c_out, self.c_in * self.stride**2))
        return 4 * short * short * long


RESNET18 = (
    Layer(64, 3, 7, 224, 2),
    *[Layer(64, 64, 3, 56)] * 4,
    *(Layer(128, 64, 3, 56, 2), Layer(128, 64, 1, 56, 2), *[Layer(128, 128, 3, 28)] * 3),
    *(Layer(256, 128, 3, 28, 2), Layer(256, 128, 1, 28, 2), *[Layer(256, 256, 3, 14)] * 3),
    *(Layer(512, 256, 3, 14, 2), Layer(512, 256, 1, 14, 2), *[Layer(512, 512, 3, 7)] * 3),
)


@dataclass(frozen=True)
class ConvCase:
    """Gaussian float32 kernels of some layers, one call for each."""

    name: str
    layers: tuple[Layer, ...]
    tol: float

    rigorous = True
    impl = "norms.conv_spectral_norm"

    @property
    def bytes(self) -> int:
        """The kernels read once."""
        return 4 * sum(k.c_out * k.c_in * k.taps**2 for k in self.layers)

    def flops(self) -> int:
        """Of the Gram matrices of all frequencies, which no method on the blocks is without."""
        return sum(k.frequencies * k.gram_flops for k in self.layers)

    def work(self, _: Any) -> int:
        return self.flops()

    def data(self) -> list[NDArray[np.float32]]:
        """Their content depends on the shapes only."""
        rng = np.random.default_rng(0)
        shapes = [(k.c_out, k.c_in, k.taps, k.taps) for k in self.layers]
        return [
            rng.standard_normal(s, np.float32) / np.float32(math.sqrt(math.prod(s[1:])))
            for s in shapes
        ]

    def bound(self, kernels: list[NDArray[np.float32]]) -> SpectralBound:
        """Ours, an element per layer."""
        found = [
            conv_spectral_norm(k, layer.size, stride=layer.stride, tol=self.tol)
            for k, layer in zip(kernels, self.layers, strict=True)
        ]
        return SpectralBound(*(np.array(ends) for ends in zip(*found, strict=True)))

    def sigma(self, kernels: list[NDArray[np.float32]]) -> NDArray[np.float64]:
        """By the discrete Fourier transform and the singular value decomposition, in float64."""
        wide = [k.astype(np.float64) for k in kernels]
        return np.array(
            [
                np.linalg.svd(blocks(k, layer), compute_uv=False).max()
                for k, layer in zip(wide, self.layers, strict=True)
            ]
        )

    def rounding(self) -> NDArray[np.float64]:
        """Of `sigma`, relative to it: of LAPACK and of the transform, both far below."""
        return np.array(
            [2.0**-53 * 8 * (k.c_out + k.c_in * k.stride**2 + k.taps**2 + 64) for k in self.layers]
        )


def blocks(kernel: NDArray[Any], layer: Layer) -> NDArray[Any]:
    """(frequencies, c_out, c_in stride^2): the transform at the frequencies of the input, of which
    stride^2 fold onto each of the output's (Sedghi, Gupta and Long; half of the spectrum)."""
    s, m = layer.stride, layer.places
    if s == 1:
        spectrum = np.moveaxis(np.fft.rfft2(kernel, (m, m)), (0, 1), (-2, -1))
        return spectrum.reshape(-1, layer.c_out, layer.c_in)
    spectrum = np.fft.fft2(kernel, (layer.size, layer.size))
    aliases = spectrum.reshape(layer.c_out, layer.c_in, s, m, s, m)[..., : m // 2 + 1]
    folded: NDArray[Any] = aliases.transpose(3, 5, 0, 1, 2, 4) / kernel.dtype.type(s)
    return folded.reshape(-1, layer.c_out, layer.c_in * s * s)


def conv_cases(*, quick: bool, tol: float) -> tuple[ConvCase, ...]:
    """All cases; of the twenty layers only the small ones, with a quarter of the channels, if
    ``quick``."""
    one, every = Layer(64, 64, 5, 12), RESNET18
    if quick:
        one = Layer(16, 16, 5, 12)
        every = tuple(
            Layer(k.c_out // 8, max(3, k.c_in // 8), k.taps, k.size // 2, k.stride)
            for k in RESNET18
            if k.size < 56 and k.size % 4 == 0
        )
    sides = f"{one.c_out}x{one.c_in}x{one.taps}x{one.taps}"
    return (
        ConvCase(f"conv {sides} on {one.size}x{one.size} {tol:g}", (one,), tol),
        ConvCase(f"{len(every)} convs of ResNet-18 {tol:g}", every, tol),
    )
