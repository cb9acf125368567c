#include "norms/interval.h"

#include "core/cpu.h"
#include "norms/direct.h"
#include "norms/lanczos.h"
#include "norms/narrowing.h"
#include "norms/targets.h"

namespace steepest::norms {
namespace {

// Share of the tolerance that squarings in float may cost.
constexpr double kShareOfFloat = 0.125;
// A lower bound is looked for once the moments alone give an interval this many times as wide as
// wanted. They are far behind: the factor is several hundred for Gaussian matrices.
constexpr double kWorthLooking = 64;
// Lanczos' method and a proof by factorisation instead of squarings: from this size on, with this
// many steps, and where the tolerance leaves room for the rounding errors of the factorisation.
constexpr int64_t kWorthFactorizing = 32;
constexpr int kLanczosSteps = 60;
constexpr double kRoomToProve = 0.9;     // share of the tolerance between vector and proof
constexpr double kShareOfLanczos = 0.3;  // of the tolerance, for the error of the vector

class Search {
  public:
    Search(GramIteration& iteration, const Request& request)
        : it_(iteration), request_(request), estimates_(request.precision() == Precision::f32) {}

    // Without squarings. False where that does not give what is asked for.
    bool try_to_prove() {
        if (request_.enough > 0 && try_bound(it_.to_scale(request_.enough))) return true;
        look(true);
        if (!interval_.is_close(request_.tol) && it_.size() >= kWorthFactorizing) prove();
        return interval_.is_close(request_.tol);
    }

    Interval run() {
        if (request_.iterations >= 0)
            look(true);
        else if (try_to_prove())
            return found();
        while (it_.level() < limit() && !done()) {
            it_.square(choose());
            look(it_.level() == limit() || request_.iterations < 0);
        }
        if (!interval_.has_looked_below()) look_below();
        return found();
    }

    Interval found() const {
        const double upper = it_.unscaled(interval_.upper()),
                     lower = it_.unscaled(interval_.lower());
        return {std::min(lower, upper), upper, it_.level()};  // estimates may cross
    }

    Vector& vector() { return image_; }

  private:
    int limit() const {
        return request_.iterations < 0 ? kMostLevels : std::min(request_.iterations, kMostLevels);
    }

    bool done() const { return request_.iterations < 0 && interval_.is_done(request_.tol); }

    void look(bool below) {
        interval_.begin(it_.sigma_above(two_moment_bound(it_.iterate(), it_.sums())));
        if (below && (request_.iterations >= 0 || is_worth_looking())) look_below();
    }

    // By the moments of the iterate, the 2^level-th root of whose eigenvalues counts.
    bool is_worth_looking() const {
        const double below = moment_estimate(it_.sums());
        const double above = two_moment_bound(it_.iterate(), it_.sums()).value;
        const double width = std::log(above / below) / std::ldexp(2.0, it_.level());
        return !(width > kWorthLooking * request_.tol);
    }

    bool try_bound(double sigma) {
        constexpr double kAboveAll = 1.5;  // the trace is at most one
        const double lambda = std::min(it_.gram_for(sigma), kAboveAll);
        if (!(lambda > moment_estimate(it_.gram_sums()))) return false;
        if (!it_.has_no_eigenvalue_above(lambda)) return false;
        interval_.from_above(it_.sigma_above(Up{lambda}));
        return true;
    }

    // A vector by Lanczos' method, and the proof that nothing lies above its quotient by more than
    // the tolerance.
    void prove() {
        Lanczos lanczos([this](const Vector& v) { return multiply(it_.gram(), v); }, it_.size());
        if (!lanczos.run(kShareOfLanczos * request_.tol, kLanczosSteps)) return;
        look_below(lanczos.vector());
        try_bound(interval_.lower().value / (1 - kRoomToProve * request_.tol));
    }

    void look_below() { look_below(dominant_column(it_.iterate())); }

    void look_below(const Vector& v) {
        Vector image = v;
        const Up squares = Moments(it_.gram_sums(), it_.size()).squares.up;
        const Down found = it_.has_long_sums()
                               ? it_.sigma_below(v)
                               : it_.sigma_below(quotient(it_.gram(), squares, v, image));
        if (image_.empty() || found.value >= interval_.lower().value) image_.swap(image);
        interval_.from_below(found);
    }

    // Float where the errors of this and all later levels stay within their share: relative to
    // sigma an error of level t counts 2^-(t+1), and the later ones together count less than this.
    Precision choose() const {
        if (estimates_ || it_.precision() == Precision::f32) return Precision::f32;
        const double unit = unit_of(Precision::f32), n = static_cast<double>(it_.size());
        const double ratio =
            std::sqrt(it_.sums().squares) / std::max(moment_estimate(it_.sums()), 1e-300);
        const double cost = unit * ratio + 0.5 * unit * (n + 2) * ratio * ratio;
        const double allowed = request_.iterations < 0 ? kShareOfFloat * request_.tol : 0;
        return 2 * cost < std::ldexp(allowed, it_.level() + 1) ? Precision::f32 : Precision::f64;
    }

