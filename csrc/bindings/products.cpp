// Products of matrices and stacks: arrays of any strides as the row-major batches of the C ABI, in
// host memory or on a device.
#include "bindings/products.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>

#include "bindings/matrices.h"
#include "bindings/operand_rows.h"
#include "bindings/workspace.h"

namespace steepest::bindings {
namespace {

using Extent = std::vector<int64_t>;

int64_t rows_of(const Array& a) { return a.shape.extent.end()[-2]; }
int64_t cols_of(const Array& a) { return a.shape.extent.back(); }
Extent lead_of(const Array& a) { return {a.shape.extent.begin(), a.shape.extent.end() - 2}; }

int64_t matrices_of(const Extent& lead) {
    int64_t n = 1;
    for (const int64_t e : lead) n *= e;
    return n;
}

Array read_operand(py::handle object, const char* name, Place& place) {
    Array a = read_matrices(object, {name}, place);
    if (a.dtype == DType::f16 && !place.stream())
        type_error(std::string(name) +
                   ": dtype float16 given, expected float32, float64 or bfloat16");
    return a;
}

// A product's operands. A single matrix goes with every matrix of the other's stack.
struct Factors {
    int32_t product;
    Array a;
    std::optional<Array> b;

    Factors(int32_t kind, py::handle left, py::handle right, Place& place)
        : product(kind), a(read_operand(left, "A", place)) {
        if (kind != STEEPEST_PRODUCT_GRAM) {
            b = read_operand(right, "B", place);
            check_right();
        }
    }
    Extent lead() const { return b && lead_of(a).empty() ? lead_of(*b) : lead_of(a); }
    Extent shape() const {
        Extent extent = lead();
        extent.push_back(rows_of(a));
        extent.push_back(b ? cols_of(*b) : rows_of(a));
        return extent;
    }

  private:
    void check_right() const {
        if (b->dtype != a.dtype)
            type_error(std::string("B: dtype ") + dtype_name(b->dtype) + " given, expected " +
                       dtype_name(a.dtype) + " as A");
        if (product == STEEPEST_PRODUCT_SYMMETRIC && rows_of(a) != cols_of(a))
            value_error("A: shape " + a.shape.text() + " given, expected square matrices");
        const bool square = product == STEEPEST_PRODUCT_SYMMETRIC;
        const bool fits = rows_of(*b) == cols_of(a) && (!square || cols_of(*b) == rows_of(*b)) &&
                          (lead_of(a).empty() || lead_of(*b).empty() || lead_of(a) == lead_of(*b));
        if (fits) return;
        const std::string expected = square ? "the shape of A or of its matrices, " + a.shape.text()
                                            : "matrices of " + std::to_string(cols_of(a)) +
                                                  " rows, one or a stack as A's, " + a.shape.text();
        value_error("B: shape " + b->shape.text() + " given, expected " + expected);
    }
};

bool go_together(DType a, DType other, const Place& place) {
    return (other != DType::f16 || place.stream()) && (a == DType::f64) == (other == DType::f64);
}

void check_stored(const Array& x, const char* name, DType a, const Place& place) {
    if (go_together(a, x.dtype, place)) return;
    const char* halves = place.stream() ? "float32, bfloat16 or float16" : "float32 or bfloat16";
    type_error(std::string(name) + ": dtype " + dtype_name(x.dtype) + " given, expected " +
               (a == DType::f64 ? "float64" : halves) + " with A in " + dtype_name(a));
}

Array read_addend(py::handle object, const Factors& factors, Place& place) {
    Array d = read_operand(object, "D", place);
    check_stored(d, "D", factors.a.dtype, place);
    Extent one = factors.shape();
    one.erase(one.begin(), one.end() - 2);
    if (d.shape.extent != factors.shape() && d.shape.extent != one)
        value_error("D: shape " + d.shape.text() + " given, expected " +
                    shape_text(factors.shape()));
    return d;
}

void check_apart(const Array& out, const Array& other, const char* name) {
    if (share_memory(out, other))
        value_error(std::string("out: memory shared with ") + name +
                    " given, expected D itself or memory apart");
}

// One entry (trace, squares) per matrix; null where none are wanted.
steepest_by_products* read_sums(py::handle object, int64_t count, Place& place) {
    static_assert(sizeof(steepest_by_products) == 2 * sizeof(double));
    if (object.is_none()) return nullptr;
    const Array a = to_array(object, {"sums"}, place);
    if (a.dtype != DType::f64 || a.shape.count() != 2 * count || !is_c_order(a.shape) || a.refusal)
        value_error("sums: wrong array");
    return static_cast<steepest_by_products*>(a.data);
}

steepest_status run(steepest_multiply_args& args) {
    if (const auto s = steepest_multiply_workspace(&args, &args.workspace_size)) return s;
    const HostWorkspace workspace(args.workspace_size);
    if (!workspace.data()) return STEEPEST_OUT_OF_MEMORY;
    args.workspace = workspace.data();
    return steepest_multiply(&args);
}

// All arrays of a call, checked.
struct Arrays {
    py::dict options;
    Place place;
    Factors factors;
    Array out;
    std::optional<Array> d;
    bool in_place = false;  // D is C

