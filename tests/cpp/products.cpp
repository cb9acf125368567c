// The CPU products against a plain triple loop in long double, on every target that this processor
// can run: bounds of the rounding error element by element, exact symmetry, the same bits for any
// number of threads, edges, strides, by-products, NaN.
#include "polar/products.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/codecs/bf16.h"
#include "core/cpu.h"
#include "core/parallel.h"

namespace {

using namespace steepest;
using namespace steepest::polar;

enum class Kind { symmetric, symmetric_product, general };

struct Case {
    Kind kind = Kind::symmetric;
    Type a = Type::f32, c = Type::f32, d = Type::f32;
    int64_t n = 1, k = 1, m = 1, count = 1, padding = 0;
    Update update{1, 0, 0};
    bool with_d = false, in_place = false;
};

int checked = 0, wrong = 0;

void expect(bool good, const char* what, const Case& c) {
    ++checked;
    if (good) return;
    ++wrong;
    cpu::Target target;
    cpu::active(target);
    std::printf("%s: target %s kind %d types %d %d %d n %ld k %ld m %ld count %ld padding %ld\n",
                what, cpu::name(target), static_cast<int>(c.kind), static_cast<int>(c.a),
                static_cast<int>(c.c), static_cast<int>(c.d), static_cast<long>(c.n),
                static_cast<long>(c.k), static_cast<long>(c.m), static_cast<long>(c.count),
                static_cast<long>(c.padding));
}

int64_t size_of_type(Type t) { return t == Type::f64 ? 8 : t == Type::f32 ? 4 : 2; }
double epsilon(Type t) { return t == Type::f64 ? 0x1p-53 : t == Type::f32 ? 0x1p-24 : 0x1p-8; }

uint64_t state = 1;
double random_value() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(static_cast<int64_t>(state) >> 11) * 0x1p-52;
}

// A batch in memory of its own, with a gap behind each matrix.
struct Array {
    std::vector<unsigned char> bytes;
    Batch batch;

    Array(int64_t rows, int64_t cols, Type type, int64_t count, int64_t padding) {
        const int64_t ld = cols + padding, stride = rows * ld + padding;
        bytes.assign(static_cast<size_t>(stride * count * size_of_type(type)) + 8, 0xA5);
        batch = {{bytes.data(), rows, cols, ld, type}, count, stride};
    }
    Array(const Array& other) : bytes(other.bytes), batch(other.batch) {
        batch.matrix.data = bytes.data();
    }
    int64_t place(int64_t item, int64_t i, int64_t j) const {
        return item * batch.stride + i * batch.matrix.ld + j;
    }
    double get(int64_t item, int64_t i, int64_t j) const {
        const int64_t p = place(item, i, j);
        const void* data = batch.matrix.data;
        if (batch.matrix.type == Type::f64) return static_cast<const double*>(data)[p];
        if (batch.matrix.type == Type::f32) return static_cast<const float*>(data)[p];
        return Bf16::decode(static_cast<const uint16_t*>(data)[p]);
    }
    void set(int64_t item, int64_t i, int64_t j, double v) {
        const int64_t p = place(item, i, j);
        void* data = batch.matrix.data;
        if (batch.matrix.type == Type::f64) static_cast<double*>(data)[p] = v;
        if (batch.matrix.type == Type::f32) static_cast<float*>(data)[p] = static_cast<float>(v);
        if (batch.matrix.type == Type::bf16)
            static_cast<uint16_t*>(data)[p] = Bf16::nearest(static_cast<float>(v));
    }
    void fill(bool as_symmetric) {
        for (int64_t b = 0; b < batch.count; ++b)
            for (int64_t i = 0; i < batch.matrix.rows; ++i)
                for (int64_t j = 0; j < batch.matrix.cols; ++j)
                    set(b, i, j, as_symmetric && j < i ? get(b, j, i) : random_value());
    }
};

struct Operands {
    Array a, b, d, c;

