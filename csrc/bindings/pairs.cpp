#include "bindings/pairs.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstring>
#include <optional>
#include <utility>

#include "bindings/norm_results.h"

namespace steepest::bindings {
namespace {

// Which matrices of a stack, by their positions in C order; none: all of them.
using Numbers = std::optional<std::vector<int64_t>>;
// An array, whether it is read transposed, and which of its matrices.
using Part = std::tuple<py::object, bool, Numbers>;

// A stack of matrices in memory.
struct Stack {
    Array array;
    std::vector<int64_t> offsets;  // of the matrices that are used, in bytes
    int64_t rows = 0, cols = 0;
    steepest_elements elements{};

    Stack() = default;
    Stack(const Array& a, bool transposed, const Numbers& numbers) : array(a) {
        const size_t lead = a.shape.extent.size() - 2;
        rows = a.shape.extent[lead];
        cols = a.shape.extent[lead + 1];
        elements = {a.shape.stride[lead], a.shape.stride[lead + 1], static_cast<int32_t>(a.dtype)};
        if (transposed) {
            std::swap(rows, cols);
            std::swap(elements.row_stride, elements.col_stride);
        }
        choose(all_offsets(), numbers);
    }
    void* at(size_t i) const {
        return array.data ? static_cast<char*>(array.data) + offsets[i] : nullptr;
    }
    bool is_like(const Stack& other) const {
        return offsets.size() == other.offsets.size() && rows == other.rows && cols == other.cols;
    }

  private:
    std::vector<int64_t> all_offsets() const {
        const auto& e = array.shape.extent;
        std::vector<int64_t> found = {0};
        for (size_t d = 0; d + 2 < e.size(); ++d) {
            std::vector<int64_t> inner;
            for (const int64_t before : found)
                for (int64_t i = 0; i < e[d]; ++i)
                    inner.push_back(before + i * array.shape.stride[d] * size_of(array.dtype));
            found = std::move(inner);
        }
        return found;
    }
    void choose(std::vector<int64_t> all, const Numbers& numbers) {
        if (!numbers) {
            offsets = std::move(all);
            return;
        }
        for (const int64_t n : *numbers) offsets.push_back(all.at(static_cast<size_t>(n)));
    }
};

Stack read_part(const std::optional<Part>& part, const char* name, Place& place) {
    if (!part) return {};
    const auto& [object, transposed, numbers] = *part;
    return Stack(read_matrices(object, {name}, place), transposed, numbers);
}

// The call for these stacks, whose items have pointers only.
struct Call {
    std::vector<steepest_combination> items;
    steepest_combine_args args{};

