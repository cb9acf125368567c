#include "bindings/curvature.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <iterator>

#include "bindings/arrays.h"
#include "bindings/overlap.h"
#include "bindings/workspace.h"

namespace steepest::bindings {
namespace {

constexpr size_t kAlignment = 64;

// Which random values: seed, probe, distribution.
using Draw = std::tuple<uint64_t, uint32_t, int32_t>;
// Of one tensor: id, offset.
using Coordinates = std::vector<std::tuple<uint32_t, int64_t>>;

Array read_array(py::handle object, const ArgName& name, Place& place) {
    Array a = to_array(object, name, place);
    if (!is_c_order(a.shape))
        value_error(name.text() + ": array of another layout given, expected one in C order");
    if (reinterpret_cast<uintptr_t>(a.data) % static_cast<uintptr_t>(size_of(a.dtype)))
        value_error(name.text() + ": memory given that is not aligned to its item size");
    return a;
}

Array read_output(py::handle object, const ArgName& name, Place& place) {
    Array a = read_array(object, name, place);
    if (a.refusal)
        buffer_error(name.text() + ": " + a.refusal +
                     " array given, expected one that may be written");
    return a;
}

// What one call of Python is made of.
struct Job {
    Place place;
    std::vector<Array> keep;
    std::vector<steepest_probe_tensor> tensors;
    WrittenMemory written;

    explicit Job(const char* like, const py::dict* options = nullptr) : place(like, options) {}

