"""The check of a wheel's shared objects, on reports made up for it."""

import pytest

from .support import ci_script

DYNAMIC = """
 0x0000000000000001 (NEEDED)             Shared library: [libgomp-a34b.so.1.0.0]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000000e (SONAME)             Library soname: [libsteepest.so]
"""
VERSIONS = """
  0x0040:   Name: GLIBC_2.9  Flags: none  Version: 12
  0x0050:   Name: GLIBC_2.17  Flags: none  Version: 11
  0x0060:   Name: GLIBCXX_3.4.29  Flags: none  Version: 10
"""
SYMBOLS = """
   Num:    Value          Size Type    Bind   Vis      Ndx Name
     1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND malloc@GLIBC_2.2.5 (3)
     2: 0000000000012340   120 FUNC    GLOBAL DEFAULT   13 steepest_step
     3: 0000000000012450     8 OBJECT  WEAK   DEFAULT   21 _ZTIN8steepest4core1XE
"""


@pytest.fixture(scope="module")
def contents():
    with ci_script("wheel_contents") as module:
        yield module


def test_what_readelf_says_is_understood(contents):
    assert contents.needed(DYNAMIC) == {"libgomp-a34b.so.1.0.0", "libc.so.6"}
    assert contents.newest_glibc(VERSIONS) == (2, 17)
    assert contents.exported(SYMBOLS) == {"steepest_step", "_ZTIN8steepest4core1XE"}


def test_the_lowest_of_several_tags_is_the_promise(contents):
    name = "steepest-0.1.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"
    assert contents.promised(name) == (2, 27)
    assert contents.promised("steepest-0.1.0-cp311-cp311-linux_x86_64.whl") is None


def problems(contents, tag=(2, 28), bundled=(), **changes):
    fields = {"name": "libsteepest.so", "needed": {"libc.so.6"}, "glibc": (2, 17)}
    fields |= {"exported": {"steepest_step"}, **changes}
    return contents.SharedObject(**fields).problems(tag, set(bundled))


def test_each_problem_is_named(contents):
    assert problems(contents) == []
    assert problems(contents, bundled=["libx.so"], needed={"libx.so"}) == []
    assert problems(contents, needed={"libpython3.11.so.1.0"}) == [
        "libsteepest.so needs libpython3.11.so.1.0"
    ]
    assert "needs glibc (2, 34)" in problems(contents, glibc=(2, 34))[0]
    assert problems(contents, tag=None, glibc=(2, 34)) == []
    assert problems(contents, exported={"cblas_dgemm"}) == ["libsteepest.so exports cblas_dgemm"]
    assert problems(contents, name="libgomp-a34b.so.1.0.0", exported={"omp_get_num_threads"}) == []
