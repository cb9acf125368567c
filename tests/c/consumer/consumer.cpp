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
    if (steepest_grad_norm_workspace(1, &size, &bytes) != STEEPEST_OK) return -1;
    std::size_t room = bytes + 64;
    std::unique_ptr<char[]> memory(new char[room]);
    void* workspace = memory.get();
    if (!std::align(64, bytes, workspace, room)) return -1;
    if (steepest_grad_norm(1, &array, &size, &each, &total, &finite, workspace, bytes) !=
        STEEPEST_OK)
        return -1;
    return finite && each == total ? total : -1;
}

}  // namespace

int main() {
    std::vector<double> gradient = {2, 3, 6};
    std::printf("C++: steepest %s, norm %g\n", steepest_version(), norm(gradient));
    return norm(gradient) == 7 ? 0 : 1;
}
