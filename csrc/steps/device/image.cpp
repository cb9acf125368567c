#include "steps/device/image.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "core/reduce.h"
#include "steps/row_parts.h"

namespace steepest::device {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// 1 / n over 2^64.
uint64_t inverse_of(int64_t n) { return ~uint64_t{0} / static_cast<uint64_t>(n); }

DType plain_type(const Job& job) { return job.is_f64 ? DType::f64 : DType::f32; }

RowParts parts_of(const Job& job) {
    return {job.geometry.rows, job.geometry.cols, job.geometry.column_major};
}

// Of the tree over so many leaves.
int64_t inner_nodes(int64_t leaves) { return tree_nodes(leaves) - leaves; }

bool is_on_device(const Job& job) {
    return job.tensor && (job.tensor->step_at || job.tensor->lr_at.data);
}

// Position of an address in its group of aligned elements.
int phase_of(const Operand& o) {
    return static_cast<int>(reinterpret_cast<uintptr_t>(o.data) /
                            static_cast<uintptr_t>(size_of(o.dtype)) % kGroup);
}

uint8_t random_bits(const Job& job) {
    unsigned bits = 0;
    const auto add = [&](const Operand& o, int bit) {
        const bool half = o.dtype == DType::bf16 || o.dtype == DType::f16;
        if (o.data && half && o.rounding == Rounding::stochastic) bits |= 1U << bit;
    };
    for (int s = 0; s < job.arrays(); ++s)
        if (job.is_written(s)) add(job.operand[s], s);
    add(job.copy, kMaxStreams);
    return static_cast<uint8_t>(bits);
}

Storage storage_of(const Job& job) {
    if (random_bits(job)) return Storage::random;
    if (job.copy.data) return Storage::coded;
    for (int s = 0; s < job.streams; ++s)
        if (job.is_read_as_stored(s) && job.operand[s].data &&
            job.operand[s].dtype != plain_type(job))
            return Storage::coded;
    return Storage::plain;
}

// What tensors of one launch have in common.
int64_t launch_key(const Job& job) {
    return (static_cast<int64_t>(job.rule_id) * 2 + job.is_f64) * 3 +
           static_cast<int>(storage_of(job));
}

// Elements before the first that is aligned in every stream, or kStrided where none is.
uint8_t head_of(const Job& job, uint8_t random) {
    const int phase = phase_of(job.operand[0]);
    bool equal = true;
    for (int s = 1; s < job.streams; ++s)
        if (job.kind(s) == Kind::element && job.operand[s].data && !job.is_only_summed(s))
            equal = equal && phase_of(job.operand[s]) == phase;
    if (job.copy.data) equal = equal && phase_of(job.copy) == phase;
    // Groups that are rounded randomly begin at multiples of their length.
    if (!equal || (phase != 0 && random)) return kStrided;
    return static_cast<uint8_t>((kGroup - phase) % kGroup);
}

// Long enough that descriptors and constants cost nothing, short enough that every multiprocessor
// has several and the last ones do not keep the others waiting.
int32_t chunk_for(int64_t total, int multiprocessors) {
    constexpr int64_t kLongest = 32768;
    const int64_t wanted = total / (int64_t{16} * multiprocessors);
    if (wanted <= kSpan) return wanted <= kSpan / 2 ? kSpan / 2 : kSpan;
    return static_cast<int32_t>(std::min(kLongest, wanted / kSpan * kSpan));
}

int32_t to_int32(int64_t n) {
    if (n > std::numeric_limits<int32_t>::max()) throw std::length_error("too many work items");
    return static_cast<int32_t>(n);
}

}  // namespace

Image::Image(const Call& call, int multiprocessors, SumsOf sums)
    : call_(call), multiprocessors_(multiprocessors), sums_(sums) {
    sort();
    shares_rate_ = share_a_rate();
    lay_out_static();
    lay_out_dynamic();
    lay_out_scratch();
}

template <class T>
size_t Image::take(int64_t n) {
    const size_t at = used_;
    used_ += (static_cast<size_t>(n) * sizeof(T) + Arena::kAlignment - 1) / Arena::kAlignment *
             Arena::kAlignment;
    return at;
}

