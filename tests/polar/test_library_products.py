"""General products by a library on the device, as a C++ program with a stand-in for cublasLt, built
here: three loops on the host."""

import os
import subprocess

import pytest
from install.support import run, source_tree, tool

PROGRAM = [
    "tests/cpp/library_products.cpp",
    "csrc/cuda/cublaslt.cpp",
    "csrc/cuda/cublaslt_search.cpp",
    "csrc/polar/device/library.cpp",
    "csrc/polar/device/product_emulation.cpp",
    "csrc/polar/device/products.cpp",
]
OPTIONS = ["-std=c++20", "-O1", "-g", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
OPTIONS += ["-Icsrc", "-Icsrc/include", "-Itests/cpp/cublaslt", "-Wno-missing-field-initializers"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The program and the library."""
    to, compiler = tmp_path_factory.mktemp("library"), tool("g++", "c++")
    library, program = to / "libfake.so", to / "products"
    shared = ["-shared", "-fPIC", "tests/cpp/cublaslt/fake.cpp", "-o", library]
    run(compiler, *OPTIONS, *shared, cwd=source_tree())
    link = ["-ldl", "-pthread", "-o", program]
    sanitized = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    run(compiler, *OPTIONS, *sanitized, *PROGRAM, *link, cwd=source_tree())
    return program, library


def lines(program, given):
    environment = {k: v for k, v in os.environ.items() if k != "STEEPEST_CUBLASLT"}
    environment |= {} if given is None else {"STEEPEST_CUBLASLT": str(given)}
    done = subprocess.run(program, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_products_go_to_the_library(built):
    name, counts = lines(*built)
    assert name == "cublasLt 12.34.56"
    assert counts.endswith(" 0 wrong") and int(counts.split()[0]) > 60


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("off", "STEEPEST_CUBLASLT=off"),
        ("/nowhere/libcublasLt.so", "STEEPEST_CUBLASLT names no library"),
    ],
)
def test_without_a_library_products_are_our_own(built, given, why):
    name, counts = lines(built[0], given)
    assert name == f"own kernels ({why})" and counts.endswith(" 0 wrong")


def test_a_library_without_the_functions_is_left_alone(built, tmp_path):
    source, library = tmp_path / "empty.c", tmp_path / "libempty.so"
    source.write_text("int nothing_of_use;\n")
    run(tool("gcc", "cc"), "-shared", "-fPIC", source, "-o", library)
    name, counts = lines(built[0], library)
    assert name == "own kernels (the cublasLt that was found is too old)"
    assert counts.endswith(" 0 wrong")