    explicit Operands(const Case& s)
        : a(s.n, s.k, s.a, s.count, s.padding),
          b(s.k, s.m, s.a, s.count, s.padding),
          d(s.n, s.m, s.d, s.count, s.padding),
          c(s.n, s.m, s.c, s.count, 2 * s.padding) {
        a.fill(s.kind == Kind::symmetric_product);
        b.fill(s.kind == Kind::symmetric_product);
        d.fill(s.kind != Kind::general);
        if (s.in_place) c.fill(s.kind != Kind::general);
    }
};

// Runs the product into `c`; `spare` is the part of the scratch memory that is given.
bool product(const Case& s, const Operands& o, Array& c, ByProducts* sums, double spare = 1) {
    const size_t bytes =
        static_cast<size_t>(static_cast<double>(scratch_bytes(o.a.batch, c.batch)) * spare);
    std::vector<unsigned char> memory(bytes + 64, 0xFF);  // NaN, if it were read
    const auto address = reinterpret_cast<uintptr_t>(memory.data());
    const Arena scratch(memory.data() + (64 - address % 64) % 64, bytes);
    const Batch* d = s.in_place ? &c.batch : s.with_d ? &o.d.batch : nullptr;
    if (s.kind == Kind::symmetric) return symmetric(o.a.batch, s.update, d, c.batch, scratch, sums);
    if (s.kind == Kind::symmetric_product)
        return symmetric_product(o.a.batch, o.b.batch, s.update, d, c.batch, scratch, sums);
    return general(o.a.batch, o.b.batch, s.update, d, c.batch, scratch);
}

struct Exact {
    long double value, size;  // size: the sum of the absolute values of all terms
};

Exact exact(const Case& s, const Operands& o, int64_t item, int64_t i, int64_t j) {
    long double sum = 0, size = 0;
    for (int64_t p = 0; p < s.k; ++p) {
        const long double right =
            s.kind == Kind::symmetric ? o.a.get(item, j, p) : o.b.get(item, p, j);
        const long double term = o.a.get(item, i, p) * right;
        sum += term;
        size += std::fabs(term);
    }
    Exact e{s.update.alpha * sum, std::fabs(s.update.alpha) * size};
    const bool has_d = s.with_d || s.in_place;
    const long double d =
        has_d && s.update.beta != 0 ? s.update.beta * (s.in_place ? o.c : o.d).get(item, i, j) : 0;
    const long double identity = i == j ? s.update.gamma : 0;
    return {e.value + d + identity, e.size + std::fabs(d) + std::fabs(identity)};
}

double bound(const Case& s, const Exact& e) {
    const double accumulate = epsilon(s.a == Type::f64 ? Type::f64 : Type::f32);
    // The dot product of bfloat16 takes denormal results for zero.
    const double tiny = s.a == Type::f64 ? 0 : static_cast<double>(s.k + 1) * 0x1p-126;
    const double sums = (static_cast<double>(s.k) + 6) * accumulate * static_cast<double>(e.size);
    if (s.c != Type::bf16) return sums + tiny;
    const double stored = std::fabs(static_cast<double>(e.value)) + sums;
    return sums + tiny + epsilon(Type::bf16) * stored;
}

bool is_checked(int64_t n, int64_t i) { return n <= 70 || i % 37 == 0 || i + 2 >= n || i == n / 2; }

// Every element of a small matrix, some rows and columns of a large one.
bool close(const Case& s, const Operands& o, const Array& c) {
    for (int64_t b = 0; b < s.count; ++b)
        for (int64_t i = 0; i < s.n; ++i)
            for (int64_t j = 0; j < s.m; ++j) {
                if (!is_checked(s.n, i) || !is_checked(s.m, j)) continue;
                // One triangle decides, since two symmetric matrices of random elements do not
                // commute.
                if (s.kind != Kind::general && j > i) continue;
                const Exact e = exact(s, o, b, i, j);
                const long double error = std::fabs(c.get(b, i, j) - e.value);
                if (!(error <= bound(s, e))) return false;
            }
    return true;
}

