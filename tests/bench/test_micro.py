"""The C++ microbenchmarks: every case of the list runs, and wrong lists are refused."""

import json
import subprocess
from pathlib import Path

import pytest
import steepest
from install.support import run, source_tree, tool
from steepest import _core

FLAGS = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fopenmp"]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Built against the installed library, or skipped without Google Benchmark."""
    compiler, source = tool("g++", "c++"), source_tree()
    header = ["-E", "-x", "c++", "-std=c++20", "-include", "benchmark/benchmark.h", "/dev/null"]
    if subprocess.run([compiler, *header], capture_output=True).returncode:
        pytest.skip("needs Google Benchmark")
    made = tmp_path_factory.mktemp("micro") / "steepest_bench"
    root = Path(_core.__file__).resolve().parent
    libraries = next(place for place in (root / "lib", root) if (place / "libsteepest.so").exists())
    link = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-lsteepest", "-lbenchmark", "-pthread"]
    include = [f"-I{source / place}" for place in ("bench", "csrc", "csrc/include")]
    own = sorted((source / "bench" / "micro").glob("*.cpp"))
    sources = [*own, source / "csrc" / "bindings" / "peak_loops.cpp"]
    define = f'-DSTEEPEST_CASES="{source / "bench/cases/full.txt"}"'
    run(compiler, *FLAGS, define, *include, *sources, "-o", made, *link)
    return made


def cases(name="quick.txt"):
    return source_tree() / "bench" / "cases" / name


def labels(file):
    return ["/".join(line.split("|")[:2]) for line in file.read_text().splitlines()]


def report(program, *options):
    printed = run(program, "--benchmark_format=json", "--benchmark_min_time=0.001", *options)
    return json.loads(printed[printed.index("{") :])


def test_every_quick_case_runs(program):
    found = report(program, f"--cases={cases()}", "--threads=1")
    rows = {row["name"].removesuffix("/real_time"): row for row in found["benchmarks"]}
    assert not [row for row in rows.values() if row.get("error_occurred")]
    products = {name.rpartition("/")[0] for name in rows if name.startswith("products/")}
    others = {name for name in rows if not name.startswith("products/")}
    assert products | others == set(labels(cases()))
    for name, row in rows.items():
        assert row["real_time"] > 0
        if name.startswith("products/"):
            assert 0 < row["of_peak"] < 1.5 and row["flops"] > 0
        else:
            assert row["bytes_per_second"] > 0
    context = found["context"]
    assert (context["steepest"], context["threads"]) == (steepest.__version__, "1")


def test_the_full_list_is_the_default(program):
    printed = run(program, "--benchmark_list_tests=true")
    found = [line.removesuffix("/real_time") for line in printed.splitlines()]
    assert [name for name in found if not name.startswith("products/")] == [
        label for label in labels(cases("full.txt")) if not label.startswith("products/")
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("steps|x", "expected family|name|fields"),
        ("other|x|a=1", "no such family"),
        ("products|x|side=4", "no dtype"),
        ("products|x|side=4.5 dtype=float32", "expected an integer"),
        ("products|x|side=4 dtype=int8", "expected a type"),
        ("products|x|side", "expected key=value"),
    ],
)
def test_wrong_lists_are_refused(program, tmp_path, line, message):
    (tmp_path / "cases.txt").write_text(line + "\n")
    command = [program, f"--cases={tmp_path / 'cases.txt'}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and message in done.stderr


def test_wrong_options_are_refused(program, tmp_path):
    for option in ("--threads=0", "--cases=/nowhere/at/all", "--threds=1"):
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2, option
