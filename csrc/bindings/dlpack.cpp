// Arrays through DLPack, versioned (1.x) or legacy. An exporter may be wrong: nothing is read
// before it is checked.
#include "bindings/dlpack.h"

#include "bindings/sources.h"

namespace steepest::bindings {
namespace {

DType dtype_of(const dlpack::DataType& t, const ArgName& name, Holds holds) {
    if (holds == Holds::int64) {
        if (t.lanes == 1 && t.code == dlpack::kInt && t.bits == 64) return DType::f64;
        wrong_dtype(name,
                    "with DLPack code " + std::to_string(t.code) + " and " +
                        std::to_string(t.bits) + " bits",
                    holds);
    }
    if (t.lanes == 1 && t.code == dlpack::kFloat && t.bits == 32) return DType::f32;
    if (t.lanes == 1 && t.code == dlpack::kFloat && t.bits == 64) return DType::f64;
    if (t.lanes == 1 && t.code == dlpack::kFloat && t.bits == 16) return DType::f16;
    if (t.lanes == 1 && t.code == dlpack::kBfloat && t.bits == 16) return DType::bf16;
    wrong_dtype(name, "with DLPack code " + std::to_string(t.code) + ", " + std::to_string(t.bits) +
                          " bits, " + std::to_string(t.lanes) + " lanes");
}

std::string device_name(int type) {
    const std::string known = type == dlpack::kCuda ? "CUDA " : type == 10 ? "ROCm " : "";
    return known + "device (DLPack type " + std::to_string(type) + ")";
}

[[noreturn]] void bad_export(const ArgName& name, const std::string& what) {
    buffer_error(name.text() + ": DLPack tensor with " + what + " given, expected a valid one");
}

// kHost or the number of a CUDA device.
int32_t place_of(const dlpack::Device& device, const ArgName& name) {
    if (device.type == dlpack::kCpu || device.type == dlpack::kCudaHost) return kHost;
    const bool cuda = device.type == dlpack::kCuda || device.type == dlpack::kCudaManaged;
    if (cuda && knows_devices()) {
        if (device.id < 0) bad_export(name, "device number " + std::to_string(device.id));
        return device.id;
    }
    device_error(name.text() + ": array on a " + device_name(device.type) +
                 " given, expected one in host memory: this build has no kernels for " +
                 (steepest_has_cuda() ? "this device" : "devices"));
}

void check_shape(const dlpack::Tensor& t, const ArgName& name, Holds holds) {
    if (t.ndim < 0) bad_export(name, std::to_string(t.ndim) + " dimensions");
    if (t.ndim > 0 && !t.shape) bad_export(name, "no shape");
    bool empty = false;
    for (int d = 0; d < t.ndim; ++d) {
        if (t.shape[d] < 0) bad_export(name, "an extent of " + std::to_string(t.shape[d]));
        empty = empty || t.shape[d] == 0;
    }
    if (empty) return;
    int64_t bytes = size_of(dtype_of(t.dtype, name, holds));
    for (int d = 0; d < t.ndim; ++d)
        if (__builtin_mul_overflow(bytes, t.shape[d], &bytes))
            bad_export(name, "more elements than memory can hold");
    if (!t.data) bad_export(name, "no data");
}

// What stays the same for all that is read of one export.
struct Reading {
    const ArgName& name;
    int32_t device;  // as announced
    Holds holds;
};

void fill(Array& a, const dlpack::Tensor& t, const Reading& r) {
    a.device = place_of(t.device, r.name);
    if (a.device != r.device)
        bad_export(r.name,
                   "memory " + place_text(a.device) + " though announced " + place_text(r.device));
    a.dtype = dtype_of(t.dtype, r.name, r.holds);
    check_shape(t, r.name, r.holds);
    a.data = t.data ? static_cast<char*>(t.data) + t.byte_offset : nullptr;
    a.shape.extent.assign(t.shape, t.shape + t.ndim);
    a.shape.stride = c_order(a.shape.extent);
    if (t.strides) a.shape.stride.assign(t.strides, t.strides + t.ndim);
}

// Takes the managed tensor out of its capsule; the deleter runs when the last user lets go.
template <class Managed>
Managed* take(py::handle capsule, const char* name, const char* used_name, Array& a) {
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), name));
    if (!managed) throw py::error_already_set();
    PyCapsule_SetName(capsule.ptr(), used_name);
    a.keep = std::shared_ptr<void>(managed, [](void* m) {
        if (auto* owner = static_cast<Managed*>(m); owner->deleter) owner->deleter(owner);
    });
    return managed;
}

// Passes an exporter's error on with the argument's name; its own error becomes the cause.
[[noreturn]] void raise_named(py::error_already_set& e, const ArgName& name) {
    PyObject* type = PyExc_RuntimeError;
    for (PyObject* known :
         {PyExc_BufferError, PyExc_TypeError, PyExc_ValueError, PyExc_MemoryError})
        if (e.matches(known)) type = known;
    const std::string what = py::cast<std::string>(py::str(e.value()));
    py::raise_from(e, type,
                   (name.text() + ": array that could not be exported given: " + what).c_str());
    throw py::error_already_set();
}