// Orders the jobs that take part by launch, and numbers their settings so that those of a launch
// follow each other.
void Image::sort() {
    for (int64_t j = 0; j < call_.count; ++j)
        if (call_.jobs[j].count > 0) order_.push_back(j);
    std::stable_sort(order_.begin(), order_.end(), [&](int64_t a, int64_t b) {
        return launch_key(call_.jobs[a]) < launch_key(call_.jobs[b]);
    });
    const Settings* last = nullptr;
    for (int32_t i = 0; i < tensors(); ++i) {
        const Job& j = job(i);
        const bool opens = i == 0 || launch_key(j) != launch_key(job(i - 1));
        if (opens) {
            const auto settled = static_cast<int32_t>(settled_by_.size());
            batches_.push_back({.rule = j.rule_id,
                                .is_f64 = j.is_f64,
                                .storage = storage_of(j),
                                .has_sums = has_sums(j),
                                .has_axes = j.has_axes(),
                                .has_averages = j.has_averages(),
                                .has_rows = j.has_rows(),
                                .moves_axes = j.moves_axes(),
                                .on_device = false,
                                .begin = i,
                                .count = 0,
                                .first_setting = settled,
                                .settings = 0,
                                .chunk = 0});
        }
        Batch& b = batches_.back();
        ++b.count;
        b.on_device = b.on_device || is_on_device(j);
        if (opens || j.settings != last) {
            settled_by_.push_back(i);
            ++b.settings;
        }
        last = j.settings;
        setting_.push_back(static_cast<int32_t>(settled_by_.size()) - 1);
        int64_t* counter = j.tensor ? j.tensor->step_at : nullptr;
        if (counter && std::find(counters_.begin(), counters_.end(), counter) == counters_.end())
            counters_.push_back(counter);
    }
}

template <class Count>
Batch::Items Image::take_items(int32_t begin, int32_t count, Count&& items_of) {
    std::vector<int32_t> first;
    int64_t total = 0;
    for (int32_t i = begin; i < begin + count; ++i) {
        first.push_back(to_int32(total));
        total += items_of(i);
    }
    first.push_back(to_int32(total));
    const Batch::Items items{take<int32_t>(count + 1), total};
    items_.emplace_back(items.first, std::move(first));
    return items;
}

void Image::lay_out_items(Batch& b) {
    int64_t total = 0;
    for (int32_t i = b.begin; i < b.begin + b.count; ++i) total += job(i).count;
    b.chunk = chunk_for(total, multiprocessors_);
    b.chunks =
        take_items(b.begin, b.count, [&](int32_t i) { return divide_up(job(i).count, b.chunk); });
    if (b.has_rows) lay_out_row_items(b);
    if (b.has_sums && !b.has_rows)
        b.blocks = take_items(b.begin, b.count, [&](int32_t i) { return job(i).blocks(); });
    if (!b.moves_axes) return;
    const auto list = [&](auto items_of) {
        return take_items(b.begin, b.count, [&, items_of](int32_t i) {
            const Geometry& g = job(i).geometry;
            return items_of(g, job(i).count / g.size());
        });
    };
    b.line_parts = list([](const Geometry& g, int64_t batch) {
        return batch * g.outer() * divide_up(g.inner(), kBlock);
    });
    b.across_parts = list([](const Geometry& g, int64_t batch) {
        return batch * divide_up(g.outer(), kLines) * divide_up(g.inner(), kThreads);
    });
    b.line_chunks = list(
        [](const Geometry& g, int64_t batch) { return divide_up(batch * g.outer(), kThreads); });
    b.position_chunks = list(
        [](const Geometry& g, int64_t batch) { return divide_up(batch * g.inner(), kThreads); });
    b.matrices = list([](const Geometry&, int64_t batch) { return batch; });
}

