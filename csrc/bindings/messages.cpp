#include "bindings/messages.h"

namespace steepest::bindings {

Array read_dense(py::handle object, const ArgName& name, Place& place) {
    Array a = to_array(object, name, place);
    if (place.on_device())
        device_error(name.text() + ": array " + place_text(place.device()) +
                     " given, expected one in host memory: there are no kernels for devices yet");
    if (!is_dense(a.shape))
        value_error(name.text() + ": array with gaps or overlaps given, expected a dense one");
    if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error(name.text() + ": memory given that is not aligned to its item size");
    return a;
}

void check_like(const Array& a, const ArgName& name, const Array& like, const char* of) {
    if (a.shape.extent != like.shape.extent)
        value_error(name.text() + ": shape " + a.shape.text() + " given, expected " +
                    like.shape.text() + " as " + of);
    if (!same_layout(a.shape, like.shape))
        value_error(name.text() + ": array of another memory layout given, expected that of " + of);
}

void check_bytes(const Bytes& given, const char* name, int64_t expected) {
    if (given.size() != expected)
        value_error(std::string(name) + ": " + std::to_string(given.size()) +
                    " bytes given, expected " + std::to_string(expected));
}

const Array& Job::add_read(py::handle object, const ArgName& name) {
    keep.push_back(read_dense(object, name, place));
    read.emplace_back(name, keep.size() - 1);
    return keep.back();
}

const Array& Job::add_written(py::handle object, const ArgName& name) {
    keep.push_back(read_dense(object, name, place));
    const Array& a = keep.back();
    if (a.refusal)
        buffer_error(name.text() + ": " + a.refusal +
                     " array given, expected one that may be written");
    written.add(a.data, bytes_of(a), name.name, name.index);
    return a;
}

void Job::check_overlap(const void* data, int64_t bytes, const ArgName& name) {
    size_t hint = 0;
    if (const auto* found = written.find(data, bytes, hint))
        value_error(name.text() + ": memory shared with " +
                    ArgName{found->stream, found->tensor}.text() +
                    " given, expected arrays that do not overlap");
}

void Job::check_overlaps() {
    written.seal();
    for (const auto& [name, at] : read) check_overlap(keep[at].data, bytes_of(keep[at]), name);
}

}  // namespace steepest::bindings
