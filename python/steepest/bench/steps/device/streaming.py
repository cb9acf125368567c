"""Streaming kernels with the reads and writes of a case, compiled when they are needed by CuPy.

A thread reads 16 bytes of each stream several times, folds what is only read into one value, and
writes what is updated back as it was: a bit changes only if the folded value equals a random key of
128 bits, which keeps the compiler from leaving anything out.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ...device import Framework
from ..cases import ITEMSIZE
from ..rules import Pass
from .buffers import DeviceBuffers
from .cases import DeviceCase

_GROUP = 8  # elements: one vector of a 2-byte type, two of a 4-byte type, four of an 8-byte type


@dataclass(frozen=True)
class Variant:
    """How a kernel walks: threads of a block, groups of a thread, and whether past the cache."""

    threads: int
    unroll: int
    streaming: bool

    @property
    def name(self) -> str:
        return f"stream {self.threads}x{self.unroll}{' cs' if self.streaming else ''}"


VARIANTS = (
    Variant(256, 1, False),
    Variant(256, 1, True),
    Variant(256, 2, True),
    Variant(512, 1, False),
    Variant(512, 2, False),
)


def available() -> bool:
    """Whether CuPy is installed."""
    return importlib.util.find_spec("cupy") is not None


def walker(case: DeviceCase, buffers: DeviceBuffers, variant: Variant) -> Callable[[], None]:
    """A function that enqueues one walk per pass of the case over its arrays."""
    launches = [_launch(p, case, buffers, variant) for p in case.passes]

    def walk() -> None:
        for launch in launches:
            launch()

    return walk


def _launch(
    step: Pass, case: DeviceCase, buffers: DeviceBuffers, variant: Variant
) -> Callable[[], None]:
    names = (*step.read, *step.update, *step.write)
    kinds = "r" * len(step.read) + "u" * len(step.update) + "w" * len(step.write)
    streams = [
        Stream(k, buffers.bases[s], case.dtype_of(s)) for k, s in zip(kinds, names, strict=True)
    ]
    return launcher(buffers.framework, streams, case.elements, variant)


@dataclass(frozen=True)
class Stream:
    """An array that a kernel walks over: read, updated or written ("r", "u", "w")."""

    kind: str
    array: Any
    dtype: str


def launcher(
    framework: Framework, streams: Sequence[Stream], elements: int, variant: Variant
) -> Callable[[], None]:
    """A function that enqueues one walk over so many elements of each stream, in this order of
    kinds."""
    cupy = import_module("cupy")
    vectors = tuple(_GROUP * ITEMSIZE[s.dtype] // 16 for s in streams)
    kernel = _compiled(source("".join(s.kind for s in streams), vectors, variant))
    groups = elements // _GROUP  # what is left over is nothing to a bandwidth
    blocks = max(1, -(-groups // (variant.threads * variant.unroll)))
    key = np.frombuffer(secrets.token_bytes(16), np.uint32)
    pointers = [np.uint64(framework.pointer(s.array)) for s in streams]
    arguments = (np.uint64(groups), *key, *pointers)

    def launch() -> None:
        with cupy.cuda.ExternalStream(framework.stream()):
            kernel((blocks,), (variant.threads,), arguments)

    return launch


@cache
def _compiled(code: str) -> Any:
    return import_module("cupy").RawKernel(code, "probe")


def source(kinds: str, vectors: tuple[int, ...], variant: Variant) -> str:
    """CUDA C++ of one walk: a letter (read, update, write) and vectors per group of each stream."""
    load, store = ("__ldcs(&{})", "__stcs(&{}, {})") if variant.streaming else ("{}", "{} = {}")
    slots = [
        (s, u * count + k)
        for s, count in enumerate(vectors)
        for u in range(variant.unroll)
        for k in range(count)
    ]
    body = [
        f"const unsigned long long {_at(s, k)} = {_index(vectors[s], k, variant)};"
        for s, k in slots
    ]
    body += ["uint4 x = make_uint4(0, 0, 0, 0);"]
    for s, k in slots:
        if kinds[s] != "w":
            value = load.format(f"s{s}[{_at(s, k)}]")
            zero = "make_uint4(0, 0, 0, 0)"
            body.append(
                f"uint4 {_value(s, k)} = {_at(s, k)} < groups * {vectors[s]} ? {value} : {zero};"
            )
    for s, k in slots:
        if kinds[s] != "w":
            v = _value(s, k)
            body.append(f"x.x ^= {v}.x; x.y ^= {v}.y; x.z ^= {v}.z; x.w ^= {v}.w;")
    body.append("const bool hit = x.x == k0 && x.y == k1 && x.z == k2 && x.w == k3;")
    for s, k in slots:
        v = "x" if kinds[s] == "w" else _value(s, k)
        place = f"s{s}[{_at(s, k)}]"
        inside = f"{_at(s, k)} < groups * {vectors[s]}"
        if kinds[s] == "u":
            body.append(f"{v}.x ^= hit;")
        condition = f"{inside} && hit" if kinds[s] == "r" else inside
        body.append(f"if ({condition}) {{ {store.format(place, v)}; }}")
    streams = ", ".join(f"uint4* s{s}" for s in range(len(kinds)))
    keys = ", ".join(f"unsigned k{i}" for i in range(4))
    lines = "\n  ".join(body)
    return (
        f'extern "C" __global__ void __launch_bounds__({variant.threads})\n'
        f"probe(unsigned long long groups, {keys}, {streams}) {{\n  {lines}\n}}\n"
    )


def _at(stream: int, slot: int) -> str:
    return f"i{stream}_{slot}"


def _value(stream: int, slot: int) -> str:
    return f"v{stream}_{slot}"


def _index(count: int, slot: int, variant: Variant) -> str:
    """Threads of a block lie side by side, so that a warp touches whole lines."""
    per_block = count * variant.unroll
    return f"(blockIdx.x * {per_block}ull + {slot}) * {variant.threads} + threadIdx.x"
