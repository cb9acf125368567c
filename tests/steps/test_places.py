"""Where device code takes the elements of a matrix to be."""

from install.support import run, source_tree, tool


def test_lines_and_positions_of_elements(tmp_path):
    program = tmp_path / "places"
    options = ["-std=c++20", "-O2", "-Wall", "-Werror", "-Icsrc", "-Icsrc/include"]
    options += ["-DSTEEPEST_TARGET=test_places", "-o", str(program)]
    run(tool("g++", "c++"), "tests/cpp/places.cpp", *options, cwd=source_tree())
    assert run(str(program)).split() == ["0", "1"]
