"""The source distribution holds what a build and a test run need, and nothing else."""

import sys
import tarfile

import pytest
import steepest

from .support import run, source_tree

BUILD = "import sys; from scikit_build_core import build; print(build.build_sdist(sys.argv[1]))"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Members of the archive, below its top directory."""
    pytest.importorskip("scikit_build_core")
    source, to = source_tree(), tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-c", BUILD, to, cwd=source)
    with tarfile.open(to / f"steepest-{steepest.__version__}.tar.gz") as archive:
        members = archive.getnames()
    top = f"steepest-{steepest.__version__}/"
    assert all(name.startswith(top) for name in members)
    return {name.removeprefix(top) for name in members}


def test_the_sdist_has_sources_tests_and_licence(names):
    source = source_tree()
    needed = ["CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE", "PKG-INFO"]
    for folder, pattern in [("cmake", "*"), ("csrc", "**/*.[ch]*"), ("python", "**/*.py*"),
                            ("tests", "**/*.[cp]*")]:  # fmt: skip
        found = (p for p in (source / folder).glob(pattern) if p.is_file())
        needed += [str(p.relative_to(source)) for p in found if p.suffix != ".pyc"]
    assert set(needed) <= names, set(needed) - names


def test_the_sdist_has_no_build_products(names):
    refused = (".so", ".o", ".pyc", ".a")
    assert not [name for name in names if name.endswith(refused)]
    assert not [name for name in names if name.startswith((".git/", ".ci/", "build/", "dist/"))]
