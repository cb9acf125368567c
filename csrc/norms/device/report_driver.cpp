#include "norms/device/report_driver.h"

#include "core/image.h"
#include "norms/device/panel_kernel.h"

namespace steepest::device {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Descriptors and work items, and behind them what kernels write.
class ReportImage {
  public:
    explicit ReportImage(const steepest_norm_report_args& args) {
        for (int64_t i = 0; i < args.count; ++i) {
            const auto& given = *reinterpret_cast<const steepest_matrix*>(
                reinterpret_cast<const char*>(args.matrices) +
                static_cast<size_t>(i) * args.matrix_size);
            if (given.rows > 0 && given.cols > 0) add(given, i);
        }
        list_ = image_.put(matrices_);
        parts_ = items_of(panel_parts);
        lines_ = items_of([](const ReportMatrix& m) {
            return divide_up(m.matrix.rows + m.matrix.cols, kThreads);
        });
        for (const ReportMatrix& m : matrices_) take_room(m);
    }

    size_t size() const { return image_.size(); }
    int64_t count() const { return static_cast<int64_t>(matrices_.size()); }
    bool has_doubles() const { return has_doubles_; }

    void upload(char* base, Backend& backend) {
        for (size_t i = 0; i < matrices_.size(); ++i) place(i, base);
        image_.replace(list_, matrices_.data(), matrices_.size() * sizeof(ReportMatrix));
        backend.upload(base, image_.filled().get(), image_.copied());
    }

    // Reads the matrices, or those anew whose squares leave the range of double.
    void read(char* base, const steepest_norm_report_args& args, bool again,
              Backend& backend) const {
        const auto pass = [&](const Items& items) {
            return ReportPass{reinterpret_cast<const ReportMatrix*>(base + list_),
                              reinterpret_cast<const int32_t*>(base + items.at), args.values,
                              static_cast<int32_t>(matrices_.size()), again};
        };
        const ReportRuns& runs = backend.report_runs();
        runs.sum(pass(parts_), parts_.total, backend.stream());
        runs.norms(pass(lines_), lines_.total, backend.stream());
        runs.values(pass(lines_), count(), backend.stream());
    }

  private:
    struct Items {
        size_t at;
        int64_t total;
    };
    struct Room {
        size_t block_sums, row_sums, column_sums, column_norms, most, scale;
    };

    void add(const steepest_matrix& given, int64_t order) {
        ReportMatrix m{};
        m.matrix = given;
        m.panels = divide_up(given.rows, kLines);
        m.blocks = divide_up(given.cols, kBlock);
        m.order = order;
        matrices_.push_back(m);
        has_doubles_ = has_doubles_ || given.dtype == STEEPEST_F64;
    }

    template <class Count>
    Items items_of(Count&& count_of) {
        std::vector<int64_t> counts;
        for (const ReportMatrix& m : matrices_) counts.push_back(count_of(m));
        Items items{};
        items.at = image_.put_items(counts, items.total);
        return items;
    }

    void take_room(const ReportMatrix& m) {
        const int64_t rows = m.matrix.rows, cols = m.matrix.cols;
        rooms_.push_back({.block_sums = image_.room<double>(2 * rows * m.blocks),
                          .row_sums = image_.room<double>(3 * rows),
                          .column_sums = image_.room<double>(m.panels * cols),
                          .column_norms = image_.room<double>(cols),
                          .most = image_.room<double>(m.panels * m.blocks),
                          .scale = image_.room<double>(1)});
    }

    void place(size_t i, char* base) {
        const auto at = [&](size_t offset) { return reinterpret_cast<double*>(base + offset); };
        ReportMatrix& m = matrices_[i];
        const Room& room = rooms_[i];
        m.block_sums = at(room.block_sums);
        m.row_sums = at(room.row_sums);
        m.column_sums = at(room.column_sums);
        m.column_norms = at(room.column_norms);
        m.most = at(room.most);
        m.scale = at(room.scale);
    }

    Image image_;
    std::vector<ReportMatrix> matrices_;
    std::vector<Room> rooms_;
    size_t list_ = 0;
    Items parts_{}, lines_{};
    bool has_doubles_ = false;
};

}  // namespace

steepest_status report_size(const steepest_norm_report_args& args, size_t* size) {
    *size = ReportImage(args).size();
    return STEEPEST_OK;
}

steepest_status report(const steepest_norm_report_args& args, Backend& backend) {
    ReportImage image(args);
    if (!args.workspace || args.workspace_size < image.size()) return STEEPEST_WORKSPACE_TOO_SMALL;
    const std::vector<steepest_norm_report_values> zeros(static_cast<size_t>(args.count));
    if (image.count() < args.count)
        backend.upload(args.values, zeros.data(), zeros.size() * sizeof zeros[0]);
    if (image.count() == 0) return STEEPEST_OK;
    char* base = static_cast<char*>(args.workspace);
    image.upload(base, backend);
    image.read(base, args, false, backend);
    if (image.has_doubles()) image.read(base, args, true, backend);
    return STEEPEST_OK;
}

}  // namespace steepest::device
