#include "steps/device/driver.h"

#include <cstring>
#include <memory>
#include <new>

#include "core/reduce.h"
#include "steps/device/image.h"

namespace steepest::device {
namespace {

// A call laid out in host memory of its own. The reduction scratch of the CPU driver is left out.
class HostCall {
  public:
    explicit HostCall(const steepest_step_args& args) {
        Arena measure(nullptr, 0);
        lay_out(args, measure, call, false);
        memory_.reset(new (std::align_val_t{Arena::kAlignment}) char[measure.used() + 1]());
        Arena arena(memory_.get(), measure.used());
        lay_out(args, arena, call, false);
        // The clip coefficient is known on the device only, and multiplied in there.
        prepare_jobs(args, call, 1);
    }

    // Gradients whose norm is wanted.
    explicit HostCall(const steepest_norm_args& args) {
        const auto n = static_cast<size_t>(args.count);
        memory_.reset(new (std::align_val_t{Arena::kAlignment}) char[n * sizeof(Job) + 1]);
        call = {.jobs = reinterpret_cast<Job*>(memory_.get()),
                .count = args.count,
                .needs_norm = true,
                .norm_partial = nullptr,
                .norm_sum = nullptr,
                .axis_scratch = nullptr};
        for (int64_t i = 0; i < args.count; ++i) {
            const steepest_array& a = args.arrays[i];
            Job& job = *new (call.jobs + i) Job{};
            job.count = a.data ? args.sizes[i] : 0;
            job.streams = 2;
            job.is_f64 = a.dtype == STEEPEST_F64;
            job.operand[0] = {.data = nullptr,
                              .dtype = job.is_f64 ? DType::f64 : DType::f32,
                              .rounding = Rounding::nearest,
                              .purpose = 0};
            job.operand[1] = job.operand[0];
            job.operand[1].data = a.data;
            job.operand[1].dtype = static_cast<DType>(a.dtype);
        }
    }

    Call call;

  private:
    struct Free {
        void operator()(char* p) const {
            operator delete[](p, std::align_val_t{Arena::kAlignment});
        }
    };
    std::unique_ptr<char[], Free> memory_;
};

// What the workspace holds, as the caller's mirror remembers it.
struct Mirror {
    uint64_t is_valid;
    uint64_t was_captured;  // replays overwrite the workspace at times unknown
    void* workspace;
    uint64_t static_size, image_size;

