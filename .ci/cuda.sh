#!/usr/bin/env bash
# Compiles the CUDA kernels with warnings as errors and checks registers, spills and the width of
# loads and stores. Needs the CUDA compiler, not a GPU; says so and succeeds where there is none.
#   .ci/cuda.sh [empty directory for the build]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

section "CUDA kernels: warnings, registers, spills, 16-byte accesses"
if ! command -v nvcc >/dev/null && [[ ! -x /usr/local/cuda/bin/nvcc ]]; then
    echo "nvcc is not installed: CUDA kernels are not compiled here"
    exit 0
fi
command -v nvcc >/dev/null || export PATH=$PATH:/usr/local/cuda/bin

build=${1:-$(mktemp -d)/cuda}
mkdir -p "$build"
generator=()
if command -v ninja >/dev/null; then generator=(-G Ninja); fi
cmake "${generator[@]}" -S . -B "$build" -DSTEEPEST_CUDA=ON -DSTEEPEST_WERROR=ON \
    -DCMAKE_CUDA_FLAGS="-Xptxas -v"
# ninja prints what an object reports in one piece; make does so only with one job.
jobs=1
if grep -q '^CMAKE_GENERATOR:.*=Ninja' "$build/CMakeCache.txt"; then jobs=$(nproc); fi
cmake --build "$build" --parallel "$jobs" 2>&1 | tee "$build/cuda_build.log" |
    sed -E '/^ptxas info|bytes stack frame/d'

# The toolkit's disassembler, which not every installation of the compiler brings along.
if ! command -v cuobjdump >/dev/null && pip install nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm; then
    tools=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia
    for directory in "$tools"/*/bin; do PATH=$PATH:$directory; done
    export PATH
fi

library=$(find "$build" -maxdepth 1 -name 'libsteepest.so*' -type f | head -n 1)
size=$(gzip -c "$library" | wc -c) # most of a wheel
((size < 30000000)) || fail "the library has $size bytes compressed, expected fewer than 30 million"
python3 .ci/cuda_resources.py "$build/cuda_build.log" --sass "$library"
