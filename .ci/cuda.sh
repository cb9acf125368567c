#!/usr/bin/env bash
# Checks warnings, registers and spills of the CUDA kernels and the width of their loads and stores.
# Needs the CUDA compiler, not a GPU; says so and succeeds where there is none.
#   .ci/cuda.sh [LOG]
# LOG: of an installation into the active environment with STEEPEST_WERROR=ON and -Xptxas=-v, so that
# nothing is compiled again. Without it the kernels are compiled here.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

section "CUDA kernels: warnings, registers, spills, 16-byte accesses"
if ! command -v nvcc >/dev/null && [[ ! -x /usr/local/cuda/bin/nvcc ]]; then
    echo "nvcc is not installed: CUDA kernels are not compiled here"
    exit 0
fi
command -v nvcc >/dev/null || export PATH=$PATH:/usr/local/cuda/bin

if [[ $# == 1 ]]; then
    log=$1
    library=$(python -c "
import pathlib, steepest._core
print(*(pathlib.Path(steepest._core.__file__).parent / 'lib').glob('libsteepest.so'))")
else
    build=$(mktemp -d)/cuda
    log=$build/cuda_build.log
    mkdir -p "$build"
    # ninja prints what an object reports in one piece; make does so only with one job.
    generator=() jobs=1
    if command -v ninja >/dev/null; then generator=(-G Ninja) jobs=$(nproc); fi
    cmake "${generator[@]}" -S . -B "$build" -DSTEEPEST_CUDA=ON -DSTEEPEST_WERROR=ON \
        -DCMAKE_CUDA_FLAGS="-Xptxas -v"
    cmake --build "$build" --parallel "$jobs" 2>&1 | tee "$log" |
        sed -E '/^ptxas info|bytes stack frame/d'
    library=$(find "$build" -maxdepth 1 -name 'libsteepest.so*' -type f | head -n 1)
fi

# The toolkit's disassembler, which not every installation of the compiler brings along.
if ! command -v cuobjdump >/dev/null && pip install nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm; then
    tools=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia
    for directory in "$tools"/*/bin; do PATH=$PATH:$directory; done
    export PATH
fi

size=$(gzip -c "$library" | wc -c) # most of a wheel
((size < 30000000)) || fail "the library has $size bytes compressed, expected fewer than 30 million"
# CUDA's runtime is linked in, so that the library loads on machines without it.
needed=$(readelf --dynamic --wide "$library" | grep NEEDED)
[[ $needed != *libcudart* ]] || fail "the library needs the shared runtime of CUDA: $needed"
python3 .ci/cuda_resources.py "$log" --sass "$library"
