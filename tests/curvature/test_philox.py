"""Philox itself: the known answers of Random123, in our reference and in the C++ headers."""

import numpy as np
import pytest
from install.support import run, source_tree, tool
from reference.curvature import philox

PI = ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
ONES = 0xFFFFFFFF
KNOWN = {
    ((0, 0, 0, 0), (0, 0), 10): "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ((ONES,) * 4, (ONES,) * 2, 10): "408f276d 41c83b0e a20bc7c6 6d5451fd",
    (*PI, 10): "d16cfe09 94fdcceb 5001e420 24126ea1",
    ((0, 0, 0, 0), (0, 0), 7): "5f6fb709 0d893f64 4f121f81 4f730a48",
}


@pytest.mark.parametrize("case", KNOWN, ids=str)
def test_the_reference_gives_the_known_answers(case):
    (block,) = philox.philox(*case)
    assert " ".join(f"{word:08x}" for word in block) == KNOWN[case]


@pytest.mark.parametrize("flags", [["-mno-avx"], ["-mavx2"]], ids=["sse2", "avx2"])
def test_the_headers_give_the_known_answers(flags, tmp_path):
    program = tmp_path / "philox"
    options = ["-std=c++20", "-O1", *flags, "-Icsrc", "-o", program]
    run(tool("g++", "c++"), "tests/cpp/philox.cpp", *options, cwd=source_tree())
    *printed, differences = run(program, timeout=60).splitlines()
    assert printed == [answer for case, answer in KNOWN.items() if case[2] == 10]
    assert differences == "0"


def test_counters_of_different_coordinates_differ():
    """The four words hold the coordinates without overlap: all ends of their ranges are apart."""
    ends = [0, 1, 2**32 - 1]
    blocks = [0, 1, 2**32 - 1, 2**32, 2**41 - 1]
    seen = set()
    for purpose in philox.PURPOSE.values():
        for draw in ends:
            for tensor in ends:
                for block in philox.words(blocks, 5, purpose, draw, tensor):
                    seen.add(tuple(block))
    assert len(seen) == len(philox.PURPOSE) * len(ends) ** 2 * len(blocks)
    assert np.all(philox.words([0], 1, 0x200, 0, 0) != philox.words([0], 2**32, 0x200, 0, 0))
