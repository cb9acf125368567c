#include "bindings/gradients.h"

#include "bindings/overlap.h"

namespace steepest::bindings {

Gradients::Gradients(py::handle given, const char* name, Place& place) : is_list_(is_list(given)) {
    if (!is_list_) {
        add(given, {name}, place);
    } else {
        for (py::handle one : given) add(one, {name, count()}, place);
    }
    place.settle_on_host();
}

void Gradients::add(py::handle given, const ArgName& name, Place& place) {
    is_given_.push_back(!given.is_none());
    if (given.is_none()) {
        arrays.emplace_back();
        return;
    }
    Array a = to_array(given, name, place);
    if (!is_dense(a.shape))
        value_error(name.text() + ": array with gaps or overlaps given, expected a dense one");
    if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error(name.text() + ": memory given that is not aligned to its item size");
    arrays.push_back(std::move(a));
}

void Gradients::check_written(const char* name) const {
    WrittenMemory written;
    for (size_t i = 0; i < arrays.size(); ++i) {
        if (!given(i)) continue;
        const Array& a = arrays[i];
        if (a.refusal)
            buffer_error(label(name, i).text() + ": " + a.refusal +
                         " array given, expected one that may be written");
        written.add(a.data, a.shape.count() * size_of(a.dtype), name, label(name, i).index);
    }
    written.seal();
}

void Gradients::check_apart_from(const Gradients& others, const char* name,
                                 const char* other) const {
    WrittenMemory written;
    for (size_t i = 0; i < arrays.size(); ++i)
        if (given(i))
            written.add(arrays[i].data, arrays[i].shape.count() * size_of(arrays[i].dtype), name,
                        label(name, i).index);
    written.seal();
    for (size_t i = 0; i < others.arrays.size(); ++i) {
        const Array& a = others.arrays[i];
        size_t hint = 0;
        if (!others.given(i)) continue;
        if (const Extent* e = written.find(a.data, a.shape.count() * size_of(a.dtype), hint))
            value_error(others.label(other, i).text() + ": memory shared with " +
                        ArgName{e->stream, e->tensor}.text() +
                        " given, expected arrays that do not overlap");
    }
}

void check_stream_given(py::handle stream, const char* name, const Place& place) {
    if (to_stream(stream).handle && !place.stream())
        value_error("stream: given, expected None because " + std::string(name) +
                    " are in host memory");
}

}  // namespace steepest::bindings