// A tensor has work in one of two kernels for the sums of its rows, by its memory order.
void Image::lay_out_row_items(Batch& b) {
    const auto list = [&](auto items_of) {
        return take_items(b.begin, b.count,
                          [&, items_of](int32_t i) { return items_of(parts_of(job(i))); });
    };
    b.row_parts = list([](const RowParts& p) { return p.column_major ? 0 : p.size(); });
    b.row_parts_across = list([](const RowParts& p) {
        return p.column_major ? divide_up(p.rows, kThreads) * p.blocks : 0;
    });
    b.row_leaves = list([](const RowParts& p) { return divide_up(p.rows, kFanOut); });
    b.row_chunks = list([](const RowParts& p) { return divide_up(p.rows, kThreads); });
}

void Image::lay_out_static() {
    tensors_ = take<Tensor>(tensors());
    bool axes = false;
    for (Batch& b : batches_) {
        lay_out_items(b);
        axes = axes || b.has_axes;
    }
    axes_ = take<Axes>(axes ? tensors() : 0);
    place_.resize(static_cast<size_t>(tensors()));
    for (int32_t i = 0; i < tensors(); ++i) {
        const Job& j = job(i);
        int64_t nodes = 0;
        if (call_.needs_norm || sums_elements(j)) nodes = inner_nodes(j.blocks());
        if (j.has_rows()) nodes = std::max(nodes, inner_nodes(divide_up(j.geometry.rows, kFanOut)));
        place_[static_cast<size_t>(i)].arrived = take<uint32_t>(nodes);
    }
    results_ = take<Results>(1);
    counter_list_ = take<int64_t*>(counters());
    if (call_.needs_norm) {
        norm_items_ = take_items(0, tensors(), [&](int32_t i) { return job(i).blocks(); });
        norm_sum_ = take<double>(2 * tree_nodes(call_.count));
        norm_arrived_ = take<uint32_t>(1);
    }
    if (sums_ == SumsOf::list && tensors() > 0) {
        list_sum_ = take<double>(job(0).terms() * tree_nodes(call_.count));
        list_arrived_ = take<uint32_t>(1);
    }
    dynamic_ = used_;
}

// Whether all tensors are at the same step, with the same learning rate, both known to the host.
bool Image::share_a_rate() const {
    for (const int32_t tensor : settled_by_) {
        const Job &j = job(tensor), &first = job(settled_by_[0]);
        if (!j.tensor || is_on_device(j) || j.prepare.step != first.prepare.step ||
            j.prepare.lr != first.prepare.lr)
            return false;
    }
    return true;
}

bool Image::has_inputs() const {
    return std::any_of(batches_.begin(), batches_.end(),
                       [](const Batch& b) { return b.has_sums || b.on_device; });
}

void Image::lay_out_dynamic() {
    const auto settings = static_cast<int64_t>(settled_by_.size());
    const bool inputs = has_inputs();
    constants_ = take<Constants>(constants_inline() ? 0 : settings);
    inputs_ = take<Inputs>(inputs ? settings : 0);
    grads_ = take<void*>(grads_inline() ? 0 : tensors());
    scratch_ = used_;
    computed_ = take<Constants>(inputs ? settings : 0);
}

void Image::lay_out_scratch() {
    for (int32_t i = 0; i < tensors(); ++i) {
        const Job& j = job(i);
        Place& p = place_[static_cast<size_t>(i)];
        const int64_t terms = std::max(sums_elements(j) ? j.terms() : 0, call_.needs_norm ? 2 : 0);
        p.partial = take<double>(terms * tree_nodes(j.blocks()));
        if (j.has_rows()) {
            const RowParts parts = parts_of(j);
            p.line_sum = take<double>(j.rule->row_terms * parts.size());
            p.row_sum = take<double>(j.rule->terms * tree_nodes(divide_up(parts.rows, kFanOut)));
            p.axis_new[0] = take<char>(parts.rows * (j.is_f64 ? 8 : 4));
        }
        if (!j.moves_axes()) continue;
        const Geometry& g = j.geometry;
        const int64_t batch = j.count / g.size();
        const int64_t bytes = j.is_f64 ? 8 : 4;
        p.line_sum = take<double>(batch * g.outer() * divide_up(g.inner(), kBlock));
        p.across_sum = take<double>(batch * divide_up(g.outer(), kLines) * g.inner());
        p.row_sum = take<double>(batch * divide_up(g.rows, kBlock));
        p.axis_new[0] = take<char>(batch * g.rows * bytes);
        p.axis_new[1] = take<char>(batch * g.cols * bytes);
    }
    clips_ = take<double>(call_.needs_norm ? call_.count : 0);
    size_ = used_;
}

