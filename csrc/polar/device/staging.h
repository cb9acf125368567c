// Tiles of the operands in shared memory. Rows hold 64 bytes of the inner dimension and 16 that
// stay empty, so that eight threads that read 16 bytes of eight rows meet all banks once.
#pragma once

#include "core/target.h"
#include "polar/device/product_pass.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

inline constexpr int kPiece = 16;       // bytes of an asynchronous copy
inline constexpr int kInnerBytes = 64;  // of a row in a stage
inline constexpr int kPieces = kInnerBytes / kPiece;
inline constexpr int kRowBytes = kInnerBytes + kPiece;

template <class E>
inline constexpr int kDepth = kInnerBytes / static_cast<int>(sizeof(E));
template <class E>
inline constexpr int kPieceOf = kPiece / static_cast<int>(sizeof(E));
// Between rows of the inner dimension, where a tile lies as in memory by columns.
template <class E, int kTile>
inline constexpr int kColumnBytes = kTile * static_cast<int>(sizeof(E)) + kPiece;
template <class E, int kTile>
inline constexpr int kTileBytes = kTile * kRowBytes;

template <class E>
struct alignas(kPiece) Piece {
    E v[kPieceOf<E>];
};

template <class E>
STEEPEST_HD STEEPEST_INLINE const Piece<E>& piece_at(const char* at) {
    return *reinterpret_cast<const Piece<E>*>(at);
}

// Copies `bytes` of 16, the others become zeros. Has happened once the copies were waited for.
STEEPEST_HD STEEPEST_INLINE void copy_piece(char* to, const void* from, int bytes) {
#ifdef __CUDA_ARCH__
    const auto at = static_cast<uint32_t>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes)
                 : "memory");
#else
    for (int i = 0; i < kPiece; ++i) to[i] = i < bytes ? static_cast<const char*>(from)[i] : '\0';
#endif
}

// Ends a group of copies.
STEEPEST_HD STEEPEST_INLINE void commit_copies() {
#ifdef __CUDA_ARCH__
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Until all but the last kPending groups of this thread are there.
template <int kPending>
STEEPEST_HD STEEPEST_INLINE void wait_for_copies() {
#ifdef __CUDA_ARCH__
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// Where a tile comes from: lines of neighbours in memory, the rows or the columns of the tile's
// inner dimension.
template <class E>
struct Source {
    const E* data;  // of this matrix
    int64_t ld;
    int64_t lines, length;  // of the matrix
    bool is_wide;

    STEEPEST_HD STEEPEST_INLINE Source(const Operand& o, int64_t item, int64_t l, int64_t n)
        : data(static_cast<const E*>(o.data) + item * o.stride),
          ld(o.ld),
          lines(l),
          length(n),
          is_wide(o.is_wide) {}

    // A piece of a line, with zeros for what is behind its end or no line at all.
    STEEPEST_HD STEEPEST_INLINE void load(int64_t line, int64_t at, char* to) const {
        const int64_t left = line < lines && at < length ? length - at : 0;
        const int n = left < kPieceOf<E> ? static_cast<int>(left) : kPieceOf<E>;
        const E* from = n > 0 ? data + line * ld + at : data;
        if (is_wide) return copy_piece(to, from, n * static_cast<int>(sizeof(E)));
        Piece<E> piece;
        STEEPEST_UNROLL
        for (int i = 0; i < kPieceOf<E>; ++i) piece.v[i] = i < n ? from[i] : E{};
        *reinterpret_cast<Piece<E>*>(to) = piece;
    }
};

// Nothing waits for copies, so these loops are not unrolled: registers are scarce.
//
// The pieces of a thread: kTile lines from `first` on, of which the inner dimension takes `k` and
// what follows.
template <class E, int kTile>
STEEPEST_HD STEEPEST_INLINE void load_rows(const Source<E>& from, int64_t first, int64_t k,
                                           int thread, char* stage) {
    STEEPEST_ROLLED
    for (int i = 0; i < kTile * kPieces / kTileThreads; ++i) {
        const int piece = i * kTileThreads + thread;
        const int row = piece / kPieces, part = piece % kPieces;
        from.load(first + row, k + part * kPieceOf<E>, stage + row * kRowBytes + part * kPiece);
    }
}

// The same of kTile neighbours from `first` on in the lines from `k` on.
template <class E, int kTile>
STEEPEST_HD STEEPEST_INLINE void load_columns(const Source<E>& from, int64_t first, int64_t k,
                                              int thread, char* stage) {
    constexpr int kAcross = kTile / kPieceOf<E>;
    STEEPEST_ROLLED
    for (int i = 0; i < kDepth<E> * kAcross / kTileThreads; ++i) {
        const int piece = i * kTileThreads + thread;
        const int row = piece / kAcross, part = piece % kAcross;
        from.load(k + row, first + part * kPieceOf<E>,
                  stage + row * kColumnBytes<E, kTile> + part * kPiece);
    }
}

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
