// Which tile of which matrix a work item is.
#pragma once

#include "core/target.h"
#include "polar/device/product_pass.h"

namespace steepest::device {
inline namespace STEEPEST_TARGET {

struct TilePlace {
    int64_t matrix;
    int64_t row, col;  // of the tile's first element
    bool on_diagonal;  // of a symmetric product

    STEEPEST_HD STEEPEST_INLINE TilePlace(const ProductPass& pass, int64_t item, int64_t tile)
        : matrix(item / pass.tiles) {
        const int64_t index = item % pass.tiles;
        row = index / pass.tile_cols;
        col = index % pass.tile_cols;
        if (pass.is_lower) unfold(pass.tile_cols / 2);
        on_diagonal = pass.is_lower && row == col;
        row *= tile;
        col *= tile;
    }

  private:
    // The triangle of tiles as a rectangle: row middle + r and, behind it, row middle - 1 - r have
    // tile_cols = 2 middle + 1 tiles together for every r. That is the side of C in tiles if it is
    // odd, and one more if it is even.
    STEEPEST_HD STEEPEST_INLINE void unfold(int64_t middle) {
        const int64_t r = row, length = middle + r + 1;
        row = col < length ? middle + r : middle - 1 - r;
        col = col < length ? col : col - length;
    }
};

}  // namespace STEEPEST_TARGET
}  // namespace steepest::device
