"""The C program of tests/c against each installation, on every CPU target."""

from pathlib import Path

import pytest
import steepest

from .support import bare_environment, build_c_program, run


@pytest.fixture(scope="module")
def against_package(tmp_path_factory):
    """Linked with the library inside the Python package."""
    include = Path(steepest.get_include())
    to = tmp_path_factory.mktemp("package") / "program"
    return build_c_program(include, include.parent / "lib", to)


@pytest.fixture(scope="module")
def against_prefix(prefix, libdir, tmp_path_factory):
    """Linked with the library of the plain CMake installation."""
    to = tmp_path_factory.mktemp("prefix") / "program"
    return build_c_program(prefix / "include", libdir, to)


@pytest.mark.parametrize("target", steepest.cpu.targets())
def test_c_program_against_the_package(against_package, target):
    output = run(against_package, env=bare_environment(STEEPEST_CPU_TARGET=target))
    assert f"steepest {steepest.__version__} on {target}" in output


def test_c_program_against_the_prefix(against_prefix):
    environment = bare_environment()
    environment.pop("STEEPEST_CPU_TARGET", None)
    output = run(against_prefix, env=environment)
    assert f"on {steepest.cpu.targets()[-1]}" in output
