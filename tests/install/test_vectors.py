"""That the compiler made vector code of every rule: one ?: too many, and it silently does not."""

import re

from .support import run, tool

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
SCALAR = re.compile(r"\bv(add|sub|mul|div)s[sd]\s")
PACKED = re.compile(r"\bv(add|sub|mul|div)p[sd]\s.*%ymm")


def scalar_loops(disassembly, prefix):
    """(functions of rules that compute, those of them that do so element by element)."""
    functions, current = {}, None
    for line in disassembly.splitlines():
        if found := FUNCTION.match(line):
            name = found.group(1)
            current = functions.setdefault(name, set()) if name.startswith(prefix) else None
        elif current is not None:
            current |= {kind for kind in (SCALAR, PACKED) if kind.search(line)}
    computing = {name for name, kinds in functions.items() if kinds}
    return computing, sorted(name for name in computing if PACKED not in functions[name])


def test_every_rule_is_applied_in_vectors(plain_build):
    """With and without stages (scaling, clipping, decay), in float and in double."""
    (object_file,) = plain_build.glob("CMakeFiles/steepest.dir/csrc/steps/targets/avx2.cpp.o")
    listing = run(tool("objdump"), "-d", "--no-show-raw-insn", "-C", object_file)
    computing, scalar = scalar_loops(listing, "void steepest::avx2::")
    applying = [name for name in computing if "apply" in name]
    assert len(applying) > 100
    assert not [name for name in scalar if "apply" in name]


def test_the_check_sees_a_scalar_loop():
    listing = """
0000000000000000 <void steepest::avx2::Entry<Sgd<float> >::apply<true>(void const*)>:
   0:\tvmulss (%rcx),%xmm1,%xmm2
0000000000000010 <void steepest::avx2::Entry<Sgd<float> >::apply<false>(void const*)>:
  10:\tvmulps (%rcx),%ymm1,%ymm2
  14:\tvmulss (%rcx),%xmm1,%xmm2
0000000000000020 <void steepest::avx2::Entry<Sgd<float> >::reduce<false>(void const*)>:
  20:\tjmp 28
"""
    computing, scalar = scalar_loops(listing, "void steepest::avx2::")
    assert len(computing) == 2
    assert scalar == ["void steepest::avx2::Entry<Sgd<float> >::apply<true>(void const*)"]
