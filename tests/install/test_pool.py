"""The thread pool alone, as a C++ program, plain and under the thread sanitizer."""

import pytest

from .support import run, source_tree, tool

SOURCES = ["tests/cpp/pool_stress.cpp", "csrc/core/pool.cpp", "csrc/core/parallel.cpp"]


@pytest.mark.parametrize("flags", [[], ["-fsanitize=thread"]], ids=["plain", "thread-sanitizer"])
def test_every_part_runs_once(flags, tmp_path):
    program = tmp_path / "pool_stress"
    options = ["-std=c++20", "-O2", "-g", *flags, "-Icsrc", "-pthread", "-o", program]
    run(tool("g++", "c++"), *SOURCES, *options, cwd=source_tree())
    assert run(program, timeout=120) == "0 parts went wrong\n"
