#include "norms/device/report_emulation.h"

#include <memory>
#include <vector>

#include "norms/device/report_kernels.h"
#include "steps/device/emulate.h"

namespace steepest::device {
namespace {

// All threads of a CUDA block, from barrier to barrier.
class PanelBlock {
  public:
    PanelBlock(const ReportPass& pass, int32_t block)
        : pass_(pass), block_(block), states_(kThreads), shared_(new SumPanels::Shared) {
        std::memset(static_cast<void*>(shared_.get()), 0xFF, sizeof *shared_);
    }

    void run() {
        for (int round = 0; round < kRounds; ++round) {
            each([&](const PanelPart& part, SumPanels::State& state) {
                SumPanels::take(pass_, part, round, state, *shared_);
            });
            each([&](const PanelPart& part, auto&) { SumPanels::fold_parts(part, *shared_); });
            each([&](const PanelPart& part, auto&) { SumPanels::fold(part, round, *shared_); });
        }
        each([&](const PanelPart& part, auto& state) { SumPanels::leave(part, state, *shared_); });
        each([&](const PanelPart& part, auto&) { SumPanels::finish(part, *shared_); });
    }

  private:
    template <class F>
    void each(F&& f) {
        for (int32_t i = 0; i < kThreads; ++i) {
            const PanelPart part = PanelPart::of(pass_, Thread{block_, i});
            if (SumPanels::takes_part(pass_, part)) f(part, states_[static_cast<size_t>(i)]);
        }
    }

    const ReportPass& pass_;
    int32_t block_;
    std::vector<SumPanels::State> states_;
    std::unique_ptr<SumPanels::Shared> shared_;
};

struct Emulated {
    static void sum_panels(const ReportPass& pass, int64_t blocks, void*) {
        for (int32_t b = 0; b < blocks; ++b) PanelBlock(pass, b).run();
    }
    template <class Kernel>
    static void run(const ReportPass& pass, int64_t blocks, void* stream) {
        emulate<Kernel>(pass, blocks, stream);
    }
};

}  // namespace

const ReportRuns& emulated_report_runs() { return report_runs_of<Emulated>(); }

}  // namespace steepest::device
