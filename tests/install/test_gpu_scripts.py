"""The scripts for a machine with a GPU, read on one without: their syntax, and that none of the
tests of device code is forgotten."""

import os
import re
import subprocess

import pytest

from .support import source_tree

SCRIPTS = ("bench/gpu_all.sh", "bench/gpu_sanitize.sh")


def expanded(words):
    """As the shell does it."""
    echo = subprocess.run(["bash", "-c", f"echo {words}"], capture_output=True, text=True)
    return echo.stdout.split()


@pytest.mark.parametrize("script", SCRIPTS)
def test_syntax(script):
    found = subprocess.run(["bash", "-n", source_tree() / script], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def test_every_test_of_device_code_is_run():
    root = source_tree()
    run = re.findall(r"(?<!=)\btests/[\w/{},.]+", (root / SCRIPTS[0]).read_text())
    run = {root / path for path in expanded(" ".join(run))}
    assert all(path.exists() for path in run), "a test that is no longer there"
    tests = list((root / "tests").rglob("test_device_*.py"))
    assert len(tests) > 10
    forgotten = [t for t in tests if run.isdisjoint({t, t.parent})]
    assert not forgotten


def stand_in(directory, name, text):
    program = directory / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def sanitize(directory, *arguments):
    """Runs the script with the programs of that directory in front."""
    environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "PYTHON": "true"}
    script = source_tree() / SCRIPTS[1]
    return subprocess.run([script, *arguments], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("arguments", [(), ("tests/steps",)], ids=["subset", "given"])
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0, None),
        (1, "status 1"),
        (5, "status 5"),  # pytest: no test was selected
        (99, "status 99"),  # compute-sanitizer: something was found
        (124, "stopped after"),
        (137, "stopped after"),
    ],
)
@pytest.mark.parametrize("tool", ["memcheck", "racecheck", "initcheck"])
def test_sanitizers_that_find_or_do_not_finish_fail(tmp_path, tool, status, said, arguments):
    """One tool ends with that status; `timeout` ends as what it runs, or with 124 or 137."""
    stand_in(tmp_path, "compute-sanitizer", "exit 0")
    stand_in(tmp_path, "timeout", f'case "$*" in *"--tool {tool} "*) exit {status} ;; esac')
    done = sanitize(tmp_path, *arguments)
    assert done.returncode == (status != 0)
    assert said is None or f"{tool}: {said}" in done.stdout
