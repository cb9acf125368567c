// The header in C++, and the norm of a gradient.
#include <steepest/steepest.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace {

double norm(std::vector<double>& values) {
    const steepest_array array = {values.data(), STEEPEST_F64, STEEPEST_NEAREST};
    const std::int64_t size = static_cast<std::int64_t>(values.size());
    std::size_t bytes = 0;
    double each = -1, total = -1;
    std::int32_t finite = 0;
    steepest_norm_args args{};
    args.struct_size = sizeof args;
    args.count = 1;
    args.arrays = &array;
    args.sizes = &size;
    args.norms = &each;
    args.total = &total;
    args.finite = &finite;
    if (steepest_grad_norm_workspace(&args, &bytes) != STEEPEST_OK) return -1;
    std::size_t room = bytes + 64;
    std::unique_ptr<char[]> memory(new char[room]);
    void* workspace = memory.get();
    args.workspace = std::align(64, bytes, workspace, room);
    args.workspace_size = bytes;
    if (!args.workspace || steepest_grad_norm(&args) != STEEPEST_OK) return -1;
    return finite && each == total ? total : -1;
}

}  // namespace

int main() {
    std::vector<double> gradient = {2, 3, 6};
    std::printf("C++: steepest %s, norm %g\n", steepest_version(), norm(gradient));
    return norm(gradient) == 7 ? 0 : 1;
}
