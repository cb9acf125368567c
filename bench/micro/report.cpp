// The norm report: one read of each matrix.
#include <string>
#include <vector>

#include "micro/run.h"

namespace steepest::bench {
namespace {

void run(benchmark::State& state, const Case& s) {
    std::vector<steepest_matrix> matrices;
    std::vector<Memory> memory;
    for (const Shape& shape : s.shapes("shapes")) {
        memory.push_back(values(shape.elements(), STEEPEST_F32));
        steepest_matrix m{};
        m.data = memory.back().data();
        m.rows = shape.rows;
        m.cols = m.row_stride = shape.cols;
        m.col_stride = 1;
        m.dtype = STEEPEST_F32;
        matrices.push_back(m);
    }
    std::vector<steepest_norm_report_values> found(matrices.size());
    steepest_norm_report_args args{};
    args.struct_size = sizeof args;
    args.matrix_size = sizeof(steepest_matrix);
    args.count = static_cast<int64_t>(matrices.size());
    args.matrices = matrices.data();
    args.values = found.data();
    if (time(state, [&] { return steepest_norm_report(&args); }))
        count(state, s.number("bytes"), 0);
}

}  // namespace

void add_report(const Case& s) {
    add(s.label(), [s](benchmark::State& state) { run(state, s); });
}

}  // namespace steepest::bench
