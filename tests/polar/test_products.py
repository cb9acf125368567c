"""The matrix products alone, as C++ programs: every CPU target that can run here, and the device
code in its emulation, plain and under the sanitizers."""

import platform

import pytest
from install.support import run, source_tree, tool

SOURCES = [
    "tests/cpp/products.cpp",
    "csrc/core/cpu.cpp",
    "csrc/core/parallel.cpp",
    "csrc/core/pool.cpp",
    "csrc/polar/item.cpp",
    "csrc/polar/products.cpp",
    "csrc/polar/targets.cpp",
]
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]
TARGETS = {"avx2": AVX2, "avx512": AVX512, "avx512bf16": [*AVX512, "-mavx512bf16"]}


DEVICE = [
    "tests/cpp/device_products.cpp",
    "csrc/polar/device/library.cpp",
    "csrc/polar/device/product_emulation.cpp",
    "csrc/polar/device/products.cpp",
]


def build_device(to, flags):
    """The same of the device code, emulated."""
    common = ["-std=c++20", "-g", "-ffp-contract=off", "-Wall", "-Icsrc", "-Icsrc/include", *flags]
    program = to / "device_products"
    run(tool("g++", "c++"), *common, *DEVICE, "-o", program, cwd=source_tree())
    return program


def build(to, flags):
    """Compiles the program, each target with its own flags; returns the executable."""
    compiler, vectors = tool("g++", "c++"), platform.machine().lower() in ("x86_64", "amd64")
    common = ["-std=c++20", "-g", "-ffp-contract=off", "-Icsrc", "-Icsrc/include", *flags]
    common += [f"-DSTEEPEST_HIGHEST_TARGET={len(TARGETS) if vectors else 0}"]
    objects = []
    for name, options in {"baseline": [], **(TARGETS if vectors else {})}.items():
        objects.append(to / f"{name}.o")
        source = f"csrc/polar/targets/{name}.cpp"
        run(compiler, *common, *options, "-c", source, "-o", objects[-1], cwd=source_tree())
    program = to / "products"
    link = ["-pthread", "-o", program]
    run(compiler, *common, *SOURCES, *objects, *link, cwd=source_tree())
    return program


def check(program, *arguments):
    lines = run(program, *arguments, timeout=600).splitlines()
    assert lines and all(line.endswith(" 0 wrong") for line in lines), lines


def test_products(tmp_path):
    check(build(tmp_path, ["-O3"]))


def test_device_products(tmp_path):
    check(build_device(tmp_path, ["-O3"]))


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_products_under_sanitizers(sanitizers, tmp_path):
    flags = ["-O1", f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
    check(build(tmp_path, flags), "quick")


def test_device_products_under_sanitizers(tmp_path):
    flags = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    check(build_device(tmp_path, flags), "quick")
