#include "polar/device/driver.h"

#include <algorithm>

#include "polar/device/elements.h"
#include "polar/device/engine.h"
#include "polar/device/half_onchip.h"

namespace steepest::device {
namespace {

using polar::Group;
using polar::Iteration;
using polar::Program;
using polar::Type;
using DeviceBuffers = polar::Buffers<DeviceEngine>;

// What a group needs: descriptors of all its matrices, and the rest for `count` of them.
struct Layout {
    PolarView* views;
    PolarScale* scales;
    DeviceBuffers buffers;
    NormSums* partial;

    Layout(const Group& g, const Program& p, int64_t count, Arena& arena)
        : views(arena.take<PolarView>(static_cast<int64_t>(g.views.size()))),
          scales(arena.take<PolarScale>(count)),
          buffers(g.problem(count), p.type, arena),
          partial(arena.take<NormSums>(count * tiles_of(buffers.x))) {}
};

// Whether shared memory holds a matrix through all its steps.
bool fits_on_chip(const Group& g, const Program& p, const Backend& backend) {
    const bool by_products =
        p.normalization == STEEPEST_AOL || p.normalization == STEEPEST_SCHATTEN4;
    const int64_t most = p.type == Type::f64 ? 0 : kMostOnChip;
    const int bytes = is_half(p.type) ? half_on_chip_bytes(g.cols) : on_chip_bytes(g.cols);
    return g.method == STEEPEST_POLAR_STANDARD && !by_products && g.cols <= most &&
           bytes <= backend.shared_bytes();
}

// What such a group needs.
struct OnChipLayout {
    PolarView* views;
    float* coefficients;

    OnChipLayout(const Group& g, const Program& p, Arena& arena)
        : views(arena.take<PolarView>(static_cast<int64_t>(g.views.size()))),
          coefficients(arena.take<float>(3 * p.steps)) {}
};

size_t bytes_of(const Group& g, const Program& p, int64_t count, const Backend& backend) {
    Arena measured(nullptr, 0);
    if (fits_on_chip(g, p, backend)) {
        const OnChipLayout layout(g, p, measured);
        return measured.used();
    }
    const Layout layout(g, p, count, measured);
    return measured.used();
}

// As many matrices of a group as have room in `size` bytes, at least one.
int64_t matrices_in(size_t size, const Group& g, const Program& p, const Backend& backend) {
    int64_t fit = 1, more = static_cast<int64_t>(g.views.size()) + 1;
    while (more - fit > 1) {
        const int64_t middle = fit + (more - fit) / 2;
        (bytes_of(g, p, middle, backend) <= size ? fit : more) = middle;
    }
    return fit;
}

PolarView view_of(const Group& g, size_t i, bool bounded) {
    const polar::View& v = g.views[i];
    const polar::Norm given = bounded ? polar::split_power(g.bounds[i]) : polar::Norm{};
    return {.data = v.data,
            .result = v.result,
            .row_stride = v.row_stride,
            .col_stride = v.col_stride,
            .result_row_stride = v.result_row_stride,
            .result_col_stride = v.result_col_stride,
            .given = given.scaled,
            .given_power = given.power,
            .dtype = static_cast<int32_t>(v.dtype)};
}

void upload_views(const Group& g, bool bounded, Arena arena, Backend& backend) {
    std::vector<PolarView> views;
    for (size_t i = 0; i < g.views.size(); ++i) views.push_back(view_of(g, i, bounded));
    // Where every layout of the group has them.
    auto* to = arena.take<PolarView>(static_cast<int64_t>(views.size()));
    backend.upload(to, views.data(), views.size() * sizeof(PolarView));
}

// `count` matrices from `begin` on.
void run_part(const Group& g, const Program& p, int64_t begin, int64_t count, Arena arena,
              DeviceEngine& engine) {
    Layout layout(g, p, count, arena);
    PolarPass pass{};
    pass.views = layout.views + begin;
    pass.scales = layout.scales;
    pass.partial = layout.partial;
    pass.to = layout.buffers.x;
    pass.value = p.safety;
    pass.is_set = p.normalization == STEEPEST_BOUND;
    engine.load(pass);
    const polar::Problem problem = g.problem(count);
    Iteration<DeviceEngine>(problem, p, layout.buffers, engine).run();
    pass.from = layout.buffers.x;
    engine.store(pass);
}

// All matrices by one launch.
void run_on_chip(const Group& g, const Program& p, Arena arena, Backend& backend) {
    const OnChipLayout layout(g, p, arena);
    const std::vector<float> coefficients(p.coefficients, p.coefficients + 3 * p.steps);
    if (p.steps > 0)
        backend.upload(layout.coefficients, coefficients.data(),
                       coefficients.size() * sizeof(float));
    DeviceEngine(backend).run_on_chip({.views = layout.views,
                                       .coefficients = layout.coefficients,
                                       .safety = p.safety,
                                       .rows = static_cast<int32_t>(g.rows),
                                       .cols = static_cast<int32_t>(g.cols),
                                       .steps = p.steps,
                                       .bounded = p.normalization == STEEPEST_BOUND},
                                      p.type, static_cast<int64_t>(g.views.size()));
}

void run_group(const Group& g, const Program& p, void* workspace, size_t size, Backend& backend) {
    const Arena arena(workspace, size);
    upload_views(g, p.normalization == STEEPEST_BOUND, arena, backend);
    if (fits_on_chip(g, p, backend)) return run_on_chip(g, p, arena, backend);
    DeviceEngine engine(backend);
    const auto count = static_cast<int64_t>(g.views.size());
    const int64_t together = matrices_in(size, g, p, backend);
    for (int64_t begin = 0; begin < count; begin += together)
        run_part(g, p, begin, std::min(together, count - begin), arena, engine);
}

}  // namespace

size_t orthogonalize_size(const std::vector<Group>& groups, const Program& program,
                          const Backend& backend) {
    size_t size = 0;
    for (const Group& g : groups) {
        const int64_t together = matrices_in(kMostBytes, g, program, backend);
        size = std::max(size, bytes_of(g, program, together, backend));
    }
    return size;
}

steepest_status orthogonalize(const std::vector<Group>& groups, const Program& program,
                              void* workspace, size_t size, Backend& backend) {
    for (const Group& g : groups)
        if (!workspace || size < bytes_of(g, program, 1, backend))
            return STEEPEST_WORKSPACE_TOO_SMALL;
    for (const Group& g : groups) run_group(g, program, workspace, size, backend);
    return STEEPEST_OK;
}

}  // namespace steepest::device
