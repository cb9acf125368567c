"""The plain CMake build and its installation, made once for all tests that look at them."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from .support import run, source_tree, tool


def build_directory(tmp_path_factory):
    """The same for all processes of a test run, or of all runs where the environment says so."""
    if given := os.environ.get("STEEPEST_PLAIN_BUILD"):
        return Path(given)
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "plain-build"


@contextmanager
def locked(directory):
    """Lets one process at a time into the directory."""
    import fcntl  # not on every system, but on those that get here

    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def plain_build(tmp_path_factory):
    """Build directory of `cmake -S . -B build && cmake --build build`, without CUDA.

    Kernels for CUDA add nothing that the tests look for, and take longer than all the rest.
    """
    if sys.platform != "linux":
        pytest.skip("looks at ELF files")
    source, cmake = source_tree(), tool("cmake")
    tool("c++", "g++", "clang++")
    build = build_directory(tmp_path_factory)
    # Where an extension module could be built it must not be: nothing here needs Python.
    options = ("-DPython_ROOT_DIR=/nowhere", "-DSTEEPEST_CUDA=OFF")
    with locked(build):
        run(cmake, "-S", source, "-B", build, *options)
        run(cmake, "--build", build, "--parallel", "2")
    return build


@pytest.fixture(scope="session")
def prefix(plain_build, tmp_path_factory):
    """Installation prefix of the plain build, moved after installing: it must be relocatable."""
    directory = tmp_path_factory.mktemp("installed")
    first, moved = (directory / name for name in ("first", "prefix"))
    with locked(plain_build):
        run(tool("cmake"), "--install", plain_build, "--prefix", first)
    return first.rename(moved)


@pytest.fixture(scope="session")
def libdir(prefix):
    """The library directory below the prefix: lib, lib64 or lib/<triplet>."""
    (library,) = prefix.rglob("libsteepest.so")
    return library.parent
