#include <algorithm>

#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

// Strides of dimensions `order` describe a contiguous array, the last one running fastest.
bool is_contiguous(const Shape& s, const std::vector<size_t>& order) {
    int64_t expected = 1;
    for (auto d = order.rbegin(); d != order.rend(); ++d) {
        if (s.extent[*d] == 1) continue;
        if (s.stride[*d] != expected) return false;
        expected *= s.extent[*d];
    }
    return true;
}

std::vector<size_t> dimensions(const Shape& s) {
    std::vector<size_t> order(s.extent.size());
    for (size_t d = 0; d < order.size(); ++d) order[d] = d;
    return order;
}

}  // namespace

int64_t Shape::count() const {
    int64_t n = 1;
    for (int64_t e : extent) n *= e;
    return n;
}

std::string Shape::text() const {
    std::string out = "(";
    for (size_t d = 0; d < extent.size(); ++d) out += (d ? ", " : "") + std::to_string(extent[d]);
    return out + (extent.size() == 1 ? ",)" : ")");
}

std::vector<int64_t> c_order(const std::vector<int64_t>& extent) {
    std::vector<int64_t> stride(extent.size());
    int64_t next = 1;
    for (size_t d = extent.size(); d-- > 0; next *= extent[d]) stride[d] = next;
    return stride;
}

bool is_c_order(const Shape& s) { return s.count() == 0 || is_contiguous(s, dimensions(s)); }

bool is_f_order(const Shape& s) {
    auto order = dimensions(s);
    std::reverse(order.begin(), order.end());
    return s.count() == 0 || is_contiguous(s, order);
}

bool is_dense(const Shape& s) {
    if (is_c_order(s)) return true;
    auto order = dimensions(s);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return s.stride[a] > s.stride[b]; });
    return is_contiguous(s, order);
}

bool same_layout(const Shape& a, const Shape& b) {
    if (a.extent != b.extent) return false;
    if (a.count() == 0) return true;
    for (size_t d = 0; d < a.extent.size(); ++d)
        if (a.extent[d] > 1 && a.stride[d] != b.stride[d]) return false;
    return true;
}

}  // namespace steepest::bindings
