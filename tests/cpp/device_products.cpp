// The products of device code, emulated, against a plain triple loop in long double: bounds of the
// rounding error element by element, exact symmetry, the same bits wherever operands lie, whatever
// the size of the tiles and the batch, edges, strides, by-products, NaN.
#include "polar/device/products.h"

#include <tuple>

#include "polar/device/product_emulation.h"
#include "product_cases.h"

namespace {

using namespace steepest;
using namespace steepest::polar;
using namespace steepest::polar::cases;

class Products final : public device::ProductBackend {
  public:
    const device::ProductRuns& product_runs(bool has_columns) const override {
        return device::emulated_product_runs(has_columns);
    }
    void* stream() const override { return nullptr; }
};

bool product(const Case& s, const Operands& o, Array& c, ByProducts* sums, bool has_room = true) {
    const Products backend;
    const device::DeviceProducts products(backend);
    std::vector<ByProducts> memory(
        device::DeviceProducts::scratch_bytes(o.a.batch, c.batch) / sizeof(ByProducts) + 1,
        {NAN, NAN});
    const Arena scratch(memory.data(), has_room ? memory.size() * sizeof(ByProducts) : 0);
    const Batch* d = s.in_place ? &c.batch : s.with_d ? &o.d.batch : nullptr;
    if (s.kind == Kind::symmetric)
        return products.symmetric(o.a.batch, s.update, d, c.batch, scratch, sums);
    if (s.kind == Kind::symmetric_product)
        return products.symmetric_product(o.a.batch, o.b.batch, s.update, d, c.batch, scratch,
                                          sums);
    return products.general(o.a.batch, o.b.batch, s.update, d, c.batch, scratch);
}

void check(const Case& s) {
    const Operands o(s);
    const size_t entries = s.kind == Kind::general ? 0 : static_cast<size_t>(s.count);
    std::vector<ByProducts> sums(entries);
    Array c = o.c;
    expect(product(s, o, c, entries ? sums.data() : nullptr), "refused", s);
    expect(close(s, o, c), "error bound", s);
    expect(gaps_kept(o.c, c), "gaps", s);
    if (entries) expect(is_symmetric(s, c), "symmetry", s);
    if (entries) expect(sums_right(s, c, sums), "by-products", s);
    Array plain = o.c;
    product(s, o, plain, nullptr, false);
    expect(plain.bytes == c.bytes, "bits without by-products", s);
    if (entries && s.n > 0) {
        Array untouched = o.c;
        expect(!product(s, o, untouched, sums.data(), false) && untouched.bytes == o.c.bytes,
               "too little memory", s);
    }
}

// All kinds of one shape. Kinds without D, with D in C, and with D apart take turns.
void check_shape(Type a, Type c, Type d, int64_t n, int64_t k, int64_t m, int64_t count,
                 int64_t padding) {
    const Update updates[] = {{1, 0, 0}, {-0.75, 0.5, 2.25}, {1.5, 1, 0}};
    int turn = static_cast<int>(n + k);
    for (Kind kind : {Kind::symmetric, Kind::symmetric_product, Kind::general}) {
        Case s{kind,         a, c, d, n, k, n, count, padding, updates[turn % 3], turn % 3 != 0,
               turn % 3 == 1};
        if (kind == Kind::symmetric_product) s.k = n;
        if (kind == Kind::general) s.m = m;
        check(s);
        ++turn;
    }
}

// Rows on the 16-byte grid are copied asynchronously, others by element. `quick` leaves out what is
// more of the same for a sanitizer.
void check_shapes(Type a, Type c, Type d, bool quick) {
    for (int64_t n : {1, 2, 7, 16, 31, 64, 65}) {
        check_shape(a, c, d, n, n, n, 1, 0);
        check_shape(a, c, d, n, (n * 7 + 3) % 40 + 1, n / 2 + 3, 2, n % 5);
    }
    check_shape(a, c, d, 193, 33, 31, 1, 0);  // three tiles down
    if (quick) return;
    check_shape(a, c, d, 100, 128, 65, 3, 1);
    check_shape(a, c, d, 128, 100, 256, 2, 0);
    check_shape(a, c, d, 33, 1024, 40, 1, 0);
    check_shape(a, c, d, 24, 24, 24, 100, 0);  // enough for large tiles
    check_shape(a, c, d, 136, 24, 120, 33, 0);
    check_shape(a, c, d, 131, 21, 120, 33, 1);
}

// The same elements in one matrix and in many, where the tiles are larger, and off the grid.
void check_bits(Type a) {
    for (Kind kind : {Kind::symmetric, Kind::general}) {
        Case one{kind, a, a, a, 70, 88, 70, 1, 0, {1, 0, 0.5}, false, false};
        Case many = one, shifted = one;
        many.count = 100;
        shifted.padding = 1;
        const Operands o(one);
        Operands p(many), q(shifted);
        for (auto [from, all, off] : {std::tuple{&o.a, &p.a, &q.a}, std::tuple{&o.b, &p.b, &q.b}})
            for (int64_t i = 0; i < from->batch.matrix.rows; ++i)
                for (int64_t j = 0; j < from->batch.matrix.cols; ++j) {
                    all->set(99, i, j, from->get(0, i, j));
                    off->set(0, i, j, from->get(0, i, j));
                }
        Array c = o.c, large = p.c, aside = q.c;
        product(one, o, c, nullptr);
        product(many, p, large, nullptr);
        product(shifted, q, aside, nullptr);
        bool same = true;
        for (int64_t i = 0; i < one.n; ++i)
            for (int64_t j = 0; j < one.m; ++j)
                same &=
                    c.get(0, i, j) == large.get(99, i, j) && c.get(0, i, j) == aside.get(0, i, j);
        expect(same, "bits of the tiles", one);
    }
}

void check_by_hand(Type a) {
    Case s{Kind::symmetric, a, a, a, 80, 40, 80, 1, 0, {2, 0, 1}, true, false};
    Operands o(s);
    o.a.set(0, 7, s.k - 1, NAN);
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
    s = {Kind::symmetric, a, a, a, 20, 0, 20, 2, 0, {1, 2, 3}, true, false};
    check(s);
    s.n = s.m = 0;
    check(s);
}

// The upper triangle of D is not read.
void check_upper_triangle() {
    Case s{Kind::symmetric, Type::f32, Type::f32, Type::f32, 70, 9, 70, 1, 0,
           {1, 1, 0},       true,      false};
    Operands o(s);
    for (int64_t i = 0; i < s.n; ++i)
        for (int64_t j = i + 1; j < s.n; ++j) o.d.set(0, i, j, NAN);
    Array c = o.c;
    product(s, o, c, nullptr);
    expect(close(s, o, c) && is_symmetric(s, c), "the upper triangle of D", s);
}

// Floats whose sums in float would be off: 2^24 + 1 + 1 + ... is summed in runs of 32.
void check_long_sums() {
    Case s{Kind::symmetric, Type::f32, Type::f64, Type::f64, 3, 32 * 40, 3, 1, 0,
           {1, 0, 0},       false,     false};
    Operands o(s);
    for (int64_t j = 0; j < s.k; ++j)
        for (int64_t i = 0; i < s.n; ++i) o.a.set(0, i, j, j < 32 ? (j ? 0 : 4096) : 1);
    Array c = o.c;
    product(s, o, c, nullptr);
    bool right = true;
    for (int64_t i = 0; i < s.n; ++i)
        for (int64_t j = 0; j < s.n; ++j) right &= c.get(0, i, j) == 0x1p24 + 32 * 39;
    expect(right, "long sums", s);
}

}  // namespace

int main(int count, char**) {
    const bool quick = count > 1;
    struct Types {
        const char* name;
        Type a, c, d;
    };
    const Types all[] = {
        {"float32", Type::f32, Type::f32, Type::f32},
        {"float64", Type::f64, Type::f64, Type::f64},
        {"float32 with sums in float64", Type::f32, Type::f64, Type::f64},
        {"bfloat16", Type::bf16, Type::bf16, Type::f32},
        {"bfloat16 to float32", Type::bf16, Type::f32, Type::bf16},
        {"float16", Type::f16, Type::f16, Type::f16},
        {"float32 to float16", Type::f32, Type::f16, Type::bf16},
    };
    for (const Types& t : all) {
        label = t.name;
        check_shapes(t.a, t.c, t.d, quick);
        if (t.a != t.c) continue;
        if (!quick || t.a == Type::bf16) check_bits(t.a);
        check_by_hand(t.a);
    }
    check_upper_triangle();
    check_long_sums();
    std::printf("%d checks, %d wrong\n", checked, wrong);
    return wrong ? 1 : 0;
}
