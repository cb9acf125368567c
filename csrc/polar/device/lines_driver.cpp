#include "polar/device/lines_driver.h"

#include <cstring>
#include <limits>
#include <stdexcept>

#include "core/arena.h"
#include "polar/device/lines.h"

namespace steepest::device {
namespace {

using polar::Lines;

bool has_elements(const Lines& m) { return m.lines > 0 && m.length > 0; }
bool has_norms(const Lines& m) { return m.item->kind < STEEPEST_SIGNS; }

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t blocks_of_sums(const Lines& m) {
    if (!has_norms(m)) return 0;
    return divide_up(m.lines, m.side_by_side() ? kAbreastLines : kWarps);
}
int64_t tiles_of_lines(const Lines& m) { return tiles_along(m.lines) * tiles_along(m.length); }

// CUDA blocks before each matrix, and then their total.
template <class Count>
std::vector<int32_t> blocks_before(const std::vector<Lines>& matrices, Count&& blocks_of) {
    std::vector<int32_t> first;
    int64_t total = 0;
    for (const Lines& m : matrices) {
        first.push_back(static_cast<int32_t>(total));
        total += blocks_of(m);
        if (total > std::numeric_limits<int32_t>::max()) throw std::length_error("too many blocks");
    }
    first.push_back(static_cast<int32_t>(total));
    return first;
}

// What is copied to the device, and what kernels write.
struct Layout {
    std::vector<Lines> matrices;  // that have elements
    std::vector<int32_t> sums, tiles;
    LinesView* views;
    int32_t *first_sum, *first_tile;
    size_t image_size;
    std::vector<LinesView> host;
    size_t size;

    Layout(const std::vector<Lines>& all, void* workspace, size_t room) {
        for (const Lines& m : all)
            if (has_elements(m)) matrices.push_back(m);
        sums = blocks_before(matrices, blocks_of_sums);
        tiles = blocks_before(matrices, tiles_of_lines);
        Arena arena(workspace, room);
        views = arena.take<LinesView>(static_cast<int64_t>(matrices.size()));
        first_sum = arena.take<int32_t>(static_cast<int64_t>(sums.size()));
        first_tile = arena.take<int32_t>(static_cast<int64_t>(tiles.size()));
        image_size = arena.used();
        for (const Lines& m : matrices) host.push_back(view_of(m, arena));
        size = arena.used();
    }

    // The image for a workspace at `base`.
    std::vector<char> image(const char* base) const {
        std::vector<char> bytes(image_size);
        const auto put = [&](const void* at, const auto& values) {
            std::memcpy(bytes.data() + (static_cast<const char*>(at) - base), values.data(),
                        values.size() * sizeof values[0]);
        };
        put(views, host);
        put(first_sum, sums);
        put(first_tile, tiles);
        return bytes;
    }

  private:
    static LinesView view_of(const Lines& m, Arena& arena) {
        const steepest_normalized& n = *m.item;
        const bool is_shared = n.kind == STEEPEST_WHOLE_NORM || n.moments;
        const int64_t trees = n.moments ? 2 : is_shared ? 1 : 0;
        // Copies of single sums have room too, where nothing is folded.
        const int64_t leaves = trees ? trees * tree_nodes(m.lines) : m.lines;
        const int64_t lines = has_norms(m) ? m.lines : 0;
        return {.data = m.data,
                .result = m.result,
                .lines = m.lines,
                .length = m.length,
                .line_stride = m.line_stride,
                .stride = m.stride,
                .result_line_stride = m.result_line_stride,
                .result_stride = m.result_stride,
                .scale = n.scale,
                .eps = n.eps,
                .beta2 = n.beta2,
                .moments = n.moments,
                .power = arena.take<double>(lines),
                .value = arena.take<double>(lines),
                .tree = arena.take<double>(lines ? leaves : 0),
                .dtype = static_cast<int32_t>(m.dtype),
                .kind = n.kind,
                .has_double_moments = n.moments_dtype == STEEPEST_F64,
                .has_norms = has_norms(m),
                .is_shared = is_shared,
                .is_abreast = m.side_by_side()};
    }
};

void run(const Layout& layout, Backend& backend) {
    const LinesRuns& runs = backend.lines_runs();
    const auto count = static_cast<int32_t>(layout.matrices.size());
    LinesPass pass{layout.views, layout.first_sum, count, false};
    if (layout.sums.back() > 0) {
        runs.sums(pass, layout.sums.back(), backend.stream());
        bool may_need_powers = false;
        for (const LinesView& v : layout.host)
            may_need_powers = may_need_powers || (v.is_shared && has_doubles(v));
        if (may_need_powers) {
            runs.powers(pass, count, backend.stream());
            pass.again = true;
            runs.sums(pass, layout.sums.back(), backend.stream());
        }
        runs.factors(pass, count, backend.stream());
    }
    pass.first = layout.first_tile;
    runs.write(pass, layout.tiles.back(), backend.stream());
}

}  // namespace

size_t normalize_size(const std::vector<Lines>& all) { return Layout(all, nullptr, 0).size; }

steepest_status normalize(const std::vector<Lines>& all, void* workspace, size_t size,
                          Backend& backend) {
    const Layout layout(all, workspace, size);
    if (!workspace || layout.size > size) return STEEPEST_WORKSPACE_TOO_SMALL;
    if (layout.matrices.empty()) return STEEPEST_OK;
    const auto image = layout.image(static_cast<const char*>(workspace));
    backend.upload(workspace, image.data(), image.size());
    run(layout, backend);
    return STEEPEST_OK;
}

}  // namespace steepest::device
