"""The C program of tests/c against each installation, on every CPU target."""

from pathlib import Path

import pytest
import steepest

from .support import C_FLAGS, bare_environment, build_c_program, c_compiler, run


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


@pytest.mark.parametrize(
    "header", ["steepest", "clipping", "polar", "curvature", "distributed", "norms"]
)
def test_every_header_stands_alone_and_brings_the_rest(header, tmp_path):
    program = tmp_path / "program.c"
    used = ("step_args", "orthogonalize_args", "probe_args", "norm_report_args")
    sizes = " + ".join(f"sizeof(steepest_{name})" for name in used)
    program.write_text(
        f"#include <steepest/{header}.h>\nint main(void) {{ return {sizes} == 0; }}\n"
    )
    run(c_compiler(), *C_FLAGS, f"-I{steepest.get_include()}", "-fsyntax-only", str(program))
