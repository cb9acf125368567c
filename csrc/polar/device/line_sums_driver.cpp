#include "polar/device/line_sums_driver.h"

#include "core/image.h"
#include "polar/device/line_sums_kernels.h"

namespace steepest::device {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

void run(GridRun<LineSumsPass> kernel, const LineSumsPass& pass, int64_t blocks,
         const Backend& backend) {
    if (blocks > 0) kernel(pass, Image::to_int32(blocks), backend.stream());
}

}  // namespace

steepest_status line_sums(const polar::LinePair& pair, double* partial, double* out,
                          Backend& backend) {
    const LineSumsPass pass{pair, pair.line_blocks(), pair.length_blocks(), partial, out};
    const LineSumsRuns& runs = backend.line_sums_runs();
    if (pair.along)
        run(runs.along, pass, divide_up(pair.lines * pass.length_blocks, kWarps), backend);
    else
        run(runs.across, pass, pass.line_blocks * SumAcross::chunks(pair.length), backend);
    run(runs.fold, pass, divide_up(pair.sums(), kThreads), backend);
    return STEEPEST_OK;
}

}  // namespace steepest::device