    char* image() { return reinterpret_cast<char*>(this) + kHead; }
    static constexpr size_t kHead = 64;
};
static_assert(sizeof(Mirror) <= Mirror::kHead);

size_t mirror_size(const Image& image) { return Mirror::kHead + image.image_size(); }

// Copies the parts of the image that the workspace does not hold already.
void upload(const Image& image, const char* host, char* base, Mirror* mirror, Backend& backend) {
    const size_t sizes[2] = {image.static_size(), image.image_size()};
    const bool known = mirror && mirror->is_valid && !mirror->was_captured &&
                       mirror->workspace == base && mirror->static_size == sizes[0] &&
                       mirror->image_size == sizes[1] && backend.is_immediate();
    if (mirror) mirror->is_valid = 0;  // until all of it has been enqueued
    size_t begin = 0;
    for (const size_t end : sizes) {
        if (end > begin &&
            !(known && std::memcmp(mirror->image() + begin, host + begin, end - begin) == 0))
            backend.upload(base + begin, host + begin, end - begin);
        begin = end;
    }
    if (!mirror) return;
    if (!backend.is_immediate()) mirror->was_captured = 1;
    mirror->is_valid = 1;
    mirror->workspace = base;
    mirror->static_size = sizes[0];
    mirror->image_size = sizes[1];
    std::memcpy(mirror->image(), host, sizes[1]);
}

std::unique_ptr<char[]> filled(const Image& image, char* base) {
    auto host = std::make_unique_for_overwrite<char[]>(image.image_size() + 1);
    image.fill(host.get(), base);
    return host;
}

Scalar scalar(const steepest_array& a) { return {a.data, a.dtype == STEEPEST_F64}; }

void run_items(Run run, const Batch::Items& items, const Image& image, char* base, Pass& pass,
               Backend& backend) {
    pass.first = image.first(items, base);
    if (items.total > 0) run(pass, items.total, backend.stream());
}

// Averages, sums and step of one batch.
void run_batch(const Batch& b, const Image& image, char* base, Pass& pass, Backend& backend) {
    const RuleRuns& runs = backend.runs(b.rule, b.is_f64);
    if (b.on_device) {
        Pass prepare = pass;
        prepare.inputs = pass.inputs + b.first_setting;
        prepare.computed = pass.computed + b.first_setting;
        prepare.count = b.settings;
        runs.prepare(prepare, b.settings, backend.stream());
        image.use_computed_constants(base, pass);
    } else {
        image.use_host_constants(b, base, pass);
    }
    const auto go = [&](Run run, const Batch::Items& items) {
        run_items(run, items, image, base, pass, backend);
    };
    if (b.has_averages) {
        go(runs.line_sums, b.line_parts);
        go(runs.across_sums, b.across_parts);
        go(runs.update_lines, b.line_chunks);
        go(runs.update_across, b.position_chunks);
        go(runs.scale_rows, b.matrices);
    }
    if (b.has_sums) {
        go(runs.reduce, b.blocks);
        image.use_computed_constants(base, pass);
    }
    go(runs.apply[static_cast<int>(b.storage)], b.chunks);
}

void run_norm(const steepest_step_args& args, const Image& image, char* base, Backend& backend) {
    Pass pass = image.norm_pass(base);
    pass.grad_scale_at = scalar(args.grad_scale_at);
    pass.norm.max_norm = args.max_grad_norm;
    pass.norm.grad_scale = args.grad_scale;
    pass.norm.skip_nonfinite = args.skip_nonfinite != 0;
    if (image.norm_items() > 0) backend.run_squares(pass, image.norm_items());
}

}  // namespace

steepest_status step_sizes(const steepest_step_args& args, Backend& backend, size_t* workspace,
                           size_t* mirror) {
    const HostCall host(args);
    const Image image(host.call, backend.multiprocessors());
    if (workspace) *workspace = image.size();
    if (mirror) *mirror = mirror_size(image);
    return STEEPEST_OK;
}

steepest_status step(steepest_step_args& args, Backend& backend) {
    const HostCall host(args);
    const Image image(host.call, backend.multiprocessors());
    auto* mirror = static_cast<Mirror*>(args.mirror);
    if (args.workspace_size < image.size() || (mirror && args.mirror_size < mirror_size(image)))
        return STEEPEST_WORKSPACE_TOO_SMALL;
    char* base = static_cast<char*>(args.workspace);
    upload(image, filled(image, base).get(), base, mirror, backend);
    const bool needs_norm = host.call.needs_norm;
    if (needs_norm) run_norm(args, image, base, backend);
    args.skipped_at = needs_norm ? &image.results(base)->skipped : nullptr;
    args.grad_norm_at = needs_norm ? &image.results(base)->total : nullptr;
    for (const Batch& b : image.batches()) {
        Pass pass = image.batch_pass(b, base, args.seed);
        pass.grad_scale_at = scalar(args.grad_scale_at);
        if (needs_norm) pass.clip = &image.results(base)->clip;
        if (needs_norm) pass.skipped = args.skipped_at;
        run_batch(b, image, base, pass, backend);
    }
    if (image.counters() > 0) {
        Pass pass = image.advance_pass(base);
        pass.skipped = args.skipped_at;
        backend.run_advance(pass, image.counters());
    }
    return STEEPEST_OK;
}

steepest_status grad_norm_size(const steepest_norm_args& args, Backend& backend, size_t* size) {
    const HostCall host(args);
    *size = Image(host.call, backend.multiprocessors()).size();
    return STEEPEST_OK;
}

steepest_status grad_norm(const steepest_norm_args& args, Backend& backend) {
    const HostCall host(args);
    const Image image(host.call, backend.multiprocessors());
    if (args.workspace_size < image.size()) return STEEPEST_WORKSPACE_TOO_SMALL;
    char* base = static_cast<char*>(args.workspace);
    upload(image, filled(image, base).get(), base, nullptr, backend);
    if (image.tensors() < args.count) {  // the others have the norm 0
        const std::unique_ptr<char[]> zeros(new char[static_cast<size_t>(args.count) * 8]());
        backend.upload(args.norms, zeros.get(), static_cast<size_t>(args.count) * 8);
    }
    if (image.tensors() == 0) {
        const double zero = 0;
        const int32_t one = 1;
        backend.upload(args.total, &zero, sizeof zero);
        backend.upload(args.finite, &one, sizeof one);
        return STEEPEST_OK;
    }
    Pass pass = image.norm_pass(base);
    pass.norm.norms = args.norms;
    pass.norm.total = args.total;
    pass.norm.finite = args.finite;
    backend.run_squares(pass, image.norm_items());
    return STEEPEST_OK;
}

}  // namespace steepest::device
