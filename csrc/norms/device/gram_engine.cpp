#include "norms/device/gram_engine.h"

#include "core/image.h"
#include "norms/device/gram_kernels.h"
#include "polar/device/elements.h"
#include "polar/device/engine.h"

namespace steepest::device {
namespace {

using polar::Batch;

Batch take_batch(int64_t rows, int64_t cols, const GramShape& shape, Arena& arena) {
    const polar::Type type = shape.type();
    const int64_t ld = DeviceEngine::leading(cols, type), stride = rows * ld;
    void* data = arena.take<char>(shape.count * stride * polar::item_size(type));
    return {{data, rows, cols, ld, type}, shape.count, stride};
}

// The first matrices of a batch, or one of them.
Batch first_of(Batch batch, int64_t count) {
    batch.count = count;
    return batch;
}
Batch only(Batch batch, int64_t index) {
    batch.matrix.data = static_cast<char*>(batch.matrix.data) +
                        index * batch.stride * polar::item_size(batch.matrix.type);
    batch.count = 1;
    return batch;
}

Batch row_vector(void* x, int64_t n, polar::Type type) { return {{x, 1, n, n, type}, 1, n}; }

PolarView view_of(const polar::View& v) {
    return {.data = v.data,
            .result = v.result,
            .row_stride = v.row_stride,
            .col_stride = v.col_stride,
            .result_row_stride = v.result_row_stride,
            .result_col_stride = v.result_col_stride,
            .given = 0,
            .given_power = 1,
            .dtype = static_cast<int32_t>(v.dtype)};
}

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

void run(GridRun<GramPass> kernel, const GramPass& pass, int64_t blocks, const Backend& backend) {
    kernel(pass, Image::to_int32(blocks), backend.stream());
}

template <class T>
std::vector<T> read_from(const T* from, int64_t count, Backend& backend) {
    std::vector<T> values(static_cast<size_t>(count));
    backend.read(values.data(), from, values.size() * sizeof(T));
    return values;
}

// The caller's matrices towards x.
PolarPass polar_pass(const GramMemory& memory) {
    PolarPass pass{};
    pass.views = memory.views;
    pass.scales = memory.scales;
    pass.partial = memory.partial;
    pass.to = memory.x;
    pass.value = 1;
    return pass;
}

}  // namespace

GramMemory::GramMemory(const GramShape& shape, Arena& arena) {
    const int64_t n = shape.rows, count = shape.count;
    views = arena.take<PolarView>(count);
    scales = arena.take<PolarScale>(count);
    if (shape.use == GramUse::frobenius) {
        Arena nothing(nullptr, 0);
        x = take_batch(n, shape.cols, shape, nothing);
        partial = arena.take<NormSums>(count * tiles_of(x));
        return;
    }
    members = arena.take<GramMember>(count);
    sums = arena.take<polar::ByProducts>(count);
    lengths = arena.take<GramLengths>(count);
    vectors = arena.take<double>(count * n);
    images = arena.take<double>(count * n);
    long_side = arena.take<double>(shape.cols);
    x = take_batch(n, shape.cols, shape, arena);
    gram = take_batch(n, n, shape, arena);
    scaled = take_batch(n, n, shape, arena);
    next = take_batch(n, n, shape, arena);
    if (shape.use == GramUse::gradients) {
        for (Batch& batch : power) batch = take_batch(n, n, shape, arena);
        product = take_batch(n, shape.cols, shape, arena);
    }
    partial = arena.take<NormSums>(count * tiles_of(x));
    scratch_size = DeviceProducts::scratch_bytes(x, gram);
    scratch_memory = arena.take<char>(static_cast<int64_t>(scratch_size));
}

std::vector<PolarScale> GramEngine::inverse_norms(const polar::View* views) {
    const int64_t count = memory_.x.count;
    std::vector<PolarView> described;
    for (int64_t i = 0; i < count; ++i) described.push_back(view_of(views[i]));
    backend_.upload(memory_.views, described.data(), described.size() * sizeof(PolarView));
    const PolarPass pass = polar_pass(memory_);
    const PolarRuns& runs = backend_.polar_runs();
    runs.squares(pass, count * tiles_of(memory_.x), backend_.stream());
    runs.scales(pass, count, backend_.stream());
    return read_from(memory_.scales, count, backend_);
}

void GramEngine::form(const std::vector<PolarScale>& scales) {
    const int64_t count = memory_.x.count;
    backend_.upload(memory_.scales, scales.data(), scales.size() * sizeof(PolarScale));
    const auto type = static_cast<size_t>(memory_.x.matrix.type);
    backend_.polar_runs().load[type](polar_pass(memory_), count * tiles_of(memory_.x),
                                     backend_.stream());
    products_.symmetric(memory_.x, {1, 0, 0}, nullptr, memory_.gram, memory_.scratch(),
                        memory_.sums);
    iterate_ = memory_.gram;
    std::vector<GramMember> all;
    for (int64_t i = 0; i < count; ++i) all.push_back({i, i, 1});
    set_members(all);
}

void GramEngine::set_members(const std::vector<GramMember>& members) {
    members_ = static_cast<int64_t>(members.size());
    backend_.upload(memory_.members, members.data(), members.size() * sizeof(GramMember));
}

GramPass GramEngine::pass() const {
    return {.members = memory_.members,
            .gram = memory_.gram,
            .from = iterate_,
            .to = {},
            .vectors = memory_.vectors,
            .images = memory_.images,
            .lengths = memory_.lengths,
            .count = members_};
}

void GramEngine::scale(const Batch& from, const Batch& to) {
    GramPass scaling = pass();
    scaling.from = from;
    scaling.to = to;
    run(backend_.gram_runs().scale, scaling, members_ * ScaleIterates::blocks(scaling), backend_);
}

void GramEngine::square(const std::vector<GramMember>& members) {
    set_members(members);
    scale(iterate_, memory_.scaled);
    iterate_ = first_of(memory_.next, members_);
    products_.symmetric(first_of(memory_.scaled, members_), {1, 0, 0}, nullptr, iterate_,
                        memory_.scratch(), memory_.sums);
}

void GramEngine::look() {
    const GramPass looking = pass();
    const GramRuns& runs = backend_.gram_runs();
    run(runs.pick, looking, members_, backend_);
    run(runs.multiply, looking, divide_up(members_ * memory_.gram.matrix.rows, kWarps), backend_);
    run(runs.lengths, looking, members_, backend_);
}

GramFindings GramEngine::read(bool has_looked) {
    GramFindings found;
    found.sums = read_from(memory_.sums, members_, backend_);
    if (has_looked) found.lengths = read_from(memory_.lengths, members_, backend_);
    return found;
}

std::vector<double> GramEngine::largest_row_sums() {
    const int64_t n = memory_.gram.matrix.rows;
    run(backend_.gram_runs().magnitudes, pass(), divide_up(members_ * n, kWarps), backend_);
    const std::vector<double> sums = read_from(memory_.images, members_ * n, backend_);
    std::vector<double> largest;
    for (auto first = sums.begin(); first != sums.end(); first += n)
        largest.push_back(*std::max_element(first, first + n));
    return largest;
}

void GramEngine::begin_power() {
    power_ = 0;
    scale(memory_.gram, memory_.power[0]);
}

void GramEngine::raise_power() {
    products_.symmetric_product(memory_.power[power_], iterate_, {1, 0, 0}, nullptr,
                                memory_.power[1 - power_], memory_.scratch());
    power_ = 1 - power_;
}

// <P X, X> is the trace of P X X^T.
std::vector<double> GramEngine::inner_products() {
    products_.symmetric_product(memory_.power[power_], memory_.gram, {1, 0, 0}, nullptr,
                                memory_.power[1 - power_], memory_.scratch(), memory_.sums);
    std::vector<double> traces;
    for (const polar::ByProducts& s : read_from(memory_.sums, members_, backend_))
        traces.push_back(s.trace);
    return traces;
}

void GramEngine::store_products(const std::vector<double>& factors, bool has_power) {
    std::vector<GramMember> members;
    for (size_t i = 0; i < factors.size(); ++i) {
        const auto index = static_cast<int64_t>(i);
        members.push_back({index, index, factors[i]});
    }
    set_members(members);
    if (has_power) {
        const Batch& scaled = memory_.power[1 - power_];
        scale(memory_.power[power_], scaled);
        products_.general(scaled, memory_.x, {1, 0, 0}, nullptr, memory_.product,
                          memory_.scratch());
    } else {
        scale(memory_.x, memory_.product);
    }
    PolarPass pass = polar_pass(memory_);
    pass.from = memory_.product;
    const auto type = static_cast<size_t>(memory_.product.matrix.type);
    backend_.polar_runs().store[type](pass, members_ * tiles_of(memory_.product),
                                      backend_.stream());
}

// The image is an approximate singular vector of the short side, and its product with the matrix
// one of the long side.
void GramEngine::find_pair(int64_t member, int64_t index, const norms::Pair& pair) {
    double* image = memory_.images + member * memory_.x.matrix.rows;
    norms::Vector left = read_from(image, memory_.x.matrix.rows, backend_);
    norms::normalize(left);
    std::copy(left.begin(), left.end(), pair.short_side);
    norms::Vector right = memory_.x.matrix.type == polar::Type::f64
                              ? multiply_transposed<double>(left, index, image)
                              : multiply_transposed<float>(left, index, image);
    norms::normalize(right);
    std::copy(right.begin(), right.end(), pair.long_side);
}

// In the matrix's type; `place` has room for the vector.
template <class T>
norms::Vector GramEngine::multiply_transposed(const norms::Vector& left, int64_t index,
                                              void* place) {
    const Batch x = only(memory_.x, index);
    const std::vector<T> row(left.begin(), left.end());
    backend_.upload(place, row.data(), row.size() * sizeof(T));
    products_.general(row_vector(place, x.matrix.rows, x.matrix.type), x, {1, 0, 0}, nullptr,
                      row_vector(memory_.long_side, x.matrix.cols, x.matrix.type),
                      memory_.scratch());
    const auto* to = reinterpret_cast<const T*>(memory_.long_side);
    const std::vector<T> right = read_from(to, x.matrix.cols, backend_);
    return {right.begin(), right.end()};
}

}  // namespace steepest::device
