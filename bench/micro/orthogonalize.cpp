// Orthogonalisation of a matrix or of a batch of them, as the Python call of the case asks for.
#include <string>
#include <vector>

#include "micro/run.h"

namespace steepest::bench {
namespace {

struct Call {
    Memory given, result;
    std::vector<steepest_matrix> matrices;
    std::vector<double> coefficients;
    std::vector<int32_t> restarts;
    steepest_orthogonalize_args args{};

    explicit Call(const Case& s) : coefficients(s.numbers("coefficients")) {
        const Shape shape = s.shape("shape");
        const int64_t count = s.number("count");
        given = values(count * shape.elements(), STEEPEST_F32);
        result = values(count * shape.elements(), STEEPEST_F32);
        const bool gram = s.text("method") == "gram";
        for (int64_t k = 0; k < count; ++k) add_matrix(shape, k, gram);
        for (double step : s.numbers("restarts")) restarts.push_back(static_cast<int32_t>(step));
        args.struct_size = sizeof args;
        args.matrix_size = sizeof(steepest_matrix);
        args.count = count;
        args.matrices = matrices.data();
        args.compute = s.dtype("compute");
        args.normalization = STEEPEST_FROBENIUS;
        args.steps = static_cast<int32_t>(coefficients.size() / 3);
        args.restart_count = static_cast<int32_t>(restarts.size());
        args.coefficients = coefficients.data();
        args.restarts = restarts.data();
        args.safety = 1;
    }
    Call(const Call&) = delete;

  private:
    void add_matrix(const Shape& shape, int64_t k, bool gram) {
        const int64_t at = k * shape.elements();
        steepest_matrix m{};
        m.data = static_cast<const float*>(given.data()) + at;
        m.result = static_cast<float*>(result.data()) + at;
        m.rows = shape.rows;
        m.cols = shape.cols;
        m.row_stride = m.result_row_stride = shape.cols;
        m.col_stride = m.result_col_stride = 1;
        m.dtype = STEEPEST_F32;
        m.method = gram ? STEEPEST_POLAR_GRAM : STEEPEST_POLAR_STANDARD;
        matrices.push_back(m);
    }
};

void run(benchmark::State& state, const Case& s) {
    Call call(s);
    const Memory workspace = workspace_of(steepest_orthogonalize_workspace, call.args);
    if (time(state, [&] { return steepest_orthogonalize(&call.args); }))
        count(state, s.number("bytes"), s.number("flops"));
}

}  // namespace

void add_orthogonalize(const Case& s) {
    add(s.label(), [s](benchmark::State& state) { run(state, s); });
}

}  // namespace steepest::bench
