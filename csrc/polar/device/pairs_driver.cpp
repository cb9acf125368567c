#include "polar/device/pairs_driver.h"

#include <vector>

#include "core/image.h"
#include "polar/device/pairs_kernels.h"

namespace steepest::device {
namespace {

int64_t tiles_of_all(const PairPass& pass) { return tiles_of(pass.shape) * pass.shape.count; }

// Lays the call out in the arena; only measures where that holds no memory.
PairPass lay_out(const steepest_combine_args& args, steepest_combination*& items, Arena& arena) {
    PairPass pass{};
    pass.shape.count = args.count;
    pass.shape.matrix.rows = args.rows;
    pass.shape.matrix.cols = args.cols;
    pass.items = items = arena.take<steepest_combination>(args.count);
    pass.partial = arena.take<steepest_comparison>(args.found ? tiles_of_all(pass) : 0);
    pass.x = args.x;
    pass.y = args.y;
    pass.out = args.out;
    pass.found = args.found;
    return pass;
}

const steepest_combination& item_at(const steepest_combine_args& args, int64_t i) {
    return *reinterpret_cast<const steepest_combination*>(
        reinterpret_cast<const char*>(args.items) + static_cast<size_t>(i) * args.item_size);
}

// False where there is too little memory.
bool begin(const steepest_combine_args& args, Backend& backend, PairPass& pass) {
    Arena arena(args.workspace, args.workspace_size);
    steepest_combination* there = nullptr;
    pass = lay_out(args, there, arena);
    if (!arena.fits()) return false;
    std::vector<steepest_combination> items;
    items.reserve(static_cast<size_t>(args.count));
    for (int64_t i = 0; i < args.count; ++i) items.push_back(item_at(args, i));
    backend.upload(there, items.data(), items.size() * sizeof(steepest_combination));
    return true;
}

void run(GridRun<PairPass> kernel, const PairPass& pass, int64_t blocks, const Backend& backend) {
    if (blocks > 0) kernel(pass, Image::to_int32(blocks), backend.stream());
}

}  // namespace

size_t pairs_size(const steepest_combine_args& args) {
    Arena measured(nullptr, 0);
    steepest_combination* items = nullptr;
    lay_out(args, items, measured);
    return measured.used();
}

steepest_status combine(const steepest_combine_args& args, Backend& backend) {
    PairPass pass;
    if (!begin(args, backend, pass)) return STEEPEST_WORKSPACE_TOO_SMALL;
    run(backend.pair_runs().combine, pass, tiles_of_all(pass), backend);
    return STEEPEST_OK;
}

steepest_status compare(const steepest_combine_args& args, Backend& backend) {
    PairPass pass;
    if (!begin(args, backend, pass)) return STEEPEST_WORKSPACE_TOO_SMALL;
    run(backend.pair_runs().compare, pass, tiles_of_all(pass), backend);
    run(backend.pair_runs().fold, pass, args.count, backend);
    return STEEPEST_OK;
}

}  // namespace steepest::device
