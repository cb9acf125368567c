#include "curvature/device/rank_one_driver.h"

#include "core/image.h"
#include "curvature/device/rank_one_kernels.h"

namespace steepest::device {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Lays the call out in the arena; only measures where that holds no memory.
RankOnePass lay_out(const steepest_mkor_args& args, Arena& arena) {
    RankOnePass pass{};
    pass.n = args.n;
    pass.blocks = divide_up(args.n, kBlock);
    pass.state = arena.take<RankOneState>(1);
    pass.partial = arena.take<double>(pass.n * pass.blocks);
    pass.image = arena.take<double>(pass.n);
    pass.dots = arena.take<double>(pass.blocks);
    pass.term = arena.take<double>(pass.n);
    pass.matrix = args.inverse;
    pass.vector = args.vector;
    pass.results = args.results_at;
    pass.decay = args.decay;
    pass.threshold = args.threshold;
    pass.zeta = args.zeta;
    pass.known = args.largest;
    pass.variant = args.variant;
    pass.stabilizer = args.stabilizer;
    pass.is_f64 = args.dtype == STEEPEST_F64;
    pass.has_known = args.has_largest != 0;
    return pass;
}

void run(GridRun<RankOnePass> kernel, const RankOnePass& pass, int64_t blocks,
         const Backend& backend) {
    if (blocks > 0) kernel(pass, Image::to_int32(blocks), backend.stream());
}

}  // namespace

steepest_status mkor_size(const steepest_mkor_args& args, size_t* size) {
    Arena arena(nullptr, 0);
    lay_out(args, arena);
    *size = arena.used();
    return STEEPEST_OK;
}

steepest_status mkor_update(const steepest_mkor_args& args, Backend& backend) {
    Arena arena(args.workspace, args.workspace_size);
    const RankOnePass pass = lay_out(args, arena);
    if (!arena.fits()) return STEEPEST_WORKSPACE_TOO_SMALL;
    const RankOneState zeros{};
    const RankOneRuns& runs = backend.rank_one_runs();
    const int64_t n = pass.n, each = divide_up(n, kThreads);
    Image::to_int32(n * WriteInverse::runs(n));  // the most blocks of a launch, before the first
    backend.upload(pass.state, &zeros, sizeof zeros);
    if (!pass.has_known && pass.stabilizer != STEEPEST_MKOR_NONE)
        run(runs.largest, pass, divide_up(n * n, kThreads * FindLargest::kEach), backend);
    run(runs.decide, pass, 1, backend);
    run(runs.multiply, pass, divide_up(n * pass.blocks, kWarps), backend);
    run(runs.combine, pass, each, backend);
    run(runs.dot, pass, divide_up(pass.blocks, kWarps), backend);
    run(runs.term, pass, each, backend);
    run(runs.write, pass, n * WriteInverse::runs(n), backend);
    run(runs.results, pass, 1, backend);
    return STEEPEST_OK;
}

}  // namespace steepest::device