    Arrays(int32_t product, py::handle a, py::handle b, py::handle added, py::handle c,
           const py::object& stream)
        : options(py::arg("stream") = stream), place("A", &options), factors(product, a, b, place) {
        if (!added.is_none()) d = read_addend(added, factors, place);
        out = read_result(c, {"out"}, factors.shape(), nullptr, place);
        if (!place.on_device() && to_stream(stream).handle)
            value_error("stream: given, expected None because A is in host memory");
        check_stored(out, "out", factors.a.dtype, place);
        check_apart(out, factors.a, "A");
        if (factors.b) check_apart(out, *factors.b, "B");
        in_place = d && same_array(*d, out) && d->dtype == out.dtype;
        if (d && !in_place) check_apart(out, *d, "D");
    }
};

// The operands of a call that the product has; D only where it is not C.
struct Operands {
    Rows a, c;
    std::optional<Rows> b, d;
    bool in_place;

    explicit Operands(const Arrays& arrays)
        : a(arrays.factors.a, arrays.place),
          c(arrays.out, arrays.place),
          in_place(arrays.in_place) {
        if (arrays.factors.b) b.emplace(*arrays.factors.b, arrays.place);
        if (arrays.d && !in_place) d.emplace(*arrays.d, arrays.place);
    }

    void read() const {
        a.read();
        if (b) b->read();
        if (d) d->read();
        if (in_place) c.read();
    }
    void give(steepest_multiply_args& args) const {
        args.a = a.operand();
        args.b = b ? b->operand() : args.a;
        args.c = c.operand();
        if (in_place)
            args.d = args.c;
        else if (d)
            args.d = d->operand();
    }
};

steepest_multiply_args arguments(const Arrays& arrays,
                                 const std::tuple<double, double, double>& update) {
    steepest_multiply_args args{};
    args.struct_size = sizeof args;
    args.product = arrays.factors.product;
    args.count = matrices_of(arrays.factors.lead());
    args.rows = rows_of(arrays.factors.a);
    args.inner = cols_of(arrays.factors.a);
    args.cols = arrays.factors.shape().back();
    std::tie(args.alpha, args.beta, args.gamma) = update;
    args.stream = arrays.place.stream();
    args.device = arrays.place.device_argument();
    return args;
}

steepest_status run_on_host(steepest_multiply_args& args, const Operands& operands) {
    const py::gil_scoped_release release;
    operands.read();
    const steepest_status status = run(args);
    if (status == STEEPEST_OK) operands.c.write();
    return status;
}

// Only enqueued; memory for copies comes from the arrays' framework, which needs the interpreter
// lock.
steepest_status run_on_device(steepest_multiply_args& args, const Operands& operands,
                              const Place& place) {
    operands.read();
    if (const auto s = steepest_multiply_workspace(&args, &args.workspace_size)) return s;
    const DeviceMemory workspace(args.workspace_size, place);
    args.workspace = workspace.data();
    steepest_status status;
    {
        const py::gil_scoped_release release;
        status = steepest_multiply(&args);
    }
    if (status == STEEPEST_OK) operands.c.write();
    return status;
}

void multiply(int32_t product, py::handle left, py::handle right, py::handle addend,
              py::handle result, const std::tuple<double, double, double>& update, py::handle sums,
              const py::object& stream) {
    Arrays arrays(product, left, right, addend, result, stream);
    steepest_multiply_args args = arguments(arrays, update);
    args.sums = read_sums(sums, args.count, arrays.place);
    const Operands operands(arrays);
    operands.give(args);
    throw_status(args.stream ? run_on_device(args, operands, arrays.place)
                             : run_on_host(args, operands));
}

}  // namespace

void bind_products(py::module_& m) {
    m.def(
        "product_shape",
        [](int32_t product, py::handle a, py::handle b) {
            Place place("A");
            const Factors factors(product, a, b, place);
            return py::make_tuple(py::tuple(py::cast(factors.shape())),
                                  dtype_name(factors.a.dtype));
        },
        py::arg("product"), py::arg("a"), py::arg("b"));
    m.def("multiply", &multiply, py::arg("product"), py::arg("a"), py::arg("b"), py::arg("d"),
          py::arg("out"), py::arg("update"), py::arg("sums"), py::arg("stream") = py::none());
}

}  // namespace steepest::bindings
