// Products of matrices and stacks: arrays of any strides as the row-major batches of the C ABI.
#include "bindings/products.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>

#include "bindings/matrices.h"
#include "bindings/sources.h"

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

// An operand as the C ABI takes it: the array's own memory, or a row-major copy of it.
class Rows {
  public:
    explicit Rows(const Array& a) : own_(a), used_(a) {
        if (a.shape.count() == 0 || is_row_major(a.shape)) return;
        const auto bytes = static_cast<size_t>(a.shape.count() * size_of(a.dtype));
        copy_ = std::make_unique<char[]>(bytes);
        used_.data = copy_.get();
        used_.shape.stride = c_order(a.shape.extent);
    }
    void read() const {
        if (copy_) copy_elements(own_, used_);
    }
    void write() const {
        if (copy_) copy_elements(used_, own_);
    }
    steepest_operand operand() const {
        const Shape& s = used_.shape;
        const size_t row = s.extent.size() - 2;
        // The stride of a single row says nothing.
        const int64_t row_stride = s.extent[row] > 1 ? s.stride[row] : s.extent[row + 1];
        return {used_.data, row_stride, batch_stride(s).value_or(0),
                static_cast<int32_t>(used_.dtype)};
    }

  private:
    Array own_, used_;
    std::unique_ptr<char[]> copy_;
};

Array read_operand(py::handle object, const char* name) {
    Array a = read_matrices(object, {name});
    if (a.dtype == DType::f16)
        type_error(std::string(name) +
                   ": dtype float16 given, expected float32, float64 or bfloat16");
    return a;
}

// A product's operands. A single matrix goes with every matrix of the other's stack.
struct Factors {
    int32_t product;
    Array a;
    std::optional<Array> b;

    Factors(int32_t kind, py::handle left, py::handle right)
        : product(kind), a(read_operand(left, "A")) {
        if (kind != STEEPEST_PRODUCT_GRAM) {
            b = read_operand(right, "B");
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

bool go_together(DType a, DType other) {
    return other != DType::f16 && (a == DType::f64) == (other == DType::f64);
}

void check_stored(const Array& x, const char* name, DType a) {
    if (go_together(a, x.dtype)) return;
    type_error(std::string(name) + ": dtype " + dtype_name(x.dtype) + " given, expected " +
               (a == DType::f64 ? "float64" : "float32 or bfloat16") + " with A in " +
               dtype_name(a));
}

Array read_addend(py::handle object, const Factors& factors) {
    Array d = read_operand(object, "D");
    check_stored(d, "D", factors.a.dtype);
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

using Sums = py::array_t<double, py::array::c_style>;

// One entry (trace, squares) per matrix.
steepest_by_products* sums_of(const std::optional<Sums>& sums, int64_t count) {
    static_assert(sizeof(steepest_by_products) == 2 * sizeof(double));
    if (!sums) return nullptr;
    if (sums->size() != 2 * count || !sums->writeable()) value_error("sums: wrong shape");
    return reinterpret_cast<steepest_by_products*>(const_cast<double*>(sums->data()));
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
    Factors factors;
    Array out;
    std::optional<Array> d;
    bool in_place = false;  // D is C

    Arrays(int32_t product, py::handle left, py::handle right, py::handle addend, py::handle result)
        : factors(product, left, right) {
        if (!addend.is_none()) d = read_addend(addend, factors);
        out = read_result(result, {"out"}, factors.shape(), nullptr);
        check_stored(out, "out", factors.a.dtype);
        check_apart(out, factors.a, "A");
        if (factors.b) check_apart(out, *factors.b, "B");
        in_place = d && same_array(*d, out) && d->dtype == out.dtype;
        if (d && !in_place) check_apart(out, *d, "D");
    }
};

// The operands of a call; those that the product does not have stand for nothing.
struct Operands {
    Rows a, b, c, d;
    bool has_b, has_d, in_place;

    explicit Operands(const Arrays& arrays)
        : a(arrays.factors.a),
          b(arrays.factors.b.value_or(arrays.factors.a)),
          c(arrays.out),
          d(arrays.d && !arrays.in_place ? *arrays.d : arrays.out),
          has_b(arrays.factors.b),
          has_d(arrays.d),
          in_place(arrays.in_place) {}

    void read() const {
        a.read();
        if (has_b) b.read();
        if (in_place)
            c.read();
        else if (has_d)
            d.read();
    }
    void give(steepest_multiply_args& args) const {
        args.a = a.operand();
        args.b = b.operand();
        args.c = c.operand();
        if (has_d) args.d = in_place ? args.c : d.operand();
    }
};

void multiply(int32_t product, py::handle left, py::handle right, py::handle addend,
              py::handle result, const std::tuple<double, double, double>& update,
              const std::optional<Sums>& sums) {
    const Arrays arrays(product, left, right, addend, result);
    const Operands operands(arrays);
    steepest_multiply_args args{};
    args.struct_size = sizeof args;
    args.product = product;
    args.count = matrices_of(arrays.factors.lead());
    args.rows = rows_of(arrays.factors.a);
    args.inner = cols_of(arrays.factors.a);
    args.cols = arrays.factors.shape().back();
    std::tie(args.alpha, args.beta, args.gamma) = update;
    operands.give(args);
    args.sums = sums_of(sums, args.count);
    steepest_status status;
    {
        py::gil_scoped_release release;
        operands.read();
        status = run(args);
        if (status == STEEPEST_OK) operands.c.write();
    }
    throw_status(status);
}

}  // namespace

void bind_products(py::module_& m) {
    m.def(
        "product_shape",
        [](int32_t product, py::handle a, py::handle b) {
            const Factors factors(product, a, b);
            return py::make_tuple(py::tuple(py::cast(factors.shape())),
                                  dtype_name(factors.a.dtype));
        },
        py::arg("product"), py::arg("a"), py::arg("b"));
    m.def("multiply", &multiply, py::arg("product"), py::arg("a"), py::arg("b"), py::arg("d"),
          py::arg("out"), py::arg("update"), py::arg("sums"));
}

}  // namespace steepest::bindings