    GramIteration& it_;
    const Request& request_;
    bool estimates_;
    Narrowing interval_;
    Vector image_;
};

// The singular vectors that belong to an approximate one of the short side.
void find_pair(const GramIteration& it, Vector& left, const Pair& pair) {
    normalize(left);
    std::copy(left.begin(), left.end(), pair.short_side);
    Vector right = multiply_transposed(it.matrix(), left);
    normalize(right);
    std::copy(right.begin(), right.end(), pair.long_side);
}

// Whether the error of long sums leaves room within the tolerance if the matrix is like a Gaussian
// one: ||X||_F^2 / sigma^2 = n m / (sqrt(n) + sqrt(m))^2.
bool may_have_long_sums(const polar::View& view, const Request& request) {
    constexpr double kShare = 0.6;
    if (request.method != STEEPEST_SPECTRAL_INTERVAL || request.iterations >= 0) return false;
    if (view.rows < kWorthFactorizing) return false;
    const double n = static_cast<double>(view.rows), m = static_cast<double>(view.cols);
    const double ratio = n * m / ((std::sqrt(n) + std::sqrt(m)) * (std::sqrt(n) + std::sqrt(m)));
    return 0.5 * error_of_long_sums(m).value * ratio <= kShare * request.tol;
}

// The bounds from above alone.
Interval one_sided(GramIteration& it, const Request& request) {
    if (request.method == STEEPEST_SPECTRAL_AOL)
        return {0, it.unscaled(it.sigma_above(row_sum_bound(it.gram()))), 0};
    while (it.level() < std::min(request.iterations, kMostLevels)) it.square(Precision::f64);
    return {0, it.unscaled(it.sigma_above(norm_bound(it.size(), it.sums()))), it.level()};
}

Interval two_sided(GramIteration& it, const Request& request, const Pair& pair) {
    Search search(it, request);
    const Interval found = search.run();
    if (pair.short_side) find_pair(it, search.vector(), pair);
    return found;
}

bool with_long_sums(const polar::View& view, const polar::Norm& norm, const Request& request,
                    const Buffers& buffers, const Pair& pair, Interval& found) {
    GramIteration it = GramIteration::with_long_sums(view, norm, buffers);
    Search search(it, request);
    if (!search.try_to_prove()) return false;
    found = search.found();
    if (pair.short_side) find_pair(it, search.vector(), pair);
    return true;
}

bool directly(const polar::View& view, const polar::Norm& norm, const Request& request,
              const Buffers& buffers, Interval& found) {
    cpu::Target target;
    return suits_direct(view, request) && cpu::active(target) &&
           estimate_directly(view, norm, request, buffers, direct_kernels_of(target), found);
}

}  // namespace

// A sum of squares is rounded as often as it has terms, each of these up to twice, and eight times
// where sums in several ranges are put together. What is left out then, squares below 2^-1022
// beside a sum above 2^-800, is less than another rounding.
double frobenius_bound(const polar::View& view, Up root, double power) {
    const double size = static_cast<double>(view.rows) * static_cast<double>(view.cols);
    const Up lost = Up{size} * Up{tiny_of(Precision::f64)};  // by scaling and by squaring
    const Down kept = Down{1} - gamma(size + 10, unit_of(Precision::f64));
    return scaled(sqrt((root * root + lost) / kept) + lost, -std::ilogb(power)).value;
}

void fill_pair(const polar::View& view, double value, const Pair& pair) {
    if (!pair.short_side) return;
    std::fill_n(pair.short_side, view.rows, value);
    std::fill_n(pair.long_side, view.cols, value);
}

Interval bound(const polar::View& view, const Request& request, const Buffers& buffers,
               const Pair& pair) {
    const polar::Norm norm = polar::frobenius_norm(view);
    if (!(norm.scaled > 0)) {
        fill_pair(view, norm.scaled, pair);
        return {norm.scaled, norm.scaled, 0};
    }
    if (request.method == STEEPEST_SPECTRAL_FROBENIUS)
        return {0, frobenius_bound(view, Up::of(norm.scaled), norm.power), 0};
    Interval found{};
    if (!pair.short_side && directly(view, norm, request, buffers, found)) return found;
    if (may_have_long_sums(view, request) &&
        with_long_sums(view, norm, request, buffers, pair, found))
        return found;
    GramIteration it(view, norm, request.precision(), buffers);
    return request.is_one_sided() ? one_sided(it, request) : two_sided(it, request, pair);
}

}  // namespace steepest::norms
