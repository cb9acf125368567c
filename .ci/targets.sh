#!/usr/bin/env bash
# Every CPU target that this processor can run, in the active virtual environment, but for the one that
# is the default, on which the README's test command has run everything. That other targets give the
# steps the same bits is for the digests to say, and for tests/steps/test_same_bits.py in that command;
# so the tests of what the bits must be do not run again.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# avx512bf16 has the kernels of avx512 but for products of matrices.
for target in $(python -c "
from steepest import cpu
ran = {cpu.active(), 'avx512'} if cpu.active() == 'avx512bf16' else {cpu.active()}
print(*(t for t in cpu.targets() if t not in ran))"); do
    section "CPU target $target"
    export STEEPEST_CPU_TARGET=$target
    python -c "from steepest import cpu; assert cpu.active() == '$target'"
    python -m steepest.golden --check tests/golden/steps.json
    python -m pytest "${again[@]}" tests/steps/test_plans.py tests/steps/test_storage.py \
        tests/steps/test_stochastic_rounding.py tests/steps/test_grad_norm.py tests/optim
done

section "The suite on the emulation of device code"
unset STEEPEST_CPU_TARGET
python -m pytest "${again[@]}" tests/steps tests/optim --arrays emulated \
    --ignore=tests/steps/test_rules_float64_reference.py
python -m steepest.golden --check tests/golden/steps.json --arrays emulated