bool is_symmetric(const Case& s, const Array& c) {
    for (int64_t b = 0; b < s.count; ++b)
        for (int64_t i = 0; i < s.n; ++i)
            for (int64_t j = 0; j < i; ++j)
                if (c.get(b, i, j) != c.get(b, j, i)) return false;
    return true;
}

// Nothing is written between the rows or behind the last one.
bool gaps_kept(const Array& before, const Array& after) {
    Array copy = after;
    const Matrix& m = after.batch.matrix;
    for (int64_t b = 0; b < after.batch.count; ++b)
        for (int64_t i = 0; i < m.rows; ++i) {
            const size_t at = static_cast<size_t>(after.place(b, i, 0) * size_of_type(m.type));
            std::memcpy(&copy.bytes[at], &before.bytes[at],
                        static_cast<size_t>(m.cols * size_of_type(m.type)));
        }
    return copy.bytes == before.bytes;
}

bool sums_right(const Case& s, const Array& c, const std::vector<ByProducts>& sums) {
    const double tolerance = s.c == Type::bf16 ? 0x1p-7 : 1e-12;
    for (int64_t b = 0; b < s.count; ++b) {
        long double trace = 0, squares = 0, size = 0;
        for (int64_t i = 0; i < s.n; ++i) {
            trace += c.get(b, i, i);
            size += std::fabs(c.get(b, i, i));
            for (int64_t j = 0; j < s.n; ++j) squares += std::pow(c.get(b, i, j), 2);
        }
        const ByProducts& got = sums[static_cast<size_t>(b)];
        if (!(std::fabs(got.trace - trace) <= tolerance * size)) return false;
        if (!(std::fabs(got.squares - squares) <= 2 * tolerance * squares)) return false;
    }
    return true;
}

bool same_sums(const std::vector<ByProducts>& a, const std::vector<ByProducts>& b) {
    return a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(ByProducts)) == 0;
}

void check(const Case& s) {
    const Operands o(s);
    const size_t entries = s.kind == Kind::general ? 0 : static_cast<size_t>(s.count);
    std::vector<ByProducts> sums(entries);
    Array c = o.c;
    set_max_threads(1);
    expect(product(s, o, c, entries ? sums.data() : nullptr), "refused", s);
    expect(close(s, o, c), "error bound", s);
    expect(gaps_kept(o.c, c), "gaps", s);
    if (entries) expect(is_symmetric(s, c), "symmetry", s);
    if (entries) expect(sums_right(s, c, sums), "by-products", s);
    for (int threads = 2; threads <= 4; ++threads) {
        set_max_threads(threads);
        std::vector<ByProducts> again(entries);
        Array other = o.c;
        product(s, o, other, entries ? again.data() : nullptr);
        expect(other.bytes == c.bytes && same_sums(sums, again), "bits of the threads", s);
    }
    Array plain = o.c;
    product(s, o, plain, nullptr);
    expect(plain.bytes == c.bytes, "bits without by-products", s);
}

// All kinds and storage mixes of one shape.
void check_shape(Type a, int64_t n, int64_t k, int64_t m, int64_t count, int64_t padding) {
    const Update updates[] = {{1, 0, 0}, {-0.75, 0.5, 2.25}, {1.5, 1, 0}};
    int turn = static_cast<int>(n + k);
    for (Type c : {a, a == Type::bf16 ? Type::f32 : a}) {
        for (Kind kind : {Kind::symmetric, Kind::symmetric_product, Kind::general}) {
            Case s{kind, a, c, turn % 2 ? a : c, n, k, n, count, padding, {}, false, false};
            if (kind == Kind::symmetric_product) s.k = n;
            if (kind == Kind::general) s.m = m;
            s.update = updates[turn % 3];
            s.with_d = turn % 3 != 0;
            s.in_place = turn % 4 == 1;
            check(s);
            ++turn;
        }
        if (a != Type::bf16) break;
    }
}

