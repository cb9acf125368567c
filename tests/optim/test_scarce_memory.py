"""Steps along directions of matrices that lack memory change nothing, and the next one that has it
is the step that was meant."""

import sys
from pathlib import Path

import pytest
from boundary.support import SANITIZED, run_ok

SCRIPT = Path(__file__).with_name("scarce_memory.py")
CASES = (
    "muon",
    "muon-gram",
    "normuon",
    "adamuon",
    "scion",
    "scion-lines",
    "trust-region",
    "trust-region-masters",
    "lanton",
)


@pytest.mark.skipif(sys.platform != "linux" or SANITIZED, reason="limits the address space")
@pytest.mark.parametrize("emulated", ["0", "1"])
@pytest.mark.parametrize("case", CASES)
def test_a_step_without_memory_changes_nothing(case, emulated):
    """Under address space that is too small by less and less, with plans that are new, used, and to
    be made anew; then the step has the bits that it has with all memory."""
    code = f"import runpy, sys; sys.argv[1:] = [{case!r}]; runpy.run_path({str(SCRIPT)!r})"
    printed = run_ok(
        code, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", STEEPEST_EMULATE_DEVICE=emulated
    )
    refused = [int(number) for number in printed.split()]
    assert refused[0] > 0
