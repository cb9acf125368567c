"""The plain CMake build and its installation, made once for all tests that look at them."""

import sys

import pytest

from .support import run, source_tree, tool


@pytest.fixture(scope="session")
def plain_build(tmp_path_factory):
    """Build directory of `cmake -S . -B build && cmake --build build`."""
    if sys.platform != "linux":
        pytest.skip("looks at ELF files")
    source, cmake = source_tree(), tool("cmake")
    tool("c++", "g++", "clang++")
    build = tmp_path_factory.mktemp("plain") / "build"
    # Where an extension module could be built it must not be: nothing here needs Python.
    run(cmake, "-S", source, "-B", build, "-DPython_ROOT_DIR=/nowhere")
    run(cmake, "--build", build, "--parallel", "2")
    return build


@pytest.fixture(scope="session")
def prefix(plain_build):
    """Installation prefix of the plain build, moved after installing: it must be relocatable."""
    first, moved = (plain_build.parent / name for name in ("first", "prefix"))
    run(tool("cmake"), "--install", plain_build, "--prefix", first)
    return first.rename(moved)


@pytest.fixture(scope="session")
def libdir(prefix):
    """The library directory below the prefix: lib, lib64 or lib/<triplet>."""
    (library,) = prefix.rglob("libsteepest.so")
    return library.parent
