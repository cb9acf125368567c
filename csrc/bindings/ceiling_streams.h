// What a streaming probe walks over. Plain data, shared by the probes of all instruction sets.
#pragma once

#include <cstdint>

namespace steepest::ceiling {

enum class Access : int32_t { read, update, write };

struct Stream {
    char* data;
    int64_t width;  // bytes per element
    Access access;
};

// How one probe goes through memory. Streams are visited in turn, `granule` elements of each.
struct Variant {
    const char* name;
    int64_t granule;
    int64_t chunk = 0;       // elements handed to a thread at once; 0: one range per thread
    bool on_demand = false;  // chunks go to whichever thread is free, else in turn
    int64_t prefetch = 0;    // bytes that are asked for ahead of use
    bool bypass = false;     // write-only streams go past the caches
    bool narrow = false;     // 16-byte vectors even where wider ones exist
    bool fused = false;      // all streams in one loop where they allow it, else by granules
};

struct Walk {
    const Stream* streams;
    int64_t count;
    const Variant* variant;
    uint64_t mask;  // 0, unknown to the compiler: updates then leave the values as they are
    // What write-only streams receive, unknown to the compiler. Not 0: processors have ways to
    // clear lines (clzero, rep stos) that are three times as fast as any that writes data.
    uint64_t written;
};

using WalkFn = uint64_t (*)(const Walk&, int64_t begin, int64_t end);

// Streams stand in the order read, update, write. Uniform: one width and nothing write-only.
struct Shape {
    int64_t reads = 0;
    int64_t updates = 0;
    bool uniform = true;
};

inline Shape shape_of(const Walk& walk) {
    Shape shape;
    for (int64_t k = 0; k < walk.count; ++k) {
        const Stream& s = walk.streams[k];
        shape.reads += s.access == Access::read;
        shape.updates += s.access == Access::update;
        shape.uniform &= s.access != Access::write && s.width == walk.streams[0].width;
    }
    return shape;
}

}  // namespace steepest::ceiling
