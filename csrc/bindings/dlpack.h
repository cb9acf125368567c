// The structs of the DLPack exchange protocol, declared from its published ABI (versions 0.x
// and 1.x).
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest::dlpack {

enum DeviceType : int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3, kCudaManaged = 13 };
enum TypeCode : uint8_t { kInt = 0, kFloat = 2, kBfloat = 4 };

struct Device {
    int32_t type;
    int32_t id;
};

struct DataType {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
};

struct Tensor {
    void* data;
    Device device;
    int32_t ndim;
    DataType dtype;
    int64_t* shape;
    int64_t* strides;  // in elements; null: C order
    uint64_t byte_offset;
};

struct Managed {
    Tensor tensor;
    void* context;
    void (*deleter)(Managed*);
};

struct Version {
    uint32_t major;
    uint32_t minor;
};

inline constexpr uint64_t kReadOnly = 1;
inline constexpr uint64_t kCopied = 2;

struct ManagedVersioned {
    Version version;
    void* context;
    void (*deleter)(ManagedVersioned*);
    uint64_t flags;
    Tensor tensor;
};

// The function table that a type may offer as `__dlpack_c_exchange_api__` (1.2 and later). Only
// what is used here has its type spelt out.
struct ExchangeApi {
    Version version;
    ExchangeApi* previous;
    void* managed_tensor_allocator;
    void* managed_tensor_from_object;
    void* managed_tensor_to_object;
    // Fills a tensor whose shape and memory stay the object's; 0 or -1 with an exception set. May
    // be null.
    int (*tensor_from_object)(void* object, Tensor* out);
    // Tells the stream that the framework works on; 0 or -1 with an exception set.
    int (*current_work_stream)(DeviceType type, int32_t device, void** out);
};

static_assert(sizeof(Tensor) == 48 && offsetof(Tensor, shape) == 24);
static_assert(offsetof(Managed, deleter) == 56);
static_assert(offsetof(ExchangeApi, tensor_from_object) == 40);
static_assert(offsetof(ExchangeApi, current_work_stream) == 48);
static_assert(offsetof(ManagedVersioned, flags) == 24 && offsetof(ManagedVersioned, tensor) == 32);

}  // namespace steepest::dlpack
