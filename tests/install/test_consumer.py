"""find_package(steepest) from another project, by every way to point CMake at it."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import steepest

from .support import run_consumer


def entry_point_roots():
    """Directories that the entry point group cmake.root names, as build tools resolve them."""
    (entry,) = {e.value for e in metadata.entry_points(group="cmake.root", name="steepest")}
    return [Path(place) for place in find_spec(entry).submodule_search_locations]


def test_the_entry_point_names_a_root_with_the_cmake_package():
    found = [p for p in entry_point_roots() if (p / "lib/cmake/steepest").is_dir()]
    assert [p.resolve() / "lib/cmake/steepest" for p in found] == [Path(steepest.get_cmake_dir())]


def test_consumer_by_the_directory_of_the_package(tmp_path):
    directory, output = run_consumer(tmp_path, f"-Dsteepest_DIR={steepest.get_cmake_dir()}")
    assert directory == Path(steepest.get_cmake_dir())
    assert f"C++: steepest {steepest.__version__}, norm 7" in output
    assert "C: ok, p = 0.75 1.25" in output


def test_consumer_by_the_entry_point(tmp_path):
    """scikit-build-core sets <name>_ROOT from the entry points of its build environment."""
    roots = ";".join(map(str, entry_point_roots()))
    directory, _ = run_consumer(tmp_path, f"-Dsteepest_ROOT={roots}")
    assert directory == Path(steepest.get_cmake_dir())


def test_consumer_of_the_plain_installation(tmp_path, prefix, libdir):
    directory, output = run_consumer(tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    assert directory == libdir / "cmake/steepest"
    assert f"C++: steepest {steepest.__version__}, norm 7" in output
