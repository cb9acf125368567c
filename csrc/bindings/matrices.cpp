#include "bindings/matrices.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace steepest::bindings {
namespace {

constexpr size_t kAlignment = 64;

// Two elements at one address, as in a broadcast array.
bool repeats_elements(const Shape& s) {
    for (size_t d = 0; d < s.extent.size(); ++d)
        if (s.extent[d] > 1 && s.stride[d] == 0) return true;
    return false;
}

// `from` and `to` are the first elements of dimension d and those behind it; `size` is a constant
// in each of the calls below.
template <int Size>
void copy_from_dimension(const Shape& from_shape, const Shape& to_shape, size_t d, const char* from,
                         char* to) {
    const bool last = d + 1 == from_shape.extent.size();
    for (int64_t i = 0; i < from_shape.extent[d]; ++i) {
        const char* source = from + i * from_shape.stride[d] * Size;
        char* target = to + i * to_shape.stride[d] * Size;
        if (last)
            std::memcpy(target, source, Size);
        else
            copy_from_dimension<Size>(from_shape, to_shape, d + 1, source, target);
    }
}

}  // namespace

Span::Span(const Array& a) {
    const int64_t size = size_of(a.dtype);
    int64_t low = 0, high = 0;
    for (size_t d = 0; d < a.shape.extent.size(); ++d) {
        const int64_t reach = a.shape.stride[d] * (a.shape.extent[d] - 1) * size;
        (reach < 0 ? low : high) += reach;
    }
    begin = reinterpret_cast<uintptr_t>(a.data) + static_cast<uintptr_t>(low);
    end = reinterpret_cast<uintptr_t>(a.data) + static_cast<uintptr_t>(high + size);
}

bool share_memory(const Array& a, const Array& b) {
    return a.shape.count() > 0 && b.shape.count() > 0 && Span(a).meets(Span(b));
}

bool all_apart(const std::vector<Array>& inputs, const std::vector<Array>& outputs) {
    std::vector<Span> spans;
    for (size_t i = 0; i < std::max(inputs.size(), outputs.size()); ++i) {
        const bool is_output = i < outputs.size(), is_input = i < inputs.size();
        if (is_output && outputs[i].shape.count() > 0) spans.emplace_back(outputs[i]);
        const bool own = is_input && is_output && same_array(inputs[i], outputs[i]);
        if (is_input && !own && inputs[i].shape.count() > 0) spans.emplace_back(inputs[i]);
    }
    std::sort(spans.begin(), spans.end(),
              [](const Span& a, const Span& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < spans.size(); ++i)
        if (spans[i].begin < spans[i - 1].end) return false;
    return true;
}

std::string shape_text(const std::vector<int64_t>& extent) {
    Shape shape;
    shape.extent = extent;
    return shape.text();
}

Array read_matrices(py::handle object, const ArgName& name, Place& place) {
    Array a = to_array(object, name, place);
    if (a.shape.extent.size() < 2)
        value_error(name.text() + ": array of " + std::to_string(a.shape.extent.size()) +
                    " dimensions given, expected a matrix or a stack of matrices");
    if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error(name.text() + ": memory given that is not aligned to its item size");
    return a;
}

namespace {

void refuse_device(const Place& place, const ArgName& name) {
    if (place.on_device())
        device_error(name.text() + ": array " + place_text(place.device()) +
                     " given, expected one in host memory: there are no kernels for devices yet");
}

}  // namespace

Array read_matrices(py::handle object, const ArgName& name) {
    Place place(name.name);
    Array a = read_matrices(object, name, place);
    refuse_device(place, name);
    return a;
}

Array read_result(py::handle object, const ArgName& name, const std::vector<int64_t>& extent,
                  const DType* dtype) {
    Place place(name.name);
    Array a = read_result(object, name, extent, dtype, place);
    refuse_device(place, name);
    return a;
}

Array read_result(py::handle object, const ArgName& name, const std::vector<int64_t>& extent,
                  const DType* dtype, Place& place) {
    Array a = read_matrices(object, name, place);
    if (a.refusal)
        buffer_error(name.text() + ": " + a.refusal +
                     " array given, expected one that may be written");
    if (dtype && a.dtype != *dtype)
        type_error(name.text() + ": dtype " + dtype_name(a.dtype) + " given, expected " +
                   dtype_name(*dtype) + " as the input");
    if (a.shape.extent != extent)
        value_error(name.text() + ": shape " + a.shape.text() + " given, expected " +
                    shape_text(extent));
    if (a.shape.count() > 0 && repeats_elements(a.shape))
        value_error(name.text() +
                    ": array with repeated elements given, expected memory of its own");
    return a;
}

void copy_elements(const Array& from, const Array& to) {
    if (from.shape.count() == 0) return;
    const auto* source = static_cast<const char*>(from.data);
    auto* target = static_cast<char*>(to.data);
    switch (size_of(from.dtype)) {
        case 8:
            return copy_from_dimension<8>(from.shape, to.shape, 0, source, target);
        case 4:
            return copy_from_dimension<4>(from.shape, to.shape, 0, source, target);
        default:
            return copy_from_dimension<2>(from.shape, to.shape, 0, source, target);
    }
}

namespace {

// Small workspaces that calls of this thread are done with: memory from the system costs more than
// many of these calls do, since every page of it has to be cleared first. The address sanitizer
// would not see a use of one after its call, nor past the size that a call asked for.
struct Spare {
    std::unique_ptr<char[]> memory;
    size_t size = 0;
};
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kMostSpare = 0;
#else
constexpr size_t kMostSpare = size_t{4} << 20;
#endif
thread_local Spare spares[2];

// The smallest one of at least `size` bytes, so that the other is left for a call that needs it.
Spare* find_spare(size_t size) {
    Spare* found = nullptr;
    for (Spare& spare : spares)
        if (spare.size >= size && (!found || spare.size < found->size)) found = &spare;
    return found;
}

// Large memory is fresh from the system each time, and its pages cost a good part of a product, one
// by one: large pages are asked for, as NumPy asks for its arrays. A wish: failure is no matter.
void ask_for_large_pages([[maybe_unused]] char* memory, [[maybe_unused]] size_t size) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr uintptr_t page = uintptr_t{2} << 20;
    const auto begin = (reinterpret_cast<uintptr_t>(memory) + page - 1) / page * page;
    const auto end = (reinterpret_cast<uintptr_t>(memory) + size) / page * page;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace

HostWorkspace::HostWorkspace(size_t size) : size_(size + kAlignment) {
    if (Spare* spare = find_spare(size_)) {
        memory_ = std::move(spare->memory);
        size_ = std::exchange(spare->size, 0);
    } else {
        memory_.reset(new (std::nothrow) char[size_]);
        if (memory_ && size_ > kMostSpare) ask_for_large_pages(memory_.get(), size_);
    }
    if (!memory_) return;
    const auto at = (reinterpret_cast<uintptr_t>(memory_.get()) + kAlignment - 1) / kAlignment;
    data_ = reinterpret_cast<void*>(at * kAlignment);
}

HostWorkspace::~HostWorkspace() {
    if (!memory_ || size_ > kMostSpare) return;
    Spare& smaller = spares[spares[0].size > spares[1].size];
    if (smaller.size >= size_) return;
    smaller.memory = std::move(memory_);
    smaller.size = size_;
}

}  // namespace steepest::bindings
