"""The scripts for a machine with a GPU, read on one without: their syntax, and that none of the
tests of device code is forgotten."""

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
