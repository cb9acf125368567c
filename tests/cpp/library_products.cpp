// General products that go to a library on the device, with a stand-in for cublasLt on the host:
// which go there, where their operands lie, the same bits in every batch, and what happens when the
// library refuses or fails. STEEPEST_CUBLASLT is the stand-in's path, or "off".
#include <dlfcn.h>

#include <cstdlib>

#include "core/cuda.h"
#include "core/fence.h"
#include "cublaslt/fake.h"
#include "cuda/cublaslt.h"
#include "polar/device/library.h"
#include "polar/device/product_emulation.h"
#include "polar/device/products.h"
#include "product_cases.h"

namespace steepest::cuda {

int failed_with = 0;
void remember_library(const char*, int status) { failed_with = status; }

}  // namespace steepest::cuda

namespace {

using namespace steepest;
using namespace steepest::polar;
using namespace steepest::polar::cases;

class Products final : public device::ProductBackend {
  public:
    const device::ProductRuns& product_runs(bool has_columns) const override {
        return device::emulated_product_runs(has_columns);
    }
    const device::ProductLibrary* library() const override { return cuda::cublaslt(0); }
    void* stream() const override { return nullptr; }
};

Fake* fake = nullptr;
int products_made() { return fake ? fake->products : 0; }

void multiply(const Case& s, const Operands& o, Array& c) {
    const Products backend;
    const Batch* d = s.in_place ? &c.batch : s.with_d ? &o.d.batch : nullptr;
    device::DeviceProducts(backend).general(o.a.batch, o.b.batch, s.update, d, c.batch,
                                            Arena(nullptr, 0));
}

// Operands of a case, moved to where 16 bytes begin, or `off` bytes behind.
struct Placed {
    Operands o;
    Array c;
    std::vector<unsigned char> memory[4];

