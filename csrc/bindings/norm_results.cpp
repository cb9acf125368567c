#include "bindings/norm_results.h"

#include <cstring>

namespace steepest::bindings {

Scratch::Scratch(size_t size, const Place& place) {
    if (place.stream()) {
        device_.emplace(size, place);
        return;
    }
    host_.emplace(size);
    if (!host_->data()) throw_status(STEEPEST_OUT_OF_MEMORY);
}

NormResults::NormResults(int64_t count, const Place& place)
    : count_(count), on_host_(!place.stream()) {
    const bool known = place.kind().framework != Framework::other && !place.emulated();
    if (!on_host_ && known) {
        arrays_[0] = new_array(py::tuple(), "float64", place);
        arrays_[1] = new_array(py::make_tuple(count), "float64", place);
        arrays_[2] = new_array(py::tuple(), "int32", place);
        total_at_ = static_cast<double*>(address_of(arrays_[0], place));
        norms_at_ = static_cast<double*>(address_of(arrays_[1], place));
        finite_at_ = static_cast<int32_t*>(address_of(arrays_[2], place));
        return;
    }
    numbers_.emplace((static_cast<size_t>(count) + 2) * sizeof(double), place);
    total_at_ = static_cast<double*>(numbers_->data());
    norms_at_ = total_at_ + 1;
    finite_at_ = reinterpret_cast<int32_t*>(norms_at_ + count);
}

py::tuple NormResults::get() const {
    if (!numbers_) return py::make_tuple(arrays_[0], arrays_[1], arrays_[2]);
    double total = 0;
    int32_t finite = 0;
    py::array_t<double> norms(count_);
    const auto read = [&](void* to, const void* from, size_t size) {
        if (size == 0) return;
        if (on_host_)
            std::memcpy(to, from, size);
        else
            numbers_->device().read(to, from, size);
    };
    read(&total, total_at_, sizeof total);
    read(norms.mutable_data(), norms_at_, static_cast<size_t>(count_) * sizeof(double));
    read(&finite, finite_at_, sizeof finite);
    return py::make_tuple(total, norms, finite != 0);
}

}  // namespace steepest::bindings