// ---- Filling -----------------------------------------------------------------------------------

void Image::fill(char* host, char* base) const {
    std::memset(host, 0, image_size());
    for (int32_t i = 0; i < tensors(); ++i) {
        fill_tensor(i, host, base);
        if (job(i).has_axes()) fill_axes(i, host, base);
        if (!grads_inline()) reinterpret_cast<void**>(host + grads_)[i] = job(i).operand[1].data;
    }
    for (const auto& [offset, first] : items_)
        std::memcpy(host + offset, first.data(), first.size() * sizeof(int32_t));
    if (!counters_.empty())
        std::memcpy(host + counter_list_, counters_.data(), counters_.size() * sizeof(int64_t*));
    reinterpret_cast<Results*>(host + results_)->positions = to_int32(call_.count);
    fill_settings(host);
}

void Image::fill_tensor(int32_t i, char* host, char* base) const {
    const Job& j = job(i);
    const Place& p = place_[static_cast<size_t>(i)];
    Tensor& t = reinterpret_cast<Tensor*>(host + tensors_)[i];
    for (int s = 0; s < j.arrays(); ++s) {
        t.stream[s] = s == 1 ? nullptr : j.operand[s].data;
        t.dtype[s] = static_cast<uint8_t>(j.operand[s].dtype);
    }
    t.copy = j.copy.data;
    t.dtype[kMaxStreams] = static_cast<uint8_t>(j.copy.dtype);
    t.count = j.count;
    t.partial = reinterpret_cast<double*>(base + p.partial);
    t.arrived = reinterpret_cast<uint32_t*>(base + p.arrived);
    t.id = j.random.tensor;
    t.settings = static_cast<uint32_t>(setting_[static_cast<size_t>(i)]);
    t.order = to_int32(order_[static_cast<size_t>(i)]);
    t.random = random_bits(j);
    t.head = head_of(j, t.random);
    t.is_f64 = j.is_f64;
}

void Image::fill_axes(int32_t i, char* host, char* base) const {
    const Job& j = job(i);
    const Geometry& g = j.geometry;
    const Place& p = place_[static_cast<size_t>(i)];
    Axes& a = reinterpret_cast<Axes*>(host + axes_)[i];
    a.batch = j.count / g.size();
    a.outer = g.outer();
    a.inner = g.inner();
    a.line_blocks = divide_up(a.outer, kLines);
    a.inner_blocks = divide_up(a.inner, kBlock);
    a.outer_inverse = inverse_of(a.outer);
    a.inner_inverse = inverse_of(a.inner);
    a.line_sum = reinterpret_cast<double*>(base + p.line_sum);
    a.across_sum = reinterpret_cast<double*>(base + p.across_sum);
    a.row_sum = reinterpret_cast<double*>(base + p.row_sum);
    a.axis_new[0] = base + p.axis_new[0];
    a.axis_new[1] = base + p.axis_new[1];
    a.column_major = g.column_major;
    for (int s = 2; s < j.streams; ++s)
        if (j.kind(s) != Kind::element)
            ((j.kind(s) == Kind::row) != g.column_major ? a.per_line : a.across) = s;
}

namespace {

Constants constants_of(const Job& j) {
    Constants c{};
    std::memcpy(c.constants, j.settings->constants, sizeof c.constants);
    c.stage_f32 = j.settings->stage_f32;
    c.stage_f64 = j.settings->stage_f64;
    c.step = j.prepare.step;
    return c;
}

// Without what changes from step to step where that is known of all, so that nothing is copied to
// the device again.
Inputs inputs_of(const Job& j, bool shares_rate) {
    Inputs in{};
    in.prepare = j.prepare;
    if (shares_rate) in.prepare.step = 0;
    if (shares_rate) in.prepare.lr = 0;
    in.prepare.hyper = nullptr;
    std::copy_n(j.prepare.hyper, j.hyper_count(), in.hyper);
    in.step_at = j.tensor->step_at;
    in.lr_at = j.tensor->lr_at.data;
    in.lr_is_f64 = j.tensor->lr_at.dtype == STEEPEST_F64;
    in.grad_scale = j.stage_options.grad_scale;
    in.max_value = j.stage_options.max_value;
    in.maximize = j.stage_options.maximize;
    in.decay = j.stage_options.decay;
    return in;
}

}  // namespace

