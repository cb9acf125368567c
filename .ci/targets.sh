#!/usr/bin/env bash
# The suite on every CPU target that this processor can run, in the active virtual environment: but for
# the one that is the default, on which the README's test command has run everything.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# avx512bf16 has the kernels of avx512 but for products of matrices.
for target in $(python -c "
from steepest import cpu
ran = {cpu.active(), 'avx512'} if cpu.active() == 'avx512bf16' else {cpu.active()}
print(*(t for t in cpu.targets() if t not in ran))"); do
    section "The suite on CPU target $target"
    export STEEPEST_CPU_TARGET=$target
    python -c "from steepest import cpu; assert cpu.active() == '$target'"
    python -m pytest "${again[@]}" tests/steps tests/optim
done

section "The suite on the emulation of device code"
unset STEEPEST_CPU_TARGET
python -m pytest "${again[@]}" tests/steps tests/optim --arrays emulated
python -m steepest.golden --check tests/golden/steps.json --arrays emulated
