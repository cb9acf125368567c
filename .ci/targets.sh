#!/usr/bin/env bash
# The suite on every CPU target that this processor can run, in the active virtual environment: but for
# the one that is the default, on which the README's test command has run everything.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for target in $(python -c "
from steepest import cpu
print(*(t for t in cpu.targets() if t != cpu.active()))"); do
    section "The suite on CPU target $target"
    export STEEPEST_CPU_TARGET=$target
    python -c "from steepest import cpu; assert cpu.active() == '$target'"
    python -m pytest "${again[@]}" tests/steps tests/boundary tests/optim
done

section "The suite on the emulation of device code"
unset STEEPEST_CPU_TARGET
python -m pytest "${again[@]}" tests/steps tests/optim --arrays emulated
python -m steepest.golden --check tests/golden/steps.json --arrays emulated
