"""Where the files of an installation lie and how the library finds its way at load time."""

import sys
import zlib
from pathlib import Path

import pytest
import steepest
from steepest import _core

from .support import SOURCE, bare_environment, dynamic_section, run, source_tree

EXTENSION = Path(_core.__file__).resolve()
INCLUDE = Path("include/steepest")
FAMILIES = ("clipping", "curvature", "distributed", "norms", "polar")
HEADERS = {INCLUDE / f"{name}.h" for name in ("steepest", *FAMILIES)}
CMAKE_FILES = ("steepestConfig.cmake", "steepestConfigVersion.cmake", "steepestTargets.cmake")


def test_the_package_is_typed():
    package = Path(steepest.__file__).parent
    for name in ("py.typed", "_core.pyi", "steps.pyi", "optim/__init__.pyi"):
        assert (package / name).is_file(), name


def test_the_package_holds_library_header_and_cmake_files():
    root = EXTENSION.parent
    assert Path(steepest.get_include()) / "steepest" == root / INCLUDE
    assert all((root / header).is_file() for header in HEADERS)
    for name in CMAKE_FILES:
        assert (Path(steepest.get_cmake_dir()) / name).is_file(), name
    native = (EXTENSION, *(root / "lib").glob("libsteepest.*"))
    assert len(native) == 2, "one library, without copies under versioned names"
    # A wheel is to have fewer than 30 MB, and is compressed; there is little else in it.
    assert sum(len(zlib.compress(path.read_bytes())) for path in native) < 30e6


def test_the_installed_headers_are_those_of_the_source_tree():
    source = source_tree() / "csrc"
    assert {p.relative_to(source) for p in (source / INCLUDE).iterdir()} == HEADERS
    for header in HEADERS:
        assert (source / header).read_text() == (EXTENSION.parent / header).read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at ELF files")
def test_the_extension_finds_its_library_beside_it():
    section = dynamic_section(EXTENSION)
    assert section.get("RUNPATH", section.get("RPATH")) == ["$ORIGIN/lib"]
    assert "libsteepest.so" in section["NEEDED"]
    (library,) = (EXTENSION.parent / "lib").glob("libsteepest.*")
    library_section = dynamic_section(library)
    assert library_section["SONAME"] == ["libsteepest.so"]
    assert "RUNPATH" not in library_section and "RPATH" not in library_section


def test_the_extension_loads_without_help_from_the_environment(tmp_path):
    environment = bare_environment()
    environment.pop("PYTHONPATH", None)
    loaded = run(sys.executable, "-c", "import steepest; print(steepest.__version__)",
                 env=environment, cwd=tmp_path)  # fmt: skip
    assert loaded.strip() == steepest.__version__


def test_the_plain_installation_has_a_versioned_library(prefix, libdir):
    version = steepest.__version__
    major = version.split(".")[0]
    real = libdir / f"libsteepest.so.{version}"
    assert real.is_file() and not real.is_symlink()
    for link in (f"libsteepest.so.{major}", "libsteepest.so"):
        assert (libdir / link).is_symlink()
        assert (libdir / link).resolve() == real.resolve()
    assert dynamic_section(real)["SONAME"] == [f"libsteepest.so.{major}"]
    assert real.stat().st_size < 30e6


def test_the_plain_installation_holds_nothing_else(prefix, libdir):
    found = {p.relative_to(prefix) for p in prefix.rglob("*") if not p.is_dir()}
    base = libdir.relative_to(prefix)
    cmake = {base / "cmake/steepest" / name for name in CMAKE_FILES}
    assert HEADERS | cmake <= found
    rest = found - HEADERS - cmake
    assert all(p.name.startswith(("libsteepest.so", "steepestTargets-")) for p in rest), rest


def test_no_installed_cmake_file_names_a_directory_of_the_build(prefix, plain_build):
    for file in prefix.rglob("*.cmake"):
        text = file.read_text()
        for place in (SOURCE, plain_build, prefix.parent):
            assert str(place) not in text, file
