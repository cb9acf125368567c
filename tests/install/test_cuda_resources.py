"""The check of the CUDA compiler's report, on reports and disassembly made up for it."""

import re

import pytest

from .support import ci_script, source_tree

APPLY = "_ZN8steepest4cuda12apply_kernelI5AdamWfLb0EEEvNS_4PassE"
REDUCE = "_ZN8steepest4cuda13reduce_kernelI4LambfEEvNS_4PassE"
OTHER = "_ZN8steepest4cuda14squares_kernelENS_4PassE"


@pytest.fixture(scope="module")
def resources():
    with ci_script("cuda_resources") as module:
        yield module


def entry(name, registers=40, stack=0, stores=0, loads=0, target="sm_90a"):
    return f"""\
ptxas info    : Compiling entry function '{name}' for '{target}'
ptxas info    : Function properties for {name}
    {stack} bytes stack frame, {stores} bytes spill stores, {loads} bytes spill loads
ptxas info    : Used {registers} registers, used 1 barriers, 368 bytes cmem[0]
ptxas info    : Compile time = 12.5 ms
"""


def checked(resources, tmp_path, *entries):
    log = tmp_path / "build.log"
    log.write_text("[3/9] Building CUDA object\nptxas info    : 0 bytes gmem\n" + "".join(entries))
    return resources.main([str(log)])


def test_good_kernels_pass(resources, tmp_path, capsys):
    both = [entry(APPLY, 64, target=t) for t in ("sm_80", "sm_90a")]
    assert checked(resources, tmp_path, *both, entry(REDUCE), entry(OTHER, 90, stack=64)) == 0
    printed = capsys.readouterr().out
    assert "4 kernels, 0 not as they should be; elementwise: 64 registers" in printed
    assert printed.count("apply_kernel") == 2


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry(OTHER, stores=8), "8 bytes spilled"),
        (entry(REDUCE, loads=4), "4 bytes spilled"),
        (entry(APPLY, stack=16), "16 bytes of stack"),
        (entry(REDUCE, stack=16), "16 bytes of stack"),
        (entry(APPLY, 65), "65 registers"),
    ],
)
def test_bad_kernels_fail(resources, tmp_path, capsys, bad, message):
    assert checked(resources, tmp_path, entry(APPLY), bad) == 1
    assert message in capsys.readouterr().out


def apply_name(rule, number="float", storage=0):
    """As the compiler's tools have it."""
    return (
        f"void steepest::device::cuda::apply_kernel<steepest::cuda::{rule}<{number}>, {number}, "
        f"(steepest::device::Storage){storage}>(steepest::device::Pass)"
    )


@pytest.mark.parametrize(
    ("name", "most"),
    [
        (apply_name("AdamW"), 64),
        (apply_name("AdamW", storage=2), 64),
        (apply_name("AdamW", "double"), 80),
        (apply_name("AdaHessian"), 80),
        (apply_name("Sm3"), 64),
        (apply_name("Sm3", storage=1), 80),
        (apply_name("AmsGrad", "double"), 96),
    ],
)
def test_registers_that_a_kernel_may_have(resources, name, most):
    assert resources.most_registers(name) == most
    for registers, found in ((most, 0), (most + 1, 1)):
        kernel = resources.Kernel("mangled", "sm_80", registers=registers)
        assert len(list(resources.problems(kernel, name))) == found


def test_every_exception_has_a_reason_and_a_rule(resources):
    rules = "".join(
        path.read_text("utf-8") for path in (source_tree() / "csrc/steps/rules").glob("*.h")
    )
    for pattern, most, reason in resources.EXCEPTIONS:
        assert most > resources.USUAL and reason
        if "probe" not in pattern:
            for rule in re.match(r"[(]?([\w|]+)", pattern)[1].split("|"):
                assert re.search(rf"struct {rule}\b", rules), rule


def test_functions_that_a_kernel_calls_count_with_it(resources):
    called = (
        "ptxas info    : Function properties for __internal_trig_reduction\n"
        "    40 bytes stack frame, 0 bytes spill stores, 12 bytes spill loads\n"
    )
    lines = entry(APPLY).splitlines(keepends=True)
    (kernel,) = resources.parse("".join([*lines[:3], called, *lines[3:]]).splitlines())
    assert (kernel.stack, kernel.spills, kernel.registers) == (40, 12, 40)


def test_an_empty_report_fails(resources, tmp_path, capsys):
    assert checked(resources, tmp_path) == 1
    assert "-Xptxas -v" in capsys.readouterr().out


def test_reports_that_run_into_each_other_are_refused(resources):
    first, second = entry(APPLY).splitlines(), entry(OTHER).splitlines()
    with pytest.raises(ValueError, match="interleaved"):
        resources.parse([first[0], second[0], *first[1:]])
    with pytest.raises(ValueError, match="interleaved"):
        resources.parse([*first, second[3]])
    with pytest.raises(ValueError, match="not complete"):
        resources.parse(first[:2])


def sass(name, *instructions):
    body = "".join(f"        /*0{k:03}*/   {text} ;\n" for k, text in enumerate(instructions))
    return f"\tcode for sm_90a\n\t\tFunction : {name}\n{body}\t\t..........\n"


WIDE_LOAD = "LDG.E.EF.128 R4, desc[UR4][R2.64]"
WIDE_STORE = "@!P0 STG.E.128 desc[UR4][R2.64], R4"
NARROW = "LDG.E R4, desc[UR4][R2.64]"


def test_sixteen_byte_accesses_are_looked_for(resources):
    text = "arch = sm_90a\n" + sass(APPLY, NARROW, WIDE_LOAD, WIDE_STORE) + sass(OTHER, NARROW)
    assert resources.narrow_kernels(text.splitlines()) == (1, [])
    text = "arch = sm_80\n" + sass(APPLY, NARROW, WIDE_STORE)
    count, wrong = resources.narrow_kernels(text.splitlines())
    assert count == 1 and wrong == [f"{APPLY} on sm_80: no 16-byte load"]


def test_kernels_of_probes_are_elementwise_and_some_only_write(resources):
    fill, take = "_ZN1a17probe_fill_kernelIfEEv", "_ZN1a23probe_accumulate_kernelIfEEv"
    text = "arch = sm_80\n" + sass(fill, NARROW, WIDE_STORE) + sass(take, WIDE_LOAD)
    count, wrong = resources.narrow_kernels(text.splitlines())
    assert count == 2 and wrong == [f"{take} on sm_80: no 16-byte store"]


def test_products_copy_sixteen_bytes_to_shared_memory(resources):
    product, copy = "_ZN1a14product_kernelIfEEv", "LDGSTS.E.BYPASS.LTC128B.128 [R5], [R2.64] ;"
    text = "arch = sm_80\n" + sass(product, NARROW, copy) + sass(product + "x", WIDE_LOAD)
    count, wrong = resources.narrow_kernels(text.splitlines())
    assert count == 2 and wrong == [f"{product}x on sm_80: no 16-byte copy"]