    void* add_output(py::handle object, const ArgName& name, DType dtype, int64_t count) {
        const Array a = read_output(object, name, place);
        if (a.dtype != dtype)
            type_error(name.text() + ": dtype " + dtype_name(a.dtype) + " given, expected " +
                       dtype_name(dtype));
        if (a.shape.count() != count)
            value_error(name.text() + ": " + std::to_string(a.shape.count()) +
                        " elements given, expected " + std::to_string(count));
        keep.push_back(a);
        written.add(a.data, count * size_of(a.dtype), name.name, name.index);
        return a.data;
    }
};

steepest_probe_args arguments(const Job& job, const Draw& draw) {
    steepest_probe_args args{};
    args.struct_size = sizeof args;
    args.tensor_size = sizeof(steepest_probe_tensor);
    args.tensor_count = static_cast<int64_t>(job.tensors.size());
    args.tensors = job.tensors.data();
    std::tie(args.seed, args.probe, args.distribution) = draw;
    args.stream = job.place.stream();
    args.device = job.place.device_argument();
    return args;
}

// Calls `entry` with workspace and without the interpreter's lock.
template <class Args, class F>
void run(Args& args, steepest_status (*workspace)(const Args*, size_t*), F&& entry) {
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = workspace(&args, &args.workspace_size);
        if (status == STEEPEST_OK) {
            const std::unique_ptr<char[]> memory(
                new (std::nothrow) char[args.workspace_size + kAlignment]);
            const auto at = reinterpret_cast<uintptr_t>(memory.get()) + kAlignment - 1;
            args.workspace = reinterpret_cast<void*>(at / kAlignment * kAlignment);
            status = memory ? entry(&args) : STEEPEST_OUT_OF_MEMORY;
        }
    }
    throw_status(status);
}

// The same on a device, with workspace from the allocator of the arrays' framework.
template <class Args, class F>
void run_on_device(Args& args, steepest_status (*workspace)(const Args*, size_t*),
                   const Place& place, F&& entry) {
    throw_status(workspace(&args, &args.workspace_size));
    const DeviceMemory memory(args.workspace_size, place);
    args.workspace = memory.data();
    steepest_status status;
    {
        py::gil_scoped_release release;
        status = entry(&args);
    }
    throw_status(status);
}

// Once all arrays have been read.
void settle(Job& job, const py::object& stream) {
    job.place.settle_on_host();
    if (!job.place.on_device() && to_stream(stream).handle)
        value_error(std::string("stream: given, expected None because ") + job.place.like() +
                    " is in host memory");
}

void probe_fill(const py::sequence& outputs, bool is_list, const Coordinates& coordinates,
                const Draw& draw, const py::object& stream) {
    const py::dict options(py::arg("stream") = stream);
    Job job("out", &options);
    for (size_t i = 0; i < outputs.size(); ++i) {
        const ArgName name{"out", is_list ? static_cast<int64_t>(i) : -1};
        const Array a = read_output(outputs[i], name, job.place);
        job.keep.push_back(a);
        job.written.add(a.data, a.shape.count() * size_of(a.dtype), name.name, name.index);
        job.tensors.push_back({.count = a.shape.count(),
                               .offset = std::get<1>(coordinates[i]),
                               .group = 1,
                               .id = std::get<0>(coordinates[i]),
                               .dtype = static_cast<int32_t>(a.dtype),
                               .values = a.data});
    }
    job.written.seal();
    settle(job, stream);
    steepest_probe_args args = arguments(job, draw);
    if (args.stream)
        run_on_device(args, steepest_probe_workspace, job.place, steepest_probe_fill);
    else
        run(args, steepest_probe_workspace, steepest_probe_fill);
}

// mean, scatter, weight; the last or all three may be None.
void add_statistics(Job& job, const py::sequence& statistics, int64_t group, int64_t index) {
    steepest_probe_tensor& tensor = job.tensors.back();
    const DType dtype = tensor.dtype == STEEPEST_F64 ? DType::f64 : DType::f32;
    if (group < 1 || tensor.count % group)
        value_error(ArgName{"block", index}.text() + ": " + std::to_string(group) +
                    " given, expected a divisor of the " + std::to_string(tensor.count) +
                    " elements");
    const int64_t count = tensor.count / group;
    const auto add = [&](size_t k, const char* name) -> void* {
        if (py::object(statistics[k]).is_none()) return nullptr;
        return job.add_output(statistics[k], {name, index}, dtype, count);
    };
    tensor.group = group;
    tensor.mean = add(0, "mean");
    tensor.scatter = add(1, "scatter");
    tensor.weight = add(2, "weight");
}

// The products are only read: none may lie in memory that is written.
void check_overlaps(Job& job, size_t products, bool is_list) {
    job.written.seal();
    size_t hint = 0;
    for (size_t i = 0; i < products; ++i) {
        const steepest_probe_tensor& t = job.tensors[i];
        const int64_t bytes = t.count * size_of(static_cast<DType>(t.dtype));
        if (const auto* found = job.written.find(t.values, bytes, hint))
            value_error(ArgName{"products", is_list ? static_cast<int64_t>(i) : -1}.text() +
                        ": memory shared with " + ArgName{found->stream, found->tensor}.text() +
                        " given, expected arrays that do not overlap");
    }
}

py::tuple sums_on_host(steepest_probe_args& args) {
    py::array_t<double> sums(args.tensor_count);
    args.sums = sums.mutable_data();
    run(args, steepest_probe_workspace, steepest_probe_accumulate);
    return py::make_tuple(args.total, sums);
}

// Into arrays of the framework, without waiting.
py::tuple sums_into_arrays(steepest_probe_args& args, const Place& place) {
    const py::object total = new_array(py::tuple(), "float64", place);
    const py::object sums = new_array(py::make_tuple(args.tensor_count), "float64", place);
    args.total_at = static_cast<double*>(address_of(total, place));
    args.sums = static_cast<double*>(address_of(sums, place));
    run_on_device(args, steepest_probe_workspace, place, steepest_probe_accumulate);
    return py::make_tuple(total, sums);
}

// Into memory of our own, of which the values are read: there is no kind of array to return.
py::tuple sums_into_host(steepest_probe_args& args, const Place& place) {
    const auto count = static_cast<size_t>(args.tensor_count);
    const DeviceMemory results((count + 1) * sizeof(double), place);
    args.total_at = reinterpret_cast<double*>(results.data());
    args.sums = args.total_at + 1;
    run_on_device(args, steepest_probe_workspace, place, steepest_probe_accumulate);
    double total = 0;
    py::array_t<double> sums(args.tensor_count);
    results.read(&total, args.total_at, sizeof total);
    results.read(sums.mutable_data(), args.sums, count * sizeof(double));
    return py::make_tuple(total, sums);
}

void read_products(Job& job, const py::sequence& products, const py::sequence& statistics,
                   bool is_list, const std::vector<int64_t>& groups,
                   const Coordinates& coordinates) {
    for (size_t i = 0; i < products.size(); ++i) {
        const int64_t index = is_list ? static_cast<int64_t>(i) : -1;
        const Array a = read_array(products[i], {"products", index}, job.place);
        job.keep.push_back(a);
        job.tensors.push_back({.count = a.shape.count(),
                               .offset = std::get<1>(coordinates[i]),
                               .group = 1,
                               .id = std::get<0>(coordinates[i]),
                               .dtype = static_cast<int32_t>(a.dtype),
                               .values = a.data});
        add_statistics(job, statistics[i], groups[i], index);
    }
    check_overlaps(job, products.size(), is_list);
}

py::tuple probe_accumulate(const py::sequence& products, const py::sequence& statistics,
                           bool is_list, const std::vector<int64_t>& groups,
                           const Coordinates& coordinates, const Draw& draw, int64_t sample,
                           const py::object& stream) {
    const py::dict options(py::arg("stream") = stream);
    Job job("products", &options);
    read_products(job, products, statistics, is_list, groups, coordinates);
    settle(job, stream);
    steepest_probe_args args = arguments(job, draw);
    args.sample = sample;
    if (!args.stream) return sums_on_host(args);
    const bool known = job.place.kind().framework != Framework::other && !job.place.emulated();
    return known ? sums_into_arrays(args, job.place) : sums_into_host(args, job.place);
}

// Shape and dtype of any array, wherever it lies, and the number of its device; None: in host
// memory.
py::tuple array_layout(const py::object& object, const std::string& name) {
    Place place(name.c_str());
    const Array a = to_array(object, {name.c_str()}, place);
    py::object device = py::none();
    if (place.on_device()) device = py::int_(place.device());
    return py::make_tuple(py::tuple(py::cast(a.shape.extent)), dtype_name(a.dtype), device);
}

constexpr const char* kOasisNames[] = {"params",         "previous_param",   "grads",
                                       "previous_grads", "exp_hessian_diag", "hessian"};
constexpr size_t kOasisArrays = std::size(kOasisNames);

// Of one tensor: param, previous param, gradient, previous gradient, diagonal, estimate or None.
steepest_oasis_tensor oasis_tensor(Job& job, const py::sequence& given, double decay,
                                   int64_t index) {
    steepest_oasis_array arrays[kOasisArrays] = {};
    int64_t count = 0;
    for (size_t k = 0; k < kOasisArrays; ++k) {
        const py::object object = given[k];
        if (k + 1 == kOasisArrays && object.is_none()) continue;
        const ArgName name{kOasisNames[k], index};
        const Array a = read_array(object, name, job.place);
        if (k == 0) count = a.shape.count();
        if (a.shape.count() != count)
            value_error(name.text() + ": " + std::to_string(a.shape.count()) +
                        " elements given, expected " + std::to_string(count));
        job.keep.push_back(a);
        arrays[k] = {a.data, static_cast<int32_t>(a.dtype)};
    }
    return {count, decay, arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], arrays[5]};
}