void Image::fill_settings(char* host) const {
    for (size_t s = 0; s < settled_by_.size(); ++s) {
        const Job& j = job(settled_by_[s]);
        if (!j.settings) continue;
        if (!constants_inline())
            reinterpret_cast<Constants*>(host + constants_)[s] = constants_of(j);
        if (has_inputs()) reinterpret_cast<Inputs*>(host + inputs_)[s] = inputs_of(j, shares_rate_);
    }
}

// ---- Passes ------------------------------------------------------------------------------------

void Image::set_grads(char* base, int32_t begin, int32_t count, Pass& pass) const {
    if (!grads_inline()) {
        pass.grads = reinterpret_cast<void* const*>(base + grads_) + begin;
        return;
    }
    for (int32_t i = 0; i < count; ++i) pass.inline_grads[i] = job(begin + i).operand[1].data;
}

Pass Image::batch_pass(const Batch& b, char* base, uint64_t seed) const {
    Pass pass{};
    pass.tensors = reinterpret_cast<const Tensor*>(base + tensors_) + b.begin;
    if (b.has_axes) pass.axes = reinterpret_cast<const Axes*>(base + axes_) + b.begin;
    set_grads(base, b.begin, b.count, pass);
    if (b.has_sums || b.on_device) {
        pass.inputs = reinterpret_cast<const Inputs*>(base + inputs_);
        pass.computed = reinterpret_cast<Constants*>(base + computed_);
        pass.shares_rate = shares_rate_;
        pass.step = job(b.begin).prepare.step;
        pass.lr = job(b.begin).prepare.lr;
    }
    pass.seed = seed;
    pass.count = b.count;
    pass.chunk = b.chunk;
    return pass;
}

void Image::use_host_constants(const Batch& b, char* base, Pass& pass) const {
    if (!constants_inline())
        pass.constants = reinterpret_cast<const Constants*>(base + constants_);
    else
        for (int32_t s = b.first_setting; s < b.first_setting + b.settings; ++s)
            pass.inline_constants[s] = constants_of(job(settled_by_[static_cast<size_t>(s)]));
}

void Image::use_computed_constants(char* base, Pass& pass) const {
    pass.constants = reinterpret_cast<const Constants*>(base + computed_);
}

Pass Image::norm_pass(char* base) const {
    Pass pass{};
    pass.tensors = reinterpret_cast<const Tensor*>(base + tensors_);
    pass.first = first(norm_items_, base);
    set_grads(base, 0, tensors(), pass);
    pass.count = tensors();
    Results* r = results(base);
    pass.norm = {.sum = reinterpret_cast<double*>(base + norm_sum_),
                 .arrived = reinterpret_cast<uint32_t*>(base + norm_arrived_),
                 .expected = tensors(),
                 .count = to_int32(call_.count),
                 .norms = nullptr,
                 .total = &r->total,
                 .finite = nullptr,
                 .clip = &r->clip,
                 .clips = nullptr,
                 .skipped = &r->skipped,
                 .max_norm = -1,
                 .max_tensor_norm = 0,
                 .grad_scale = 1,
                 .skip_nonfinite = false};
    return pass;
}

Norm Image::list_sums(char* base, double* sums) const {
    Norm norm{};
    norm.sum = reinterpret_cast<double*>(base + list_sum_);
    norm.arrived = reinterpret_cast<uint32_t*>(base + list_arrived_);
    norm.expected = tensors();
    norm.count = to_int32(call_.count);
    norm.total = sums;
    return norm;
}

Pass Image::advance_pass(char* base) const {
    Pass pass{};
    pass.counters = reinterpret_cast<int64_t* const*>(base + counter_list_);
    pass.count = to_int32(counters());
    return pass;
}

}  // namespace steepest::device
