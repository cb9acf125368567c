"""Choosing a CPU target and saying what was built and chosen."""

import numpy as np
import pytest
import steepest
from steepest import cpu

from .support import AdamWCall, run_ok, run_python

KNOWN = ("baseline", "avx2", "avx512", "avx512bf16")


def test_targets():
    assert isinstance(cpu.targets(), tuple) and "baseline" in cpu.targets()
    assert set(cpu.targets()) <= set(KNOWN) and len(set(cpu.targets())) == len(cpu.targets())
    assert cpu.active() in cpu.targets()


def test_the_best_usable_target_is_chosen():
    code = "from steepest import cpu; print(cpu.active(), *cpu.targets())"
    active, *targets = run_ok(code, STEEPEST_CPU_TARGET=None).split()
    assert active == max(targets, key=KNOWN.index)


def test_processor_features_decide(tmp_path):
    try:
        with open("/proc/cpuinfo") as lines:
            flags = next(line for line in lines if line.startswith("flags")).split()
    except (OSError, StopIteration):
        pytest.skip("no processor flags to read")
    if cpu.targets() == ("baseline",) and "x86" not in str(steepest.show_config()).lower():
        pytest.skip("a build without vector targets")
    assert ("avx2" in cpu.targets()) == {"avx2", "fma", "f16c"}.issubset(flags)
    assert "avx512" not in cpu.targets() or "avx512f" in flags
    assert "avx512bf16" not in cpu.targets() or {"avx512f", "avx512_bf16"}.issubset(flags)


@pytest.mark.parametrize("name", cpu.targets())
def test_use_sets_at_once_and_restores(name):
    before = cpu.active()
    chosen = cpu.use(name)
    assert cpu.active() == name
    cpu.use(before)
    assert cpu.active() == before
    with cpu.use(name):
        assert cpu.active() == name
        with cpu.use("baseline"):
            assert cpu.active() == "baseline"
        assert cpu.active() == name
    assert cpu.active() == before
    with pytest.raises(ZeroDivisionError), cpu.use(name):
        raise ZeroDivisionError
    assert cpu.active() == before
    del chosen
    assert cpu.active() == before


def test_every_target_makes_the_same_bits():
    results = []
    for name in cpu.targets():
        with cpu.use(name):
            call = AdamWCall(shapes=[(1,), (77,), (129, 33), ()])
            call.step(step=2, max_grad_norm=0.5)
            results.append([a.tobytes() for stream in call.streams() for a in stream])
    assert all(r == results[0] for r in results)


@pytest.mark.parametrize("name", ["sse9", "", "AVX2 ", "avx512 bf16", "baseline\0"])
def test_unknown_target(name):
    before = cpu.active()
    try:
        with pytest.raises(ValueError) as caught:
            cpu.use(name)
        assert cpu.active() == before
    finally:
        cpu.use(before)
    assert ", ".join(cpu.targets()) in str(caught.value), "the usable targets should be listed"


@pytest.mark.parametrize("name", [None, 2, b"avx2"])
def test_a_target_is_a_string(name):
    before = cpu.active()
    try:
        with pytest.raises(TypeError):
            cpu.use(name)
    finally:
        cpu.use(before)


@pytest.mark.parametrize("name", cpu.targets())
def test_the_environment_forces_a_target(name):
    code = "import steepest; print(steepest.cpu.active())"
    assert run_ok(code, STEEPEST_CPU_TARGET=name).strip() == name


@pytest.mark.parametrize("name", ["sse9", "avx 512"])
def test_the_environment_names_an_unknown_target(name):
    """An error in words, at import or at first use; neither a crash nor a silent fallback."""
    code = """
import numpy as np, steepest
steepest.cpu.active()
steepest.steps.sgd(np.ones(4), np.ones(4), step=1)
"""
    done = run_python(code, STEEPEST_CPU_TARGET=name)
    assert done.returncode == 1, done
    last = done.stderr.strip().splitlines()[-1]
    assert "STEEPEST_CPU_TARGET" in last and name in last and "baseline" in last, done.stderr


def test_an_empty_variable_counts_as_unset():
    code = "from steepest import cpu; print(cpu.active())"
    assert run_ok(code, STEEPEST_CPU_TARGET="") == run_ok(code, STEEPEST_CPU_TARGET=None)


def test_show_config(capsys):
    shown = steepest.show_config()
    text = (capsys.readouterr().out + ("" if shown is None else str(shown))).lower()
    assert steepest.__version__ in text and cpu.active() in text
    for word in (*cpu.targets(), "compiler", "cuda", "threads", str(cpu.threads())):
        assert word in text, f"{word} missing from:\n{text}"


def test_version_matches_the_installed_package():
    from importlib import metadata

    assert steepest.__version__ == metadata.version("steepest")


def test_importing_needs_nothing_but_numpy():
    """Frameworks are adapted to when their arrays come by, never imported."""
    code = """
import sys, numpy
before = set(sys.modules)
import steepest
new = {m.split(".")[0] for m in set(sys.modules) - before}
print(*sorted(new - set(sys.stdlib_module_names) - {"numpy"}))
"""
    # An editable installation brings its own finder, whose name starts with an underscore.
    assert [m for m in run_ok(code).split() if not m.startswith("_")] == ["steepest"]


def test_numpy_reads_what_a_forced_target_wrote():
    for name in cpu.targets():
        with cpu.use(name):
            p = np.full(1000, 3.0, np.float32)
            steepest.steps.sgd(p, np.full(1000, 2.0, np.float32), step=1, lr=0.5)
        assert (p == 2.0).all()
