"""What the library exports, and that no code for one CPU target can be linked into another's."""

import platform
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from steepest import _core

from .support import symbols

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at ELF files")

X86_TARGETS = ("avx2", "avx512", "avx512bf16")
SHARED = set("WVuwv")  # weak and unique: the linker keeps one copy of all that it meets


def exported(library):
    return [name for _, name in symbols(library, "-D")]


def declared_in(include):
    headers = "".join(h.read_text() for h in sorted((include / "steepest").glob("*.h")))
    return sorted(re.findall(r"^STEEPEST_API [^;(]*?\b(steepest_\w+)\(", headers, re.MULTILINE))


def test_the_package_s_library_exports_every_declared_function_and_nothing_else():
    package = Path(_core.__file__).resolve().parent
    (library,) = (package / "lib").glob("libsteepest.*")
    assert sorted(exported(library)) == declared_in(package / "include")


def test_the_plain_library_exports_every_declared_function_and_nothing_else(prefix, libdir):
    assert sorted(exported(libdir / "libsteepest.so")) == declared_in(prefix / "include")


def objects_of(plain_build, target):
    found = sorted(plain_build.glob(f"CMakeFiles/steepest.dir/csrc/*/targets/{target}.cpp.o"))
    if not found and platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("no x86-64 targets on this processor")
    assert found, f"no object of target {target}"
    return found


def scope_of_target(target):
    """Matches the mangled names of what lies in namespace steepest::<target>.

    Z: static variables of a function, GV their guards, T[VIS]: tables, K: const member functions.
    """
    return re.compile(rf"_Z(GV|T[VIS])?Z?NK?8steepest{len(target)}{target}")


@pytest.mark.parametrize("target", X86_TARGETS)
def test_everything_compiled_for_a_target_lies_in_its_namespace(plain_build, target):
    """A template or inline function of another namespace (std, say) would be a weak symbol of which
    the linker may take this copy for the whole program, and older processors would fail on it."""
    scope = scope_of_target(target)
    for file in objects_of(plain_build, target):
        linked = [(kind, name) for kind, name in symbols(file) if kind.isupper() or kind in SHARED]
        assert linked
        outside = [name for _, name in linked if not scope.match(name)]
        assert not outside, f"{file.name}: {outside}"


def test_no_weak_symbol_is_defined_for_two_targets(plain_build):
    """The same from the other side, baseline included: no name is there twice."""
    seen = Counter()
    for target in ("baseline", *X86_TARGETS):
        names = set()
        for file in objects_of(plain_build, target):
            names |= {name for kind, name in symbols(file) if kind in SHARED}
        seen.update(names)
    assert seen and not [name for name, count in seen.items() if count > 1]


def test_no_other_object_holds_code_of_a_target(plain_build):
    objects = set(plain_build.glob("CMakeFiles/steepest.dir/csrc/**/*.o"))
    for target in X86_TARGETS:
        scope = scope_of_target(target)
        for file in objects - set(objects_of(plain_build, target)):
            assert not [name for _, name in symbols(file) if scope.match(name)], file


def test_the_check_sees_a_leak():
    """Names that the check must refuse and accept, so that it cannot pass by matching anything."""
    scope = scope_of_target("avx2")
    inside = ("N8steepest4avx24loopEPf", "ZN8steepest4avx25tableEvE1k", "NK8steepest4avx21F3barEv")
    outside = ("St3maxIfERKT_S2_S2_", "N8steepest8baseline4loopEPf", "N8steepest6avx5124loopEPf",
               "St4sortIN8steepest4avx23FooEEvv", "8steepest")  # fmt: skip
    assert all(scope.match("_Z" + name) for name in inside)
    assert not any(scope.match("_Z" + name) for name in outside)
