// The instructions of tensor cores, and the same on the host with registers laid out alike.
//
// A fragment holds halves of a 16 x 16 matrix A (by rows), a 16 x 8 matrix B (by columns) or floats
// of a 16 x 8 matrix C. With g = lane / 4 and t = lane % 4 a lane holds A[g + 8 (r % 2)][2 t + 8 (r
// / 2)] and its right neighbour in register r, B[2 t + 8 r][g] and the one below, and C[g + 8 (r /
// 2)][2 t + r % 2].
#pragma once

#include <type_traits>

#include "core/codecs/bf16.h"
#include "core/codecs/f16.h"
#include "core/target.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

// Four 8 x 8 matrices of halves, whose 8-element row r of matrix q begins at address(8 q + r).
// A lane receives two neighbours of row g in a register per matrix; transposed, of column g.
template <bool kTransposed, class Address>
STEEPEST_HD STEEPEST_INLINE void load_matrices(int lane, Address&& address, uint32_t (&to)[4]) {
#ifdef __CUDA_ARCH__
    const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(address(lane)));
    if constexpr (kTransposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
#else
    const int g = lane / 4, t = lane % 4;
    for (int q = 0; q < 4; ++q) {
        uint32_t half[2];
        for (int e = 0; e < 2; ++e) {
            const int row = kTransposed ? 2 * t + e : g, col = kTransposed ? g : 2 * t + e;
            half[e] = reinterpret_cast<const uint16_t*>(address(8 * q + row))[col];
        }
        to[q] = half[0] | half[1] << 16;
    }
#endif
}

// C += A B on the registers of the calling lane's warp; on a device only.
template <class Half>
STEEPEST_HD STEEPEST_INLINE void multiply_add(const uint32_t (&a)[4], const uint32_t (&b)[2],
                                              float (&c)[4]) {
#ifdef __CUDA_ARCH__
    if constexpr (std::is_same_v<Half, Bf16>)
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    else
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    static_cast<void>(a), static_cast<void>(b), static_cast<void>(c);
#endif
}

// The same for all lanes of a warp: a(lane), b(lane) and c(lane) are their registers. Products of
// halves are exact; each is added in float, while tensor cores cut off what they shift out.
template <class Half, class A, class B, class C>
STEEPEST_INLINE void emulate_multiply_add(A&& a, B&& b, C&& c) {
    float left[16][16], right[8][16];
    for (int lane = 0; lane < 32; ++lane) {
        const int g = lane / 4, t = lane % 4;
        const auto half = [](uint32_t both, int e) {
            return Half::decode(static_cast<uint16_t>(both >> (16 * e)));
        };
        for (int e = 0; e < 2; ++e) {
            for (int r = 0; r < 4; ++r)
                left[g + 8 * (r % 2)][2 * t + 8 * (r / 2) + e] = half(a(lane)[r], e);
            for (int r = 0; r < 2; ++r) right[g][2 * t + 8 * r + e] = half(b(lane)[r], e);
        }
    }
    for (int lane = 0; lane < 32; ++lane)
        for (int r = 0; r < 4; ++r) {
            const int row = lane / 4 + 8 * (r / 2), col = 2 * (lane % 4) + r % 2;
            for (int k = 0; k < 16; ++k) c(lane)[r] += left[row][k] * right[col][k];
        }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