// On a device; waits for the two numbers.
void measure_there(steepest_oasis_args& args, const Place& place) {
    double found[2];
    const DeviceMemory results(sizeof found, place);
    args.stream = place.stream();
    args.device = place.device_argument();
    args.results_at = reinterpret_cast<double*>(results.data());
    run_on_device(args, steepest_oasis_workspace, place, steepest_oasis_measure);
    results.read(found, args.results_at, sizeof found);
    args.moved = found[0];
    args.turned = found[1];
}

py::tuple oasis_measure(const std::vector<py::sequence>& tensors,
                        const std::vector<double>& weight_decay, double beta2, double alpha,
                        double factor) {
    if (weight_decay.size() != tensors.size())
        value_error("weight_decay: " + std::to_string(weight_decay.size()) +
                    " numbers given, expected " + std::to_string(tensors.size()));
    Job job("params");
    std::vector<steepest_oasis_tensor> list;
    for (size_t i = 0; i < tensors.size(); ++i)
        list.push_back(oasis_tensor(job, tensors[i], weight_decay[i], static_cast<int64_t>(i)));
    steepest_oasis_args args{};
    args.struct_size = sizeof args;
    args.tensor_size = sizeof(steepest_oasis_tensor);
    args.tensor_count = static_cast<int64_t>(list.size());
    args.tensors = list.data();
    args.beta2 = beta2;
    args.alpha = alpha;
    args.factor = factor;
    if (job.place.stream())
        measure_there(args, job.place);
    else
        run(args, steepest_oasis_workspace, steepest_oasis_measure);
    return py::make_tuple(args.moved, args.turned);
}

}  // namespace

void bind_curvature(py::module_& m) {
    m.def("probe_fill", &probe_fill, py::arg("outputs"), py::arg("is_list"), py::arg("coordinates"),
          py::arg("draw"), py::arg("stream") = py::none());
    m.def("array_layout", &array_layout, py::arg("array"), py::arg("name"));
    m.def("probe_accumulate", &probe_accumulate, py::arg("products"), py::arg("statistics"),
          py::arg("is_list"), py::arg("groups"), py::arg("coordinates"), py::arg("draw"),
          py::arg("sample"), py::arg("stream") = py::none());
    m.def("oasis_measure", &oasis_measure, py::arg("tensors"), py::arg("weight_decay"),
          py::arg("beta2"), py::arg("alpha"), py::arg("factor"));
}

}  // namespace steepest::bindings
