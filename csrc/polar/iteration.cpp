#include "polar/iteration.h"

#include "core/parallel.h"
#include "polar/rescale.h"

namespace steepest::polar {
namespace {

struct HostEngine {
    static int64_t leading(int64_t cols, Type) { return cols; }
    static size_t scratch_bytes(const Batch& A, const Batch& C) {
        return polar::scratch_bytes(A, C);
    }
    static size_t rescale_bytes(const Batch&) { return 0; }

    static void symmetric(const Batch& A, const Update& update, const Batch* D, const Batch& C,
                          Arena scratch) {
        polar::symmetric(A, update, D, C, scratch);
    }
    static void symmetric_product(const Batch& A, const Batch& B, const Update& update,
                                  const Batch* D, const Batch& C, Arena scratch) {
        polar::symmetric_product(A, B, update, D, C, scratch);
    }
    static void general(const Batch& A, const Batch& B, const Update& update, const Batch* D,
                        const Batch& C, Arena scratch) {
        polar::general(A, B, update, D, C, scratch);
    }
    static void copy_plus(const Batch& from, double value, const Batch& to) {
        polar::copy_plus(from, value, to);
    }
    static void split(const Batch& from, const Batch& high, const Batch& low) {
        polar::split(from, high, low);
    }
    static bool gram_steps(const Batch&, const Batch&, const Batch&, const Batch&, bool,
                           const double*, int32_t) {
        return false;
    }
    static void rescale_rows(const Batch& x, const Batch& r, double safety, Arena) {
        polar::rescale_rows(x.matrix, r.matrix, safety);
    }
    static void rescale_by_schatten4(const Batch& x, const Batch& r, double safety, Arena) {
        polar::rescale_by_schatten4(x.matrix, r.matrix, safety);
    }
};

size_t buffer_bytes(const Group& g, const Program& p) {
    Arena measured(nullptr, 0);
    const Buffers<HostEngine> buffers(g.problem(1), p.type, measured);
    return measured.used();
}

// Small matrices are shared out: each thread takes its own from beginning to end, so that they stay
// in its cache and no product waits for another thread. Others are worked on one by one, by all
// threads.
struct Sharing {
    // An iteration has many products to wait at, so it pays for larger matrices than one product.
    static constexpr int64_t kLarger = 8;

    int threads;
    int64_t parts;

    explicit Sharing(const Group& g) {
        const auto count = static_cast<int64_t>(g.views.size());
        const int64_t multiplications = g.rows * g.rows * g.cols;
        threads = threads_for_products(multiplications * count);
        parts = matrices_at_a_time(multiplications / kLarger, count);
    }
};

// Normalises in double before anything is rounded to the type of the iterate. Zero stays zero.
void load_normalized(const Group& g, const Program& p, size_t i, const Matrix& x) {
    const View& v = g.views[i];
    Norm norm = frobenius_norm(v);
    if (p.normalization == STEEPEST_BOUND && norm.scaled == norm.scaled)
        norm = split_power(g.bounds[i]);
    const double factor = norm.scaled == 0 ? 0 : 1 / (p.safety * norm.scaled);
    load(v, norm.power, factor, x);
}

}  // namespace

size_t workspace_bytes(const Group& g, const Program& p) {
    return static_cast<size_t>(Sharing(g).parts) * buffer_bytes(g, p);
}

void orthogonalize(const Group& g, const Program& p, void* workspace) {
    const Sharing sharing(g);
    const Problem problem = g.problem(1);
    const size_t bytes = buffer_bytes(g, p);
    const size_t count = g.views.size();
    const auto run = [&](size_t part, size_t parts) {
        Arena arena(static_cast<char*>(workspace) + part * bytes, bytes);
        Buffers<HostEngine> b(problem, p.type, arena);
        HostEngine engine;
        for (size_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
            load_normalized(g, p, i, b.x.matrix);
            Iteration<HostEngine>(problem, p, b, engine).run();
            store(b.x.matrix, g.views[i]);
        }
    };
    if (sharing.parts == 1) return run(0, 1);
    parallel(sharing.threads, static_cast<int>(sharing.parts), [&](int part, int parts) {
        run(static_cast<size_t>(part), static_cast<size_t>(parts));
    });
}

}  // namespace steepest::polar
