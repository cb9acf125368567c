#include "bindings/ceiling.h"

#include <pybind11/numpy.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings/ceiling_streams.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace steepest::ceiling {
namespace {

constexpr Variant kVariants[] = {
    {.name = "fused", .granule = 64, .fused = true},
    {.name = "fused-narrow", .granule = 64, .narrow = true, .fused = true},
    {.name = "fused-on-demand", .granule = 64, .chunk = 65536, .on_demand = true, .fused = true},
    {.name = "interleaved", .granule = 64},
    {.name = "narrow", .granule = 64, .narrow = true},
    {.name = "prefetch", .granule = 64, .prefetch = 1024},
    {.name = "cyclic", .granule = 64, .chunk = 16384},
    {.name = "on-demand", .granule = 64, .chunk = 65536, .on_demand = true},
    {.name = "blocked-1k", .granule = 1024},
    {.name = "blocked-4k", .granule = 4096},
    {.name = "bypass", .granule = 1024, .bypass = true},
    {.name = "bypass-on-demand",
     .granule = 1024,
     .chunk = 65536,
     .on_demand = true,
     .bypass = true},
};
constexpr int kVariantCount = static_cast<int>(sizeof kVariants / sizeof kVariants[0]);

// Writes without reading the lines into the caches first. False where that cannot be done.
inline bool bypass_caches([[maybe_unused]] char* at, [[maybe_unused]] int64_t bytes,
                          [[maybe_unused]] uint64_t value) {
#if defined(__x86_64__)
    if (reinterpret_cast<uintptr_t>(at) % 16 != 0 || bytes % 16 != 0) return false;
    const __m128i x = _mm_set1_epi64x(static_cast<int64_t>(value));
    for (int64_t i = 0; i < bytes; i += 16) _mm_stream_si128(reinterpret_cast<__m128i*>(at + i), x);
    return true;
#else
    return false;
#endif
}

}  // namespace
}  // namespace steepest::ceiling

#define STEEPEST_PROBE_NAME portable
#define STEEPEST_PROBE_TARGET
#define STEEPEST_PROBE_BYTES 16
#include "bindings/ceiling_walk.h"

#if defined(__x86_64__)
#define STEEPEST_PROBE_NAME avx2
#define STEEPEST_PROBE_TARGET __attribute__((target("avx2")))
#define STEEPEST_PROBE_BYTES 32
#include "bindings/ceiling_walk.h"

#define STEEPEST_PROBE_NAME avx512
#define STEEPEST_PROBE_TARGET __attribute__((target("avx512f")))
#define STEEPEST_PROBE_BYTES 64
#include "bindings/ceiling_walk.h"
#endif

namespace steepest::ceiling {
namespace {

namespace py = pybind11;

WalkFn widest(const Variant& variant) {
    if (variant.narrow) return portable::walk;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return avx512::walk;
    if (__builtin_cpu_supports("avx2")) return avx2::walk;
#endif
    return portable::walk;
}

int64_t chunk_size(const Variant& variant, int64_t elements, int threads) {
    if (variant.chunk) return variant.chunk;
    const int64_t share = (elements + threads - 1) / threads;
    return share < 64 ? 64 : (share + 63) / 64 * 64;  // ranges begin on a cache line
}

// What the threads read ends here, where the compiler must assume that somebody looks.
std::atomic<uint64_t> digest_sink = 0;

double seconds_of_pass(const Walk& walk, int64_t elements, int threads) {
    const Variant& variant = *walk.variant;
    const WalkFn run = widest(variant);
    const int64_t chunk = chunk_size(variant, elements, threads);
    const int64_t chunks = (elements + chunk - 1) / chunk;
    const auto range = [&](int64_t c) {
        const int64_t end = (c + 1) * chunk;
        return run(walk, c * chunk, end < elements ? end : elements);
    };
    uint64_t digest = 0;
    const auto start = std::chrono::steady_clock::now();
    if (variant.on_demand) {
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) reduction(^ : digest)
#endif
        for (int64_t c = 0; c < chunks; ++c) digest ^= range(c);
    } else {
#ifdef _OPENMP
#pragma omp parallel for schedule(static, 1) num_threads(threads) reduction(^ : digest)
#endif
        for (int64_t c = 0; c < chunks; ++c) digest ^= range(c);
    }
    const auto stop = std::chrono::steady_clock::now();
    digest_sink.store(digest, std::memory_order_relaxed);
    return std::chrono::duration<double>(stop - start).count();
}

struct Pass {
    std::vector<Stream> streams;
    int64_t elements = -1;

    void add(const py::sequence& arrays, Access access, const char* argument) {
        for (const py::handle item : arrays) {
            if (!py::isinstance<py::array>(item))
                throw py::type_error(std::string(argument) + ": expected NumPy arrays");
            auto array = py::reinterpret_borrow<py::array>(item);
            if (!(array.flags() & py::array::c_style))
                throw py::value_error(std::string(argument) + ": expected C-contiguous arrays");
            if (elements >= 0 && array.size() != elements)
                throw py::value_error(
                    std::string(argument) + ": expected " + std::to_string(elements) +
                    " elements as in the other arrays, got " + std::to_string(array.size()));
            elements = array.size();
            streams.push_back({data_of(array, access), array.itemsize(), access});
        }
    }

  private:
    static char* data_of(py::array& array, Access access) {
        if (access == Access::read)
            return const_cast<char*>(static_cast<const char*>(array.data()));  // never written
        return static_cast<char*>(array.mutable_data());  // refuses read-only arrays
    }
};

double stream_ceiling(const py::sequence& read, const py::sequence& update,
                      const py::sequence& write, int variant, int threads) {
    if (variant < 0 || variant >= kVariantCount)
        throw py::value_error("variant: expected 0 to " + std::to_string(kVariantCount - 1) +
                              ", got " + std::to_string(variant));
    if (threads < 1)
        throw py::value_error("threads: expected at least 1, got " + std::to_string(threads));
    Pass pass;
    pass.add(read, Access::read, "read");
    pass.add(update, Access::update, "update");
    pass.add(write, Access::write, "write");
    if (pass.elements <= 0) return 0;
    static volatile uint64_t zero = 0;
    static volatile uint64_t ones = 0x3F8000003F800000;  // as floats
    const Walk walk = {pass.streams.data(), static_cast<int64_t>(pass.streams.size()),
                       &kVariants[variant], zero, ones};
    py::gil_scoped_release released;
    return seconds_of_pass(walk, pass.elements, threads);
}

py::tuple variant_names() {
    py::tuple names(kVariantCount);
    for (int i = 0; i < kVariantCount; ++i) names[static_cast<size_t>(i)] = kVariants[i].name;
    return names;
}

}  // namespace
}  // namespace steepest::ceiling

void steepest::bind_ceiling(pybind11::module_& m) {
    namespace py = pybind11;
    m.def("stream_ceiling", &ceiling::stream_ceiling, py::arg("read"), py::arg("update"),
          py::arg("write"), py::arg("variant"), py::arg("threads"),
          "Seconds of one streaming pass: each array of `read` is read once, each of `update` read "
          "and "
          "written back unchanged, each of `write` overwritten with anything. All are C-contiguous "
          "NumPy "
          "arrays of one length. `variant` is a position in stream_ceiling_variants().");
    m.def("stream_ceiling_variants", &ceiling::variant_names,
          "Names of the ways in which stream_ceiling can go through memory.");
}
