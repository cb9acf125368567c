#include "steps/device/driver.h"

#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>

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
        // Clip coefficients are known on the device only, and multiplied in there.
        prepare_jobs(args, call);
    }

    // Gradients whose norm is wanted.
    explicit HostCall(const steepest_norm_args& args) {
        const auto n = static_cast<size_t>(args.count);
        memory_.reset(new (std::align_val_t{Arena::kAlignment}) char[n * sizeof(Job) + 1]);
        call = {.jobs = reinterpret_cast<Job*>(memory_.get()),
                .count = args.count,
                .needs_norm = true,
                .norms = nullptr,
                .norm_partial = nullptr,
                .norm_sum = nullptr,
                .pass_scratch = nullptr,
                .small_scratch = 0};
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

// Two kinds of work in one launch, as kernels do them that have `split` blocks for the first.
void run_both(Run run, const Batch::Items& first, int64_t split, const Batch::Items& second,
              const Image& image, char* base, Pass& pass, Backend& backend) {
    const int64_t blocks = split + second.total;
    if (blocks > std::numeric_limits<int32_t>::max())
        throw std::length_error("too many work items");
    pass.first = image.first(first, base);
    pass.second = image.first(second, base);
    pass.split = static_cast<int32_t>(split);
    if (blocks > 0) run(pass, blocks, backend.stream());
}

int64_t blocks_of_warps(const Batch::Items& items) { return (items.total + kWarps - 1) / kWarps; }

// Constants that need no sums.
void set_constants(const Batch& b, const Image& image, char* base, Pass& pass, Backend& backend) {
    if (!b.on_device) return image.use_host_constants(b, base, pass);
    Pass prepare = pass;
    prepare.inputs = pass.inputs + b.first_setting;
    prepare.computed = pass.computed + b.first_setting;
    prepare.count = b.settings;
    backend.runs(b.rule, b.is_f64).prepare(prepare, b.settings, backend.stream());
    image.use_computed_constants(base, pass);
}

// Averages, sums and step of one batch.
void run_batch(const Batch& b, const Image& image, char* base, Pass& pass, Backend& backend) {
    const RuleRuns& runs = backend.runs(b.rule, b.is_f64);
    set_constants(b, image, base, pass, backend);
    const auto go = [&](Run run, const Batch::Items& items) {
        run_items(run, items, image, base, pass, backend);
    };
    const auto both = [&](Run run, const Batch::Items& first, int64_t split,
                          const Batch::Items& second) {
        run_both(run, first, split, second, image, base, pass, backend);
    };
    const auto update_axes = [&] {
        both(runs.update_axes, b.line_chunks, b.line_chunks.total, b.position_chunks);
    };
    if (b.moves_axes)
        both(runs.axis_sums, b.line_parts, blocks_of_warps(b.line_parts), b.across_parts);
    if (b.has_averages) {
        update_axes();
        go(runs.scale_rows, b.matrices);
    }
    if (b.has_rows) {
        both(runs.row_sums, b.row_parts, blocks_of_warps(b.row_parts), b.row_parts_across);
        go(runs.fold_rows, b.row_leaves);
        image.use_computed_constants(base, pass);
        go(runs.row_values, b.row_chunks);
    } else if (b.has_sums) {
        go(runs.reduce, b.blocks);
        image.use_computed_constants(base, pass);
    }
    go(runs.apply[static_cast<int>(b.storage)], b.chunks);
    if (b.moves_axes && !b.has_averages) update_axes();  // the step has read the maxima before
}

// What a caller wants to know of the norms; null: not wanted.
struct NormResults {
    double* norms;
    double* total;
    int32_t* finite;
};

void run_norm(const steepest_step_args& args, const Image& image, char* base, Backend& backend) {
    Pass pass = image.norm_pass(base);
    pass.grad_scale_at = scalar(args.grad_scale_at);
    pass.norm.max_norm = args.max_grad_norm;
    pass.norm.max_tensor_norm = args.max_tensor_norm;
    pass.norm.grad_scale = args.grad_scale;
    pass.norm.skip_nonfinite = args.skip_nonfinite != 0;
    pass.norm.norms = args.tensor_norms;
    pass.norm.finite = args.finite;
    if (args.total_norm) pass.norm.total = args.total_norm;
    if (is_bound(args.max_tensor_norm)) pass.norm.clips = image.clips(base);
    if (image.norm_items() > 0) backend.run_squares(pass, image.norm_items());
}

// Where a norm of nothing goes, and those of tensors that are left alone.
void give_zeros(int64_t count, const Image& image, const NormResults& to, Backend& backend) {
    if (to.norms && image.tensors() < count) {
        const std::unique_ptr<char[]> zeros(new char[static_cast<size_t>(count) * 8]());
        backend.upload(to.norms, zeros.get(), static_cast<size_t>(count) * 8);
    }
    if (image.tensors() > 0) return;
    const double zero = 0;
    const int32_t one = 1;
    if (to.total) backend.upload(to.total, &zero, sizeof zero);
    if (to.finite) backend.upload(to.finite, &one, sizeof one);
}

// The norm that a step bounds or reports, and where the caller finds it.
void norm_first(steepest_step_args& args, const Call& call, const Image& image, char* base,
                Backend& backend) {
    args.skipped_at = nullptr;
    args.grad_norm_at = nullptr;
    if (!call.needs_norm) return;
    give_zeros(call.count, image, {args.tensor_norms, args.total_norm, args.finite}, backend);
    run_norm(args, image, base, backend);
    args.skipped_at = &image.results(base)->skipped;
    args.grad_norm_at = args.total_norm ? args.total_norm : &image.results(base)->total;
}

// The pass of a batch, with what is known of the norm by then.
Pass step_pass(const steepest_step_args& args, const Call& call, const Batch& b, const Image& image,
               char* base) {
    Pass pass = image.batch_pass(b, base, args.seed);
    pass.grad_scale_at = scalar(args.grad_scale_at);
    if (!call.needs_norm) return pass;
    pass.clips_each = is_bound(args.max_tensor_norm);
    pass.clip = pass.clips_each ? image.clips(base) : &image.results(base)->clip;
    pass.list_norm = args.grad_norm_at;
    pass.list_clip = &image.results(base)->clip;
    pass.skipped = args.skipped_at;
    return pass;
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
    norm_first(args, host.call, image, base, backend);
    for (const Batch& b : image.batches()) {
        Pass pass = step_pass(args, host.call, b, image, base);
        run_batch(b, image, base, pass, backend);
    }
    if (image.counters() > 0) {
        Pass pass = image.advance_pass(base);
        pass.skipped = args.skipped_at;
        backend.run_advance(pass, image.counters());
    }
    return STEEPEST_OK;
}

steepest_status list_sums_size(const steepest_step_args& args, Backend& backend, size_t* size) {
    const HostCall host(args);
    *size = Image(host.call, backend.multiprocessors(), SumsOf::list).size();
    return STEEPEST_OK;
}

steepest_status list_sums(steepest_step_args& args, int terms, double* sums, Backend& backend) {
    const HostCall host(args);
    const Image image(host.call, backend.multiprocessors(), SumsOf::list);
    if (args.workspace_size < image.size()) return STEEPEST_WORKSPACE_TOO_SMALL;
    char* base = static_cast<char*>(args.workspace);
    upload(image, filled(image, base).get(), base, nullptr, backend);
    const double zeros[kMaxTerms] = {};  // without tensors, or of a step that is skipped
    backend.upload(sums, zeros, static_cast<size_t>(terms) * sizeof(double));
    norm_first(args, host.call, image, base, backend);
    for (const Batch& b : image.batches()) {
        Pass pass = step_pass(args, host.call, b, image, base);
        pass.norm = image.list_sums(base, sums);
        set_constants(b, image, base, pass, backend);
        run_items(backend.runs(b.rule, b.is_f64).reduce, b.blocks, image, base, pass, backend);
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
    give_zeros(args.count, image, {args.norms, args.total, args.finite}, backend);
    if (image.tensors() == 0) return STEEPEST_OK;
    Pass pass = image.norm_pass(base);
    pass.norm.norms = args.norms;
    pass.norm.total = args.total;
    pass.norm.finite = args.finite;
    backend.run_squares(pass, image.norm_items());
    return STEEPEST_OK;
}

}  // namespace steepest::device
