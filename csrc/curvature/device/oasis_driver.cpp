#include "curvature/device/oasis_driver.h"

#include "core/image.h"
#include "curvature/device/oasis_kernels.h"
#include "curvature/oasis_args.h"

namespace steepest::device {
namespace {

static_assert(kOasisStreams == curvature::kOasisStreams);

OasisTensor describe(const steepest_oasis_tensor& from, const steepest_oasis_args& args) {
    OasisTensor t{};
    const auto arrays = curvature::arrays_of(from);
    for (size_t s = 0; s < kOasisStreams; ++s) {
        t.data[s] = arrays[s]->values;
        t.dtype[s] = static_cast<uint8_t>(arrays[s]->dtype);
    }
    t.count = from.count;
    t.options = curvature::options_of(from, args);
    t.is_f64 = from.param.dtype == STEEPEST_F64;
    return t;
}

// Descriptors, and room for the sums of blocks and tensors.
struct OasisImage {
    Image image;
    size_t tensors, first, of_blocks, of_tensors;
    int64_t blocks = 0;

    explicit OasisImage(const steepest_oasis_args& args) {
        std::vector<OasisTensor> list;
        std::vector<int64_t> counts;
        for (int64_t i = 0; i < args.tensor_count; ++i) {
            const steepest_oasis_tensor& t = curvature::tensor_at(args, i);
            list.push_back(describe(t, args));
            counts.push_back(curvature::blocks_of(t));
        }
        tensors = image.put(std::move(list));
        first = image.put_items(counts, blocks);
        of_blocks = image.room<double>(kOasisNorms * blocks);
        of_tensors = image.room<double>(kOasisNorms * args.tensor_count);
    }

    OasisPass pass(const steepest_oasis_args& args) const {
        char* base = static_cast<char*>(args.workspace);
        return {.tensors = reinterpret_cast<const OasisTensor*>(base + tensors),
                .first = reinterpret_cast<const int32_t*>(base + first),
                .of_blocks = reinterpret_cast<double*>(base + of_blocks),
                .of_tensors = reinterpret_cast<double*>(base + of_tensors),
                .results = args.results_at,
                .count = Image::to_int32(args.tensor_count),
                .blocks = Image::to_int32(blocks)};
    }
};

void run(GridRun<OasisPass> kernel, const OasisPass& pass, int64_t blocks, const Backend& backend) {
    if (blocks > 0) kernel(pass, blocks, backend.stream());
}

}  // namespace

steepest_status oasis_size(const steepest_oasis_args& args, size_t* size) {
    *size = OasisImage(args).image.size();
    return STEEPEST_OK;
}

steepest_status oasis_measure(const steepest_oasis_args& args, Backend& backend) {
    const OasisImage made(args);
    if (!args.workspace || args.workspace_size < made.image.size())
        return STEEPEST_WORKSPACE_TOO_SMALL;
    const OasisPass pass = made.pass(args);
    const OasisRuns& runs = backend.oasis_runs();
    backend.upload(args.workspace, made.image.filled().get(), made.image.copied());
    run(runs.blocks, pass, (made.blocks + kWarps - 1) / kWarps, backend);
    run(runs.tensors, pass, pass.count, backend);
    run(runs.norms, pass, 1, backend);
    return STEEPEST_OK;
}

}  // namespace steepest::device
