#include <vector>

#include "polar/device/lines.h"
#include "polar/device/passes_emulation.h"

namespace steepest::device {
namespace {

template <class F>
void each_thread(F&& f) {
    for (int32_t thread = 0; thread < kThreads; ++thread) f(thread);
}

// Step 3 of the tree, of what the threads of a warp hold.
double fold_held(const double (&held)[kWarp][kHeld]) {
    double lanes[kLanes];
    for (int t = 0; t < kWarp; ++t)
        for (int h = 0; h < kHeld; ++h) lanes[h * kWarp + t] = held[t][h];
    return fold_lanes(lanes);
}

double line_squares(const LinesView& v, int64_t line, double power) {
    PairSum sum;
    for (int64_t b = 0; b * kBlock < v.length; ++b) {
        double held[kWarp][kHeld] = {};
        for (int32_t lane = 0; lane < kWarp; ++lane)
            add_line_block(v, line, power, b, lane, held[lane]);
        sum.add(fold_held(held));
    }
    return sum.total();
}

// Of kAbreastLines lines from `first` on, into `sums`.
void abreast_squares(const LinesView& v, int64_t first, const double* power, double* sums) {
    PairSum sum[kAbreastLines];
    for (int64_t b = 0; b * kBlock < v.length; ++b) {
        AbreastLanes lanes;
        each_thread([&](int32_t thread) {
            const int32_t line = thread % kAbreastLines, warp = thread / kAbreastLines;
            double held[kLanesOfWarp] = {};
            if (first + line < v.lines)
                add_abreast_block(v, first + line, power[line], b, warp, held);
            for (int k = 0; k < kLanesOfWarp; ++k)
                lanes.at[warp * kLanesOfWarp + k][line] = held[k];
        });
        for (int half = kLanes / 2; half > 0; half /= 2)
            each_thread([&](int32_t thread) { fold_abreast(lanes, thread, half); });
        for (int k = 0; k < kAbreastLines; ++k) sum[k].add(lanes.at[0][k]);
    }
    for (int k = 0; k < kAbreastLines; ++k) sums[k] = sum[k].total();
}

double largest_by_threads(const LinesView& v, int64_t line, int32_t threads) {
    double largest = 0;
    for (int32_t t = 0; t < threads; ++t)
        largest = maximum(largest, largest_of_line(v, line, t, threads));
    return largest;
}

void sum_line(const LinesPass& pass, const LinesView& v, int64_t line) {
    if (line >= v.lines) return;
    double power = pass.again ? v.power[line] : 1;
    double squares = line_squares(v, line, power);
    if (!pass.again && has_doubles(v) && !v.is_shared && !is_trusted(squares)) {
        power = power_near(largest_by_threads(v, line, kWarp));
        squares = line_squares(v, line, power);
    }
    v.power[line] = power;
    v.value[line] = squares;
}

void sum_abreast(const LinesPass& pass, const LinesView& v, int64_t first) {
    double power[kAbreastLines], sums[kAbreastLines];
    const auto mended = [&](int k) {
        return !pass.again && has_doubles(v) && !v.is_shared && !is_trusted(sums[k]);
    };
    for (int k = 0; k < kAbreastLines; ++k)
        power[k] = pass.again && first + k < v.lines ? v.power[first + k] : 1;
    abreast_squares(v, first, power, sums);
    for (int k = 0; k < kAbreastLines && first + k < v.lines; ++k)
        if (mended(k)) power[k] = power_near(largest_by_threads(v, first + k, kWarps));
    abreast_squares(v, first, power, sums);
    for (int k = 0; k < kAbreastLines && first + k < v.lines; ++k) {
        v.power[first + k] = power[k];
        v.value[first + k] = sums[k];
    }
}

double folded(const double* leaves, int64_t n) {
    std::vector<double> copy(leaves, leaves + n);
    return fold_pairs(copy.data(), n);
}

struct EmulatedLines {
    static void sums(const LinesPass& pass, int64_t blocks, void*) {
        for (int64_t b = 0; b < blocks; ++b) {
            const Item item = locate(pass.first, pass.count, static_cast<int32_t>(b));
            const LinesView& v = pass.views[item.tensor];
            if (!is_summed(pass, v)) continue;
            if (v.is_abreast) {
                sum_abreast(pass, v, int64_t{item.index} * kAbreastLines);
            } else {
                for (int w = 0; w < kWarps; ++w)
                    sum_line(pass, v, int64_t{item.index} * kWarps + w);
            }
        }
    }
    static void powers(const LinesPass& pass, int64_t blocks, void*) {
        for (int64_t b = 0; b < blocks; ++b) {
            const LinesView& v = pass.views[b];
            if (!v.is_shared || !has_doubles(v) || v.lines == 0) continue;
            each_thread([&](int32_t thread) { copy_leaves(v, thread); });
            if (is_trusted(folded(v.tree, v.lines))) continue;
            double largest = 0;
            for (int64_t line = 0; line < v.lines; ++line)
                largest = maximum(largest, largest_by_threads(v, line, kThreads));
            each_thread([&](int32_t thread) { put_powers(v, power_near(largest), thread); });
        }
    }
    static void factors(const LinesPass& pass, int64_t blocks, void*) {
        for (int64_t b = 0; b < blocks; ++b) {
            const LinesView& v = pass.views[b];
            if (!v.has_norms || v.lines == 0) continue;
            each_thread([&](int32_t thread) { copy_leaves(v, thread); });
            const double before = v.is_shared ? folded(v.tree, v.lines) : 0;
            if (!v.moments) {
                each_thread([&](int32_t thread) { find_factors(v, before, thread); });
                continue;
            }
            each_thread([&](int32_t thread) { follow_moments(v, thread); });
            const double after = folded(v.tree + tree_nodes(v.lines), v.lines);
            const double by = restoring(v, before, after);
            each_thread([&](int32_t thread) { multiply_factors(v, by, thread); });
        }
    }
    static void write(const LinesPass& pass, int64_t blocks, void*) {
        for (int64_t b = 0; b < blocks; ++b) {
            const Item item = locate(pass.first, pass.count, static_cast<int32_t>(b));
            const LinesView& v = pass.views[item.tensor];
            const PolarTile tile = lines_tile(v, item.index);
            each_thread([&](int32_t thread) { write_tile(v, tile, thread); });
        }
    }
};

}  // namespace

const LinesRuns& emulated_lines_runs() {
    static constexpr LinesRuns runs = {EmulatedLines::sums, EmulatedLines::powers,
                                       EmulatedLines::factors, EmulatedLines::write};
    return runs;
}

}  // namespace steepest::device