    Call(const Stack& x, const Stack& y, const Stack& out, const Stack& like, const Place& place)
        : items(like.offsets.size()) {
        for (size_t i = 0; i < items.size(); ++i) {
            if (!x.offsets.empty()) items[i].x = x.at(i);
            if (!y.offsets.empty()) items[i].y = y.at(i);
            if (!out.offsets.empty()) items[i].out = out.at(i);
        }
        args.struct_size = sizeof args;
        args.item_size = sizeof(steepest_combination);
        args.count = static_cast<int64_t>(items.size());
        args.rows = like.rows;
        args.cols = like.cols;
        args.items = items.data();
        args.x = x.elements;
        args.y = y.elements;
        args.out = out.elements;
        args.stream = place.stream();
        args.device = place.device_argument();
    }
};

void run(Call& call, const Place& place) {
    steepest_combine_args& args = call.args;
    if (args.count == 0) return;
    throw_status(steepest_combine_workspace(&args, &args.workspace_size));
    const Scratch workspace(args.workspace_size, place);
    args.workspace = workspace.data();
    steepest_status status;
    {
        const py::gil_scoped_release release;
        status = args.found ? steepest_compare(&args) : steepest_combine(&args);
    }
    throw_status(status);
}

using Coefficients = py::array_t<double, py::array::c_style | py::array::forcecast>;

// Rows of (a, x_power, b, y_power, c), one for all matrices or one for each.
void give_coefficients(const Coefficients& given, std::vector<steepest_combination>& items) {
    const auto rows = given.unchecked<2>();
    for (size_t i = 0; i < items.size(); ++i) {
        const py::ssize_t row = rows.shape(0) == 1 ? 0 : static_cast<py::ssize_t>(i);
        items[i].a = rows(row, 0);
        items[i].x_power = static_cast<int32_t>(rows(row, 1));
        items[i].b = rows(row, 2);
        items[i].y_power = static_cast<int32_t>(rows(row, 3));
        items[i].c = rows(row, 4);
    }
}

void combine(const Part& to, const std::optional<Part>& first, const std::optional<Part>& second,
             const Coefficients& coefficients) {
    Place place("out");
    const Stack out = read_part(to, "out", place), x = read_part(first, "x", place),
                y = read_part(second, "y", place);
    const auto fits = [&](const Stack& s, bool given) { return !given || s.is_like(out); };
    if (!fits(x, first.has_value()) || !fits(y, second.has_value()) || out.array.refusal ||
        coefficients.ndim() != 2 || coefficients.shape(1) != 5 ||
        (coefficients.shape(0) != 1 &&
         coefficients.shape(0) != static_cast<py::ssize_t>(out.offsets.size())))
        value_error("out: stacks of different shapes given");
    Call call(x, y, out, out, place);
    give_coefficients(coefficients, call.items);
    run(call, place);
}

// (count, 4): largest, product, unequal, nonfinite of each matrix. Waits for them.
py::array_t<double> compare(const Part& first, const std::optional<Part>& second) {
    Place place("x");
    const Stack x = read_part(first, "x", place), y = read_part(second, "y", place);
    if (second && !y.is_like(x)) value_error("y: stack of another shape given");
    Call call(x, y, {}, x, place);
    const size_t size = x.offsets.size() * sizeof(steepest_comparison);
    py::array_t<double> found({static_cast<py::ssize_t>(x.offsets.size()), py::ssize_t{4}});
    if (size == 0) return found;
    const Scratch results(size, place);
    call.args.found = static_cast<steepest_comparison*>(results.data());
    run(call, place);
    if (place.stream())
        results.device().read(found.mutable_data(), results.data(), size);
    else
        std::memcpy(found.mutable_data(), results.data(), size);
    return found;
}

// (whether the array is on a device, the address of the stream to work on): the stream that is
// given, put behind the work of the array's framework. The emulation has no stream.
py::tuple work_place(const py::object& object, const std::string& name, const py::object& stream) {
    const py::dict options(py::arg("stream") = stream);
    Place place(name.c_str(), &options);
    read_matrices(object, {name.c_str()}, place);
    if (!place.on_device() && to_stream(stream).handle)
        value_error("stream: given, expected None because " + name + " is in host memory");
    const bool has_stream = place.on_device() && !place.emulated();
    const auto address = reinterpret_cast<uintptr_t>(has_stream ? place.stream() : nullptr);
    return py::make_tuple(place.stream() != nullptr, address);
}

}  // namespace

void copy_there(const Array& from, const Array& to, const Place& place) {
    const Stack x(from, false, std::nullopt), out(to, false, std::nullopt);
    Call call(x, {}, out, out, place);
    for (steepest_combination& item : call.items) item.a = 1;
    run(call, place);
}

void bind_pairs(py::module_& m) {
    m.def("combine", &combine, py::arg("out"), py::arg("x"), py::arg("y"), py::arg("coefficients"));
    m.def("compare", &compare, py::arg("x"), py::arg("y") = py::none());
    m.def("work_place", &work_place, py::arg("object"), py::arg("name"),
          py::arg("stream") = py::none());
    m.def(
        "check_place",
        [](py::handle object, const std::string& name, py::handle like, const std::string& of) {
            Place place(of.c_str());
            read_matrices(like, {of.c_str()}, place);
            read_matrices(object, {name.c_str()}, place);
        },
        py::arg("object"), py::arg("name"), py::arg("like"), py::arg("of"));
}

}  // namespace steepest::bindings
