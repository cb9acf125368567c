"""The C function on docs/linking.md compiles without a warning and makes the step that it says."""

import re
from pathlib import Path

import steepest

from .support import C_FLAGS, c_compiler, run, source_tree

MAIN = """
#include <stdio.h>
int main(void) {
    float p[2] = {1, 1}, g[2] = {0.5f, -2}, m[2] = {0, 0};
    const steepest_status status = lion(p, g, m, 2, 0.25);
    printf("%s %g %g", steepest_status_string(status), (double)p[0], (double)p[1]);
    return 0;
}
"""


def documented():
    page = (source_tree() / "docs" / "linking.md").read_text("utf-8")
    (block,) = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    return block


def test_the_documented_function_makes_a_step(tmp_path):
    program, library = tmp_path / "app.c", Path(steepest.get_include()).parent / "lib"
    program.write_text(documented() + MAIN)
    link = [f"-L{library}", "-lsteepest", f"-Wl,-rpath,{library}"]
    run(c_compiler(), *C_FLAGS, program, f"-I{steepest.get_include()}", *link, "-o", tmp_path / "a")
    assert run(tmp_path / "a") == "ok 0.75 1.25"