bool has_flag(py::handle object, const char* query) {
    return py::hasattr(object, query) && py::cast<bool>(object.attr(query)());
}

// torch refuses to export what requires a gradient, and exports views that are negated or
// conjugated when read as if they were not.
py::object exportable(py::handle given, const ArgName& name) {
    py::object object = py::reinterpret_borrow<py::object>(given);
    if (!py::hasattr(object, "detach") || !py::hasattr(object, "requires_grad")) return object;
    check_stored(object, name);
    return object.attr("detach")();
}

// The stream that the exporter has to be in order with: ours, or -1 where it is already.
py::object stream_argument(py::handle object, const Place& place) {
    if (place.follows(kind_of(Py_TYPE(object.ptr())).framework)) return py::int_(-1);
    return py::int_(reinterpret_cast<uintptr_t>(place.exporters_stream()));
}

py::object call_export(py::handle object, const Place& place) {
    py::dict options;
    if (place.on_device()) options["stream"] = stream_argument(object, place);
    try {
        return object.attr("__dlpack__")(**options, py::arg("max_version") = py::make_tuple(1, 0));
    } catch (py::error_already_set& e) {
        if (!e.matches(PyExc_TypeError)) throw;  // an exporter that predates max_version
    }
    return object.attr("__dlpack__")(**options);
}

template <class F>
py::object named(const ArgName& name, F&& call) {
    try {
        return call();
    } catch (py::error_already_set& e) {
        if (!e.matches(PyExc_Exception)) throw;
        raise_named(e, name);
    }
}

// Often an enumeration, hence not simply an int.
bool to_int32(PyObject* given, int32_t& to) {
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(given));
    if (index) to = static_cast<int32_t>(PyLong_AsLong(index.ptr()));
    if (!PyErr_Occurred()) return true;
    PyErr_Clear();
    return false;
}

dlpack::Device exported_device(py::handle object, const ArgName& name) {
    const py::object device = named(name, [&] { return object.attr("__dlpack_device__")(); });
    dlpack::Device d{};
    if (PyTuple_Check(device.ptr()) && PyTuple_GET_SIZE(device.ptr()) == 2 &&
        to_int32(PyTuple_GET_ITEM(device.ptr(), 0), d.type) &&
        to_int32(PyTuple_GET_ITEM(device.ptr(), 1), d.id))
        return d;
    type_error(name.text() + ": __dlpack_device__ gave " + repr_text(device) +
               ", expected a tuple of two integers");
}

[[noreturn]] void bad_capsule(const ArgName& name, py::handle given) {
    std::string what = type_name(given);
    if (PyCapsule_CheckExact(given.ptr())) {
        const char* capsule_name = PyCapsule_GetName(given.ptr());
        what = "a capsule named '" + std::string(capsule_name ? capsule_name : "") + "'";
    }
    type_error(name.text() + ": __dlpack__ gave " + what +
               ", expected an unused capsule named 'dltensor' or 'dltensor_versioned'");
}

void take_versioned(py::handle capsule, const Reading& r, Array& a) {
    const auto* m = static_cast<dlpack::ManagedVersioned*>(
        PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"));
    if (m->version.major != 1)
        buffer_error(r.name.text() + ": DLPack version " + std::to_string(m->version.major) +
                     " given, expected version 1 or none");
    take<dlpack::ManagedVersioned>(capsule, "dltensor_versioned", "used_dltensor_versioned", a);
    fill(a, m->tensor, r);
    if (m->flags & dlpack::kReadOnly) a.refusal = "read-only";
    if (m->flags & dlpack::kCopied) a.refusal = "a copy made for the exchange";
}

}  // namespace

void check_stored(py::handle tensor, const ArgName& name) {
    if (has_flag(tensor, "is_neg") || has_flag(tensor, "is_conj"))
        value_error(name.text() +
                    ": lazily negated or conjugated view given, expected stored values "
                    "(see resolve_neg and resolve_conj)");
}

Array from_dlpack(py::handle given, const ArgName& name, Place& place, Holds holds) {
    const Reading reading{name, place_of(exported_device(given, name), name), holds};
    place.accept(reading.device, given, name);
    const py::object object = exportable(given, name);
    const py::object capsule = named(name, [&] { return call_export(object, place); });
    Array a;
    if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned"))
        take_versioned(capsule, reading, a);
    else if (PyCapsule_IsValid(capsule.ptr(), "dltensor"))
        fill(a, take<dlpack::Managed>(capsule, "dltensor", "used_dltensor", a)->tensor, reading);
    else
        bad_capsule(name, capsule);
    // Immutable by promise, whatever the exporter says.
    const std::string module =
        py::cast<std::string>(py::str(py::type::of(given).attr("__module__")));
    if (module.rfind("jax", 0) == 0) a.refusal = "an immutable JAX array";
    return a;
}

}  // namespace steepest::bindings
