// The CPU products against a plain triple loop in long double, on every target that this processor
// can run: bounds of the rounding error element by element, exact symmetry, the same bits for any
// number of threads, edges, strides, by-products, NaN.
#include "polar/products.h"

#include "core/cpu.h"
#include "core/parallel.h"
#include "product_cases.h"

namespace {

using namespace steepest;
using namespace steepest::polar;
using namespace steepest::polar::cases;

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
        label = cpu::name(target);
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
