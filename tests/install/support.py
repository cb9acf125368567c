"""Finding tools and the source tree, running commands, building the programs of tests/c."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
SOURCE = TESTS.parent
PROGRAM = TESTS / "c"
CONSUMER = PROGRAM / "consumer"

C_FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"]


def tool(*names):
    """The path of the first of these programs that is installed; skips the test without any."""
    # A virtual environment that was not activated has its programs beside the interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    pytest.skip(f"needs {' or '.join(names)}")


def c_compiler():
    return tool(*filter(None, [os.environ.get("CC")]), "cc", "gcc", "clang")


def source_tree():
    """The directory with CMakeLists.txt; skips the test where only the tests are."""
    if not (SOURCE / "CMakeLists.txt").is_file():
        pytest.skip("needs the source tree")
    return SOURCE


@contextlib.contextmanager
def ci_script(name):
    """A Python script of .ci as a module; skips the test without it, as in source distributions."""
    path = source_tree() / ".ci" / f"{name}.py"
    if not path.is_file():
        pytest.skip("needs the scripts of the source tree")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def bare_environment(**changes):
    """The environment without what could stand in for a correct installation."""
    hidden = ("LD_LIBRARY_PATH", "LD_PRELOAD", "CMAKE_PREFIX_PATH", "CPATH", "LIBRARY_PATH")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, **changes}


def run(*command, **options):
    """Standard output of a command that must succeed."""
    command = [str(part) for part in command]
    options = {"env": bare_environment(), "timeout": 900, **options}
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def build_c_program(include, library_dir, to):
    """Compiles and links the C program of tests/c; returns the executable."""
    sources = sorted(PROGRAM.glob("*.c"))
    link = [f"-L{library_dir}", f"-Wl,-rpath,{library_dir}", "-lsteepest", "-lm"]
    run(c_compiler(), *C_FLAGS, f"-I{include}", *sources, "-o", to, *link)
    return to


def run_consumer(build, *definitions):
    """Configures, builds and runs the consumer project; returns what its programs print."""
    cmake = tool("cmake")
    run(cmake, "-S", CONSUMER, "-B", build, "-DCMAKE_BUILD_TYPE=Release", *definitions)
    run(cmake, "--build", build)
    cache = (build / "CMakeCache.txt").read_text()
    (found,) = (line for line in cache.splitlines() if line.startswith("steepest_DIR:"))
    output = run(build / "consumer_c") + run(build / "consumer_cpp")
    return Path(found.partition("=")[2]).resolve(), output


def symbols(file, *options):
    """(type letter, mangled name) of every symbol that a file defines."""
    listing = run(tool("nm"), "--defined-only", *options, file)
    return [tuple(line.split()[-2:]) for line in listing.splitlines() if len(line.split()) >= 3]


def dynamic_section(file):
    """Tag -> values of an ELF file's dynamic section, as readelf names them."""
    found = {}
    for line in run(tool("readelf"), "-d", "-W", file).splitlines():
        if "(" in line and "[" in line:
            tag = line.partition("(")[2].partition(")")[0]
            found.setdefault(tag, []).append(line.rpartition("[")[2].rstrip("]"))
    return found
