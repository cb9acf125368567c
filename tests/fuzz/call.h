// A call with a workspace of just the size that the library asks for, and what every call promises.
#pragma once

#include <memory>

#include "memory.h"

namespace fuzz {

template <class T>
std::unique_ptr<T[]> zeros(int64_t count) {
    return std::unique_ptr<T[]>(new T[static_cast<size_t>(count)]());
}

// Whether the workspace is as asked for; else the call must be refused.
enum class Given { right, too_small, misplaced };

inline Given choose_room(Bytes& bytes, size_t size) {
    const int choice = bytes.byte() % 32;
    if (size == 0 || choice < 30) return Given::right;
    return choice == 30 ? Given::too_small : Given::misplaced;
}

inline void require_known(steepest_status status) {
    FUZZ_REQUIRE(status >= STEEPEST_OK && status <= STEEPEST_DEVICE_ERROR);
    FUZZ_REQUIRE(status != STEEPEST_INTERNAL_ERROR && status != STEEPEST_DEVICE_ERROR);
    FUZZ_REQUIRE(status != STEEPEST_OUT_OF_MEMORY && status != STEEPEST_NO_CUDA);
    FUZZ_REQUIRE(steepest_status_string(status)[0] != '\0');
}

// Runs the call; a call that cannot say what it needs must be refused, and a refused call writes
// nothing.
template <class Args, class Size, class Run>
steepest_status call(Memory& memory, Bytes& bytes, Args& args, Size&& size_of, Run&& run) {
    size_t size = 0;
    const steepest_status sized = size_of(&args, &size);
    require_known(sized);
    FUZZ_REQUIRE(size < size_t{1} << 31);
    const Given room = choose_room(bytes, size);
    args.workspace_size = size - (room == Given::too_small);
    args.workspace = memory.workspace(args.workspace_size, room == Given::misplaced ? 8 : 0);
    memory.remember();
    const steepest_status status = run(&args);
    require_known(status);
    if (sized) FUZZ_REQUIRE(status != STEEPEST_OK);
    // Other arguments may be wrong, too, that the size does not depend on.
    if (!sized && room == Given::too_small)
        FUZZ_REQUIRE(status == STEEPEST_WORKSPACE_TOO_SMALL || status == STEEPEST_INVALID_ARGUMENT);
    if (!sized && room == Given::misplaced) FUZZ_REQUIRE(status == STEEPEST_INVALID_ARGUMENT);
    memory.require_unchanged(status != STEEPEST_OK);
    return status;
}

// Makes the call that the first byte chooses.
template <int n>
int choose(const uint8_t* data, size_t size, void (*const (&targets)[n])(Memory&, Bytes&)) {
    Bytes bytes(data, size);
    Memory memory(bytes);
    targets[bytes.byte() % n](memory, bytes);
    return 0;
}

// A matrix in memory of its own: C order, F order, with gaps or back to front, or one row again and
// again.
struct Strided {
    void* data;
    int64_t row_stride, col_stride;
};

inline Strided strided(Memory& memory, Bytes& bytes, int64_t rows, int64_t cols, int32_t dtype,
                       Access access) {
    const int64_t gap = bytes.one_in(4) ? 1 + bytes.byte() % 5 : 0;
    int64_t strides[2] = {cols + gap, 1};
    if (bytes.one_in(3)) strides[0] = 1, strides[1] = rows + gap;
    if (bytes.one_in(8)) strides[0] *= 2, strides[1] *= 2;
    for (int64_t& stride : strides)
        if (bytes.one_in(8)) stride = -stride;
    if (access == Access::read && bytes.one_in(16)) strides[bytes.byte() % 2] = 0;
    const int64_t sides[2] = {rows, cols};
    int64_t first = 0, last = 0;  // elements before and behind the one at (0, 0)
    for (int k = 0; k < 2; ++k) {
        const int64_t reach = sides[k] > 0 ? strides[k] * (sides[k] - 1) : 0;
        (reach < 0 ? first : last) += reach;
    }
    const bool is_empty = rows == 0 || cols == 0;
    char* base = static_cast<char*>(memory.numbers(is_empty ? 0 : last - first + 1, dtype, access));
    const int64_t offset = is_empty ? 0 : -first;
    return {base + offset * static_cast<int64_t>(size_of(dtype)), strides[0], strides[1]};
}

// A side of a matrix: 0 and 1 among them, and now and then longer than a tile.
inline int64_t side(Bytes& bytes) {
    return bytes.one_in(16) ? 60 + bytes.byte()
                            : 1 + bytes.byte() % 20 - (bytes.one_in(16) ? 1 : 0);
}

}  // namespace fuzz
