#include "curvature/device/driver.h"

#include "curvature/device/image.h"

namespace steepest::device {
namespace {

const ProbeRuns& runs_of(const ProbeImage::Batch& b, const steepest_probe_args& args,
                         const Backend& backend) {
    return backend.probe_runs(args.distribution, b.is_f64);
}

void run_items(ProbeRun run, ProbePass& pass, const char* first, int64_t items, Backend& backend) {
    pass.first = reinterpret_cast<const int32_t*>(first);
    if (items > 0) run(pass, items, backend.stream());
}

// An image is never empty.
bool has_room(const steepest_probe_args& args, const ProbeImage& image) {
    return args.workspace && args.workspace_size >= image.size();
}

// The results of tensors without elements.
void upload_zeros(const steepest_probe_args& args, const ProbeImage& image, Backend& backend) {
    const auto count = static_cast<size_t>(args.tensor_count);
    const std::unique_ptr<double[]> zeros(new double[count + 1]());
    if (args.sums && image.tensors() < args.tensor_count)
        backend.upload(args.sums, zeros.get(), count * sizeof(double));
    if (args.total_at && image.tensors() == 0)
        backend.upload(args.total_at, zeros.get(), sizeof(double));
}

}  // namespace

steepest_status probe_size(const steepest_probe_args& args, size_t* size) {
    *size = ProbeImage(args).size();
    return STEEPEST_OK;
}

steepest_status probe_fill(const steepest_probe_args& args, Backend& backend) {
    const ProbeImage image(args);
    if (!has_room(args, image)) return STEEPEST_WORKSPACE_TOO_SMALL;
    if (image.tensors() == 0) return STEEPEST_OK;
    char* base = static_cast<char*>(args.workspace);
    backend.upload(base, image.filled(base).get(), image.list_size());
    for (const auto& b : image.batches()) {
        ProbePass pass = image.pass(b, args, base);
        run_items(runs_of(b, args, backend).fill, pass, base + b.first_block, b.blocks, backend);
    }
    return STEEPEST_OK;
}

steepest_status probe_accumulate(const steepest_probe_args& args, Backend& backend) {
    const ProbeImage image(args);
    if (!has_room(args, image)) return STEEPEST_WORKSPACE_TOO_SMALL;
    upload_zeros(args, image, backend);
    if (image.tensors() == 0) return STEEPEST_OK;
    char* base = static_cast<char*>(args.workspace);
    backend.upload(base, image.filled(base).get(), image.image_size());
    for (const auto& b : image.batches()) {
        const ProbeRuns& runs = runs_of(b, args, backend);
        ProbePass pass = image.pass(b, args, base);
        run_items(runs.accumulate, pass, base + b.first_block, b.blocks, backend);
        run_items(runs.groups, pass, base + b.first_group, b.group_chunks, backend);
    }
    return STEEPEST_OK;
}

}  // namespace steepest::device