    Placed(const Case& s, size_t off) : o(s), c(o.c) {
        Array* arrays[] = {&o.a, &o.b, &o.d, &c};
        for (int i = 0; i < 4; ++i) {
            memory[i].resize(arrays[i]->bytes.size() + 32);
            const size_t begin = 16 - reinterpret_cast<uintptr_t>(memory[i].data()) % 16 + off;
            std::memcpy(&memory[i][begin], arrays[i]->bytes.data(), arrays[i]->bytes.size());
            arrays[i]->batch.matrix.data = &memory[i][begin];
        }
    }
    // Back to where the checks look.
    void gather() {
        std::memcpy(c.bytes.data(), c.batch.matrix.data, c.bytes.size());
        c.batch.matrix.data = c.bytes.data();
    }
};

// Whether the library made it; the values are right whoever did.
bool went_there(const Case& s, size_t off = 0) {
    Placed p(s, off);
    const int before = products_made();
    multiply(s, p.o, p.c);
    p.gather();
    expect(close(s, p.o, p.c), "error bound", s);
    expect(gaps_kept(p.o.c, p.c), "gaps", s);
    return products_made() > before;
}

Case of(Type a, Type c, Type d, int64_t n, int64_t k, int64_t m, Update update = {1, 0, 0}) {
    return {Kind::general, a, c, d, n, k, m, 1, 0, update, update.beta != 0, false};
}

// Sides differ, so that a transpose shows; rows end before the next begins.
void check_values() {
    constexpr Type kTypes[][2] = {{Type::f32, Type::f32},
                                  {Type::bf16, Type::bf16},
                                  {Type::bf16, Type::f32},
                                  {Type::f16, Type::f16}};
    constexpr Update kUpdates[] = {{1, 0, 0}, {-0.75, 0.5, 0}};
    for (const auto& t : kTypes)
        for (const Update& update : kUpdates) {
            Case s = of(t[0], t[1], t[1], 264, 288, 272, update);
            expect(went_there(s), "taken", s);
            s.padding = 8;
            s.count = 2;
            expect(went_there(s), "taken, a batch", s);
            s.in_place = s.with_d;
            expect(went_there(s), "taken, in place", s);
        }
}

void check_own() {
    const Case good = of(Type::bf16, Type::bf16, Type::bf16, 264, 288, 272);
    constexpr int64_t kSides[][3] = {{255, 288, 272}, {264, 252, 272}, {264, 288, 248}};
    for (const auto& side : kSides) {
        const Case s = of(Type::f32, Type::f32, Type::f32, side[0], side[1], side[2]);
        expect(!went_there(s), "a short side", s);
    }
    Case s = of(Type::bf16, Type::bf16, Type::f32, 264, 288, 272, {1, 1, 0});
    expect(!went_there(s), "an addend stored otherwise", s);
    s = good;
    s.update.gamma = 2;
    expect(!went_there(s), "the identity", s);
    s = good;
    s.padding = 1;
    expect(!went_there(s), "rows off the grid", s);
    expect(!went_there(good, 8), "matrices off the grid", good);
    s = of(Type::f64, Type::f64, Type::f64, 264, 288, 272);
    expect(!went_there(s), "double", s);
    s = of(Type::f32, Type::f64, Type::f64, 264, 288, 272);
    expect(!went_there(s), "sums in double", s);
    s = of(Type::f32, Type::bf16, Type::bf16, 264, 288, 272);
    expect(!went_there(s), "floats to halves", s);
}

// One algorithm for a shape, found once; batches that it does not take go matrix by matrix.
void check_choices() {
    Case s = of(Type::bf16, Type::bf16, Type::bf16, 256, 264, 280);
    const int before = fake->choices;
    went_there(s);
    s.count = 3;
    s.padding = 16;
    went_there(s);
    expect(fake->choices == before + 1, "one choice", s);
    fake->refuses_batches = true;
    const int made = fake->products;
    expect(went_there(s) && fake->products == made + 3, "matrix by matrix", s);
    fake->refuses_batches = false;
    s.update = {1, 2, 0};
    s.with_d = true;
    went_there(s);
    expect(fake->choices == before + 2, "another with an addend", s);
}

void check_refusals() {
    Case s = of(Type::f16, Type::f16, Type::f16, 256, 264, 296);
    fake->refuses = true;
    expect(!went_there(s), "refused", s);
    fake->refuses = false;
    s.m = 304;
    fake->has_none = true;
    expect(!went_there(s), "no algorithm", s);
    fake->has_none = false;
    expect(!went_there(s), "no algorithm, kept", s);
    s.m = 312;
    fake->splits = true;
    expect(!went_there(s), "a split", s);
    fake->splits = false;
}

void check_failure() {
    const Case s = of(Type::f16, Type::f16, Type::f16, 256, 264, 320);
    fake->fails = true;
    const auto status = fenced([&] {
        went_there(s);
        return STEEPEST_OK;
    });
    fake->fails = false;
    expect(status == STEEPEST_DEVICE_ERROR && cuda::failed_with != 0, "failure", s);
}

}  // namespace

int main() {
    const char* given = std::getenv("STEEPEST_CUBLASLT");
    label = cuda::general_products();
    const Case s = of(Type::bf16, Type::bf16, Type::bf16, 264, 288, 272);
    void* handle = given ? dlopen(given, RTLD_NOW | RTLD_NOLOAD) : nullptr;
    void* tells = handle ? dlsym(handle, "fake_cublaslt") : nullptr;
    if (tells) {
        fake = reinterpret_cast<Fake* (*)()>(tells)();
        check_values();
        check_own();
        check_choices();
        check_refusals();
        check_failure();
        expect(fake->misuses == 0, "misuse", s);
        expect(fake->alive == 0, "left behind", s);
    } else {
        expect(!cuda::cublaslt(0) && !went_there(s), "own kernels", s);
    }
    std::printf("%s\n%d checks, %d wrong\n", label, checked, wrong);
    return wrong ? 1 : 0;
}
