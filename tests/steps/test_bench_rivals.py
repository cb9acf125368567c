"""What the benchmark's rivals in the package pytorch-optimizer compute."""

import pytest
from steepest.bench import rivals
from steepest.bench.rivals import pytorch_optimizer
from steepest.bench.steps import cases, check
from steepest.bench.steps.buffers import Arena, allocate

SMALL = {
    case.name: case
    for case in cases.cases(quick=True, elements=20000)
    if case.rule in pytorch_optimizer.RULES and case.impl == "steps" and case.in_memory
}


@pytest.fixture(scope="module")
def rival():
    if not pytorch_optimizer.available():
        pytest.skip("pytorch-optimizer is not installed")
    return rivals.load([pytorch_optimizer.NAME])[0]


def test_every_rule_of_it_is_a_case():
    assert {case.rule for case in SMALL.values()} == set(pytorch_optimizer.RULES)
    assert set(pytorch_optimizer.SAME_STEP) <= set(pytorch_optimizer.RULES)


@pytest.mark.parametrize("name", SMALL)
def test_steps_of_the_same_form_have_the_same_result(rival, name):
    case = SMALL[name]
    buffers = allocate(case, Arena())
    call = rival.make(case, buffers, 1)
    error = check.error_of(case, buffers, call)
    assert error <= 2 or case.rule not in pytorch_optimizer.SAME_STEP