void check_shapes(Type a, bool quick) {
    const int64_t small[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65};
    for (int64_t n : small) {
        check_shape(a, n, n, n, 1, 0);
        check_shape(a, n, (n * 7 + 3) % 40 + 1, n / 2 + 3, 2, n % 5);
    }
    check_shape(a, 100, 129, 65, 3, 1);
    check_shape(a, 129, 100, 257, 2, 0);
    check_shape(a, 33, 2049, 33, 1, 0);
    check_shape(a, 16, 48, 1100, 1, 0);  // more than one slab of columns
    check_shape(a, 24, 24, 24, 100, 1);  // shared out by matrix
    check_shape(a, 65, 17, 31, 61, 0);
    if (quick) return;
    check_shape(a, 257, 1301, 100, 1, 3);
    check_shape(a, 513, 257, 129, 1, 0);
}

void check_by_hand(Type a) {
    for (int64_t k : {40, 1600}) {
        Case s{Kind::symmetric, a, a, a, 50, k, 50, 1, 0, {2, 0, 1}, true, false};
        Operands o(s);
        o.a.set(0, 7, k - 1, NAN);
        o.a.set(0, 40, 3, INFINITY);
        for (int64_t i = 0; i < s.n; ++i) o.d.set(0, i, 0, NAN);  // not read, beta being zero
        Array c = o.c;
        ByProducts sums;
        product(s, o, c, &sums);
        bool right = std::isnan(sums.squares) && std::isnan(sums.trace);
        for (int64_t i = 0; i < s.n; ++i)
            for (int64_t j = 0; j < s.n; ++j) {
                const double v = c.get(0, i, j);
                right &= std::isnan(v) == (i == 7 || j == 7);
                right &= std::isfinite(v) == !(i == 7 || j == 7 || i == 40 || j == 40);
            }
        expect(right, "NaN and infinity", s);
    }
}

// No inner dimension, no matrix, too little memory.
void check_limits(Type a) {
    Case s{Kind::symmetric, a, a, a, 20, 0, 20, 2, 0, {1, 2, 3}, true, false};
    check(s);
    s.n = s.m = 0;
    check(s);
    s = {Kind::symmetric, a, a, a, 300, 700, 300, 1, 0, {1, 0, 0}, false, false};
    const Operands o(s);
    Array c = o.c;
    expect(!product(s, o, c, nullptr, 0.1) && c.bytes == o.c.bytes, "too little memory", s);
    s = {Kind::symmetric_product, a, a, a, 40, 40, 40, 64, 0, {1, 0, 0}, false, false};
    const Operands many(s);
    Array whole = many.c, part = many.c;
    product(s, many, whole, nullptr);
    expect(product(s, many, part, nullptr, 0.4) && part.bytes == whole.bytes, "less memory", s);
}

// Products of bfloat16 are exact in float: integers whose sums are too come out exactly.
void check_exact_products() {
    Case s{Kind::symmetric, Type::bf16, Type::f32, Type::f32, 70, 301, 70, 1, 0,
           {1, 0, 0},       false,      false};
    Operands o(s);
    for (int64_t i = 0; i < s.n; ++i)
        for (int64_t j = 0; j < s.k; ++j) o.a.set(0, i, j, std::floor(random_value() * 128));
    Array c = o.c;
    product(s, o, c, nullptr);
    bool right = true;
    for (int64_t i = 0; i < s.n; ++i)
        for (int64_t j = 0; j < s.n; ++j) right &= c.get(0, i, j) == exact(s, o, 0, i, j).value;
    expect(right, "exact products", s);
}

}  // namespace

// With any argument the largest shapes are left out: for the sanitizers.
int main(int count, char**) {
    const bool quick = count > 1;
    for (int t = 0; t < cpu::kTargets; ++t) {
        const auto target = static_cast<cpu::Target>(t);
        if (!cpu::use(cpu::name(target))) continue;
        for (Type a : {Type::f32, Type::f64, Type::bf16}) {
            check_shapes(a, quick);
            check_by_hand(a);
            check_limits(a);
        }
        check_exact_products();
        std::printf("%s: %d checks, %d wrong\n", cpu::name(target), checked, wrong);
    }
    return wrong ? 1 : 0;
}
