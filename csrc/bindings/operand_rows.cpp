#include "bindings/operand_rows.h"

#include <algorithm>
#include <optional>

#include "bindings/pairs.h"
#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

// The stride from matrix to matrix, if there is one for the whole stack.
std::optional<int64_t> batch_stride(const Shape& s) {
    const size_t lead = s.extent.size() - 2;
    int64_t count = 1, stride = 0;
    for (size_t d = lead; d-- > 0;) {
        if (s.extent[d] == 1) continue;
        if (count == 1)
            stride = s.stride[d];
        else if (s.stride[d] != count * stride)
            return std::nullopt;
        count *= s.extent[d];
    }
    return stride;
}

bool is_row_major(const Shape& s) {
    const size_t row = s.extent.size() - 2;
    const int64_t cols = s.extent[row + 1];
    return (cols <= 1 || s.stride[row + 1] == 1) &&
           (s.extent[row] <= 1 || s.stride[row] >= std::max<int64_t>(cols, 1)) && batch_stride(s);
}

}  // namespace

Rows::Rows(const Array& a, const Place& place) : place_(place), own_(a), used_(a) {
    if (a.shape.count() == 0 || is_row_major(a.shape)) return;
    used_.shape.stride = c_order(a.shape.extent);
    const auto size = static_cast<size_t>(a.shape.count() * size_of(a.dtype));
    if (place.stream()) {
        there_.emplace(size, place);
        used_.data = there_->data();
        return;
    }
    copy_ = std::make_unique<char[]>(size);
    used_.data = copy_.get();
}

void Rows::read() const {
    if (there_)
        copy_there(own_, used_, place_);
    else if (copy_)
        copy_elements(own_, used_);
}

void Rows::write() const {
    if (there_)
        copy_there(used_, own_, place_);
    else if (copy_)
        copy_elements(used_, own_);
}

steepest_operand Rows::operand() const {
    const Shape& s = used_.shape;
    const size_t row = s.extent.size() - 2;
    // The stride of a single row says nothing.
    const int64_t row_stride = s.extent[row] > 1 ? s.stride[row] : s.extent[row + 1];
    return {used_.data, row_stride, batch_stride(s).value_or(0), static_cast<int32_t>(used_.dtype)};
}

}  // namespace steepest::bindings
