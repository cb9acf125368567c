// Matrices of the caller, of any strides and storage type, in the orientation of the iteration: the
// short side is the rows.
#pragma once

#include "core/dtype.h"
#include "polar/products.h"
#include "steepest/steepest.h"

namespace steepest::polar {

struct View {
    const void* data;
    void* result;
    int64_t rows, cols;  // rows <= cols
    int64_t row_stride, col_stride;
    int64_t result_row_stride, result_col_stride;
    DType dtype;

    explicit View(const steepest_matrix& m);
};

// Frobenius norm as scaled / power, the latter a power of two, so that it neither overflows nor
// underflows. NaN where an element is no finite number.
struct Norm {
    double scaled = 0;
    double power = 1;
};
Norm frobenius_norm(const View& v);

// A positive number in the same form.
Norm split_power(double x);

// x * power * factor in double, rounded once to the type of the iterate.
void load(const View& v, double power, double factor, const Matrix& to);

// Rounds an iterate to the result's storage type.
void store(const Matrix& from, const View& v);

}  // namespace steepest::polar
